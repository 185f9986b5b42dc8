/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate requests: what is read, and that every refusal is badCSR and names its check (core.md
 * F-04, F-08 to F-10; T-F-04 to T-F-08). */
#include "tests/unit/pki_fixture.h"

#include <time.h>

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

static void refuse_octets(struct chy_ctx *cx, const uint8_t *der, size_t n, const char *words)
{
    struct chy_csr csr = {.der = (const uint8_t *)"untouched"};

    if (chy_csr_read(cx, der, n, &csr) == CHY_OK)
        fail_msg("was not refused: %s", words);
    assert_string_equal((const char *)csr.der, "untouched");
    assert_refused(cx, &CHY_P_badCSR, words);
}

static void refuse(struct chy_ctx *cx, const struct request *r, const char *words)
{
    size_t n;
    uint8_t *der = make_request(cx, r, &n);

    refuse_octets(cx, der, n, words);
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
        TEST(requested_extensions_are_judged),
        TEST(attributes_are_judged),
        TEST(second_extension_request_is_refused),
        TEST(subject_is_judged),
        TEST(other_encodings_are_refused),
        TEST(ber_deep_inside_is_refused),
        TEST(truncation_at_every_octet_is_refused),
        TEST(a_flip_of_any_bit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
