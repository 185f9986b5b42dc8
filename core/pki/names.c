/* SPDX-License-Identifier: Apache-2.0 */
/* GeneralNames (RFC 5280 section 4.2.1.6): kinds, text, and the octets no name may hold.  Whether a
 * name may be had is for its identifier type to say. */
#include "core/pki/names.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/base/b64.h"

#define OID_TEXT_MAX 100
#define DNS_NAME_MAX 253

char *chy_oid_text(struct chy_ctx *cx, const ASN1_OBJECT *oid)
{
    char text[OID_TEXT_MAX + 1];
    int n = OBJ_obj2txt(text, sizeof text, oid, 1);

    if (n <= 0 || n > OID_TEXT_MAX)
        return NULL;
    return chy_fmt(cx, "%s", text);
}

const char *chy_general_name_kind(struct chy_ctx *cx, const GENERAL_NAME *gn)
{
    static const char *const kinds[] = {
        [GEN_EMAIL] = "rfc822Name",      [GEN_DNS] = "dNSName",
        [GEN_X400] = "x400Address",      [GEN_DIRNAME] = "directoryName",
        [GEN_EDIPARTY] = "ediPartyName", [GEN_URI] = "URI",
        [GEN_IPADD] = "iPAddress",       [GEN_RID] = "registeredID",
    };
    char *oid;

    if (gn->type != GEN_OTHERNAME)
        return kinds[gn->type];
    oid = chy_oid_text(cx, gn->d.otherName->type_id);
    return oid == NULL ? NULL : chy_fmt(cx, "otherName:%s", oid);
}

static char *address_text(struct chy_ctx *cx, const ASN1_OCTET_STRING *a)
{
    char text[INET6_ADDRSTRLEN];
    int n = ASN1_STRING_length(a);

    if ((n != 4 && n != 16) ||
        inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(a), text, sizeof text) == NULL)
        return NULL;
    return chy_fmt(cx, "%s", text);
}

static char *der_text(struct chy_ctx *cx, const GENERAL_NAME *gn)
{
    unsigned char *der = NULL;
    int n = i2d_GENERAL_NAME((GENERAL_NAME *)gn, &der);
    char *text = n > 0 ? chy_b64u(cx, der, (size_t)n) : chy_fmt(cx, "?");

    OPENSSL_free(der);
    return text;
}

char *chy_general_name_text(struct chy_ctx *cx, const GENERAL_NAME *gn)
{
    const char *kind = chy_general_name_kind(cx, gn);
    char *value = NULL;

    switch (gn->type) {
    case GEN_EMAIL:
    case GEN_DNS:
    case GEN_URI:
        value = chy_arena_strndup(cx->arena, (const char *)ASN1_STRING_get0_data(gn->d.ia5),
                                  (size_t)ASN1_STRING_length(gn->d.ia5));
        break;
    case GEN_IPADD:
        value = address_text(cx, gn->d.iPAddress);
        break;
    case GEN_RID:
        value = chy_oid_text(cx, gn->d.registeredID);
        break;
    default:
        break;
    }
    if (value == NULL)
        value = der_text(cx, gn);
    return chy_fmt(cx, "%s:%s", kind != NULL ? kind : "otherName", value);
}

/* Only characters from least to '~'. */
static bool visible(const ASN1_STRING *s, unsigned char least)
{
    const unsigned char *p = ASN1_STRING_get0_data(s);

    for (int i = 0; i < ASN1_STRING_length(s); i++)
        if (p[i] < least || p[i] > '~')
            return false;
    return ASN1_STRING_length(s) > 0;
}

static const char *dns_fault(const ASN1_STRING *s)
{
    int n = ASN1_STRING_length(s);

    if (n == 0)
        return "a dNSName is empty (RFC 5280 section 4.2.1.6)";
    if (!visible(s, '!'))
        return "a dNSName holds a NUL, space, control or non-ASCII octet (RFC 5280 section "
               "4.2.1.6)";
    if (n > DNS_NAME_MAX)
        return "a dNSName is longer than 253 octets (RFC 1035 section 2.3.4)";
    if (ASN1_STRING_get0_data(s)[n - 1] == '.')
        return "a dNSName ends with a dot (RFC 5280 section 4.2.1.6)";
    return NULL;
}

const char *chy_general_name_fault(const GENERAL_NAME *gn)
{
    switch (gn->type) {
    case GEN_DNS:
        return dns_fault(gn->d.dNSName);
    case GEN_EMAIL: /* a quoted local part may hold spaces */
        return visible(gn->d.rfc822Name, ' ')
                   ? NULL
                   : "an rfc822Name is empty or holds a control or non-ASCII octet";
    case GEN_URI:
        return visible(gn->d.uniformResourceIdentifier, '!')
                   ? NULL
                   : "a URI is empty or holds a space, control or non-ASCII octet";
    case GEN_IPADD:
        if (ASN1_STRING_length(gn->d.iPAddress) != 4 && ASN1_STRING_length(gn->d.iPAddress) != 16)
            return "an iPAddress is not of 4 or 16 octets (RFC 5280 section 4.2.1.6)";
        return NULL;
    default:
        return NULL;
    }
}
