/* SPDX-License-Identifier: Apache-2.0 */
/* Domain names that a certificate request asks for: dNSName entries of the subject alternative name,
 * and the common name, a name as often as it is there (RFC 8555 section 7.4; core.md F-07 to F-09).
 * Other names and attributes are not this module's: core refuses those that nobody claims. */
#include <string.h>

#include "dns.h"

#define NAMES_MAX 1000
#define CN_MAX 64 /* RFC 5280 appendix A.1, ub-common-name */

static enum chy_rc add_name(struct chy_ctx *cx, const char *where, const unsigned char *text, int n,
                            json_t *out)
{
    struct dns_name name;

    if (!dns_name_read((const char *)text, n > 0 ? (size_t)n : 0, &name))
        return DNS_FAIL(cx, &CHY_P_badCSR, "%s: no usable domain name: %s", where, name.why);
    if (json_array_size(out) >= NAMES_MAX)
        return DNS_FAIL(cx, &CHY_P_badCSR, "more than %d names", NAMES_MAX);
    json_array_append_new(out, json_pack("{s:s, s:s}", "type", dns_ident.name, "value", name.text));
    return CHY_OK;
}

static enum chy_rc add_dns_names(struct chy_ctx *cx, const GENERAL_NAMES *names, json_t *out)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *gn = sk_GENERAL_NAME_value(names, i);
        enum chy_rc rc;

        if (gn->type != GEN_DNS)
            continue;
        rc = add_name(cx, "subject alternative name dNSName", ASN1_STRING_get0_data(gn->d.dNSName),
                      ASN1_STRING_length(gn->d.dNSName), out);
        if (rc != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

/* The alternative names, NULL where there are none; the caller's to free. */
static enum chy_rc read_san(struct chy_ctx *cx, X509_REQ *csr, GENERAL_NAMES **ret)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);
    int critical = -1;

    *ret = NULL;
    if (extensions == NULL)
        return CHY_OK;
    *ret = X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    /* NULL: -1 means that there is none, anything else that there are several or a broken one. */
    if (*ret == NULL && critical != -1)
        return DNS_FAIL(cx, &CHY_P_badCSR, "subject alternative name cannot be read");
    return CHY_OK;
}

/* Is it the text of an address that stands among the alternative names too?  Clients write their first
 * identifier there whatever it is (uacme), and certificates take no common name from a request. */
static bool repeats_address(const unsigned char *text, int n, const GENERAL_NAMES *names)
{
    char value[CN_MAX + 1];
    uint8_t octets[16];
    size_t size;

    if (n <= 0 || n > CN_MAX || memchr(text, '\0', (size_t)n) != NULL)
        return false;
    memcpy(value, text, (size_t)n);
    value[n] = '\0';
    size = dns_address(value, octets);
    for (int i = 0; size > 0 && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *gn = sk_GENERAL_NAME_value(names, i);

        if (gn->type == GEN_IPADD && ASN1_STRING_length(gn->d.iPAddress) == (int)size &&
            memcmp(ASN1_STRING_get0_data(gn->d.iPAddress), octets, size) == 0)
            return true;
    }
    return false;
}

static enum chy_rc add_common_name(struct chy_ctx *cx, X509_REQ *csr, const GENERAL_NAMES *names,
                                   json_t *out)
{
    const X509_NAME *subject = X509_REQ_get_subject_name(csr);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    enum chy_rc rc = CHY_OK;
    int n;

    if (at < 0)
        return CHY_OK;
    if (X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return DNS_FAIL(cx, &CHY_P_badCSR, "subject has more than one common name");
    n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (n < 0)
        return DNS_FAIL(cx, &CHY_P_badCSR, "common name cannot be read");
    if (n > CN_MAX)
        rc = DNS_FAIL(cx, &CHY_P_badCSR, "common name is longer than %d", CN_MAX);
    else if (!repeats_address(text, n, names))
        rc = add_name(cx, "common name", text, n, out);
    OPENSSL_free(text);
    return rc;
}

enum chy_rc dns_from_csr(struct chy_ctx *cx, X509_REQ *csr, json_t *out)
{
    GENERAL_NAMES *names;
    enum chy_rc rc;

    if (read_san(cx, csr, &names) != CHY_OK)
        return CHY_ERR;
    rc = add_dns_names(cx, names, out);
    if (rc == CHY_OK)
        rc = add_common_name(cx, csr, names, out);
    GENERAL_NAMES_free(names);
    return rc;
}
