/* SPDX-License-Identifier: Apache-2.0 */
/* From a plan to the octets that will be signed (RFC 5280 section 4.1).  Built by OpenSSL's own
 * types; the subject's key goes in as the bits that came, because setting it as a key would encode
 * and decode it again, at the price of ten signatures (OpenSSL 3.0). */
#include <string.h>

#include <openssl/err.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "core/pki/cert.h"
#include "core/pki/extensions.h"
#include "core/pki/plan_types.h"

static enum chy_rc check_whole(struct chy_ctx *cx, const struct chy_cert_plan *p)
{
    bool named = sk_GENERAL_NAME_num(p->names) > 0 || X509_NAME_entry_count(p->subject) > 0;

    if (!p->dated)
        return chy_fault_internal(cx, "plan: no validity period");
    if (!named)
        return chy_fault_internal(cx, "plan: neither a subject nor an alternative name");
    if (p->key_usage != 0 && chy_plan_key_usage(p) == 0)
        return chy_fault_internal(cx, "plan: none of the key usages fits a key of this kind");
    if (!p->ca && (p->key_usage & CHY_KU_KEY_CERT_SIGN) != 0)
        return chy_fault_internal(cx, "plan: keyCertSign without a CA (RFC 5280 section 4.2.1.9)");
    /* All 20 octets count, so that serial and id are one: no leading zero, not negative. */
    if (p->serial.b[0] == 0 || p->serial.b[0] > 0x7f)
        return chy_fault_internal(cx, "plan: serial is not a positive number of 20 octets");
    return CHY_OK;
}

static bool set_times(X509 *cert, const struct chy_cert_plan *p)
{
    /* ASN1_TIME_set: UTCTime through 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5). */
    return ASN1_TIME_set(X509_getm_notBefore(cert), p->not_before) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(cert), p->not_after) != NULL;
}

static bool set_key(X509 *cert, const struct chy_csr *csr)
{
    X509_PUBKEY *from = X509_REQ_get_X509_PUBKEY(csr->req);
    const unsigned char *bits;
    unsigned char *copy;
    const ASN1_OBJECT *curve;
    ASN1_OBJECT *algorithm;
    const void *parameters;
    X509_ALGOR *algor;
    int n, type;

    if (X509_PUBKEY_get0_param(&algorithm, &bits, &n, &algor, from) != 1)
        return false;
    X509_ALGOR_get0(NULL, &type, &parameters, algor);
    curve = type == V_ASN1_OBJECT ? OBJ_dup(parameters) : NULL;
    copy = OPENSSL_memdup(bits, (size_t)n);
    if (copy == NULL || (type == V_ASN1_OBJECT) != (curve != NULL))
        abort();
    return X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(cert), OBJ_dup(algorithm), type,
                                  (void *)curve, copy, n) == 1;
}

/* X509_sign would set it; OpenSSL has no other function that does. */
static bool set_algorithm(X509 *cert, int nid)
{
    return X509_ALGOR_set0((X509_ALGOR *)X509_get0_tbs_sigalg(cert), OBJ_nid2obj(nid),
                           chy_signature_parameters(nid), NULL) == 1;
}

static bool add_slot(X509 *cert, const struct chy_cert_plan *p, const struct chy_plan_slot *slot)
{
    switch (slot->nid) {
    case NID_authority_key_identifier:
        return chy_add_authority_key(cert, p->issuer->cert);
    case NID_subject_key_identifier:
        return chy_add_subject_key(cert);
    case NID_key_usage:
        return chy_add_key_usage(cert, chy_plan_key_usage(p));
    case NID_ext_key_usage:
        return chy_add_purposes(cert, p->purposes, p->n_purposes);
    case NID_basic_constraints:
        return chy_add_basic_constraints(cert, p->path_len);
    case NID_subject_alt_name:
        return chy_add_names(cert, p->names, slot->critical);
    case NID_crl_distribution_points:
        return chy_add_crl_url(cert, p->issuer->crl_url);
    case NID_info_access:
        return chy_add_issuer_url(cert, p->issuer->aia_url);
    default:
        return chy_add_extension(cert, slot->extra->oid, slot->critical, slot->extra->der,
                                 slot->extra->n);
    }
}

static bool fill(X509 *cert, const struct chy_cert_plan *p)
{
    struct chy_plan_slot slots[CHY_PLAN_SLOTS_MAX];
    size_t n = chy_plan_layout(p, slots);

    if (X509_set_version(cert, X509_VERSION_3) != 1 ||
        ASN1_STRING_set(X509_get_serialNumber(cert), p->serial.b, sizeof p->serial.b) != 1 ||
        X509_set_issuer_name(cert, X509_get_subject_name(p->issuer->cert)) != 1 ||
        X509_set_subject_name(cert, p->subject) != 1)
        return false;
    if (!set_times(cert, p) || !set_key(cert, p->csr) || !set_algorithm(cert, p->issuer->sig_nid))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!add_slot(cert, p, &slots[i]))
            return false;
    return true;
}

enum chy_rc chy_plan_tbs(struct chy_ctx *cx, struct chy_cert_plan *p, const uint8_t **ret,
                         size_t *ret_n)
{
    chy_auto(X509) *cert = NULL;
    unsigned char *der = NULL;
    uint8_t *copy;
    int n;

    if (check_whole(cx, p) != CHY_OK)
        return CHY_ERR;
    ERR_clear_error();
    cert = X509_new();
    if (cert == NULL || !fill(cert, p) || (n = i2d_re_X509_tbs(cert, &der)) <= 0) {
        char why[256];

        ERR_error_string_n(ERR_peek_last_error(), why, sizeof why);
        ERR_clear_error();
        return chy_fault_internal(cx, "plan: cannot be encoded: %s", why);
    }
    copy = chy_alloc(cx, (size_t)n);
    memcpy(copy, der, (size_t)n);
    OPENSSL_free(der);
    *ret = copy;
    *ret_n = (size_t)n;
    return CHY_OK;
}
