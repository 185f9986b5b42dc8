/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of special use: IANA's registries for IPv4 and IPv6 (RFC 6890), and what is not global
 * unicast.  They are nobody's alone, so no public certificate names them (core.md I-01, BR-11), and a
 * profile permits them only if it says so. */
#include <string.h>

#include "ip.h"

struct special {
    struct ip_range range;
    const char *use;
    bool no_host; /* no host has it, or it stands for another address */
};

#define V4(bits, use, no_host, ...)                                                                \
    {                                                                                              \
        {{{__VA_ARGS__}, 4}, bits}, use, no_host                                                   \
    }
#define V6(bits, use, no_host, ...)                                                                \
    {                                                                                              \
        {{{__VA_ARGS__}, 16}, bits}, use, no_host                                                  \
    }

/* The first that has an address counts. */
static const struct special specials[] = {
    V4(8, "this network", true, 0),
    V4(8, "private", false, 10),
    V4(10, "carrier-grade NAT", false, 100, 64),
    V4(8, "loopback", false, 127),
    V4(16, "link-local", false, 169, 254),
    V4(12, "private", false, 172, 16),
    V4(24, "protocol assignments", false, 192, 0, 0),
    V4(24, "documentation", false, 192, 0, 2),
    V4(24, "AS112", false, 192, 31, 196),
    V4(24, "AMT", false, 192, 52, 193),
    V4(24, "6to4 relays", false, 192, 88, 99),
    V4(16, "private", false, 192, 168),
    V4(24, "AS112", false, 192, 175, 48),
    V4(15, "benchmarks", false, 198, 18),
    V4(24, "documentation", false, 198, 51, 100),
    V4(24, "documentation", false, 203, 0, 113),
    V4(4, "multicast", true, 224),
    V4(4, "reserved", true, 240),
    V6(128, "unspecified", true, 0),
    V6(128, "loopback", false, [15] = 1),
    V6(96, "an IPv4 address", true, 0),
    V6(96, "an IPv4 address", true, [10] = 0xff, [11] = 0xff),
    V6(96, "an IPv4 address behind NAT64", true, 0, 0x64, 0xff, 0x9b),
    V6(48, "an IPv4 address behind NAT64", true, 0, 0x64, 0xff, 0x9b, 0, 1),
    V6(7, "unique local", false, 0xfc),
    V6(10, "link-local", false, 0xfe, 0x80),
    V6(8, "multicast", true, 0xff),
    V6(32, "Teredo", true, 0x20, 0x01),
    V6(23, "protocol assignments", false, 0x20, 0x01),
    V6(32, "documentation", false, 0x20, 0x01, 0x0d, 0xb8),
    V6(16, "6to4", true, 0x20, 0x02),
    V6(48, "AS112", false, 0x26, 0x20, 0x00, 0x4f, 0x80, 0x00),
    V6(20, "documentation", false, 0x3f, 0xff),
    /* What is not 2000::/3. */
    V6(3, "reserved", false, 0x00),
    V6(2, "reserved", false, 0x40),
    V6(1, "reserved", false, 0x80),
};

static const struct special *find_special(const struct ip_address *a)
{
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (ip_range_has(&specials[i].range, a))
            return &specials[i];
    return NULL;
}

const struct ip_range *ip_special(const struct ip_address *a, const char **ret_use)
{
    const struct special *s = find_special(a);

    if (s == NULL)
        return NULL;
    *ret_use = s->use;
    return &s->range;
}

bool ip_is_no_host(const struct ip_address *a)
{
    const struct special *s = find_special(a);

    return s != NULL && s->no_host;
}
