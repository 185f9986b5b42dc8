/* SPDX-License-Identifier: Apache-2.0 */
/* Which public keys are good enough (core.md section 34). */
#ifndef CHY_PKI_KEYS_H
#define CHY_PKI_KEYS_H

#include "core/base/cx.h"
#include "core/policy/keypattern.h"

/* "ec-p256", "ec-p384", "rsa-3072", "ed25519", ... of a key; NULL if it is of no kind we name. */
const char *chy_key_kind(struct chy_ctx *cx, EVP_PKEY *key);

/* Is the key sound: RSA of 2048..8192 bits, a multiple of 8, e = 65537, no small factor, not
 * Fermat-weak, not ROCA, no power of a prime; EC on a named curve, point on it; Ed25519
 * of large order.  Bounded
 * time.  type: badCSR or badPublicKey, used for the refusal, whose detail names the check. */
enum chy_rc CHY_CHECK chy_key_check(struct chy_ctx *cx, EVP_PKEY *key,
                                    const struct chy_problem_type *type);

/* Does kind match one of the policy's patterns ("ec-p256", "rsa-2048..4096")?  patterns: JSON array
 * of strings. */
bool chy_key_allowed(const char *kind, const json_t *patterns);

#endif
