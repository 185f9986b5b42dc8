/* SPDX-License-Identifier: Apache-2.0 */
/* core.md sections 2 and 3: T-B-01..T-B-07 and T-J-01..T-J-18 as far as the envelope decides them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/acme/jws.h"
#include "core/base/b64.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "tests/support/fakehost.h"
#include "tests/support/jose.h"
#include "tests/support/vectors.h"

#define URL "https://localhost:14000/acme/new-order"
#define KID "https://localhost:14000/acme/account/AAAA"
#define NONCE "AZ-_09"

struct fixture {
    struct chy_ctx *cx;
    EVP_PKEY *es256, *es384, *eddsa, *rs256; /* survive what a test resets */
};

static struct fixture keys;

static int setup_keys(void **state)
{
    (void)state;
    keys.cx = fake_cx_new(CHY_STAGE_REQUEST);
    keys.es256 = jose_key(keys.cx, "ES256");
    keys.es384 = jose_key(keys.cx, "ES384");
    keys.eddsa = jose_key(keys.cx, "EdDSA");
    keys.rs256 = jose_key(keys.cx, "RS256");
    return 0;
}

static int teardown_keys(void **state)
{
    (void)state;
    fake_cx_free(keys.cx);
    return 0;
}

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

static void expect_problem(struct chy_ctx *cx, const struct chy_problem_type *type,
                           const char *detail)
{
    assert_non_null(cx->problem.type);
    assert_string_equal(cx->problem.type->urn, type->urn);
    if (strstr(cx->problem.detail, detail) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", cx->problem.detail, detail);
    chy_problem_clear(cx);
}

static void refused_n(struct chy_ctx *cx, const void *body, size_t n,
                      const struct chy_problem_type *type, const char *detail)
{
    struct chy_jws out;

    memset(&out, 0x5a, sizeof out);
    assert_int_equal(chy_jws_read(cx, body, n, &out), CHY_ERR);
    expect_problem(cx, type, detail);
    memset(&out.nonce, 0x5a, sizeof out.nonce); /* all that a failure may set */
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(((uint8_t *)&out)[i], 0x5a);
}

static void refused(struct chy_ctx *cx, const char *body, const struct chy_problem_type *type,
                    const char *detail)
{
    refused_n(cx, body, strlen(body), type, detail);
}

static struct chy_jws read_good(struct chy_ctx *cx, const char *body)
{
    struct chy_jws jws = {0};

    if (chy_jws_read(cx, body, strlen(body), &jws) != CHY_OK)
        fail_msg("refused: %s", cx->problem.detail);
    return jws;
}

/* A body whose header is that text and whose signature nobody looks at. */
static char *unsigned_body(struct chy_ctx *cx, const char *header)
{
    return chy_fmt(cx, "{\"protected\":\"%s\",\"payload\":\"e30\",\"signature\":\"AAAA\"}",
                   chy_b64u(cx, header, strlen(header)));
}

static void every_algorithm_verifies_its_own_requests(void **state)
{
    EVP_PKEY *const all[] = {keys.es256, keys.es384, keys.eddsa, keys.rs256};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *payload = "{\"identifiers\":[]}";
        char *body = jose_sign(cx, all[i], jose_header(cx, all[i], KID, NONCE, URL), payload);
        struct chy_jws jws = read_good(cx, body);

        assert_string_equal(jws.alg_name, jose_alg(all[i]));
        assert_string_equal(jws.nonce, NONCE);
        assert_string_equal(jws.url, URL);
        assert_string_equal(jws.kid, KID);
        assert_null(jws.jwk);
        assert_int_equal(jws.payload_len, strlen(payload));
        assert_memory_equal(jws.payload, payload, strlen(payload));
        assert_int_equal(chy_jws_alg_fits(cx, &jws, all[i]), CHY_OK);
        assert_int_equal(chy_jws_verify(cx, &jws, all[i]), CHY_OK);
    }
}

static void a_request_with_its_own_key_verifies_with_the_key_read_from_it(void **state)
{
    struct chy_ctx *cx = *state;
    char *body = jose_sign(cx, keys.es256, jose_header(cx, keys.es256, NULL, NONCE, URL), "{}");
    struct chy_jws jws = read_good(cx, body);
    struct chy_jwk jwk;

    assert_null(jws.kid);
    assert_int_equal(chy_jwk_read(cx, jws.jwk, &jwk), CHY_OK);
    assert_int_equal(chy_jws_alg_fits(cx, &jws, jwk.key), CHY_OK);
    assert_int_equal(chy_jws_verify(cx, &jws, jwk.key), CHY_OK);
}

static void signatures_of_other_programs_verify(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *vectors = vectors_load(cx, "jose/signatures.json");
    size_t i, verified = 0;
    json_t *v;

    json_array_foreach(vectors, i, v)
    {
        const char *name = json_string_value(json_object_get(v, "alg"));
        const char *sig = json_string_value(json_object_get(v, "signature"));
        struct chy_jws jws = {.alg_name = name};
        struct chy_jwk jwk;

        if (name == NULL)
            continue;
        jws.alg = strcmp(name, "ES256") == 0   ? CHY_ALG_ES256
                  : strcmp(name, "ES384") == 0 ? CHY_ALG_ES384
                  : strcmp(name, "EdDSA") == 0 ? CHY_ALG_EDDSA
                                               : CHY_ALG_RS256;
        jws.signing_input = json_string_value(json_object_get(v, "signing_input"));
        jws.signing_input_len = strlen(jws.signing_input);
        jws.signature = chy_b64u_decode(cx, sig, strlen(sig), &jws.signature_len);
        assert_int_equal(chy_jwk_parse(cx, json_object_get(v, "jwk"), &jwk), CHY_OK);
        assert_int_equal(chy_jws_alg_fits(cx, &jws, jwk.key), CHY_OK);
        assert_int_equal(chy_jws_verify(cx, &jws, jwk.key), CHY_OK);
        jws.signing_input_len--;
        assert_int_equal(chy_jws_verify(cx, &jws, jwk.key), CHY_ERR);
        expect_problem(cx, &CHY_P_malformed, "does not verify");
        verified++;
    }
    assert_true(verified >= 8);
}

/* J-04: "" is a payload, and G-01 gives it its meaning. */
static void an_empty_payload_is_post_as_get(void **state)
{
    struct chy_ctx *cx = *state;
    char *body = jose_sign(cx, keys.es256, jose_header(cx, keys.es256, KID, NULL, URL), NULL);
    struct chy_jws jws = read_good(cx, body);

    assert_int_equal(jws.payload_len, 0);
    assert_string_equal(jws.payload, "");
    assert_null(jws.nonce);
    assert_int_equal(chy_jws_verify(cx, &jws, keys.es256), CHY_OK);
}

/* T-J-01..T-J-04, T-B-03, J-03. */
static void other_forms_than_the_flattened_one_are_refused(void **state)
{
#define REST "\"payload\":\"e30\",\"signature\":\"AAAA\""
    static const struct {
        const char *body, *detail;
    } cases[] = {
        {"", "not JSON"},
        {"eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "not JSON"},
        {"[]", "not a JSON object"},
        {"{} {}", "not JSON"},
        {"{}x", "not JSON"},
        {"{}", "\"protected\" is missing"},
        {"{" REST "}", "\"protected\" is missing"},
        {"{\"protected\":null," REST "}", "\"protected\" is missing"},
        {"{\"protected\":{}," REST "}", "\"protected\" is not a string"},
        {"{\"protected\":\"e30\",\"signature\":\"AAAA\"}", "\"payload\" is missing"},
        {"{\"protected\":\"e30\",\"payload\":null,\"signature\":\"AAAA\"}",
         "\"payload\" is missing"},
        {"{\"protected\":\"e30\",\"payload\":{},\"signature\":\"AAAA\"}",
         "\"payload\" is not a string"},
        {"{\"protected\":\"e30\",\"payload\":\"e30\"}", "\"signature\" is missing"},
        {"{\"protected\":\"e30\",\"signatures\":[]," REST "}", "\"signatures\""},
        {"{\"protected\":\"e30\",\"signatures\":null," REST "}", "\"signatures\""},
        {"{\"protected\":\"e30\",\"header\":{}," REST "}", "\"header\""},
        {"{\"protected\":\"e30\",\"header\":null," REST "}", "\"header\""},
        {"{\"protected\":\"e30\",\"protected\":\"e30\"," REST "}", "duplicate"},
        {"{\"Protected\":\"e30\"," REST "}", "\"protected\" is missing"},
        {"{\"protected\":\"\"," REST "}", "the protected header is not JSON"},
        {"{\"protected\":\"W10\"," REST "}", "the protected header is not a JSON object"},
        {"{\"protected\":\"MQ\"," REST "}", "the protected header is not JSON"},
        {"{\"protected\":\"eyJhIjoB\"," REST "}", "the protected header is not JSON"},
        {"{\"protected\":\"_w\"," REST "}", "the protected header is not valid UTF-8"},
    };
#undef REST
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cx, cases[i].body, &CHY_P_malformed, cases[i].detail);
}

/* T-B-01, T-B-02: one spelling each. */
static void each_part_is_strict_base64url(void **state)
{
    static const char *const names[] = {"protected", "payload", "signature"};
    static const char *const bad[] = {"e30=", "e3==", "e30 ", "e3\\n0",   "e+30",
                                      "e/30", "e",    "e31",  "\\u00e9A", "AAAAA"};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
            const char *part[3] = {"e30", "e30", "AAAA"};

            part[i] = bad[k];
            refused(cx,
                    chy_fmt(cx, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
                            part[0], part[1], part[2]),
                    &CHY_P_malformed, chy_fmt(cx, "\"%s\" of the JWS is not base64url", names[i]));
        }
    }
}

/* T-B-04, T-B-07, T-J-05, T-J-06, T-J-08, T-J-09, T-N-03, T-U-03. */
static void headers_that_break_a_rule_are_refused(void **state)
{
#define ALG "\"alg\":\"ES256\""
#define NAMED ALG ",\"nonce\":\"AAAA\",\"url\":\"u\",\"kid\":\"k\""
    static const struct {
        const char *header;
        const struct chy_problem_type *type;
        const char *detail;
    } cases[] = {
        {"{}", &CHY_P_malformed, "\"alg\" is missing"},
        {"{\"alg\":null}", &CHY_P_malformed, "\"alg\" is missing"},
        {"{\"alg\":[\"ES256\"]}", &CHY_P_malformed, "\"alg\" is not a string"},
        {"{" NAMED "," ALG "}", &CHY_P_malformed, "duplicate"},
        {"{" NAMED ",\"nonce\":\"AAAA\"}", &CHY_P_malformed, "duplicate"},
        {"{" NAMED ",\"kid\":\"k\"}", &CHY_P_malformed, "duplicate"},
        {"{" NAMED ",\"crit\":[\"url\"]}", &CHY_P_malformed, "\"crit\""},
        {"{" NAMED ",\"crit\":[]}", &CHY_P_malformed, "\"crit\""},
        {"{" NAMED ",\"crit\":null}", &CHY_P_malformed, "\"crit\""},
        {"{" NAMED ",\"b64\":false}", &CHY_P_malformed, "\"b64\""},
        {"{" NAMED ",\"b64\":true}", &CHY_P_malformed, "\"b64\""},
        {"{" ALG ",\"nonce\":\"AAAA\",\"kid\":\"k\"}", &CHY_P_malformed, "\"url\" is missing"},
        {"{" ALG ",\"url\":7,\"kid\":\"k\"}", &CHY_P_malformed, "\"url\" is not a string"},
        {"{" ALG ",\"nonce\":7,\"url\":\"u\",\"kid\":\"k\"}", &CHY_P_malformed,
         "\"nonce\" is not a string"},
        {"{" ALG ",\"nonce\":\"a+b=\",\"url\":\"u\",\"kid\":\"k\"}", &CHY_P_malformed,
         "the nonce is not base64url"},
        {"{" ALG ",\"nonce\":\"AAAAA\",\"url\":\"u\",\"kid\":\"k\"}", &CHY_P_malformed,
         "the nonce is not base64url"},
        {"{" ALG ",\"url\":\"u\"}", &CHY_P_malformed, "neither \"jwk\" nor \"kid\""},
        {"{" ALG ",\"url\":\"u\",\"kid\":null}", &CHY_P_malformed, "neither \"jwk\" nor \"kid\""},
        {"{" ALG ",\"url\":\"u\",\"kid\":\"k\",\"jwk\":{}}", &CHY_P_malformed,
         "both \"jwk\" and \"kid\""},
        {"{" ALG ",\"url\":\"u\",\"kid\":7}", &CHY_P_malformed, "\"kid\" is not a string"},
        {"{" ALG ",\"url\":\"u\",\"jwk\":\"x\"}", &CHY_P_malformed, "\"jwk\" is not an object"},
        {"{" ALG ",\"url\":\"u\\u0000\",\"kid\":\"k\"}", &CHY_P_malformed, "\\u0000"},
        {"{" ALG ",\"url\":\"u\",\"kid\":\"k\\u0000\"}", &CHY_P_malformed, "\\u0000"},
        {"{" ALG ",\"url\":\"\xff\",\"kid\":\"k\"}", &CHY_P_malformed, "not valid UTF-8"},
        {"{" NAMED ",\"x\":1e400}", &CHY_P_malformed, "not JSON"},
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cx, unsigned_body(cx, cases[i].header), cases[i].type, cases[i].detail);
#undef NAMED
}

/* J-03, J-15, B-05. */
static void unknown_members_are_ignored(void **state)
{
    struct chy_ctx *cx = *state;
    const char *header =
        "{" ALG ",\"nonce\":\"\",\"url\":\"u\",\"kid\":\"k\",\"jwk\":null,\"typ\":\"JWT\","
        "\"jku\":\"http://127.0.0.1:1/\",\"x5u\":7,\"x5c\":[\"A\"],\"x5t\":\"A\",\"x\":{}}";
    struct chy_jws jws = read_good(
        cx,
        chy_fmt(cx, "{\"protected\":\"%s\",\"x\":[1],\"payload\":\"e30\",\"signature\":\"AAAA\"}",
                chy_b64u(cx, header, strlen(header))));

    assert_string_equal(jws.kid, "k");
    assert_string_equal(jws.nonce, "");
    assert_null(jws.jwk);
}

/* T-J-05, T-J-06, J-08. */
static void other_algorithms_are_refused_with_the_list_of_ours(void **state)
{
    static const char *const bad[] = {"none",  "None",   "",      "HS256", "HS384",
                                      "HS512", "es256",  "ES512", "RS384", "PS256",
                                      "RS1",   "ES256K", "ES256 "};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct chy_jws out;
        char *body =
            unsigned_body(cx, chy_fmt(cx, "{\"alg\":\"%s\",\"url\":\"u\",\"kid\":\"k\"}", bad[i]));
        json_t *problem, *algs;

        assert_int_equal(chy_jws_read(cx, body, strlen(body), &out), CHY_ERR);
        problem = chy_keep_json(cx, chy_problem_json(&cx->problem));
        algs = json_object_get(problem, "algorithms");
        assert_int_equal(json_array_size(algs), 4);
        assert_string_equal(json_string_value(json_array_get(algs, 0)), "ES256");
        assert_string_equal(json_string_value(json_array_get(algs, 3)), "RS256");
        assert_int_equal(cx->problem.status, 400);
        expect_problem(cx, &CHY_P_badSignatureAlgorithm, "is not supported");
    }
}

/* T-B-05, B-06. */
static void nesting_and_size_are_bounded(void **state)
{
    struct chy_ctx *cx = *state;
    size_t n = CHY_JWS_MAX + 1;
    char *deep = chy_alloc(cx, n + 1);

    memset(deep, '[', n);
    refused_n(cx, deep, n, &CHY_P_malformed, "longer than 65536 octets");
    refused_n(cx, deep, n - 1, &CHY_P_malformed, "nested more than 16 deep");
    memcpy(deep, "{\"a\":", 5);
    refused_n(cx, deep, 40000, &CHY_P_malformed, "nested more than 16 deep");
    deep[0] = '[';
    refused(cx, unsigned_body(cx, chy_fmt(cx, "{" ALG ",\"x\":%.*s}", 30000, deep + 5)),
            &CHY_P_malformed, "the protected header is nested");
}

/* J-10, T-J-07: the header cannot choose. */
static void an_algorithm_of_another_kind_of_key_is_refused(void **state)
{
    EVP_PKEY *const all[] = {keys.es256, keys.es384, keys.eddsa, keys.rs256};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            json_t *header = jose_header(cx, all[i], KID, NONCE, URL);
            struct chy_jws jws;

            if (i == k)
                continue;
            json_object_set_new(header, "alg", json_string(jose_alg(all[k])));
            jws = read_good(cx, jose_sign(cx, all[i], header, "{}"));
            assert_int_equal(chy_jws_alg_fits(cx, &jws, all[i]), CHY_ERR);
            expect_problem(cx, &CHY_P_badPublicKey, jose_alg(all[i]));
            assert_int_equal(chy_jws_verify(cx, &jws, all[i]), CHY_ERR);
            expect_problem(cx, &CHY_P_malformed, "does not fit the key");
        }
    }
}

static void keys_that_no_algorithm_uses_are_refused(void **state)
{
    struct chy_ctx *cx = *state;
    EVP_PKEY *const odd[] = {EVP_PKEY_Q_keygen(NULL, NULL, "X25519"),
                             EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), EVP_EC_gen("secp256k1"),
                             EVP_EC_gen("P-521")};
    struct chy_jws jws = read_good(cx, unsigned_body(cx, "{" ALG ",\"url\":\"u\",\"kid\":\"k\"}"));

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_non_null(odd[i]);
        assert_int_equal(chy_jws_alg_fits(cx, &jws, odd[i]), CHY_ERR);
        expect_problem(cx, &CHY_P_badPublicKey, "no supported algorithm");
        assert_int_equal(chy_jws_verify(cx, &jws, odd[i]), CHY_ERR);
        expect_problem(cx, &CHY_P_malformed, "does not fit the key");
        EVP_PKEY_free(odd[i]);
    }
}

/* T-J-18. */
static void the_algorithm_of_the_jwk_must_be_that_of_the_header(void **state)
{
    static const struct {
        const char *alg;
        enum chy_rc rc;
        const char *detail;
    } cases[] = {{"\"ES256\"", CHY_OK, NULL},
                 {"null", CHY_OK, NULL},
                 {"\"RS256\"", CHY_ERR, "the JWK is for algorithm \"RS256\""},
                 {"\"\"", CHY_ERR, "the JWK is for algorithm \"\""},
                 {"7", CHY_ERR, "\"alg\" is not a string"}};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *header = jose_header(cx, keys.es256, NULL, NONCE, URL);
        struct chy_jws jws;

        json_object_set_new(json_object_get(header, "jwk"), "alg",
                            json_loads(cases[i].alg, JSON_DECODE_ANY, NULL));
        jws = read_good(cx, jose_sign(cx, keys.es256, header, "{}"));
        assert_int_equal(chy_jws_alg_fits(cx, &jws, keys.es256), cases[i].rc);
        if (cases[i].detail != NULL)
            expect_problem(cx, &CHY_P_malformed, cases[i].detail);
    }
}

/* T-J-15: any one bit of what is signed, and of the signature. */
static void one_flipped_bit_is_noticed(void **state)
{
    EVP_PKEY *const all[] = {keys.es256, keys.es384, keys.eddsa, keys.rs256};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < 4; i++) {
        struct chy_jws jws = read_good(
            cx, jose_sign(cx, all[i], jose_header(cx, all[i], KID, NONCE, URL), "{\"a\":1}"));
        char *input = chy_fmt(cx, "%s", jws.signing_input);
        uint8_t *sig = chy_alloc(cx, jws.signature_len);

        memcpy(sig, jws.signature, jws.signature_len);
        jws.signing_input = input;
        jws.signature = sig;
        for (size_t k = 0; k < jws.signing_input_len; k += 7) {
            input[k] ^= 1;
            assert_int_equal(chy_jws_verify(cx, &jws, all[i]), CHY_ERR);
            expect_problem(cx, &CHY_P_malformed, "does not verify");
            input[k] ^= 1;
        }
        for (size_t k = 0; k < jws.signature_len; k += 5) {
            sig[k] ^= 0x10;
            assert_int_equal(chy_jws_verify(cx, &jws, all[i]), CHY_ERR);
            expect_problem(cx, &CHY_P_malformed, "does not verify");
            sig[k] ^= 0x10;
        }
        assert_int_equal(chy_jws_verify(cx, &jws, all[i]), CHY_OK);
    }
}

/* T-J-16. */
static void another_key_of_the_same_kind_does_not_verify(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_jws jws = read_good(
        cx, jose_sign(cx, keys.es256, jose_header(cx, keys.es256, KID, NONCE, URL), "{}"));

    assert_int_equal(chy_jws_verify(cx, &jws, jose_key(cx, "ES256")), CHY_ERR);
    expect_problem(cx, &CHY_P_malformed, "does not verify");
}

/* T-J-10, J-11. */
static void ecdsa_signatures_of_other_shapes_are_refused(void **state)
{
    /* order of P-256 */
    static const uint8_t n[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                  0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    struct chy_ctx *cx = *state;
    struct chy_jws good = read_good(
        cx, jose_sign(cx, keys.es256, jose_header(cx, keys.es256, KID, NONCE, URL), "{}"));
    static const size_t lengths[] = {0, 1, 32, 63, 65, 70, 71, 72, 96, 128};
    uint8_t sig[128] = {0};
    struct chy_jws jws = good;
    BIGNUM *s, *order;

    memcpy(sig, good.signature, 64);
    jws.signature = sig;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        jws.signature_len = lengths[i];
        assert_int_equal(chy_jws_verify(cx, &jws, keys.es256), CHY_ERR);
        expect_problem(cx, &CHY_P_malformed, "ES256 has 64");
    }
    jws.signature_len = 64;
    for (size_t half = 0; half < 2; half++) {
        for (int with = 0; with < 3; with++) {
            memcpy(sig, good.signature, 64);
            memset(sig + 32 * half, with == 2 ? 0xff : 0, 32);
            if (with == 1)
                memcpy(sig + 32 * half, n, 32);
            assert_int_equal(chy_jws_verify(cx, &jws, keys.es256), CHY_ERR);
            expect_problem(cx, &CHY_P_malformed, "does not verify");
        }
    }
    /* n - s verifies too, by the mathematics of ECDSA; s + n must not, though it is s modulo n */
    memcpy(sig, good.signature, 64);
    s = BN_bin2bn(sig + 32, 32, NULL);
    order = BN_bin2bn(n, 32, NULL);
    BN_add(s, s, order);
    if (BN_num_bytes(s) <= 32) {
        BN_bn2binpad(s, sig + 32, 32);
        assert_int_equal(chy_jws_verify(cx, &jws, keys.es256), CHY_ERR);
        expect_problem(cx, &CHY_P_malformed, "does not verify");
    }
    BN_free(s);
    BN_free(order);
}

static void signatures_of_other_lengths_are_refused(void **state)
{
    EVP_PKEY *const all[] = {keys.es384, keys.eddsa, keys.rs256};
    static const size_t wanted[] = {96, 64, 256};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < 3; i++) {
        struct chy_jws jws =
            read_good(cx, jose_sign(cx, all[i], jose_header(cx, all[i], KID, NONCE, URL), "{}"));
        uint8_t *longer = chy_alloc(cx, jws.signature_len + 1);

        assert_int_equal(jws.signature_len, wanted[i]);
        memcpy(longer + 1, jws.signature, jws.signature_len);
        jws.signature_len--;
        assert_int_equal(chy_jws_verify(cx, &jws, all[i]), CHY_ERR);
        expect_problem(cx, &CHY_P_malformed, chy_fmt(cx, "has %zu (", wanted[i]));
        /* a zero octet in front changes no integer */
        jws.signature = longer;
        jws.signature_len = wanted[i] + 1;
        assert_int_equal(chy_jws_verify(cx, &jws, all[i]), CHY_ERR);
        expect_problem(cx, &CHY_P_malformed, chy_fmt(cx, "has %zu (", wanted[i]));
    }
}

/* J-12: JSON may spell the text otherwise; what is signed is the text. */
static void escapes_of_json_do_not_change_what_is_signed(void **state)
{
    struct chy_ctx *cx = *state;
    char *body = jose_sign(cx, keys.es256, jose_header(cx, keys.es256, KID, NONCE, URL), "{}");
    struct chy_jws jws;
    char *escaped = chy_fmt(cx, "%.*s\\u0065%s", 14, body, body + 15);

    assert_int_equal(body[14], 'e');
    jws = read_good(cx, escaped);
    assert_int_equal(chy_jws_verify(cx, &jws, keys.es256), CHY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_algorithm_verifies_its_own_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_request_with_its_own_key_verifies_with_the_key_read_from_it, setup, teardown),
        cmocka_unit_test_setup_teardown(signatures_of_other_programs_verify, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_payload_is_post_as_get, setup, teardown),
        cmocka_unit_test_setup_teardown(other_forms_than_the_flattened_one_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(each_part_is_strict_base64url, setup, teardown),
        cmocka_unit_test_setup_teardown(headers_that_break_a_rule_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_members_are_ignored, setup, teardown),
        cmocka_unit_test_setup_teardown(other_algorithms_are_refused_with_the_list_of_ours, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nesting_and_size_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(an_algorithm_of_another_kind_of_key_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(keys_that_no_algorithm_uses_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_algorithm_of_the_jwk_must_be_that_of_the_header, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_flipped_bit_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(another_key_of_the_same_kind_does_not_verify, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(ecdsa_signatures_of_other_shapes_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(signatures_of_other_lengths_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(escapes_of_json_do_not_change_what_is_signed, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, setup_keys, teardown_keys);
}
