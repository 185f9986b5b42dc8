/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer's certificates: one CERTIFICATE per PEM file (RFC 7468), each a CA's and certified by the
 * next of the chain (RFC 5280 section 6.1).  Whether they are still valid is asked when they are used,
 * not here: a policy must not turn wrong by itself. */
#include "core/policy/set.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/base/auto.h"

static void free_x509(void *x)
{
    X509_free(x);
}

/* One block of PEM, given back at the end of its scope. */
struct block {
    char *name, *header;
    unsigned char *der;
    long n;
};

static void free_block(struct block *b)
{
    OPENSSL_free(b->name);
    OPENSSL_free(b->header);
    OPENSSL_clear_free(b->der, b->n > 0 ? (size_t)b->n : 0);
}

/* Text before and after the block is allowed, as openssl x509 -text writes it; a second block is not. */
static const char *read_certificate(struct chy_ctx *cx, const struct chy_policy_file *file,
                                    X509 **ret)
{
    chy_auto(BIO) *in = BIO_new_mem_buf(file->text, (int)file->n);
    __attribute__((cleanup(free_block))) struct block b = {0};
    __attribute__((cleanup(free_block))) struct block more = {0};
    const unsigned char *p;
    X509 *x;

    if (in == NULL || PEM_read_bio(in, &b.name, &b.header, &b.der, &b.n) != 1)
        return "holds no PEM block";
    if (strcmp(b.name, PEM_STRING_X509) != 0 || *b.header != '\0')
        return chy_fmt(cx, "holds a PEM block %.40s where CERTIFICATE is expected", b.name);
    if (PEM_read_bio(in, &more.name, &more.header, &more.der, &more.n) == 1)
        return "holds more than one PEM block; write one certificate a file and list them in chain";
    p = b.der;
    x = d2i_X509(NULL, &p, b.n);
    if (x == NULL || p != b.der + b.n) {
        X509_free(x);
        return "does not hold a certificate in DER (RFC 5280 section 4.1)";
    }
    chy_arena_defer(cx->arena, free_x509, x);
    *ret = x;
    return NULL;
}

static json_t *pem_of(X509 *x)
{
    chy_auto(BIO) *out = BIO_new(BIO_s_mem());
    char *text;
    long n;

    if (out == NULL || PEM_write_bio_X509(out, x) != 1)
        return NULL;
    n = BIO_get_mem_data(out, &text);
    return json_stringn(text, (size_t)n);
}

static bool is_authority(X509 *x)
{
    return X509_check_ca(x) == 1 && (X509_get_key_usage(x) & KU_KEY_CERT_SIGN) != 0;
}

static const char *not_certified_by(X509 *subject, X509 *issuer)
{
    if (X509_NAME_cmp(X509_get_issuer_name(subject), X509_get_subject_name(issuer)) != 0)
        return "has another subject than the issuer that the certificate before it names";
    if (X509_check_issued(issuer, subject) != X509_V_OK)
        return "may not certify the one before it (key identifiers or key usage do not fit)";
    if (X509_verify(subject, X509_get0_pubkey(issuer)) != 1)
        return "did not sign the certificate before it";
    return NULL;
}

/* The certificate that entry i names, or NULL with the reason reported. */
static X509 *load_entry(struct chy_policy_set *set, const struct chy_policy_file *issuer, size_t i,
                        const char *name)
{
    const struct chy_policy_file *file =
        chy_policy_find(set, chy_fmt(set->cx, CHY_KIND_ISSUER "/%s", name));
    const char *where = chy_fmt(set->cx, "/chain/%zu", i);
    const char *why;
    X509 *x = NULL;

    if (strchr(name, '/') != NULL || file == NULL || !file->pem) {
        size_t n;
        const char *const *names = chy_policy_names(set, CHY_KIND_ISSUER, true, &n);

        chy_yaml_error(set->report, issuer->doc, where, "'%.255s' is no PEM file beside this one%s",
                       name, chy_policy_hint(set->cx, name, names, n));
        return NULL;
    }
    why = read_certificate(set->cx, file, &x);
    if (why == NULL && !is_authority(x))
        why = "is not the certificate of an authority (CA true and keyCertSign, RFC 5280 section "
              "4.2.1.9)";
    if (why != NULL)
        chy_yaml_error(set->report, issuer->doc, where, "'%s' %s", name, why);
    ERR_clear_error();
    return why == NULL ? x : NULL;
}

void chy_policy_chain(struct chy_policy_set *set, struct chy_policy_file *issuer)
{
    json_t *doc = chy_yaml_json(issuer->doc), *entry, *texts = json_array();
    const json_t *chain = json_object_get(doc, "chain");
    X509 *before = NULL;
    size_t i;

    json_array_foreach(chain, i, entry)
    {
        const char *name = json_string_value(entry);
        X509 *x = load_entry(set, issuer, i, name);
        const char *why = x != NULL && before != NULL ? not_certified_by(before, x) : NULL;

        if (why != NULL)
            chy_yaml_error(set->report, issuer->doc, chy_fmt(set->cx, "/chain/%zu", i), "'%s' %s",
                           name, why);
        if (x != NULL)
            json_array_append_new(texts, pem_of(x));
        before = x;
    }
    ERR_clear_error();
    json_object_set_new(doc, "chain-pem", texts);
}
