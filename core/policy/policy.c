/* SPDX-License-Identifier: Apache-2.0 */
/* A policy tree: every file against its table, then against each other, then frozen.  A snapshot never
 * changes and owns its memory; whoever decides by it holds a reference as long as the decision takes.
 * Does not fetch, verify or activate revisions: that is chancery-policy's. */
#include "core/policy/policy.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "core/base/auto.h"
#include "core/base/hex.h"
#include "core/base/problem.h"
#include "core/policy/set.h"
#include "core/policy/tables.h"
#include "core/policy/yaml_value.h"

#define SHA256_OCTETS 32

struct entry {
    const char *kind, *name;
    json_t *doc;
};

struct chy_policy {
    atomic_uint references;
    struct chy_arena *arena; /* this struct too */
    struct entry *entries;   /* in order of kind and name */
    size_t n;
    char revision[2 * SHA256_OCTETS + 1];
};

const char *chy_policy_hint(struct chy_ctx *cx, const char *word, const char *const *names,
                            size_t n)
{
    struct chy_yaml_source src = {.cx = cx};

    return chy_yaml_hint(&src, word, names, n, "there are");
}

/* ---- checking ---- */

__attribute__((format(printf, 3, 4))) static void bridge_error(const struct chy_policy_report *r,
                                                               const char *path, const char *f, ...)
{
    const struct chy_policy_bridge *b = (const struct chy_policy_bridge *)r;
    va_list ap;

    va_start(ap, f);
    chy_yaml_verror(b->set->report, b->doc, chy_fmt(b->set->cx, "%s%s", b->place, path), f, ap);
    va_end(ap);
}

struct chy_policy_bridge chy_policy_bridge(struct chy_policy_set *set,
                                           const struct chy_yaml_doc *doc, const char *place)
{
    return (struct chy_policy_bridge){{bridge_error}, set, doc, place};
}

static const struct chy_policy_kind *module_kind(const struct chy_policy_schema *schema,
                                                 const char *dir)
{
    const struct chy_policy_kind *const *k = schema->kinds;

    for (; k != NULL && *k != NULL; k++)
        if (strcmp((*k)->dir, dir) == 0)
            return *k;
    return NULL;
}

static void check_module_kind(struct chy_policy_set *set, struct chy_policy_file *file)
{
    const struct chy_policy_kind *kind = module_kind(set->schema, file->kind);
    struct chy_policy_bridge b;

    file->doc = chy_yaml_check(set->cx, set->report, file->path, file->kind, file->text, file->n,
                               kind->items);
    b = chy_policy_bridge(set, file->doc, "");
    /* A module reads the normalised document without checks of its own: only a clean one. */
    if (kind->check != NULL && file->doc != NULL && chy_yaml_clean(file->doc))
        kind->check(&b.base, file->name, chy_yaml_json(file->doc));
}

static void check_documents(struct chy_policy_set *set)
{
    const struct chy_policy_item *profile = chy_table_profile(set->cx, set->schema);

    for (size_t i = 0; i < set->n; i++) {
        struct chy_policy_file *f = &set->files[i];
        const struct chy_policy_item *items = NULL;
        const char *what = NULL;

        if (f->pem)
            continue;
        if (*f->kind == '\0') {
            items = chy_table_chancery;
            what = "chancery.yaml";
        } else if (strcmp(f->kind, CHY_KIND_ISSUER) == 0) {
            items = chy_table_issuer;
            what = "issuer";
        } else if (strcmp(f->kind, CHY_KIND_PROFILE) == 0) {
            items = profile;
            what = "profile";
        }
        if (items == NULL)
            check_module_kind(set, f);
        else
            f->doc = chy_yaml_check(set->cx, set->report, f->path, what, f->text, f->n, items);
    }
}

/* ---- the snapshot ---- */

/* Path, a NUL, eight octets of length, content: for each file in order of path. */
static bool name_revision(const struct chy_policy_set *set, char *ret)
{
    chy_auto(EVP_MD_CTX) *md = EVP_MD_CTX_new();
    unsigned char digest[SHA256_OCTETS];
    bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;

    for (size_t i = 0; ok && i < set->n; i++) {
        const struct chy_policy_file *f = &set->files[i];
        unsigned char length[8];

        for (unsigned b = 0; b < 8; b++)
            length[b] = (unsigned char)((uint64_t)f->n >> (56 - 8 * b));
        ok = EVP_DigestUpdate(md, f->path, strlen(f->path) + 1) == 1 &&
             EVP_DigestUpdate(md, length, sizeof length) == 1 &&
             EVP_DigestUpdate(md, f->text, f->n) == 1;
    }
    if (!ok || EVP_DigestFinal_ex(md, digest, NULL) != 1)
        return false;
    chy_hex_write(ret, digest, SHA256_OCTETS);
    return true;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int by_kind = strcmp(x->kind, y->kind);

    return by_kind != 0 ? by_kind : strcmp(x->name, y->name);
}

/* Everything is copied or referenced: the context that loaded it ends long before the snapshot. */
static struct chy_policy *freeze(const struct chy_policy_set *set)
{
    struct chy_arena *arena = chy_arena_new();
    struct chy_policy *p = chy_arena_alloc(arena, sizeof *p);

    atomic_init(&p->references, 1);
    p->arena = arena;
    p->entries = chy_arena_alloc(arena, (set->n + 1) * sizeof *p->entries);
    for (size_t i = 0; i < set->n; i++) {
        const struct chy_policy_file *f = &set->files[i];

        if (f->doc == NULL)
            continue;
        p->entries[p->n++] =
            (struct entry){chy_arena_strdup(arena, f->kind), chy_arena_strdup(arena, f->name),
                           chy_arena_keep_json(arena, json_incref(chy_yaml_json(f->doc)))};
    }
    qsort(p->entries, p->n, sizeof *p->entries, compare_entries);
    return p;
}

enum chy_rc chy_policy_load(struct chy_ctx *cx, const char *dir,
                            const struct chy_policy_schema *schema, struct chy_report *report,
                            struct chy_policy **ret)
{
    struct chy_policy_set set = {.cx = cx, .report = report, .schema = schema};
    size_t before = chy_report_count(report);
    struct chy_policy *p;

    if (!chy_policy_scan(&set, dir))
        return chy_fail(cx, &CHY_P_serverInternal, "policy %s cannot be read", dir);
    check_documents(&set);
    chy_policy_cross(&set);
    if (chy_report_count(report) > before)
        return chy_fail(
            cx, &CHY_P_serverInternal,
            "policy %s has %zu mistakes; correct them, 'chancery policy check %s' shows them "
            "again",
            dir, chy_report_count(report) - before, dir);
    p = freeze(&set);
    if (!name_revision(&set, p->revision)) {
        chy_policy_drop(p);
        return chy_fault_internal(cx, "policy: SHA-256 is not available");
    }
    *ret = p;
    return CHY_OK;
}

struct chy_policy *chy_policy_hold(struct chy_policy *p)
{
    atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
    return p;
}

void chy_policy_drop(struct chy_policy *p)
{
    if (p != NULL && atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) == 1)
        chy_arena_free(p->arena);
}

const char *chy_policy_revision(const struct chy_policy *p)
{
    return p->revision;
}

const json_t *chy_policy_get(const struct chy_policy *p, const char *kind, const char *name)
{
    const struct entry key = {kind, name, NULL};
    const struct entry *e = bsearch(&key, p->entries, p->n, sizeof *p->entries, compare_entries);

    return e == NULL ? NULL : e->doc;
}

void chy_policy_each(const struct chy_policy *p, const char *kind,
                     void (*visit)(void *arg, const char *name, const json_t *doc), void *arg)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->entries[i].kind, kind) == 0)
            visit(arg, p->entries[i].name, p->entries[i].doc);
}
