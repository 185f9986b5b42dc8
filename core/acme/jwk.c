/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Keys: RFC 7517, RFC 7518 section 6 (EC, RSA), RFC 8037 section 2 (OKP), RFC 7638
 * (thumbprint).  Public keys only, of the four kinds whose algorithms jws.c verifies.  Nothing of the
 * client's text is hashed: the thumbprint is that of the values read.  Lengths and ranges are checked
 * before OpenSSL sees a number, so that a hostile key costs no arithmetic.  Not here: which kinds
 * policy allows, blocklists, and whether an account has the key. */
#include "core/acme/jwk.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "core/acme/digest.h"
#include "core/base/auto.h"
#include "core/base/b64.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/pki/ed25519.h"
#include "core/pki/keys.h"

#define RSA_E_OCTETS_MAX 4 /* verification time grows with e */
#define LEADING_ZEROS_MAX 8

CHY_AUTO_DEFINE(BIGNUM, BN_free)

struct curve {
    const char *crv;   /* RFC 7518 section 6.2.1.1 */
    const char *group; /* OpenSSL's name           */
    size_t octets;     /* of one coordinate        */
};

static const struct curve curves[] = {
    {"P-256", "prime256v1", 32},
    {"P-384", "secp384r1", 48},
};

static void release_key(void *key)
{
    EVP_PKEY_free(key);
}

/* One base64url member of at most max_octets; malformed if it is missing or not base64url. */
static enum chy_rc read_octets(struct chy_ctx *cx, const json_t *jwk, const char *name,
                               size_t max_octets, const uint8_t **ret, size_t *ret_n)
{
    const char *text;
    size_t n;
    uint8_t *octets;

    if (chy_json_string(cx, jwk, name, &text) != CHY_OK)
        return CHY_ERR;
    n = strlen(text);
    if (n > chy_b64u_len(max_octets))
        return chy_fail(cx, &CHY_P_badPublicKey,
                        "member \"%s\" of the JWK is longer than %zu octets", name, max_octets);
    octets = chy_b64u_decode(cx, text, n, &n);
    if (octets == NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "member \"%s\" of the JWK is not base64url without padding (RFC 7515 "
                        "section 2)",
                        name);
    *ret = octets;
    *ret_n = n;
    return CHY_OK;
}

static enum chy_rc key_from_params(struct chy_ctx *cx, const char *type, OSSL_PARAM *params,
                                   const char *refusal, EVP_PKEY **ret)
{
    chy_auto(EVP_PKEY_CTX) *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    ERR_clear_error();
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1)
        return chy_fault_internal(cx, "OpenSSL has no %s keys", type);
    if (EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        ERR_clear_error();
        return chy_fail(cx, &CHY_P_badPublicKey, "%s", refusal);
    }
    chy_arena_defer(cx->arena, release_key, key);
    *ret = key;
    return CHY_OK;
}

static enum chy_rc build_ec(struct chy_ctx *cx, const struct curve *curve, const uint8_t *x,
                            const uint8_t *y, EVP_PKEY **ret)
{
    uint8_t point[1 + 2 * 48] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)curve->group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * curve->octets),
        OSSL_PARAM_construct_end()};

    memcpy(point + 1, x, curve->octets);
    memcpy(point + 1 + curve->octets, y, curve->octets);
    /* OpenSSL refuses coordinates beyond the prime and points that are not on the curve. */
    return key_from_params(cx, "EC", params, "the JWK's point is not on its curve", ret);
}

static enum chy_rc read_ec(struct chy_ctx *cx, const json_t *jwk, struct chy_jwk *out)
{
    const struct curve *curve = NULL;
    const char *crv, *x_text, *y_text;
    const uint8_t *x, *y;
    size_t x_n, y_n;

    if (chy_json_string(cx, jwk, "crv", &crv) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (strcmp(crv, curves[i].crv) == 0)
            curve = &curves[i];
    if (curve == NULL)
        return chy_fail(cx, &CHY_P_badPublicKey,
                        "curve \"%.40s\" is not supported; P-256 and P-384 are", crv);
    if (read_octets(cx, jwk, "x", curve->octets, &x, &x_n) != CHY_OK ||
        read_octets(cx, jwk, "y", curve->octets, &y, &y_n) != CHY_OK)
        return CHY_ERR;
    if (x_n != curve->octets || y_n != curve->octets)
        return chy_fail(cx, &CHY_P_badPublicKey,
                        "coordinates of %s have exactly %zu octets (RFC 7518 section 6.2.1)", crv,
                        curve->octets);
    if (build_ec(cx, curve, x, y, &out->key) != CHY_OK)
        return CHY_ERR;
    x_text = json_string_value(json_object_get(jwk, "x"));
    y_text = json_string_value(json_object_get(jwk, "y"));
    out->canonical = chy_keep_json(
        cx, json_pack("{s:s, s:s, s:s, s:s}", "crv", crv, "kty", "EC", "x", x_text, "y", y_text));
    return CHY_OK;
}

/* RFC 8555 section 8.1: leading zero octets go before anything is derived from the value. */
static enum chy_rc read_integer(struct chy_ctx *cx, const json_t *jwk, const char *name,
                                size_t max_octets, const uint8_t **ret, size_t *ret_n)
{
    const uint8_t *p;
    size_t n;

    if (read_octets(cx, jwk, name, max_octets + LEADING_ZEROS_MAX, &p, &n) != CHY_OK)
        return CHY_ERR;
    while (n > 0 && *p == 0) {
        p++;
        n--;
    }
    if (n > max_octets)
        return chy_fail(cx, &CHY_P_badPublicKey,
                        "member \"%s\" of the JWK is longer than %zu octets", name, max_octets);
    *ret = p;
    *ret_n = n;
    return CHY_OK;
}

static size_t bits_of(const uint8_t *p, size_t n)
{
    size_t bits = n * 8;

    for (unsigned mask = 0x80; n > 0 && (*p & mask) == 0; mask >>= 1)
        bits--;
    return bits;
}

static enum chy_rc check_rsa(struct chy_ctx *cx, const uint8_t *n, size_t n_n, const uint8_t *e,
                             size_t e_n)
{
    size_t bits = bits_of(n, n_n);

    if (bits < CHY_RSA_BITS_MIN || bits > CHY_RSA_BITS_MAX)
        return chy_fail(cx, &CHY_P_badPublicKey,
                        "the RSA modulus has %zu bits; %d to %d are allowed", bits,
                        CHY_RSA_BITS_MIN, CHY_RSA_BITS_MAX);
    if ((n[n_n - 1] & 1) == 0)
        return chy_fail(cx, &CHY_P_badPublicKey, "the RSA modulus is even");
    if (e_n == 0 || (e[e_n - 1] & 1) == 0)
        return chy_fail(cx, &CHY_P_badPublicKey, "the RSA exponent is even");
    if (e_n == 1 && e[0] < 3)
        return chy_fail(cx, &CHY_P_badPublicKey, "the RSA exponent is smaller than 3");
    return CHY_OK;
}

static enum chy_rc build_rsa(struct chy_ctx *cx, const uint8_t *n, size_t n_n, const uint8_t *e,
                             size_t e_n, EVP_PKEY **ret)
{
    chy_auto(BIGNUM) *bn_n = BN_bin2bn(n, (int)n_n, NULL);
    chy_auto(BIGNUM) *bn_e = BN_bin2bn(e, (int)e_n, NULL);
    uint8_t native_n[CHY_RSA_BITS_MAX / 8], native_e[RSA_E_OCTETS_MAX];
    OSSL_PARAM params[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, native_n, n_n),
                           OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, native_e, e_n),
                           OSSL_PARAM_construct_end()};

    /* OSSL_PARAM holds integers in the machine's byte order. */
    if (bn_n == NULL || bn_e == NULL || BN_bn2nativepad(bn_n, native_n, (int)n_n) < 0 ||
        BN_bn2nativepad(bn_e, native_e, (int)e_n) < 0)
        return chy_fault_internal(cx, "an RSA number cannot be converted");
    return key_from_params(cx, "RSA", params, "the JWK is not an RSA key", ret);
}

static enum chy_rc read_rsa(struct chy_ctx *cx, const json_t *jwk, struct chy_jwk *out)
{
    const uint8_t *n, *e;
    size_t n_n, e_n;

    if (read_integer(cx, jwk, "n", CHY_RSA_BITS_MAX / 8, &n, &n_n) != CHY_OK ||
        read_integer(cx, jwk, "e", RSA_E_OCTETS_MAX, &e, &e_n) != CHY_OK ||
        check_rsa(cx, n, n_n, e, e_n) != CHY_OK ||
        build_rsa(cx, n, n_n, e, e_n, &out->key) != CHY_OK)
        return CHY_ERR;
    out->canonical = chy_keep_json(cx, json_pack("{s:s, s:s, s:s}", "e", chy_b64u(cx, e, e_n),
                                                 "kty", "RSA", "n", chy_b64u(cx, n, n_n)));
    return CHY_OK;
}

static enum chy_rc read_okp(struct chy_ctx *cx, const json_t *jwk, struct chy_jwk *out)
{
    const char *crv, *why;
    const uint8_t *x;
    size_t x_n;

    if (chy_json_string(cx, jwk, "crv", &crv) != CHY_OK)
        return CHY_ERR;
    if (strcmp(crv, "Ed25519") != 0)
        return chy_fail(cx, &CHY_P_badPublicKey, "curve \"%.40s\" is not supported; Ed25519 is",
                        crv);
    if (read_octets(cx, jwk, "x", CHY_ED25519_OCTETS, &x, &x_n) != CHY_OK)
        return CHY_ERR;
    if (x_n != CHY_ED25519_OCTETS)
        return chy_fail(cx, &CHY_P_badPublicKey,
                        "a key of Ed25519 has exactly %d octets (RFC 8037 section 2)",
                        CHY_ED25519_OCTETS);
    why = chy_ed25519_weakness(x);
    if (why != NULL)
        return chy_fail(cx, &CHY_P_badPublicKey, "%s", why);
    ERR_clear_error();
    out->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, x_n);
    if (out->key == NULL)
        return chy_fault_internal(cx, "OpenSSL has no Ed25519 keys");
    chy_arena_defer(cx->arena, release_key, out->key);
    out->canonical = chy_keep_json(cx, json_pack("{s:s, s:s, s:s}", "crv", crv, "kty", "OKP", "x",
                                                 json_string_value(json_object_get(jwk, "x"))));
    return CHY_OK;
}

/* A client that shows its private key has lost it (core.md T-J-13). */
static enum chy_rc refuse_private(struct chy_ctx *cx, const json_t *jwk)
{
    static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_object_get(jwk, names[i]) != NULL)
            return chy_fail(cx, &CHY_P_malformed,
                            "the JWK has the private member \"%s\": that key is no longer secret",
                            names[i]);
    return CHY_OK;
}

static enum chy_rc read_by_kty(struct chy_ctx *cx, const json_t *jwk, struct chy_jwk *out)
{
    static const struct {
        const char *kty;
        enum chy_rc (*read)(struct chy_ctx *, const json_t *, struct chy_jwk *);
    } kinds[] = {{"EC", read_ec}, {"RSA", read_rsa}, {"OKP", read_okp}};
    const char *kty;

    if (!json_is_object(jwk))
        return chy_fail(cx, &CHY_P_malformed, "the JWK is not a JSON object");
    if (chy_json_string(cx, jwk, "kty", &kty) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kty, kinds[i].kty) != 0)
            continue;
        if (refuse_private(cx, jwk) != CHY_OK)
            return CHY_ERR;
        return kinds[i].read(cx, jwk, out);
    }
    return chy_fail(cx, &CHY_P_badPublicKey,
                    "key type \"%.40s\" is not supported; EC, RSA and OKP are", kty);
}

/* RFC 7638 section 3: the required members, sorted, without white space.  They were packed in that
 * order and no value needs escaping. */
static void take_thumbprint(struct chy_ctx *cx, struct chy_jwk *jwk)
{
    size_t n;
    const char *text = chy_json_text(cx, jwk->canonical, &n);

    chy_sha256(jwk->thumbprint_raw, text, n);
    chy_b64u_write(jwk->thumbprint, jwk->thumbprint_raw, sizeof jwk->thumbprint_raw);
}

static enum chy_rc take_spki(struct chy_ctx *cx, struct chy_jwk *jwk)
{
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(jwk->key, &der);

    if (n <= 0)
        return chy_fault_internal(cx, "a public key cannot be encoded");
    chy_sha256(jwk->spki_sha256, der, (size_t)n);
    OPENSSL_free(der);
    return CHY_OK;
}

enum chy_rc chy_jwk_load(struct chy_ctx *cx, const json_t *canonical, EVP_PKEY **ret)
{
    struct chy_jwk jwk = {0};
    const char *why;

    if (read_by_kty(cx, canonical, &jwk) == CHY_OK) {
        *ret = jwk.key;
        return CHY_OK;
    }
    why = cx->problem.detail;
    chy_problem_clear(cx);
    return chy_fault_internal(cx, "a stored account key is broken: %s", why);
}

enum chy_rc chy_jwk_parse(struct chy_ctx *cx, const json_t *jwk, struct chy_jwk *ret)
{
    struct chy_jwk out = {0};

    if (read_by_kty(cx, jwk, &out) != CHY_OK)
        return CHY_ERR;
    take_thumbprint(cx, &out);
    if (take_spki(cx, &out) != CHY_OK)
        return CHY_ERR;
    *ret = out;
    return CHY_OK;
}

enum chy_rc chy_jwk_read(struct chy_ctx *cx, const json_t *jwk, struct chy_jwk *ret)
{
    struct chy_jwk out;

    if (chy_jwk_parse(cx, jwk, &out) != CHY_OK ||
        chy_key_check(cx, out.key, &CHY_P_badPublicKey) != CHY_OK)
        return CHY_ERR;
    *ret = out;
    return CHY_OK;
}
