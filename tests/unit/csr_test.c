/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate requests: what is read, and that every refusal is badCSR and names its check (core.md
 * F-04; T-F-04, T-F-08).  What they ask for is judged in csr_requested_test.c. */
#include "tests/unit/pki_fixture.h"

#include <time.h>

#include "core/pki/keys.h"

struct world {
    struct chy_ctx *cx;
    EVP_PKEY *p256, *other, *rsa;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    w->cx = fake_cx_new(CHY_STAGE_REQUEST);
    w->p256 = ec_key("P-256");
    w->other = ec_key("P-256");
    w->rsa = rsa_key(2048);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    EVP_PKEY_free(w->p256);
    EVP_PKEY_free(w->other);
    EVP_PKEY_free(w->rsa);
    fake_cx_free(w->cx);
    free(w);
    return 0;
}

static void more_extensions(STACK_OF(X509_EXTENSION) * exts)
{
    add_conf(exts, NID_key_usage, "critical,digitalSignature");
    add_raw(exts, "1.3.6.1.5.5.7.1.26", 0, "\x30\x00", 2);
}

static void good_request_is_read_and_its_claims_are_listed(void **state)
{
    static const char *const want[] = {"subject:CN",
                                       "san:dNSName",
                                       "san:rfc822Name",
                                       "san:URI",
                                       "san:iPAddress",
                                       "san:registeredID",
                                       "san:otherName:1.3.6.1.5.5.7.8.11",
                                       "ext:2.5.29.15",
                                       "ext:1.3.6.1.5.5.7.1.26"};
    struct world *w = *state;
    struct request r = {.key = w->p256,
                        .common_name = "www.shop.example",
                        .san = "DNS:www.shop.example,email:a@shop.example,URI:urn:x,"
                               "IP:2001:db8::1,RID:1.2.3.4,"
                               "otherName:1.3.6.1.5.5.7.8.11;UTF8:x",
                        .exts = more_extensions};
    struct chy_csr *csr = read_request(w->cx, &r);
    uint8_t digest[32];
    unsigned char *spki = NULL;
    int n = i2d_PUBKEY(w->p256, &spki);

    assert_int_equal(csr->n_claims, sizeof want / sizeof *want);
    for (size_t i = 0; i < csr->n_claims; i++)
        assert_string_equal(csr->claims[i], want[i]);
    assert_int_equal(csr->spki_len, n);
    assert_memory_equal(csr->spki, spki, csr->spki_len);
    assert_true(csr->spki > csr->der && csr->spki + n < csr->der + csr->der_len);
    EVP_Digest(spki, (size_t)n, digest, NULL, EVP_sha256(), NULL);
    assert_memory_equal(csr->spki_sha256, digest, sizeof digest);
    assert_int_equal(EVP_PKEY_eq(csr->key, w->p256), 1);
    OPENSSL_free(spki);
}

static void every_accepted_key_and_digest_is_read(void **state)
{
    struct world *w = *state;
    EVP_PKEY *keys[] = {ec_key("P-384"), ec_key("P-521"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    const EVP_MD *digests[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};

    for (size_t i = 0; i < 3; i++) {
        read_request(w->cx, &(struct request){.key = keys[i], .san = "DNS:a.example"});
        read_request(w->cx, &(struct request){.key = w->rsa, .digest = digests[i]});
        read_request(w->cx, &(struct request){.key = w->p256, .digest = digests[i]});
        EVP_PKEY_free(keys[i]);
    }
}

static void add_challenge_password(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts)
{
    (void)exts;
    X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword, MBSTRING_ASC,
                              (const uint8_t *)"secret", -1);
}

static void challenge_password_is_tolerated(void **state)
{
    struct world *w = *state;
    struct request r = {.key = w->p256, .san = "DNS:a.example", .last = add_challenge_password};

    assert_int_equal(read_request(w->cx, &r)->n_claims, 1);
}

/* ---- keys and signatures (T-F-04) ---- */

static void signatures_off_the_list_are_refused(void **state)
{
    struct world *w = *state;
    struct chy_ctx *cx = w->cx;

    refuse(cx, &(struct request){.key = w->p256, .signer = w->other}, "self-signature");
    refuse(cx, &(struct request){.key = w->rsa, .digest = EVP_sha1()}, "RSA-SHA1 is not accepted");
    refuse(cx, &(struct request){.key = w->p256, .digest = EVP_sha1()},
           "ecdsa-with-SHA1 is not accepted");
    refuse(cx, &(struct request){.key = w->rsa, .digest = EVP_md5()}, "RSA-MD5 is not accepted");
    refuse(cx, &(struct request){.key = w->rsa, .digest = EVP_sha224()},
           "RSA-SHA224 is not accepted");
    refuse(cx, &(struct request){.key = w->rsa, .signer = w->p256}, "self-signature");
}

static void pss_signatures_are_refused(void **state)
{
    struct world *w = *state;
    X509_REQ *req = X509_REQ_new();
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pk;
    unsigned char *der = NULL;
    int n;

    X509_REQ_set_pubkey(req, w->rsa);
    EVP_DigestSignInit(md, &pk, EVP_sha256(), NULL, w->rsa);
    EVP_PKEY_CTX_set_rsa_padding(pk, RSA_PKCS1_PSS_PADDING);
    assert_true(X509_REQ_sign_ctx(req, md) > 0);
    n = i2d_X509_REQ(req, &der);
    refuse_octets(w->cx, der, (size_t)n, "RSASSA-PSS is not accepted");
    OPENSSL_free(der);
    EVP_MD_CTX_free(md);
    X509_REQ_free(req);
}

static EVP_PKEY *ec_with(const char *parameter, const char *value)
{
    EVP_PKEY *key = ec_key("P-256");

    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, parameter, value), 1);
    return key;
}

static EVP_PKEY *pss_key(void)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *key = NULL;

    EVP_PKEY_keygen_init(c);
    assert_int_equal(EVP_PKEY_generate(c, &key), 1);
    EVP_PKEY_CTX_free(c);
    return key;
}

static void keys_of_other_shapes_are_refused(void **state)
{
    struct world *w = *state;
    struct {
        EVP_PKEY *key;
        const char *words;
    } cases[] = {
        {rsa_key(1024), "RSA modulus has 1024 bits"},
        {ec_key("P-224"), "curve is not P-256, P-384 or P-521"},
        {ec_key("secp256k1"), "curve is not P-256, P-384 or P-521"},
        {ec_with("encoding", "explicit"), "explicit curve parameters"},
        {ec_with("point-format", "compressed"), "EC point is compressed"},
        {EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), "not RSA, EC or Ed25519"},
        {pss_key(), "not RSA, EC or Ed25519"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        EVP_PKEY *key = cases[i].key;

        assert_non_null(key);
        if (EVP_PKEY_is_a(key, "ED448")) { /* signs without a digest: let another sign */
            refuse(w->cx, &(struct request){.key = key, .signer = w->p256}, cases[i].words);
        } else {
            refuse(w->cx, &(struct request){.key = key}, cases[i].words);
        }
        EVP_PKEY_free(key);
    }
}

/* A request whose key is nothing but numbers; the signature is another's. */
static void giant_modulus_is_refused_before_any_arithmetic(void **state)
{
    struct world *w = *state;
    BIGNUM *n = BN_new(), *e = BN_new();
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM *params;
    EVP_PKEY *key = NULL;
    struct timespec from, until;
    uint8_t *der;
    size_t der_n;

    BN_one(n);
    BN_lshift(n, n, 16383);
    BN_add_word(n, 1);
    BN_set_word(e, 65537);
    OSSL_PARAM_BLD_push_BN(b, "n", n);
    OSSL_PARAM_BLD_push_BN(b, "e", e);
    params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_fromdata_init(c);
    assert_int_equal(EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    der = make_request(w->cx, &(struct request){.key = key, .signer = w->p256}, &der_n);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    refuse_octets(w->cx, der, der_n, "RSA modulus has 16384 bits");
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &until);
    assert_true((until.tv_sec - from.tv_sec) * 1000000000L + until.tv_nsec - from.tv_nsec <
                10000000L); /* a verification would take longer, even without a sanitizer */
    EVP_PKEY_free(key);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(c);
    BN_free(n);
    BN_free(e);
}

/* ---- encoding (T-F-08) ---- */

static void version_one(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts)
{
    (void)exts;
    X509_REQ_set_version(req, 1);
}

static void other_encodings_are_refused(void **state)
{
    static const char pem[] = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n";
    struct world *w = *state;
    struct chy_ctx *cx = w->cx;
    struct request r = {.key = w->p256, .san = "DNS:a.example"};
    size_t n;
    uint8_t *der = make_request(cx, &r, &n), *big = chy_alloc(cx, 1 << 20);
    uint8_t *longer = chy_alloc(cx, n + 2);

    refuse_octets(cx, der, 0, "the request is empty");
    refuse_octets(cx, (const uint8_t *)pem, sizeof pem - 1, "not a DER SEQUENCE");
    refuse_octets(cx, big, 1 << 20, "more than 65536");
    memcpy(longer, der, n);
    refuse_octets(cx, longer, n + 1, "1 octets follow");
    refuse(cx, &(struct request){.key = w->p256, .last = version_one}, "version is not 0");
    /* 30 81 xx needs no more than 30 xx: only where it does is it DER. */
    assert_int_equal(der[1], 0x81);
    longer[1] = 0x82;
    longer[2] = 0;
    memcpy(longer + 3, der + 2, n - 2);
    refuse_octets(cx, longer, n + 1, "not a DER SEQUENCE");
    /* indefinite length: 30 80 .. 00 00 */
    longer[1] = 0x80;
    memcpy(longer + 2, der + 3, n - 3);
    memset(longer + n - 1, 0, 2);
    refuse_octets(cx, longer, n + 1, "not a DER SEQUENCE");
}

/* Inside, where OpenSSL keeps octets as they came: a BOOLEAN of 01 in an extension. */
static void ber_deep_inside_is_refused(void **state)
{
    static const uint8_t flag[] = {0x01, 0x01, 0xff};
    struct world *w = *state;
    struct request r = {.key = w->p256, .exts = more_extensions};
    size_t n;
    uint8_t *der = make_request(w->cx, &r, &n);
    uint8_t *at = memmem(der, n, flag, sizeof flag);

    assert_non_null(at);
    at[2] = 0x01;
    refuse_octets(w->cx, der, n, "the request is not DER");
}

static void truncation_at_every_octet_is_refused(void **state)
{
    struct world *w = *state;
    size_t n;
    uint8_t *der = make_request(w->cx, &(struct request){.key = w->p256, .san = "DNS:a"}, &n);

    for (size_t cut = 1; cut < n; cut++) {
        uint8_t *exact = malloc(cut); /* so that reading past it is seen */

        memcpy(exact, der, cut);
        refuse_octets(w->cx, exact, cut, "");
        free(exact);
    }
}

static void a_flip_of_any_bit_is_refused(void **state)
{
    struct world *w = *state;
    size_t n;
    uint8_t *der = make_request(w->cx, &(struct request){.key = w->p256, .san = "DNS:a"}, &n);

    for (size_t i = 0; i < n; i++) {
        der[i] ^= (uint8_t)(1u << i % 8);
        refuse_octets(w->cx, der, n, "");
        der[i] ^= (uint8_t)(1u << i % 8);
    }
}

/* With the neutral point as its key the signature R = neutral point, S = 0 verifies for every text, so
 * the request reads well: a certificate for it would be everybody's. */
static void KY_05_a_key_that_anybody_can_sign_for_is_not_sound(void **state)
{
    static const uint8_t neutral[32] = {1}, signature[64] = {1};
    struct world *w = *state;
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, neutral, sizeof neutral);
    EVP_PKEY *signer = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    struct request r = {.key = key, .signer = signer, .san = "DNS:www.shop.example"};
    struct chy_csr csr;
    size_t n;
    uint8_t *der = make_request(w->cx, &r, &n);

    memcpy(der + n - sizeof signature, signature, sizeof signature);
    assert_int_equal(chy_csr_read(w->cx, der, n, &csr), CHY_OK);
    assert_int_equal(chy_key_check(w->cx, csr.key, &CHY_P_badCSR), CHY_ERR);
    assert_refused(w->cx, &CHY_P_badCSR, "small order");
    assert_int_equal(chy_key_check(w->cx, signer, &CHY_P_badCSR), CHY_OK);
    EVP_PKEY_free(signer);
    EVP_PKEY_free(key);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_request_is_read_and_its_claims_are_listed),
        TEST(every_accepted_key_and_digest_is_read),
        TEST(challenge_password_is_tolerated),
        TEST(signatures_off_the_list_are_refused),
        TEST(pss_signatures_are_refused),
        TEST(keys_of_other_shapes_are_refused),
        TEST(giant_modulus_is_refused_before_any_arithmetic),
        TEST(other_encodings_are_refused),
        TEST(ber_deep_inside_is_refused),
        TEST(truncation_at_every_octet_is_refused),
        TEST(a_flip_of_any_bit_is_refused),
        TEST(KY_05_a_key_that_anybody_can_sign_for_is_not_sound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
