/* SPDX-License-Identifier: Apache-2.0 */
/* core.md section 4 and T-J-11..T-J-14, T-K-01..T-K-04, KY-07: account keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/acme/digest.h"
#include "core/acme/jwk.h"
#include "core/base/b64.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "tests/support/fakehost.h"
#include "tests/support/jose.h"
#include "tests/support/vectors.h"

#define P256_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define P256_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"

static int setup(void **state)
{
    *state = fake_cx_new(CHY_STAGE_REQUEST);
    return 0;
}

static int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

static json_t *parse(struct chy_ctx *cx, const char *text)
{
    json_t *j = NULL;

    assert_int_equal(chy_json_value(cx, "test", text, strlen(text), &j), CHY_OK);
    return j;
}

static void refused(struct chy_ctx *cx, const json_t *jwk, const struct chy_problem_type *type,
                    const char *detail)
{
    struct chy_jwk out;

    memset(&out, 0x5a, sizeof out);
    assert_int_equal(chy_jwk_read(cx, jwk, &out), CHY_ERR);
    assert_string_equal(cx->problem.type->urn, type->urn);
    if (strstr(cx->problem.detail, detail) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", cx->problem.detail, detail);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(((uint8_t *)&out)[i], 0x5a);
    chy_problem_clear(cx);
}

/* T-K-01 and the hash of the SubjectPublicKeyInfo, against what other programs computed. */
static void vectors_have_their_thumbprint_and_spki_hash(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *vectors = vectors_load(cx, "jose/signatures.json");
    size_t i;
    json_t *v;

    assert_true(json_array_size(vectors) >= 10);
    json_array_foreach(vectors, i, v)
    {
        const char *spki = json_string_value(json_object_get(v, "spki_sha256"));
        struct chy_jwk jwk;

        assert_int_equal(chy_jwk_parse(cx, json_object_get(v, "jwk"), &jwk), CHY_OK);
        assert_string_equal(jwk.thumbprint, json_string_value(json_object_get(v, "thumbprint")));
        assert_string_equal(jwk.thumbprint, chy_b64u(cx, jwk.thumbprint_raw, 32));
        for (size_t k = 0; k < 32; k++)
            assert_string_equal(chy_fmt(cx, "%02x", jwk.spki_sha256[k]),
                                chy_fmt(cx, "%.2s", spki + 2 * k));
    }
}

/* K-05: the key authorization of dns-01 that the checklist computes. */
static void key_authorization_hashes_to_the_known_txt_value(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_jwk jwk;
    uint8_t hash[32];
    const char *auth;

    assert_int_equal(chy_jwk_parse(cx,
                                   parse(cx, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X
                                             "\",\"y\":\"" P256_Y "\"}"),
                                   &jwk),
                     CHY_OK);
    auth = chy_fmt(cx, "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.%s", jwk.thumbprint);
    chy_sha256(hash, auth, strlen(auth));
    assert_string_equal(chy_b64u(cx, hash, 32), "TsRKynps8WR2t_mg14_-b9KAPI5z6dVS6CzKil2SuXU");
}

static void canonical_form_loads_to_the_same_key(void **state)
{
    static const char *const algs[] = {"ES256", "ES384", "EdDSA", "RS256"};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
        EVP_PKEY *key = jose_key(cx, algs[i]), *loaded = NULL;
        struct chy_jwk jwk, again;

        assert_int_equal(chy_jwk_read(cx, jose_jwk(cx, key), &jwk), CHY_OK);
        assert_int_equal(EVP_PKEY_eq(key, jwk.key), 1);
        assert_int_equal(chy_jwk_load(cx, jwk.canonical, &loaded), CHY_OK);
        assert_int_equal(EVP_PKEY_eq(key, loaded), 1);
        assert_int_equal(chy_jwk_read(cx, jwk.canonical, &again), CHY_OK);
        assert_true(json_equal(again.canonical, jwk.canonical));
    }
}

/* T-K-03. */
static void order_and_other_members_do_not_matter(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_jwk jwk;

    assert_int_equal(
        chy_jwk_parse(cx,
                      parse(cx,
                            "{\"y\":\"" P256_Y "\",\"use\":\"sig\",\"kid\":\"7\",\"x\":\"" P256_X
                            "\",\"alg\":\"ES256\",\"kty\":\"EC\",\"x5u\":\"http://127.0.0.1/\","
                            "\"key_ops\":[\"verify\"],\"crv\":\"P-256\"}"),
                      &jwk),
        CHY_OK);
    assert_string_equal(jwk.thumbprint, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
    assert_int_equal(json_object_size(jwk.canonical), 4);
}

static bool begins_with_zero(const json_t *jwk, const char *name)
{
    const char *text = json_string_value(json_object_get(jwk, name));

    return text[0] == 'A' && text[1] >= 'A' && text[1] <= 'P'; /* the first eight bits */
}

/* T-K-04: a coordinate that begins with a zero octet keeps it. */
static void coordinates_with_leading_zeros_keep_them(void **state)
{
    struct chy_ctx *cx = *state;
    int found_x = 0, found_y = 0;

    for (int tries = 0; tries < 20000 && (found_x == 0 || found_y == 0); tries++) {
        EVP_PKEY *key = jose_key(cx, "ES256");
        json_t *wire = jose_jwk(cx, key);
        bool zero_x = begins_with_zero(wire, "x"), zero_y = begins_with_zero(wire, "y");
        struct chy_jwk jwk;

        if (zero_x || zero_y) {
            assert_int_equal(chy_jwk_read(cx, wire, &jwk), CHY_OK);
            assert_int_equal(EVP_PKEY_eq(key, jwk.key), 1);
            assert_true(json_equal(jwk.canonical, wire));
        }
        found_x += zero_x;
        found_y += zero_y;
        if (tries % 200 == 0)
            chy_arena_reset(cx->arena);
    }
    assert_true(found_x > 0 && found_y > 0);
}

/* K-03, T-K-02, T-A-11. */
static void rsa_leading_zeros_make_no_second_key(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *wire = jose_jwk(cx, jose_key(cx, "RS256"));
    struct chy_jwk plain, padded;
    uint8_t octets[260] = {0};
    size_t n;
    uint8_t *modulus =
        chy_b64u_decode(cx, json_string_value(json_object_get(wire, "n")), chy_b64u_len(256), &n);
    json_t *longer = chy_keep_json(cx, json_copy(wire));

    assert_int_equal(n, 256);
    memcpy(octets + 3, modulus, 256);
    json_object_set_new(longer, "n", json_string(chy_b64u(cx, octets, 259)));
    json_object_set_new(longer, "e", json_string("AAEAAQ"));
    assert_int_equal(chy_jwk_read(cx, wire, &plain), CHY_OK);
    assert_int_equal(chy_jwk_read(cx, longer, &padded), CHY_OK);
    assert_string_equal(plain.thumbprint, padded.thumbprint);
    assert_memory_equal(plain.spki_sha256, padded.spki_sha256, 32);
    assert_true(json_equal(plain.canonical, padded.canonical));
}

static void malformed_and_unsupported_keys_are_refused(void **state)
{
    static const struct {
        const char *jwk;
        const struct chy_problem_type *type;
        const char *detail;
    } cases[] = {
        {"[]", &CHY_P_malformed, "not a JSON object"},
        {"null", &CHY_P_malformed, "not a JSON object"},
        {"\"x\"", &CHY_P_malformed, "not a JSON object"},
        {"{}", &CHY_P_malformed, "\"kty\" is missing"},
        {"{\"kty\":null}", &CHY_P_malformed, "\"kty\" is missing"},
        {"{\"kty\":1}", &CHY_P_malformed, "\"kty\" is not a string"},
        /* T-J-14 */
        {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", &CHY_P_badPublicKey, "key type \"oct\""},
        {"{\"kty\":\"ec\"}", &CHY_P_badPublicKey, "key type \"ec\""},
        {"{\"kty\":\"EC\",\"crv\":\"secp256k1\"}", &CHY_P_badPublicKey, "curve \"secp256k1\""},
        {"{\"kty\":\"EC\",\"crv\":\"P-224\"}", &CHY_P_badPublicKey, "curve \"P-224\""},
        {"{\"kty\":\"EC\",\"crv\":\"P-521\"}", &CHY_P_badPublicKey, "curve \"P-521\""},
        {"{\"kty\":\"EC\",\"crv\":\"Ed25519\"}", &CHY_P_badPublicKey, "curve \"Ed25519\""},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed448\"}", &CHY_P_badPublicKey, "curve \"Ed448\""},
        {"{\"kty\":\"OKP\",\"crv\":\"X25519\"}", &CHY_P_badPublicKey, "curve \"X25519\""},
        {"{\"kty\":\"OKP\",\"crv\":\"P-256\"}", &CHY_P_badPublicKey, "curve \"P-256\""},
        /* members */
        {"{\"kty\":\"EC\"}", &CHY_P_malformed, "\"crv\" is missing"},
        {"{\"kty\":\"OKP\"}", &CHY_P_malformed, "\"crv\" is missing"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\"}", &CHY_P_malformed, "\"x\" is missing"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X "\"}", &CHY_P_malformed,
         "\"y\" is missing"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":7,\"y\":\"" P256_Y "\"}", &CHY_P_malformed,
         "\"x\" is not a string"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f+3OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
         &CHY_P_malformed, "\"x\" of the JWK is not base64url"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVE=\"}",
         &CHY_P_malformed, "\"x\" of the JWK is not base64url"},
        {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", &CHY_P_malformed, "\"n\" is missing"},
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\"}", &CHY_P_malformed, "\"e\" is missing"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", &CHY_P_badPublicKey,
         "exactly 32 octets"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\"}", &CHY_P_badPublicKey,
         "exactly 32 octets"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
         &CHY_P_badPublicKey, "longer than 32 octets"},
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cx, parse(cx, cases[i].jwk), cases[i].type, cases[i].detail);
}

/* T-J-13. */
static void private_members_are_refused(void **state)
{
    static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *jwk = parse(cx, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" P256_X
                                "\",\"y\":\"" P256_Y "\"}");

        json_object_set_new(jwk, names[i], json_string("AAAA"));
        refused(cx, jwk, &CHY_P_malformed, chy_fmt(cx, "private member \"%s\"", names[i]));
    }
}

static json_t *ec_jwk(struct chy_ctx *cx, const uint8_t *x, size_t x_n, const uint8_t *y,
                      size_t y_n)
{
    return chy_keep_json(cx, json_pack("{s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "P-256", "x",
                                       chy_b64u(cx, x, x_n), "y", chy_b64u(cx, y, y_n)));
}

/* T-J-11. */
static void ec_points_off_the_curve_are_refused(void **state)
{
    static const uint8_t p[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
                                  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t zero[33];
    struct chy_ctx *cx = *state;
    uint8_t x[33] = {0}, y[33] = {0}, bad[32];
    BIGNUM *n = BN_new();

    assert_int_equal(chy_b64u_read(x + 1, P256_X, 43), 32);
    assert_int_equal(chy_b64u_read(y + 1, P256_Y, 43), 32);
    memcpy(bad, y + 1, 32);
    bad[31] ^= 1;
    refused(cx, ec_jwk(cx, x + 1, 32, bad, 32), &CHY_P_badPublicKey, "not on its curve");
    refused(cx, ec_jwk(cx, y + 1, 32, x + 1, 32), &CHY_P_badPublicKey, "not on its curve");
    refused(cx, ec_jwk(cx, zero, 32, zero, 32), &CHY_P_badPublicKey, "not on its curve");
    refused(cx, ec_jwk(cx, p, 32, y + 1, 32), &CHY_P_badPublicKey, "not on its curve");
    /* x = 5 is on the curve with a y; x = p + 5 names the same point a second time */
    BN_bin2bn(p, 32, n);
    BN_add_word(n, 5);
    BN_bn2binpad(n, bad, 32);
    refused(cx, ec_jwk(cx, bad, 32, y + 1, 32), &CHY_P_badPublicKey, "not on its curve");
    refused(cx, ec_jwk(cx, x + 2, 31, y + 1, 32), &CHY_P_badPublicKey, "exactly 32 octets");
    refused(cx, ec_jwk(cx, x, 33, y + 1, 32), &CHY_P_badPublicKey, "longer than 32 octets");
    refused(cx, ec_jwk(cx, x + 1, 32, y + 2, 31), &CHY_P_badPublicKey, "exactly 32 octets");
    refused(cx, ec_jwk(cx, x + 1, 0, y + 1, 32), &CHY_P_badPublicKey, "exactly 32 octets");
    BN_free(n);
}

static json_t *okp_jwk(struct chy_ctx *cx, const uint8_t x[32])
{
    return chy_keep_json(
        cx, json_pack("{s:s, s:s, s:s}", "kty", "OKP", "crv", "Ed25519", "x", chy_b64u(cx, x, 32)));
}

static void ed25519_points_that_anybody_can_sign_for_are_refused(void **state)
{
    struct chy_ctx *cx = *state;
    uint8_t x[32] = {0};

    refused(cx, okp_jwk(cx, x), &CHY_P_badPublicKey, "small order");
    x[31] = 0x80;
    refused(cx, okp_jwk(cx, x), &CHY_P_badPublicKey, "small order");
    x[0] = 1;
    refused(cx, okp_jwk(cx, x), &CHY_P_badPublicKey, "small order");
    memset(x, 0xff, sizeof x); /* y >= p */
    refused(cx, okp_jwk(cx, x), &CHY_P_badPublicKey, "not canonical");
    x[0] = 0xed;
    x[31] = 0x7f;
    refused(cx, okp_jwk(cx, x), &CHY_P_badPublicKey, "not canonical");
    x[0] = 0xec; /* p - 1 */
    refused(cx, okp_jwk(cx, x), &CHY_P_badPublicKey, "small order");
}

static json_t *rsa_jwk(struct chy_ctx *cx, size_t octets, uint8_t first, uint8_t last,
                       const char *e)
{
    uint8_t *n = chy_alloc(cx, octets + 1);

    memset(n, 0x55, octets);
    if (octets > 0) {
        n[0] = first;
        n[octets - 1] = last;
    }
    return chy_keep_json(
        cx, json_pack("{s:s, s:s, s:s}", "kty", "RSA", "n", chy_b64u(cx, n, octets), "e", e));
}

/* T-J-12: each within bounded time, even those of 16384 bits. */
static void weak_rsa_keys_are_refused_quickly(void **state)
{
    static const struct {
        size_t octets;
        uint8_t first, last;
        const char *e, *detail;
    } cases[] = {
        {128, 0xc5, 0x55, "AQAB", "has 1024 bits"},
        {256, 0x7f, 0x55, "AQAB", "has 2047 bits"},
        {255, 0xc5, 0x55, "AQAB", "has 2040 bits"},
        {0, 0, 0, "AQAB", "has 0 bits"},
        {1, 0, 0, "AQAB", "has 0 bits"},
        {8, 0, 0, "AQAB", "has 55 bits"},
        {1025, 0x01, 0x55, "AQAB", "longer than 1024 octets"},
        {2048, 0xc5, 0x55, "AQAB", "longer than 1032 octets"},
        {256, 0xc5, 0x54, "AQAB", "modulus is even"},
        {256, 0xc5, 0x55, "AQ", "smaller than 3"},
        {256, 0xc5, 0x55, "Ag", "exponent is even"},
        {256, 0xc5, 0x55, "", "exponent is even"},
        {256, 0xc5, 0x55, "AA", "exponent is even"},
        {256, 0xc5, 0x55, "Aw", "exponent is not 65537"},
        {257, 0x01, 0x55, "AQAB", "not a multiple of 8"},
        {256, 0xc5, 0x55, "AQABAAE", "longer than 4 octets"},
        {256, 0xc5, 0x55, "AQABAAEAAQABAAEAAQABAAEAAQ", "longer than 12 octets"},
    };
    struct chy_ctx *cx = *state;
    int64_t began = chy_clock_ms();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cx, rsa_jwk(cx, cases[i].octets, cases[i].first, cases[i].last, cases[i].e),
                &CHY_P_badPublicKey, cases[i].detail);
    assert_true(chy_clock_ms() - began < 100);
}

/* V-07: what cannot be certified may still prove that it is compromised. */
static void parse_takes_what_policy_refuses(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_jwk jwk;

    assert_int_equal(chy_jwk_parse(cx, rsa_jwk(cx, 256, 0xc5, 0x55, "Aw"), &jwk), CHY_OK);
    assert_int_equal(EVP_PKEY_get_bits(jwk.key), 2048);
}

static void a_broken_stored_key_is_our_fault(void **state)
{
    struct chy_ctx *cx = *state;
    EVP_PKEY *key = NULL;

    assert_int_equal(chy_jwk_load(cx, parse(cx, "{\"kty\":\"EC\",\"crv\":\"P-256\"}"), &key),
                     CHY_ERR);
    assert_string_equal(cx->problem.type->urn, CHY_P_serverInternal.urn);
    assert_non_null(strstr(cx->problem.note, "\"x\" is missing"));
    assert_null(strstr(cx->problem.detail, "missing"));
    assert_null(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(vectors_have_their_thumbprint_and_spki_hash, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(key_authorization_hashes_to_the_known_txt_value, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(canonical_form_loads_to_the_same_key, setup, teardown),
        cmocka_unit_test_setup_teardown(order_and_other_members_do_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(coordinates_with_leading_zeros_keep_them, setup, teardown),
        cmocka_unit_test_setup_teardown(rsa_leading_zeros_make_no_second_key, setup, teardown),
        cmocka_unit_test_setup_teardown(malformed_and_unsupported_keys_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(private_members_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(ec_points_off_the_curve_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(ed25519_points_that_anybody_can_sign_for_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(weak_rsa_keys_are_refused_quickly, setup, teardown),
        cmocka_unit_test_setup_teardown(parse_takes_what_policy_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broken_stored_key_is_our_fault, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
