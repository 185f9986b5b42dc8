/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, requests and issuers for the tests of core/pki: made with OpenSSL, hostile where asked. */
#ifndef CHY_TESTS_PKI_FIXTURE_H
#define CHY_TESTS_PKI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "core/base/auto.h"
#include "core/base/id.h"
#include "core/base/problem.h"
#include "core/pki/authority.h"
#include "core/pki/cert.h"
#include "core/pki/csr.h"
#include "core/pki/plan.h"
#include "tests/support/fakehost.h"

#define FIXTURE __attribute__((unused)) static

FIXTURE EVP_PKEY *ec_key(const char *curve)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);

    assert_non_null(key);
    return key;
}

FIXTURE EVP_PKEY *rsa_key(size_t bits)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);

    assert_non_null(key);
    return key;
}

/* How a request is to be made; zeros give a good one without names. */
struct request {
    EVP_PKEY *key;
    EVP_PKEY *signer;                                             /* NULL: key              */
    const EVP_MD *digest;                                         /* NULL: SHA-256          */
    const char *san;                                              /* as in openssl.cnf      */
    const char *common_name;                                      /* NULL: none             */
    void (*exts)(STACK_OF(X509_EXTENSION) * exts);                /* more extensions        */
    void (*last)(X509_REQ *req, STACK_OF(X509_EXTENSION) * exts); /* before signing */
};

FIXTURE void add_conf(STACK_OF(X509_EXTENSION) * exts, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(ext);
    sk_X509_EXTENSION_push(exts, ext);
}

FIXTURE void add_raw(STACK_OF(X509_EXTENSION) * exts, const char *oid, int critical,
                     const void *der, size_t n)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

    assert_int_equal(ASN1_OCTET_STRING_set(value, der, (int)n), 1);
    sk_X509_EXTENSION_push(exts, X509_EXTENSION_create_by_OBJ(NULL, object, critical, value));
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
}

/* DER of the request, in the arena. */
FIXTURE uint8_t *make_request(struct chy_ctx *cx, const struct request *r, size_t *ret_n)
{
    STACK_OF(X509_EXTENSION) *exts = sk_X509_EXTENSION_new_null();
    EVP_PKEY *signer = r->signer != NULL ? r->signer : r->key;
    const EVP_MD *digest = r->digest != NULL ? r->digest : EVP_sha256();
    X509_REQ *req = X509_REQ_new();
    unsigned char *der = NULL;
    uint8_t *copy;
    int n;

    X509_REQ_set_version(req, 0);
    assert_int_equal(X509_REQ_set_pubkey(req, r->key), 1);
    if (r->common_name != NULL)
        assert_int_equal(X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(req), NID_commonName,
                                                    MBSTRING_UTF8, (const uint8_t *)r->common_name,
                                                    -1, -1, 0),
                         1);
    if (r->san != NULL)
        add_conf(exts, NID_subject_alt_name, r->san);
    if (r->exts != NULL)
        r->exts(exts);
    if (sk_X509_EXTENSION_num(exts) > 0)
        assert_int_equal(X509_REQ_add_extensions(req, exts), 1);
    if (r->last != NULL)
        r->last(req, exts);
    if (EVP_PKEY_is_a(signer, "ED25519"))
        digest = NULL;
    assert_int_not_equal(X509_REQ_sign(req, signer, digest), 0);
    n = i2d_X509_REQ(req, &der);
    assert_true(n > 0);
    copy = chy_alloc(cx, (size_t)n);
    memcpy(copy, der, (size_t)n);
    OPENSSL_free(der);
    X509_REQ_free(req);
    sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
    *ret_n = (size_t)n;
    return copy;
}

FIXTURE struct chy_csr *read_request(struct chy_ctx *cx, const struct request *r)
{
    struct chy_csr *csr = chy_alloc(cx, sizeof *csr);
    size_t n;
    uint8_t *der = make_request(cx, r, &n);

    if (chy_csr_read(cx, der, n, csr) != CHY_OK)
        fail_msg("%s", cx->problem.detail);
    return csr;
}

FIXTURE EVP_PKEY *key_from_pem(const char *pem)
{
    chy_auto(BIO) *in = BIO_new_mem_buf(pem, -1);

    return PEM_read_bio_PrivateKey(in, NULL, chy_no_passphrase, NULL);
}

FIXTURE X509 *cert_from_pem(const char *pem)
{
    chy_auto(BIO) *in = BIO_new_mem_buf(pem, -1);

    return PEM_read_bio_X509(in, NULL, chy_no_passphrase, NULL);
}

FIXTURE GENERAL_NAME *name_of(int type, const char *value)
{
    GENERAL_NAME *gn = a2i_GENERAL_NAME(NULL, NULL, NULL, type, value, 0);

    assert_non_null(gn);
    return gn;
}

/* Signature by a key, as the signer would make it. */
FIXTURE uint8_t *sign_octets(struct chy_ctx *cx, EVP_PKEY *key, const uint8_t *b, size_t n,
                             size_t *ret_n)
{
    chy_auto(EVP_MD_CTX) *md = EVP_MD_CTX_new();
    uint8_t *sig = chy_alloc(cx, CHY_SIGNATURE_MAX);

    *ret_n = CHY_SIGNATURE_MAX;
    assert_int_equal(
        EVP_DigestSignInit_ex(md, NULL, chy_signature_digest(key), NULL, NULL, key, NULL), 1);
    assert_int_equal(EVP_DigestSign(md, sig, ret_n, b, n), 1);
    return sig;
}

/* The unit of work failed with that type, and the detail (or the log's note) names the check. */
FIXTURE void assert_refused(struct chy_ctx *cx, const struct chy_problem_type *type,
                            const char *words)
{
    const char *text = cx->problem.note != NULL ? cx->problem.note : cx->problem.detail;

    assert_non_null(cx->problem.type);
    if (strcmp(cx->problem.type->urn, type->urn) != 0 || strstr(text, words) == NULL)
        fail_msg("refused with %s: %s, not with %s: %s", cx->problem.type->urn, text, type->urn,
                 words);
    chy_problem_clear(cx);
}

FIXTURE void refuse_octets(struct chy_ctx *cx, const uint8_t *der, size_t n, const char *words)
{
    struct chy_csr csr = {.der = (const uint8_t *)"untouched"};

    if (chy_csr_read(cx, der, n, &csr) == CHY_OK)
        fail_msg("was not refused: %s", words);
    assert_string_equal((const char *)csr.der, "untouched");
    assert_refused(cx, &CHY_P_badCSR, words);
}

FIXTURE void refuse(struct chy_ctx *cx, const struct request *r, const char *words)
{
    size_t n;
    uint8_t *der = make_request(cx, r, &n);

    refuse_octets(cx, der, n, words);
}

#endif
