/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer refuses though its caller built it: certificates made wrong octet by octet. */
#include "tests/unit/signer_fixture.h"

#include "core/pki/der.h"
#include "services/signer/judge.h"

static int setup(void **state)
{
    *state = signer_world_new();
    return 0;
}

static int teardown(void **state)
{
    signer_world_free(*state);
    return 0;
}

static X509 *decoded(struct signer_world *w, struct chy_cert_plan *p)
{
    struct tbs t = tbs_of(w, p);
    X509 *cert;

    ok(w->cx, chy_tbs_decode(w->cx, t.b, t.n, &cert));
    return cert;
}

static enum chy_rc judge_octets(struct signer_world *w, struct tbs t)
{
    uint8_t serial[CHY_SERIAL_OCTETS];

    if (!w->open)
        ok(w->cx, open_signer(w));
    return chy_judge(w->cx, chy_keyring_find(&w->state.ring, "web-1"), t.b, t.n, serial);
}

static enum chy_rc judge(struct signer_world *w, X509 *cert)
{
    unsigned char *der = NULL;
    int n = i2d_re_X509_tbs(cert, &der);
    enum chy_rc rc;

    assert_true(n > 0);
    rc = judge_octets(w, (struct tbs){der, (size_t)n});
    OPENSSL_free(der);
    return rc;
}

#define REFUSED(call, words)                                                                       \
    do {                                                                                           \
        assert_int_equal(call, CHY_ERR);                                                           \
        assert_refused(w->cx, &CHY_P_unauthorized, words);                                         \
    } while (0)

static void a_mistake_ends_within_the_max_lifetime_from_now(void **state)
{
    struct signer_world *w = *state;
    struct chy_cert_plan *p = good_plan(w);
    time_t now = chy_clock_now();

    p->not_before = now + 4 * 365 * 86400;
    p->not_after = p->not_before + 90 * 86400;
    REFUSED(judge(w, decoded(w, p)), "further ahead than the issuer's max-ahead");
    p->not_before = now + 47 * 3600;
    p->not_after = p->not_before + 99 * 86400 + 86399;
    REFUSED(judge(w, decoded(w, p)), "lifetime from now on is over");
    p->not_after = now + 99 * 86400;
    ok(w->cx, judge(w, decoded(w, p)));
}

static void max_ahead_is_the_ceilings(void **state)
{
    struct signer_world *w = *state;
    struct chy_cert_plan *p = good_plan(w);

    put_ceilings(w, "    max-ahead: 1h\n");
    p->not_before = chy_clock_now() + 2 * 3600;
    REFUSED(judge(w, decoded(w, p)), "further ahead than the issuer's max-ahead");
}

static void purposes_are_those_of_the_ceilings(void **state)
{
    static const char *const others[] = {"OCSPSigning", "anyExtendedKeyUsage", "codeSigning",
                                         "1.2.3.4"};
    struct signer_world *w = *state;
    struct chy_cert_plan *p = good_plan(w);
    X509 *cert;

    ok(w->cx, chy_plan_usage(w->cx, p, "clientAuth"));
    ok(w->cx, judge(w, decoded(w, p)));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        p = good_plan(w);
        ok(w->cx, chy_plan_usage(w->cx, p, others[i]));
        REFUSED(judge(w, decoded(w, p)), "extended key usage");
    }
    cert = decoded(w, good_plan(w));
    X509_EXTENSION_free(X509_delete_ext(cert, X509_get_ext_by_NID(cert, NID_ext_key_usage, -1)));
    ok(w->cx, judge(w, cert));
    for (int empty = 0; empty < 2; empty++) {
        const ASN1_OCTET_STRING *value;

        cert = decoded(w, good_plan(w));
        value = X509_EXTENSION_get_data(
            X509_get_ext(cert, X509_get_ext_by_NID(cert, NID_ext_key_usage, -1)));
        ASN1_STRING_set((ASN1_STRING *)value, empty ? "\x30\x00" : "\x05\x00", 2);
        REFUSED(judge(w, cert), empty ? "extKeyUsage is empty" : "extKeyUsage cannot be decoded");
    }
}

static void ceilings_name_other_purposes(void **state)
{
    struct signer_world *w = *state;
    struct chy_cert_plan *p = good_plan(w);
    X509 *cert;

    put_ceilings(w, "    purposes: [codeSigning, serverAuth]\n    purpose-required: true\n");
    ok(w->cx, chy_plan_usage(w->cx, p, "codeSigning"));
    ok(w->cx, judge(w, decoded(w, p)));
    ok(w->cx, chy_plan_usage(w->cx, p, "clientAuth"));
    REFUSED(judge(w, decoded(w, p)), "extended key usage 1.3.6.1.5.5.7.3.2 is not allowed");
    cert = decoded(w, good_plan(w));
    X509_EXTENSION_free(X509_delete_ext(cert, X509_get_ext_by_NID(cert, NID_ext_key_usage, -1)));
    REFUSED(judge(w, cert), "extKeyUsage is absent");
}

static void common_names_are_alternative_names_to_the_octet(void **state)
{
    static const struct {
        int type, nid;
        const char *b;
        int n;
        bool good;
    } cases[] = {
        {V_ASN1_UTF8STRING, NID_commonName, "www.shop.example", 16, true},
        {V_ASN1_PRINTABLESTRING, NID_commonName, "www.shop.example", 16, true},
        {V_ASN1_UTF8STRING, NID_commonName, "evil.test\0.shop.example", 23, false},
        {V_ASN1_UTF8STRING, NID_commonName, "evil.test www.shop.example", 26, false},
        {V_ASN1_UTF8STRING, NID_commonName, "*.shop.example", 14, false},
        {V_ASN1_UTF8STRING, NID_commonName, "www.shop.example ", 17, false},
        {V_ASN1_UTF8STRING, NID_commonName, "WWW.shop.example", 16, false},
        {V_ASN1_T61STRING, NID_commonName, "www.shop.example", 16, false},
        {V_ASN1_BMPSTRING, NID_commonName, "\0e\0v.shop.example", 18, false},
        {V_ASN1_IA5STRING, NID_pkcs9_emailAddress, "a@shop.example", 14, false},
    };
    struct signer_world *w = *state;

    put_ceilings(w, "    permitted-dns: [shop.example]\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        X509 *cert = decoded(w, good_plan(w));

        assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), cases[i].nid,
                                                    cases[i].type, (const uint8_t *)cases[i].b,
                                                    cases[i].n, -1, 0),
                         1);
        if (cases[i].good) {
            ok(w->cx, judge(w, cert));
        } else {
            REFUSED(judge(w, cert),
                    cases[i].nid == NID_commonName ? "common name is not one of" : "emailAddress");
        }
    }
}

static X509 *sub_ca(struct signer_world *w, int path_len, const char *constraints)
{
    struct chy_cert_plan *p = good_plan(w);
    X509_EXTENSION *ext;
    X509 *cert;

    p->ca = true;
    p->path_len = path_len;
    cert = decoded(w, p);
    if (constraints == NULL)
        return cert;
    ext = X509V3_EXT_conf_nid(NULL, NULL, NID_name_constraints, constraints);
    assert_non_null(ext);
    X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return cert;
}

#define NO_IP6 ",excluded;IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0"
#define NO_IP ",excluded;IP:0.0.0.0/0.0.0.0" NO_IP6

static void cas_are_constrained_as_their_issuer_is(void **state)
{
    static const struct {
        int path_len;
        const char *constraints, *words; /* NULL: signed */
    } cases[] = {
        {0, "critical,permitted;DNS:shop.example" NO_IP, NULL},
        {-1, "critical,permitted;DNS:shop.example" NO_IP, "pathLenConstraint"},
        {1, "critical,permitted;DNS:shop.example" NO_IP, "pathLenConstraint"},
        {0, NULL, "no critical nameConstraints"},
        {0, "permitted;DNS:shop.example" NO_IP, "no critical nameConstraints"},
        {0, "critical,permitted;DNS:example" NO_IP, "permit more"},
        {0, "critical,permitted;DNS:shop.example,permitted;email:evil.example" NO_IP,
         "permit more"},
        {0, "critical,excluded;DNS:evil.example" NO_IP, "permit more"},
        {0, "critical,permitted;DNS:shop.example", "do not exclude all IP"},
    };
    struct signer_world *w = *state;

    put_ceilings(w, "    permitted-dns: [shop.example]\n    allow-ca: true\n"
                    "    extensions: [\"2.5.29.14\", \"2.5.29.15\", \"2.5.29.17\", \"2.5.29.19\",\n"
                    "                 \"2.5.29.30\", \"2.5.29.35\", \"2.5.29.37\"]\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        X509 *cert = sub_ca(w, cases[i].path_len, cases[i].constraints);

        if (cases[i].words == NULL) {
            ok(w->cx, judge(w, cert));
        } else {
            REFUSED(judge(w, cert), cases[i].words);
        }
    }
}

static void bounded_cas_hold_each_family_of_addresses_to_the_ranges(void **state)
{
    static const struct {
        const char *constraints, *words; /* NULL: signed */
    } cases[] = {
        {"critical,permitted;DNS:shop.example" NO_IP, NULL},
        {"critical,permitted;DNS:shop.example,permitted;IP:10.1.0.0/255.255.0.0,"
         "permitted;IP:fd00::/ff00::",
         NULL},
        {"critical,permitted;DNS:shop.example,permitted;IP:10.1.2.0/255.255.255.0" NO_IP6, NULL},
        {"critical,permitted;DNS:shop.example,permitted;IP:10.0.0.0/255.0.0.0" NO_IP6,
         "permit more"},
        {"critical,permitted;DNS:shop.example,permitted;IP:0.0.0.0/0.0.0.0" NO_IP6, "permit more"},
        {"critical,permitted;DNS:shop.example,permitted;IP:10.1.0.0/255.255.0.255" NO_IP6,
         "permit more"},
        {"critical,permitted;DNS:shop.example,permitted;IP:10.1.0.1/255.255.0.0" NO_IP6,
         "permit more"},
        {"critical,permitted;DNS:shop.example,permitted;IP:10.1.0.0/255.255.0.0",
         "do not exclude all IP"},
        {"critical,permitted;IP:10.1.0.0/255.255.0.0" NO_IP6, "permit more"},
    };
    struct signer_world *w = *state;

    put_ceilings(
        w, "    permitted-dns: [shop.example]\n    permitted-ip: [10.1.0.0/16, \"fd00::/8\"]\n"
           "    allow-ca: true\n"
           "    extensions: [\"2.5.29.14\", \"2.5.29.15\", \"2.5.29.17\", \"2.5.29.19\",\n"
           "                 \"2.5.29.30\", \"2.5.29.35\", \"2.5.29.37\"]\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        X509 *cert = sub_ca(w, 0, cases[i].constraints);

        if (cases[i].words == NULL) {
            ok(w->cx, judge(w, cert));
        } else {
            REFUSED(judge(w, cert), cases[i].words);
        }
    }
}

/* An address and a name each, under ceilings that name both, one or the other. */
static void addresses_are_held_to_their_ranges(void **state)
{
    static const struct {
        const char *ceilings, *address, *words; /* NULL: signed */
    } cases[] = {
        {"", "203.0.113.9", NULL},
        {"    permitted-ip: [10.1.0.0/16, \"fd00::/8\", 192.0.2.7]\n"
         "    permitted-dns: [shop.example]\n",
         "10.1.255.255", NULL},
        {NULL, "fd00::1", NULL},
        {NULL, "192.0.2.7", NULL},
        {NULL, "10.2.0.0", "iPAddress:10.2.0.0 is not under a permitted range"},
        {NULL, "10.0.255.255", "is not under a permitted range"},
        {NULL, "192.0.2.6", "is not under a permitted range"},
        {NULL, "fc00::1", "is not under a permitted range"},
        {NULL, "::ffff:10.1.0.1", "is not under a permitted range"},
        {"    permitted-ip: [10.1.0.0/16]\n", "10.1.0.1", "www.shop.example is not under"},
        {"    permitted-dns: [shop.example]\n", "10.1.0.1", "is not under a permitted range"},
    };
    struct signer_world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chy_cert_plan *p = good_plan(w);

        if (cases[i].ceilings != NULL) {
            stop_signer(w); /* it reads them once */
            put_ceilings(w, cases[i].ceilings);
        }
        ok(w->cx, chy_plan_san(w->cx, p, name_of(GEN_IPADD, cases[i].address)));
        if (cases[i].words == NULL) {
            ok(w->cx, judge(w, decoded(w, p)));
        } else {
            REFUSED(judge(w, decoded(w, p)), cases[i].words);
        }
    }
}

static void times_have_one_form(void **state)
{
    static const struct {
        int type;
        const char *text;
    } cases[] = {
        {V_ASN1_UTCTIME, "2612010000Z"},
        {V_ASN1_UTCTIME, "261201000000+0000"},
        {V_ASN1_GENERALIZEDTIME, "202612010000Z"},
        {V_ASN1_GENERALIZEDTIME, "20261201000000Z"},
        {V_ASN1_GENERALIZEDTIME, "20261201000000.5Z"},
    };
    struct signer_world *w = *state;

    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases); i++) {
        X509 *cert = decoded(w, good_plan(w));
        ASN1_TIME *t = i % 2 != 0 ? X509_getm_notAfter(cert) : X509_getm_notBefore(cert);

        t->type = cases[i / 2].type;
        ASN1_STRING_set(t, cases[i / 2].text, -1);
        REFUSED(judge(w, cert), "not in the form of RFC 5280 section 4.1.2.5");
    }
}

/* An item put behind the public key. */
static struct tbs with_item(struct signer_world *w, struct tbs t, const char *item, size_t n)
{
    struct chy_der in = {t.b, t.n};
    struct chy_der_item seq, each;
    uint8_t *made = chy_alloc(w->cx, t.n + n + 4), *p = made;
    size_t before;

    assert_true(chy_der_take(&in, CHY_DER_SEQUENCE, &seq));
    in = seq.in;
    for (int i = 0; i < 7; i++)
        assert_true(chy_der_next(&in, &each));
    before = (size_t)(in.p - seq.in.p);
    ASN1_put_object(&p, 1, (int)(seq.in.n + n), V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(p, seq.in.p, before);
    memcpy(p + before, item, n);
    memcpy(p + before + n, in.p, in.n);
    return (struct tbs){made, (size_t)(p - made) + seq.in.n + n};
}

static void unique_ids_are_refused(void **state)
{
    struct signer_world *w = *state;
    struct tbs t = tbs_of(w, good_plan(w));

    REFUSED(judge_octets(w, with_item(w, t, "\x81\x02\x00\x01", 4)), "UniqueID");
    REFUSED(judge_octets(w, with_item(w, t, "\x82\x02\x00\x01", 4)), "UniqueID");
}

static void algorithm_has_its_own_parameters_only(void **state)
{
    struct signer_world *w = *state;
    X509 *cert = decoded(w, good_plan(w));

    X509_ALGOR_set0((X509_ALGOR *)X509_get0_tbs_sigalg(cert), OBJ_nid2obj(w->issuer.sig_nid),
                    V_ASN1_NULL, NULL);
    REFUSED(judge(w, cert), "signature algorithm has other parameters");
}

static void authority_key_is_the_issuers(void **state)
{
    struct signer_world *w = *state;
    AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
    X509 *cert = decoded(w, good_plan(w));

    assert_int_equal(
        X509_add1_ext_i2d(cert, NID_authority_key_identifier, id, 0, X509V3_ADD_REPLACE_EXISTING),
        1);
    REFUSED(judge(w, cert), "authorityKeyIdentifier is not just");
    id->keyid = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(id->keyid, (const uint8_t *)"01234567890123456789", 20);
    X509_add1_ext_i2d(cert, NID_authority_key_identifier, id, 0, X509V3_ADD_REPLACE_EXISTING);
    REFUSED(judge(w, cert), "authorityKeyIdentifier is not just");
    AUTHORITY_KEYID_free(id);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_mistake_ends_within_the_max_lifetime_from_now),
        TEST(max_ahead_is_the_ceilings),
        TEST(purposes_are_those_of_the_ceilings),
        TEST(ceilings_name_other_purposes),
        TEST(common_names_are_alternative_names_to_the_octet),
        TEST(cas_are_constrained_as_their_issuer_is),
        TEST(bounded_cas_hold_each_family_of_addresses_to_the_ranges),
        TEST(addresses_are_held_to_their_ranges),
        TEST(times_have_one_form),
        TEST(unique_ids_are_refused),
        TEST(algorithm_has_its_own_parameters_only),
        TEST(authority_key_is_the_issuers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
