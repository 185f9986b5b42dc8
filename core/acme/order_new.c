/* SPDX-License-Identifier: Apache-2.0 */
/* newOrder (RFC 8555 section 7.4): identifiers through their modules, policy, authorizations and
 * challenges, one statement.  Pre-authorization and order re-use are not here. */
#include <stdlib.h>
#include <string.h>

#include "core/acme/render.h"
#include "core/acme/rfc3339.h"
#include "core/base/id.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/ext/dispatch.h"
#include "core/store/orders.h"

#define AHEAD_MAX_S (47 * 3600) /* the signer's ceiling is 48 h (core.md BR-05) */
#define REUSE_AT_LEAST_S 3600   /* a reused authorization must live this long */
#define CHALLENGES_MAX 16       /* offered per authorization */

/* A member of an extension that is installed but not loaded, if ignoring it would change the
 * certificate (core.md NO-01). */
static enum chy_rc check_members(struct chy_acme *a)
{
    const char *name, *module;
    json_t *value;

    json_object_foreach(a->payload, name, value)
    {
        if (chy_registry_member_refused(a->server->registry, name, &module))
            return chy_fail(a->cx, &CHY_P_malformed,
                            "member \"%s\" belongs to the extension %s, which is off here", name,
                            module);
    }
    return CHY_OK;
}

static enum chy_rc read_ident(struct chy_ctx *cx, const json_t *entry, const json_t *profile,
                              struct chy_ident *ret)
{
    const json_t *rule;
    const char *type;

    if (!json_is_object(entry))
        return chy_fail(cx, &CHY_P_malformed, "an identifier is not a JSON object");
    if (chy_json_string(cx, entry, "type", &type) != CHY_OK ||
        chy_ident_parse(cx, entry, ret) != CHY_OK)
        return CHY_ERR;
    rule = json_object_get(json_object_get(profile, "identifiers"), ret->type);
    if (rule == NULL)
        return chy_fail(cx, &CHY_P_rejectedIdentifier,
                        "the profile takes no identifiers of type %s", ret->type);
    return chy_ident_permitted(cx, ret, rule, json_is_true(json_object_get(profile, "public")));
}

/* One bad identifier gives its own type; several of one type that type with subproblems; several
 * types give compound (core.md E-02). */
static enum chy_rc refuse_idents(struct chy_ctx *cx, const struct chy_problem *first, json_t *subs,
                                 bool mixed)
{
    if (json_array_size(subs) == 1) {
        cx->problem = *first;
        cx->problem.subproblems = subs;
        return CHY_ERR;
    }
    if (chy_fail(cx, mixed ? &CHY_P_compound : first->type,
                 "%zu identifiers are refused; see subproblems", json_array_size(subs)) != CHY_OK)
        cx->problem.subproblems = subs;
    return CHY_ERR;
}

static bool is_told(const json_t *subs, const char *type, const char *value)
{
    const json_t *p;
    size_t i;

    json_array_foreach(subs, i, p)
    {
        const json_t *id = json_object_get(p, "identifier");

        if (strcmp(json_string_value(json_object_get(id, "type")), type) == 0 &&
            strcmp(json_string_value(json_object_get(id, "value")), value) == 0)
            return true;
    }
    return false;
}

static enum chy_rc read_idents(struct chy_acme *a, const json_t *list, const json_t *profile,
                               struct chy_order *o)
{
    struct chy_ctx *cx = a->cx;
    struct chy_problem first = {0};
    json_t *subs = NULL, *entry;
    bool mixed = false;
    size_t i;

    o->idents = chy_alloc(cx, (json_array_size(list) + 1) * sizeof *o->idents);
    json_array_foreach(list, i, entry)
    {
        const char *type = json_string_value(json_object_get(entry, "type"));
        const char *value = json_string_value(json_object_get(entry, "value"));

        if (read_ident(cx, entry, profile, &o->idents[o->n_idents]) == CHY_OK) {
            o->n_idents++;
            continue;
        }
        if (cx->problem.status >= 500 || type == NULL || value == NULL)
            return CHY_ERR; /* not about an identifier that could be named */
        if (first.type == NULL)
            first = cx->problem;
        if (!is_told(subs, type, value)) {
            mixed = mixed || strcmp(first.type->urn, cx->problem.type->urn) != 0;
            chy_subproblem_add(cx, &subs, &cx->problem, type, value);
        }
        chy_problem_clear(cx);
    }
    return subs == NULL ? CHY_OK : refuse_idents(cx, &first, subs, mixed);
}

static int by_type_and_value(const void *x, const void *y)
{
    const struct chy_ident *a = x, *b = y;
    int types = strcmp(a->type, b->type);

    return types != 0 ? types : strcmp(a->value, b->value);
}

static void sort_distinct(struct chy_order *o)
{
    size_t kept = 0;

    qsort(o->idents, o->n_idents, sizeof *o->idents, by_type_and_value);
    for (size_t i = 0; i < o->n_idents; i++)
        if (kept == 0 || by_type_and_value(&o->idents[kept - 1], &o->idents[i]) != 0)
            o->idents[kept++] = o->idents[i];
    o->n_idents = kept;
}

static enum chy_rc check_counts(struct chy_acme *a, const struct chy_order *o)
{
    for (size_t i = 0; i < o->n_idents; i++) {
        const struct chy_ident_type *t = chy_registry_ident(a->server->registry, o->idents[i].type);
        unsigned same = 0;

        for (size_t k = 0; k < o->n_idents; k++)
            same += strcmp(o->idents[k].type, o->idents[i].type) == 0;
        if (t->max_per_order != 0 && same > t->max_per_order)
            return chy_fail(a->cx, &CHY_P_malformed,
                            "an order takes at most %u identifiers of type %s", t->max_per_order,
                            t->name);
    }
    return CHY_OK;
}

static enum chy_rc read_time(struct chy_acme *a, const char *member, time_t *ret)
{
    const char *text = NULL;

    if (chy_json_opt_string(a->cx, a->payload, member, &text) != CHY_OK)
        return CHY_ERR;
    if (text == NULL)
        return CHY_OK;
    if (!chy_time_read(text, strlen(text), ret) || *ret <= 0)
        return chy_fail(a->cx, &CHY_P_malformed, "%s is not a time of RFC 3339 that can be had",
                        member);
    return CHY_OK;
}

/* Never clamped: what cannot be had as asked is refused (core.md NO-03).  notAfter is inclusive, so a
 * certificate lives one second longer than the difference. */
static enum chy_rc check_validity(struct chy_acme *a, const json_t *profile, struct chy_order *o)
{
    const struct chy_issuer_cert *issuer =
        chy_rulebook_issuer(a->rules, json_string_value(json_object_get(profile, "issuer")));
    time_t now = chy_now(a->cx), begin, end;
    int64_t most = chy_rules_int(profile, "lifetime", "max");
    int64_t backdate = json_integer_value(json_object_get(profile, "backdate"));

    if (read_time(a, "notBefore", &o->not_before) != CHY_OK ||
        read_time(a, "notAfter", &o->not_after) != CHY_OK)
        return CHY_ERR;
    begin = o->not_before != 0 ? o->not_before : now - backdate;
    end = o->not_after != 0 ? o->not_after
                            : begin + chy_rules_int(profile, "lifetime", "default") - 1;
    if (begin < now - backdate)
        return chy_fail(a->cx, &CHY_P_malformed,
                        "notBefore lies further back than the profile allows");
    if (begin > now + AHEAD_MAX_S)
        return chy_fail(a->cx, &CHY_P_malformed, "notBefore lies more than %d hours ahead",
                        AHEAD_MAX_S / 3600);
    if (end <= begin || end <= now)
        return chy_fail(a->cx, &CHY_P_malformed, "notAfter is not after notBefore and now");
    if (end - begin + 1 > most)
        return chy_fail(
            a->cx, &CHY_P_malformed,
            "the profile's certificates live at most %lld seconds, the last one included",
            (long long)most);
    if (issuer == NULL || end > issuer->not_after)
        return chy_fail(a->cx, &CHY_P_malformed,
                        "the certificate would outlive its issuer; ask for an earlier notAfter");
    return CHY_OK;
}

static enum chy_rc offer_challenges(struct chy_acme *a, time_t deadline, struct chy_authz_wish *w)
{
    const struct chy_challenge_type *const *types;
    size_t n = chy_registry_challenges_for(a->server->registry, w->subject.type, &types);
    const char **names = chy_alloc(a->cx, (n + 1) * sizeof *names);

    w->challenges = chy_alloc(a->cx, (n + 1) * sizeof *w->challenges);
    for (size_t i = 0; i < n && w->n_challenges < CHALLENGES_MAX; i++) {
        struct chy_challenge *ch = &w->challenges[w->n_challenges];
        bool offered = true;

        if (!chy_json_lists(w->methods, types[i]->name) ||
            (w->wildcard && types[i]->wildcard != CHY_YN_YES))
            continue;
        *ch = (struct chy_challenge){.authz = w->id,
                                     .n = (unsigned)w->n_challenges,
                                     .ident = w->subject,
                                     .wildcard = w->wildcard,
                                     .account_url = a->account.url,
                                     .account_thumbprint = a->account.thumbprint,
                                     .shown = chy_keep_json(a->cx, json_object()),
                                     .secret = chy_keep_json(a->cx, json_object()),
                                     .deadline = deadline};
        if (chy_challenge_offer(a->cx, types[i], ch, &offered) != CHY_OK)
            return CHY_ERR;
        if (offered && ch->lookup_key != NULL)
            return chy_fault_internal(a->cx,
                                      "challenge %s wants to be found by a key: this version "
                                      "does not serve that",
                                      types[i]->name);
        if (offered)
            names[w->n_challenges++] = types[i]->name;
    }
    w->types = names;
    if (w->n_challenges == 0)
        return chy_fail(a->cx, &CHY_P_rejectedIdentifier,
                        "the profile has no challenge that could prove %s%s", w->subject.value,
                        w->wildcard ? " as a wildcard" : "");
    return CHY_OK;
}

static bool is_wished(const struct chy_authz_wish *list, size_t n, const struct chy_ident *subject,
                      bool wildcard)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].wildcard == wildcard && by_type_and_value(&list[i].subject, subject) == 0)
            return true;
    return false;
}

/* The ways to prove an identifier: one authorization by any of the profile's challenges, or, where the
 * profile requires several, one by each of those. */
static json_t *ways(struct chy_ctx *cx, const json_t *profile)
{
    const json_t *required = json_object_get(profile, "require"), *name;
    json_t *list = chy_keep_json(cx, json_array());
    size_t i;

    if (json_array_size(required) == 0)
        json_array_append(list, json_object_get(profile, "challenges"));
    json_array_foreach(required, i, name)
    {
        json_array_append_new(list, json_pack("[O]", name));
    }
    return list;
}

static enum chy_rc add_wishes(struct chy_acme *a, const struct chy_ident *subject, bool wildcard,
                              const json_t *methods, time_t pending_until,
                              struct chy_authz_wish *list, size_t *n)
{
    const json_t *way;
    size_t i;

    json_array_foreach(methods, i, way)
    {
        struct chy_authz_wish *w = &list[*n];

        *w = (struct chy_authz_wish){.subject = *subject, .wildcard = wildcard, .methods = way};
        chy_id_new(a->cx, &w->id);
        if (offer_challenges(a, pending_until, w) != CHY_OK)
            return CHY_ERR;
        ++*n;
    }
    return CHY_OK;
}

static enum chy_rc make_wishes(struct chy_acme *a, const struct chy_order *o, const json_t *profile,
                               time_t pending_until, struct chy_authz_wish **ret, size_t *ret_n)
{
    const json_t *methods = ways(a->cx, profile);
    struct chy_authz_wish *list =
        chy_alloc(a->cx, (o->n_idents * json_array_size(methods) + 1) * sizeof *list);
    size_t n = 0;

    for (size_t i = 0; i < o->n_idents; i++) {
        struct chy_ident subject;
        bool wildcard = false;

        if (chy_ident_subject(a->cx, &o->idents[i], &subject, &wildcard) != CHY_OK)
            return CHY_ERR;
        if (!is_wished(list, n, &subject, wildcard) &&
            add_wishes(a, &subject, wildcard, methods, pending_until, list, &n) != CHY_OK)
            return CHY_ERR;
    }
    *ret = list;
    *ret_n = n;
    return CHY_OK;
}

static enum chy_rc read_request(struct chy_acme *a, struct chy_order *o, const json_t **ret_profile)
{
    int64_t most = chy_rules_int(chy_rules_server(a->cx), "orders", "max-identifiers");
    const char *wanted = NULL;
    json_t *list = NULL;

    if (chy_acme_only_act(a) != CHY_OK || check_members(a) != CHY_OK ||
        chy_json_opt_string(a->cx, a->payload, "profile", &wanted) != CHY_OK ||
        chy_json_opt_array(a->cx, a->payload, "identifiers", &list) != CHY_OK)
        return CHY_ERR;
    if (json_array_size(list) == 0)
        return chy_fail(a->cx, &CHY_P_malformed,
                        "identifiers must be an array of at least one (RFC 8555 section 7.4)");
    if ((int64_t)json_array_size(list) > most)
        return chy_fail(a->cx, &CHY_P_malformed, "an order takes at most %lld identifiers",
                        (long long)most);
    if (chy_rules_profile(a->cx, wanted, &o->profile, ret_profile) != CHY_OK ||
        read_idents(a, list, *ret_profile, o) != CHY_OK)
        return CHY_ERR;
    sort_distinct(o);
    return check_counts(a, o) != CHY_OK ? CHY_ERR : check_validity(a, *ret_profile, o);
}

enum chy_rc chy_new_order(struct chy_acme *a)
{
    struct chy_ctx *cx = a->cx;
    const json_t *server = chy_rules_server(cx), *profile = NULL;
    struct chy_order o = {.account = &a->account, .account_id = a->account.id};
    enum chy_authz_need need = CHY_AUTHZ_REQUIRED;
    struct chy_authz_wish *wishes;
    struct chy_reuse reuse;
    time_t now = chy_now(cx), pending_until;
    size_t n;

    o.ext = chy_keep_json(cx, json_object());
    o.policy_revision = chy_policy_revision(cx->policy);
    o.expires = now + chy_rules_int(server, "orders", "lifetime");
    pending_until = now + chy_rules_int(server, "authorizations", "pending-lifetime");
    chy_id_new(cx, &o.id);
    if (read_request(a, &o, &profile) != CHY_OK ||
        chy_order_on_new(cx, &o, a->payload, &need) != CHY_OK)
        return CHY_ERR;
    if (need != CHY_AUTHZ_REQUIRED || o.status != NULL)
        return chy_fault_internal(cx, "a module waives authorizations or sets a status of its own: "
                                      "this version serves neither");
    reuse.granted_since = now - chy_rules_int(server, "authorizations", "reuse");
    reuse.valid_until = now + REUSE_AT_LEAST_S;
    reuse.made_since =
        reuse.granted_since - chy_rules_int(server, "authorizations", "pending-lifetime");
    if (make_wishes(a, &o, profile, pending_until, &wishes, &n) != CHY_OK ||
        chy_order_create(cx, &a->guard, &o, wishes, n, &reuse, pending_until) != CHY_OK)
        return CHY_ERR;
    return chy_render_order(a, &o, 201);
}
