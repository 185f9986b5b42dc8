/* SPDX-License-Identifier: Apache-2.0 */
/* The flattened JWS of ACME requests: RFC 8555 section 6.2, RFC 7515 sections 4, 5.2 and 7.2.2,
 * RFC 7797 (refused), RFC 7518 section 3 and RFC 8037 section 3.1 (signatures).  What an attacker
 * writes in the header picks nothing: the algorithm that verifies is that of the key, the header must
 * agree with it, and jku, x5u, x5c and x5t are never looked at.  Not here: nonces and URLs are
 * handed to the caller, who compares them; MACs of external account bindings. */
#include "core/acme/jws.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>

#include "core/acme/digest.h"
#include "core/base/auto.h"
#include "core/base/b64.h"
#include "core/base/json.h"
#include "core/base/problem.h"

#define COORDINATE_MAX 48                            /* octets of R and of S for P-384 */
#define ECDSA_DER_MAX (3 + 2 * (3 + COORDINATE_MAX)) /* two INTEGERs in a SEQUENCE     */

struct alg {
    const char *name; /* RFC 7518 section 3.1, RFC 8037 section 3.1 */
    enum chy_jws_alg alg;
    const char *key_type;      /* as EVP_PKEY_is_a knows it        */
    const char *group;         /* EC only                          */
    size_t signature_len;      /* 0: that of the modulus           */
    const EVP_MD *(*md)(void); /* NULL: the algorithm has its own  */
};

static const struct alg algs[] = {
    {"ES256", CHY_ALG_ES256, "EC", "prime256v1", 64, chy_digest_sha256},
    {"ES384", CHY_ALG_ES384, "EC", "secp384r1", 96, chy_digest_sha384},
    {"EdDSA", CHY_ALG_EDDSA, "ED25519", NULL, 64, NULL},
    {"RS256", CHY_ALG_RS256, "RSA", NULL, 0, chy_digest_sha256},
};
#define ALGS (sizeof algs / sizeof *algs)

/* The one algorithm we use with that key; NULL if none. */
static const struct alg *alg_of_key(EVP_PKEY *key)
{
    char group[32] = "";

    for (size_t i = 0; i < ALGS; i++) {
        if (!EVP_PKEY_is_a(key, algs[i].key_type))
            continue;
        if (algs[i].group == NULL)
            return &algs[i];
        if (EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
            strcmp(group, algs[i].group) == 0)
            return &algs[i];
    }
    return NULL;
}

static enum chy_rc refuse_alg(struct chy_ctx *cx, const char *name)
{
    json_t *names = json_array();

    for (size_t i = 0; i < ALGS; i++)
        json_array_append_new(names, json_string(algs[i].name));
    /* RFC 8555 section 6.2: the problem tells what would do. */
    cx->problem.members = chy_keep_json(cx, json_pack("{s:o}", "algorithms", names));
    return chy_fail(cx, &CHY_P_badSignatureAlgorithm,
                    "signature algorithm \"%.40s\" is not supported (RFC 8555 section 6.2)", name);
}

static enum chy_rc read_alg(struct chy_ctx *cx, const json_t *header, struct chy_jws *out)
{
    const char *name;

    if (chy_json_string(cx, header, "alg", &name) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < ALGS; i++) {
        if (strcmp(name, algs[i].name) != 0)
            continue;
        out->alg = algs[i].alg;
        out->alg_name = algs[i].name;
        return CHY_OK;
    }
    return refuse_alg(cx, name);
}

/* RFC 8555 section 6.5.2: a nonce that is not base64url is malformed, not merely unknown.  Unused
 * bits may be anything: whoever keeps the nonces tells the client badNonce, which it can handle. */
static bool nonce_ok(const char *s)
{
    size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    return s[n] == '\0' && n % 4 != 1;
}

static enum chy_rc read_nonce(struct chy_ctx *cx, const json_t *header, struct chy_jws *out)
{
    if (chy_json_opt_string(cx, header, "nonce", &out->nonce) != CHY_OK)
        return CHY_ERR;
    if (out->nonce != NULL && !nonce_ok(out->nonce))
        return chy_fail(cx, &CHY_P_malformed,
                        "the nonce is not base64url without padding (RFC 8555 section 6.5.2)");
    return CHY_OK;
}

/* Exactly one of kid and jwk (RFC 8555 section 6.2); null is as good as absent. */
static enum chy_rc read_key_name(struct chy_ctx *cx, const json_t *header, struct chy_jws *out)
{
    const json_t *jwk = json_object_get(header, "jwk");

    if (chy_json_opt_string(cx, header, "kid", &out->kid) != CHY_OK)
        return CHY_ERR;
    if (jwk != NULL && !json_is_null(jwk)) {
        if (!json_is_object(jwk))
            return chy_fail(cx, &CHY_P_malformed, "member \"jwk\" is not an object");
        out->jwk = jwk;
    }
    if (out->jwk != NULL && out->kid != NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "the protected header has both \"jwk\" and \"kid\" (RFC 8555 section 6.2)");
    if (out->jwk == NULL && out->kid == NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "the protected header has neither \"jwk\" nor \"kid\" (RFC 8555 section "
                        "6.2)");
    return CHY_OK;
}

static enum chy_rc read_header(struct chy_ctx *cx, const json_t *header, struct chy_jws *out)
{
    if (read_nonce(cx, header, out) != CHY_OK)
        return CHY_ERR;
    if (json_object_get(header, "crit") != NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "the protected header has \"crit\", and no extension is supported (RFC "
                        "7515 section 4.1.11)");
    if (json_object_get(header, "b64") != NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "the protected header has \"b64\" (RFC 8555 section 6.2)");
    if (read_alg(cx, header, out) != CHY_OK ||
        chy_json_string(cx, header, "url", &out->url) != CHY_OK)
        return CHY_ERR;
    return read_key_name(cx, header, out);
}

static enum chy_rc refuse_other_forms(struct chy_ctx *cx, const json_t *jws)
{
    if (json_object_get(jws, "signatures") != NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "the JWS has \"signatures\"; the flattened form with one is wanted (RFC "
                        "8555 section 6.2)");
    if (json_object_get(jws, "header") != NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "the JWS has an unprotected \"header\" (RFC 8555 section 6.2)");
    return CHY_OK;
}

/* One base64url member: its text and what it decodes to. */
static enum chy_rc read_part(struct chy_ctx *cx, const json_t *jws, const char *name,
                             const char **ret_text, const uint8_t **ret, size_t *ret_n)
{
    if (chy_json_string(cx, jws, name, ret_text) != CHY_OK)
        return CHY_ERR;
    *ret = chy_b64u_decode(cx, *ret_text, strlen(*ret_text), ret_n);
    if (*ret == NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "member \"%s\" of the JWS is not base64url without padding (RFC 7515 "
                        "section 2)",
                        name);
    return CHY_OK;
}

enum chy_rc chy_jws_read(struct chy_ctx *cx, const void *body, size_t n, struct chy_jws *ret)
{
    struct chy_jws out = {0};
    const char *protected_text, *payload_text, *signature_text;
    const uint8_t *protected, *payload;
    size_t protected_len;
    json_t *jws, *header;

    if (n > CHY_JWS_MAX)
        return chy_fail(cx, &CHY_P_malformed, "the JWS is longer than %u octets", CHY_JWS_MAX);
    if (chy_json_object(cx, "the JWS", body, n, &jws) != CHY_OK ||
        refuse_other_forms(cx, jws) != CHY_OK ||
        read_part(cx, jws, "protected", &protected_text, &protected, &protected_len) != CHY_OK ||
        read_part(cx, jws, "payload", &payload_text, &payload, &out.payload_len) != CHY_OK ||
        read_part(cx, jws, "signature", &signature_text, &out.signature, &out.signature_len) !=
            CHY_OK ||
        chy_json_object(cx, "the protected header", protected, protected_len, &header) != CHY_OK)
        return CHY_ERR;
    if (read_header(cx, header, &out) != CHY_OK) {
        ret->nonce = out.nonce;
        return CHY_ERR;
    }
    /* RFC 7515 section 5.2: over the text as received, never over text encoded again. */
    out.signing_input = chy_fmt(cx, "%s.%s", protected_text, payload_text);
    out.signing_input_len = strlen(out.signing_input);
    out.payload = (const char *)payload;
    *ret = out;
    return CHY_OK;
}

enum chy_rc chy_jws_alg_fits(struct chy_ctx *cx, const struct chy_jws *jws, EVP_PKEY *key)
{
    const struct alg *alg = alg_of_key(key);
    const char *jwk_alg = NULL;

    if (alg == NULL)
        return chy_fail(cx, &CHY_P_badPublicKey, "no supported algorithm signs with such a key");
    if (alg->alg != jws->alg)
        return chy_fail(cx, &CHY_P_badPublicKey,
                        "algorithm %s does not fit the key, which wants %s (RFC 7518 section 3.1)",
                        jws->alg_name, alg->name);
    if (jws->jwk != NULL && chy_json_opt_string(cx, jws->jwk, "alg", &jwk_alg) != CHY_OK)
        return CHY_ERR;
    if (jwk_alg != NULL && strcmp(jwk_alg, alg->name) != 0)
        return chy_fail(cx, &CHY_P_malformed,
                        "the JWK is for algorithm \"%.40s\", the header says %s (RFC 7517 section "
                        "4.4)",
                        jwk_alg, jws->alg_name);
    return CHY_OK;
}

/* One non-negative INTEGER of n big-endian octets; n is below 128.  Returns its end. */
static uint8_t *der_integer(uint8_t *p, const uint8_t *octets, size_t n)
{
    bool pad;

    while (n > 1 && *octets == 0) {
        octets++;
        n--;
    }
    pad = (*octets & 0x80) != 0;
    *p++ = 0x02;
    *p++ = (uint8_t)(n + pad);
    if (pad)
        *p++ = 0;
    memcpy(p, octets, n);
    return p + n;
}

/* R and S side by side (RFC 7518 section 3.4) as the SEQUENCE that OpenSSL takes.  half is at most
 * COORDINATE_MAX, so that every length fits one octet. */
static size_t ecdsa_der(uint8_t out[ECDSA_DER_MAX], const uint8_t *raw, size_t half)
{
    uint8_t *end = der_integer(out + 2, raw, half);

    end = der_integer(end, raw + half, half);
    out[0] = 0x30;
    out[1] = (uint8_t)(end - out - 2);
    return (size_t)(end - out);
}

static bool verifies(const struct alg *alg, const struct chy_jws *jws, EVP_PKEY *key)
{
    chy_auto(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = alg->md != NULL ? alg->md() : NULL;
    const uint8_t *signature = jws->signature;
    size_t n = jws->signature_len;
    uint8_t der[ECDSA_DER_MAX];
    bool good;

    if (alg->group != NULL) {
        n = ecdsa_der(der, jws->signature, jws->signature_len / 2);
        signature = der;
    }
    ERR_clear_error();
    /* RSA: PKCS#1 v1.5 is the padding OpenSSL begins with, and the one RS256 means. */
    good = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
           EVP_DigestVerify(ctx, signature, n, (const uint8_t *)jws->signing_input,
                            jws->signing_input_len) == 1;
    ERR_clear_error();
    return good;
}

enum chy_rc chy_jws_verify(struct chy_ctx *cx, const struct chy_jws *jws, EVP_PKEY *key)
{
    const struct alg *alg = alg_of_key(key);
    size_t wanted;

    if (alg == NULL || alg->alg != jws->alg)
        return chy_fail(cx, &CHY_P_malformed, "algorithm %s does not fit the key", jws->alg_name);
    wanted = alg->signature_len != 0 ? alg->signature_len : (size_t)EVP_PKEY_get_size(key);
    if (jws->signature_len != wanted)
        return chy_fail(cx, &CHY_P_malformed,
                        "the signature has %zu octets, %s has %zu (RFC 7518 section 3)",
                        jws->signature_len, alg->name, wanted);
    if (!verifies(alg, jws, key))
        return chy_fail(cx, &CHY_P_malformed,
                        "the signature does not verify (RFC 7515 section 5.2)");
    return CHY_OK;
}
