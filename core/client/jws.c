/* SPDX-License-Identifier: Apache-2.0 */
/* Signing requests: JSON Web Keys (RFC 7517, 7518, 8037), thumbprints (RFC 7638) and JSON Web
 * Signatures in flattened form (RFC 7515 section 7.2.2).  Verifying is the server's, in core/acme. */
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>

#include "core/base/auto.h"
#include "core/base/b64.h"
#include "core/base/problem.h"
#include "core/client/internal.h"
#include "core/pki/keys.h"

#define COORDINATE_MAX 66 /* P-521 */
#define SIGNATURE_MAX 1024

static const struct curve {
    const char *kind, *alg, *name, *digest;
    unsigned octets;
} curves[] = {
    {"ec-p256", "ES256", "P-256", "SHA256", 32},
    {"ec-p384", "ES384", "P-384", "SHA384", 48},
    {"ec-p521", "ES512", "P-521", "SHA512", 66},
};

/* ---- the key's own members ---- */

static char *number_text(struct chy_ctx *cx, EVP_PKEY *key, const char *parameter, unsigned octets)
{
    uint8_t bytes[SIGNATURE_MAX];
    BIGNUM *n = NULL;
    char *text = NULL;
    int size;

    if (EVP_PKEY_get_bn_param(key, parameter, &n) != 1)
        return NULL;
    size = octets != 0 ? (int)octets : BN_num_bytes(n);
    if (size > 0 && size <= SIGNATURE_MAX && BN_bn2binpad(n, bytes, size) == size)
        text = chy_b64u(cx, bytes, (size_t)size);
    BN_free(n);
    return text;
}

/* Members in the order of their names, without white space: what RFC 7638 digests. */
static bool describe_ec(struct chy_ctx *cx, EVP_PKEY *key, const struct curve *c,
                        struct chy_signing *s)
{
    const char *x = number_text(cx, key, OSSL_PKEY_PARAM_EC_PUB_X, c->octets);
    const char *y = number_text(cx, key, OSSL_PKEY_PARAM_EC_PUB_Y, c->octets);

    if (x == NULL || y == NULL)
        return false;
    s->alg = c->alg;
    s->digest = c->digest;
    s->half = c->octets;
    s->jwk =
        chy_fmt(cx, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", c->name, x, y);
    return true;
}

static bool describe_rsa(struct chy_ctx *cx, EVP_PKEY *key, struct chy_signing *s)
{
    const char *e = number_text(cx, key, OSSL_PKEY_PARAM_RSA_E, 0);
    const char *n = number_text(cx, key, OSSL_PKEY_PARAM_RSA_N, 0);

    if (e == NULL || n == NULL)
        return false;
    s->alg = "RS256";
    s->digest = "SHA256";
    s->jwk = chy_fmt(cx, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", e, n);
    return true;
}

static bool describe_ed25519(struct chy_ctx *cx, EVP_PKEY *key, struct chy_signing *s)
{
    uint8_t x[32];
    size_t n = sizeof x;

    if (EVP_PKEY_get_raw_public_key(key, x, &n) != 1 || n != sizeof x)
        return false;
    s->alg = "EdDSA";
    s->jwk = chy_fmt(cx, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}",
                     chy_b64u(cx, x, sizeof x));
    return true;
}

static bool describe(struct chy_ctx *cx, EVP_PKEY *key, struct chy_signing *s)
{
    const char *kind = chy_key_kind(cx, key);

    if (kind == NULL)
        return false;
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (strcmp(kind, curves[i].kind) == 0)
            return describe_ec(cx, key, &curves[i], s);
    if (strncmp(kind, "rsa-", 4) == 0)
        return describe_rsa(cx, key, s);
    return describe_ed25519(cx, key, s);
}

enum chy_rc chy_signing_of(struct chy_ctx *cx, struct chy_arena *arena, EVP_PKEY *key,
                           struct chy_signing *ret)
{
    struct chy_signing s = {.key = key};
    uint8_t digest[32];
    bool good = describe(cx, key, &s) &&
                EVP_Digest(s.jwk, strlen(s.jwk), digest, NULL, EVP_sha256(), NULL) == 1;

    ERR_clear_error();
    if (!good)
        return chy_fail(cx, &CHY_P_badPublicKey,
                        "this key cannot sign ACME requests; use an EC (P-256, P-384, P-521), RSA "
                        "or Ed25519 key");
    s.jwk = chy_arena_strdup(arena, s.jwk);
    chy_b64u_write(s.thumbprint, digest, sizeof digest);
    *ret = s;
    return CHY_OK;
}

/* ---- buffers ---- */

void chy_buffer_grow(struct chy_buffer *buffer, size_t n)
{
    size_t room = buffer->room > 0 ? buffer->room : 4096;
    char *b;

    while (room < buffer->n + n + 1)
        room *= 2;
    if (room == buffer->room)
        return;
    b = realloc(buffer->b, room);
    if (b == NULL)
        abort();
    buffer->b = b;
    buffer->room = room;
}

void chy_buffer_add(struct chy_buffer *buffer, const void *b, size_t n)
{
    chy_buffer_grow(buffer, n);
    memcpy(buffer->b + buffer->n, b, n);
    buffer->n += n;
    buffer->b[buffer->n] = '\0';
}

void chy_buffer_free(struct chy_buffer *buffer)
{
    free(buffer->b);
    *buffer = (struct chy_buffer){0};
}

static void add_text(struct chy_buffer *buffer, const char *s)
{
    chy_buffer_add(buffer, s, strlen(s));
}

static void add_b64u(struct chy_buffer *buffer, const void *b, size_t n)
{
    size_t length = chy_b64u_len(n);

    chy_buffer_grow(buffer, length);
    chy_b64u_write(buffer->b + buffer->n, b, n);
    buffer->n += length;
}

/* ---- signatures ---- */

/* DER to r and s of fixed length (RFC 7518 section 3.4). */
static bool to_halves(const uint8_t *der, size_t n, unsigned half, uint8_t *out)
{
    const unsigned char *p = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
    bool good = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)half) == (int)half &&
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, (int)half) == (int)half;

    ECDSA_SIG_free(sig);
    return good;
}

static enum chy_rc sign(struct chy_ctx *cx, const struct chy_signing *s, const void *text, size_t n,
                        uint8_t out[SIGNATURE_MAX], size_t *ret_n)
{
    chy_auto(EVP_MD_CTX) *md = EVP_MD_CTX_new();
    uint8_t der[SIGNATURE_MAX];
    size_t der_n = sizeof der;
    bool good = md != NULL &&
                EVP_DigestSignInit_ex(md, NULL, s->digest, NULL, NULL, s->key, NULL) == 1 &&
                EVP_DigestSign(md, der, &der_n, text, n) == 1;

    if (good && s->half != 0)
        good = to_halves(der, der_n, s->half, out);
    else if (good)
        memcpy(out, der, der_n);
    ERR_clear_error();
    if (!good)
        return chy_fault_internal(cx, "the account's key does not sign");
    *ret_n = s->half != 0 ? 2 * (size_t)s->half : der_n;
    return CHY_OK;
}

enum chy_rc chy_jws_write(struct chy_ctx *cx, const struct chy_signing *s, const char *header,
                          const void *payload, size_t payload_n, struct chy_buffer *out)
{
    static const char first[] = "{\"protected\":\"", second[] = "\",\"payload\":\"";
    uint8_t signature[SIGNATURE_MAX];
    size_t header_at, payload_at, signature_n = 0;
    char *input;

    out->n = 0;
    add_text(out, first);
    header_at = out->n;
    add_b64u(out, header, strlen(header));
    add_text(out, second);
    payload_at = out->n;
    add_b64u(out, payload, payload_n);
    input = chy_fmt(cx, "%.*s.%.*s", (int)(payload_at - header_at - (sizeof second - 1)),
                    out->b + header_at, (int)(out->n - payload_at), out->b + payload_at);
    if (sign(cx, s, input, strlen(input), signature, &signature_n) != CHY_OK)
        return CHY_ERR;
    add_text(out, "\",\"signature\":\"");
    add_b64u(out, signature, signature_n);
    add_text(out, "\"}");
    return CHY_OK;
}

enum chy_rc chy_jws_mac(struct chy_ctx *cx, const char *header, const char *payload,
                        const uint8_t *key, size_t key_n, json_t **ret)
{
    char *protected = chy_b64u(cx, header, strlen(header));
    char *body = chy_b64u(cx, payload, strlen(payload));
    char *input = chy_fmt(cx, "%s.%s", protected, body);
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    json_t *j;

    if (HMAC(EVP_sha256(), key, (int)key_n, (const uint8_t *)input, strlen(input), mac, &n) == NULL)
        return chy_fault_internal(cx, "HMAC SHA-256 cannot be computed");
    j = json_pack("{s:s, s:s, s:s}", "protected", protected, "payload", body, "signature",
                  chy_b64u(cx, mac, n));
    *ret = chy_keep_json(cx, j);
    return j != NULL ? CHY_OK : chy_fault_internal(cx, "a binding cannot be written");
}
