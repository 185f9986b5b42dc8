/* SPDX-License-Identifier: Apache-2.0 */
/* Putting to-be-signed parts and signatures together, and decoding what came of it (RFC 5280
 * section 4.1).  Judges encoding only: what a certificate may say is for plan and signer. */
#include "core/pki/cert.h"

#include <string.h>

#include <openssl/err.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "core/pki/der.h"
#include "core/pki/keys.h"
#include "core/pki/spki.h"

#define VERSION_TAG 0xa0

static void release_x509(void *cert)
{
    X509_free(cert);
}

/* The items of a TBSCertificate that we need before decoding it. */
static bool look_into(const uint8_t *tbs, size_t n, struct chy_der_item *ret_algorithm,
                      struct chy_der_item *ret_spki)
{
    struct chy_der in = {tbs, n};
    struct chy_der_item seq, skipped;

    return chy_der_take(&in, CHY_DER_SEQUENCE, &seq) && in.n == 0 &&
           chy_der_take(&seq.in, VERSION_TAG, &skipped) &&
           chy_der_take(&seq.in, CHY_DER_INTEGER, &skipped) && /* serialNumber */
           chy_der_take(&seq.in, CHY_DER_SEQUENCE, ret_algorithm) &&
           chy_der_take(&seq.in, CHY_DER_SEQUENCE, &skipped) && /* issuer   */
           chy_der_take(&seq.in, CHY_DER_SEQUENCE, &skipped) && /* validity */
           chy_der_take(&seq.in, CHY_DER_SEQUENCE, &skipped) && /* subject  */
           chy_der_take(&seq.in, CHY_DER_SEQUENCE, ret_spki);
}

enum chy_rc chy_cert_assemble(struct chy_ctx *cx, const uint8_t *tbs, size_t tbs_n,
                              const uint8_t *sig, size_t sig_n, const uint8_t **ret_der,
                              size_t *ret_n)
{
    struct chy_der_item algorithm, spki;
    uint8_t *der, *p;
    int body, whole, bits;

    if (tbs_n > CHY_TBS_MAX || sig_n > CHY_SIGNATURE_MAX)
        return chy_fault_internal(cx, "to-be-signed certificate or signature is too long");
    if (!look_into(tbs, tbs_n, &algorithm, &spki))
        return chy_fault_internal(cx, "to-be-signed certificate is not a TBSCertificate");
    bits = ASN1_object_size(0, (int)sig_n + 1, V_ASN1_BIT_STRING);
    body = (int)(tbs_n + algorithm.raw_n) + bits;
    whole = ASN1_object_size(1, body, V_ASN1_SEQUENCE);
    der = chy_alloc(cx, (size_t)whole);
    p = der;
    ASN1_put_object(&p, 1, body, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    memcpy(p, tbs, tbs_n);
    p += tbs_n;
    memcpy(p, algorithm.raw, algorithm.raw_n);
    p += algorithm.raw_n;
    ASN1_put_object(&p, 0, (int)sig_n + 1, V_ASN1_BIT_STRING, V_ASN1_UNIVERSAL);
    *p++ = 0; /* no unused bits */
    if (sig_n > 0)
        memcpy(p, sig, sig_n);
    *ret_der = der;
    *ret_n = (size_t)whole;
    return CHY_OK;
}

static bool encodes_same(X509 *cert, const uint8_t *der, size_t n)
{
    unsigned char *again = NULL;
    int again_n;
    bool same;

    if (i2d_re_X509_tbs(cert, NULL) <= 0) /* forgets the octets it was decoded from */
        return false;
    again_n = i2d_X509(cert, &again);
    same = again_n > 0 && (size_t)again_n == n && memcmp(again, der, n) == 0;
    OPENSSL_free(again);
    return same;
}

enum chy_rc chy_cert_decode(struct chy_ctx *cx, const uint8_t *der, size_t n, X509 **ret)
{
    struct chy_der in = {der, n};
    struct chy_der_item seq, tbs, algorithm, spki;
    const unsigned char *p = der;
    X509 *cert;

    if (n > CHY_TBS_MAX + 2 * CHY_SIGNATURE_MAX || !chy_der_valid(der, n))
        return chy_fault_internal(cx, "certificate is not DER");
    if (!chy_der_take(&in, CHY_DER_SEQUENCE, &seq) ||
        !chy_der_take(&seq.in, CHY_DER_SEQUENCE, &tbs) ||
        !look_into(tbs.raw, tbs.raw_n, &algorithm, &spki))
        return chy_fault_internal(cx, "certificate is not one of version 3");
    if (chy_spki_check(cx, spki.raw, spki.raw_n, &CHY_P_serverInternal) != CHY_OK)
        return CHY_ERR;
    cert = d2i_X509(NULL, &p, (long)n);
    ERR_clear_error();
    if (cert == NULL)
        return chy_fault_internal(cx, "certificate cannot be decoded");
    chy_arena_defer(cx->arena, release_x509, cert);
    if (p != der + n || !encodes_same(cert, der, n))
        return chy_fault_internal(cx, "certificate is not DER: it encodes differently");
    *ret = cert;
    return CHY_OK;
}

enum chy_rc chy_tbs_decode(struct chy_ctx *cx, const uint8_t *tbs, size_t tbs_n, X509 **ret)
{
    const uint8_t *der;
    size_t n;

    if (chy_cert_assemble(cx, tbs, tbs_n, NULL, 0, &der, &n) != CHY_OK)
        return CHY_ERR;
    return chy_cert_decode(cx, der, n, ret);
}

/* Strength of digest follows strength of key (RFC 5480 section 4; of RSA, NIST SP 800-57 part 1
 * section 5.6.1: 3072 bits are worth the 128 of SHA-256). */
static const struct signing {
    const char *type;
    int least, most; /* bits of the key */
    int nid;
    const char *digest;
} signings[] = {
    {"RSA", CHY_RSA_BITS_MIN, 3072, NID_sha256WithRSAEncryption, "SHA256"},
    {"RSA", 3073, CHY_RSA_BITS_MAX, NID_sha384WithRSAEncryption, "SHA384"},
    {"EC", 256, 256, NID_ecdsa_with_SHA256, "SHA256"},
    {"EC", 384, 384, NID_ecdsa_with_SHA384, "SHA384"},
    {"EC", 521, 521, NID_ecdsa_with_SHA512, "SHA512"},
    {"ED25519", 0, 256, NID_ED25519, NULL},
};

static const struct signing *signing_of(EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);

    for (size_t i = 0; i < sizeof signings / sizeof *signings; i++)
        if (EVP_PKEY_is_a(key, signings[i].type) && signings[i].least <= bits &&
            bits <= signings[i].most)
            return &signings[i];
    return NULL;
}

int chy_signature_nid(EVP_PKEY *key)
{
    const struct signing *s = signing_of(key);

    return s != NULL ? s->nid : NID_undef;
}

const char *chy_signature_digest(EVP_PKEY *key)
{
    const struct signing *s = signing_of(key);

    return s != NULL ? s->digest : NULL;
}

int chy_signature_parameters(int nid)
{
    int key_nid;

    return OBJ_find_sigid_algs(nid, NULL, &key_nid) == 1 && key_nid == NID_rsaEncryption
               ? V_ASN1_NULL
               : V_ASN1_UNDEF;
}

int chy_no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

bool chy_same_name(const X509_NAME *a, const X509_NAME *b)
{
    const unsigned char *x, *y;
    size_t x_n, y_n;

    return X509_NAME_get0_der(a, &x, &x_n) == 1 && X509_NAME_get0_der(b, &y, &y_n) == 1 &&
           x_n == y_n && memcmp(x, y, x_n) == 0;
}

bool chy_asn1_time(const ASN1_TIME *t, time_t *ret)
{
    struct tm tm;
    time_t got;

    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    got = timegm(&tm);
    if (got == (time_t)-1)
        return false;
    *ret = got;
    return true;
}
