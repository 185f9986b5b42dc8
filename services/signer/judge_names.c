/* SPDX-License-Identifier: Apache-2.0 */
/* Names against the ceiling permitted-dns: alternative names, common names, and the constraints of
 * a CA whose own signatures nobody will judge (RFC 5280 sections 4.2.1.6, 4.2.1.10).  Whether names
 * were validated cannot be known here. */
#include <string.h>
#include <strings.h>

#include "core/base/problem.h"
#include "core/pki/names.h"
#include "services/signer/judge_parts.h"

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
        return chy_judge_over(cx, "subjectAltName is empty");
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *gn = sk_GENERAL_NAME_value(names, i);
        const char *fault = chy_general_name_fault(gn);

        if (fault != NULL)
            return chy_judge_over(cx, fault);
        if (json_array_size(suffixes) == 0)
            continue;
        if (gn->type != GEN_DNS || !permitted(gn->d.dNSName, suffixes))
            return chy_judge_over(cx, chy_fmt(cx, "name %s is not under a permitted suffix",
                                              chy_general_name_text(cx, gn)));
    }
    return CHY_OK;
}

/* Octet for octet: a NUL, a space or 16-bit characters make one name for one reader and another for
 * the next. */
static bool is_alternative(const ASN1_STRING *cn, const GENERAL_NAMES *names)
{
    int n = ASN1_STRING_length(cn), type = ASN1_STRING_type(cn);

    if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING)
        return false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *gn = sk_GENERAL_NAME_value(names, i);

        if (gn->type == GEN_DNS && ASN1_STRING_length(gn->d.dNSName) == n &&
            memcmp(ASN1_STRING_get0_data(gn->d.dNSName), ASN1_STRING_get0_data(cn), (size_t)n) == 0)
            return true;
    }
    return false;
}

/* What nobody can take for a host's name: good enough for a CA. */
static bool is_no_host(const ASN1_STRING *cn)
{
    const uint8_t *p = ASN1_STRING_get0_data(cn);
    int type = ASN1_STRING_type(cn);

    for (int i = 0; i < ASN1_STRING_length(cn); i++)
        if (p[i] == '.' || p[i] == '*' || p[i] < ' ')
            return false;
    return type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING;
}

/* Old software reads host names and addresses from the subject, so a ceiling that left it out would
 * be none. */
static enum chy_rc check_subject(struct chy_ctx *cx, X509 *cert, const GENERAL_NAMES *names)
{
    X509_NAME *subject = X509_get_subject_name(cert);

    if (X509_NAME_get_index_by_NID(subject, NID_pkcs9_emailAddress, -1) >= 0)
        return chy_judge_over(cx, "subject holds an emailAddress");
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
        const ASN1_STRING *cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));

        if (!is_alternative(cn, names) && !(X509_check_ca(cert) == 1 && is_no_host(cn)))
            return chy_judge_over(cx, "common name is not one of the alternative DNS names");
    }
    return CHY_OK;
}

enum chy_rc chy_judge_names(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    const json_t *suffixes = k->ceiling->permitted_dns;
    int crit = -1;
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &crit, NULL);
    enum chy_rc rc = CHY_OK;

    if (names == NULL && crit != -1)
        return chy_judge_over(cx, "subjectAltName cannot be decoded");
    if (names != NULL)
        rc = check_alternatives(cx, names, suffixes);
    if (rc == CHY_OK && json_array_size(suffixes) > 0)
        rc = check_subject(cx, cert, names);
    GENERAL_NAMES_free(names);
    return rc;
}

static bool all_permitted(const STACK_OF(GENERAL_SUBTREE) * trees, const json_t *suffixes)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        const GENERAL_SUBTREE *t = sk_GENERAL_SUBTREE_value(trees, i);

        if (t->minimum != NULL || t->maximum != NULL || t->base->type != GEN_DNS ||
            chy_general_name_fault(t->base) != NULL || !permitted(t->base->d.dNSName, suffixes))
            return false;
    }
    return sk_GENERAL_SUBTREE_num(trees) > 0;
}

/* Does a subtree hold all addresses of n octets?  Address and mask, all of them zero. */
static bool excludes_addresses(const STACK_OF(GENERAL_SUBTREE) * trees, int n)
{
    static const uint8_t zeros[32];

    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(trees, i)->base;

        if (base->type == GEN_IPADD && ASN1_STRING_length(base->d.iPAddress) == 2 * n &&
            memcmp(ASN1_STRING_get0_data(base->d.iPAddress), zeros, 2 * (size_t)n) == 0)
            return true;
    }
    return false;
}

/* A constraint of one form of name says nothing of the others, so addresses must be shut out. */
enum chy_rc chy_judge_constraints(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    int crit = -1;
    NAME_CONSTRAINTS *nc = X509_get_ext_d2i(cert, NID_name_constraints, &crit, NULL);
    enum chy_rc rc = CHY_OK;

    if (nc == NULL || crit != 1)
        rc = chy_judge_over(cx, "CA has no critical nameConstraints, which permitted-dns asks for");
    else if (!all_permitted(nc->permittedSubtrees, k->ceiling->permitted_dns))
        rc = chy_judge_over(cx, "nameConstraints permit more than the permitted suffixes");
    else if (!excludes_addresses(nc->excludedSubtrees, 4) ||
             !excludes_addresses(nc->excludedSubtrees, 16))
        rc = chy_judge_over(cx, "nameConstraints do not exclude all IP addresses");
    NAME_CONSTRAINTS_free(nc);
    return rc;
}
