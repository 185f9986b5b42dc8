/* SPDX-License-Identifier: Apache-2.0 */
/* finalize (RFC 8555 section 7.4): with fresh grants the certificate is signed inside the request and
 * the client gets a valid order at once. */
#include <string.h>

#include "core/acme/issue.h"
#include "core/acme/render.h"
#include "core/base/b64.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/store/authorizations.h"
#include "core/store/orders.h"

static enum chy_rc read_csr(struct chy_acme *a, struct chy_csr *ret)
{
    const char *text;
    uint8_t *der;
    size_t n;

    if (chy_acme_only_act(a) != CHY_OK ||
        chy_json_string(a->cx, a->payload, "csr", &text) != CHY_OK)
        return CHY_ERR;
    der = chy_b64u_decode(a->cx, text, strlen(text), &n);
    if (der == NULL)
        return chy_fail(a->cx, &CHY_P_badCSR,
                        "csr is not base64url of DER (RFC 8555 section 7.4): no PEM, no padding");
    return chy_csr_read(a->cx, der, n, ret);
}

static enum chy_rc not_ready(struct chy_acme *a, const char *status)
{
    return chy_fail(a->cx, &CHY_P_orderNotReady,
                    "the order is %s, not ready (RFC 8555 section 7.4)", status);
}

static enum chy_rc read_order(struct chy_acme *a, const struct chy_id *id, struct chy_issuance *is)
{
    bool account_key;

    if (chy_finalize_read(a->cx, &a->guard, id, is->csr.spki_sha256, &is->order, &is->authzs,
                          &is->n_authzs, &account_key) != CHY_OK)
        return CHY_ERR;
    if (is->order == NULL)
        return chy_acme_not_found(a);
    is->order->account = &a->account;
    if (strcmp(is->order->status, "ready") != 0)
        return not_ready(a, is->order->status);
    if (account_key)
        return chy_fail(a->cx, &CHY_P_badCSR,
                        "the CSR's key is an account key (RFC 8555 section 11.1)");
    return CHY_OK;
}

/* The record is committed: from here on the order is in processing whatever happens, and a worker
 * finishes it if this request cannot. */
static void sign_now(struct chy_acme *a, struct chy_issuance *is)
{
    bool stored = false;

    is->order->status = "processing";
    if (chy_issue_sign(a->cx, is, &stored) == CHY_OK && stored) {
        is->order->status = "valid";
        is->order->certificate = is->record.id;
        return;
    }
    chy_log_problem(a->cx, LOG_ERR, "certificate not issued in the request; a worker takes over");
    chy_problem_clear(a->cx);
}

static enum chy_rc issue(struct chy_acme *a, struct chy_issuance *is)
{
    bool taken = false;

    if (chy_issue_check(a->cx, is) != CHY_OK)
        return CHY_ERR;
    if (chy_issue_is_stale(a->cx, is)) {
        if (chy_order_park(a->cx, is->order, is->csr.der, is->csr.der_len, &taken) != CHY_OK)
            return CHY_ERR;
        is->order->status = "processing";
        return taken ? CHY_OK : not_ready(a, "no longer ready");
    }
    if (chy_issue_plan(a->cx, is) != CHY_OK ||
        chy_certificate_record(a->cx, is->order, &is->record, is->csr.der, is->csr.der_len,
                               CHY_ISSUE_LEASE_S, &taken) != CHY_OK)
        return CHY_ERR;
    if (!taken)
        return not_ready(a, "no longer ready");
    sign_now(a, is);
    return CHY_OK;
}

enum chy_rc chy_finalize(struct chy_acme *a)
{
    struct chy_issuance is = {
        .rules = a->rules, .registry = a->server->registry, .signer = a->signer};
    struct chy_id id;

    if (chy_acme_id(a, "id", &id) != CHY_OK || read_csr(a, &is.csr) != CHY_OK ||
        read_order(a, &id, &is) != CHY_OK)
        return CHY_ERR;
    /* Reading may have waited for the database: what is checked, and the lease, begin now. */
    a->cx->fixed_now = chy_clock_now();
    if (issue(a, &is) != CHY_OK)
        return CHY_ERR;
    return chy_render_order(a, is.order, 200);
}
