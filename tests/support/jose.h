/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of JOSE for tests: keys, JWKs and signed requests. */
#ifndef CHY_TESTS_JOSE_H
#define CHY_TESTS_JOSE_H

#include "core/base/cx.h"

/* A new key pair for "ES256", "ES384", "EdDSA" or "RS256"; freed with the arena. */
EVP_PKEY *jose_key(struct chy_ctx *cx, const char *alg);
/* The algorithm that jose_key made that key for. */
const char *jose_alg(EVP_PKEY *key);
/* Its public JWK; arena. */
json_t *jose_jwk(struct chy_ctx *cx, EVP_PKEY *key);
/* A protected header with alg of key; kid NULL: with its jwk; nonce may be NULL.  Arena. */
json_t *jose_header(struct chy_ctx *cx, EVP_PKEY *key, const char *kid, const char *nonce,
                    const char *url);
/* Sign text as JOSE wants it (R and S side by side for EC); arena. */
uint8_t *jose_signature(struct chy_ctx *cx, EVP_PKEY *key, const char *text, size_t n,
                        size_t *ret_n);
/* A flattened JWS as the body of a request; payload NULL or "": POST-as-GET.  Arena. */
char *jose_sign(struct chy_ctx *cx, EVP_PKEY *key, const json_t *header, const char *payload);
/* The same with a header that is text: for what no JSON library would write. */
char *jose_sign_text(struct chy_ctx *cx, EVP_PKEY *key, const char *header, const char *payload);

#endif
