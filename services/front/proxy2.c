/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a PROXY header, version 2, strictly: TCP over IPv4 or IPv6, or LOCAL; every length has to be
 * exact, and a checksum that is there has to be right.  Not here: version 1, UDP, unix sockets and a
 * client that is not told (all refused: the caps and the log need an address), and what the further
 * fields say (TLS, authority, ...), of which only the form is looked at. */
#include "services/front/proxy2.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_N 12u
#define FIXED_N 16u /* signature, version and command, family, length */
#define IPV4_N 12u  /* two addresses, two ports                       */
#define IPV6_N 36u

enum { VERSION_2_LOCAL = 0x20, VERSION_2_PROXY = 0x21 };
enum { TCP_OVER_IPV4 = 0x11, TCP_OVER_IPV6 = 0x21 };
enum { FIELD_CRC32C = 0x03 };

static enum chy_proxy2_state refuse(struct chy_proxy2 *p, const char *reason)
{
    p->reason = reason;
    return CHY_PROXY2_REFUSED;
}

static size_t number_at(const uint8_t *b)
{
    return (size_t)b[0] << 8 | b[1];
}

static size_t length_of(const struct chy_proxy2 *p)
{
    return FIXED_N + number_at(p->b + 14);
}

/* CRC32c of RFC 3720 appendix B.4, over the header with the checksum itself taken as 0. */
static uint32_t checksum(const struct chy_proxy2 *p, size_t at)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < p->n; i++) {
        crc ^= i >= at && i < at + 4 ? 0 : p->b[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static bool checksum_is_right(const struct chy_proxy2 *p, size_t at)
{
    uint32_t said = (uint32_t)number_at(p->b + at) << 16 | (uint32_t)number_at(p->b + at + 2);

    return checksum(p, at) == said;
}

/* Type, two octets of length, value, up to the very end of the header (section 2.2.1 ff.). */
static enum chy_proxy2_state take_fields(struct chy_proxy2 *p, size_t at)
{
    bool summed = false;

    while (at < p->n) {
        size_t n;

        if (p->n - at < 3 || (n = number_at(p->b + at + 1)) > p->n - at - 3)
            return refuse(p, "a field of the PROXY header is longer than the header");
        if (p->b[at] == FIELD_CRC32C) {
            if (n != 4 || summed || !checksum_is_right(p, at + 3))
                return refuse(p, "the checksum of the PROXY header is wrong");
            summed = true;
        }
        at += 3 + n;
    }
    return CHY_PROXY2_DONE;
}

/* Where a TCP connection can come from. */
static bool is_client_ipv4(const uint8_t *b)
{
    return b[0] != 0 && b[0] < 224; /* not "this network", multicast, reserved */
}

static bool is_client_ipv6(const uint8_t *b)
{
    struct in6_addr a;

    memcpy(&a, b, sizeof a);
    if (IN6_IS_ADDR_V4MAPPED(&a))
        return is_client_ipv4(b + 12);
    return !IN6_IS_ADDR_UNSPECIFIED(&a) && !IN6_IS_ADDR_MULTICAST(&a);
}

static enum chy_proxy2_state take_ipv4(struct chy_proxy2 *p)
{
    struct sockaddr_in *sin = (struct sockaddr_in *)&p->client;
    const uint8_t *b = p->b + FIXED_N;

    if (p->n < FIXED_N + IPV4_N)
        return refuse(p, "the PROXY header is too short for its addresses");
    if (!is_client_ipv4(b))
        return refuse(p, "the client's address in the PROXY header is none");
    sin->sin_family = AF_INET;
    memcpy(&sin->sin_addr, b, 4);
    memcpy(&sin->sin_port, b + 8, 2);
    return take_fields(p, FIXED_N + IPV4_N);
}

static enum chy_proxy2_state take_ipv6(struct chy_proxy2 *p)
{
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&p->client;
    const uint8_t *b = p->b + FIXED_N;

    if (p->n < FIXED_N + IPV6_N)
        return refuse(p, "the PROXY header is too short for its addresses");
    if (!is_client_ipv6(b))
        return refuse(p, "the client's address in the PROXY header is none");
    sin6->sin6_family = AF_INET6;
    memcpy(&sin6->sin6_addr, b, 16);
    memcpy(&sin6->sin6_port, b + 32, 2);
    return take_fields(p, FIXED_N + IPV6_N);
}

/* As soon as the first 16 octets are there: what cannot become right is not waited for. */
static enum chy_proxy2_state check_fixed(struct chy_proxy2 *p)
{
    if (p->b[12] != VERSION_2_LOCAL && p->b[12] != VERSION_2_PROXY)
        return refuse(p, "the PROXY header is not of version 2, or has an unknown command");
    if (length_of(p) > CHY_PROXY2_MAX)
        return refuse(p, "the PROXY header is too long");
    if (p->b[12] == VERSION_2_PROXY && p->b[13] != TCP_OVER_IPV4 && p->b[13] != TCP_OVER_IPV6)
        return refuse(p, "the PROXY header is not about TCP over IPv4 or IPv6");
    return CHY_PROXY2_MORE;
}

static enum chy_proxy2_state take_whole(struct chy_proxy2 *p)
{
    /* Section 2.2: what a LOCAL header says further, its family too, is to be passed over. */
    p->local = p->b[12] == VERSION_2_LOCAL;
    if (p->local)
        return CHY_PROXY2_DONE;
    return p->b[13] == TCP_OVER_IPV4 ? take_ipv4(p) : take_ipv6(p);
}

static enum chy_proxy2_state judge(struct chy_proxy2 *p)
{
    size_t n = p->n < SIGNATURE_N ? p->n : SIGNATURE_N;

    if (memcmp(p->b, SIGNATURE, n) != 0)
        return refuse(p, "there is no PROXY header of version 2");
    if (p->n < FIXED_N)
        return CHY_PROXY2_MORE;
    if (p->n == FIXED_N && check_fixed(p) == CHY_PROXY2_REFUSED)
        return CHY_PROXY2_REFUSED;
    return p->n < length_of(p) ? CHY_PROXY2_MORE : take_whole(p);
}

size_t chy_proxy2_wanted(const struct chy_proxy2 *p)
{
    if (p->state != CHY_PROXY2_MORE)
        return 0;
    return (p->n < FIXED_N ? FIXED_N : length_of(p)) - p->n;
}

enum chy_proxy2_state chy_proxy2_feed(struct chy_proxy2 *p, const uint8_t *b, size_t n)
{
    assert(n <= chy_proxy2_wanted(p));
    memcpy(p->b + p->n, b, n);
    p->n += n;
    p->state = judge(p);
    return p->state;
}
