/* SPDX-License-Identifier: Apache-2.0 */
/* The loaded modules and their tables: accepted as a whole, indexed once, never changed afterwards, so
 * that threads read it without a lock.  Where the descriptors come from is in load.c. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "core/ext/host.h"
#include "core/ext/tables.h"

struct chy_registry *chy_registry_new(size_t room)
{
    struct chy_arena *arena = chy_arena_new();
    struct chy_registry *r = chy_arena_alloc(arena, sizeof *r);

    r->arena = arena;
    r->loaded = chy_arena_alloc(arena, (room + 1) * sizeof *r->loaded);
    return r;
}

void chy_registry_add(struct chy_registry *r, const struct chy_module *m, void *handle)
{
    r->loaded[r->n_loaded++] = (struct chy_loaded){.module = m, .handle = handle};
}

void chy_registry_add_absent(struct chy_registry *r, const char *member, const char *module)
{
    if (r->n_absent == r->room_absent) {
        size_t room = r->room_absent == 0 ? 16 : 2 * r->room_absent;
        struct chy_absent_member *more = chy_arena_alloc(r->arena, room * sizeof *more);

        for (size_t i = 0; i < r->n_absent; i++)
            more[i] = r->absent[i];
        r->absent = more;
        r->room_absent = room;
    }
    /* Copied: the module that these strings stand in is closed again. */
    r->absent[r->n_absent++] = (struct chy_absent_member){
        .member = chy_arena_strdup(r->arena, member),
        .module = chy_arena_strdup(r->arena, module),
    };
}

void chy_registry_free(struct chy_registry *r)
{
    if (r == NULL)
        return;
    while (r->n_started > 0) {
        const struct chy_module *m = r->loaded[--r->n_started].module;

        if (m->fini != NULL)
            m->fini();
    }
    for (size_t i = r->n_loaded; i > 0; i--) {
        if (r->loaded[i - 1].handle != NULL)
            dlclose(r->loaded[i - 1].handle);
    }
    /* The registry lies in its own arena. */
    chy_arena_free(r->arena);
}

/* ---- index ---- */

static size_t count_kind(const struct chy_registry *r, enum chy_name_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_names; i++)
        n += r->names[i].kind == kind && r->names[i].module != NULL;
    return n;
}

/* The entries of one kind as a NULL-terminated array: of their tables, or of their names. */
static const void **list_kind(const struct chy_registry *r, enum chy_name_kind kind, bool names)
{
    const void **list = chy_arena_alloc(r->arena, (count_kind(r, kind) + 1) * sizeof *list);
    size_t n = 0;

    for (size_t i = 0; i < r->n_names; i++) {
        if (r->names[i].kind == kind && r->names[i].module != NULL)
            list[n++] = names ? (const void *)r->names[i].name : r->names[i].table;
    }
    return list;
}

static bool applies(const struct chy_challenge_type *c, const char *ident_type)
{
    CHY_EACH(i, c->ident_types)
    {
        if (strcmp(c->ident_types[i], ident_type) == 0)
            return true;
    }
    return false;
}

static void index_idents(struct chy_registry *r)
{
    const struct chy_ident_type **types =
        (const struct chy_ident_type **)list_kind(r, CHY_NAME_IDENT, false);
    const struct chy_challenge_type **all =
        (const struct chy_challenge_type **)list_kind(r, CHY_NAME_CHALLENGE, false);
    size_t n_all = count_kind(r, CHY_NAME_CHALLENGE);

    r->n_slots = count_kind(r, CHY_NAME_IDENT);
    r->slots = chy_arena_alloc(r->arena, (r->n_slots + 1) * sizeof *r->slots);
    for (size_t i = 0; i < r->n_slots; i++) {
        struct chy_ident_slot *s = &r->slots[i];

        s->type = types[i];
        s->challenges = chy_arena_alloc(r->arena, (n_all + 1) * sizeof *s->challenges);
        CHY_EACH(k, all)
        {
            if (applies(all[k], s->type->name))
                s->challenges[s->n_challenges++] = all[k];
        }
    }
}

static void index_policy(struct chy_registry *r)
{
    struct chy_policy_rule *rules = chy_arena_alloc(r->arena, (r->n_slots + 1) * sizeof *rules);

    for (size_t i = 0; i < r->n_slots; i++)
        rules[i] = (struct chy_policy_rule){.ident_type = r->slots[i].type->name,
                                            .check = r->slots[i].type->check_rule,
                                            .items = r->slots[i].type->rule};
    r->schema = (struct chy_policy_schema){
        .kinds = (const struct chy_policy_kind *const *)list_kind(r, CHY_NAME_POLICY, false),
        .rules = rules,
        .n_rules = r->n_slots,
        .challenges = (const char *const *)list_kind(r, CHY_NAME_CHALLENGE, true),
        .shapes = (const char *const *)list_kind(r, CHY_NAME_PROFILE, true),
        .challenge_types =
            (const struct chy_challenge_type *const *)list_kind(r, CHY_NAME_CHALLENGE, false),
    };
}

/* The slot of table: its own, or the empty one where it belongs. */
static struct chy_owner *owner_slot(const struct chy_registry *r, const void *table)
{
    /* Tables are aligned: the lowest bits say nothing. */
    size_t i = ((uintptr_t)table >> 4) * 0x9e3779b1u & (r->room_owners - 1);

    while (r->owners[i].table != NULL && r->owners[i].table != table)
        i = (i + 1) & (r->room_owners - 1);
    return &r->owners[i];
}

static void set_owner(struct chy_registry *r, const void *table, const struct chy_module *m)
{
    struct chy_owner *o;

    if (table == NULL || m == NULL)
        return;
    o = owner_slot(r, table);
    if (o->table == NULL)
        *o = (struct chy_owner){table, m};
}

static void index_owners(struct chy_registry *r)
{
    size_t tables = 3 * r->n_loaded + r->n_names;

    for (r->room_owners = 64; r->room_owners < 2 * tables; r->room_owners *= 2)
        ;
    r->owners = chy_arena_alloc(r->arena, r->room_owners * sizeof *r->owners);
    for (size_t i = 0; i < r->n_loaded; i++) {
        const struct chy_module *m = r->loaded[i].module;

        set_owner(r, m, m);
        set_owner(r, m->order_ext, m);
        set_owner(r, m->object_ext, m);
    }
    for (size_t i = 0; i < r->n_names; i++)
        set_owner(r, r->names[i].table, r->names[i].module);
}

enum chy_rc chy_registry_accept(struct chy_ctx *cx, struct chy_registry *r)
{
    for (size_t i = 0; i < r->n_loaded; i++) {
        if (chy_check_module(cx, r->loaded[i].module) != CHY_OK)
            return CHY_ERR;
    }
    if (chy_order_by_needs(cx, r) != CHY_OK || chy_names_collect(cx, r) != CHY_OK)
        return CHY_ERR;
    index_idents(r);
    index_policy(r);
    index_owners(r);
    return CHY_OK;
}

enum chy_rc chy_registry_start(struct chy_ctx *cx, struct chy_registry *r)
{
    for (; r->n_started < r->n_loaded; r->n_started++) {
        const struct chy_module *m = r->loaded[r->n_started].module;

        if (m->init != NULL && m->init(&chy_host_table) != CHY_OK)
            return CHY_REFUSE(cx, m,
                              "init failed; its version is %s, see its README for what init "
                              "needs",
                              m->version);
    }
    return CHY_OK;
}

enum chy_rc chy_registry_build(struct chy_ctx *cx, const struct chy_module *const *modules,
                               size_t n, struct chy_registry **ret)
{
    struct chy_registry *r = chy_registry_new(n);
    enum chy_rc rc = CHY_OK;

    for (size_t i = 0; i < n && rc == CHY_OK; i++) {
        rc = chy_descriptor_check(cx, modules[i], NULL);
        chy_registry_add(r, modules[i], NULL);
    }
    if (rc == CHY_OK)
        rc = chy_registry_accept(cx, r);
    if (rc == CHY_OK)
        rc = chy_registry_start(cx, r);
    if (rc != CHY_OK) {
        chy_registry_free(r);
        return CHY_ERR;
    }
    *ret = r;
    return CHY_OK;
}

/* ---- lookups ---- */

static const void *find_table(const struct chy_registry *r, enum chy_name_kind kind,
                              const char *name)
{
    const struct chy_name *n = chy_name_find(r, kind, name);

    return n != NULL ? n->table : NULL;
}

size_t chy_registry_count(const struct chy_registry *r)
{
    return r->n_loaded;
}

const struct chy_module *chy_registry_module(const struct chy_registry *r, size_t i)
{
    return i < r->n_loaded ? r->loaded[i].module : NULL;
}

const struct chy_ident_type *chy_registry_ident(const struct chy_registry *r, const char *type)
{
    return find_table(r, CHY_NAME_IDENT, type);
}

const struct chy_challenge_type *chy_registry_challenge(const struct chy_registry *r,
                                                        const char *name)
{
    return find_table(r, CHY_NAME_CHALLENGE, name);
}

size_t chy_registry_challenges_for(const struct chy_registry *r, const char *ident_type,
                                   const struct chy_challenge_type *const **ret)
{
    static const struct chy_challenge_type *const none[] = {NULL};

    for (size_t i = 0; i < r->n_slots; i++) {
        if (strcmp(r->slots[i].type->name, ident_type) != 0)
            continue;
        *ret = r->slots[i].challenges;
        return r->slots[i].n_challenges;
    }
    *ret = none;
    return 0;
}

const struct chy_ident_type *chy_registry_claim(const struct chy_registry *r, const char *claim)
{
    return find_table(r, CHY_NAME_CLAIM, claim);
}

const struct chy_profile *chy_registry_shape(const struct chy_registry *r, const char *name)
{
    return find_table(r, CHY_NAME_PROFILE, name);
}

const struct chy_module *chy_registry_owner(const struct chy_registry *r, const void *table)
{
    if (table == NULL || r->room_owners == 0)
        return NULL;
    return owner_slot(r, table)->module;
}

bool chy_registry_member_known(const struct chy_registry *r, const char *member)
{
    const struct chy_name *n = chy_name_find(r, CHY_NAME_MEMBER, member);

    return n != NULL && n->module != NULL;
}

bool chy_registry_member_refused(const struct chy_registry *r, const char *member,
                                 const char **ret_module)
{
    /* Core's own members and those of loaded modules are served, whatever else lies about. */
    if (chy_name_find(r, CHY_NAME_MEMBER, member) != NULL)
        return false;
    for (size_t i = 0; i < r->n_absent; i++) {
        if (strcmp(r->absent[i].member, member) != 0)
            continue;
        *ret_module = r->absent[i].module;
        return true;
    }
    return false;
}

const struct chy_policy_schema *chy_registry_policy_schema(const struct chy_registry *r)
{
    return &r->schema;
}
