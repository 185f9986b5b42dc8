/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into challenge types: offer and accept in a request, probe in the network, step in the
 * database (RFC 8555 sections 7.5.1, 8).  A verdict is never better than what a module returned
 * without a recorded failure. */
#include <string.h>

#include "core/base/utf8.h"
#include "core/ext/call.h"

#define LOOKUP_MAX 256
#define TOKEN_MIN 22 /* base64url characters of 128 bits (RFC 8555 section 8.1) */

/* The JSON of a challenge before a call: whatever else stands there afterwards was handed out by the
 * module and is core's from then on. */
struct held {
    json_t *shown, *secret, *response;
};

static struct held hold(const struct chy_challenge *ch)
{
    return (struct held){ch->shown, ch->secret, ch->response};
}

static void adopt(struct chy_ctx *cx, const struct chy_challenge *ch, struct held before)
{
    if (ch->shown != before.shown)
        chy_keep_json(cx, ch->shown);
    if (ch->secret != before.secret)
        chy_keep_json(cx, ch->secret);
    if (ch->response != before.response)
        chy_keep_json(cx, ch->response);
}

static enum chy_rc check_json(struct chy_ctx *cx, const struct chy_challenge_type *t,
                              const char *what, const json_t *j)
{
    if (j == NULL || (json_is_object(j) && chy_json_storable(j)))
        return CHY_OK;
    return chy_fault_internal(cx, "%s of challenge type %s is no object of at most %u octets", what,
                              t->name, CHY_FROM_MODULE_MAX);
}

static enum chy_rc check_shown(struct chy_ctx *cx, const struct chy_challenge_type *t,
                               const struct chy_challenge *ch)
{
    static const char *const core_members[] = {"type", "url", "status", "validated", "error"};

    for (size_t i = 0; i < sizeof core_members / sizeof *core_members; i++) {
        if (json_object_get(ch->shown, core_members[i]) != NULL)
            return chy_fault_internal(cx, "challenge type %s shows a member %s, which is core's",
                                      t->name, core_members[i]);
    }
    return CHY_OK;
}

/* The key authorization is made of the token: it must be there and hard to guess. */
static enum chy_rc check_token(struct chy_ctx *cx, const struct chy_challenge_type *t,
                               const struct chy_challenge *ch)
{
    const char *token = json_string_value(json_object_get(ch->shown, "token"));

    if (t->binding != CHY_BIND_KEY_AUTHORIZATION)
        return CHY_OK;
    if (token != NULL && strlen(token) >= TOKEN_MIN &&
        strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
            strlen(token))
        return CHY_OK;
    return chy_fault_internal(
        cx, "challenge type %s shows no base64url token of at least %d characters", t->name,
        TOKEN_MIN);
}

static enum chy_rc check_state(struct chy_ctx *cx, const struct chy_challenge_type *t,
                               const struct chy_challenge *ch)
{
    if (check_json(cx, t, "shown", ch->shown) != CHY_OK ||
        check_json(cx, t, "secret", ch->secret) != CHY_OK || check_shown(cx, t, ch) != CHY_OK ||
        check_token(cx, t, ch) != CHY_OK)
        return CHY_ERR;
    if (ch->lookup_key == NULL)
        return CHY_OK;
    if (strnlen(ch->lookup_key, LOOKUP_MAX + 1) <= LOOKUP_MAX && ch->lookup_key[0] != '\0' &&
        chy_utf8_valid((const uint8_t *)ch->lookup_key, strlen(ch->lookup_key)))
        return CHY_OK;
    return chy_fault_internal(cx, "lookup key of challenge type %s is no text of 1 to %d octets",
                              t->name, LOOKUP_MAX);
}

enum chy_rc chy_challenge_offer(struct chy_ctx *cx, const struct chy_challenge_type *t,
                                struct chy_challenge *ch, bool *ret_offered)
{
    struct held before = hold(ch);
    struct chy_call call;
    bool offer = true;
    enum chy_rc rc;

    if (chy_call_begin(cx, &call, t, CHY_STAGE_REQUEST, "offer", t->name) != CHY_OK)
        return CHY_ERR;
    rc = t->offer(cx, ch, &offer);
    adopt(cx, ch, before);
    if (chy_call_end(cx, &call, rc) != CHY_OK || (offer && check_state(cx, t, ch) != CHY_OK))
        return CHY_ERR;
    *ret_offered = offer;
    return CHY_OK;
}

enum chy_rc chy_challenge_accept(struct chy_ctx *cx, const struct chy_challenge_type *t,
                                 struct chy_challenge *ch, const json_t *body)
{
    struct held before = hold(ch);
    struct chy_call call;
    enum chy_rc rc;

    if (!json_is_object(body))
        return chy_fail(cx, &CHY_P_malformed,
                        "a response to a challenge must be a JSON object (RFC 8555 section 7.5.1)");
    if (t->accept == NULL)
        return CHY_OK;
    if (chy_call_begin(cx, &call, t, CHY_STAGE_REQUEST, "accept", t->name) != CHY_OK)
        return CHY_ERR;
    rc = t->accept(cx, ch, body);
    adopt(cx, ch, before);
    if (chy_call_end(cx, &call, rc) != CHY_OK)
        return CHY_ERR;
    return check_state(cx, t, ch);
}

enum chy_rc chy_challenge_probe(struct chy_ctx *cx, const struct chy_challenge_type *t,
                                const struct chy_challenge *ch, json_t **ret_evidence)
{
    json_t *evidence = NULL;
    struct chy_call call;
    enum chy_rc rc;

    if (t->probe == NULL) {
        *ret_evidence = NULL;
        return CHY_OK;
    }
    if (chy_call_begin(cx, &call, t, CHY_STAGE_PROBE, "probe", t->name) != CHY_OK)
        return CHY_ERR;
    call.fallback = t->fallback;
    rc = t->probe(cx, ch, &evidence);
    chy_keep_json(cx, evidence);
    if (chy_call_end(cx, &call, rc) != CHY_OK)
        return CHY_ERR;
    if (evidence == NULL || !chy_json_storable(evidence))
        return chy_fault_internal(cx,
                                  "probe of challenge type %s gave no evidence of at most %u "
                                  "octets",
                                  t->name, CHY_FROM_MODULE_MAX);
    *ret_evidence = evidence;
    return CHY_OK;
}

/* ---- verdicts ---- */

static enum chy_rc check_valid(struct chy_ctx *cx, const struct chy_challenge_type *t,
                               struct chy_verdict *v)
{
    time_t latest = chy_now(cx) + (time_t)t->max_evidence_age_s;

    if (check_json(cx, t, "grant", v->grant) != CHY_OK)
        return CHY_ERR;
    if (v->grant == NULL)
        v->grant = chy_keep_json(cx, json_object());
    if (v->grant_expires != 0 && v->grant_expires <= chy_now(cx))
        return chy_fault_internal(cx, "step of challenge type %s gave a grant that is over already",
                                  t->name);
    /* No grant outlives the evidence (extension.h). */
    if (v->grant_expires == 0 || v->grant_expires > latest)
        v->grant_expires = latest;
    return CHY_OK;
}

static enum chy_rc check_verdict(struct chy_ctx *cx, const struct chy_challenge_type *t,
                                 struct chy_verdict *v)
{
    switch (v->state) {
    case CHY_V_PENDING:
        /* A wake-up in the past would run in circles. */
        if (v->wake_at != 0 && v->wake_at <= chy_now(cx))
            v->wake_at = chy_now(cx) + 1;
        return CHY_OK;
    case CHY_V_VALID:
        return check_valid(cx, t, v);
    case CHY_V_INVALID:
        return CHY_OK;
    }
    return chy_fault_internal(cx, "step of challenge type %s gave the verdict %d", t->name,
                              (int)v->state);
}

enum chy_rc chy_challenge_step(struct chy_ctx *cx, const struct chy_challenge_type *t,
                               struct chy_challenge *ch, const struct chy_event *ev,
                               struct chy_verdict *ret)
{
    struct held before = hold(ch);
    struct chy_verdict v = {.state = CHY_V_PENDING};
    struct chy_call call;
    const char *module;
    enum chy_rc rc, ended;

    if (chy_call_begin(cx, &call, t, CHY_STAGE_STEP, "step", t->name) != CHY_OK)
        return CHY_ERR;
    call.fallback = t->fallback;
    module = cx->module->name;
    rc = t->step(cx, ch, ev, &v);
    adopt(cx, ch, before);
    chy_keep_json(cx, v.grant);
    ended = chy_call_end(cx, &call, rc);
    if (rc == CHY_OK && v.state == CHY_V_INVALID) {
        /* Its reason is what the client reads: there is always one. */
        if (!chy_failed(cx))
            (void)!chy_call_unexplained(cx, t->fallback, module, "the verdict", t->name);
        v.grant = NULL;
        *ret = v;
        return CHY_OK;
    }
    if (ended != CHY_OK || check_state(cx, t, ch) != CHY_OK || check_verdict(cx, t, &v) != CHY_OK)
        return CHY_ERR;
    *ret = v;
    return CHY_OK;
}
