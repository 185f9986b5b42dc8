/* SPDX-License-Identifier: Apache-2.0 */
/* What a request asks for (core.md F-08 to F-10): subject, attributes, extensions.  Nothing of it
 * is copied into a certificate; it is judged and listed, so that every name can be held against the
 * identifier types that account for it. */
#include "core/pki/csr_requested.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"
#include "core/base/utf8.h"
#include "core/pki/der.h"
#include "core/pki/names.h"

#define ATTRIBUTES_MAX 32
#define EXTENSIONS_MAX 64
#define SUBJECT_MAX 64
#define COMMON_NAME_MAX 64 /* RFC 5280 appendix A, ub-common-name */

struct claims {
    const char **list;
    size_t n, room;
};

static void claim(struct chy_ctx *cx, struct claims *c, const char *name)
{
    if (c->n == c->room) {
        size_t room = c->room == 0 ? 16 : c->room * 2;
        const char **list = chy_alloc(cx, room * sizeof *list);

        for (size_t i = 0; i < c->n; i++)
            list[i] = c->list[i];
        c->list = list;
        c->room = room;
    }
    c->list[c->n++] = name;
}

static enum chy_rc check_common_name(struct chy_ctx *cx, const ASN1_STRING *value)
{
    unsigned char *text = NULL;
    int n = ASN1_STRING_to_UTF8(&text, value);
    size_t characters = 0;
    bool printable = n > 0;

    for (size_t at = 0; printable && at < (size_t)n; characters++) {
        uint32_t rune;
        size_t len = chy_utf8_next(text + at, (size_t)n - at, &rune);

        printable = len > 0 && chy_utf8_printable(rune);
        at += len;
    }
    OPENSSL_free(text);
    if (!printable)
        return chy_fail(cx, &CHY_P_badCSR,
                        "the common name is empty or holds NUL or control characters");
    if (characters > COMMON_NAME_MAX)
        return chy_fail(cx, &CHY_P_badCSR,
                        "the common name has %zu characters, more than %d (RFC 5280 appendix A)",
                        characters, COMMON_NAME_MAX);
    return CHY_OK;
}

static enum chy_rc check_subject(struct chy_ctx *cx, X509_REQ *req, struct claims *c)
{
    X509_NAME *subject = X509_REQ_get_subject_name(req);
    int n = X509_NAME_entry_count(subject), common_names = 0;

    if (n > SUBJECT_MAX)
        return chy_fail(cx, &CHY_P_badCSR, "the subject has more than %d attributes", SUBJECT_MAX);
    for (int i = 0; i < n; i++) {
        const X509_NAME_ENTRY *e = X509_NAME_get_entry(subject, i);
        const ASN1_OBJECT *oid = X509_NAME_ENTRY_get_object(e);
        int nid = OBJ_obj2nid(oid);
        const char *name = nid != NID_undef ? OBJ_nid2sn(nid) : chy_oid_text(cx, oid);

        if (name == NULL)
            return chy_fail(cx, &CHY_P_badCSR, "an attribute type of the subject is too long");
        claim(cx, c, chy_fmt(cx, "subject:%s", name));
        if (nid != NID_commonName)
            continue;
        if (++common_names > 1)
            return chy_fail(cx, &CHY_P_badCSR, "the subject has more than one common name");
        if (check_common_name(cx, X509_NAME_ENTRY_get_data(e)) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

static int compare_items(const void *a, const void *b)
{
    const struct chy_der_item *x = a, *y = b;
    size_t least = x->raw_n < y->raw_n ? x->raw_n : y->raw_n;
    int order = memcmp(x->raw, y->raw, least);

    return order != 0 ? order : (x->raw_n > y->raw_n) - (x->raw_n < y->raw_n);
}

/* By sorting: 64 KiB hold so many names that comparing each with each would be an attack. */
static bool has_twins(struct chy_ctx *cx, struct chy_der names, size_t n)
{
    struct chy_der_item *items = chy_alloc(cx, n * sizeof *items);
    size_t got = 0;

    while (got < n && chy_der_next(&names, &items[got]))
        got++;
    qsort(items, got, sizeof *items, compare_items);
    for (size_t i = 1; i < got; i++)
        if (compare_items(&items[i - 1], &items[i]) == 0)
            return true;
    return false;
}

static enum chy_rc list_names(struct chy_ctx *cx, const GENERAL_NAMES *names, struct claims *c)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *gn = sk_GENERAL_NAME_value(names, i);
        const char *kind = chy_general_name_kind(cx, gn), *fault = chy_general_name_fault(gn);

        if (fault != NULL)
            return chy_fail(cx, &CHY_P_badCSR, "subjectAltName: %s", fault);
        if (kind == NULL)
            return chy_fail(cx, &CHY_P_badCSR, "subjectAltName: an otherName's type is too long");
        claim(cx, c, chy_fmt(cx, "san:%s", kind));
    }
    return CHY_OK;
}

static enum chy_rc check_names(struct chy_ctx *cx, const uint8_t *der, size_t n, struct claims *c)
{
    struct chy_der in = {der, n};
    struct chy_der_item seq;
    const unsigned char *p = der;
    GENERAL_NAMES *names;
    enum chy_rc rc = CHY_OK;

    if (!chy_der_valid(der, n) || !chy_der_take(&in, CHY_DER_SEQUENCE, &seq))
        return chy_fail(cx, &CHY_P_badCSR, "subjectAltName is not DER (RFC 5280 section 4.2.1.6)");
    names = d2i_GENERAL_NAMES(NULL, &p, (long)n);
    if (names == NULL)
        return chy_fail(cx, &CHY_P_badCSR,
                        "subjectAltName is not a GeneralNames (RFC 5280 section 4.2.1.6)");
    if (sk_GENERAL_NAME_num(names) == 0)
        rc = chy_fail(cx, &CHY_P_badCSR, "subjectAltName is empty (RFC 5280 section 4.2.1.6)");
    if (rc == CHY_OK)
        rc = list_names(cx, names, c);
    if (rc == CHY_OK && has_twins(cx, seq.in, (size_t)sk_GENERAL_NAME_num(names)))
        rc = chy_fail(cx, &CHY_P_badCSR, "subjectAltName holds a name twice");
    GENERAL_NAMES_free(names);
    return rc;
}

static enum chy_rc check_basic_constraints(struct chy_ctx *cx, const uint8_t *der, size_t n)
{
    const unsigned char *p = der;
    BASIC_CONSTRAINTS *bc = NULL;
    bool ca;

    if (chy_der_valid(der, n))
        bc = d2i_BASIC_CONSTRAINTS(NULL, &p, (long)n);
    if (bc == NULL)
        return chy_fail(cx, &CHY_P_badCSR, "basicConstraints cannot be decoded");
    ca = bc->ca != 0 || bc->pathlen != NULL;
    BASIC_CONSTRAINTS_free(bc);
    if (ca)
        return chy_fail(cx, &CHY_P_badCSR, "basicConstraints asks for a CA certificate");
    return CHY_OK;
}

/* Critical means: do not issue if you do not know what this is.  These are known. */
static bool may_be_critical(int nid)
{
    static const int known[] = {NID_subject_alt_name, NID_basic_constraints, NID_key_usage,
                                NID_ext_key_usage, NID_tlsfeature};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == nid)
            return true;
    return false;
}

static enum chy_rc check_extension(struct chy_ctx *cx, X509_EXTENSION *ext, struct claims *c)
{
    int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));
    const char *oid = chy_oid_text(cx, X509_EXTENSION_get_object(ext));
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(ext);
    const uint8_t *der = ASN1_STRING_get0_data(value);
    size_t n = (size_t)ASN1_STRING_length(value);

    if (oid == NULL)
        return chy_fail(cx, &CHY_P_badCSR, "an extension's OID is too long");
    if (nid == NID_name_constraints)
        return chy_fail(cx, &CHY_P_badCSR, "nameConstraints asks for a CA certificate");
    if (X509_EXTENSION_get_critical(ext) && !may_be_critical(nid))
        return chy_fail(cx, &CHY_P_badCSR, "critical extension %s is not known", oid);
    if (nid == NID_subject_alt_name)
        return check_names(cx, der, n, c);
    claim(cx, c, chy_fmt(cx, "ext:%s", oid));
    if (nid == NID_basic_constraints)
        return check_basic_constraints(cx, der, n);
    return CHY_OK;
}

static enum chy_rc check_extensions(struct chy_ctx *cx, const X509_EXTENSIONS *exts,
                                    struct claims *c)
{
    int n = sk_X509_EXTENSION_num(exts);

    if (n == 0)
        return chy_fail(cx, &CHY_P_badCSR, "extensionRequest is empty (RFC 5280 section 4.1)");
    if (n > EXTENSIONS_MAX)
        return chy_fail(cx, &CHY_P_badCSR, "more than %d extensions are requested", EXTENSIONS_MAX);
    for (int i = 0; i < n; i++) {
        X509_EXTENSION *ext = sk_X509_EXTENSION_value(exts, i);

        if (check_extension(cx, ext, c) != CHY_OK)
            return CHY_ERR;
        if (X509v3_get_ext_by_OBJ(exts, X509_EXTENSION_get_object(ext), i) >= 0)
            return chy_fail(cx, &CHY_P_badCSR, "extension %s is requested twice",
                            chy_oid_text(cx, X509_EXTENSION_get_object(ext)));
    }
    return CHY_OK;
}

/* The value of an extensionRequest (RFC 2985 section 5.4.2). */
static enum chy_rc check_request(struct chy_ctx *cx, X509_ATTRIBUTE *attribute, struct claims *c)
{
    ASN1_TYPE *value = X509_ATTRIBUTE_get0_type(attribute, 0);
    X509_EXTENSIONS *exts;
    const unsigned char *p;
    enum chy_rc rc;

    if (X509_ATTRIBUTE_count(attribute) != 1)
        return chy_fail(cx, &CHY_P_badCSR,
                        "extensionRequest has not exactly one value (RFC 2985 section 5.4.2)");
    if (ASN1_TYPE_get(value) != V_ASN1_SEQUENCE)
        return chy_fail(cx, &CHY_P_badCSR, "extensionRequest is not a sequence of extensions");
    p = value->value.sequence->data;
    exts = (X509_EXTENSIONS *)ASN1_item_d2i(NULL, &p, value->value.sequence->length,
                                            ASN1_ITEM_rptr(X509_EXTENSIONS));
    if (exts == NULL)
        return chy_fail(cx, &CHY_P_badCSR, "extensionRequest is not a sequence of extensions");
    rc = check_extensions(cx, exts, c);
    sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
    return rc;
}

static enum chy_rc check_attributes(struct chy_ctx *cx, X509_REQ *req, struct claims *c)
{
    int n = X509_REQ_get_attr_count(req), requests = 0;

    if (n > ATTRIBUTES_MAX)
        return chy_fail(cx, &CHY_P_badCSR, "the request has more than %d attributes",
                        ATTRIBUTES_MAX);
    for (int i = 0; i < n; i++) {
        X509_ATTRIBUTE *attribute = X509_REQ_get_attr(req, i);
        int nid = OBJ_obj2nid(X509_ATTRIBUTE_get0_object(attribute));

        if (nid == NID_ms_ext_req)
            return chy_fail(cx, &CHY_P_badCSR,
                            "extensions in attribute 1.3.6.1.4.1.311.2.1.14 are not accepted: use "
                            "extensionRequest (RFC 2985 section 5.4.2)");
        if (nid != NID_ext_req)
            continue; /* challengePassword and the like ask for nothing in the certificate */
        if (++requests > 1)
            return chy_fail(cx, &CHY_P_badCSR, "the request has two extensionRequest attributes");
        if (check_request(cx, attribute, c) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

enum chy_rc chy_csr_requested(struct chy_ctx *cx, struct chy_csr *csr)
{
    struct claims c = {0};

    if (check_subject(cx, csr->req, &c) != CHY_OK || check_attributes(cx, csr->req, &c) != CHY_OK)
        return CHY_ERR;
    csr->claims = c.list;
    csr->n_claims = c.n;
    return CHY_OK;
}
