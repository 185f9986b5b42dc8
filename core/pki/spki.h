/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of a public key from outside, judged on its octets before any library decodes it. */
#ifndef CHY_PKI_SPKI_H
#define CHY_PKI_SPKI_H

#include "core/base/cx.h"

/* Is this DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) of a kind we name and of a bounded
 * size: RSA (RFC 3279) of 2048..8192 bits, EC (RFC 5480) with a named curve and an uncompressed
 * point, Ed25519 (RFC 8410)?  Says nothing of the numbers: chy_key_check does.  type: as there. */
enum chy_rc CHY_CHECK chy_spki_check(struct chy_ctx *cx, const uint8_t *spki, size_t n,
                                     const struct chy_problem_type *type);

#endif
