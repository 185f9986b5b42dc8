/* SPDX-License-Identifier: Apache-2.0 */
/* A module whose functions do what the test tells them, for the tests of dispatch. */
#ifndef CHY_TESTS_DISPATCH_ACTOR_H
#define CHY_TESTS_DISPATCH_ACTOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/problem.h"
#include "core/ext/dispatch.h"
#include "tests/support/fakehost.h"

#define ACTOR_ANY_STAGE 99

/* What the next call does, and what was seen. */
static struct actor {
    const struct chy_problem_type *fails; /* recorded through the host, before rc is returned */
    enum chy_rc rc;
    unsigned stage; /* asserted inside, unless ACTOR_ANY_STAGE */
    struct chy_ident ident;
    bool flag;
    json_t *found;
    const char *member;
    json_t *shown, *secret, *evidence; /* handed out by offer and probe */
    char *lookup_key;
    struct chy_verdict verdict;
    unsigned calls;
    const struct chy_host *host;
} actor;

static inline enum chy_rc act(struct chy_ctx *cx)
{
    actor.calls++;
    assert_non_null(cx->module);
    assert_string_equal(cx->module->name, "actors");
    if (actor.stage != ACTOR_ANY_STAGE)
        assert_int_equal(cx->stage, actor.stage);
    if (actor.fails != NULL)
        /* In parentheses: cmocka has a macro of that name. */
        (void)!(actor.host->fail)(cx, actor.fails, __FILE__, __LINE__, "the actor says no");
    return actor.rc;
}

static inline enum chy_rc act_parse(struct chy_ctx *cx, const json_t *obj, struct chy_ident *out)
{
    (void)obj;
    *out = actor.ident;
    return act(cx);
}

static inline enum chy_rc act_permitted(struct chy_ctx *cx, const struct chy_ident *id,
                                        const json_t *rule)
{
    (void)id, (void)rule;
    return act(cx);
}

static inline enum chy_rc act_permitted_publicly(struct chy_ctx *cx, const struct chy_ident *id)
{
    if (strcmp(id->value, "internal") == 0)
        return (actor.host->fail)(cx, &CHY_P_rejectedIdentifier, __FILE__, __LINE__,
                                  "internal is nobody's in public");
    return act(cx);
}

static inline enum chy_rc act_subject(struct chy_ctx *cx, const struct chy_ident *id,
                                      struct chy_ident *subject, bool *wildcard)
{
    (void)id;
    *subject = actor.ident;
    *wildcard = actor.flag;
    return act(cx);
}

static inline enum chy_rc act_covers(struct chy_ctx *cx, const struct chy_ident *held,
                                     bool held_wildcard, const struct chy_ident *wanted, bool *yes)
{
    (void)held, (void)held_wildcard, (void)wanted;
    *yes = actor.flag;
    return act(cx);
}

static inline enum chy_rc act_from_csr(struct chy_ctx *cx, X509_REQ *csr, json_t *out)
{
    (void)csr;
    if (actor.found != NULL)
        json_array_extend(out, actor.found);
    return act(cx);
}

static inline enum chy_rc act_contribute(struct chy_ctx *cx, const struct chy_ident *id,
                                         const json_t *grant, X509_REQ *csr,
                                         struct chy_cert_plan *plan)
{
    (void)id, (void)grant, (void)csr, (void)plan;
    return act(cx);
}

static inline enum chy_rc act_recheck(struct chy_ctx *cx, const struct chy_ident *id, bool wildcard,
                                      const json_t *grant)
{
    (void)id, (void)wildcard, (void)grant;
    return act(cx);
}

/* Finds nothing in any CSR and is not counted. */
static inline enum chy_rc plain_from_csr(struct chy_ctx *cx, X509_REQ *csr, json_t *out)
{
    (void)cx, (void)csr, (void)out;
    return CHY_OK;
}

static inline enum chy_rc act_offer(struct chy_ctx *cx, struct chy_challenge *ch, bool *offered)
{
    ch->shown = json_incref(actor.shown);
    ch->secret = json_incref(actor.secret);
    ch->lookup_key = actor.lookup_key;
    *offered = actor.flag;
    return act(cx);
}

static inline enum chy_rc act_accept(struct chy_ctx *cx, struct chy_challenge *ch,
                                     const json_t *body)
{
    (void)body;
    ch->secret = json_incref(actor.secret);
    return act(cx);
}

static inline enum chy_rc act_probe(struct chy_ctx *cx, const struct chy_challenge *ch,
                                    json_t **ret)
{
    (void)ch;
    *ret = json_incref(actor.evidence);
    return act(cx);
}

static inline enum chy_rc act_step(struct chy_ctx *cx, struct chy_challenge *ch,
                                   const struct chy_event *ev, struct chy_verdict *out)
{
    (void)ch, (void)ev;
    *out = actor.verdict;
    json_incref(actor.verdict.grant);
    return act(cx);
}

static inline enum chy_rc act_on_new(struct chy_ctx *cx, struct chy_order *o, const json_t *req,
                                     enum chy_authz_need *need)
{
    (void)o, (void)req;
    if (actor.flag)
        *need = CHY_AUTHZ_WAIVED;
    return act(cx);
}

static inline enum chy_rc act_on_finalize(struct chy_ctx *cx, struct chy_order *o, X509_REQ *csr,
                                          struct chy_cert_plan *plan)
{
    (void)o, (void)csr, (void)plan;
    return act(cx);
}

static inline enum chy_rc act_render(struct chy_ctx *cx, const struct chy_order *o, json_t *object)
{
    (void)o;
    json_object_set_new(object, actor.member, json_string("actor"));
    return act(cx);
}

static inline enum chy_rc act_directory(struct chy_ctx *cx, json_t *dir, json_t *meta)
{
    json_object_set_new(dir, actor.member, json_string("actor"));
    json_object_set_new(meta, actor.member, json_string("actor"));
    return act(cx);
}

static inline enum chy_rc act_shape(struct chy_ctx *cx, const struct chy_order *o, X509_REQ *csr,
                                    struct chy_cert_plan *plan)
{
    (void)o, (void)csr, (void)plan;
    return act(cx);
}

static inline enum chy_rc act_init(const struct chy_host *host)
{
    actor.host = host;
    return CHY_OK;
}

static const char *const actor_claims[] = {"san:actor", NULL};
static const char *const plain_claims[] = {"san:plain", NULL};
static const char *const actor_applies[] = {"actor", "plain", NULL};

static const struct chy_ident_type actor_ident = {
    .name = "actor",
    .claims = actor_claims,
    .parse = act_parse,
    .permitted = act_permitted,
    .permitted_publicly = act_permitted_publicly,
    .authz_subject = act_subject,
    .covers = act_covers,
    .from_csr = act_from_csr,
    .contribute = act_contribute,
    .recheck = act_recheck,
    .recheck_after_s = 60,
};
/* With nothing that may be left out. */
static const struct chy_ident_type plain_ident = {
    .name = "plain",
    .claims = plain_claims,
    .parse = act_parse,
    .permitted = act_permitted,
    .from_csr = plain_from_csr,
    .contribute = act_contribute,
};
static const struct chy_challenge_type actor_challenge = {
    .name = "actor-01",
    .ident_types = actor_applies,
    .fallback = &CHY_P_incorrectResponse,
    .binding = CHY_BIND_KEY_AUTHORIZATION,
    .network = CHY_NET_OUTBOUND,
    .perspectives = CHY_MP_NOT_NEEDED,
    .wildcard = CHY_YN_NO,
    .subdomain = CHY_YN_NO,
    .caa_method = "-",
    .max_evidence_age_s = 3600,
    .attempts = 1,
    .offer = act_offer,
    .accept = act_accept,
    .probe = act_probe,
    .step = act_step,
};
static const struct chy_challenge_type plain_challenge = {
    .name = "plain-01",
    .ident_types = actor_applies,
    .fallback = &CHY_P_incorrectResponse,
    .binding = CHY_BIND_ACCOUNT_URL,
    .network = CHY_NET_NONE,
    .perspectives = CHY_MP_NOT_NEEDED,
    .wildcard = CHY_YN_NO,
    .subdomain = CHY_YN_NO,
    .caa_method = "-",
    .max_evidence_age_s = 3600,
    .attempts = 1,
    .offer = act_offer,
    .step = act_step,
};
static const struct chy_ident_type *const actor_idents[] = {&actor_ident, &plain_ident, NULL};
static const struct chy_challenge_type *const actor_challenges[] = {&actor_challenge,
                                                                    &plain_challenge, NULL};
static const struct chy_order_ext actor_order = {
    .on_new = act_on_new, .on_finalize = act_on_finalize, .render = act_render};
static const struct chy_object_ext actor_object = {.directory = act_directory};
static const struct chy_profile actor_profile = {.name = "actor-shape", .shape = act_shape};
static const struct chy_profile *const actor_profiles[] = {&actor_profile, NULL};
static const struct chy_module actor_module = {
    CHY_MODULE("actors", "1"), .ident_types = actor_idents, .challenge_types = actor_challenges,
    .order_ext = &actor_order, .object_ext = &actor_object, .profiles = actor_profiles,
    .init = act_init,
};

static inline int actor_setup(void **state)
{
    static const struct chy_module *const modules[] = {&actor_module};
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_REQUEST);
    struct chy_registry *r;

    memset(&actor, 0, sizeof actor);
    actor.stage = ACTOR_ANY_STAGE;
    if (chy_registry_build(cx, modules, 1, &r) != CHY_OK)
        fail_msg("%s", cx->problem.detail);
    cx->registry = r;
    *state = cx;
    return 0;
}

static inline int actor_teardown(void **state)
{
    struct chy_ctx *cx = *state;

    chy_registry_free((struct chy_registry *)cx->registry);
    fake_cx_free(cx);
    return 0;
}

static inline void assert_problem(const struct chy_ctx *cx, const struct chy_problem_type *t,
                                  const char *says)
{
    assert_true(chy_failed(cx));
    assert_string_equal(cx->problem.type->urn, t->urn);
    if (strstr(cx->problem.detail, says) == NULL)
        fail_msg("'%s' does not say '%s'", cx->problem.detail, says);
}

/* An internal fault: the cause is for the log alone. */
static inline void assert_note(const struct chy_ctx *cx, const char *says)
{
    assert_problem(cx, &CHY_P_serverInternal, "internal error");
    assert_non_null(cx->problem.note);
    if (strstr(cx->problem.note, says) == NULL)
        fail_msg("'%s' does not say '%s'", cx->problem.note, says);
}

/* The module gave no reason: the client reads the fallback's type, the log that and where. */
static inline void assert_unexplained(const struct chy_ctx *cx, const char *says)
{
    assert_problem(cx, &CHY_P_incorrectResponse, "this check failed");
    assert_null(strstr(cx->problem.detail, "module"));
    assert_non_null(cx->problem.note);
    assert_string_equal(cx->problem.note, says);
}

#endif
