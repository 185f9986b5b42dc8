/* SPDX-License-Identifier: Apache-2.0 */
/* Rendering orders and challenges; compact JSON, stable member order. */
#include "core/acme/render.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/ext/dispatch.h"

#define RETRY_AFTER_S "1" /* issuance takes milliseconds; recovery by a worker some seconds */

static void put_time(json_t *o, const char *name, time_t t)
{
    char text[21];

    json_object_set_new(o, name, json_string(chy_clock_rfc3339(t, text)));
}

static json_t *idents(const struct chy_order *o)
{
    json_t *list = json_array();

    for (size_t i = 0; i < o->n_idents; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "type", o->idents[i].type, "value", o->idents[i].shown));
    return list;
}

static json_t *authz_urls(struct chy_ctx *cx, const struct chy_order *o)
{
    json_t *list = json_array();

    for (size_t i = 0; i < o->n_authzs; i++)
        json_array_append_new(
            list, json_string(chy_acme_url(cx, "/authz/%s", chy_id_text(cx, &o->authzs[i]))));
    return list;
}

enum chy_rc chy_render_order(struct chy_acme *a, const struct chy_order *o, int status)
{
    struct chy_ctx *cx = a->cx;
    const char *url = chy_acme_url(cx, "/order/%s", chy_id_text(cx, &o->id));
    json_t *j = chy_keep_json(cx, json_pack("{s:s}", "status", o->status));

    put_time(j, "expires", o->expires);
    json_object_set_new(j, "identifiers", idents(o));
    json_object_set_new(j, "profile", json_string(o->profile));
    if (o->not_before != 0)
        put_time(j, "notBefore", o->not_before);
    if (o->not_after != 0)
        put_time(j, "notAfter", o->not_after);
    if (o->error != NULL)
        json_object_set(j, "error", o->error);
    json_object_set_new(j, "authorizations", authz_urls(cx, o));
    json_object_set_new(j, "finalize", json_string(chy_fmt(cx, "%s/finalize", url)));
    if (strcmp(o->status, "valid") == 0)
        json_object_set_new(
            j, "certificate",
            json_string(chy_acme_url(cx, "/cert/%s", chy_id_text(cx, &o->certificate))));
    if (chy_order_render_extend(cx, o, j) != CHY_OK)
        return CHY_ERR;
    if (strcmp(o->status, "processing") == 0)
        chy_reply_header(a->rp, "Retry-After", RETRY_AFTER_S);
    a->rp->status = status;
    chy_reply_header(a->rp, "Location", url);
    chy_reply_json(cx, a->rp, j);
    return CHY_OK;
}

json_t *chy_render_challenge(struct chy_ctx *cx, const struct chy_authz *authz,
                             const struct chy_challenge_row *c)
{
    json_t *j = json_pack("{s:s, s:s, s:s}", "type", c->type, "status", c->status, "url",
                          chy_acme_url(cx, "/challenge/%s/%u", chy_id_text(cx, &authz->id), c->n));

    json_object_update_missing(j, c->shown);
    if (c->validated != 0)
        put_time(j, "validated", c->validated);
    if (c->error != NULL)
        json_object_set(j, "error", c->error);
    return j;
}
