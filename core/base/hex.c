/* SPDX-License-Identifier: Apache-2.0 */
/* The one writer of hexadecimal digits.  Not for secrets: it takes its time from a table. */
#include "core/base/hex.h"

void chy_hex_write(char *out, const void *b, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *octets = b;

    for (size_t i = 0; i < n; i++) {
        *out++ = digits[octets[i] >> 4];
        *out++ = digits[octets[i] & 15];
    }
    *out = '\0';
}

char *chy_hex(struct chy_ctx *cx, const void *b, size_t n)
{
    char *text = chy_alloc(cx, 2 * n + 1);

    chy_hex_write(text, b, n);
    return text;
}
