/* SPDX-License-Identifier: Apache-2.0 */
/* Proving the identifiers of an order (RFC 8555 section 7.5): which solver answers which challenge, all
 * of them made ready, the server told, its verdicts awaited, everything taken away again. */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/ext/dispatch.h"
#include "services/chancery/commands.h"
#include "services/chancery/request.h"

#define SOLVERS_MAX 64

/* One authorization that is not valid yet. */
struct pending {
    const char *url;
    struct chy_client_authz authz;
    const struct chy_client_challenge *challenge;
    const struct chy_solver *solver;
    struct chy_task task;
    struct chy_task *placed; /* in its solver's list: what prepare saw */
};

/* One solver with the tasks of this order that it takes. */
struct group {
    const struct chy_solver *solver;
    json_t *options;
    struct chy_task *tasks;
    size_t n;
    void *state;
    bool prepared;
};

struct plan {
    const struct chy_wish *w;
    struct chy_client *c;
    const struct chy_solver *solvers[SOLVERS_MAX]; /* that may be used, in load order */
    size_t n_solvers;
    struct pending *pending;
    size_t n;
    struct group groups[SOLVERS_MAX];
    size_t n_groups;
};

/* ---- which solvers ---- */

static void list_solvers(struct chy_ctx *cx, struct plan *p)
{
    /* Those that were asked for, or, where none was, those that need no asking. */
    for (int asked = 1; asked >= 0 && p->n_solvers == 0; asked--)
        for (size_t i = 0; i < chy_registry_count(cx->registry); i++) {
            const struct chy_solver *const *s = chy_registry_module(cx->registry, i)->solvers;

            for (; s != NULL && *s != NULL && p->n_solvers < SOLVERS_MAX; s++)
                if (asked ? chy_request_selects(p->w, *s) : (*s)->unasked)
                    p->solvers[p->n_solvers++] = *s;
        }
}

static bool offers(const struct chy_client_authz *a, const char *challenge)
{
    for (size_t i = 0; i < a->n_challenges; i++)
        if (strcmp(a->challenges[i].type, challenge) == 0)
            return true;
    return false;
}

static const char *join(struct chy_ctx *cx, const char *list, const char *word, const char *between)
{
    return list == NULL ? word : chy_fmt(cx, "%s%s%s", list, between, word);
}

/* Nothing at hand answers any of the challenges: say which do, and how to ask for them. */
static enum chy_rc no_solver(struct chy_ctx *cx, const struct chy_client_authz *a)
{
    const char *offered = NULL, *ways = NULL;

    for (size_t i = 0; i < a->n_challenges; i++)
        offered = join(cx, offered, a->challenges[i].type, ", ");
    for (size_t i = 0; i < chy_registry_count(cx->registry); i++) {
        const struct chy_solver *const *s = chy_registry_module(cx->registry, i)->solvers;

        for (; s != NULL && *s != NULL; s++) {
            const struct chy_client_option *o = (*s)->options;

            while (o != NULL && o->name != NULL && !o->selects)
                o++;
            if (o != NULL && o->name != NULL && offers(a, (*s)->challenge))
                ways = join(cx, ways, chy_fmt(cx, "--%s %s", o->name, o->value), " or ");
        }
    }
    return chy_fail(cx, &CHY_P_userActionRequired,
                    "%s%s: the server takes %s, which nothing answers that was asked for; %s%s",
                    a->wildcard ? "*." : "", a->ident_value, offered != NULL ? offered : "nothing",
                    ways != NULL ? "give " : "no loaded module has a solver for it",
                    ways != NULL ? ways : "");
}

static enum chy_rc choose(struct chy_ctx *cx, const struct plan *p, struct pending *d)
{
    for (size_t i = 0; i < p->n_solvers; i++)
        for (size_t k = 0; k < d->authz.n_challenges; k++)
            if (strcmp(d->authz.challenges[k].type, p->solvers[i]->challenge) == 0) {
                d->challenge = &d->authz.challenges[k];
                d->solver = p->solvers[i];
                return CHY_OK;
            }
    return no_solver(cx, &d->authz);
}

/* ---- what is to be proved ---- */

/* Is it about something that was asked for?  Else a server could have us prove to it what belongs to
 * us in another's name. */
static enum chy_rc check_asked(struct chy_ctx *cx, const struct chy_wish *w, struct pending *d)
{
    const struct chy_client_authz *a = &d->authz;
    json_t *object =
        chy_keep_json(cx, json_pack("{s:s, s:s}", "type", a->ident_type, "value", a->ident_value));

    if (chy_ident_parse(cx, object, &d->task.ident) != CHY_OK)
        return CHY_ERR;
    d->task.wildcard = a->wildcard;
    for (size_t i = 0; i < w->n_idents; i++) {
        bool covered = false;

        if (chy_ident_covers(cx, &d->task.ident, a->wildcard, &w->idents[i], &covered) != CHY_OK)
            return CHY_ERR;
        if (covered)
            return CHY_OK;
    }
    return chy_fail(cx, &CHY_P_serverInternal,
                    "the server wants a proof for %s, which was not asked for", a->ident_value);
}

static enum chy_rc add_pending(struct chy_ctx *cx, struct plan *p, const char *url)
{
    struct pending *d = &p->pending[p->n];

    d->url = url;
    if (chy_client_read_authz(cx, p->c, url, &d->authz) != CHY_OK)
        return CHY_ERR;
    if (d->authz.status == CHY_ST_VALID)
        return CHY_OK;
    if (d->authz.status != CHY_ST_PENDING)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "the authorization for %s is %s already; ask again", d->authz.ident_value,
                        chy_client_status_name(d->authz.status));
    if (check_asked(cx, p->w, d) != CHY_OK || choose(cx, p, d) != CHY_OK)
        return CHY_ERR;
    d->task.challenge = d->challenge->object;
    d->task.token = d->challenge->token;
    d->task.account_url = chy_client_account_url(p->c);
    if (d->task.token != NULL)
        d->task.key_authorization = chy_client_key_authorization(cx, p->c, d->task.token);
    p->n++;
    return CHY_OK;
}

/* ---- made ready and taken away ---- */

static struct group *group_of(struct chy_ctx *cx, struct plan *p, const struct chy_solver *s)
{
    struct group *g;

    for (size_t i = 0; i < p->n_groups; i++)
        if (p->groups[i].solver == s)
            return &p->groups[i];
    g = &p->groups[p->n_groups++];
    *g = (struct group){.solver = s,
                        .options = chy_request_solver_options(cx, p->w, s),
                        .tasks = chy_alloc(cx, p->n * sizeof *g->tasks)};
    return g;
}

static enum chy_rc prepare_all(struct chy_ctx *cx, struct plan *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct group *g = group_of(cx, p, p->pending[i].solver);

        g->tasks[g->n] = p->pending[i].task;
        p->pending[i].placed = &g->tasks[g->n++];
    }
    for (size_t i = 0; i < p->n_groups; i++) {
        struct group *g = &p->groups[i];

        if (chy_solver_prepare(cx, g->solver, g->tasks, g->n, g->options, &g->state) != CHY_OK)
            return CHY_ERR;
        g->prepared = true;
    }
    return CHY_OK;
}

/* Whatever became of the order, and without losing the reason why. */
static void clean_all(struct chy_ctx *cx, struct plan *p)
{
    const struct chy_problem kept = cx->problem;

    for (size_t i = 0; i < p->n_groups; i++) {
        struct group *g = &p->groups[i];

        chy_problem_clear(cx);
        if (g->prepared &&
            chy_solver_clean(cx, g->solver, g->tasks, g->n, g->options, g->state) != CHY_OK)
            fprintf(stderr, "chancery request: left behind: %s\n", chy_cli_reason(cx));
    }
    cx->problem = kept;
}

/* ---- verdicts ---- */

/* Of an authorization that failed: the error of a challenge that was tried. */
static void take_failure(const struct chy_client_authz *a, struct chy_client_problem *ret)
{
    for (size_t i = 0; i < a->n_challenges; i++)
        if (a->challenges[i].error != NULL)
            *ret = *a->challenges[i].error;
    if (ret->type == NULL && ret->detail == NULL)
        ret->detail = "the server gives no reason";
    ret->ident_type = a->ident_type;
    ret->ident_value = a->ident_value;
}

static enum chy_rc await_all(struct chy_ctx *cx, struct plan *p,
                             const struct chy_client_problem **failures)
{
    int64_t until = chy_clock_ms() + (int64_t)p->w->wait_s * 1000;
    struct chy_client_problem *all = chy_alloc(cx, sizeof *all);

    all->sub = chy_alloc(cx, p->n * sizeof *all->sub);
    for (size_t i = 0; i < p->n; i++) {
        struct chy_client_authz *a = &p->pending[i].authz;

        if (chy_client_wait_authz(cx, p->c, p->pending[i].url, until, a) != CHY_OK)
            return CHY_ERR;
        if (a->status != CHY_ST_VALID)
            take_failure(a, &all->sub[all->n_sub++]);
    }
    if (all->n_sub == 0)
        return CHY_OK;
    *failures = all;
    return chy_fail(cx, &CHY_P_unauthorized, "the server did not accept the proof for %zu of %zu",
                    all->n_sub, p->n);
}

static enum chy_rc answer_all(struct chy_ctx *cx, struct plan *p,
                              const struct chy_client_problem **failures)
{
    for (size_t i = 0; i < p->n; i++)
        if (chy_client_respond(cx, p->c, p->pending[i].challenge->url,
                               p->pending[i].placed->response) != CHY_OK)
            return CHY_ERR;
    return await_all(cx, p, failures);
}

enum chy_rc chy_request_solve(struct chy_ctx *cx, const struct chy_wish *w, struct chy_client *c,
                              const struct chy_client_order *order,
                              const struct chy_client_problem **failures)
{
    struct plan *p = chy_alloc(cx, sizeof *p);
    enum chy_rc rc;

    p->w = w;
    p->c = c;
    p->pending = chy_alloc(cx, (order->n_authorizations + 1) * sizeof *p->pending);
    list_solvers(cx, p);
    for (size_t i = 0; i < order->n_authorizations; i++)
        if (add_pending(cx, p, order->authorizations[i]) != CHY_OK)
            return CHY_ERR;
    if (p->n == 0)
        return CHY_OK;
    rc = prepare_all(cx, p);
    if (rc == CHY_OK)
        rc = answer_all(cx, p, failures);
    clean_all(cx, p);
    return rc;
}
