/* SPDX-License-Identifier: Apache-2.0 */
/* base64url, both ways, strict. */
#include "core/base/b64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t chy_b64u_len(size_t n)
{
    return n / 3 * 4 + (n % 3 == 0 ? 0 : n % 3 + 1);
}

void chy_b64u_write(char *out, const void *octets, size_t n)
{
    const uint8_t *p = octets;
    uint32_t acc = 0;
    int bits = 0;

    for (size_t i = 0; i < n; i++) {
        acc = acc << 8 | p[i];
        for (bits += 8; bits >= 6; bits -= 6)
            *out++ = alphabet[acc >> (bits - 6) & 63];
    }
    if (bits > 0)
        *out++ = alphabet[acc << (6 - bits) & 63];
    *out = '\0';
}

char *chy_b64u(struct chy_ctx *cx, const void *octets, size_t n)
{
    char *out = chy_alloc(cx, chy_b64u_len(n) + 1);

    chy_b64u_write(out, octets, n);
    return out;
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

ssize_t chy_b64u_read(void *out, const char *in, size_t n)
{
    uint8_t *p = out;
    uint32_t acc = 0;
    int bits = 0;

    if (n % 4 == 1)
        return -1;
    for (size_t i = 0; i < n; i++) {
        int v = value_of(in[i]);

        if (v < 0)
            return -1;
        acc = acc << 6 | (uint32_t)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *p++ = (uint8_t)(acc >> bits);
        }
    }
    if ((acc & ((1u << bits) - 1)) != 0)
        return -1;
    return p - (uint8_t *)out;
}

uint8_t *chy_b64u_decode(struct chy_ctx *cx, const char *in, size_t n, size_t *ret_n)
{
    uint8_t *out = chy_alloc(cx, n * 3 / 4 + 1);
    ssize_t len = chy_b64u_read(out, in, n);

    if (len < 0)
        return NULL;
    *ret_n = (size_t)len;
    return out;
}
