/* SPDX-License-Identifier: Apache-2.0 */
/* Issuance outside a request: orders whose grants must be looked at again, and those whose front died
 * between record and store.  An old record is never signed: it becomes lost and its serial revoked. */
#include "core/acme/issue.h"

#include <string.h>

#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/store/accounts.h"
#include "core/store/authorizations.h"
#include "core/store/orders.h"
#include "core/work/thread.h"

#define LEASE_S 60
#define BATCH 8
#define POLL_MS 500
#define ATTEMPTS_MAX 20 /* tries of an order whose trouble is our own, LEASE_S apart */

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

static enum chy_rc recheck(struct chy_worker_thread *t, struct chy_issuance *is)
{
    enum chy_rc rc;

    if (!chy_issue_is_stale(&t->cx, is))
        return CHY_OK;
    t->cx.db = NULL;
    rc = chy_issue_recheck(&t->cx, is);
    t->cx.db = t->db;
    return rc;
}

static enum chy_rc issue(struct chy_worker_thread *t, struct chy_order *o)
{
    struct chy_issuance is = {
        .rules = t->rules, .registry = t->worker->registry, .signer = t->signer, .order = o};
    bool taken = false, stored = false;

    if (load(&t->cx, &is) != CHY_OK || chy_issue_check(&t->cx, &is) != CHY_OK ||
        recheck(t, &is) != CHY_OK || chy_issue_plan(&t->cx, &is) != CHY_OK ||
        chy_certificate_record_again(&t->cx, o, &is.record, LEASE_S, &taken) != CHY_OK)
        return CHY_ERR;
    if (!taken)
        return CHY_OK; /* its front stored the certificate after all */
    return chy_issue_sign(&t->cx, &is, &stored);
}

static void settle(struct chy_worker_thread *t, struct chy_order *o, unsigned attempts)
{
    struct chy_ctx *cx = &t->cx;
    json_t *error;

    chy_fault_point("worker.after-order-claim");
    if (issue(t, o) == CHY_OK)
        return;
    chy_log_problem(cx, LOG_ERR, "issuance failed");
    if (cx->problem.status >= 500 && attempts < ATTEMPTS_MAX) {
        chy_problem_clear(cx);
        return; /* our own trouble: the lease ends and somebody tries again */
    }
    error = chy_keep_json(cx, chy_problem_json(&cx->problem));
    chy_problem_clear(cx);
    if (chy_order_fail(cx, &o->id, error) != CHY_OK) {
        chy_log_problem(cx, LOG_ERR, "order not failed; tried again later");
        chy_problem_clear(cx);
    }
}

void chy_issue_loop(struct chy_worker_thread *t)
{
    while (!t->worker->stopping) {
        struct chy_order **orders;
        unsigned *attempts;
        size_t n = 0;

        chy_unit_begin(t, CHY_STAGE_STEP);
        if (chy_orders_claim(&t->cx, BATCH, LEASE_S, &orders, &attempts, &n) != CHY_OK) {
            chy_log_problem(&t->cx, LOG_WARNING, "no order can be claimed");
            chy_problem_clear(&t->cx);
        }
        for (size_t i = 0; i < n; i++)
            settle(t, orders[i], attempts[i]);
        chy_unit_end(t);
        if (n == 0)
            chy_worker_nap(t->worker, POLL_MS);
    }
}
