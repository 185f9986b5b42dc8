/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of addresses as an administrator writes them (RFC 4632 section 3.1, RFC 4291 section 2.3). */
#include "core/base/prefix.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* Are the first bits of two addresses the same? */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

const uint8_t *chy_sockaddr_octets(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return (const uint8_t *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
    if (sa->sa_family == AF_INET6)
        return ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr;
    return NULL;
}

bool chy_prefix_has(const struct chy_prefix *p, const struct sockaddr *sa)
{
    const uint8_t *b = chy_sockaddr_octets(sa);

    return b != NULL && sa->sa_family == p->family && same_bits(b, p->b, p->bits);
}

bool chy_prefix_has_octets(const struct chy_prefix *p, const uint8_t *octets, size_t n)
{
    return n == (p->family == AF_INET ? 4 : 16) && same_bits(octets, p->b, p->bits);
}

/* Decimal of one to three digits without leading zeros; false if it is anything else. */
static bool read_bits(const char *s, unsigned max, unsigned *ret)
{
    unsigned v = 0;
    size_t n = strlen(s);

    if (n < 1 || n > 3 || (n > 1 && s[0] == '0'))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (unsigned)(s[i] - '0');
    }
    *ret = v;
    return v <= max;
}

/* A bit set behind the prefix is a slip ("10.0.0.1/8"): which of the two was meant is not known. */
static bool host_bits_clear(const struct chy_prefix *p, unsigned max)
{
    for (unsigned i = p->bits; i < max; i++)
        if (p->b[i / 8] & (0x80u >> (i % 8)))
            return false;
    return true;
}

bool chy_prefix_read(struct chy_prefix *ret, const char *text)
{
    struct chy_prefix p = {0};
    const char *slash = strchr(text, '/');
    size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
    char address[INET6_ADDRSTRLEN];
    unsigned max;

    if (n >= sizeof address)
        return false;
    memcpy(address, text, n);
    address[n] = '\0';
    p.family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
    if (inet_pton(p.family, address, p.b) != 1)
        return false;
    max = p.family == AF_INET ? 32 : 128;
    p.bits = max;
    if (slash != NULL && !read_bits(slash + 1, max, &p.bits))
        return false;
    if (!host_bits_clear(&p, max))
        return false;
    *ret = p;
    return true;
}

bool chy_prefix_covers(const struct chy_prefix *p, const struct chy_prefix *inner)
{
    return p->family == inner->family && p->bits <= inner->bits &&
           same_bits(p->b, inner->b, p->bits);
}
