/* SPDX-License-Identifier: Apache-2.0 */
/* JOSE as a client does it, on OpenSSL alone: shares no code with core/acme but base64url.  Every
 * failure is the test's own and aborts. */
#include "tests/support/jose.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "core/base/auto.h"
#include "core/base/b64.h"
#include "core/base/json.h"

static void must(bool good)
{
    if (!good)
        abort();
}

static void release_key(void *key)
{
    EVP_PKEY_free(key);
}

EVP_PKEY *jose_key(struct chy_ctx *cx, const char *alg)
{
    EVP_PKEY *key = NULL;

    if (strcmp(alg, "ES256") == 0)
        key = EVP_EC_gen("P-256");
    else if (strcmp(alg, "ES384") == 0)
        key = EVP_EC_gen("P-384");
    else if (strcmp(alg, "EdDSA") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else if (strcmp(alg, "RS256") == 0)
        key = EVP_RSA_gen(2048);
    must(key != NULL);
    chy_arena_defer(cx->arena, release_key, key);
    return key;
}

const char *jose_alg(EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "EC"))
        return EVP_PKEY_get_bits(key) == 256 ? "ES256" : "ES384";
    return EVP_PKEY_is_a(key, "RSA") ? "RS256" : "EdDSA";
}

static char *number(struct chy_ctx *cx, EVP_PKEY *key, const char *param, size_t width)
{
    BIGNUM *bn = NULL;
    uint8_t octets[1024];
    int n;

    must(EVP_PKEY_get_bn_param(key, param, &bn) == 1);
    n = width != 0 ? (int)width : BN_num_bytes(bn);
    must(n <= (int)sizeof octets && BN_bn2binpad(bn, octets, n) == n);
    BN_free(bn);
    return chy_b64u(cx, octets, (size_t)n);
}

json_t *jose_jwk(struct chy_ctx *cx, EVP_PKEY *key)
{
    const char *alg = jose_alg(key);
    size_t width = strcmp(alg, "ES256") == 0 ? 32 : 48;
    uint8_t raw[32];
    size_t n = sizeof raw;

    if (strcmp(alg, "RS256") == 0)
        return chy_keep_json(cx, json_pack("{s:s, s:s, s:s}", "kty", "RSA", "n",
                                           number(cx, key, OSSL_PKEY_PARAM_RSA_N, 0), "e",
                                           number(cx, key, OSSL_PKEY_PARAM_RSA_E, 0)));
    if (strcmp(alg, "EdDSA") == 0) {
        must(EVP_PKEY_get_raw_public_key(key, raw, &n) == 1);
        return chy_keep_json(cx, json_pack("{s:s, s:s, s:s}", "kty", "OKP", "crv", "Ed25519", "x",
                                           chy_b64u(cx, raw, n)));
    }
    return chy_keep_json(cx, json_pack("{s:s, s:s, s:s, s:s}", "kty", "EC", "crv",
                                       width == 32 ? "P-256" : "P-384", "x",
                                       number(cx, key, OSSL_PKEY_PARAM_EC_PUB_X, width), "y",
                                       number(cx, key, OSSL_PKEY_PARAM_EC_PUB_Y, width)));
}

json_t *jose_header(struct chy_ctx *cx, EVP_PKEY *key, const char *kid, const char *nonce,
                    const char *url)
{
    json_t *header = chy_keep_json(cx, json_pack("{s:s, s:s}", "alg", jose_alg(key), "url", url));

    if (nonce != NULL)
        json_object_set_new(header, "nonce", json_string(nonce));
    if (kid != NULL)
        json_object_set_new(header, "kid", json_string(kid));
    else
        json_object_set(header, "jwk", jose_jwk(cx, key));
    return header;
}

/* DER of an ECDSA signature -> R and S of equal width. */
static uint8_t *side_by_side(struct chy_ctx *cx, const uint8_t *der, size_t n, size_t width)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    uint8_t *raw = chy_alloc(cx, 2 * width);

    must(sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)width) > 0 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + width, (int)width) > 0);
    ECDSA_SIG_free(sig);
    return raw;
}

uint8_t *jose_signature(struct chy_ctx *cx, EVP_PKEY *key, const char *text, size_t n,
                        size_t *ret_n)
{
    chy_auto(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    const char *alg = jose_alg(key);
    bool ec = strncmp(alg, "ES", 2) == 0;
    const EVP_MD *md = strcmp(alg, "ES384") == 0   ? EVP_sha384()
                       : strcmp(alg, "EdDSA") == 0 ? NULL
                                                   : EVP_sha256();
    size_t sig_n = (size_t)EVP_PKEY_get_size(key);
    uint8_t *sig = chy_alloc(cx, sig_n);

    must(EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 &&
         EVP_DigestSign(ctx, sig, &sig_n, (const uint8_t *)text, n) == 1);
    *ret_n = ec ? (strcmp(alg, "ES256") == 0 ? 64 : 96) : sig_n;
    return ec ? side_by_side(cx, sig, sig_n, *ret_n / 2) : sig;
}

char *jose_sign_text(struct chy_ctx *cx, EVP_PKEY *key, const char *header, const char *payload)
{
    const char *body = payload != NULL ? payload : "";
    char *protected = chy_b64u(cx, header, strlen(header));
    char *encoded = chy_b64u(cx, body, strlen(body));
    char *input = chy_fmt(cx, "%s.%s", protected, encoded);
    size_t n;
    uint8_t *sig = jose_signature(cx, key, input, strlen(input), &n);

    return chy_fmt(cx, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", protected,
                   encoded, chy_b64u(cx, sig, n));
}

char *jose_sign(struct chy_ctx *cx, EVP_PKEY *key, const json_t *header, const char *payload)
{
    return jose_sign_text(cx, key, chy_json_text(cx, header, NULL), payload);
}
