/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate would empower its key to do: be a CA, sign, stand for a purpose (RFC 5280
 * sections 4.2.1.1, 4.2.1.3, 4.2.1.9, 4.2.1.12).  Which extensions may be there is judge.c's. */
#include "core/base/problem.h"
#include "core/pki/names.h"
#include "services/signer/judge_parts.h"

static enum chy_rc check_path(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert,
                              const BASIC_CONSTRAINTS *bc)
{
    int64_t n;

    if (!k->ceiling->allow_ca)
        return chy_judge_over(cx, "certificate would be a CA's");
    if (bc->pathlen == NULL || ASN1_INTEGER_get_int64(&n, bc->pathlen) != 1 || n < 0 ||
        n > k->ceiling->max_path_len)
        return chy_judge_over(cx, "pathLenConstraint is absent or over the issuer's max-path-len");
    if (!k->ceiling->bounds_names)
        return CHY_OK;
    if (X509_get_ext_by_NID(cert, NID_ext_key_usage, -1) < 0)
        return chy_judge_over(cx, "CA with bounded names has no extKeyUsage, so any");
    return chy_judge_constraints(cx, k, cert);
}

static enum chy_rc check_ca(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert,
                            bool *ret_ca)
{
    int crit = -1;
    BASIC_CONSTRAINTS *bc = X509_get_ext_d2i(cert, NID_basic_constraints, &crit, NULL);
    enum chy_rc rc = CHY_OK;

    if (bc == NULL && crit != -1) /* -1: not there */
        return chy_judge_over(cx, "basicConstraints cannot be decoded");
    *ret_ca = bc != NULL && bc->ca != 0;
    if (*ret_ca)
        rc = check_path(cx, k, cert, bc);
    BASIC_CONSTRAINTS_free(bc);
    return rc;
}

static enum chy_rc check_usage(struct chy_ctx *cx, X509 *cert, bool ca)
{
    int crit = -1;
    ASN1_BIT_STRING *usage = X509_get_ext_d2i(cert, NID_key_usage, &crit, NULL);
    bool signs =
        usage != NULL && (ASN1_BIT_STRING_get_bit(usage, 5) || ASN1_BIT_STRING_get_bit(usage, 6));

    ASN1_BIT_STRING_free(usage);
    if (usage == NULL && crit != -1)
        return chy_judge_over(cx, "keyUsage cannot be decoded");
    if (signs && !ca)
        return chy_judge_over(cx, "keyCertSign or cRLSign without a CA");
    return CHY_OK;
}

static enum chy_rc check_each_purpose(struct chy_ctx *cx, const struct chy_signing_key *k,
                                      const EXTENDED_KEY_USAGE *purposes)
{
    if (sk_ASN1_OBJECT_num(purposes) == 0)
        return chy_judge_over(cx, "extKeyUsage is empty");
    for (int i = 0; i < sk_ASN1_OBJECT_num(purposes); i++) {
        const char *oid = chy_oid_text(cx, sk_ASN1_OBJECT_value(purposes, i));

        if (oid == NULL || !chy_judge_listed(oid, k->ceiling->purposes))
            return chy_judge_over(
                cx, chy_fmt(cx, "extended key usage %s is not allowed", oid != NULL ? oid : "?"));
    }
    return CHY_OK;
}

static enum chy_rc check_purposes(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    int crit = -1;
    EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i(cert, NID_ext_key_usage, &crit, NULL);
    enum chy_rc rc;

    if (purposes == NULL && crit != -1)
        return chy_judge_over(cx, "extKeyUsage cannot be decoded");
    if (purposes == NULL)
        return k->ceiling->purpose_required
                   ? chy_judge_over(cx, "extKeyUsage is absent, which stands for any purpose")
                   : CHY_OK;
    rc = check_each_purpose(cx, k, purposes);
    EXTENDED_KEY_USAGE_free(purposes);
    return rc;
}

/* A wrong one leads readers that build paths by it to another issuer, or to none. */
static enum chy_rc check_authority(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(k->cert);
    int crit = -1;
    AUTHORITY_KEYID *id = X509_get_ext_d2i(cert, NID_authority_key_identifier, &crit, NULL);
    bool good;

    if (id == NULL)
        return crit == -1 ? CHY_OK : chy_judge_over(cx, "authorityKeyIdentifier cannot be decoded");
    good = crit == 0 && id->issuer == NULL && id->serial == NULL && id->keyid != NULL &&
           own != NULL && ASN1_OCTET_STRING_cmp(id->keyid, own) == 0;
    AUTHORITY_KEYID_free(id);
    return good ? CHY_OK
                : chy_judge_over(
                      cx, "authorityKeyIdentifier is not just the issuer's subjectKeyIdentifier");
}

enum chy_rc chy_judge_extensions(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    bool ca = false;

    if (check_ca(cx, k, cert, &ca) != CHY_OK || check_usage(cx, cert, ca) != CHY_OK ||
        check_purposes(cx, k, cert) != CHY_OK)
        return CHY_ERR;
    return check_authority(cx, k, cert);
}
