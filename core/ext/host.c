/* SPDX-License-Identifier: Apache-2.0 */
/* The host table: everything that a module may call.  Each entry checks the stage it is called from
 * (extension.h) before it does anything; what stands behind it is in host_*.c and in the layers
 * below.  Basic services are here. */
#include "core/ext/host.h"

#include <string.h>

#include "core/base/b64.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/ext/host_part.h"

const char *chy_host_module(const struct chy_ctx *cx)
{
    return cx->module != NULL ? cx->module->name : "(none)";
}

enum chy_rc chy_host_allow(struct chy_ctx *cx, unsigned mask, const char *function)
{
    static const char *const stages[] = {
        [CHY_STAGE_REQUEST] = "request", [CHY_STAGE_PROBE] = "probe",
        [CHY_STAGE_STEP] = "step",       [CHY_STAGE_ISSUE] = "issue",
        [CHY_STAGE_JOB] = "job",         [CHY_STAGE_COMMAND] = "command",
        [CHY_STAGE_CLIENT] = "client",
    };

    if ((mask & (1u << cx->stage)) != 0)
        return CHY_OK;
    return chy_fault_internal(cx, "module %s called %s, which stage %s may not call",
                              chy_host_module(cx), function, stages[cx->stage]);
}

static char *__attribute__((format(printf, 2, 3))) host_fmt(struct chy_ctx *cx, const char *f, ...)
{
    va_list ap;
    char *text;

    va_start(ap, f);
    text = chy_arena_vfmt(cx->arena, f, ap);
    va_end(ap);
    return text;
}

static enum chy_rc __attribute__((format(printf, 5, 6)))
host_fail(struct chy_ctx *cx, const struct chy_problem_type *t, const char *file, int line,
          const char *detail, ...)
{
    va_list ap;
    char *text;

    va_start(ap, detail);
    text = chy_arena_vfmt(cx->arena, detail, ap);
    va_end(ap);
    if (t == NULL || t->urn == NULL || t->status < 400 || t->status > 599)
        return chy_fault_internal_at(cx, file, line, "module %s failed without a problem type: %s",
                                     chy_host_module(cx), text);
    return chy_fail_at(cx, t, file, line, "%s", text);
}

static void __attribute__((format(printf, 3, 4)))
host_log(struct chy_ctx *cx, int syslog_level, const char *f, ...)
{
    va_list ap;
    char *text;

    va_start(ap, f);
    text = chy_arena_vfmt(cx->arena, f, ap);
    va_end(ap);
    /* LOG_EMERG and LOG_ALERT wake people up: a module may not. */
    if (syslog_level < LOG_CRIT || syslog_level > LOG_DEBUG)
        syslog_level = LOG_ERR;
    chy_log(cx, syslog_level, "module %s: %s", chy_host_module(cx),
            chy_printable(cx, text, strlen(text), 1000));
}

/* No table of metrics is accepted yet (check.c), so whatever comes is undeclared. */
static void host_metric(struct chy_ctx *cx, const struct chy_metric *m, double v,
                        const char *labels)
{
    (void)v;
    (void)labels;
    chy_log(cx, LOG_DEBUG, "module %s: metric %s is not declared", chy_host_module(cx),
            m != NULL && m->name != NULL ? m->name : "(none)");
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
    uint8_t octets[32];

    chy_random(octets, sizeof octets);
    return chy_b64u(cx, octets, sizeof octets);
}

const struct chy_host chy_host_table = {
    .size = sizeof(struct chy_host),

    .alloc = chy_alloc,
    .fmt = host_fmt,
    .fail = host_fail,
    .log = host_log,
    .metric = host_metric,
    .now = host_now,
    .random = host_random,
    .token = host_token,

    .policy_get = chy_host_policy_get,
    .policy_each = chy_host_policy_each,
    .policy_revision = chy_host_policy_revision,
    .secret = chy_host_secret,

    .db = chy_host_db,
    .rows_count = chy_host_rows_count,
    .row_null = chy_host_row_null,
    .row_text = chy_host_row_text,
    .row_int = chy_host_row_int,
    .row_bytes = chy_host_row_bytes,
    .row_json = chy_host_row_json,

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
    .order_create = chy_host_order_create,
    .order_reissue = chy_host_order_reissue,
    .order_use_issuer = chy_host_order_use_issuer,
    .order_public = chy_host_order_public,
    .authz_grant = chy_host_authz_grant,

    .outbox = chy_host_outbox,
    .challenge_wake = chy_host_challenge_wake,
    .sign_with = chy_host_sign_with,

    .dns_query = chy_host_dns_query,
    .http = chy_host_http,
    .tls_dial = chy_host_tls_dial,

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

    .plan_san = chy_host_plan_san,
    .plan_ext = chy_host_plan_ext,
    .plan_subject = chy_host_plan_subject,
    .plan_usage = chy_host_plan_usage,
    .plan_ca = chy_host_plan_ca,
    .plan_validity = chy_host_plan_validity,
    .plan_key_must_be = chy_host_plan_key_must_be,
};
