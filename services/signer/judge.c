/* SPDX-License-Identifier: Apache-2.0 */
/* The ceilings: what a buggy module, a wrong policy or a stolen front cannot get past (RFC 5280
 * section 4.1).  Whether a serial was signed before is serials.c's question; whether the names were
 * validated cannot be known here. */
#include "services/signer/judge.h"

#include <string.h>

#include "core/base/problem.h"
#include "core/pki/der.h"
#include "core/pki/keys.h"
#include "core/pki/names.h"
#include "services/signer/judge_parts.h"

#define CLOCK_SLACK 300 /* seconds between clocks of hosts */

enum chy_rc chy_judge_over(struct chy_ctx *cx, const char *what)
{
    return chy_fail(cx, &CHY_P_unauthorized, "%s", what);
}

static bool algorithm_exact(X509 *cert)
{
    int nid = X509_get_signature_nid(cert), type;

    X509_ALGOR_get0(NULL, &type, NULL, X509_get0_tbs_sigalg(cert));
    return type == chy_signature_parameters(nid);
}

/* UTCTime with seconds and Z through 2049, GeneralizedTime without fraction after (RFC 5280 section
 * 4.1.2.5): OpenSSL reads more, and others read that differently. */
static bool time_exact(const ASN1_TIME *t)
{
    const char *text = (const char *)ASN1_STRING_get0_data(t);
    int n = ASN1_STRING_length(t), type = ASN1_STRING_type(t);

    if (n != (type == V_ASN1_UTCTIME ? 13 : 15) || text[n - 1] != 'Z')
        return false;
    for (int i = 0; i < n - 1; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return type == V_ASN1_UTCTIME ||
           (type == V_ASN1_GENERALIZEDTIME && memcmp(text, "2050", 4) >= 0);
}

static enum chy_rc check_head(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert,
                              uint8_t *ret_serial)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    const uint8_t *octets = ASN1_STRING_get0_data(serial);
    const ASN1_BIT_STRING *uids[2];

    if (X509_get_version(cert) != X509_VERSION_3)
        return chy_judge_over(cx, "version is not 3");
    /* 20 octets with a leading one between 1 and 0x7f: positive, and random enough to be an id. */
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER ||
        ASN1_STRING_length(serial) != CHY_SERIAL_OCTETS || octets[0] == 0 || octets[0] > 0x7f)
        return chy_judge_over(cx, "serial is not a positive number of 20 octets");
    if (X509_get_signature_nid(cert) != k->nid)
        return chy_judge_over(cx, "signature algorithm is not the one of the issuer's key");
    if (!algorithm_exact(cert))
        return chy_judge_over(cx, "signature algorithm has other parameters than it should");
    X509_get0_uids(cert, &uids[0], &uids[1]);
    if (uids[0] != NULL || uids[1] != NULL)
        return chy_judge_over(cx, "issuerUniqueID or subjectUniqueID is there");
    if (!chy_same_name(X509_get_issuer_name(cert), X509_get_subject_name(k->cert)))
        return chy_judge_over(cx, "issuer is not the subject of the issuer's certificate");
    memcpy(ret_serial, octets, CHY_SERIAL_OCTETS);
    return CHY_OK;
}

/* max-lifetime bounds how long from now a mistake can last, wherever notBefore lies. */
static enum chy_rc check_start(struct chy_ctx *cx, const struct chy_ceiling *c, time_t from,
                               time_t until)
{
    time_t now = chy_now(cx);

    if (from < now - CHY_BACKDATE_MAX - CLOCK_SLACK)
        return chy_judge_over(cx, "notBefore is more than 48 hours ago");
    if (from > now + c->max_ahead_s)
        return chy_judge_over(cx, "notBefore is further ahead than the issuer's max-ahead");
    if (until - now + 1 > c->max_lifetime_s + CLOCK_SLACK)
        return chy_judge_over(cx, "lifetime from now on is over the issuer's max-lifetime");
    return CHY_OK;
}

static enum chy_rc check_times(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    time_t from, until;

    if (!time_exact(X509_get0_notBefore(cert)) || !time_exact(X509_get0_notAfter(cert)))
        return chy_judge_over(cx, "validity is not in the form of RFC 5280 section 4.1.2.5");
    if (!chy_asn1_time(X509_get0_notBefore(cert), &from) ||
        !chy_asn1_time(X509_get0_notAfter(cert), &until))
        return chy_judge_over(cx, "validity period cannot be read");
    if (until < from)
        return chy_judge_over(cx, "validity period ends before it begins");
    if (until - from + 1 > k->ceiling->max_lifetime_s) /* both seconds count (section 4.1.2.5) */
        return chy_judge_over(cx, "lifetime is over the issuer's max-lifetime");
    if (until > k->not_after)
        return chy_judge_over(cx, "notAfter is past the issuer's own");
    return check_start(cx, k->ceiling, from, until);
}

static enum chy_rc check_key(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);

    if (key == NULL)
        return chy_judge_over(cx, "public key cannot be decoded");
    if (!chy_key_allowed(chy_key_kind(cx, key), k->ceiling->keys))
        return chy_judge_over(cx, "kind of public key is not allowed");
    return chy_key_check(cx, key, &CHY_P_badPublicKey);
}

bool chy_judge_listed(const char *text, const json_t *list)
{
    const json_t *v;
    size_t i;

    json_array_foreach(list, i, v) if (strcmp(json_string_value(v), text) == 0) return true;
    return false;
}

static enum chy_rc check_extensions(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        X509_EXTENSION *ext = X509_get_ext(cert, i);
        const ASN1_OBJECT *object = X509_EXTENSION_get_object(ext);
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(ext);
        const char *oid = chy_oid_text(cx, object);

        if (oid == NULL || !chy_judge_listed(oid, k->ceiling->extensions))
            return chy_judge_over(
                cx, chy_fmt(cx, "extension %s is not allowed", oid != NULL ? oid : "?"));
        if (X509_get_ext_by_OBJ(cert, object, i) >= 0)
            return chy_judge_over(cx, chy_fmt(cx, "extension %s stands twice", oid));
        /* What two readers could read in two ways is not signed. */
        if (!chy_der_valid(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)))
            return chy_judge_over(cx, chy_fmt(cx, "extension %s is not DER", oid));
    }
    return CHY_OK;
}

enum chy_rc chy_judge(struct chy_ctx *cx, const struct chy_signing_key *k, const uint8_t *tbs,
                      size_t n, uint8_t ret_serial[CHY_SERIAL_OCTETS])
{
    uint8_t serial[CHY_SERIAL_OCTETS];
    X509 *cert;

    if (chy_tbs_decode(cx, tbs, n, &cert) != CHY_OK)
        return CHY_ERR;
    if (check_head(cx, k, cert, serial) != CHY_OK || check_times(cx, k, cert) != CHY_OK ||
        check_extensions(cx, k, cert) != CHY_OK || chy_judge_extensions(cx, k, cert) != CHY_OK ||
        chy_judge_names(cx, k, cert) != CHY_OK || check_key(cx, k, cert) != CHY_OK)
        return CHY_ERR;
    memcpy(ret_serial, serial, sizeof serial);
    return CHY_OK;
}
