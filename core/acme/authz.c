/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an authorization (RFC 8555 section 7.5).  Deactivation is not here yet and answers 501. */
#include <string.h>

#include "core/acme/render.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/store/authorizations.h"

/* pending: all that are offered; valid: the one that proved it; invalid: the one that was tried. */
static bool is_shown(const struct chy_authz *authz, const struct chy_challenge_row *c)
{
    if (strcmp(authz->status, "valid") == 0 || strcmp(authz->status, "expired") == 0)
        return strcmp(c->status, "valid") == 0;
    if (strcmp(authz->status, "invalid") == 0)
        return strcmp(c->status, "invalid") == 0;
    return true;
}

static json_t *challenges(struct chy_ctx *cx, const struct chy_authz *authz)
{
    json_t *list = json_array();

    for (size_t i = 0; i < authz->n_challenges; i++)
        if (is_shown(authz, &authz->challenges[i]))
            json_array_append_new(list, chy_render_challenge(cx, authz, &authz->challenges[i]));
    return list;
}

static enum chy_rc check_payload(struct chy_acme *a)
{
    const char *status = NULL;

    if (a->payload == NULL)
        return CHY_OK;
    if (chy_json_opt_string(a->cx, a->payload, "status", &status) != CHY_OK)
        return CHY_ERR;
    if (status != NULL && strcmp(status, "deactivated") == 0)
        return chy_not_served_yet(a);
    return chy_acme_only_read(a);
}

enum chy_rc chy_authz_get(struct chy_acme *a)
{
    struct chy_ctx *cx = a->cx;
    struct chy_authz *authz;
    struct chy_id id;
    char expires[21];
    json_t *o;

    if (chy_acme_id(a, "id", &id) != CHY_OK || check_payload(a) != CHY_OK ||
        chy_authz_read(cx, &a->guard, &id, &authz) != CHY_OK)
        return CHY_ERR;
    if (authz == NULL)
        return chy_acme_not_found(a);
    o = chy_keep_json(cx, json_pack("{s:{s:s, s:s}, s:s, s:s, s:o}", "identifier", "type",
                                    authz->ident.type, "value", authz->ident.value, "status",
                                    authz->status, "expires",
                                    chy_clock_rfc3339(authz->expires, expires), "challenges",
                                    challenges(cx, authz)));
    if (authz->wildcard)
        json_object_set_new(o, "wildcard", json_true());
    a->rp->status = 200;
    chy_reply_json(cx, a->rp, o);
    return CHY_OK;
}
