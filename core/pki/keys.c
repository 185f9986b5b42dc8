/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of public keys, the patterns that policy allows them by, and their soundness (core.md
 * section 34: KY-01 to KY-03, KY-05).  No blocklist of compromised keys (KY-04, KY-06) yet. */
#include "core/pki/keys.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "core/pki/ed25519.h"
#include "core/pki/rsa.h"

#define RSA_EXPONENT 65537
#define GROUP_NAME_MAX 32
#define EC_POINT_MAX 133 /* P-521, uncompressed */

static const struct ec_kind {
    const char *group; /* as OpenSSL names it */
    const char *kind;
} ec_kinds[] = {
    {"prime256v1", "ec-p256"}, {"P-256", "ec-p256"},     {"secp384r1", "ec-p384"},
    {"P-384", "ec-p384"},      {"secp521r1", "ec-p521"}, {"P-521", "ec-p521"},
};

static const char kind_ed25519[] = "ed25519";

static const char *ec_kind(EVP_PKEY *key)
{
    char group[GROUP_NAME_MAX];
    size_t n;

    if (EVP_PKEY_get_group_name(key, group, sizeof group, &n) != 1)
        return NULL;
    for (size_t i = 0; i < sizeof ec_kinds / sizeof *ec_kinds; i++)
        if (strcmp(group, ec_kinds[i].group) == 0)
            return ec_kinds[i].kind;
    return NULL;
}

const char *chy_key_kind(struct chy_ctx *cx, EVP_PKEY *key)
{
    const char *kind = NULL;

    if (EVP_PKEY_is_a(key, "RSA"))
        return chy_fmt(cx, "rsa-%d", EVP_PKEY_get_bits(key));
    if (EVP_PKEY_is_a(key, "EC"))
        kind = ec_kind(key);
    else if (EVP_PKEY_is_a(key, "ED25519"))
        kind = kind_ed25519;
    ERR_clear_error();
    return kind;
}

static enum chy_rc check_rsa(struct chy_ctx *cx, EVP_PKEY *key, const struct chy_problem_type *type)
{
    int bits = EVP_PKEY_get_bits(key);
    BIGNUM *n = NULL, *e = NULL;
    const char *why = NULL;

    /* Before anything is computed with it. */
    if (bits < CHY_RSA_BITS_MIN || bits > CHY_RSA_BITS_MAX)
        return chy_fail(cx, type, "RSA modulus has %d bits, not %d to %d", bits, CHY_RSA_BITS_MIN,
                        CHY_RSA_BITS_MAX);
    if (bits % 8 != 0)
        return chy_fail(cx, type, "RSA modulus has %d bits, not a multiple of 8", bits);
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
        why = "RSA key has no modulus or no exponent";
    else if (!BN_is_word(e, RSA_EXPONENT))
        why = "RSA exponent is not 65537";
    else
        why = chy_rsa_weakness(n);
    BN_free(n);
    BN_free(e);
    return why == NULL ? CHY_OK : chy_fail(cx, type, "%s", why);
}

static enum chy_rc check_ec(struct chy_ctx *cx, EVP_PKEY *key, const struct chy_problem_type *type)
{
    chy_auto(EVP_PKEY_CTX) *check = NULL;
    unsigned char point[EC_POINT_MAX + 1];
    char encoding[GROUP_NAME_MAX];
    size_t n = 0;

    if (ec_kind(key) == NULL)
        return chy_fail(cx, type, "EC curve is not P-256, P-384 or P-521");
    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, encoding, sizeof encoding,
                                       NULL) != 1 ||
        strcmp(encoding, OSSL_PKEY_EC_ENCODING_GROUP) != 0)
        return chy_fail(cx, type, "EC key has explicit curve parameters, not a named curve");
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n) !=
            1 ||
        n < 1 || point[0] != 0x04)
        return chy_fail(cx, type, "EC point is not an uncompressed one");
    check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    /* On the curve and not infinity.  These curves have cofactor 1, so that is the full check: the
     * multiplication by the order (ten times as slow) could add nothing. */
    if (check == NULL || EVP_PKEY_public_check_quick(check) != 1)
        return chy_fail(cx, type, "EC point is not on its curve");
    return CHY_OK;
}

static enum chy_rc check_ed25519(struct chy_ctx *cx, EVP_PKEY *key,
                                 const struct chy_problem_type *type)
{
    uint8_t raw[CHY_ED25519_OCTETS];
    size_t n = sizeof raw;
    const char *why;

    if (EVP_PKEY_get_raw_public_key(key, raw, &n) != 1 || n != sizeof raw)
        return chy_fail(cx, type, "Ed25519 key has no public half");
    why = chy_ed25519_weakness(raw);
    return why == NULL ? CHY_OK : chy_fail(cx, type, "%s", why);
}

enum chy_rc chy_key_check(struct chy_ctx *cx, EVP_PKEY *key, const struct chy_problem_type *type)
{
    enum chy_rc rc;

    if (EVP_PKEY_is_a(key, "RSA"))
        rc = check_rsa(cx, key, type);
    else if (EVP_PKEY_is_a(key, "EC"))
        rc = check_ec(cx, key, type);
    else if (EVP_PKEY_is_a(key, "ED25519"))
        rc = check_ed25519(cx, key, type);
    else
        rc = chy_fail(cx, type, "public key is not RSA, EC or Ed25519");
    ERR_clear_error();
    return rc;
}

bool chy_key_allowed(const char *kind, const json_t *patterns)
{
    unsigned bits = 0, same, least, most;
    bool rsa;
    size_t i;
    json_t *v;

    if (kind == NULL)
        return false;
    rsa = chy_policy_rsa_pattern_read(kind, &bits, &same);
    json_array_foreach(patterns, i, v)
    {
        const char *pattern = json_string_value(v);

        if (pattern == NULL)
            continue;
        if (strcmp(pattern, kind) == 0 && chy_policy_key_pattern_valid(pattern))
            return true;
        if (rsa && chy_policy_rsa_pattern_read(pattern, &least, &most) && bits >= least &&
            bits <= most)
            return true;
    }
    return false;
}
