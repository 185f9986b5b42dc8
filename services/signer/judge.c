/* SPDX-License-Identifier: Apache-2.0 */
/* The ceilings: what a buggy module, a wrong policy or a stolen front cannot get past (RFC 5280
 * section 4.1).  Whether a serial was signed before is serials.c's question; whether the names were
 * validated cannot be known here. */
#include "services/signer/judge.h"

#include <string.h>
#include <strings.h>

#include "core/base/problem.h"
#include "core/pki/der.h"
#include "core/pki/keys.h"
#include "core/pki/names.h"

#define CLOCK_SLACK 300 /* seconds between clocks of hosts */

static enum chy_rc over(struct chy_ctx *cx, const char *what)
{
    return chy_fail(cx, &CHY_P_unauthorized, "%s", what);
}

static enum chy_rc check_head(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert,
                              uint8_t *ret_serial)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    const uint8_t *octets = ASN1_STRING_get0_data(serial);

    if (X509_get_version(cert) != X509_VERSION_3)
        return over(cx, "version is not 3");
    /* 20 octets with a leading one between 1 and 0x7f: positive, and random enough to be an id. */
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER ||
        ASN1_STRING_length(serial) != CHY_SERIAL_OCTETS || octets[0] == 0 || octets[0] > 0x7f)
        return over(cx, "serial is not a positive number of 20 octets");
    if (X509_get_signature_nid(cert) != k->nid)
        return over(cx, "signature algorithm is not the one of the issuer's key");
    if (!chy_same_name(X509_get_issuer_name(cert), X509_get_subject_name(k->cert)))
        return over(cx, "issuer is not the subject of the issuer's certificate");
    memcpy(ret_serial, octets, CHY_SERIAL_OCTETS);
    return CHY_OK;
}

static enum chy_rc check_times(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    time_t from, until;

    if (!chy_asn1_time(X509_get0_notBefore(cert), &from) ||
        !chy_asn1_time(X509_get0_notAfter(cert), &until))
        return over(cx, "validity period cannot be read");
    if (until < from)
        return over(cx, "validity period ends before it begins");
    if (until - from + 1 > k->ceiling->max_lifetime_s) /* both seconds count (section 4.1.2.5) */
        return over(cx, "lifetime is over the issuer's max-lifetime");
    if (until > k->not_after)
        return over(cx, "notAfter is past the issuer's own");
    if (from < chy_now(cx) - CHY_BACKDATE_MAX - CLOCK_SLACK)
        return over(cx, "notBefore is more than 48 hours ago");
    return CHY_OK;
}

static enum chy_rc check_key(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);

    if (key == NULL)
        return over(cx, "public key cannot be decoded");
    if (!chy_key_allowed(chy_key_kind(cx, key), k->ceiling->keys))
        return over(cx, "kind of public key is not allowed");
    return chy_key_check(cx, key, &CHY_P_badPublicKey);
}

static bool is_listed(const char *text, const json_t *list)
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

        if (oid == NULL || !is_listed(oid, k->ceiling->extensions))
            return over(cx, chy_fmt(cx, "extension %s is not allowed", oid != NULL ? oid : "?"));
        if (X509_get_ext_by_OBJ(cert, object, i) >= 0)
            return over(cx, chy_fmt(cx, "extension %s stands twice", oid));
        /* What two readers could read in two ways is not signed. */
        if (!chy_der_valid(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)))
            return over(cx, chy_fmt(cx, "extension %s is not DER", oid));
    }
    return CHY_OK;
}

static enum chy_rc check_ca(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    int crit = -1;
    BASIC_CONSTRAINTS *bc = X509_get_ext_d2i(cert, NID_basic_constraints, &crit, NULL);
    ASN1_BIT_STRING *usage;
    bool ca = bc != NULL && bc->ca != 0, signs = false;

    BASIC_CONSTRAINTS_free(bc);
    if (bc == NULL && crit != -1) /* -1: not there */
        return over(cx, "basicConstraints cannot be decoded");
    usage = X509_get_ext_d2i(cert, NID_key_usage, &crit, NULL);
    if (usage != NULL)
        signs = ASN1_BIT_STRING_get_bit(usage, 5) || ASN1_BIT_STRING_get_bit(usage, 6);
    ASN1_BIT_STRING_free(usage);
    if (usage == NULL && crit != -1)
        return over(cx, "keyUsage cannot be decoded");
    if (ca && !k->ceiling->allow_ca)
        return over(cx, "certificate would be a CA's");
    if (signs && !ca)
        return over(cx, "keyCertSign or cRLSign without a CA");
    return CHY_OK;
}

/* Is name one of the suffix's, or below it?  The leading label of a wildcard counts as one. */
static bool has_suffix(const char *name, size_t n, const char *suffix)
{
    size_t suffix_n = strlen(suffix);

    if (n < suffix_n || strncasecmp(name + n - suffix_n, suffix, suffix_n) != 0)
        return false;
    return n == suffix_n || name[n - suffix_n - 1] == '.';
}

static bool permitted(const ASN1_STRING *name, const json_t *suffixes)
{
    const char *text = (const char *)ASN1_STRING_get0_data(name);
    size_t n = (size_t)ASN1_STRING_length(name), i;
    const json_t *v;

    json_array_foreach(suffixes, i, v) if (has_suffix(text, n, json_string_value(v))) return true;
    return false;
}

static enum chy_rc check_alternatives(struct chy_ctx *cx, const GENERAL_NAMES *names,
                                      const json_t *suffixes)
{
    if (sk_GENERAL_NAME_num(names) == 0)
        return over(cx, "subjectAltName is empty");
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *gn = sk_GENERAL_NAME_value(names, i);
        const char *fault = chy_general_name_fault(gn);

        if (fault != NULL)
            return over(cx, fault);
        if (json_array_size(suffixes) == 0)
            continue;
        if (gn->type != GEN_DNS || !permitted(gn->d.dNSName, suffixes))
            return over(cx, chy_fmt(cx, "name %s is not under a permitted suffix",
                                    chy_general_name_text(cx, gn)));
    }
    return CHY_OK;
}

/* Old software reads host names from there, so a constraint that left it out would be none. */
static enum chy_rc check_common_names(struct chy_ctx *cx, X509 *cert, const json_t *suffixes)
{
    X509_NAME *subject = X509_get_subject_name(cert);

    if (json_array_size(suffixes) == 0)
        return CHY_OK;
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;)
        if (!permitted(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), suffixes))
            return over(cx, "common name is not under a permitted suffix");
    return CHY_OK;
}

static enum chy_rc check_names(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    const json_t *suffixes = k->ceiling->permitted_dns;
    int crit = -1;
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &crit, NULL);
    enum chy_rc rc = CHY_OK;

    if (names == NULL && crit != -1)
        return over(cx, "subjectAltName cannot be decoded");
    if (names != NULL)
        rc = check_alternatives(cx, names, suffixes);
    GENERAL_NAMES_free(names);
    return rc == CHY_OK ? check_common_names(cx, cert, suffixes) : rc;
}

enum chy_rc chy_judge(struct chy_ctx *cx, const struct chy_signing_key *k, const uint8_t *tbs,
                      size_t n, uint8_t ret_serial[CHY_SERIAL_OCTETS])
{
    uint8_t serial[CHY_SERIAL_OCTETS];
    X509 *cert;

    if (chy_tbs_decode(cx, tbs, n, &cert) != CHY_OK)
        return CHY_ERR;
    if (check_head(cx, k, cert, serial) != CHY_OK || check_times(cx, k, cert) != CHY_OK ||
        check_extensions(cx, k, cert) != CHY_OK || check_ca(cx, k, cert) != CHY_OK ||
        check_names(cx, k, cert) != CHY_OK || check_key(cx, k, cert) != CHY_OK)
        return CHY_ERR;
    memcpy(ret_serial, serial, sizeof serial);
    return CHY_OK;
}
