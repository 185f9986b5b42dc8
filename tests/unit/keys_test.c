/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys: kinds, patterns, and the weaknesses each check is there for (core.md T-KY-01). */
#include "tests/unit/pki_fixture.h"

#include <time.h>

#include "core/pki/keys.h"
#include "core/policy/keypattern.h"
#include "core/pki/rsa.h"
#include "core/pki/spki.h"

struct world {
    struct chy_ctx *cx;
    BN_CTX *bn;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    w->cx = fake_cx_new(CHY_STAGE_REQUEST);
    w->bn = BN_CTX_new();
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    BN_CTX_free(w->bn);
    fake_cx_free(w->cx);
    free(w);
    return 0;
}

static EVP_PKEY *rsa_of(const BIGNUM *n, const char *exponent)
{
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *e = NULL;
    OSSL_PARAM *params;
    EVP_PKEY *key = NULL;

    BN_hex2bn(&e, exponent);
    OSSL_PARAM_BLD_push_BN(b, "n", n);
    OSSL_PARAM_BLD_push_BN(b, "e", e);
    params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_fromdata_init(c);
    assert_int_equal(EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(c);
    BN_free(e);
    return key;
}

static BIGNUM *prime_of(int bits)
{
    BIGNUM *p = BN_new();

    assert_int_equal(BN_generate_prime_ex(p, bits, 0, NULL, NULL, NULL), 1);
    return p;
}

static void next_prime(BIGNUM *p, BN_CTX *bn)
{
    do
        BN_add_word(p, 2);
    while (BN_check_prime(p, bn, NULL) != 1);
}

static void refuse_modulus(struct world *w, const BIGNUM *n, const char *words)
{
    EVP_PKEY *key = rsa_of(n, "010001");

    assert_int_equal(chy_key_check(w->cx, key, &CHY_P_badPublicKey), CHY_ERR);
    assert_refused(w->cx, &CHY_P_badPublicKey, words);
    EVP_PKEY_free(key);
}

static void kinds_are_named(void **state)
{
    struct world *w = *state;
    struct {
        EVP_PKEY *key;
        const char *kind;
    } cases[] = {
        {ec_key("P-256"), "ec-p256"},
        {ec_key("P-384"), "ec-p384"},
        {ec_key("P-521"), "ec-p521"},
        {rsa_key(2048), "rsa-2048"},
        {ec_key("secp256k1"), NULL},
        {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "ed25519"},
        {EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *kind = chy_key_kind(w->cx, cases[i].key);
        enum chy_rc want = cases[i].kind != NULL ? CHY_OK : CHY_ERR;

        if (cases[i].kind == NULL)
            assert_null(kind);
        else
            assert_string_equal(kind, cases[i].kind);
        assert_int_equal(chy_key_check(w->cx, cases[i].key, &CHY_P_badCSR), want);
        chy_problem_clear(w->cx);
        EVP_PKEY_free(cases[i].key);
    }
}

static void patterns_are_strict(void **state)
{
    static const char *const good[] = {"ec-p256",  "ec-p384",        "ec-p521",       "ed25519",
                                       "rsa-2048", "rsa-2048..4096", "rsa-2056..8192"};
    static const char *const bad[] = {"",
                                      "ec",
                                      "ec-p224",
                                      "EC-P256",
                                      "rsa",
                                      "rsa-",
                                      "rsa-1024",
                                      "rsa-2047",
                                      "rsa-2049",
                                      "rsa-8200",
                                      "rsa-02048",
                                      "rsa-2048..",
                                      "rsa-2048.",
                                      "rsa-..4096",
                                      "rsa-4096..2048",
                                      "rsa-2048 ",
                                      "rsa-+2048",
                                      "rsa-99999999999999999999",
                                      "rsa-2048..4096x"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!chy_policy_key_pattern_valid(good[i]))
            fail_msg("%s was refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (chy_policy_key_pattern_valid(bad[i]))
            fail_msg("%s was not refused", bad[i]);
}

static void kinds_match_patterns(void **state)
{
    static const struct {
        const char *kind, *pattern;
        bool yes;
    } cases[] = {
        {"ec-p256", "ec-p256", true},          {"ec-p256", "ec-p384", false},
        {"rsa-2048", "rsa-2048", true},        {"rsa-2048", "rsa-2048..4096", true},
        {"rsa-4096", "rsa-2048..4096", true},  {"rsa-4104", "rsa-2048..4096", false},
        {"rsa-2048", "rsa-3072..4096", false}, {"rsa-1024", "rsa-1024", false},
        {"ed25519", "ed25519", true},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *list = chy_keep_json(w->cx, json_pack("[s,i,s]", "ec-p521", 5, cases[i].pattern));

        if (chy_key_allowed(cases[i].kind, list) != cases[i].yes)
            fail_msg("%s and %s", cases[i].kind, cases[i].pattern);
    }
    assert_false(chy_key_allowed(NULL, chy_keep_json(w->cx, json_pack("[s]", "ec-p256"))));
    assert_false(chy_key_allowed("ec-p256", NULL));
}

/* KY-01 */
static void exponents_other_than_65537_are_refused(void **state)
{
    static const char *const exponents[] = {
        "01",
        "02",
        "03",
        "010003",
        "010001000000000000000000000001",
        "010000000000000000000000000000000000000000000000000000000000000001"};
    struct world *w = *state;
    EVP_PKEY *good = rsa_key(2048);
    BIGNUM *n = NULL;

    EVP_PKEY_get_bn_param(good, "n", &n);
    for (size_t i = 0; i < sizeof exponents / sizeof *exponents; i++) {
        EVP_PKEY *key = rsa_of(n, exponents[i]);

        assert_int_equal(chy_key_check(w->cx, key, &CHY_P_badCSR), CHY_ERR);
        assert_refused(w->cx, &CHY_P_badCSR, "exponent is not 65537");
        EVP_PKEY_free(key);
    }
    BN_free(n);
    EVP_PKEY_free(good);
}

/* KY-01: the bound comes first, whatever else is wrong. */
static void sizes_are_bounded(void **state)
{
    static const struct {
        int bits;
        const char *words;
    } cases[] = {{1024, "1024 bits, not 2048 to 8192"},
                 {2047, "2047 bits, not 2048 to 8192"},
                 {2049, "not a multiple of 8"},
                 {8200, "8200 bits"},
                 {16384, "16384 bits"},
                 {65536, "65536 bits"}};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct timespec from, until;
        BIGNUM *n = BN_new();
        EVP_PKEY *key;

        BN_rand(n, cases[i].bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
        key = rsa_of(n, "010001");
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        assert_int_equal(chy_key_check(w->cx, key, &CHY_P_badCSR), CHY_ERR);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &until);
        assert_refused(w->cx, &CHY_P_badCSR, cases[i].words);
        assert_true((until.tv_sec - from.tv_sec) * 1000000000L + until.tv_nsec - from.tv_nsec <
                    10000000L);
        EVP_PKEY_free(key);
        BN_free(n);
    }
}

/* KY-01: gcd with the primes up to 751. */
static void small_factors_are_found(void **state)
{
    static const unsigned factors[] = {2, 3, 5, 7, 375, 733, 739, 743, 751};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) {
        BIGNUM *n = BN_new();

        do {
            int bits = 2048;

            for (unsigned f = factors[i]; f > 1; f /= 2)
                bits--;
            BN_rand(n, bits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ODD);
            BN_mul_word(n, factors[i]);
        } while (BN_num_bits(n) != 2048);
        refuse_modulus(w, n, "small factor");
        BN_free(n);
    }
}

/* KY-02: p = q, neighbours, and the last of the hundred rounds. */
static void close_primes_are_found(void **state)
{
    struct world *w = *state;
    BIGNUM *p = prime_of(1024), *q = BN_dup(p), *n = BN_new();

    BN_sqr(n, p, w->bn);
    refuse_modulus(w, n, "close primes");
    for (int i = 0; i < 5; i++) {
        next_prime(q, w->bn);
        BN_mul(n, p, q, w->bn);
        if (BN_num_bits(n) == 2048)
            refuse_modulus(w, n, "close primes");
    }
    BN_free(p);
    BN_free(q);
    BN_free(n);
}

/* floor(sqrt(x)), bit by bit: not as the code under test does it. */
static void root_of(BIGNUM *root, const BIGNUM *x, BN_CTX *bn)
{
    BIGNUM *square = BN_new();

    BN_zero(root);
    for (int bit = BN_num_bits(x) / 2 + 1; bit >= 0; bit--) {
        BN_set_bit(root, bit);
        BN_sqr(square, root, bn);
        if (BN_cmp(square, x) > 0)
            BN_clear_bit(root, bit);
    }
    BN_free(square);
}

/* n = a^2 - b^2 with an a that is k above ceil(sqrt(n)): b is the least even number with b^2 >= 2 a
 * k. Its factors a - b and a + b are no primes; nobody asks. */
static void apart_by(BIGNUM *n, unsigned long k, BN_CTX *bn)
{
    BIGNUM *a = BN_new(), *b = BN_new(), *x = BN_new();

    BN_rand(a, 1024, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD);
    BN_copy(x, a);
    BN_mul_word(x, 2 * k);
    root_of(b, x, bn);
    BN_add_word(b, BN_is_odd(b) ? 1 : 2);
    BN_sqr(n, a, bn);
    BN_sqr(x, b, bn);
    BN_sub(n, n, x);
    BN_free(a);
    BN_free(b);
    BN_free(x);
}

static void fermat_makes_a_hundred_rounds(void **state)
{
    static const struct {
        unsigned long k;
        bool found;
    } cases[] = {{0, true}, {1, true}, {50, true}, {99, true}, {100, false}, {200, false}};
    struct world *w = *state;
    BIGNUM *n = BN_new();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *why;

        do { /* until the checks before have nothing to say */
            apart_by(n, cases[i].k, w->bn);
            why = chy_rsa_weakness(n);
        } while (why != NULL && strstr(why, "small factor") != NULL);
        if ((why != NULL && strstr(why, "close primes") != NULL) != cases[i].found)
            fail_msg("round %lu: %s", cases[i].k, why != NULL ? why : "not found");
    }
    BN_free(n);
}

/* KY-03: a modulus as the faulty library made it, k * M + (65537^a mod M) for both primes. */
static void roca_moduli_are_found(void **state)
{
    static const unsigned primes[] = {
        2,  3,  5,  7,  11, 13,  17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67, 71,
        73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
    struct world *w = *state;
    BIGNUM *m = BN_new(), *e = BN_new(), *generator = BN_new(), *n = BN_new(), *factor[2];

    BN_one(m);
    for (size_t i = 0; i < sizeof primes / sizeof *primes; i++)
        BN_mul_word(m, primes[i]);
    BN_set_word(generator, 65537);
    for (int i = 0; i < 2; i++) {
        BIGNUM *k = BN_new(), *rest = BN_new();

        factor[i] = BN_new();
        do {
            BN_rand(k, 1024 - BN_num_bits(m), BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY);
            BN_rand(e, 60, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
            BN_mod_exp(rest, generator, e, m, w->bn);
            BN_mul(factor[i], k, m, w->bn);
            BN_add(factor[i], factor[i], rest);
        } while (BN_check_prime(factor[i], w->bn, NULL) != 1);
        BN_free(k);
        BN_free(rest);
    }
    BN_mul(n, factor[0], factor[1], w->bn);
    while (BN_num_bits(n) < 2048) /* keeps all residues' orders: 65537 is one of the group */
        BN_mul_word(n, 65537);
    if (BN_num_bits(n) == 2048)
        refuse_modulus(w, n, "ROCA");
    assert_non_null(strstr(chy_rsa_weakness(n), "ROCA"));
    BN_free(m);
    BN_free(e);
    BN_free(generator);
    BN_free(n);
    BN_free(factor[0]);
    BN_free(factor[1]);
}

/* KY-01 */
static void prime_powers_are_found(void **state)
{
    static const struct {
        int bits, k;
    } cases[] = {{683, 3}, {410, 5}, {512, 4}, {293, 7}, {228, 9}, {16, 128}, {11, 191}};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BIGNUM *p = prime_of(cases[i].bits), *n = BN_dup(p);
        const char *why;

        for (int k = 1; k < cases[i].k; k++)
            BN_mul(n, n, p, w->bn);
        why = chy_rsa_weakness(n);
        if (why == NULL || (strstr(why, "power of a prime") == NULL &&
                            strstr(why, "close primes") == NULL)) /* of an even power */
            fail_msg("%d bits to the power of %d", cases[i].bits, cases[i].k);
        BN_free(p);
        BN_free(n);
    }
}

static void healthy_keys_pass(void **state)
{
    static const size_t bits[] = {2048, 2048, 2048, 2056, 3072, 4096};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        EVP_PKEY *key = rsa_key(bits[i]);

        assert_int_equal(chy_key_check(w->cx, key, &CHY_P_badCSR), CHY_OK);
        EVP_PKEY_free(key);
    }
}

/* Making semiprimes is slow; random odd numbers without small factors are as good a test: none of
 * the other checks may speak. */
static void checks_have_no_false_alarms(void **state)
{
    int judged = 0;

    (void)state;
    while (judged < 2000) {
        BIGNUM *n = BN_new();
        const char *why;

        BN_rand(n, 2048, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD);
        why = chy_rsa_weakness(n);
        if (why == NULL || strstr(why, "small factor") == NULL) {
            judged++;
            assert_null(why);
        }
        BN_free(n);
    }
}

/* ---- shape, on octets (KY-05) ---- */

static void shapes_are_judged_on_octets(void **state)
{
    static const struct {
        const char *b;
        size_t n;
        const char *words;
    } cases[] = {
#define CASE(octets, words) {octets, sizeof octets - 1, words}
        CASE("", "not a SubjectPublicKeyInfo"),
        CASE("\x30\x00", "not a SubjectPublicKeyInfo"),
        /* infinity, in P-256 */
        CASE("\x30\x19\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03"
             "\x01\x07\x03\x02\x00\x00",
             "not an uncompressed one"),
        /* no curve */
        CASE("\x30\x0f\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x03\x02\x00\x04",
             "names no curve"),
        /* RSA without NULL */
        CASE("\x30\x0f\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x03\x00",
             "not a SubjectPublicKeyInfo"),
        CASE("\x30\x11\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x03\x02\x00\x00",
             "parameters are not NULL"),
        /* RSA of nothing; of a negative number */
        CASE("\x30\x13\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x02\x00\x00",
             "not an RSAPublicKey"),
        CASE("\x30\x1a\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x09\x00\x30"
             "\x06\x02\x01\xff\x02\x01\x03",
             "negative"),
        /* Ed25519 of 31 octets */
        CASE("\x30\x29\x30\x05\x06\x03\x2b\x65\x70\x03\x20\x00"
             "0123456789012345678901234567890",
             "Ed25519 key is ill-formed"),
        /* unused bits */
        CASE("\x30\x09\x30\x05\x06\x03\x2b\x65\x70\x03\x00", "not a SubjectPublicKeyInfo"),
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            chy_spki_check(w->cx, (const uint8_t *)cases[i].b, cases[i].n, &CHY_P_badPublicKey),
            CHY_ERR);
        assert_refused(w->cx, &CHY_P_badPublicKey, cases[i].words);
    }
}

/* A point off the curve has the right shape; OpenSSL will not decode it. */
static void points_off_the_curve_are_not_decoded(void **state)
{
    struct world *w = *state;
    EVP_PKEY *key = ec_key("P-256");
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    const unsigned char *p = der;

    der[n - 1] ^= 1;
    assert_int_equal(chy_spki_check(w->cx, der, (size_t)n, &CHY_P_badCSR), CHY_OK);
    assert_null(d2i_PUBKEY(NULL, &p, n));
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(kinds_are_named),
        TEST(patterns_are_strict),
        TEST(kinds_match_patterns),
        TEST(exponents_other_than_65537_are_refused),
        TEST(sizes_are_bounded),
        TEST(small_factors_are_found),
        TEST(close_primes_are_found),
        TEST(fermat_makes_a_hundred_rounds),
        TEST(roca_moduli_are_found),
        TEST(prime_powers_are_found),
        TEST(healthy_keys_pass),
        TEST(checks_have_no_false_alarms),
        TEST(shapes_are_judged_on_octets),
        TEST(points_off_the_curve_are_not_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
