/* SPDX-License-Identifier: Apache-2.0 */
/* base64url without padding (RFC 4648 section 5, RFC 7515 section 2). */
#ifndef CHY_BASE_B64_H
#define CHY_BASE_B64_H

#include "core/base/cx.h"

/* Characters that n octets become, without the final NUL. */
size_t chy_b64u_len(size_t n);
/* Writes chy_b64u_len(n) characters and a NUL. */
void chy_b64u_write(char *out, const void *octets, size_t n);
/* The same in arena memory. */
char *chy_b64u(struct chy_ctx *cx, const void *octets, size_t n);
/* Strict decoding: no padding, no whitespace, no other alphabet, unused bits zero, so that one value
 * has one spelling.  in: n characters; out: at least n * 3 / 4 octets.  Returns the number of octets
 * or -1. */
ssize_t chy_b64u_read(void *out, const char *in, size_t n);
/* The same into arena memory; NULL if it is not base64url. */
uint8_t *chy_b64u_decode(struct chy_ctx *cx, const char *in, size_t n, size_t *ret_n);

#endif
