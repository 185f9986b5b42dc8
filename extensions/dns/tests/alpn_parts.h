/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that answer tls-alpn-01, right or wrong in one thing. */
#ifndef CHY_DNS_TESTS_ALPN_PARTS_H
#define CHY_DNS_TESTS_ALPN_PARTS_H

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define ALPN_OID "1.3.6.1.5.5.7.1.31"

/* What is not said is right. */
struct recipe {
    const char *san;  /* in OpenSSL's form; "": none                         */
    const char *oid;  /* of the extension; "": none                          */
    const char *text; /* what is digested                                    */
    bool not_critical, twice, raw_digest, version_1, other_issuer, other_key, rsa, san_tail;
    int grow;        /* octets more (or fewer) in the extension's value       */
    int digest_size; /* inner length octet; 0: 32                            */
    size_t padding;  /* octets of a further extension                        */
};

static inline void must_be(bool yes)
{
    if (!yes)
        abort();
}

static inline void put_octets(X509 *cert, const char *oid, bool critical, const uint8_t *b, int n)
{
    ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;

    must_be(ASN1_OCTET_STRING_set(value, b, n) == 1);
    must_be(X509_EXTENSION_create_by_OBJ(&ext, o, critical, value) != NULL);
    must_be(X509_add_ext(cert, ext, -1) == 1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(o);
}

static inline void put_san(X509 *cert, const struct recipe *r)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, r->san);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(ext);
    uint8_t b[300];
    int n = ASN1_STRING_length(value);

    must_be(n + 2 < (int)sizeof b);
    memcpy(b, ASN1_STRING_get0_data(value), (size_t)n);
    memcpy(b + n, "\x05", 2); /* NULL behind the names */
    put_octets(cert, "2.5.29.17", false, b, r->san_tail ? n + 2 : n);
    X509_EXTENSION_free(ext);
}

static inline void put_digest(X509 *cert, const struct recipe *r)
{
    uint8_t b[80] = {0x04, r->digest_size != 0 ? (uint8_t)r->digest_size : 32};
    const char *oid = r->oid != NULL ? r->oid : ALPN_OID;

    must_be(EVP_Digest(r->text, strlen(r->text), b + 2, NULL, EVP_sha256(), NULL) == 1);
    for (int i = 0; i < (r->twice ? 2 : 1); i++)
        put_octets(cert, oid, !r->not_critical, r->raw_digest ? b + 2 : b,
                   (r->raw_digest ? 32 : 34) + r->grow);
}

static inline void put_name(X509 *cert, const char *cn, bool issuer)
{
    X509_NAME *name = X509_NAME_new();

    must_be(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0) ==
            1);
    must_be((issuer ? X509_set_issuer_name(cert, name) : X509_set_subject_name(cert, name)) == 1);
    X509_NAME_free(name);
}

/* The caller's to free. */
static inline X509 *make_cert(const struct recipe *r)
{
    EVP_PKEY *key = r->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    EVP_PKEY *other = EVP_EC_gen("P-256");
    X509 *cert = X509_new();

    X509_set_version(cert, r->version_1 ? X509_VERSION_1 : X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -86400 * 400L); /* dates are not looked at */
    X509_gmtime_adj(X509_getm_notAfter(cert), -86400 * 399L);
    put_name(cert, "a.example", false);
    put_name(cert, r->other_issuer ? "a CA" : "a.example", true);
    X509_set_pubkey(cert, key);
    if (*r->san != '\0')
        put_san(cert, r);
    if (r->oid == NULL || *r->oid != '\0')
        put_digest(cert, r);
    if (r->padding > 0) {
        uint8_t *zeros = calloc(1, r->padding);

        put_octets(cert, "1.2.3.4", false, zeros, (int)r->padding);
        free(zeros);
    }
    must_be(X509_sign(cert, r->other_key ? other : key, EVP_sha256()) > 0);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    return cert;
}

#endif
