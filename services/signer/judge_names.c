/* SPDX-License-Identifier: Apache-2.0 */
/* Names against the ceilings permitted-dns and permitted-ip: alternative names, common names, and
 * the constraints of a CA whose own signatures nobody will judge (RFC 5280 sections 4.2.1.6, 4.2.1.10).  Whether names
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

static bool permitted_dns(const struct chy_ceiling *c, const ASN1_STRING *name)
{
    const char *text = (const char *)ASN1_STRING_get0_data(name);
    size_t n = (size_t)ASN1_STRING_length(name), i;
    const json_t *v;

    json_array_foreach(c->permitted_dns, i, v)
    {
        if (has_suffix(text, n, json_string_value(v)))
            return true;
    }
    return false;
}

static bool permitted_ip(const struct chy_ceiling *c, const ASN1_STRING *address)
{
    for (size_t i = 0; i < c->n_permitted_ip; i++)
        if (chy_prefix_has_octets(&c->permitted_ip[i], ASN1_STRING_get0_data(address),
                                  (size_t)ASN1_STRING_length(address)))
            return true;
    return false;
}

static enum chy_rc check_alternatives(struct chy_ctx *cx, const GENERAL_NAMES *names,
                                      const struct chy_ceiling *c)
{
    if (sk_GENERAL_NAME_num(names) == 0)
        return chy_judge_over(cx, "subjectAltName is empty");
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *gn = sk_GENERAL_NAME_value(names, i);
        const char *fault = chy_general_name_fault(gn);

        if (fault != NULL)
            return chy_judge_over(cx, fault);
        if (!c->bounds_names || (gn->type == GEN_DNS && permitted_dns(c, gn->d.dNSName)) ||
            (gn->type == GEN_IPADD && permitted_ip(c, gn->d.iPAddress)))
            continue;
        return chy_judge_over(cx, chy_fmt(cx, "name %s is not under a permitted %s",
                                          chy_general_name_text(cx, gn),
                                          gn->type == GEN_IPADD ? "range" : "suffix"));
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
    int crit = -1;
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &crit, NULL);
    enum chy_rc rc = CHY_OK;

    if (names == NULL && crit != -1)
        return chy_judge_over(cx, "subjectAltName cannot be decoded");
    if (names != NULL)
        rc = check_alternatives(cx, names, k->ceiling);
    if (rc == CHY_OK && k->ceiling->bounds_names)
        rc = check_subject(cx, cert, names);
    GENERAL_NAMES_free(names);
    return rc;
}

/* A subtree of addresses is an address and a mask (RFC 5280 section 4.2.1.10). */
static bool subtree_prefix(const ASN1_STRING *s, struct chy_prefix *ret)
{
    const uint8_t *b = ASN1_STRING_get0_data(s);
    unsigned n = (unsigned)ASN1_STRING_length(s) / 2, bits = 0;

    if (ASN1_STRING_length(s) != 8 && ASN1_STRING_length(s) != 32)
        return false;
    *ret = (struct chy_prefix){.family = n == 4 ? AF_INET : AF_INET6};
    while (bits < 8 * n && (b[n + bits / 8] & (0x80u >> bits % 8)) != 0)
        bits++;
    for (unsigned i = 0; i < 8 * n; i++) {
        uint8_t bit = (uint8_t)(0x80u >> i % 8);

        /* Bits behind the mask, and masks with holes, are read in more than one way. */
        if (i >= bits && ((b[n + i / 8] & bit) != 0 || (b[i / 8] & bit) != 0))
            return false;
    }
    memcpy(ret->b, b, n);
    ret->bits = bits;
    return true;
}

static bool permitted_subtree(const struct chy_ceiling *c, const GENERAL_SUBTREE *t)
{
    struct chy_prefix p;

    if (t->minimum != NULL || t->maximum != NULL)
        return false;
    if (t->base->type == GEN_DNS)
        return chy_general_name_fault(t->base) == NULL && permitted_dns(c, t->base->d.dNSName);
    if (t->base->type != GEN_IPADD || !subtree_prefix(t->base->d.iPAddress, &p))
        return false;
    for (size_t i = 0; i < c->n_permitted_ip; i++)
        if (chy_prefix_covers(&c->permitted_ip[i], &p))
            return true;
    return false;
}

/* A form of name without a subtree is not constrained, so there must be one of DNS. */
static bool all_permitted(const STACK_OF(GENERAL_SUBTREE) * trees, const struct chy_ceiling *c)
{
    bool dns = false;

    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        const GENERAL_SUBTREE *t = sk_GENERAL_SUBTREE_value(trees, i);

        if (!permitted_subtree(c, t))
            return false;
        dns = dns || t->base->type == GEN_DNS;
    }
    return dns;
}

/* Is one of the permitted subtrees of addresses of n octets? */
static bool permits_addresses(const STACK_OF(GENERAL_SUBTREE) * trees, int n)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(trees, i)->base;

        if (base->type == GEN_IPADD && ASN1_STRING_length(base->d.iPAddress) == 2 * n)
            return true;
    }
    return false;
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

/* Addresses of n octets are shut out, or held to the permitted ranges. */
static bool bounds_addresses(const NAME_CONSTRAINTS *nc, int n)
{
    return excludes_addresses(nc->excludedSubtrees, n) ||
           permits_addresses(nc->permittedSubtrees, n);
}

/* A constraint of one form of name says nothing of the others, so addresses must be bounded too. */
enum chy_rc chy_judge_constraints(struct chy_ctx *cx, const struct chy_signing_key *k, X509 *cert)
{
    int crit = -1;
    NAME_CONSTRAINTS *nc = X509_get_ext_d2i(cert, NID_name_constraints, &crit, NULL);
    enum chy_rc rc = CHY_OK;

    if (nc == NULL || crit != 1)
        rc = chy_judge_over(
            cx, "CA has no critical nameConstraints, which permitted-dns and permitted-ip ask for");
    else if (!all_permitted(nc->permittedSubtrees, k->ceiling))
        rc = chy_judge_over(cx,
                            "nameConstraints permit more than the permitted suffixes and ranges");
    else if (!bounds_addresses(nc, 4) || !bounds_addresses(nc, 16))
        rc = chy_judge_over(cx, "nameConstraints do not exclude all IP addresses, nor hold them to "
                                "permitted ranges");
    NAME_CONSTRAINTS_free(nc);
    return rc;
}
