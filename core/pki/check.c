/* SPDX-License-Identifier: Apache-2.0 */
/* The second look: a signed certificate is decoded from its octets and held against the plan, field
 * by field, before anyone may have it.  It shares no encoder with build.c, only the plan itself. */
#include <string.h>

#include <openssl/err.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "core/pki/cert.h"
#include "core/pki/plan_types.h"

static enum chy_rc differs(struct chy_ctx *cx, const char *what)
{
    return chy_fault_internal(cx, "certificate is not the planned one: %s differs", what);
}

static bool same_octets(const ASN1_STRING *s, const void *b, size_t n)
{
    return s != NULL && (size_t)ASN1_STRING_length(s) == n &&
           memcmp(ASN1_STRING_get0_data(s), b, n) == 0;
}

static bool same_serial(const X509 *cert, const struct chy_cert_plan *p)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);

    return ASN1_STRING_type(serial) == V_ASN1_INTEGER && /* not V_ASN1_NEG_INTEGER */
           same_octets(serial, p->serial.b, sizeof p->serial.b);
}

static bool same_times(const X509 *cert, const struct chy_cert_plan *p)
{
    time_t from, until;

    return chy_asn1_time(X509_get0_notBefore(cert), &from) &&
           chy_asn1_time(X509_get0_notAfter(cert), &until) && from == p->not_before &&
           until == p->not_after;
}

static bool same_key(const X509 *cert, const struct chy_csr *csr)
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    bool same = n > 0 && (size_t)n == csr->spki_len && memcmp(der, csr->spki, csr->spki_len) == 0;

    OPENSSL_free(der);
    return same;
}

static bool same_names(const X509 *cert, const struct chy_cert_plan *p)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int n = sk_GENERAL_NAME_num(p->names);
    bool same = names != NULL && sk_GENERAL_NAME_num(names) == n;

    for (int i = 0; same && i < n; i++)
        same = GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i),
                                sk_GENERAL_NAME_value(p->names, i)) == 0;
    GENERAL_NAMES_free(names);
    return same;
}

static bool same_key_usage(const X509 *cert, const struct chy_cert_plan *p)
{
    ASN1_BIT_STRING *bits = X509_get_ext_d2i(cert, NID_key_usage, NULL, NULL);
    unsigned got = 0;
    bool same = bits != NULL;

    for (int i = 0; same && i < CHY_KU_BITS; i++)
        if (ASN1_BIT_STRING_get_bit(bits, i))
            got |= 1u << i;
    same = same && got == chy_plan_key_usage(p);
    ASN1_BIT_STRING_free(bits);
    return same;
}

static bool same_purposes(struct chy_ctx *cx, const X509 *cert, const struct chy_cert_plan *p)
{
    EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
    bool same = purposes != NULL && (size_t)sk_ASN1_OBJECT_num(purposes) == p->n_purposes;

    for (size_t i = 0; same && i < p->n_purposes; i++) {
        char *oid = chy_alloc(cx, 128);

        OBJ_obj2txt(oid, 128, sk_ASN1_OBJECT_value(purposes, (int)i), 1);
        same = strcmp(oid, p->purposes[i]) == 0;
    }
    EXTENDED_KEY_USAGE_free(purposes);
    return same;
}

static bool same_constraints(const X509 *cert, const struct chy_cert_plan *p)
{
    BASIC_CONSTRAINTS *bc = X509_get_ext_d2i(cert, NID_basic_constraints, NULL, NULL);
    bool same = bc != NULL && bc->ca != 0;

    if (same && p->path_len < 0)
        same = bc->pathlen == NULL;
    else if (same)
        same = bc->pathlen != NULL && ASN1_INTEGER_get(bc->pathlen) == p->path_len;
    BASIC_CONSTRAINTS_free(bc);
    return same;
}

static bool same_authority_key(const X509 *cert, const struct chy_cert_plan *p)
{
    const ASN1_OCTET_STRING *want = X509_get0_subject_key_id(p->issuer->cert);
    AUTHORITY_KEYID *got = X509_get_ext_d2i(cert, NID_authority_key_identifier, NULL, NULL);
    bool same =
        got != NULL && want != NULL && got->issuer == NULL && got->serial == NULL &&
        same_octets(got->keyid, ASN1_STRING_get0_data(want), (size_t)ASN1_STRING_length(want));

    AUTHORITY_KEYID_free(got);
    return same;
}

static bool same_subject_key(const X509 *cert)
{
    uint8_t want[CHY_KEY_ID_OCTETS];
    ASN1_OCTET_STRING *got = X509_get_ext_d2i(cert, NID_subject_key_identifier, NULL, NULL);
    bool same = chy_key_id(X509_get_X509_PUBKEY(cert), want) && same_octets(got, want, sizeof want);

    ASN1_OCTET_STRING_free(got);
    return same;
}

static bool is_url(const GENERAL_NAME *gn, const char *url)
{
    return gn->type == GEN_URI && same_octets(gn->d.ia5, url, strlen(url));
}

static bool same_crl_url(const X509 *cert, const struct chy_cert_plan *p)
{
    CRL_DIST_POINTS *got = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
    const DIST_POINT *point =
        got != NULL && sk_DIST_POINT_num(got) == 1 ? sk_DIST_POINT_value(got, 0) : NULL;
    bool same =
        point != NULL && point->reasons == NULL && point->CRLissuer == NULL &&
        point->distpoint != NULL && point->distpoint->type == 0 &&
        sk_GENERAL_NAME_num(point->distpoint->name.fullname) == 1 &&
        is_url(sk_GENERAL_NAME_value(point->distpoint->name.fullname, 0), p->issuer->crl_url);

    CRL_DIST_POINTS_free(got);
    return same;
}

static bool same_issuer_url(const X509 *cert, const struct chy_cert_plan *p)
{
    AUTHORITY_INFO_ACCESS *got = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
    const ACCESS_DESCRIPTION *access = got != NULL && sk_ACCESS_DESCRIPTION_num(got) == 1
                                           ? sk_ACCESS_DESCRIPTION_value(got, 0)
                                           : NULL;
    bool same = access != NULL && OBJ_obj2nid(access->method) == NID_ad_ca_issuers &&
                is_url(access->location, p->issuer->aia_url);

    AUTHORITY_INFO_ACCESS_free(got);
    return same;
}

static bool same_extra(const X509_EXTENSION *ext, const struct chy_plan_extra *extra)
{
    char oid[128];

    OBJ_obj2txt(oid, sizeof oid, X509_EXTENSION_get_object((X509_EXTENSION *)ext), 1);
    return strcmp(oid, extra->oid) == 0 &&
           same_octets(X509_EXTENSION_get_data((X509_EXTENSION *)ext), extra->der, extra->n);
}

static bool same_value(struct chy_ctx *cx, const X509 *cert, const X509_EXTENSION *ext,
                       const struct chy_cert_plan *p, const struct chy_plan_slot *slot)
{
    switch (slot->nid) {
    case NID_authority_key_identifier:
        return same_authority_key(cert, p);
    case NID_subject_key_identifier:
        return same_subject_key(cert);
    case NID_key_usage:
        return same_key_usage(cert, p);
    case NID_ext_key_usage:
        return same_purposes(cx, cert, p);
    case NID_basic_constraints:
        return same_constraints(cert, p);
    case NID_subject_alt_name:
        return same_names(cert, p);
    case NID_crl_distribution_points:
        return same_crl_url(cert, p);
    case NID_info_access:
        return same_issuer_url(cert, p);
    default:
        return same_extra(ext, slot->extra);
    }
}

/* Exactly the planned extensions, in their order. */
static enum chy_rc compare_extensions(struct chy_ctx *cx, const X509 *cert,
                                      const struct chy_cert_plan *p)
{
    struct chy_plan_slot slots[CHY_PLAN_SLOTS_MAX];
    size_t n = chy_plan_layout(p, slots);

    if ((size_t)X509_get_ext_count(cert) != n)
        return differs(cx, "number of extensions");
    for (size_t i = 0; i < n; i++) {
        X509_EXTENSION *ext = X509_get_ext(cert, (int)i);
        const struct chy_plan_slot *slot = &slots[i];
        const char *name = slot->nid != NID_undef ? OBJ_nid2sn(slot->nid) : slot->extra->oid;

        if (slot->nid != NID_undef && OBJ_obj2nid(X509_EXTENSION_get_object(ext)) != slot->nid)
            return differs(cx, "order of extensions");
        if ((X509_EXTENSION_get_critical(ext) != 0) != slot->critical)
            return differs(cx, chy_fmt(cx, "criticality of %s", name));
        if (!same_value(cx, cert, ext, p, slot))
            return differs(cx, name);
    }
    return CHY_OK;
}

static enum chy_rc compare(struct chy_ctx *cx, const X509 *cert, const struct chy_cert_plan *p)
{
    if (!same_serial(cert, p))
        return differs(cx, "serial");
    if (!same_times(cert, p))
        return differs(cx, "validity period");
    if (!chy_same_name(X509_get_subject_name(cert), p->subject))
        return differs(cx, "subject");
    if (!same_key(cert, p->csr))
        return differs(cx, "public key");
    return compare_extensions(cx, cert, p);
}

static enum chy_rc finish(struct chy_ctx *cx, const struct chy_cert_plan *p,
                          const struct chy_issuer_cert *issuer, const uint8_t *der, size_t n)
{
    X509 *cert;

    if (chy_cert_decode(cx, der, n, &cert) != CHY_OK)
        return CHY_ERR;
    if (X509_get_version(cert) != X509_VERSION_3)
        return differs(cx, "version");
    if (!chy_same_name(X509_get_issuer_name(cert), X509_get_subject_name(issuer->cert)))
        return differs(cx, "issuer");
    if (X509_get_signature_nid(cert) != issuer->sig_nid)
        return differs(cx, "signature algorithm");
    if (X509_verify(cert, X509_get0_pubkey(issuer->cert)) != 1)
        return chy_fault_internal(cx, "certificate's signature does not verify");
    return p == NULL ? CHY_OK : compare(cx, cert, p);
}

enum chy_rc chy_plan_finish(struct chy_ctx *cx, const struct chy_cert_plan *p,
                            const struct chy_issuer_cert *issuer, const uint8_t *tbs, size_t tbs_n,
                            const uint8_t *sig, size_t sig_n, const uint8_t **ret_der,
                            size_t *ret_n)
{
    const uint8_t *der;
    size_t n;
    enum chy_rc rc;

    if (sig_n == 0)
        return chy_fault_internal(cx, "certificate has no signature");
    if (chy_cert_assemble(cx, tbs, tbs_n, sig, sig_n, &der, &n) != CHY_OK)
        return CHY_ERR;
    ERR_clear_error();
    rc = finish(cx, p, issuer, der, n);
    ERR_clear_error();
    if (rc != CHY_OK)
        return CHY_ERR;
    *ret_der = der;
    *ret_n = n;
    return CHY_OK;
}
