/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a certificate plan (RFC 5280 section 4).  Profile and modules add to it; what is there is
 * never replaced, so that no module can undo what another has said.  Refusals are the server's own
 * fault (a profile or module is wrong), except where the client's key is not the one required. */
#include "core/pki/plan.h"

#include <string.h>

#include <openssl/err.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "core/pki/cert.h"
#include "core/pki/der.h"
#include "core/pki/names.h"
#include "core/pki/plan_types.h"

#define SUBJECT_VALUE_MAX 256
#define EXTENSION_MAX 16384
#define USAGE_WORD_MAX 100
#define YEAR_9999_END 253402300799 /* GeneralizedTime's last second (RFC 5280 section 4.1.2.5) */

static void release_names(void *names)
{
    GENERAL_NAMES_free(names);
}

static void release_name(void *name)
{
    X509_NAME_free(name);
}

struct chy_cert_plan *chy_plan_new(struct chy_ctx *cx, const struct chy_csr *csr,
                                   const struct chy_issuer_cert *issuer,
                                   const struct chy_id *serial)
{
    struct chy_cert_plan *p = chy_alloc(cx, sizeof *p);

    p->csr = csr;
    p->issuer = issuer;
    p->serial = *serial;
    p->path_len = -1;
    p->names = GENERAL_NAMES_new();
    p->subject = X509_NAME_new();
    if (p->names == NULL || p->subject == NULL)
        abort();
    chy_arena_defer(cx->arena, release_names, p->names);
    chy_arena_defer(cx->arena, release_name, p->subject);
    return p;
}

enum chy_rc chy_plan_san(struct chy_ctx *cx, struct chy_cert_plan *p, GENERAL_NAME *gn)
{
    const char *fault = gn == NULL ? "no name" : chy_general_name_fault(gn);
    bool known = false;

    for (int i = 0; fault == NULL && i < sk_GENERAL_NAME_num(p->names); i++)
        known = known || GENERAL_NAME_cmp(sk_GENERAL_NAME_value(p->names, i), gn) == 0;
    if (fault == NULL && !known && sk_GENERAL_NAME_num(p->names) >= CHY_PLAN_NAMES_MAX)
        fault = "too many names";
    if (fault == NULL && !known) {
        if (sk_GENERAL_NAME_push(p->names, gn) == 0)
            abort();
        return CHY_OK;
    }
    GENERAL_NAME_free(gn);
    return fault == NULL ? CHY_OK : chy_fault_internal(cx, "plan: subjectAltName: %s", fault);
}

/* Extensions with a plan function of their own, or built by core from the issuer and the key. */
static bool is_core_extension(const ASN1_OBJECT *oid)
{
    static const int nids[] = {NID_authority_key_identifier,
                               NID_subject_key_identifier,
                               NID_key_usage,
                               NID_ext_key_usage,
                               NID_basic_constraints,
                               NID_subject_alt_name,
                               NID_crl_distribution_points,
                               NID_info_access};
    int nid = OBJ_obj2nid(oid);

    for (size_t i = 0; i < sizeof nids / sizeof *nids; i++)
        if (nids[i] == nid)
            return true;
    return false;
}

/* Canonical text of a dotted OID; NULL if it is none.  *ret_core: see above. */
static const char *read_oid(struct chy_ctx *cx, const char *text, bool *ret_core)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(text, 1);
    const char *canonical = NULL;

    if (oid != NULL) {
        canonical = chy_oid_text(cx, oid);
        *ret_core = is_core_extension(oid);
        ASN1_OBJECT_free(oid);
    }
    ERR_clear_error();
    return canonical;
}

enum chy_rc chy_plan_ext(struct chy_ctx *cx, struct chy_cert_plan *p, const char *oid,
                         bool critical, const uint8_t *der, size_t n)
{
    bool core = false;
    const char *name = read_oid(cx, oid, &core);
    uint8_t *copy;

    if (name == NULL)
        return chy_fault_internal(cx, "plan: extension %s: not an OID", oid);
    if (core)
        return chy_fault_internal(cx, "plan: extension %s is not a module's to bring", name);
    if (n > EXTENSION_MAX || !chy_der_valid(der, n))
        return chy_fault_internal(cx, "plan: extension %s: value is not DER", name);
    for (size_t i = 0; i < p->n_extras; i++) {
        const struct chy_plan_extra *e = &p->extras[i];

        if (strcmp(e->oid, name) != 0)
            continue;
        if (e->critical == critical && e->n == n && memcmp(e->der, der, n) == 0)
            return CHY_OK;
        return chy_fault_internal(cx, "plan: conflict: extension %s has two values", name);
    }
    if (p->n_extras == CHY_PLAN_EXTRAS_MAX)
        return chy_fault_internal(cx, "plan: more than %d extensions", CHY_PLAN_EXTRAS_MAX);
    copy = chy_alloc(cx, n);
    memcpy(copy, der, n);
    p->extras[p->n_extras++] = (struct chy_plan_extra){name, critical, copy, n};
    return CHY_OK;
}

static bool entry_equals(const X509_NAME_ENTRY *e, const char *value)
{
    unsigned char *text = NULL;
    int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(e));
    bool same = n >= 0 && (size_t)n == strlen(value) && memcmp(text, value, (size_t)n) == 0;

    OPENSSL_free(text);
    return same;
}

enum chy_rc chy_plan_subject(struct chy_ctx *cx, struct chy_cert_plan *p, const char *attribute,
                             const char *value)
{
    int nid = OBJ_txt2nid(attribute), at;
    size_t n = strlen(value);
    int added;

    if (nid == NID_undef)
        return chy_fault_internal(cx, "plan: subject attribute %s is not known", attribute);
    if (n == 0 || n > SUBJECT_VALUE_MAX)
        return chy_fault_internal(cx, "plan: subject attribute %s: bad length", attribute);
    at = X509_NAME_get_index_by_NID(p->subject, nid, -1);
    if (at >= 0) {
        if (entry_equals(X509_NAME_get_entry(p->subject, at), value))
            return CHY_OK;
        return chy_fault_internal(cx, "plan: conflict: subject attribute %s has two values",
                                  attribute);
    }
    added = X509_NAME_add_entry_by_NID(p->subject, nid, MBSTRING_UTF8, (const uint8_t *)value,
                                       (int)n, -1, 0);
    ERR_clear_error();
    if (added != 1)
        return chy_fault_internal(cx,
                                  "plan: subject attribute %s: value does not fit its type (RFC "
                                  "5280 appendix A)",
                                  attribute);
    return CHY_OK;
}

static unsigned key_usage_bit(const char *word)
{
    static const char *const names[CHY_KU_BITS] = {
        "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement",
        "keyCertSign",      "cRLSign",        "encipherOnly",    "decipherOnly"};

    for (unsigned i = 0; i < CHY_KU_BITS; i++)
        if (strcmp(names[i], word) == 0)
            return 1u << i;
    return strcmp(word, "contentCommitment") == 0 ? CHY_KU_NON_REPUDIATION : 0;
}

/* "serverAuth" or a dotted OID; NULL if neither. */
static const char *purpose_oid(struct chy_ctx *cx, const char *word)
{
    bool dotted = word[0] >= '0' && word[0] <= '9';
    ASN1_OBJECT *oid = OBJ_txt2obj(word, dotted);
    const char *text = oid != NULL ? chy_oid_text(cx, oid) : NULL;

    ASN1_OBJECT_free(oid);
    ERR_clear_error();
    /* id-kp or anyExtendedKeyUsage (RFC 5280 section 4.2.1.12): a name of anything else is a
     * slip. */
    if (!dotted && text != NULL && strncmp(text, "1.3.6.1.5.5.7.3.", 16) != 0 &&
        strcmp(text, "2.5.29.37.0") != 0)
        return NULL;
    return text;
}

static enum chy_rc add_usage(struct chy_ctx *cx, struct chy_cert_plan *p, const char *word)
{
    unsigned bit = key_usage_bit(word);
    const char *oid;

    p->key_usage |= bit;
    if (bit != 0)
        return CHY_OK;
    oid = purpose_oid(cx, word);
    if (oid == NULL)
        return chy_fault_internal(cx, "plan: usage %s is not known", word);
    for (size_t i = 0; i < p->n_purposes; i++)
        if (strcmp(p->purposes[i], oid) == 0)
            return CHY_OK;
    if (p->n_purposes == CHY_PLAN_PURPOSES_MAX)
        return chy_fault_internal(cx, "plan: more than %d extended key usages",
                                  CHY_PLAN_PURPOSES_MAX);
    p->purposes[p->n_purposes++] = oid;
    return CHY_OK;
}

enum chy_rc chy_plan_usage(struct chy_ctx *cx, struct chy_cert_plan *p, const char *ku_and_eku)
{
    const char *s = ku_and_eku;

    while (*s != '\0') {
        size_t n = strcspn(s, ",");

        if (n == 0 || n > USAGE_WORD_MAX)
            return chy_fault_internal(cx, "plan: usage list is ill-formed");
        if (add_usage(cx, p, chy_arena_strndup(cx->arena, s, n)) != CHY_OK)
            return CHY_ERR;
        s += n;
        if (*s == ',' && *++s == '\0')
            return chy_fault_internal(cx, "plan: usage list is ill-formed");
    }
    return CHY_OK;
}

enum chy_rc chy_plan_ca(struct chy_ctx *cx, struct chy_cert_plan *p, int path_len)
{
    long above = X509_get_pathlen(p->issuer->cert);

    if (p->ca && p->path_len != path_len)
        return chy_fault_internal(cx, "plan: conflict: two path lengths");
    if (above >= 0 && (path_len < 0 || path_len >= above))
        return chy_fault_internal(cx, "plan: the issuer's path length leaves no room for this CA");
    p->ca = true;
    p->path_len = path_len < 0 ? -1 : path_len;
    p->key_usage |= CHY_KU_KEY_CERT_SIGN; /* RFC 5280 section 4.2.1.9: one implies the other */
    return CHY_OK;
}

enum chy_rc chy_plan_validity(struct chy_ctx *cx, struct chy_cert_plan *p, time_t not_before,
                              time_t not_after)
{
    if (p->dated && (p->not_before != not_before || p->not_after != not_after))
        return chy_fault_internal(cx, "plan: conflict: two validity periods");
    if (not_before < 0 || not_after < not_before || not_after > YEAR_9999_END)
        return chy_fault_internal(cx, "plan: validity period is ill-formed");
    if (not_after > p->issuer->not_after)
        return chy_fault_internal(cx, "plan: certificate would outlive its issuer");
    p->dated = true;
    p->not_before = not_before;
    p->not_after = not_after;
    return CHY_OK;
}

enum chy_rc chy_plan_key_must_be(struct chy_ctx *cx, struct chy_cert_plan *p,
                                 const uint8_t spki_sha256[32])
{
    if (memcmp(p->csr->spki_sha256, spki_sha256, sizeof p->csr->spki_sha256) != 0)
        return chy_fail(cx, &CHY_P_badCSR, "the request's key is not the one that was proven");
    return CHY_OK;
}

unsigned chy_plan_key_usage(const struct chy_cert_plan *p)
{
    const unsigned enciphers = CHY_KU_KEY_ENCIPHERMENT | CHY_KU_DATA_ENCIPHERMENT;
    const unsigned agrees = CHY_KU_KEY_AGREEMENT | CHY_KU_ENCIPHER_ONLY | CHY_KU_DECIPHER_ONLY;

    if (EVP_PKEY_is_a(p->csr->key, "RSA"))
        return p->key_usage & ~agrees;
    if (EVP_PKEY_is_a(p->csr->key, "EC"))
        return p->key_usage & ~enciphers;
    return p->key_usage & ~(enciphers | agrees);
}

size_t chy_plan_layout(const struct chy_cert_plan *p, struct chy_plan_slot *slots)
{
    bool nameless = X509_NAME_entry_count(p->subject) == 0;
    size_t n = 0;

    slots[n++] = (struct chy_plan_slot){NID_authority_key_identifier, false, NULL};
    slots[n++] = (struct chy_plan_slot){NID_subject_key_identifier, false, NULL};
    if (chy_plan_key_usage(p) != 0)
        slots[n++] = (struct chy_plan_slot){NID_key_usage, true, NULL};
    if (p->n_purposes > 0)
        slots[n++] = (struct chy_plan_slot){NID_ext_key_usage, false, NULL};
    if (p->ca) /* absent from an end entity's */
        slots[n++] = (struct chy_plan_slot){NID_basic_constraints, true, NULL};
    if (sk_GENERAL_NAME_num(p->names) > 0)
        slots[n++] = (struct chy_plan_slot){NID_subject_alt_name, nameless, NULL};
    for (size_t i = 0; i < p->n_extras; i++)
        slots[n++] = (struct chy_plan_slot){NID_undef, p->extras[i].critical, &p->extras[i]};
    if (p->issuer->crl_url != NULL)
        slots[n++] = (struct chy_plan_slot){NID_crl_distribution_points, false, NULL};
    if (p->issuer->aia_url != NULL)
        slots[n++] = (struct chy_plan_slot){NID_info_access, false, NULL};
    return n;
}

json_t *chy_plan_names(struct chy_ctx *cx, const struct chy_cert_plan *p)
{
    json_t *names = chy_keep_json(cx, json_array());

    for (int i = 0; i < sk_GENERAL_NAME_num(p->names); i++)
        json_array_append_new(
            names, json_string(chy_general_name_text(cx, sk_GENERAL_NAME_value(p->names, i))));
    return names;
}
