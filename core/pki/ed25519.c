/* SPDX-License-Identifier: Apache-2.0 */
/* Points of Ed25519 that OpenSSL takes for keys although anybody can sign for them (RFC 8032 section 8.9
 * leaves the check to us), and spellings that do not decode. */
#include "core/pki/ed25519.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* y coordinates, sign bit cleared, of the points whose order divides 8: with such a key anybody can
 * make a signature that verifies. */
static const uint8_t small_order_y[][CHY_ED25519_OCTETS] = {
    {0},
    {1},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

/* RFC 8032 section 5.1.3: y >= p does not decode. */
static bool is_canonical(const uint8_t y[CHY_ED25519_OCTETS])
{
    if (y[CHY_ED25519_OCTETS - 1] != 0x7f || y[0] < 0xed)
        return true;
    for (size_t i = 1; i < CHY_ED25519_OCTETS - 1; i++)
        if (y[i] != 0xff)
            return true;
    return false;
}

const char *chy_ed25519_weakness(const uint8_t key[CHY_ED25519_OCTETS])
{
    uint8_t y[CHY_ED25519_OCTETS];

    memcpy(y, key, sizeof y);
    y[CHY_ED25519_OCTETS - 1] &= 0x7f;
    if (!is_canonical(y))
        return "the Ed25519 key is not canonical (RFC 8032 section 5.1.3)";
    for (size_t i = 0; i < sizeof small_order_y / sizeof *small_order_y; i++)
        if (memcmp(y, small_order_y[i], sizeof y) == 0)
            return "the Ed25519 key is of small order: anybody can sign for it (RFC 8032 section "
                   "8.9)";
    return NULL;
}
