/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers of type "ip" (RFC 8738 section 3): parsing, the iPAddress entries of a certificate
 * request, and the one that a certificate gets.  CAA does not apply to addresses, so there is no
 * recheck; there are no wildcards and no subtrees. */
#include <string.h>

#include "ip.h"

#define NAMES_MAX 1000

static enum chy_rc parse(struct chy_ctx *cx, const json_t *obj, struct chy_ident *out)
{
    const json_t *value = json_object_get(obj, "value");
    struct ip_address a;
    char why[IP_WHY_MAX];

    if (!json_is_string(value))
        return IP_FAIL(cx, &CHY_P_malformed, "identifier: value must be a string");
    if (!ip_read(json_string_value(value), json_string_length(value), &a, why))
        return IP_FAIL(cx, &CHY_P_malformed, "identifier: %s", why);
    out->type = ip_ident.name;
    out->value = ip_host->fmt(cx, "%s", json_string_value(value));
    out->shown = out->value;
    return CHY_OK;
}

/* An address of 4 or 16 octets; one that embeds IPv4 has no canonical text here (I-01). */
static enum chy_rc add_address(struct chy_ctx *cx, const ASN1_OCTET_STRING *in, json_t *out)
{
    struct ip_address a = {.n = (size_t)ASN1_STRING_length(in)};
    char text[IP_TEXT_MAX + 1];

    if (a.n != 4 && a.n != 16)
        return IP_FAIL(cx, &CHY_P_badCSR,
                       "subject alternative name: an iPAddress is not of 4 or 16 octets");
    memcpy(a.b, ASN1_STRING_get0_data(in), a.n);
    if (ip_embeds_ipv4(&a))
        return IP_FAIL(cx, &CHY_P_badCSR,
                       "subject alternative name: an iPAddress is an IPv4 address in the form of "
                       "an IPv6 one");
    if (json_array_size(out) >= NAMES_MAX)
        return IP_FAIL(cx, &CHY_P_badCSR, "more than %d addresses", NAMES_MAX);
    ip_text(&a, text);
    json_array_append_new(out, json_pack("{s:s, s:s}", "type", ip_ident.name, "value", text));
    return CHY_OK;
}

static enum chy_rc add_addresses(struct chy_ctx *cx, const GENERAL_NAMES *names, json_t *out)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *gn = sk_GENERAL_NAME_value(names, i);

        if (gn->type == GEN_IPADD && add_address(cx, gn->d.iPAddress, out) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

/* From the subject alternative name alone (RFC 8738 section 3; core.md I-05): a common name or a
 * dNSName that reads like an address is the dns module's to refuse. */
static enum chy_rc from_csr(struct chy_ctx *cx, X509_REQ *csr, json_t *out)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);
    GENERAL_NAMES *names;
    int critical = -1;
    enum chy_rc rc;

    if (extensions == NULL)
        return CHY_OK;
    names = X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    /* NULL: -1 means that there is none, anything else that there are several or a broken one. */
    if (names == NULL && critical != -1)
        return IP_FAIL(cx, &CHY_P_badCSR, "subject alternative name cannot be read");
    rc = add_addresses(cx, names, out);
    GENERAL_NAMES_free(names);
    return rc;
}

static enum chy_rc make_name(struct chy_ctx *cx, const struct chy_ident *id, GENERAL_NAME **ret)
{
    ASN1_OCTET_STRING *octets;
    GENERAL_NAME *gn;
    struct ip_address a;
    char why[IP_WHY_MAX];

    if (!ip_read(id->value, strlen(id->value), &a, why))
        return IP_FAIL(cx, &CHY_P_serverInternal, "identifier %s: %s", id->value, why);
    octets = ASN1_OCTET_STRING_new();
    gn = GENERAL_NAME_new();
    if (octets == NULL || gn == NULL || ASN1_OCTET_STRING_set(octets, a.b, (int)a.n) != 1) {
        ASN1_OCTET_STRING_free(octets);
        GENERAL_NAME_free(gn);
        return IP_FAIL(cx, &CHY_P_serverInternal, "no memory for an address");
    }
    GENERAL_NAME_set0_value(gn, GEN_IPADD, octets);
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
    return ip_host->plan_san(cx, plan, gn);
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
    return IP_FAIL(cx, &CHY_P_serverInternal, "no memory for an address");
}

static const struct chy_client_option option = {
    .name = "address",
    .value = "ADDRESS",
    .help = "an IP address for the certificate",
};

static const char *const claims[] = {"san:iPAddress", NULL};

/* authz_subject and covers are left to core's rule: an address stands for itself alone. */
const struct chy_ident_type ip_ident = {
    .name = "ip",
    .claims = claims,
    .rule = ip_rule,
    .parse = parse,
    .permitted = ip_permitted,
    .permitted_publicly = ip_permitted_publicly,
    .check_rule = ip_check_rule,
    .from_csr = from_csr,
    .contribute = contribute,
    .option = &option,
    .to_csr = to_csr,
};
