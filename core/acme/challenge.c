/* SPDX-License-Identifier: Apache-2.0 */
/* Answering a challenge (RFC 8555 section 7.5.1): the response is checked by the challenge's module,
 * the row turns processing, a worker does the rest (core/work/validate.c). */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/acme/render.h"
#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/problem.h"
#include "core/ext/dispatch.h"
#include "core/store/authorizations.h"
#include "core/store/challenges.h"

#define NOTIFY_EVERY_MS 20 /* NOTIFY takes a cluster-wide lock: a hint, coalesced */

static bool time_to_notify(struct chy_server *s)
{
    int64_t now = chy_clock_ms(), last = s->notified_ms;

    return now - last >= NOTIFY_EVERY_MS &&
           atomic_compare_exchange_strong(&s->notified_ms, &last, now);
}

static struct chy_challenge_row *find(struct chy_acme *a, struct chy_authz *authz)
{
    const char *text = chy_acme_var(a, "n");
    size_t n = (size_t)(text[0] - '0');

    /* One digit or two, no leading zero: one resource has one spelling. */
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 2 || (text[0] == '0' && text[1] != '\0'))
        return NULL;
    if (text[1] != '\0')
        n = text[1] < '0' || text[1] > '9' ? SIZE_MAX : n * 10 + (size_t)(text[1] - '0');
    return n < authz->n_challenges ? &authz->challenges[n] : NULL;
}

static enum chy_rc render(struct chy_acme *a, const struct chy_authz *authz,
                          const struct chy_challenge_row *c)
{
    const char *url = chy_acme_url(a->cx, "/authz/%s", chy_id_text(a->cx, &authz->id));
    time_t now = chy_now(a->cx);

    if (strcmp(c->status, "processing") == 0)
        chy_reply_header(
            a->rp, "Retry-After",
            chy_fmt(a->cx, "%lld",
                    (long long)(c->error != NULL && c->due_at > now ? c->due_at - now + 1 : 1)));
    chy_reply_header(a->rp, "Link", chy_fmt(a->cx, "<%s>;rel=\"up\"", url));
    a->rp->status = 200;
    chy_reply_json(a->cx, a->rp, chy_keep_json(a->cx, chy_render_challenge(a->cx, authz, c)));
    return CHY_OK;
}

static enum chy_rc refuse_other_attempt(struct chy_acme *a)
{
    return chy_fail(a->cx, &CHY_P_malformed,
                    "another challenge of this authorization is being validated, or it was decided "
                    "just now");
}

/* pending -> processing.  The key authorization is fixed now, with the key of now (core.md C-03). */
static enum chy_rc respond(struct chy_acme *a, const struct chy_authz *authz,
                           struct chy_challenge_row *c, const struct chy_challenge_type *t)
{
    struct chy_challenge ch = {.authz = authz->id,
                               .n = c->n,
                               .ident = authz->ident,
                               .wildcard = authz->wildcard,
                               .account_url = a->account.url,
                               .account_thumbprint = a->account.thumbprint,
                               .shown = c->shown,
                               .secret = c->secret,
                               .deadline = c->deadline};
    const char *token = json_string_value(json_object_get(c->shown, "token"));
    bool taken = false;

    if (chy_challenge_accept(a->cx, t, &ch, a->payload) != CHY_OK)
        return CHY_ERR;
    if (t->binding == CHY_BIND_KEY_AUTHORIZATION) {
        if (token == NULL)
            return chy_fault_internal(a->cx, "challenge %s was offered without a token", t->name);
        c->key_authorization = chy_fmt(a->cx, "%s.%s", token, a->account.thumbprint);
    }
    /* What the module does not look at is not kept (RFC 8555 section 7.5.1). */
    if (t->accept == NULL)
        a->payload = chy_keep_json(a->cx, json_object());
    if (chy_challenge_respond(a->cx, &ch, c->key_authorization, a->payload,
                              time_to_notify(a->server), &taken) != CHY_OK)
        return CHY_ERR;
    if (!taken)
        return refuse_other_attempt(a);
    c->status = "processing";
    return CHY_OK;
}

enum chy_rc chy_challenge_post(struct chy_acme *a)
{
    const struct chy_challenge_type *t;
    struct chy_challenge_row *c;
    struct chy_authz *authz;
    struct chy_id id;

    if (chy_acme_id(a, "id", &id) != CHY_OK ||
        chy_authz_read(a->cx, &a->guard, &id, &authz) != CHY_OK)
        return CHY_ERR;
    c = authz == NULL ? NULL : find(a, authz);
    if (c == NULL)
        return chy_acme_not_found(a);
    /* Reading, and answering what is already answered, changes nothing (core.md C-05, C-06). */
    if (a->payload == NULL || strcmp(c->status, "processing") == 0 ||
        strcmp(c->status, "valid") == 0)
        return render(a, authz, c);
    if (strcmp(authz->status, "pending") != 0 || strcmp(c->status, "pending") != 0)
        return chy_fail(a->cx, &CHY_P_malformed, "the authorization is %s (RFC 8555 section 7.5.1)",
                        authz->status);
    t = chy_registry_challenge(a->server->registry, c->type);
    if (t == NULL)
        return chy_fault_internal(a->cx, "the module of challenge %s is not loaded", c->type);
    return respond(a, authz, c, t) != CHY_OK ? CHY_ERR : render(a, authz, c);
}
