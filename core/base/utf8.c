/* SPDX-License-Identifier: Apache-2.0 */
/* Strict UTF-8 decoding (RFC 3629 section 4). */
#include "core/base/utf8.h"

#include <string.h>

size_t chy_utf8_next(const uint8_t *s, size_t n, uint32_t *ret_rune)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t rune;
    size_t len;

    if (n == 0)
        return 0;
    if (s[0] < 0x80) {
        *ret_rune = s[0];
        return 1;
    }
    len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < len)
        return 0;
    rune = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        rune = rune << 6 | (s[i] & 0x3fu);
    }
    if (rune < least[len] || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
        return 0;
    *ret_rune = rune;
    return len;
}

bool chy_utf8_valid(const uint8_t *s, size_t n)
{
    uint32_t rune;

    for (size_t i = 0, len; i < n; i += len) {
        len = chy_utf8_next(s + i, n - i, &rune);
        if (len == 0)
            return false;
    }
    return true;
}

bool chy_utf8_printable(uint32_t r)
{
    if (r < 0x20 || (r >= 0x7f && r < 0xa0))
        return false;
    if (r == 0x061c || r == 0x180e || (r >= 0xe0000 && r <= 0xe007f))
        return false;
    if ((r >= 0x200b && r <= 0x200f) || (r >= 0x2028 && r <= 0x202e) ||
        (r >= 0x2060 && r <= 0x2069))
        return false;
    return (r & 0xfffe) != 0xfffe && r != 0xfeff;
}

/* Is s the beginning of one character, n octets of a longer sequence? */
static bool is_begun(const uint8_t *s, size_t n)
{
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

    if (s[0] < 0xc2 || s[0] > 0xf4 || n >= len)
        return false;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return false;
    }
    return true;
}

size_t chy_utf8_clean(char *out, const char *s, size_t n, bool printable)
{
    const uint8_t *in = (const uint8_t *)s;
    size_t o = 0;

    for (size_t i = 0; i < n;) {
        uint32_t rune;
        size_t len = chy_utf8_next(in + i, n - i, &rune);

        if (len == 0 && is_begun(in + i, n - i))
            break;
        if (len == 0 || (printable && !chy_utf8_printable(rune))) {
            out[o++] = '?';
            i += len == 0 ? 1 : len;
            continue;
        }
        memcpy(out + o, s + i, len);
        o += len;
        i += len;
    }
    out[o] = '\0';
    return o;
}
