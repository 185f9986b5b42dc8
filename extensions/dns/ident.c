/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers of type "dns" (RFC 8555 sections 7.1.3, 7.1.4, 9.7.7).  CAA is not checked yet, so
 * there is no recheck; subdomain authorizations (RFC 9444) are not served. */
#include <string.h>

#include "dns.h"

static enum chy_rc parse(struct chy_ctx *cx, const json_t *obj, struct chy_ident *out)
{
    const json_t *value = json_object_get(obj, "value");
    struct dns_name name;

    if (!json_is_string(value))
        return DNS_FAIL(cx, &CHY_P_malformed, "identifier: value must be a string");
    if (!dns_name_read(json_string_value(value), json_string_length(value), &name))
        return DNS_FAIL(cx, name.problem, "identifier: %s", name.why);
    out->type = dns_ident.name;
    out->value = dns_host->fmt(cx, "%s", name.text);
    out->shown = out->value;
    return CHY_OK;
}

/* A wildcard needs an authorization of the name below which it stands (section 7.1.3). */
static enum chy_rc authz_subject(struct chy_ctx *cx, const struct chy_ident *id,
                                 struct chy_ident *subject, bool *wildcard)
{
    (void)cx;
    subject->type = dns_ident.name;
    subject->value = dns_base(id->value);
    subject->shown = subject->value;
    *wildcard = dns_is_wildcard(id->value);
    return CHY_OK;
}

static enum chy_rc make_name(struct chy_ctx *cx, const struct chy_ident *id, GENERAL_NAME **ret)
{
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    GENERAL_NAME *gn = GENERAL_NAME_new();

    if (text == NULL || gn == NULL || ASN1_STRING_set(text, id->value, -1) != 1) {
        ASN1_IA5STRING_free(text);
        GENERAL_NAME_free(gn);
        return DNS_FAIL(cx, &CHY_P_serverInternal, "no memory for a name");
    }
    GENERAL_NAME_set0_value(gn, GEN_DNS, text);
    *ret = gn;
    return CHY_OK;
}

static enum chy_rc contribute(struct chy_ctx *cx, const struct chy_ident *id, const json_t *grant,
                              X509_REQ *csr, struct chy_cert_plan *plan)
{
    GENERAL_NAME *gn = NULL;

    (void)grant;
    (void)csr;
    if (make_name(cx, id, &gn) != CHY_OK)
        return CHY_ERR;
    return dns_host->plan_san(cx, plan, gn);
}

static enum chy_rc to_csr(struct chy_ctx *cx, const struct chy_ident *id, GENERAL_NAMES *san,
                          STACK_OF(X509_EXTENSION) * extensions)
{
    GENERAL_NAME *gn = NULL;

    (void)extensions;
    if (make_name(cx, id, &gn) != CHY_OK)
        return CHY_ERR;
    if (sk_GENERAL_NAME_push(san, gn) > 0)
        return CHY_OK;
    GENERAL_NAME_free(gn);
    return DNS_FAIL(cx, &CHY_P_serverInternal, "no memory for a name");
}

static const struct chy_client_option option = {
    .name = "domain",
    .letter = 'd',
    .value = "NAME",
    .help = "a DNS name for the certificate; \"*.NAME\" for every name directly below",
};

static const char *const claims[] = {"san:dNSName", "subject:CN", NULL};

/* covers is left to core's rule: the same name and the same wildcard flag. */
const struct chy_ident_type dns_ident = {
    .name = "dns",
    .claims = claims,
    .rule = dns_rule,
    .parse = parse,
    .permitted = dns_permitted,
    .permitted_publicly = dns_permitted_publicly,
    .check_rule = dns_check_rule,
    .authz_subject = authz_subject,
    .from_csr = dns_from_csr,
    .contribute = contribute,
    .option = &option,
    .to_csr = to_csr,
};
