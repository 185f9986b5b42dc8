/* SPDX-License-Identifier: Apache-2.0 */
/* Issuance outside a request: orders whose grants must be looked at again, and those whose front died
 * between record and store.  An old record is never signed: it becomes lost and its serial revoked. */
#include "core/acme/issue.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/store/accounts.h"
#include "core/store/authorizations.h"
#include "core/store/orders.h"
#include "core/work/thread.h"

#define LEASE_S 120  /* longer than NET_MS and the signer's patience together */
#define NET_MS 60000 /* for all rechecks of one order */
#define POLL_MS 500
#define AGAIN_AFTER_S 5 /* after trouble of our own */

static enum chy_rc load(struct chy_ctx *cx, struct chy_issuance *is)
{
    struct chy_account *account;

    if (chy_account_read(cx, &is->order->account_id, &account) != CHY_OK ||
        chy_order_authzs_load(cx, is->order, &is->authzs, &is->n_authzs) != CHY_OK)
        return CHY_ERR;
    if (account == NULL || strcmp(account->status, "valid") != 0)
        return chy_fail(cx, &CHY_P_unauthorized, "the account is no longer valid");
    if (is->order->csr == NULL)
        return chy_fault_internal(cx, "an order in processing without a CSR");
    is->order->account = account;
    return chy_csr_read(cx, is->order->csr, is->order->csr_len, &is->csr);
}

static bool is_passing_trouble(const struct chy_problem *p)
{
    return strcmp(p->type->urn, CHY_P_dns.urn) == 0 ||
           strcmp(p->type->urn, CHY_P_connection.urn) == 0 ||
           strcmp(p->type->urn, CHY_P_tls.urn) == 0;
}

/* The world looked at again; a name server that does not answer is no refusal (core.md F-12). */
static enum chy_rc recheck(struct chy_worker_thread *t, struct chy_issuance *is)
{
    struct chy_problem p;
    enum chy_rc rc;

    t->cx.db = NULL;
    t->cx.net_until_ms = chy_clock_ms() + NET_MS;
    rc = chy_issue_recheck(&t->cx, is);
    t->cx.net_until_ms = 0;
    t->cx.db = t->db;
    if (rc == CHY_OK || !is_passing_trouble(&t->cx.problem))
        return rc;
    p = t->cx.problem;
    chy_problem_clear(&t->cx);
    return chy_fault_busy(&t->cx, AGAIN_AFTER_S, "recheck: %s", p.detail);
}

/* Everything that must hold, with nothing that waits between it and the record. */
static enum chy_rc check(struct chy_worker_thread *t, struct chy_issuance *is)
{
    if (load(&t->cx, is) != CHY_OK || chy_issue_check(&t->cx, is) != CHY_OK)
        return CHY_ERR;
    if (!chy_issue_is_stale(&t->cx, is))
        return CHY_OK;
    if (recheck(t, is) != CHY_OK)
        return CHY_ERR;
    chy_unit_rules(t); /* the policy may have changed while the network was asked */
    is->rules = t->rules;
    return load(&t->cx, is) != CHY_OK ? CHY_ERR : chy_issue_check(&t->cx, is);
}

static enum chy_rc issue(struct chy_worker_thread *t, struct chy_order *o)
{
    struct chy_issuance is = {
        .rules = t->rules, .registry = t->worker->registry, .signer = t->signer, .order = o};
    bool taken = false, stored = false;

    /* A serial is not spent on a signer that is away. */
    if (check(t, &is) != CHY_OK || chy_signer_ping(&t->cx, t->signer, is.issuer->name) != CHY_OK ||
        chy_issue_plan(&t->cx, &is) != CHY_OK ||
        chy_certificate_record_again(&t->cx, o, &is.record, LEASE_S, &taken) != CHY_OK)
        return CHY_ERR;
    if (!taken)
        return CHY_OK; /* its front stored the certificate after all, or what proved it is gone */
    o->certificate = is.record.id;
    o->has_certificate = true;
    return chy_issue_sign(&t->cx, &is, &stored);
}

/* 503 is trouble of our own that passes: the order is looked at again, until its time is over.
 * Everything else is a refusal, and final. */
static void settle(struct chy_worker_thread *t, struct chy_order *o)
{
    struct chy_ctx *cx = &t->cx;
    json_t *error;
    enum chy_rc rc;

    chy_fault_point("worker.after-order-claim");
    if (issue(t, o) == CHY_OK)
        return;
    chy_log_problem(cx, LOG_ERR, "issuance failed");
    error = chy_keep_json(cx, chy_problem_json(&cx->problem));
    if (cx->problem.status == 503 && chy_now(cx) < o->expires) {
        chy_problem_clear(cx);
        rc = chy_order_release(cx, o, chy_now(cx) + AGAIN_AFTER_S);
    } else {
        chy_problem_clear(cx);
        rc = chy_order_fail(cx, o, error);
    }
    if (rc != CHY_OK)
        chy_log_problem(cx, LOG_ERR, "the order is looked at again when its lease ends");
}

void chy_issue_loop(struct chy_worker_thread *t)
{
    while (!t->worker->stopping) {
        struct chy_order *o = NULL;

        chy_unit_begin(t, CHY_STAGE_STEP);
        if (chy_order_claim(&t->cx, LEASE_S, &o) != CHY_OK)
            chy_log_problem(&t->cx, LOG_WARNING, "no order can be claimed");
        if (o != NULL)
            settle(t, o);
        chy_unit_end(t);
        if (o == NULL)
            chy_worker_nap(t->worker, POLL_MS);
    }
}
