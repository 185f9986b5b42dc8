/* SPDX-License-Identifier: Apache-2.0 */
/* Strict UTF-8 decoding (RFC 3629 section 4). */
#include "core/base/utf8.h"

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
    if ((r >= 0x200b && r <= 0x200f) || (r >= 0x2028 && r <= 0x202e) ||
        (r >= 0x2060 && r <= 0x2069))
        return false;
    return (r & 0xfffe) != 0xfffe && r != 0xfeff;
}
