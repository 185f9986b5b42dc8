/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Keys of accounts (RFC 7517, RFC 7518 section 6, RFC 8037) and their thumbprints. */
#ifndef CHY_ACME_JWK_H
#define CHY_ACME_JWK_H

#include "core/base/cx.h"

struct chy_jwk {
    EVP_PKEY *key;       /* freed with the arena                              */
    json_t *canonical;   /* required members only, canonical values; arena    */
    char thumbprint[44]; /* RFC 7638, base64url                               */
    uint8_t thumbprint_raw[32];
    uint8_t spki_sha256[32]; /* to compare with keys of certificates          */
};

/* Parse and check (core.md K-01..K-03, J-10, KY-07): kty EC P-256/P-384, RSA 2048..8192 (leading zero
 * octets stripped), OKP Ed25519; private members refused; alg member, if any, is left to the caller.
 * Bounded time for hostile values.  Fails: badPublicKey, malformed. */
enum chy_rc CHY_CHECK chy_jwk_read(struct chy_ctx *cx, const json_t *jwk, struct chy_jwk *ret);
/* The same without chy_key_check: what is needed to verify a signature at all.  For revocation, which
 * must accept keys that would not be certified today (core.md V-07).  Fails: badPublicKey,
 * malformed. */
enum chy_rc CHY_CHECK chy_jwk_parse(struct chy_ctx *cx, const json_t *jwk, struct chy_jwk *ret);
/* From the stored canonical form: no policy checks, just the key.  serverInternal if it is broken. */
enum chy_rc CHY_CHECK chy_jwk_load(struct chy_ctx *cx, const json_t *canonical, EVP_PKEY **ret);

#endif
