/* SPDX-License-Identifier: Apache-2.0 */
/* A whole module in memory for the tests of the registry, with a place to spoil each part of it. */
#ifndef CHY_TESTS_REGISTRY_PARTS_H
#define CHY_TESTS_REGISTRY_PARTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/ext/registry.h"
#include "tests/support/fakehost.h"

/* ---- functions of modules that are never called ---- */

static inline enum chy_rc parse(struct chy_ctx *cx, const json_t *obj, struct chy_ident *out)
{
    (void)cx, (void)obj, (void)out;
    return CHY_ERR;
}

static inline enum chy_rc permitted(struct chy_ctx *cx, const struct chy_ident *id,
                                    const json_t *rule)
{
    (void)cx, (void)id, (void)rule;
    return CHY_ERR;
}

static inline enum chy_rc from_csr(struct chy_ctx *cx, X509_REQ *csr, json_t *out)
{
    (void)cx, (void)csr, (void)out;
    return CHY_ERR;
}

static inline enum chy_rc contribute(struct chy_ctx *cx, const struct chy_ident *id,
                                     const json_t *grant, X509_REQ *csr, struct chy_cert_plan *plan)
{
    (void)cx, (void)id, (void)grant, (void)csr, (void)plan;
    return CHY_ERR;
}

static inline enum chy_rc recheck(struct chy_ctx *cx, const struct chy_ident *id, bool wildcard,
                                  const json_t *grant)
{
    (void)cx, (void)id, (void)wildcard, (void)grant;
    return CHY_ERR;
}

static inline enum chy_rc offer(struct chy_ctx *cx, struct chy_challenge *ch, bool *offered)
{
    (void)cx, (void)ch, (void)offered;
    return CHY_ERR;
}

static inline enum chy_rc probe(struct chy_ctx *cx, const struct chy_challenge *ch, json_t **ret)
{
    (void)cx, (void)ch, (void)ret;
    return CHY_ERR;
}

static inline enum chy_rc step(struct chy_ctx *cx, struct chy_challenge *ch,
                               const struct chy_event *ev, struct chy_verdict *out)
{
    (void)cx, (void)ch, (void)ev, (void)out;
    return CHY_ERR;
}

static inline enum chy_rc on_new(struct chy_ctx *cx, struct chy_order *o, const json_t *req,
                                 enum chy_authz_need *need)
{
    (void)cx, (void)o, (void)req, (void)need;
    return CHY_ERR;
}

static inline enum chy_rc on_first_read(struct chy_ctx *cx, struct chy_challenge *ch)
{
    (void)cx, (void)ch;
    return CHY_ERR;
}

static inline enum chy_rc on_update(struct chy_ctx *cx, struct chy_order *o, const json_t *req)
{
    (void)cx, (void)o, (void)req;
    return CHY_ERR;
}

static inline enum chy_rc on_cert(struct chy_ctx *cx, struct chy_order *o, const struct chy_id *id)
{
    (void)cx, (void)o, (void)id;
    return CHY_ERR;
}

static inline enum chy_rc show_account(struct chy_ctx *cx, const struct chy_account *a,
                                       json_t *object)
{
    (void)cx, (void)a, (void)object;
    return CHY_ERR;
}

static inline enum chy_rc show_authz(struct chy_ctx *cx, const struct chy_ident *id, json_t *object)
{
    (void)cx, (void)id, (void)object;
    return CHY_ERR;
}

static inline enum chy_rc shape(struct chy_ctx *cx, const struct chy_order *o, X509_REQ *csr,
                                struct chy_cert_plan *plan)
{
    (void)cx, (void)o, (void)csr, (void)plan;
    return CHY_ERR;
}

static inline enum chy_rc handle(struct chy_ctx *cx, struct chy_request *rq, struct chy_reply *rp)
{
    (void)cx, (void)rq, (void)rp;
    return CHY_ERR;
}

static inline enum chy_rc run_job(struct chy_ctx *cx, uint32_t batch, uint32_t *ret_done)
{
    (void)cx, (void)batch, (void)ret_done;
    return CHY_ERR;
}

static inline enum chy_rc to_csr(struct chy_ctx *cx, const struct chy_ident *id, GENERAL_NAMES *san,
                                 STACK_OF(X509_EXTENSION) * extensions)
{
    (void)cx, (void)id, (void)san, (void)extensions;
    return CHY_ERR;
}

static inline enum chy_rc prepare(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                                  const json_t *options, void **state)
{
    (void)cx, (void)tasks, (void)n, (void)options, (void)state;
    return CHY_ERR;
}

static inline enum chy_rc clean(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                                const json_t *options, void *state)
{
    (void)cx, (void)tasks, (void)n, (void)options, (void)state;
    return CHY_ERR;
}

static inline int run_command(struct chy_ctx *cx, int argc, char **argv)
{
    (void)cx, (void)argc, (void)argv;
    return 1;
}

/* ---- one whole module, and a place to spoil each part of it ---- */

struct parts {
    const char *needs[3];
    const char *claims[3];
    const char *applies[3];
    const char *members[3];
    const char *statuses[3];
    struct chy_policy_item rule[2], items[2];
    struct chy_ident_type ident;
    struct chy_challenge_type challenge;
    struct chy_order_ext order;
    struct chy_object_ext object;
    struct chy_profile profile;
    struct chy_route route;
    struct chy_job job;
    struct chy_command command;
    struct chy_policy_kind kind;
    struct chy_client_option ident_option, solver_options[2];
    struct chy_solver solver;
    const struct chy_solver *solvers[3];
    struct chy_migration migrations[4];
    const struct chy_ident_type *idents[3];
    const struct chy_challenge_type *challenges[3];
    const struct chy_profile *profiles[3];
    const struct chy_route *routes[3];
    const struct chy_job *jobs[3];
    const struct chy_command *commands[3];
    const struct chy_policy_kind *kinds[3];
    struct chy_module module;
};

static inline void fill_ident(struct parts *p)
{
    p->claims[0] = "san:x400Address";
    p->rule[0] =
        (struct chy_policy_item){.name = "names", .type = CHY_T_STRING, .max = 10, .doc = "Names."};
    p->ident = (struct chy_ident_type){
        .name = "plate",
        .claims = p->claims,
        .rule = p->rule,
        .parse = parse,
        .permitted = permitted,
        .from_csr = from_csr,
        .contribute = contribute,
    };
    p->idents[0] = &p->ident;
}

static inline void fill_challenge(struct parts *p)
{
    p->applies[0] = "plate";
    p->challenge = (struct chy_challenge_type){
        .name = "plate-01",
        .ident_types = p->applies,
        .fallback = &CHY_P_incorrectResponse,
        .binding = CHY_BIND_KEY_AUTHORIZATION,
        .network = CHY_NET_OUTBOUND,
        .perspectives = CHY_MP_NEEDED,
        .wildcard = CHY_YN_NO,
        .subdomain = CHY_YN_NO,
        .caa_method = "-",
        .max_evidence_age_s = 3600,
        .attempts = 3,
        .interval_s = 5,
        .offer = offer,
        .probe = probe,
        .step = step,
    };
    p->challenges[0] = &p->challenge;
}

static inline void fill_rest(struct parts *p)
{
    p->members[0] = "road-tax";
    p->statuses[0] = "impounded";
    p->order =
        (struct chy_order_ext){.members = p->members, .statuses = p->statuses, .on_new = on_new};
    p->profile = (struct chy_profile){.name = "plate-sign", .shape = shape};
    p->profiles[0] = &p->profile;
    p->route = (struct chy_route){.methods = "GET HEAD",
                                  .path = "/plates/{plate}",
                                  .auth = CHY_AUTH_NONE,
                                  .listeners = CHY_LISTEN_ACME,
                                  .handle = handle};
    p->routes[0] = &p->route;
    p->job = (struct chy_job){.name = "plate-renew", .period_s = 60, .batch = 10, .run = run_job};
    p->jobs[0] = &p->job;
    p->command = (struct chy_command){.name = "plate", .help = "Show plates.", .run = run_command};
    p->commands[0] = &p->command;
    p->items[0] = (struct chy_policy_item){
        .name = "country", .type = CHY_T_STRING, .required = true, .doc = "Country."};
    p->kind = (struct chy_policy_kind){.dir = "plates", .items = p->items};
    p->kinds[0] = &p->kind;
    p->migrations[0] = (struct chy_migration){.version = 1, .name = "first", .sql = "-- 1"};
    p->migrations[1] = (struct chy_migration){.version = 2, .name = "second", .sql = "-- 2"};
}

static inline void fill_client(struct parts *p)
{
    p->ident_option = (struct chy_client_option){
        .name = "plate", .letter = 'p', .value = "NUMBER", .help = "A plate."};
    p->ident.option = &p->ident_option;
    p->ident.to_csr = to_csr;
    p->solver_options[0] = (struct chy_client_option){
        .name = "plate-press", .value = "DEVICE", .help = "Press it.", .selects = true};
    p->solver = (struct chy_solver){.challenge = "plate-01",
                                    .name = "press",
                                    .help = "A press.",
                                    .options = p->solver_options,
                                    .prepare = prepare,
                                    .clean = clean};
    p->solvers[0] = &p->solver;
}

static inline void fill(struct parts *p, const char *name)
{
    memset(p, 0, sizeof *p);
    fill_ident(p);
    fill_client(p);
    fill_challenge(p);
    fill_rest(p);
    p->module = (struct chy_module){
        CHY_MODULE(name, "1.0"),  .needs = p->needs,
        .ident_types = p->idents, .challenge_types = p->challenges,
        .order_ext = &p->order,   .object_ext = &p->object,
        .profiles = p->profiles,  .routes = p->routes,
        .jobs = p->jobs,          .commands = p->commands,
        .policy_kinds = p->kinds, .migrations = p->migrations,
        .solvers = p->solvers,
    };
}

/* A second module that shares no name with the first. */
static inline void fill_other(struct parts *p)
{
    fill(p, "boats");
    p->ident.name = "hull";
    p->claims[0] = "san:ediPartyName";
    p->challenge.name = "hull-01";
    p->applies[0] = "hull";
    p->members[0] = "harbour-dues";
    p->statuses[0] = "sunk";
    p->profile.name = "hull-sign";
    p->route.path = "/boats/{hull}";
    p->job.name = "hull-renew";
    p->command.name = "boat";
    p->kind.dir = "boats";
    p->ident_option.name = "hull";
    p->ident_option.letter = 'h';
    p->solver.name = "dock";
    p->solver_options[0].name = "dock-crane";
}

static inline int setup(void **state)
{
    *state = fake_cx_new(CHY_STAGE_REQUEST);
    return 0;
}

static inline int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

static inline void assert_refused(struct chy_ctx *cx, enum chy_rc rc, const char *says)
{
    assert_int_equal(rc, CHY_ERR);
    assert_string_equal(cx->problem.type->urn, CHY_ACME_ERROR("serverInternal"));
    if (strstr(cx->problem.detail, says) == NULL)
        fail_msg("'%s' does not say '%s'", cx->problem.detail, says);
    assert_int_equal(strncmp(cx->problem.detail, "module ", 7), 0);
    assert_null(strchr(cx->problem.detail, '\n'));
}

static inline enum chy_rc build(struct chy_ctx *cx, struct parts *list, size_t n,
                                struct chy_registry **ret)
{
    const struct chy_module *modules[4];

    for (size_t i = 0; i < n; i++)
        modules[i] = &list[i].module;
    return chy_registry_build(cx, modules, n, ret);
}

#endif
