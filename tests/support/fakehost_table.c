/* SPDX-License-Identifier: Apache-2.0 */
/* The fake host's table. */
#include <stdlib.h>

#include "core/base/b64.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/base/random.h"
#include "core/ext/host_part.h"
#include "tests/support/fakehost_state.h"

static char *host_fmt(struct chy_ctx *cx, const char *f, ...) __attribute__((format(printf, 2, 3)));
static void host_log(struct chy_ctx *cx, int syslog_level, const char *f, ...)
    __attribute__((format(printf, 3, 4)));

static char *host_fmt(struct chy_ctx *cx, const char *f, ...)
{
    va_list ap;
    char *text;

    va_start(ap, f);
    text = chy_arena_vfmt(cx->arena, f, ap);
    va_end(ap);
    return text;
}

static void host_log(struct chy_ctx *cx, int syslog_level, const char *f, ...)
{
    va_list ap;
    char *text;

    (void)syslog_level;
    va_start(ap, f);
    text = chy_arena_vfmt(cx->arena, f, ap);
    va_end(ap);
    fake_note(cx, "log", text, NULL);
}

static void host_metric(struct chy_ctx *cx, const struct chy_metric *m, double v,
                        const char *labels)
{
    fake_note(cx, "metric", m->name, chy_fmt(cx, "%g", v), labels != NULL ? labels : "", NULL);
}

static time_t host_now(struct chy_ctx *cx)
{
    return chy_now(cx);
}

static void host_random(struct chy_ctx *cx, void *out, size_t n)
{
    (void)cx;
    chy_random(out, n);
}

static char *host_token(struct chy_ctx *cx)
{
    const char *token = fake_of(cx)->token;
    uint8_t octets[32];

    fake_of(cx)->token = NULL;
    if (token != NULL)
        return chy_fmt(cx, "%s", token);
    chy_random(octets, sizeof octets);
    return chy_b64u(cx, octets, sizeof octets);
}

static enum chy_rc host_sign_with(struct chy_ctx *cx, const char *key_reference, const uint8_t *tbs,
                                  size_t n, const uint8_t **ret_sig, size_t *ret_n)
{
    (void)tbs;
    fake_note(cx, "sign_with", key_reference, chy_fmt(cx, "(%zu)", n), NULL);
    *ret_sig = (const uint8_t *)"signature";
    *ret_n = 9;
    return CHY_OK;
}

static const struct chy_host fake_host = {
    .size = sizeof(struct chy_host),
    .alloc = chy_alloc,
    .fmt = host_fmt,
    .fail = chy_fail_at,
    .log = host_log,
    .metric = host_metric,
    .now = host_now,
    .random = host_random,
    .token = host_token,
    .sign_with = host_sign_with,
    .dns_query = fake_host_dns,
    .http = fake_host_http,
    .tls_dial = fake_host_tls,
    .policy_get = fake_host_policy_get,
    .policy_each = fake_host_policy_each,
    .policy_revision = fake_host_policy_revision,
    .secret = fake_host_secret,
    .db = fake_host_db,
    .rows_count = fake_host_rows_count,
    .row_null = fake_host_row_null,
    .row_text = fake_host_row_text,
    .row_int = fake_host_row_int,
    .row_bytes = fake_host_row_bytes,
    .row_json = fake_host_row_json,
    .order_use_issuer = fake_host_order_use_issuer,
    .order_public = fake_host_order_public,
    .order_reissue = fake_host_order_reissue,
    .order_create = fake_host_order_create,
    .authz_grant = fake_host_authz_grant,
    .outbox = fake_host_outbox,
    .challenge_wake = fake_host_challenge_wake,
    .plan_san = fake_host_plan_san,
    .plan_ext = fake_host_plan_ext,
    .plan_subject = fake_host_plan_subject,
    .plan_usage = fake_host_plan_usage,
    .plan_ca = fake_host_plan_ca,
    .plan_validity = fake_host_plan_validity,
    .plan_key_must_be = fake_host_plan_key_must_be,
    .account_id = chy_host_account_id,
    .account_url = chy_host_account_url,
    .account_thumbprint = chy_host_account_thumbprint,
    .order_id = chy_host_order_id,
    .order_account = chy_host_order_account,
    .order_status = chy_host_order_status,
    .order_profile = chy_host_order_profile,
    .order_idents = chy_host_order_idents,
    .order_state = chy_host_order_state,
    .order_set_state = chy_host_order_set_state,
    .order_set_status = chy_host_order_set_status,
    .request_method = chy_host_request_method,
    .request_var = chy_host_request_var,
    .request_header = chy_host_request_header,
    .request_body = chy_host_request_body,
    .request_account = chy_host_request_account,
    .request_payload = chy_host_request_payload,
    .request_peer_chain = chy_host_request_peer_chain,
    .request_trust_set = chy_host_request_trust_set,
    .request_channel_binding = chy_host_request_channel_binding,
    .reply_status = chy_host_reply_status,
    .reply_header = chy_host_reply_header,
    .reply_body = chy_host_reply_body,
    .reply_json = chy_host_reply_json,
};

void fake_module(struct chy_ctx *cx, const struct chy_module *module)
{
    cx->module = module;
    if (module->init != NULL && module->init(&fake_host) != CHY_OK)
        abort();
}
