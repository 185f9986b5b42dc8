/* SPDX-License-Identifier: Apache-2.0 */
/* What chancery init makes: a root, an issuing CA, the listener's certificate. */
#include "tests/unit/pki_fixture.h"

#include <openssl/x509_vfy.h>

#include "core/pki/keys.h"

static int setup(void **state)
{
    *state = fake_cx_new(CHY_STAGE_COMMAND);
    return 0;
}

static int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

static int verify(struct chy_ctx *cx, const struct chy_authority *a, const char *leaf_pem,
                  const char *host, bool address)
{
    X509 *leaf = cert_from_pem(leaf_pem), *root = cert_from_pem(a->root_pem);
    X509 *issuing = cert_from_pem(a->issuing_pem);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *vc = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null();
    int err;

    X509_STORE_add_cert(store, root);
    sk_X509_push(between, issuing);
    X509_STORE_CTX_init(vc, store, leaf, between);
    X509_STORE_CTX_set_time(vc, 0, chy_now(cx));
    X509_STORE_CTX_set_purpose(vc, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(vc), X509_V_FLAG_X509_STRICT);
    if (address)
        X509_VERIFY_PARAM_set1_ip_asc(X509_STORE_CTX_get0_param(vc), host);
    else
        X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(vc), host, 0);
    err = X509_verify_cert(vc) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(vc);
    sk_X509_free(between);
    X509_STORE_CTX_free(vc);
    X509_STORE_free(store);
    X509_free(issuing);
    X509_free(leaf);
    X509_free(root);
    return err;
}

static struct chy_authority *make(struct chy_ctx *cx)
{
    struct chy_authority *a = chy_alloc(cx, sizeof *a);

    assert_int_equal(chy_authority_make(cx, "Example CA", a), CHY_OK);
    return a;
}

static void root_and_issuing_ca_are_what_they_should_be(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_authority *a = make(cx);
    X509 *root = cert_from_pem(a->root_pem), *issuing = cert_from_pem(a->issuing_pem);
    EVP_PKEY *root_key = key_from_pem(a->root_key_pem);
    EVP_PKEY *issuing_key = key_from_pem(a->issuing_key_pem);
    char name[64];

    X509_NAME_get_text_by_NID(X509_get_subject_name(root), NID_commonName, name, sizeof name);
    assert_string_equal(name, "Example CA Root");
    X509_NAME_get_text_by_NID(X509_get_subject_name(issuing), NID_commonName, name, sizeof name);
    assert_string_equal(name, "Example CA Issuing 1");
    assert_int_equal(X509_check_private_key(root, root_key), 1);
    assert_int_equal(X509_check_private_key(issuing, issuing_key), 1);
    assert_int_equal(X509_verify(root, root_key), 1);
    assert_int_equal(X509_verify(issuing, root_key), 1);
    assert_int_equal(X509_get_pathlen(root), -1);
    assert_int_equal(X509_get_pathlen(issuing), 0);
    assert_int_equal(X509_get_key_usage(root), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(X509_get_key_usage(issuing), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    X509_free(root);
    X509_free(issuing);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(issuing_key);
}

static void every_kind_of_key_makes_a_chain_that_serves_a_listener(void **state)
{
    static const char *const kinds[] = {"ec-p256",  "ec-p384",  "rsa-2048",
                                        "rsa-3072", "rsa-4096", "ed25519"};
    struct chy_ctx *cx = *state;
    const size_t n = sizeof kinds / sizeof *kinds;

    for (size_t i = 0; i < n; i++) {
        struct chy_authority a;
        EVP_PKEY *root, *issuing;
        char *key, *cert;

        assert_true(chy_authority_kind_known(kinds[i]));
        assert_non_null(strstr(CHY_AUTHORITY_KINDS, kinds[i]));
        assert_int_equal(chy_authority_make_of(cx, "Example CA", kinds[i], kinds[(i + 1) % n], &a),
                         CHY_OK);
        root = key_from_pem(a.root_key_pem);
        issuing = key_from_pem(a.issuing_key_pem);
        assert_string_equal(chy_key_kind(cx, root), kinds[i]);
        assert_string_equal(chy_key_kind(cx, issuing), kinds[(i + 1) % n]);
        assert_int_equal(chy_authority_listener(cx, &a, "localhost", 90, &key, &cert), CHY_OK);
        assert_int_equal(verify(cx, &a, cert, "localhost", false), X509_V_OK);
        EVP_PKEY_free(root);
        EVP_PKEY_free(issuing);
    }
}

static void other_kinds_of_keys_make_no_authority(void **state)
{
    static const char *const kinds[] = {"",    "ec-p521",        "rsa-1024", "rsa-8192", "EC-P256",
                                        "rsa", "rsa-2048..4096", "ed448",    "ec-p256 ", "x25519"};
    struct chy_ctx *cx = *state;
    struct chy_authority a;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_false(chy_authority_kind_known(kinds[i]));
        assert_int_equal(chy_authority_make_of(cx, "Example CA", kinds[i], "ec-p256", &a), CHY_ERR);
        assert_refused(cx, &CHY_P_serverInternal, "cannot be made");
        assert_int_equal(chy_authority_make_of(cx, "Example CA", "ec-p256", kinds[i], &a), CHY_ERR);
        assert_refused(cx, &CHY_P_serverInternal, "cannot be made");
    }
}

static void listener_certificate_serves_its_hosts(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_authority *a = make(cx);
    char *key = NULL, *cert = NULL;

    assert_int_equal(chy_authority_listener(cx, a, "localhost", 90, &key, &cert), CHY_OK);
    assert_int_equal(verify(cx, a, cert, "localhost", false), X509_V_OK);
    assert_int_equal(verify(cx, a, cert, "127.0.0.1", true), X509_V_OK);
    assert_int_equal(verify(cx, a, cert, "::1", true), X509_V_OK);
    assert_int_equal(verify(cx, a, cert, "other.example", false), X509_V_ERR_HOSTNAME_MISMATCH);
    assert_int_equal(chy_authority_listener(cx, a, "acme.example", 90, &key, &cert), CHY_OK);
    assert_int_equal(verify(cx, a, cert, "acme.example", false), X509_V_OK);
    assert_int_equal(verify(cx, a, cert, "127.0.0.1", true), X509_V_ERR_IP_ADDRESS_MISMATCH);
    assert_int_equal(chy_authority_listener(cx, a, "192.0.2.1", 90, &key, &cert), CHY_OK);
    assert_int_equal(verify(cx, a, cert, "192.0.2.1", true), X509_V_OK);
}

static void listener_does_not_outlive_its_issuer(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_authority *a = make(cx);
    char *key, *pem;
    X509 *cert, *issuing = cert_from_pem(a->issuing_pem);

    assert_int_equal(chy_authority_listener(cx, a, "localhost", 100000, &key, &pem), CHY_OK);
    cert = cert_from_pem(pem);
    assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(cert), X509_get0_notAfter(issuing)), 0);
    X509_free(cert);
    X509_free(issuing);
}

static void impossible_hosts_are_refused(void **state)
{
    static const char *const hosts[] = {"", "a b", "example.", "w\xc3\xbc.example", "a\nb"};
    struct chy_ctx *cx = *state;
    struct chy_authority *a = make(cx);
    char *key = NULL, *cert = NULL;

    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        assert_int_equal(chy_authority_listener(cx, a, hosts[i], 90, &key, &cert), CHY_ERR);
        assert_refused(cx, &CHY_P_serverInternal, "neither a DNS name nor an address");
    }
    assert_null(key);
    a->issuing_key_pem = a->root_key_pem;
    assert_int_equal(chy_authority_listener(cx, a, "localhost", 90, &key, &cert), CHY_ERR);
    assert_refused(cx, &CHY_P_serverInternal, "key is not the certificate's");
    a->issuing_pem = (char *)"nonsense";
    assert_int_equal(chy_authority_listener(cx, a, "localhost", 90, &key, &cert), CHY_ERR);
    assert_refused(cx, &CHY_P_serverInternal, "cannot be read");
}

static void long_names_are_refused(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_authority a;

    assert_int_equal(chy_authority_make(cx,
                                        "a name that is longer than the sixty-four characters that "
                                        "a common name may have",
                                        &a),
                     CHY_ERR);
    assert_refused(cx, &CHY_P_serverInternal, "too long");
}

static void an_issuing_certificate_is_signed_again_by_its_root(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_authority *a = make(cx), *other = make(cx);
    X509 *old = cert_from_pem(a->issuing_pem), *new, *root = cert_from_pem(a->root_pem);
    time_t from = chy_now(cx) + 4 * 365 * (time_t)86400, until;
    char *pem, *key, *leaf;

    cx->fixed_now = from;
    assert_int_equal(chy_authority_renew(cx, a->root_pem, a->root_key_pem, a->issuing_pem, &pem),
                     CHY_OK);
    new = cert_from_pem(pem);
    assert_int_equal(X509_verify(new, X509_get0_pubkey(root)), 1);
    assert_int_equal(X509_NAME_cmp(X509_get_subject_name(old), X509_get_subject_name(new)), 0);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(old), X509_get0_pubkey(new)), 1);
    assert_int_equal(X509_get_ext_count(old), X509_get_ext_count(new));
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(old), X509_get0_serialNumber(new)),
                         0);
    assert_true(chy_asn1_time(X509_get0_notAfter(new), &until));
    assert_true(until > from + 4 * 365 * (time_t)86400);
    /* What the new one issues is good, two years after the old one's end. */
    cx->fixed_now = from + 3 * 365 * (time_t)86400;
    a->issuing_pem = pem;
    assert_int_equal(chy_authority_listener(cx, a, "ca.example", 30, &key, &leaf), CHY_OK);
    assert_int_equal(verify(cx, a, leaf, "ca.example", false), X509_V_OK);
    assert_int_equal(
        chy_authority_renew(cx, a->root_pem, other->root_key_pem, a->issuing_pem, &pem), CHY_ERR);
    assert_refused(cx, &CHY_P_serverInternal, "root key is not the root certificate's");
    assert_int_equal(
        chy_authority_renew(cx, other->root_pem, other->root_key_pem, a->issuing_pem, &pem),
        CHY_ERR);
    assert_refused(cx, &CHY_P_serverInternal, "is no CA's that this root issued");
    assert_int_equal(chy_authority_renew(cx, a->root_pem, "nonsense", a->issuing_pem, &pem),
                     CHY_ERR);
    assert_refused(cx, &CHY_P_serverInternal, "root key cannot be read");
    cx->fixed_now = from + 17 * 365 * (time_t)86400; /* the root has ended */
    assert_int_equal(chy_authority_renew(cx, a->root_pem, a->root_key_pem, a->issuing_pem, &pem),
                     CHY_ERR);
    assert_refused(cx, &CHY_P_serverInternal, "the root has ended");
    X509_free(old);
    X509_free(new);
    X509_free(root);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(root_and_issuing_ca_are_what_they_should_be),
        TEST(every_kind_of_key_makes_a_chain_that_serves_a_listener),
        TEST(other_kinds_of_keys_make_no_authority),
        TEST(listener_certificate_serves_its_hosts),
        TEST(listener_does_not_outlive_its_issuer),
        TEST(impossible_hosts_are_refused),
        TEST(long_names_are_refused),
        TEST(an_issuing_certificate_is_signed_again_by_its_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
