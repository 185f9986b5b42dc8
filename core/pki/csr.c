/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a PKCS#10 request from outside (RFC 2986; RFC 8555 sections 7.4 and 11.1; core.md F-04).
 * Size, shape and key are judged on octets before OpenSSL sees them.  Whether names are authorized,
 * and whether the key is sound and allowed, is for others (keys.h). */
#include "core/pki/csr.h"

#include <string.h>

#include <openssl/err.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "core/pki/csr_requested.h"
#include "core/pki/der.h"
#include "core/pki/spki.h"

/* RFC 8017, RFC 5758 section 3.2, RFC 8410.  SHA-1, MD5 and PSS are not among them. */
static const struct algorithm {
    int nid;
    bool null_parameters; /* RFC 4055 section 5: NULL; all others have none */
} algorithms[] = {
    {NID_sha256WithRSAEncryption, true},
    {NID_sha384WithRSAEncryption, true},
    {NID_sha512WithRSAEncryption, true},
    {NID_ecdsa_with_SHA256, false},
    {NID_ecdsa_with_SHA384, false},
    {NID_ecdsa_with_SHA512, false},
    {NID_ED25519, false},
};

static void release_req(void *req)
{
    X509_REQ_free(req);
}

/* Find the key; version and outer shape on the way (RFC 2986 section 4). */
static enum chy_rc locate(struct chy_ctx *cx, struct chy_csr *csr)
{
    struct chy_der in = {csr->der, csr->der_len};
    struct chy_der_item req, info, version, subject, spki;

    if (!chy_der_take(&in, CHY_DER_SEQUENCE, &req))
        return chy_fail(cx, &CHY_P_badCSR,
                        "the request is not a DER SEQUENCE (base64url of DER, not of PEM, is "
                        "wanted: RFC 8555 section 7.4)");
    if (in.n != 0)
        return chy_fail(cx, &CHY_P_badCSR, "%zu octets follow the request", in.n);
    if (!chy_der_valid(csr->der, csr->der_len))
        return chy_fail(cx, &CHY_P_badCSR,
                        "the request is not DER (X.690 section 10): indefinite or long lengths, "
                        "constructed strings, unsorted sets or other BER");
    if (!chy_der_take(&req.in, CHY_DER_SEQUENCE, &info) ||
        !chy_der_take(&info.in, CHY_DER_INTEGER, &version) ||
        !chy_der_take(&info.in, CHY_DER_SEQUENCE, &subject) ||
        !chy_der_take(&info.in, CHY_DER_SEQUENCE, &spki))
        return chy_fail(cx, &CHY_P_badCSR,
                        "the request is not a CertificationRequest (RFC 2986 section 4)");
    if (version.in.n != 1 || version.in.p[0] != 0)
        return chy_fail(cx, &CHY_P_badCSR, "the request's version is not 0 (RFC 2986 section 4.1)");
    csr->spki = spki.raw;
    csr->spki_len = spki.raw_n;
    return chy_spki_check(cx, csr->spki, csr->spki_len, &CHY_P_badCSR);
}

/* Does it come out of OpenSSL as it went in?  The walk saw every octet; this sees OpenSSL's own
 * idea of the types. */
static bool encodes_same(const struct chy_csr *csr)
{
    unsigned char *der = NULL;
    int n;
    bool same;

    if (i2d_re_X509_REQ_tbs(csr->req, NULL) <= 0) /* forgets the octets it was decoded from */
        return false;
    n = i2d_X509_REQ(csr->req, &der);
    same = n > 0 && (size_t)n == csr->der_len && memcmp(der, csr->der, csr->der_len) == 0;
    OPENSSL_free(der);
    return same;
}

static enum chy_rc decode(struct chy_ctx *cx, struct chy_csr *csr)
{
    const unsigned char *p = csr->der;

    csr->req = d2i_X509_REQ(NULL, &p, (long)csr->der_len);
    if (csr->req == NULL || p != csr->der + csr->der_len) {
        X509_REQ_free(csr->req);
        return chy_fail(cx, &CHY_P_badCSR, "the request cannot be decoded (RFC 2986 section 4)");
    }
    chy_arena_defer(cx->arena, release_req, csr->req);
    if (!encodes_same(csr))
        return chy_fail(cx, &CHY_P_badCSR, "the request is not DER: it encodes differently");
    csr->key = X509_REQ_get0_pubkey(csr->req);
    if (csr->key == NULL)
        return chy_fail(cx, &CHY_P_badCSR, "the request's public key cannot be decoded");
    return CHY_OK;
}

static enum chy_rc verify(struct chy_ctx *cx, const struct chy_csr *csr)
{
    const struct algorithm *found = NULL;
    const X509_ALGOR *algor;
    const ASN1_OBJECT *oid;
    int type, nid;

    X509_REQ_get0_signature(csr->req, NULL, &algor);
    X509_ALGOR_get0(&oid, &type, NULL, algor);
    nid = OBJ_obj2nid(oid);
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (algorithms[i].nid == nid)
            found = &algorithms[i];
    if (found == NULL)
        return chy_fail(cx, &CHY_P_badCSR,
                        "signature algorithm %s is not accepted: RSA PKCS#1 or ECDSA with SHA-256, "
                        "SHA-384 or SHA-512, or Ed25519",
                        nid == NID_undef ? "of unknown OID" : OBJ_nid2sn(nid));
    if (type != (found->null_parameters ? V_ASN1_NULL : V_ASN1_UNDEF))
        return chy_fail(cx, &CHY_P_badCSR,
                        "signature algorithm parameters are wrong (RFC 4055 section 5, RFC 5758 "
                        "section 3.2)");
    if (X509_REQ_verify(csr->req, csr->key) != 1)
        return chy_fail(cx, &CHY_P_badCSR,
                        "the request's self-signature does not verify (RFC 2986 section 4.2)");
    return CHY_OK;
}

static enum chy_rc read_csr(struct chy_ctx *cx, struct chy_csr *csr)
{
    if (csr->der_len == 0)
        return chy_fail(cx, &CHY_P_badCSR, "the request is empty");
    if (csr->der_len > CHY_CSR_MAX)
        return chy_fail(cx, &CHY_P_badCSR, "the request has %zu octets, more than %d", csr->der_len,
                        CHY_CSR_MAX);
    if (locate(cx, csr) != CHY_OK || decode(cx, csr) != CHY_OK || verify(cx, csr) != CHY_OK)
        return CHY_ERR;
    if (EVP_Digest(csr->spki, csr->spki_len, csr->spki_sha256, NULL, EVP_sha256(), NULL) != 1)
        return chy_fault_internal(cx, "SHA-256 failed");
    return chy_csr_requested(cx, csr);
}

enum chy_rc chy_csr_read(struct chy_ctx *cx, const uint8_t *der, size_t n, struct chy_csr *ret)
{
    struct chy_csr csr = {.der = der, .der_len = n};
    enum chy_rc rc;

    ERR_clear_error();
    rc = read_csr(cx, &csr);
    ERR_clear_error();
    if (rc == CHY_OK)
        *ret = csr;
    return rc;
}
