/* SPDX-License-Identifier: Apache-2.0 */
/* What certificate requests ask for: extensions, names, attributes, subject (core.md F-08 to F-10;
 * T-F-05 to T-F-07). */
#include "tests/unit/pki_fixture.h"

struct world {
    struct chy_ctx *cx;
    EVP_PKEY *p256;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    w->cx = fake_cx_new(CHY_STAGE_REQUEST);
    w->p256 = ec_key("P-256");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    EVP_PKEY_free(w->p256);
    fake_cx_free(w->cx);
    free(w);
    return 0;
}

/* ---- extensions (T-F-06, T-F-07) ---- */

static void ca_true(STACK_OF(X509_EXTENSION) * exts)
{
    add_conf(exts, NID_basic_constraints, "critical,CA:TRUE");
}

static void name_constraints(STACK_OF(X509_EXTENSION) * exts)
{
    add_conf(exts, NID_name_constraints, "permitted;DNS:example");
}

static void unknown_critical(STACK_OF(X509_EXTENSION) * exts)
{
    add_raw(exts, "1.2.3.4.5", 1, "\x05\x00", 2);
}

static void second_san(STACK_OF(X509_EXTENSION) * exts)
{
    add_conf(exts, NID_subject_alt_name, "DNS:b.example");
}

static void unknown_twice(STACK_OF(X509_EXTENSION) * exts)
{
    add_raw(exts, "1.2.3.4.5", 0, "\x05\x00", 2);
    add_raw(exts, "1.2.3.4.5", 0, "\x05\x00", 2);
}

static void too_many(STACK_OF(X509_EXTENSION) * exts)
{
    for (int i = 0; i < 65; i++) {
        char oid[32];

        snprintf(oid, sizeof oid, "1.2.3.4.%d", i);
        add_raw(exts, oid, 0, "\x05\x00", 2);
    }
}

static void path_length_without_ca(STACK_OF(X509_EXTENSION) * exts)
{
    add_raw(exts, "2.5.29.19", 1, "\x30\x03\x02\x01\x00", 5);
}

static void constraints_that_are_none(STACK_OF(X509_EXTENSION) * exts)
{
    add_raw(exts, "2.5.29.19", 1, "\x05\x00", 2);
}

static void long_oid(STACK_OF(X509_EXTENSION) * exts)
{
    add_raw(exts,
            "1.2.4294967295.4294967295.4294967295.4294967295.4294967295.4294967295.4294967295."
            "4294967295.4294967295.4294967295.4294967295",
            0, "\x05\x00", 2);
}

/* A SAN of one GeneralName: tag, length, value. */
#define SAN_OF(name, tag, octets)                                                                  \
    static void name(STACK_OF(X509_EXTENSION) * exts)                                              \
    {                                                                                              \
        static const char value[] = octets;                                                        \
        uint8_t der[300] = {0x30, sizeof value + 1, tag, sizeof value - 1};                        \
        memcpy(der + 4, value, sizeof value - 1);                                                  \
        add_raw(exts, "2.5.29.17", 0, der, sizeof value + 3);                                      \
    }
SAN_OF(san_nul, 0x82, "example.org\0.evil.test")
SAN_OF(san_space, 0x82, "www example.org")
SAN_OF(san_eight_bit, 0x82, "w\xc3\xbc.example")
SAN_OF(san_dot, 0x82, "www.example.")
SAN_OF(san_no_name, 0x82, "")
SAN_OF(san_short_ip, 0x87, "\x7f\x01\x01")
SAN_OF(san_mask_ip, 0x87, "\x7f\x01\x01\x01\xff\x01\x01\x01")
SAN_OF(san_control_mail, 0x81, "a\n@example.org")
SAN_OF(san_space_uri, 0x86, "http://a b")

static void san_long_name(STACK_OF(X509_EXTENSION) * exts)
{
    uint8_t der[263] = {0x30, 0x82, 1, 3, 0x82, 0x81, 254};

    memset(der + 7, 'a', 254);
    der[2] = 1;
    der[3] = 1;
    add_raw(exts, "2.5.29.17", 0, der, 261);
}

static void san_empty(STACK_OF(X509_EXTENSION) * exts)
{
    add_raw(exts, "2.5.29.17", 0, "\x30\x00", 2);
}

static void san_not_der(STACK_OF(X509_EXTENSION) * exts)
{
    add_raw(exts, "2.5.29.17", 0, "\x30\x80\x82\x01\x61\x00\x00", 7);
}

static void san_trailing(STACK_OF(X509_EXTENSION) * exts)
{
    add_raw(exts, "2.5.29.17", 0, "\x30\x03\x82\x01\x61\x05\x00", 7);
}

static void san_unknown_choice(STACK_OF(X509_EXTENSION) * exts)
{
    add_raw(exts, "2.5.29.17", 0, "\x30\x03\x8a\x01\x61", 5);
}

static void san_twins(STACK_OF(X509_EXTENSION) * exts)
{
    add_raw(exts, "2.5.29.17", 0, "\x30\x09\x82\x01\x61\x82\x01\x62\x82\x01\x61", 11);
}

static void requested_extensions_are_judged(void **state)
{
    static const struct {
        void (*exts)(STACK_OF(X509_EXTENSION) * exts);
        const char *words;
    } cases[] = {
        {ca_true, "basicConstraints asks for a CA"},
        {path_length_without_ca, "basicConstraints asks for a CA"},
        {constraints_that_are_none, "basicConstraints cannot be decoded"},
        {name_constraints, "nameConstraints"},
        {unknown_critical, "critical extension 1.2.3.4.5 is not known"},
        {unknown_twice, "extension 1.2.3.4.5 is requested twice"},
        {too_many, "more than 64 extensions"},
        {long_oid, "OID is too long"},
        {san_nul, "holds a NUL"},
        {san_space, "holds a NUL, space"},
        {san_eight_bit, "non-ASCII"},
        {san_dot, "ends with a dot"},
        {san_no_name, "dNSName is empty"},
        {san_long_name, "longer than 253"},
        {san_short_ip, "4 or 16 octets"},
        {san_mask_ip, "4 or 16 octets"},
        {san_control_mail, "rfc822Name is empty or holds a control"},
        {san_space_uri, "a URI is empty or holds a space"},
        {san_empty, "subjectAltName is empty"},
        {san_not_der, "subjectAltName is not DER"},
        {san_trailing, "subjectAltName is not DER"},
        {san_unknown_choice, "not a GeneralNames"},
        {san_twins, "holds a name twice"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(w->cx, &(struct request){.key = w->p256, .exts = cases[i].exts}, cases[i].words);
    refuse(w->cx, &(struct request){.key = w->p256, .san = "DNS:a.example", .exts = second_san},
           "extension 2.5.29.17 is requested twice");
}

static void microsoft(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts)
{
    X509_REQ_add_extensions_nid(req, exts, NID_ms_ext_req);
    X509_ATTRIBUTE_free(X509_REQ_delete_attr(req, 0));
}

static void two_values(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts)
{
    X509_ATTRIBUTE *a = X509_REQ_get_attr(req, 0);
    static const uint8_t value[] = {0x30, 0x00};

    (void)exts;
    X509_ATTRIBUTE_set1_data(a, V_ASN1_SEQUENCE, value, sizeof value);
}

static void no_sequence(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts)
{
    (void)exts;
    X509_ATTRIBUTE_free(X509_REQ_delete_attr(req, 0));
    X509_REQ_add1_attr_by_NID(req, NID_ext_req, V_ASN1_INTEGER, (const uint8_t *)"\x05", 1);
}

static void no_extensions(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts)
{
    (void)exts;
    X509_ATTRIBUTE_free(X509_REQ_delete_attr(req, 0));
    X509_REQ_add1_attr_by_NID(req, NID_ext_req, V_ASN1_SEQUENCE, (const uint8_t *)"\x30\x00", 2);
}

static void not_extensions(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts)
{
    (void)exts;
    X509_ATTRIBUTE_free(X509_REQ_delete_attr(req, 0));
    X509_REQ_add1_attr_by_NID(req, NID_ext_req, V_ASN1_SEQUENCE,
                              (const uint8_t *)"\x30\x02\x05\x00", 4);
}

static void many_attributes(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts)
{
    (void)exts;
    for (int i = 0; i < 33; i++) {
        char oid[32];

        snprintf(oid, sizeof oid, "1.2.3.4.%d", i);
        X509_REQ_add1_attr_by_txt(req, oid, MBSTRING_ASC, (const uint8_t *)"x", 1);
    }
}

static void attributes_are_judged(void **state)
{
    static const struct {
        void (*last)(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts);
        const char *words;
    } cases[] = {
        {microsoft, "1.3.6.1.4.1.311.2.1.14"},
        {two_values, "not exactly one value"},
        {no_sequence, "not a sequence of extensions"},
        {no_extensions, "extensionRequest is empty"},
        {not_extensions, "not a sequence of extensions"},
        {many_attributes, "more than 32 attributes"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(w->cx,
               &(struct request){.key = w->p256, .san = "DNS:a.example", .last = cases[i].last},
               cases[i].words);
}

/* OpenSSL will not put an attribute in twice, so another one is renamed before signing. */
static void second_extension_request_is_refused(void **state)
{
    static const uint8_t before[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x02};
    static const uint8_t other[] = {0x30, 0x0c, 0x30, 0x0a, 0x06, 0x04, 0x2a,
                                    0x03, 0x04, 0x05, 0x04, 0x02, 0x05, 0x00};
    static const uint8_t ecdsa_sha256[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                           0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
    struct world *w = *state;
    struct request r = {.key = w->p256, .san = "DNS:a.example"};
    X509_REQ *req = X509_REQ_new();
    struct chy_csr *good = read_request(w->cx, &r);
    unsigned char *info = NULL, *at, whole[1024], *p = whole;
    size_t sig_n;
    uint8_t *sig;
    int info_n, body;

    X509_REQ_set_pubkey(req, w->p256);
    X509_REQ_add1_attr(req, X509_REQ_get_attr(good->req, 0));
    X509_REQ_add1_attr_by_NID(req, NID_pkcs9_unstructuredName, V_ASN1_SEQUENCE, other,
                              sizeof other);
    info_n = i2d_re_X509_REQ_tbs(req, &info);
    at = memmem(info, (size_t)info_n, before, sizeof before);
    assert_non_null(at);
    at[8] = 0x0e;
    sig = sign_octets(w->cx, w->p256, info, (size_t)info_n, &sig_n);
    body = info_n + (int)sizeof ecdsa_sha256 + 3 + (int)sig_n;
    ASN1_put_object(&p, 1, body, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(p, info, (size_t)info_n);
    p += info_n;
    memcpy(p, ecdsa_sha256, sizeof ecdsa_sha256);
    p += sizeof ecdsa_sha256;
    ASN1_put_object(&p, 0, (int)sig_n + 1, V_ASN1_BIT_STRING, V_ASN1_UNIVERSAL);
    *p++ = 0;
    memcpy(p, sig, sig_n);
    refuse_octets(w->cx, whole, (size_t)(p - whole) + sig_n, "two extensionRequest attributes");
    OPENSSL_free(info);
    X509_REQ_free(req);
}

/* ---- subject (F-09) ---- */

static void second_common_name(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts)
{
    (void)exts;
    X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(req), NID_commonName, MBSTRING_UTF8,
                               (const uint8_t *)"b", -1, -1, 0);
}

static void put_common_name(X509_REQ *req, const char *value, int n)
{
    X509_NAME_ENTRY *e = X509_NAME_ENTRY_create_by_NID(NULL, NID_commonName, V_ASN1_UTF8STRING,
                                                       (const uint8_t *)value, n);

    X509_NAME_add_entry(X509_REQ_get_subject_name(req), e, -1, 0);
    X509_NAME_ENTRY_free(e);
}

static void long_common_name(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts)
{
    char name[66];

    (void)exts;
    memset(name, 'a', sizeof name);
    put_common_name(req, name, 65);
}

static void nul_common_name(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts)
{
    (void)exts;
    put_common_name(req, "a\0b", 3);
}

static void large_subject(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts)
{
    (void)exts;
    for (int i = 0; i < 65; i++)
        X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(req), NID_organizationalUnitName,
                                   MBSTRING_UTF8, (const uint8_t *)"x", -1, -1, 0);
}

static void subject_is_judged(void **state)
{
    struct world *w = *state;
    struct chy_ctx *cx = w->cx;

    refuse(cx, &(struct request){.key = w->p256, .common_name = "a", .last = second_common_name},
           "more than one common name");
    refuse(cx, &(struct request){.key = w->p256, .last = long_common_name},
           "common name has 65 characters");
    refuse(cx, &(struct request){.key = w->p256, .last = nul_common_name}, "holds NUL");
    refuse(cx, &(struct request){.key = w->p256, .last = large_subject},
           "subject has more than 64 attributes");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requested_extensions_are_judged),
        TEST(attributes_are_judged),
        TEST(second_extension_request_is_refused),
        TEST(subject_is_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
