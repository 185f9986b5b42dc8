/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate plans: additive filling, encoding, and the second look that lets nothing else out. */
#include "tests/unit/pki_fixture.h"

#include <openssl/x509_vfy.h>

#include "core/pki/plan_types.h"

struct world {
    struct chy_ctx *cx;
    struct chy_authority ca;
    struct chy_issuer_cert issuer;
    EVP_PKEY *issuer_key, *key;
    struct chy_csr *csr;
    struct chy_id serial;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_ISSUE);

    w->cx = cx;
    if (chy_authority_make(cx, "Example", &w->ca) != CHY_OK ||
        chy_issuer_cert_read(cx, "web-1", chy_fmt(cx, "%s%s", w->ca.issuing_pem, w->ca.root_pem),
                             &w->issuer) != CHY_OK)
        fail_msg("%s", cx->problem.note);
    w->issuer.crl_url = "http://localhost:14001/crl/web-1";
    w->issuer.aia_url = "http://localhost:14001/issuer/web-1";
    w->issuer_key = key_from_pem(w->ca.issuing_key_pem);
    w->key = ec_key("P-256");
    w->csr = read_request(cx, &(struct request){.key = w->key, .san = "DNS:www.shop.example"});
    chy_id_new(cx, &w->serial);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    EVP_PKEY_free(w->key);
    EVP_PKEY_free(w->issuer_key);
    fake_cx_free(w->cx);
    free(w);
    return 0;
}

static void ok(struct chy_ctx *cx, enum chy_rc rc)
{
    if (rc != CHY_OK)
        fail_msg("%s", cx->problem.note != NULL ? cx->problem.note : cx->problem.detail);
}

static struct chy_cert_plan *web_plan(struct world *w)
{
    struct chy_cert_plan *p = chy_plan_new(w->cx, w->csr, &w->issuer, &w->serial);
    time_t now = chy_now(w->cx);

    ok(w->cx, chy_plan_san(w->cx, p, name_of(GEN_DNS, "www.shop.example")));
    ok(w->cx, chy_plan_san(w->cx, p, name_of(GEN_IPADD, "192.0.2.7")));
    ok(w->cx, chy_plan_usage(w->cx, p, "digitalSignature,serverAuth"));
    ok(w->cx, chy_plan_validity(w->cx, p, now - 60, now - 60 + 90 * 86400 - 1));
    return p;
}

static X509 *issue(struct world *w, struct chy_cert_plan *p)
{
    const uint8_t *tbs, *der;
    size_t tbs_n, sig_n, n;
    uint8_t *sig;
    X509 *cert;

    ok(w->cx, chy_plan_tbs(w->cx, p, &tbs, &tbs_n));
    sig = sign_octets(w->cx, w->issuer_key, tbs, tbs_n, &sig_n);
    ok(w->cx, chy_plan_finish(w->cx, p, &w->issuer, tbs, tbs_n, sig, sig_n, &der, &n));
    ok(w->cx, chy_cert_decode(w->cx, der, n, &cert));
    return cert;
}

static void certificate_verifies_up_to_the_root(void **state)
{
    struct world *w = *state;
    X509 *cert = issue(w, web_plan(w)), *root = cert_from_pem(w->ca.root_pem);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *vc = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null();

    X509_STORE_add_cert(store, root);
    sk_X509_push(between, w->issuer.cert);
    assert_int_equal(X509_STORE_CTX_init(vc, store, cert, between), 1);
    X509_STORE_CTX_set_time(vc, 0, chy_now(w->cx));
    X509_STORE_CTX_set_purpose(vc, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(vc), "www.shop.example", 0);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(vc), X509_V_FLAG_X509_STRICT);
    if (X509_verify_cert(vc) != 1)
        fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(vc)));
    sk_X509_free(between);
    X509_STORE_CTX_free(vc);
    X509_STORE_free(store);
    X509_free(root);
}

static void certificate_holds_what_was_planned(void **state)
{
    static const int order[] = {NID_authority_key_identifier,
                                NID_subject_key_identifier,
                                NID_key_usage,
                                NID_ext_key_usage,
                                NID_subject_alt_name,
                                NID_tlsfeature,
                                NID_crl_distribution_points,
                                NID_info_access};
    struct world *w = *state;
    struct chy_cert_plan *p = web_plan(w);
    X509 *cert;
    json_t *names;

    ok(w->cx, chy_plan_ext(w->cx, p, "1.3.6.1.5.5.7.1.24", false,
                           (const uint8_t *)"\x30\x03\x02\x01\x05", 5));
    cert = issue(w, p);
    assert_int_equal(X509_get_version(cert), X509_VERSION_3);
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(cert)), 0);
    assert_int_equal(ASN1_STRING_length(X509_get0_serialNumber(cert)), 20);
    assert_memory_equal(ASN1_STRING_get0_data(X509_get0_serialNumber(cert)), w->serial.b, 20);
    assert_int_equal(X509_get_ext_count(cert), sizeof order / sizeof *order);
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        X509_EXTENSION *ext = X509_get_ext(cert, i);

        assert_int_equal(OBJ_obj2nid(X509_EXTENSION_get_object(ext)), order[i]);
        /* BR-05: SAN critical iff the subject is empty */
        assert_int_equal(X509_EXTENSION_get_critical(ext),
                         order[i] == NID_key_usage || order[i] == NID_subject_alt_name);
    }
    assert_int_equal(X509_get_key_usage(cert), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_extended_key_usage(cert), XKU_SSL_SERVER);
    assert_int_equal(X509_check_ca(cert), 0);
    names = chy_plan_names(w->cx, p);
    assert_int_equal(json_array_size(names), 2);
    assert_string_equal(json_string_value(json_array_get(names, 0)), "dNSName:www.shop.example");
    assert_string_equal(json_string_value(json_array_get(names, 1)), "iPAddress:192.0.2.7");
}

static void subject_makes_the_names_uncritical(void **state)
{
    struct world *w = *state;
    struct chy_cert_plan *p = web_plan(w);
    X509 *cert;

    ok(w->cx, chy_plan_subject(w->cx, p, "CN", "www.shop.example"));
    ok(w->cx, chy_plan_subject(w->cx, p, "C", "AT"));
    ok(w->cx, chy_plan_subject(w->cx, p, "CN", "www.shop.example"));
    cert = issue(w, p);
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(cert)), 2);
    assert_int_equal(X509_EXTENSION_get_critical(
                         X509_get_ext(cert, X509_get_ext_by_NID(cert, NID_subject_alt_name, -1))),
                     0);
}

/* RFC 5280 section 4.1.2.5 */
static void times_past_2049_are_generalized(void **state)
{
    struct world *w = *state;
    struct chy_cert_plan *p = chy_plan_new(w->cx, w->csr, &w->issuer, &w->serial);
    X509 *cert;

    w->issuer.not_after = 4102444800; /* a fiction: 2100-01-01 */
    ok(w->cx, chy_plan_san(w->cx, p, name_of(GEN_DNS, "a.example")));
    ok(w->cx, chy_plan_validity(w->cx, p, 2524607999, 2524608000)); /* 2049-12-31T23:59:59Z */
    cert = issue(w, p);
    assert_int_equal(ASN1_STRING_type(X509_get0_notBefore(cert)), V_ASN1_UTCTIME);
    assert_int_equal(ASN1_STRING_type(X509_get0_notAfter(cert)), V_ASN1_GENERALIZEDTIME);
    assert_memory_equal(ASN1_STRING_get0_data(X509_get0_notAfter(cert)), "20500101000000Z", 15);
}

static void ca_has_its_constraints(void **state)
{
    struct world *w = *state;
    struct chy_issuer_cert root;
    struct chy_cert_plan *p;
    X509 *cert;

    ok(w->cx, chy_issuer_cert_read(w->cx, "root", w->ca.root_pem, &root));
    EVP_PKEY_free(w->issuer_key);
    w->issuer_key = key_from_pem(w->ca.root_key_pem);
    w->issuer = root;
    p = chy_plan_new(w->cx, w->csr, &w->issuer, &w->serial);
    ok(w->cx, chy_plan_subject(w->cx, p, "CN", "Below"));
    ok(w->cx, chy_plan_validity(w->cx, p, chy_now(w->cx), chy_now(w->cx) + 86400));
    ok(w->cx, chy_plan_ca(w->cx, p, 0));
    ok(w->cx, chy_plan_ca(w->cx, p, 0));
    cert = issue(w, p);
    assert_int_equal(X509_check_ca(cert), 1);
    assert_int_equal(X509_get_pathlen(cert), 0);
    assert_int_equal(X509_get_key_usage(cert), KU_KEY_CERT_SIGN);
}

static void key_usages_follow_the_kind_of_key(void **state)
{
    struct world *w = *state;
    struct {
        EVP_PKEY *key;
        uint32_t usage;
    } cases[] = {
        {rsa_key(2048), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT},
        {ec_key("P-384"), KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT},
        {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), KU_DIGITAL_SIGNATURE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chy_cert_plan *p;

        w->csr = read_request(w->cx, &(struct request){.key = cases[i].key});
        p = web_plan(w);
        ok(w->cx, chy_plan_usage(w->cx, p, "digitalSignature,keyEncipherment,keyAgreement"));
        assert_int_equal(X509_get_key_usage(issue(w, p)), cases[i].usage);
        EVP_PKEY_free(cases[i].key);
    }
}

/* ---- refusals ---- */

static void plan_functions_refuse(void **state)
{
    struct world *w = *state;
    struct chy_ctx *cx = w->cx;
    struct chy_cert_plan *p = web_plan(w);
    time_t now = chy_now(cx);
    const uint8_t *null = (const uint8_t *)"\x05\x00", *empty = (const uint8_t *)"\x30\x00";
    uint8_t other[32] = {0};
    GENERAL_NAME *bad = name_of(GEN_DNS, "a b");

#define REFUSED(call, words)                                                                       \
    do {                                                                                           \
        assert_int_equal(call, CHY_ERR);                                                           \
        assert_refused(cx, &CHY_P_serverInternal, words);                                          \
    } while (0)

    ok(cx, chy_plan_san(cx, p, name_of(GEN_DNS, "www.shop.example"))); /* again: the same */
    assert_int_equal(json_array_size(chy_plan_names(cx, p)), 2);
    REFUSED(chy_plan_san(cx, p, bad), "holds a NUL, space");
    REFUSED(chy_plan_san(cx, p, NULL), "no name");

    ok(cx, chy_plan_ext(cx, p, "1.2.3.4", false, null, 2));
    ok(cx, chy_plan_ext(cx, p, "1.2.3.4", false, null, 2));
    REFUSED(chy_plan_ext(cx, p, "1.2.3.4", false, empty, 2), "conflict: extension 1.2.3.4");
    REFUSED(chy_plan_ext(cx, p, "1.2.3.4", true, null, 2), "conflict: extension 1.2.3.4");
    REFUSED(chy_plan_ext(cx, p, "2.5.29.17", false, empty, 2), "not a module's to bring");
    REFUSED(chy_plan_ext(cx, p, "2.5.29.19", false, empty, 2), "not a module's to bring");
    REFUSED(chy_plan_ext(cx, p, "basicConstraints", false, empty, 2), "not an OID");
    REFUSED(chy_plan_ext(cx, p, "1.2.3.5", false, null, 1), "value is not DER");
    REFUSED(chy_plan_ext(cx, p, "1.2.3.5", false, (const uint8_t *)"\x05\x00\x00", 3),
            "value is not DER");
    for (int i = 1; i < 16; i++)
        ok(cx, chy_plan_ext(cx, p, chy_fmt(cx, "1.2.3.4.%d", i), false, null, 2));
    REFUSED(chy_plan_ext(cx, p, "1.2.3.4.99", false, null, 2), "more than 16 extensions");

    ok(cx, chy_plan_subject(cx, p, "O", "Shop"));
    REFUSED(chy_plan_subject(cx, p, "O", "shop"), "conflict: subject attribute O");
    REFUSED(chy_plan_subject(cx, p, "nonsense", "x"), "nonsense is not known");
    REFUSED(chy_plan_subject(cx, p, "OU", ""), "bad length");
    REFUSED(chy_plan_subject(cx, p, "C", "AUT"), "does not fit");

    REFUSED(chy_plan_usage(cx, p, "digitalSignature,"), "ill-formed");
    REFUSED(chy_plan_usage(cx, p, ",digitalSignature"), "ill-formed");
    REFUSED(chy_plan_usage(cx, p, "digitalsignature"), "usage digitalsignature is not known");
    REFUSED(chy_plan_usage(cx, p, "commonName"), "usage commonName is not known");
    REFUSED(chy_plan_usage(cx, p, "1.2.x"), "usage 1.2.x is not known");

    ok(cx, chy_plan_validity(cx, p, now - 60, now - 60 + 90 * 86400 - 1));
    REFUSED(chy_plan_validity(cx, p, now, now + 1), "conflict: two validity periods");
    p = chy_plan_new(cx, w->csr, &w->issuer, &w->serial);
    REFUSED(chy_plan_validity(cx, p, now, now - 1), "ill-formed");
    REFUSED(chy_plan_validity(cx, p, now, w->issuer.not_after + 1), "outlive its issuer");
    REFUSED(chy_plan_ca(cx, p, 0), "leaves no room"); /* the issuing CA has path length 0 */
    REFUSED(chy_plan_ca(cx, p, -1), "leaves no room");

    ok(cx, chy_plan_key_must_be(cx, p, w->csr->spki_sha256));
    assert_int_equal(chy_plan_key_must_be(cx, p, other), CHY_ERR);
    assert_refused(cx, &CHY_P_badCSR, "not the one that was proven");
}

static void names_are_bounded(void **state)
{
    struct world *w = *state;
    struct chy_cert_plan *p = chy_plan_new(w->cx, w->csr, &w->issuer, &w->serial);
    char name[32];

    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "h%d.example", i);
        ok(w->cx, chy_plan_san(w->cx, p, name_of(GEN_DNS, name)));
    }
    assert_int_equal(chy_plan_san(w->cx, p, name_of(GEN_DNS, "one.example")), CHY_ERR);
    assert_refused(w->cx, &CHY_P_serverInternal, "too many names");
}

static void unfinished_plans_are_not_encoded(void **state)
{
    struct world *w = *state;
    struct chy_ctx *cx = w->cx;
    struct chy_cert_plan *p = chy_plan_new(cx, w->csr, &w->issuer, &w->serial);
    struct chy_id zero = {{0}}, negative = {{0x80}};
    time_t now = chy_now(cx);
    const uint8_t *tbs;
    size_t n;

    ok(cx, chy_plan_san(cx, p, name_of(GEN_DNS, "a.example")));
    REFUSED(chy_plan_tbs(cx, p, &tbs, &n), "no validity period");
    p = chy_plan_new(cx, w->csr, &w->issuer, &w->serial);
    ok(cx, chy_plan_validity(cx, p, now, now + 60));
    REFUSED(chy_plan_tbs(cx, p, &tbs, &n), "neither a subject nor an alternative name");
    ok(cx, chy_plan_san(cx, p, name_of(GEN_DNS, "a.example")));
    ok(cx, chy_plan_usage(cx, p, "keyEncipherment"));
    REFUSED(chy_plan_tbs(cx, p, &tbs, &n), "none of the key usages fits");
    ok(cx, chy_plan_usage(cx, p, "keyCertSign"));
    REFUSED(chy_plan_tbs(cx, p, &tbs, &n), "keyCertSign without a CA");
    p = web_plan(w);
    p->serial = zero;
    REFUSED(chy_plan_tbs(cx, p, &tbs, &n), "not a positive number of 20 octets");
    p->serial = negative;
    REFUSED(chy_plan_tbs(cx, p, &tbs, &n), "not a positive number of 20 octets");
}

/* ---- the second look ---- */

/* Sign what a changed plan gives, and finish it with the good plan. */
static void finish_differs(struct world *w, struct chy_cert_plan *made,
                           const struct chy_cert_plan *planned, const char *words)
{
    struct chy_ctx *cx = w->cx;
    const uint8_t *tbs, *der = NULL;
    size_t tbs_n, sig_n, n;
    uint8_t *sig;

    ok(cx, chy_plan_tbs(cx, made, &tbs, &tbs_n));
    sig = sign_octets(cx, w->issuer_key, tbs, tbs_n, &sig_n);
    assert_int_equal(chy_plan_finish(cx, planned, &w->issuer, tbs, tbs_n, sig, sig_n, &der, &n),
                     CHY_ERR);
    assert_null(der);
    assert_refused(cx, &CHY_P_serverInternal, words);
}

static void change_serial(struct world *w, struct chy_cert_plan *p)
{
    (void)w;
    p->serial.b[19] ^= 1;
}

static void change_name(struct world *w, struct chy_cert_plan *p)
{
    GENERAL_NAME_free(sk_GENERAL_NAME_pop(p->names));
    ok(w->cx, chy_plan_san(w->cx, p, name_of(GEN_DNS, "evil.example")));
}

static void add_name(struct world *w, struct chy_cert_plan *p)
{
    ok(w->cx, chy_plan_san(w->cx, p, name_of(GEN_DNS, "evil.example")));
}

static void change_times(struct world *w, struct chy_cert_plan *p)
{
    (void)w;
    p->not_after--;
}

static void change_subject(struct world *w, struct chy_cert_plan *p)
{
    ok(w->cx, chy_plan_subject(w->cx, p, "CN", "evil.example"));
}

static void change_key(struct world *w, struct chy_cert_plan *p)
{
    EVP_PKEY *key = ec_key("P-256");

    p->csr = read_request(w->cx, &(struct request){.key = key});
    EVP_PKEY_free(key);
}

static void change_usage(struct world *w, struct chy_cert_plan *p)
{
    ok(w->cx, chy_plan_usage(w->cx, p, "nonRepudiation"));
}

static void change_purpose(struct world *w, struct chy_cert_plan *p)
{
    p->purposes[0] = "1.3.6.1.5.5.7.3.3";
    (void)w;
}

static void become_ca(struct world *w, struct chy_cert_plan *p)
{
    (void)w;
    p->ca = true;
}

static void add_extension(struct world *w, struct chy_cert_plan *p)
{
    ok(w->cx, chy_plan_ext(w->cx, p, "1.2.3.4", false, (const uint8_t *)"\x05\x00", 2));
}

static void change_url(struct world *w, struct chy_cert_plan *p)
{
    struct chy_issuer_cert *other = chy_alloc(w->cx, sizeof *other);

    *other = w->issuer;
    other->crl_url = "http://evil.example/crl";
    p->issuer = other;
}

static void change_access(struct world *w, struct chy_cert_plan *p)
{
    struct chy_issuer_cert *other = chy_alloc(w->cx, sizeof *other);

    *other = w->issuer;
    other->aia_url = "http://evil.example/issuer";
    p->issuer = other;
}

static void any_difference_keeps_the_certificate_in(void **state)
{
    static const struct {
        void (*change)(struct world *w, struct chy_cert_plan *p);
        const char *words;
    } cases[] = {
        {change_serial, "serial differs"},
        {change_name, "subjectAltName differs"},
        {add_name, "subjectAltName differs"},
        {change_times, "validity period differs"},
        {change_subject, "subject differs"},
        {change_key, "public key differs"},
        {change_usage, "keyUsage differs"},
        {change_purpose, "extendedKeyUsage differs"},
        {become_ca, "number of extensions differs"},
        {add_extension, "number of extensions differs"},
        {change_url, "crlDistributionPoints differs"},
        {change_access, "authorityInfoAccess differs"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chy_cert_plan *made = web_plan(w);

        cases[i].change(w, made);
        finish_differs(w, made, web_plan(w), cases[i].words);
    }
}

static void module_extensions_are_compared_octet_by_octet(void **state)
{
    struct world *w = *state;
    struct chy_cert_plan *made = web_plan(w), *planned = web_plan(w);
    uint8_t a[] = {0x02, 0x01, 0x05}, b[] = {0x02, 0x01, 0x06};

    ok(w->cx, chy_plan_ext(w->cx, made, "1.2.3.4", false, a, 3));
    ok(w->cx, chy_plan_ext(w->cx, planned, "1.2.3.4", false, b, 3));
    finish_differs(w, made, planned, "1.2.3.4 differs");
    made->extras[0].critical = true;
    planned->extras[0].der = made->extras[0].der;
    finish_differs(w, made, planned, "criticality of 1.2.3.4 differs");
}

static void wrong_signatures_keep_the_certificate_in(void **state)
{
    struct world *w = *state;
    struct chy_ctx *cx = w->cx;
    struct chy_cert_plan *p = web_plan(w);
    const uint8_t *tbs, *der = NULL;
    uint8_t *sig, *other;
    size_t tbs_n, sig_n, other_n, n;

    ok(cx, chy_plan_tbs(cx, p, &tbs, &tbs_n));
    sig = sign_octets(cx, w->issuer_key, tbs, tbs_n, &sig_n);
    other = sign_octets(cx, w->key, tbs, tbs_n, &other_n);
    for (int i = 0; i < 2; i++) { /* with a plan, and in recovery without */
        const struct chy_cert_plan *plan = i == 0 ? p : NULL;

        REFUSED(chy_plan_finish(cx, plan, &w->issuer, tbs, tbs_n, other, other_n, &der, &n),
                "signature does not verify");
        REFUSED(chy_plan_finish(cx, plan, &w->issuer, tbs, tbs_n, sig, 0, &der, &n),
                "no signature");
        REFUSED(chy_plan_finish(cx, plan, &w->issuer, tbs, tbs_n - 1, sig, sig_n, &der, &n),
                "not a TBSCertificate");
        assert_null(der);
        ok(cx, chy_plan_finish(cx, plan, &w->issuer, tbs, tbs_n, sig, sig_n, &der, &n));
        der = NULL;
    }
}

/* ---- issuers ---- */

static void issuer_chains_are_judged(void **state)
{
    struct world *w = *state;
    struct chy_ctx *cx = w->cx;
    struct chy_authority other;
    struct chy_issuer_cert is;
    char *key, *leaf;

    ok(cx, chy_authority_make(cx, "Other", &other));
    ok(cx, chy_authority_listener(cx, &w->ca, "localhost", 10, &key, &leaf));
    assert_string_equal(w->issuer.chain_pem, w->ca.issuing_pem); /* the root is left out */
    assert_int_equal(w->issuer.sig_nid, NID_ecdsa_with_SHA256);
    REFUSED(chy_issuer_cert_read(cx, "x", "", &is), "no certificate");
    REFUSED(chy_issuer_cert_read(cx, "x", leaf, &is), "certificate 1 is not a CA's");
    REFUSED(
        chy_issuer_cert_read(cx, "x", chy_fmt(cx, "%s%s", w->ca.issuing_pem, other.root_pem), &is),
        "not certified by the next");
    REFUSED(chy_issuer_cert_read(
                cx, "x", chy_fmt(cx, "%.*s", (int)strlen(w->ca.issuing_pem) / 2, w->ca.issuing_pem),
                &is),
            "cannot be decoded");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(certificate_verifies_up_to_the_root),
        TEST(certificate_holds_what_was_planned),
        TEST(subject_makes_the_names_uncritical),
        TEST(times_past_2049_are_generalized),
        TEST(ca_has_its_constraints),
        TEST(key_usages_follow_the_kind_of_key),
        TEST(plan_functions_refuse),
        TEST(names_are_bounded),
        TEST(unfinished_plans_are_not_encoded),
        TEST(any_difference_keeps_the_certificate_in),
        TEST(module_extensions_are_compared_octet_by_octet),
        TEST(wrong_signatures_keep_the_certificate_in),
        TEST(issuer_chains_are_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
