/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns which name: every name of every table has one owner, and core's own names are taken before
 * any module's.  What is collected here is also what lookups read. */
#include <string.h>

#include "core/ext/tables.h"

static const char *const kind_words[] = {
    [CHY_NAME_IDENT] = "identifier type",   [CHY_NAME_CHALLENGE] = "challenge type",
    [CHY_NAME_CLAIM] = "CSR claim",         [CHY_NAME_MEMBER] = "newOrder member",
    [CHY_NAME_STATUS] = "order status",     [CHY_NAME_ROUTE] = "route",
    [CHY_NAME_POLICY] = "policy directory", [CHY_NAME_PROFILE] = "profile",
    [CHY_NAME_COMMAND] = "command",         [CHY_NAME_JOB] = "job",
    [CHY_NAME_SOLVER] = "solver",           [CHY_NAME_OPTION] = "client option",
    [CHY_NAME_LETTER] = "client option",
};

/* Order members: those a client sends (RFC 8555 section 7.4, RFC 9773 section 5) and those that an
 * order object shows, which a newOrder member of the same name would shadow. */
static const struct {
    enum chy_name_kind kind;
    const char *name;
} core_names[] = {
    {CHY_NAME_MEMBER, "identifiers"},    {CHY_NAME_MEMBER, "notBefore"},
    {CHY_NAME_MEMBER, "notAfter"},       {CHY_NAME_MEMBER, "profile"},
    {CHY_NAME_MEMBER, "replaces"},       {CHY_NAME_MEMBER, "status"},
    {CHY_NAME_MEMBER, "expires"},        {CHY_NAME_MEMBER, "error"},
    {CHY_NAME_MEMBER, "authorizations"}, {CHY_NAME_MEMBER, "finalize"},
    {CHY_NAME_MEMBER, "certificate"},    {CHY_NAME_MEMBER, "csr"},
    {CHY_NAME_STATUS, "pending"},        {CHY_NAME_STATUS, "ready"},
    {CHY_NAME_STATUS, "processing"},     {CHY_NAME_STATUS, "valid"},
    {CHY_NAME_STATUS, "invalid"},        {CHY_NAME_POLICY, "issuers"},
    {CHY_NAME_POLICY, "profiles"},       {CHY_NAME_POLICY, "identifiers"},
    {CHY_NAME_POLICY, "tests"},
};

const struct chy_name *chy_name_find(const struct chy_registry *r, enum chy_name_kind kind,
                                     const char *name)
{
    for (size_t i = 0; i < r->n_names; i++) {
        if (r->names[i].kind == kind && strcmp(r->names[i].name, name) == 0)
            return &r->names[i];
    }
    return NULL;
}

static void append(struct chy_registry *r, const struct chy_name *n)
{
    if (r->n_names == r->room_names) {
        size_t room = r->room_names == 0 ? 64 : 2 * r->room_names;
        struct chy_name *more = chy_arena_alloc(r->arena, room * sizeof *more);

        for (size_t i = 0; i < r->n_names; i++)
            more[i] = r->names[i];
        r->names = more;
        r->room_names = room;
    }
    r->names[r->n_names++] = *n;
}

static enum chy_rc own(struct chy_ctx *cx, struct chy_registry *r, const struct chy_module *m,
                       enum chy_name_kind kind, const char *name, const void *table)
{
    const struct chy_name n = {.kind = kind, .name = name, .table = table, .module = m};
    const struct chy_name *other = chy_name_find(r, kind, name);

    if (other == NULL) {
        append(r, &n);
        return CHY_OK;
    }
    if (other->module == NULL)
        return CHY_REFUSE(cx, m, "%s '%s' is core's own; choose another name", kind_words[kind],
                          name);
    if (other->module == m)
        return CHY_REFUSE(cx, m, "%s '%s' stands twice in its tables; take one away",
                          kind_words[kind], name);
    return CHY_REFUSE(cx, m, "%s '%s' is already owned by the module %s; load only one of them",
                      kind_words[kind], name, other->module->name);
}

static enum chy_rc own_route(struct chy_ctx *cx, struct chy_registry *r, const struct chy_module *m,
                             const struct chy_route *route)
{
    const struct chy_name n = {
        .kind = CHY_NAME_ROUTE, .name = route->path, .table = route, .module = m};

    for (size_t i = 0; i < r->n_names; i++) {
        const struct chy_name *other = &r->names[i];

        if (other->kind == CHY_NAME_ROUTE && chy_routes_overlap(other->table, route))
            return CHY_REFUSE(cx, m,
                              "route '%s' would answer the same requests as '%s' of the module %s; "
                              "choose another path",
                              route->path, other->name, other->module->name);
    }
    append(r, &n);
    return CHY_OK;
}

static enum chy_rc own_idents(struct chy_ctx *cx, struct chy_registry *r,
                              const struct chy_module *m)
{
    CHY_EACH(i, m->ident_types)
    {
        const struct chy_ident_type *t = m->ident_types[i];

        if (own(cx, r, m, CHY_NAME_IDENT, t->name, t) != CHY_OK)
            return CHY_ERR;
        CHY_EACH(k, t->claims)
        {
            if (own(cx, r, m, CHY_NAME_CLAIM, t->claims[k], t) != CHY_OK)
                return CHY_ERR;
        }
    }
    return CHY_OK;
}

static enum chy_rc own_order(struct chy_ctx *cx, struct chy_registry *r, const struct chy_module *m)
{
    const struct chy_order_ext *x = m->order_ext;

    if (x == NULL)
        return CHY_OK;
    CHY_EACH(i, x->members)
    {
        if (own(cx, r, m, CHY_NAME_MEMBER, x->members[i], x) != CHY_OK)
            return CHY_ERR;
    }
    CHY_EACH(i, x->statuses)
    {
        if (own(cx, r, m, CHY_NAME_STATUS, x->statuses[i], x) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

static enum chy_rc own_served(struct chy_ctx *cx, struct chy_registry *r,
                              const struct chy_module *m)
{
    CHY_EACH(i, m->routes)
    {
        if (own_route(cx, r, m, m->routes[i]) != CHY_OK)
            return CHY_ERR;
    }
    CHY_EACH(i, m->jobs)
    {
        if (own(cx, r, m, CHY_NAME_JOB, m->jobs[i]->name, m->jobs[i]) != CHY_OK)
            return CHY_ERR;
    }
    CHY_EACH(i, m->commands)
    {
        if (own(cx, r, m, CHY_NAME_COMMAND, m->commands[i]->name, m->commands[i]) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

static enum chy_rc own_policy(struct chy_ctx *cx, struct chy_registry *r,
                              const struct chy_module *m)
{
    CHY_EACH(i, m->policy_kinds)
    {
        if (own(cx, r, m, CHY_NAME_POLICY, m->policy_kinds[i]->dir, m->policy_kinds[i]) != CHY_OK)
            return CHY_ERR;
    }
    CHY_EACH(i, m->profiles)
    {
        if (own(cx, r, m, CHY_NAME_PROFILE, m->profiles[i]->name, m->profiles[i]) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

static enum chy_rc own_option(struct chy_ctx *cx, struct chy_registry *r,
                              const struct chy_module *m, const struct chy_client_option *o)
{
    if (own(cx, r, m, CHY_NAME_OPTION, o->name, o) != CHY_OK)
        return CHY_ERR;
    if (o->letter == '\0')
        return CHY_OK;
    return own(cx, r, m, CHY_NAME_LETTER, chy_arena_fmt(r->arena, "-%c", o->letter), o);
}

static enum chy_rc own_client(struct chy_ctx *cx, struct chy_registry *r,
                              const struct chy_module *m)
{
    CHY_EACH(i, m->ident_types)
    {
        if (m->ident_types[i]->option != NULL &&
            own_option(cx, r, m, m->ident_types[i]->option) != CHY_OK)
            return CHY_ERR;
    }
    CHY_EACH(i, m->solvers)
    {
        const struct chy_solver *s = m->solvers[i];

        if (own(cx, r, m, CHY_NAME_SOLVER, s->name, s) != CHY_OK)
            return CHY_ERR;
        for (const struct chy_client_option *o = s->options; o != NULL && o->name != NULL; o++)
            if (own_option(cx, r, m, o) != CHY_OK)
                return CHY_ERR;
    }
    return CHY_OK;
}

/* A challenge type may also serve types of modules that are not loaded: one for host names serves
 * addresses only where their module is there.  One that serves nothing at all is a mistake. */
static enum chy_rc own_challenges(struct chy_ctx *cx, struct chy_registry *r,
                                  const struct chy_module *m)
{
    CHY_EACH(i, m->challenge_types)
    {
        const struct chy_challenge_type *t = m->challenge_types[i];
        bool serves = false;

        CHY_EACH(k, t->ident_types)
        serves = serves || chy_name_find(r, CHY_NAME_IDENT, t->ident_types[k]) != NULL;
        if (!serves)
            return CHY_REFUSE(cx, m,
                              "challenge type %s is for the identifier type '%s', which no loaded "
                              "module has; load its module too",
                              t->name, t->ident_types[0]);
        if (own(cx, r, m, CHY_NAME_CHALLENGE, t->name, t) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

enum chy_rc chy_names_collect(struct chy_ctx *cx, struct chy_registry *r)
{
    for (size_t i = 0; i < sizeof core_names / sizeof *core_names; i++)
        append(r, &(const struct chy_name){.kind = core_names[i].kind, .name = core_names[i].name});
    for (size_t i = 0; i < r->n_loaded; i++) {
        const struct chy_module *m = r->loaded[i].module;

        if (own_idents(cx, r, m) != CHY_OK || own_order(cx, r, m) != CHY_OK ||
            own_served(cx, r, m) != CHY_OK || own_policy(cx, r, m) != CHY_OK ||
            own_client(cx, r, m) != CHY_OK)
            return CHY_ERR;
    }
    /* After all identifier types are known, whichever module brings them. */
    for (size_t i = 0; i < r->n_loaded; i++) {
        if (own_challenges(cx, r, r->loaded[i].module) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}
