/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of addresses as policy writes them (RFC 4632 section 3.1, RFC 4291 section 2.3). */
#include <stdio.h>
#include <string.h>

#include "ip.h"

#define BITS_TEXT_MAX 3

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

bool ip_range_has(const struct ip_range *r, const struct ip_address *a)
{
    return r->first.n == a->n && same_bits(r->first.b, a->b, r->bits);
}

bool ip_range_covers(const struct ip_range *r, const struct ip_range *inner)
{
    return r->bits <= inner->bits && ip_range_has(r, &inner->first);
}

/* Decimal without leading zeros, up to max. */
static bool read_bits(const char *s, unsigned max, unsigned *ret)
{
    size_t n = strlen(s);
    unsigned v = 0;

    if (n < 1 || n > BITS_TEXT_MAX || strspn(s, "0123456789") != n || (n > 1 && s[0] == '0'))
        return false;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (unsigned)(s[i] - '0');
    *ret = v;
    return v <= max;
}

static bool ends_in_zeros(const struct ip_range *r)
{
    for (unsigned i = r->bits; i < 8 * r->first.n; i++)
        if (r->first.b[i / 8] & (0x80u >> i % 8))
            return false;
    return true;
}

bool ip_range_read(const char *text, struct ip_range *ret, char why[IP_WHY_MAX])
{
    const char *slash = strchr(text, '/');
    struct ip_range r;

    if (!ip_read(text, slash != NULL ? (size_t)(slash - text) : strlen(text), &r.first, why))
        return false;
    r.bits = (unsigned)(8 * r.first.n);
    if (slash != NULL && !read_bits(slash + 1, r.bits, &r.bits)) {
        snprintf(why, IP_WHY_MAX, "its prefix length is no number up to %zu", 8 * r.first.n);
        return false;
    }
    /* "10.0.0.1/8": which of the two was meant is not known. */
    if (!ends_in_zeros(&r)) {
        snprintf(why, IP_WHY_MAX, "it has bits set behind the prefix");
        return false;
    }
    *ret = r;
    return true;
}
