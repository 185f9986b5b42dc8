/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions of certificates (RFC 5280 section 4.2), typed: never from text, whose grammar would
 * let a value smuggle another. */
#include "core/pki/extensions.h"

#include <string.h>

#include "core/pki/plan_types.h"

static bool add(X509 *cert, int nid, void *value, bool critical)
{
    return X509_add1_ext_i2d(cert, nid, value, critical, X509V3_ADD_APPEND) == 1;
}

bool chy_key_id(const X509_PUBKEY *key, uint8_t ret[CHY_KEY_ID_OCTETS])
{
    const unsigned char *bits;
    uint8_t digest[32];
    int n;

    if (X509_PUBKEY_get0_param(NULL, &bits, &n, NULL, (X509_PUBKEY *)key) != 1 ||
        EVP_Digest(bits, (size_t)n, digest, NULL, EVP_sha256(), NULL) != 1)
        return false;
    memcpy(ret, digest, CHY_KEY_ID_OCTETS);
    return true;
}

bool chy_add_authority_key(X509 *cert, const X509 *issuer)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id((X509 *)issuer);
    AUTHORITY_KEYID *key = AUTHORITY_KEYID_new();
    bool ok = false;

    if (key != NULL && id != NULL) {
        key->keyid = ASN1_OCTET_STRING_dup(id);
        ok = key->keyid != NULL && add(cert, NID_authority_key_identifier, key, false);
    }
    AUTHORITY_KEYID_free(key);
    return ok;
}

bool chy_add_subject_key(X509 *cert)
{
    uint8_t id[CHY_KEY_ID_OCTETS];
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    bool ok = value != NULL && chy_key_id(X509_get_X509_PUBKEY(cert), id) &&
              ASN1_OCTET_STRING_set(value, id, sizeof id) == 1 &&
              add(cert, NID_subject_key_identifier, value, false);

    ASN1_OCTET_STRING_free(value);
    return ok;
}

bool chy_add_key_usage(X509 *cert, unsigned bits)
{
    ASN1_BIT_STRING *value = ASN1_BIT_STRING_new();
    bool ok = value != NULL;

    for (int i = 0; ok && i < CHY_KU_BITS; i++)
        if ((bits & 1u << i) != 0)
            ok = ASN1_BIT_STRING_set_bit(value, i, 1) == 1;
    ok = ok && add(cert, NID_key_usage, value, true);
    ASN1_BIT_STRING_free(value);
    return ok;
}

bool chy_add_purposes(X509 *cert, const char *const *oids, size_t n)
{
    EXTENDED_KEY_USAGE *value = EXTENDED_KEY_USAGE_new();
    bool ok = value != NULL;

    for (size_t i = 0; ok && i < n; i++) {
        ASN1_OBJECT *oid = OBJ_txt2obj(oids[i], 1);

        ok = oid != NULL && sk_ASN1_OBJECT_push(value, oid) > 0;
        if (!ok)
            ASN1_OBJECT_free(oid);
    }
    ok = ok && add(cert, NID_ext_key_usage, value, false);
    EXTENDED_KEY_USAGE_free(value);
    return ok;
}

bool chy_add_basic_constraints(X509 *cert, int path_len)
{
    BASIC_CONSTRAINTS *value = BASIC_CONSTRAINTS_new();
    bool ok = value != NULL;

    if (ok) {
        value->ca = 0xff;
        value->pathlen = path_len < 0 ? NULL : ASN1_INTEGER_new();
        ok = path_len < 0 || (value->pathlen != NULL && ASN1_INTEGER_set(value->pathlen, path_len));
    }
    ok = ok && add(cert, NID_basic_constraints, value, true);
    BASIC_CONSTRAINTS_free(value);
    return ok;
}

bool chy_add_names(X509 *cert, const GENERAL_NAMES *names, bool critical)
{
    return add(cert, NID_subject_alt_name, (GENERAL_NAMES *)names, critical);
}

static GENERAL_NAME *url_name(const char *url)
{
    GENERAL_NAME *gn = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    if (gn == NULL || text == NULL || ASN1_STRING_set(text, url, -1) != 1) {
        GENERAL_NAME_free(gn);
        ASN1_IA5STRING_free(text);
        return NULL;
    }
    GENERAL_NAME_set0_value(gn, GEN_URI, text);
    return gn;
}

bool chy_add_crl_url(X509 *cert, const char *url)
{
    CRL_DIST_POINTS *value = CRL_DIST_POINTS_new();
    DIST_POINT *point = DIST_POINT_new();
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = url_name(url);
    bool ok = value != NULL && point != NULL && names != NULL && name != NULL;

    ok = ok && (point->distpoint = DIST_POINT_NAME_new()) != NULL;
    if (ok && (ok = sk_GENERAL_NAME_push(names, name) > 0))
        name = NULL;
    if (ok) {
        point->distpoint->type = 0;
        point->distpoint->name.fullname = names;
        names = NULL;
    }
    if (ok && (ok = sk_DIST_POINT_push(value, point) > 0))
        point = NULL;
    ok = ok && add(cert, NID_crl_distribution_points, value, false);
    GENERAL_NAME_free(name);
    GENERAL_NAMES_free(names);
    DIST_POINT_free(point);
    CRL_DIST_POINTS_free(value);
    return ok;
}

bool chy_add_issuer_url(X509 *cert, const char *url)
{
    AUTHORITY_INFO_ACCESS *value = AUTHORITY_INFO_ACCESS_new();
    ACCESS_DESCRIPTION *access = ACCESS_DESCRIPTION_new();
    GENERAL_NAME *name = url_name(url);
    bool ok = value != NULL && access != NULL && name != NULL;

    if (ok) {
        GENERAL_NAME_free(access->location);
        access->location = name;
        name = NULL;
        ASN1_OBJECT_free(access->method);
        access->method = OBJ_nid2obj(NID_ad_ca_issuers);
        ok = sk_ACCESS_DESCRIPTION_push(value, access) > 0;
    }
    if (ok)
        access = NULL;
    ok = ok && add(cert, NID_info_access, value, false);
    GENERAL_NAME_free(name);
    ACCESS_DESCRIPTION_free(access);
    AUTHORITY_INFO_ACCESS_free(value);
    return ok;
}

bool chy_add_extension(X509 *cert, const char *oid, bool critical, const uint8_t *der, size_t n)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;
    bool ok = object != NULL && value != NULL && ASN1_OCTET_STRING_set(value, der, (int)n) == 1;

    if (ok)
        ext = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
    ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    return ok;
}
