/* SPDX-License-Identifier: Apache-2.0 */
/* Validation (RFC 8555 section 8): claim a challenge by a lease, probe with no transaction open, step,
 * write the verdict by compare-and-set.  kill -9 anywhere loses only time: the lease ends and the
 * challenge is claimed again.  Several perspectives are not asked yet. */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/ext/dispatch.h"
#include "core/store/challenges.h"
#include "core/work/thread.h"

#define LEASE_S 90      /* longer than PROBE_MS, so that a probe's verdict is not too late */
#define PROBE_MS 60000  /* everything that one probe asks the network, by core/net */
#define POLL_MS 250     /* the guarantee; NOTIFY is the hint */
#define DB_PAUSE_MS 500 /* after a claim that failed */
#define ERRORS_KEPT 10
#define INTERNAL_ATTEMPTS_MAX 20
#define CLAIMS_MAX 50 /* of one challenge: its workers die of it, or its module waits for ever */

/* Errors of earlier attempts as subproblems, newest last (RFC 8555 section 8.2, core.md C-08). */
static json_t *with_history(struct chy_ctx *cx, const struct chy_problem *p, const json_t *earlier)
{
    json_t *error = chy_keep_json(cx, chy_problem_json(p)), *list, *history, *this_one;

    if (earlier == NULL)
        return error;
    history = json_object_get(earlier, "subproblems");
    list = history != NULL ? json_copy(history) : json_array();
    if (history == NULL)
        json_array_append(list, (json_t *)earlier);
    this_one = chy_problem_json(p);
    json_array_append_new(list, this_one);
    while (json_array_size(list) > ERRORS_KEPT)
        json_array_remove(list, 0);
    json_object_set_new(error, "subproblems", list);
    return error;
}

static time_t expiry(struct chy_ctx *cx, const struct chy_challenge_type *t,
                     const struct chy_verdict *v)
{
    time_t now = chy_now(cx);
    int64_t reuse = chy_rules_int(chy_rules_server(cx), "authorizations", "reuse");
    int64_t order = chy_rules_int(chy_rules_server(cx), "orders", "lifetime");
    /* Long enough for the order that it was made for, even where nothing is ever reused. */
    time_t end = now + (reuse > order ? reuse : order);

    if (end > now + (time_t)t->max_evidence_age_s)
        end = now + (time_t)t->max_evidence_age_s;
    return v->grant_expires != 0 && v->grant_expires < end ? v->grant_expires : end;
}

static enum chy_rc judge(struct chy_worker_thread *t, const struct chy_challenge_type *type,
                         struct chy_claimed *c, struct chy_verdict *ret)
{
    /* One perspective, this one: profiles that want more are refused by policy. */
    struct chy_event ev = {.kind = c->stepped ? CHY_EV_TIMER : CHY_EV_START, .quorum = true};
    struct chy_ctx *cx = &t->cx;
    json_t *evidence = NULL;
    enum chy_rc rc;

    if (type->network != CHY_NET_NONE) {
        cx->db = NULL; /* a probe has no database */
        cx->net_until_ms = chy_clock_ms() + PROBE_MS;
        rc = chy_challenge_probe(cx, type, &c->challenge, &evidence);
        cx->db = t->db;
        cx->net_until_ms = 0;
        chy_fault_point("worker.after-probe");
        if (rc != CHY_OK)
            return CHY_ERR;
    }
    ev.evidence = evidence;
    return chy_challenge_step(cx, type, &c->challenge, &ev, ret);
}

static enum chy_rc refuse_now(struct chy_ctx *cx, const struct chy_claimed *c, bool *ret_done)
{
    json_t *error = with_history(cx, &cx->problem, c->error);

    chy_log_problem(cx, LOG_INFO, "validation failed");
    chy_problem_clear(cx);
    return chy_challenge_refuse(cx, c, error, ret_done);
}

/* A failed attempt: again after the type's interval, or the end. */
static enum chy_rc write_failure(struct chy_ctx *cx, const struct chy_challenge_type *type,
                                 const struct chy_claimed *c, bool *ret_done)
{
    bool internal = cx->problem.status >= 500;
    unsigned most = internal ? INTERNAL_ATTEMPTS_MAX : type->attempts;
    time_t next = chy_now(cx) + (time_t)type->interval_s;
    json_t *error;

    if (c->challenge.attempts + 1 >= most || next > c->challenge.deadline)
        return refuse_now(cx, c, ret_done);
    error = with_history(cx, &cx->problem, c->error);
    chy_log_problem(cx, internal ? LOG_ERR : LOG_INFO, "validation attempt failed");
    chy_problem_clear(cx);
    return chy_challenge_postpone(cx, c, true, error, next, ret_done);
}

static enum chy_rc write_verdict(struct chy_ctx *cx, const struct chy_challenge_type *type,
                                 const struct chy_claimed *c, const struct chy_verdict *v,
                                 bool *ret_done)
{
    switch (v->state) {
    case CHY_V_VALID:
        return chy_challenge_prove(cx, c, v->grant, expiry(cx, type, v), ret_done);
    case CHY_V_PENDING:
        return chy_challenge_postpone(cx, c, false, c->error,
                                      v->wake_at > chy_now(cx) ? v->wake_at : chy_now(cx) + 1,
                                      ret_done);
    case CHY_V_INVALID:
        break; /* final: the module has seen enough; its reason is in cx */
    }
    return refuse_now(cx, c, ret_done);
}

static void log_outcome(struct chy_ctx *cx, const struct chy_claimed *c, const char *outcome)
{
    chy_log_event(cx, LOG_INFO, "validation",
                  json_pack("{s:s, s:s, s:s, s:i, s:s}", "challenge", c->type, "identifier",
                            c->challenge.ident.value, "account", c->challenge.account_url,
                            "attempt", (int)c->challenge.attempts, "outcome", outcome));
}

/* What no probe could change: refused at once. */
static enum chy_rc check_hope(struct chy_ctx *cx, const struct chy_claimed *c,
                              const struct chy_challenge_type *type)
{
    if (c->hopeless)
        return chy_fail(cx, &CHY_P_unauthorized,
                        "the account or the authorization is no longer good for it");
    if (chy_now(cx) > c->challenge.deadline)
        return chy_fail(cx, &CHY_P_malformed, "the challenge's time is over");
    if (c->claims > CLAIMS_MAX)
        return chy_fault_internal(cx, "challenge %s was taken up %u times without an end", c->type,
                                  c->claims);
    if (type == NULL) /* claimed for its deadline alone, which the clock has put off again */
        return chy_fault_internal(cx, "the module of challenge %s is not loaded here", c->type);
    return CHY_OK;
}

static void validate(struct chy_worker_thread *t, struct chy_claimed *c)
{
    const struct chy_challenge_type *type = chy_registry_challenge(t->worker->registry, c->type);
    struct chy_verdict v = {.state = CHY_V_INVALID};
    struct chy_ctx *cx = &t->cx;
    bool done = false;
    enum chy_rc rc;

    chy_fault_point("worker.after-claim");
    if (check_hope(cx, c, type) != CHY_OK) {
        rc = refuse_now(cx, c, &done);
    } else {
        rc = judge(t, type, c, &v);
        chy_fault_point("worker.after-step");
        rc = rc == CHY_OK ? write_verdict(cx, type, c, &v, &done)
                          : write_failure(cx, type, c, &done);
    }
    chy_fault_point("worker.after-verdict");
    if (rc != CHY_OK)
        chy_log_problem(cx, LOG_ERR, "verdict not written; the challenge is claimed again later");
    else if (!done)
        log_outcome(cx, c, "dropped: somebody else decided");
    else
        log_outcome(cx, c, v.state == CHY_V_VALID ? "valid" : "not valid");
}

static json_t *loaded_types(struct chy_ctx *cx)
{
    json_t *list = chy_keep_json(cx, json_array());

    for (size_t i = 0; i < chy_registry_count(cx->registry); i++) {
        const struct chy_challenge_type *const *t =
            chy_registry_module(cx->registry, i)->challenge_types;

        for (; t != NULL && *t != NULL; t++)
            json_array_append_new(list, json_string((*t)->name));
    }
    return list;
}

/* One account may keep half of this worker's threads busy, not all of them. */
static unsigned share_of_account(const struct chy_worker *w)
{
    return w->node->validation_threads > 1 ? w->node->validation_threads / 2 : 1;
}

/* After a reconnection LISTEN must be said again. */
static void listen_again(struct chy_worker_thread *t)
{
    if (t->listening == chy_db_generation(t->db) && t->listening != 0)
        return;
    if (chy_db_listen(&t->cx, t->db, CHY_WORK_CHANNEL) == CHY_OK)
        t->listening = chy_db_generation(t->db);
    else
        chy_problem_clear(&t->cx);
}

/* One thread at a time looks for work, the others work or wait for their turn: idle threads do not
 * all ask the database the same. */
static bool claim_one(struct chy_worker_thread *t, struct chy_claimed **ret)
{
    struct chy_worker *w = t->worker;
    size_t n = 0;

    pthread_mutex_lock(&w->turn);
    while (!w->stopping && n == 0) {
        chy_unit_begin(t, CHY_STAGE_STEP);
        listen_again(t);
        if (chy_challenges_claim(&t->cx, 1, LEASE_S, loaded_types(&t->cx), share_of_account(w), ret,
                                 &n) != CHY_OK) {
            chy_log_problem(&t->cx, LOG_WARNING, "nothing can be claimed");
            chy_worker_nap(w, DB_PAUSE_MS);
        }
        if (n > 0)
            break;
        chy_unit_end(t);
        (void)chy_db_wait(t->db, POLL_MS);
    }
    pthread_mutex_unlock(&w->turn);
    return n > 0;
}

void chy_validate_loop(struct chy_worker_thread *t)
{
    struct chy_claimed *c;

    while (claim_one(t, &c)) {
        validate(t, c);
        chy_unit_end(t);
    }
}
