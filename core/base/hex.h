/* SPDX-License-Identifier: Apache-2.0 */
/* Octets as lower-case hexadecimal digits. */
#ifndef CHY_BASE_HEX_H
#define CHY_BASE_HEX_H

#include "core/base/cx.h"

/* Writes 2 * n digits and a NUL. */
void chy_hex_write(char *out, const void *b, size_t n);
/* The same into the arena. */
char *chy_hex(struct chy_ctx *cx, const void *b, size_t n);

#endif
