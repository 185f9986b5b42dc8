/* SPDX-License-Identifier: Apache-2.0 */
/* What identifiers does a CSR ask for, over all types (RFC 8555 section 7.4)?  Every claim in it must
 * have an owner: one that nobody reads could otherwise hide what nobody checked. */
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "core/ext/call.h"

#define IDENTS_MAX 1000 /* identifiers that one type may find in a CSR */

/* Claims that name nobody and are compared with the profile or ignored (core.md F-10): the
 * certificate never takes them from the CSR. */
static const char *const tolerated[] = {
    "ext:2.5.29.15",          /* keyUsage */
    "ext:2.5.29.37",          /* extKeyUsage */
    "ext:2.5.29.19",          /* basicConstraints; CA:TRUE was refused when it was read */
    "ext:2.5.29.14",          /* subjectKeyIdentifier */
    "ext:1.3.6.1.5.5.7.1.24", /* TLS feature (RFC 7633) */
    "attribute:challengePassword",
    "attribute:1.2.840.113549.1.9.7",
};

static bool is_tolerated(const char *claim)
{
    for (size_t i = 0; i < sizeof tolerated / sizeof *tolerated; i++) {
        if (strcmp(tolerated[i], claim) == 0)
            return true;
    }
    /* The subject is built from the profile; only an owned attribute is read. */
    return strncmp(claim, "subject:", 8) == 0;
}

static enum chy_rc check_claims(struct chy_ctx *cx, const char *const *claims, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (chy_registry_claim(cx->registry, claims[i]) == NULL && !is_tolerated(claims[i]))
            return chy_fail(cx, &CHY_P_badCSR,
                            "the CSR asks for %s, which no identifier type of this server accounts "
                            "for (RFC 8555 section 7.4)",
                            chy_printable(cx, claims[i], strlen(claims[i]), 100));
    }
    return CHY_OK;
}

static enum chy_rc check_found(struct chy_ctx *cx, const struct chy_ident_type *t,
                               const json_t *found)
{
    if (json_array_size(found) > IDENTS_MAX)
        return chy_fail(cx, &CHY_P_badCSR, "the CSR asks for more than %d identifiers of type %s",
                        IDENTS_MAX, t->name);
    for (size_t i = 0; i < json_array_size(found); i++) {
        const json_t *o = json_array_get(found, i);
        const char *type = json_string_value(json_object_get(o, "type"));
        const char *value = json_string_value(json_object_get(o, "value"));

        if (type == NULL || strcmp(type, t->name) != 0 || value == NULL || value[0] == '\0' ||
            strlen(value) > 4096)
            return chy_fault_internal(
                cx, "from_csr of identifier type %s gave what is no identifier of that type",
                t->name);
    }
    return CHY_OK;
}

static enum chy_rc read_type(struct chy_ctx *cx, const struct chy_ident_type *t, X509_REQ *csr,
                             json_t *all)
{
    json_t *found = chy_keep_json(cx, json_array());
    struct chy_call call;

    if (chy_call_begin(cx, &call, t, CHY_STAGE_REQUEST, "from_csr", t->name) != CHY_OK)
        return CHY_ERR;
    if (chy_call_end(cx, &call, t->from_csr(cx, csr, found)) != CHY_OK ||
        check_found(cx, t, found) != CHY_OK)
        return CHY_ERR;
    json_array_extend(all, found);
    return CHY_OK;
}

static const char *member(const json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

static int compare(const void *a, const void *b)
{
    const json_t *p = *(json_t *const *)a, *q = *(json_t *const *)b;
    int by_type = strcmp(member(p, "type"), member(q, "type"));

    return by_type != 0 ? by_type : strcmp(member(p, "value"), member(q, "value"));
}

/* In the order that orders keep theirs: by type, then value, without duplicates. */
static json_t *sorted(struct chy_ctx *cx, const json_t *all)
{
    size_t n = json_array_size(all);
    json_t **list = chy_alloc(cx, (n + 1) * sizeof *list);
    json_t *out = chy_keep_json(cx, json_array());

    for (size_t i = 0; i < n; i++)
        list[i] = json_array_get(all, i);
    qsort(list, n, sizeof *list, compare);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && compare(&list[i - 1], &list[i]) == 0)
            continue;
        json_array_append_new(out, json_pack("{s:s, s:s}", "type", member(list[i], "type"), "value",
                                             member(list[i], "value")));
    }
    return out;
}

enum chy_rc chy_csr_idents(struct chy_ctx *cx, X509_REQ *csr, const char *const *claims,
                           size_t n_claims, json_t **ret)
{
    json_t *all = chy_keep_json(cx, json_array());

    if (check_claims(cx, claims, n_claims) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < chy_registry_count(cx->registry); i++) {
        const struct chy_module *m = chy_registry_module(cx->registry, i);

        for (size_t k = 0; m->ident_types != NULL && m->ident_types[k] != NULL; k++) {
            if (read_type(cx, m->ident_types[k], csr, all) != CHY_OK)
                return CHY_ERR;
        }
    }
    *ret = sorted(cx, all);
    return CHY_OK;
}
