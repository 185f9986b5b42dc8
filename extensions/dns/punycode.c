/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding of A-labels (RFC 3492 section 6.2), to refuse those that no U-label gives.  Encoding is not
 * needed: one decoded text has one lower-case encoding.  The full tables of IDNA2008 (RFC 5892) are
 * not here. */
#include <string.h>

#include "dns.h"

#define BASE 36
#define TMIN 1
#define TMAX 26
#define SKEW 38
#define DAMP 700
#define INITIAL_BIAS 72
#define INITIAL_N 128
#define ENCODED_MAX 59 /* a label of 63 octets without "xn--" */

/* Blocks in which no character is a letter, a digit or a mark that IDNA2008 lets into a label. */
static const uint32_t ruled_out[][2] = {
    {0x80, 0xb6},       /* controls, signs             */
    {0xb8, 0xde},       /* signs, capital letters      */
    {0xf7, 0xf7},       /* division sign               */
    {0x2000, 0x200b},   /* spaces                      */
    {0x200e, 0x206f},   /* direction and other formats */
    {0x2190, 0x2bff},   /* arrows, symbols, emoji      */
    {0xd800, 0xf8ff},   /* surrogates, private use     */
    {0xfdd0, 0xfdef},   /* noncharacters               */
    {0xfe00, 0xfe0f},   /* variation selectors         */
    {0xfeff, 0xfeff},   /* byte order mark             */
    {0xff01, 0xff5e},   /* wide forms of ASCII         */
    {0xfff0, 0xffff},   /* specials                    */
    {0x1f000, 0x1faff}, /* pictures                  */
    {0xe0000, UINT32_MAX},
};

static bool may_stand(uint32_t c)
{
    for (size_t i = 0; i < sizeof ruled_out / sizeof *ruled_out; i++)
        if (c >= ruled_out[i][0] && c <= ruled_out[i][1])
            return false;
    return true;
}

/* 0..35, or BASE where it is no digit. */
static unsigned digit_value(char c)
{
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a');
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 26;
    return BASE;
}

static unsigned adapt(uint32_t delta, uint32_t length, bool first)
{
    unsigned k = 0;

    delta = first ? delta / DAMP : delta / 2;
    delta += delta / length;
    for (; delta > (BASE - TMIN) * TMAX / 2; k += BASE)
        delta /= BASE - TMIN;
    return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

/* One generalised variable-length integer; false if it is cut short or too large. */
static bool read_delta(const char *in, size_t n, size_t *at, unsigned bias, uint32_t *ret)
{
    uint64_t value = 0, weight = 1;

    for (unsigned k = BASE;; k += BASE) {
        unsigned t = k <= bias + TMIN ? TMIN : k >= bias + TMAX ? TMAX : k - bias;
        unsigned digit = *at < n ? digit_value(in[(*at)++]) : BASE;

        if (digit == BASE)
            return false;
        value += digit * weight;
        if (value > UINT32_MAX)
            return false;
        if (digit < t)
            break;
        weight *= BASE - t;
        if (weight > UINT32_MAX)
            return false;
    }
    *ret = (uint32_t)value;
    return true;
}

/* Octets before the last hyphen: the ASCII characters of the label, 0 if it has none. */
static size_t basic_length(const char *in, size_t n)
{
    while (n > 0 && in[n - 1] != '-')
        n--;
    return n > 0 ? n - 1 : 0;
}

bool dns_punycode_valid(const char *in, size_t n)
{
    size_t basic = basic_length(in, n);
    size_t at = basic > 0 ? basic + 1 : 0;
    uint64_t c = INITIAL_N, i = 0;
    uint32_t length = (uint32_t)basic;
    unsigned bias = INITIAL_BIAS;

    if (n < 1 || n > ENCODED_MAX || in[0] == '-' || at >= n)
        return false;
    while (at < n) {
        uint32_t delta;

        if (!read_delta(in, n, &at, bias, &delta))
            return false;
        length++;
        bias = adapt(delta, length, length == basic + 1);
        i += delta;
        c += i / length;
        i = i % length + 1;
        if (c > 0x10ffff || !may_stand((uint32_t)c))
            return false;
    }
    return true;
}
