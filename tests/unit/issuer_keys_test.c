/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers of every kind of key, through plan, signer, judge and second look: what their certificates
 * say about algorithms, octet by octet (core.md BR-05, RFC 8410 section 3), and which keys no issuer
 * may have. */
#include "tests/unit/signer_fixture.h"

#include <openssl/core_names.h>
#include <openssl/x509_vfy.h>

#include "core/pki/der.h"
#include "services/signer/judge.h"

#define SHA256_RSA "300d06092a864886f70d01010b0500"
#define SHA384_RSA "300d06092a864886f70d01010c0500"
#define SHA256_EC "300a06082a8648ce3d040302"
#define SHA384_EC "300a06082a8648ce3d040303"
#define ED25519 "300506032b6570"

static const struct issuer_kind {
    const char *kind, *algorithm; /* DER of the AlgorithmIdentifier */
} issuer_kinds[] = {
    {"ec-p256", SHA256_EC},   {"ec-p384", SHA384_EC},   {"rsa-2048", SHA256_RSA},
    {"rsa-3072", SHA256_RSA}, {"rsa-4096", SHA384_RSA}, {"ed25519", ED25519},
};
#define ISSUERS (sizeof issuer_kinds / sizeof *issuer_kinds)

static const struct subject_kind {
    const char *kind, *algorithm; /* DER of the key's AlgorithmIdentifier */
} subject_kinds[] = {
    {"ec-p256", "301306072a8648ce3d020106082a8648ce3d030107"},
    {"ec-p384", "301006072a8648ce3d020106052b81040022"},
    {"rsa-2048", "300d06092a864886f70d0101010500"},
    {"ed25519", "300506032b6570"},
};
#define SUBJECTS (sizeof subject_kinds / sizeof *subject_kinds)

static EVP_PKEY *subject_key(const char *kind)
{
    if (strcmp(kind, "ed25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (strcmp(kind, "rsa-2048") == 0)
        return rsa_key(2048);
    return ec_key(strcmp(kind, "ec-p256") == 0 ? "P-256" : "P-384");
}

static struct signer_world *world_of(const char *kind)
{
    struct signer_world *w = signer_world_of(kind);

    put_file(w, "ceilings.yaml",
             chy_fmt(w->cx,
                     "version: 1\n"
                     "issuers:\n"
                     "  web-1:\n"
                     "    key: file:%s/ca.key\n"
                     "    certificate: %s/ca.pem\n"
                     "    max-lifetime: 100d\n"
                     "    keys: [ec-p256, ec-p384, ed25519, rsa-2048]\n",
                     w->dir, w->dir),
             0644);
    return w;
}

static void assert_der(const struct chy_der_item *item, const char *hex)
{
    char text[200];

    assert_true(item->raw_n < sizeof text / 2);
    for (size_t i = 0; i < item->raw_n; i++)
        snprintf(text + 2 * i, 3, "%02x", item->raw[i]);
    assert_string_equal(text, hex);
}

/* signature, signatureAlgorithm and the key's algorithm, where RFC 5280 section 4.1 has them. */
static void assert_algorithms(const uint8_t *der, size_t n, const char *signature, const char *key)
{
    struct chy_der in = {der, n};
    struct chy_der_item cert, tbs, item;

    assert_true(chy_der_take(&in, CHY_DER_SEQUENCE, &cert));
    assert_true(chy_der_take(&cert.in, CHY_DER_SEQUENCE, &tbs));
    assert_true(chy_der_take(&cert.in, CHY_DER_SEQUENCE, &item));
    assert_der(&item, signature);
    assert_true(chy_der_take(&tbs.in, 0xa0, &item) && /* version */
                chy_der_take(&tbs.in, CHY_DER_INTEGER, &item) &&
                chy_der_take(&tbs.in, CHY_DER_SEQUENCE, &item));
    assert_der(&item, signature);
    for (int skipped = 0; skipped < 4; skipped++) /* issuer, validity, subject; the key */
        assert_true(chy_der_take(&tbs.in, CHY_DER_SEQUENCE, &item));
    assert_true(chy_der_take(&item.in, CHY_DER_SEQUENCE, &item));
    assert_der(&item, key);
}

static void assert_chain(struct signer_world *w, const uint8_t *der, size_t n)
{
    X509 *cert = d2i_X509(NULL, &der, (long)n), *root = cert_from_pem(w->ca.root_pem);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *vc = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null();

    X509_STORE_add_cert(store, root);
    sk_X509_push(between, w->issuer.cert);
    X509_STORE_CTX_init(vc, store, cert, between);
    X509_STORE_CTX_set_purpose(vc, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(vc), X509_V_FLAG_X509_STRICT);
    if (X509_verify_cert(vc) != 1)
        fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(vc)));
    sk_X509_free(between);
    X509_STORE_CTX_free(vc);
    X509_STORE_free(store);
    X509_free(root);
    X509_free(cert);
}

static void BR_05_every_issuer_signs_every_key_with_exact_algorithms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ISSUERS; i++) {
        struct signer_world *w = world_of(issuer_kinds[i].kind);

        start_signer(w);
        for (size_t k = 0; k < SUBJECTS; k++) {
            EVP_PKEY *key = subject_key(subject_kinds[k].kind);
            struct signature s;
            struct chy_cert_plan *p;
            const uint8_t *der;
            struct tbs t;
            size_t n;

            w->csr = read_request(w->cx, &(struct request){.key = key});
            p = good_plan(w);
            t = tbs_of(w, p);
            ok(w->cx, ask_signer(w, t, &s));
            ok(w->cx, chy_plan_finish(w->cx, p, &w->issuer, t.b, t.n, s.b, s.n, &der, &n));
            assert_algorithms(der, n, issuer_kinds[i].algorithm, subject_kinds[k].algorithm);
            assert_chain(w, der, n);
            EVP_PKEY_free(key);
        }
        assert_int_equal(log_lines(w), SUBJECTS);
        signer_world_free(w);
    }
}

/* ---- the judge ---- */

static void refuse_algorithm(struct signer_world *w, X509 *cert, int nid, int parameters,
                             const char *words)
{
    uint8_t serial[CHY_SERIAL_OCTETS];
    unsigned char *der = NULL;
    int n;

    X509_ALGOR_set0((X509_ALGOR *)X509_get0_tbs_sigalg(cert), OBJ_nid2obj(nid), parameters, NULL);
    n = i2d_re_X509_tbs(cert, &der);
    assert_true(n > 0);
    assert_int_equal(
        chy_judge(w->cx, chy_keyring_find(&w->state.ring, "web-1"), der, (size_t)n, serial),
        CHY_ERR);
    assert_refused(w->cx, &CHY_P_unauthorized, words);
    OPENSSL_free(der);
}

static void the_judge_takes_the_one_algorithm_of_the_issuers_key(void **state)
{
    static const int nids[] = {NID_sha1WithRSAEncryption,
                               NID_sha256WithRSAEncryption,
                               NID_sha384WithRSAEncryption,
                               NID_sha512WithRSAEncryption,
                               NID_rsassaPss,
                               NID_ecdsa_with_SHA256,
                               NID_ecdsa_with_SHA384,
                               NID_ED25519};

    (void)state;
    for (size_t i = 0; i < ISSUERS; i++) {
        struct signer_world *w = world_of(issuer_kinds[i].kind);
        int own = w->issuer.sig_nid, right = strstr(issuer_kinds[i].kind, "rsa") != NULL;
        struct tbs t = tbs_of(w, good_plan(w));
        X509 *cert;

        ok(w->cx, open_signer(w));
        ok(w->cx, chy_tbs_decode(w->cx, t.b, t.n, &cert));
        for (size_t n = 0; n < sizeof nids / sizeof *nids; n++)
            if (nids[n] != own)
                refuse_algorithm(w, cert, nids[n], right ? V_ASN1_NULL : V_ASN1_UNDEF,
                                 "is not the one of the issuer's key");
        refuse_algorithm(w, cert, own, right ? V_ASN1_UNDEF : V_ASN1_NULL, "other parameters");
        signer_world_free(w);
    }
}

/* ---- keys that no issuer may have ---- */

static char *pem_of_key(struct signer_world *w, EVP_PKEY *key)
{
    chy_auto(BIO) *out = BIO_new(BIO_s_mem());
    char *text;
    long n;

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
    n = BIO_get_mem_data(out, &text);
    return chy_arena_strndup(w->cx->arena, text, (size_t)n);
}

/* A CA certificate for the key, by the fixture's own issuer. */
static char *ca_for(struct signer_world *w, EVP_PKEY *key)
{
    X509 *cert = X509_dup(w->issuer.cert);
    EVP_PKEY *above = key_from_pem(w->ca.root_key_pem);
    unsigned char *der = NULL;
    char *pem;
    int n;

    assert_int_equal(X509_set_pubkey(cert, key), 1);
    assert_true(X509_sign(cert, above, EVP_sha256()) > 0);
    n = i2d_X509(cert, &der);
    pem = chy_cert_pem(w->cx, der, (size_t)n);
    OPENSSL_free(der);
    EVP_PKEY_free(above);
    X509_free(cert);
    return pem;
}

static void refuse_key(struct signer_world *w, EVP_PKEY *key, EVP_PKEY *certified,
                       const char *words)
{
    put_file(w, "ca.key", pem_of_key(w, key), 0600);
    put_file(w, "ca.pem", ca_for(w, certified), 0644);
    assert_int_equal(open_signer(w), CHY_ERR);
    assert_refused(w->cx, &CHY_P_serverInternal, words);
    assert_false(w->open);
    EVP_PKEY_free(key);
}

static EVP_PKEY *rsa_with_exponent(size_t bits, unsigned long e)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *exponent = BN_new();
    EVP_PKEY *key = NULL;

    BN_set_word(exponent, e);
    EVP_PKEY_keygen_init(c);
    EVP_PKEY_CTX_set_rsa_keygen_bits(c, (int)bits);
    EVP_PKEY_CTX_set1_rsa_keygen_pubexp(c, exponent);
    assert_int_equal(EVP_PKEY_generate(c, &key), 1);
    EVP_PKEY_CTX_free(c);
    BN_free(exponent);
    return key;
}

/* The public half of one key and the secret of another, in one file. */
static EVP_PKEY *two_halves(EVP_PKEY *public)
{
    EVP_PKEY *secret = ec_key("P-256"), *key = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    unsigned char point[65];
    OSSL_PARAM *params;
    BIGNUM *d = NULL;
    size_t n;

    assert_int_equal(EVP_PKEY_get_bn_param(secret, OSSL_PKEY_PARAM_PRIV_KEY, &d), 1);
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(public, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n),
        1);
    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d);
    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, n);
    params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_fromdata_init(c);
    assert_int_equal(EVP_PKEY_fromdata(c, &key, EVP_PKEY_KEYPAIR, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(secret);
    BN_free(d);
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

static void keys_that_no_issuer_may_have_stop_the_start(void **state)
{
    struct signer_world *w = signer_world_new();
    EVP_PKEY *weak = rsa_key(1024), *three = rsa_with_exponent(2048, 3), *pss, *koblitz, *whole;

    (void)state;
    refuse_key(w, weak, weak, "RSA modulus has 1024 bits");
    refuse_key(w, three, three, "RSA exponent is not 65537");
    pss = pss_key();
    refuse_key(w, pss, pss, "not RSA, EC or Ed25519");
    koblitz = ec_key("secp256k1");
    refuse_key(w, koblitz, koblitz, "curve is not P-256, P-384 or P-521");
    whole = ec_key("P-256");
    refuse_key(w, two_halves(whole), whole, "makes no signature that verifies");
    refuse_key(w, ec_key("P-256"), whole, "is not the key of the certificate");
    EVP_PKEY_free(whole);
    put_file(w, "ca.key", w->ca.issuing_key_pem, 0600);
    put_file(w, "ca.pem", w->ca.issuing_pem, 0644);
    ok(w->cx, open_signer(w)); /* and with its own it starts */
    signer_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(BR_05_every_issuer_signs_every_key_with_exact_algorithms),
        cmocka_unit_test(the_judge_takes_the_one_algorithm_of_the_issuers_key),
        cmocka_unit_test(keys_that_no_issuer_may_have_stop_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
