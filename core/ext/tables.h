/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the registry: only files of this folder include it. */
#ifndef CHY_EXT_TABLES_H
#define CHY_EXT_TABLES_H

#include "core/base/problem.h"
#include "core/ext/registry.h"

/* What a name is the name of.  Within one kind every name has one owner. */
enum chy_name_kind {
    CHY_NAME_IDENT,
    CHY_NAME_CHALLENGE,
    CHY_NAME_CLAIM,
    CHY_NAME_MEMBER,
    CHY_NAME_STATUS,
    CHY_NAME_ROUTE,
    CHY_NAME_POLICY,
    CHY_NAME_PROFILE,
    CHY_NAME_COMMAND,
    CHY_NAME_JOB,
    CHY_NAME_SOLVER,
    CHY_NAME_OPTION,
    CHY_NAME_LETTER,
};

struct chy_name {
    enum chy_name_kind kind;
    const char *name;
    const void *table;               /* the entry it names; of a claim, the identifier type */
    const struct chy_module *module; /* NULL: core's own */
};

/* An identifier type and the challenge types that apply to it. */
struct chy_ident_slot {
    const struct chy_ident_type *type;
    const struct chy_challenge_type **challenges; /* NULL-terminated */
    size_t n_challenges;
};

/* A newOrder member that an installed module would own, were it loaded. */
struct chy_absent_member {
    const char *member, *module;
};

/* Everything here lives in the registry's own arena. */
struct chy_registry {
    struct chy_arena *arena;
    struct chy_loaded {
        const struct chy_module *module;
        void *handle; /* of dlopen; NULL for a descriptor in memory */
    } * loaded;       /* in load order once accepted */
    size_t n_loaded;
    size_t n_started; /* of those, init has run */
    struct chy_owner {
        const void *table;
        const struct chy_module *module;
    } * owners; /* hash by address, at most half full: asked at every call into a module */
    size_t room_owners;
    struct chy_name *names;
    size_t n_names, room_names;
    struct chy_ident_slot *slots;
    size_t n_slots;
    struct chy_absent_member *absent;
    size_t n_absent, room_absent;
    struct chy_policy_schema schema;
};

/* One line for the administrator: "module NAME: what is wrong; what to do". */
#define CHY_REFUSE(cx, m, f, ...)                                                                  \
    chy_fail((cx), &CHY_P_serverInternal, "module %s: " f, (m)->name, ##__VA_ARGS__)

/* Over the entries of a NULL-terminated pointer array, which may itself be NULL. */
#define CHY_EACH(i, array) for (size_t i = 0; (array) != NULL && (array)[i] != NULL; i++)

/* Lower-case letters, digits and '_', a letter first, at most 32: it becomes a schema's name. */
bool chy_module_name_ok(const char *name);

/* descriptor.c: the fields that protect the rest.  expected: the file's name, or NULL. */
enum chy_rc CHY_CHECK chy_descriptor_check(struct chy_ctx *cx, const struct chy_module *m,
                                           const char *expected);

/* check.c, check_serve.c, check_client.c, check_policy.c: one module by itself. */
enum chy_rc CHY_CHECK chy_check_module(struct chy_ctx *cx, const struct chy_module *m);
enum chy_rc CHY_CHECK chy_check_serve(struct chy_ctx *cx, const struct chy_module *m);
enum chy_rc CHY_CHECK chy_check_client(struct chy_ctx *cx, const struct chy_module *m);
enum chy_rc CHY_CHECK chy_check_policy(struct chy_ctx *cx, const struct chy_module *m);
enum chy_rc CHY_CHECK chy_check_items(struct chy_ctx *cx, const struct chy_module *m,
                                      const char *where, const struct chy_policy_item *items);
/* Would some request match both? */
bool chy_routes_overlap(const struct chy_route *a, const struct chy_route *b);
/* A name that stands on the wire or in policy: letters, digits, '-', '_', '.'; at most 64. */
bool chy_wire_name_ok(const char *name);

/* needs.c: load order. */
enum chy_rc CHY_CHECK chy_order_by_needs(struct chy_ctx *cx, struct chy_registry *r);

/* names.c: who owns what. */
enum chy_rc CHY_CHECK chy_names_collect(struct chy_ctx *cx, struct chy_registry *r);
const struct chy_name *chy_name_find(const struct chy_registry *r, enum chy_name_kind kind,
                                     const char *name);

/* registry.c */
struct chy_registry *chy_registry_new(size_t room);
void chy_registry_add(struct chy_registry *r, const struct chy_module *m, void *handle);
void chy_registry_add_absent(struct chy_registry *r, const char *member, const char *module);
/* Check all modules, order them, index their tables. */
enum chy_rc CHY_CHECK chy_registry_accept(struct chy_ctx *cx, struct chy_registry *r);
/* Call each init. */
enum chy_rc CHY_CHECK chy_registry_start(struct chy_ctx *cx, struct chy_registry *r);

#endif
