/* SPDX-License-Identifier: Apache-2.0 */
/* The JWS envelope of ACME requests (RFC 8555 section 6.2, RFC 7515). */
#ifndef CHY_ACME_JWS_H
#define CHY_ACME_JWS_H

#include "core/acme/jwk.h"

#define CHY_JWS_MAX (64u * 1024)

enum chy_jws_alg { CHY_ALG_ES256, CHY_ALG_ES384, CHY_ALG_EDDSA, CHY_ALG_RS256 };

/* A JWS taken apart but not yet verified.  Nothing of payload may be acted on before
 * chy_jws_verify. */
struct chy_jws {
    enum chy_jws_alg alg;
    const char *alg_name;
    const char *nonce; /* NULL: missing                                       */
    const char *url;
    const char *kid; /* exactly one of kid and jwk                          */
    const json_t *jwk;
    const char *signing_input; /* the received text: protected "." payload    */
    size_t signing_input_len;
    const uint8_t *signature;
    size_t signature_len;
    const char *payload; /* decoded; "" with payload_len 0 = POST-as-GET      */
    size_t payload_len;
};

/* Take the flattened JSON serialization apart (core.md J-01..J-09, B-01..B-06): strict base64url,
 * no header, signatures, crit, b64; alg from the allow-list (badSignatureAlgorithm with the member
 * "algorithms"); nonce, if present, must be base64url.  Fails: malformed, badSignatureAlgorithm. */
/* On failure ret->nonce is still set if the nonce could be read: it has appeared in a request, so it
 * must be spent (RFC 8555 section 6.5). */
enum chy_rc CHY_CHECK chy_jws_read(struct chy_ctx *cx, const void *body, size_t n,
                                   struct chy_jws *ret);
/* Does alg belong to that kind of key (J-10)?  badPublicKey if not; malformed if the JWK of the
 * header says that it is for another one. */
enum chy_rc CHY_CHECK chy_jws_alg_fits(struct chy_ctx *cx, const struct chy_jws *jws,
                                       EVP_PKEY *key);
/* The signature, by the key's own algorithm; exact lengths (J-11).  Fails: malformed. */
enum chy_rc CHY_CHECK chy_jws_verify(struct chy_ctx *cx, const struct chy_jws *jws, EVP_PKEY *key);

#endif
