/* SPDX-License-Identifier: Apache-2.0 */
/* Is this the certificate that answers a tls-alpn-01 challenge (RFC 8737 section 3; core.md TA-02,
 * TA-03)?  Self-signed, one alternative name, and the digest of the key authorization in a critical
 * extension.  Its dates and key usage mean nothing here.  Pure: no host, no network. */
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "dns.h"

bool dns_alpn_digest(const char *key_authorization, uint8_t out[DNS_ALPN_DIGEST])
{
    unsigned n = 0;

    out[0] = V_ASN1_OCTET_STRING;
    out[1] = DNS_ALPN_DIGEST - 2;
    return EVP_Digest(key_authorization, strlen(key_authorization), out + 2, &n, EVP_sha256(),
                      NULL) == 1 &&
           n == DNS_ALPN_DIGEST - 2;
}

static const char *check_shape(X509 *cert)
{
    if (X509_get_version(cert) != X509_VERSION_3)
        return "it is not of version 3";
    for (int i = 0; i < X509_get_ext_count(cert); i++)
        if (X509_get_ext_by_OBJ(cert, X509_EXTENSION_get_object(X509_get_ext(cert, i)), i) >= 0)
            return "it has an extension twice";
    return NULL;
}

/* Whoever has the key may say so, but it must be one key that does (section 3: "self-signed"). */
static const char *check_self_signed(X509 *cert)
{
    if (X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) != 0 ||
        X509_get0_pubkey(cert) == NULL || X509_verify(cert, X509_get0_pubkey(cert)) != 1)
        return "it is not self-signed";
    return NULL;
}

static X509_EXTENSION *find_extension(X509 *cert, const char *oid)
{
    ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
    int at = o != NULL ? X509_get_ext_by_OBJ(cert, o, -1) : -1;

    ASN1_OBJECT_free(o);
    return at >= 0 ? X509_get_ext(cert, at) : NULL;
}

/* An OCTET STRING of the 32 octets, in the extension's own. */
static const char *check_digest(X509 *cert, const char *key_authorization)
{
    X509_EXTENSION *ext = find_extension(cert, DNS_ACME_IDENTIFIER);
    uint8_t expected[DNS_ALPN_DIGEST];
    const ASN1_OCTET_STRING *value;

    if (ext == NULL)
        return "it has no acmeIdentifier extension (" DNS_ACME_IDENTIFIER ")";
    if (X509_EXTENSION_get_critical(ext) != 1)
        return "its acmeIdentifier extension is not critical";
    if (!dns_alpn_digest(key_authorization, expected))
        return "the digest cannot be computed";
    value = X509_EXTENSION_get_data(ext);
    if (ASN1_STRING_length(value) != (int)sizeof expected ||
        CRYPTO_memcmp(ASN1_STRING_get0_data(value), expected, sizeof expected) != 0)
        return "its acmeIdentifier is not the digest of the key authorization";
    return NULL;
}

static bool is_name(const GENERAL_NAME *gn, const char *value)
{
    uint8_t octets[16];
    size_t n = dns_address(value, octets);

    if (n > 0)
        return gn->type == GEN_IPADD && ASN1_STRING_length(gn->d.iPAddress) == (int)n &&
               memcmp(ASN1_STRING_get0_data(gn->d.iPAddress), octets, n) == 0;
    n = strlen(value);
    return gn->type == GEN_DNS && ASN1_STRING_length(gn->d.dNSName) == (int)n &&
           strncasecmp((const char *)ASN1_STRING_get0_data(gn->d.dNSName), value, n) == 0;
}

/* Are these names encoded as DER has it, with nothing behind them?  The decoder takes more. */
static bool is_whole(const GENERAL_NAMES *names, const ASN1_OCTET_STRING *in)
{
    unsigned char *der = NULL;
    int n = i2d_GENERAL_NAMES(names, &der);
    bool same = n > 0 && n == ASN1_STRING_length(in) &&
                memcmp(der, ASN1_STRING_get0_data(in), (size_t)n) == 0;

    OPENSSL_free(der);
    return same;
}

static const char *check_name(X509 *cert, const char *value)
{
    X509_EXTENSION *ext = find_extension(cert, "2.5.29.17");
    const ASN1_OCTET_STRING *in;
    const unsigned char *p;
    GENERAL_NAMES *names;
    const char *wrong = NULL;

    if (ext == NULL)
        return "it has no subject alternative name";
    in = X509_EXTENSION_get_data(ext);
    p = ASN1_STRING_get0_data(in);
    names = d2i_GENERAL_NAMES(NULL, &p, ASN1_STRING_length(in));
    if (names == NULL || !is_whole(names, in))
        wrong = "its subject alternative name cannot be read";
    else if (sk_GENERAL_NAME_num(names) != 1)
        wrong = "it has more or less than one subject alternative name";
    else if (!is_name(sk_GENERAL_NAME_value(names, 0), value))
        wrong = "its subject alternative name is not the identifier";
    GENERAL_NAMES_free(names);
    return wrong;
}

const char *dns_alpn_fault(const uint8_t *der, size_t n, const char *value,
                           const char *key_authorization)
{
    const unsigned char *p = der;
    X509 *cert = n <= DNS_ALPN_CERT_MAX ? d2i_X509(NULL, &p, (long)n) : NULL;
    const char *wrong = NULL;

    if (cert == NULL || p != der + n)
        wrong = "it cannot be decoded";
    if (wrong == NULL)
        wrong = check_shape(cert);
    if (wrong == NULL)
        wrong = check_name(cert, value);
    if (wrong == NULL)
        wrong = check_digest(cert, key_authorization);
    if (wrong == NULL)
        wrong = check_self_signed(cert);
    X509_free(cert);
    ERR_clear_error();
    return wrong;
}
