/* SPDX-License-Identifier: Apache-2.0 */
/* Directory and newNonce (RFC 8555 sections 7.1.1, 7.2), and what the server does not serve yet. */
#include <string.h>

#include "core/acme/request.h"
#include "core/base/problem.h"
#include "core/ext/dispatch.h"

/* These two may be read by POST-as-GET; its nonce is spent like any other. */
static enum chy_rc open_for_reading(struct chy_acme *a)
{
    return chy_acme_only_read(a) != CHY_OK ? CHY_ERR : chy_acme_admit(a);
}

static void copy_member(json_t *to, const char *as, const json_t *from, const char *key)
{
    json_t *v = json_object_get(from, key);

    if (v != NULL && !(json_is_array(v) && json_array_size(v) == 0))
        json_object_set(to, as, v);
}

static void describe_profile(void *arg, const char *name, const json_t *doc)
{
    json_t *text = json_object_get(doc, "description");

    json_object_set((json_t *)arg, name, text);
}

static json_t *make_meta(struct chy_ctx *cx)
{
    const json_t *settings = json_object_get(chy_rules_server(cx), "directory");
    json_t *meta = json_object(), *profiles = json_object();

    copy_member(meta, "termsOfService", settings, "terms");
    copy_member(meta, "website", settings, "website");
    copy_member(meta, "caaIdentities", settings, "caa-identities");
    chy_policy_each(cx->policy, "profiles", describe_profile, profiles);
    json_object_set_new(meta, "profiles", profiles);
    return meta;
}

enum chy_rc chy_directory_get(struct chy_acme *a)
{
    struct chy_ctx *cx = a->cx;
    json_t *dir, *meta;

    if (open_for_reading(a) != CHY_OK)
        return CHY_ERR;
    dir = chy_keep_json(cx, json_pack("{s:s, s:s, s:s, s:s, s:s}", "newNonce",
                                      chy_acme_url(cx, "/new-nonce"), "newAccount",
                                      chy_acme_url(cx, "/new-account"), "newOrder",
                                      chy_acme_url(cx, "/new-order"), "revokeCert",
                                      chy_acme_url(cx, "/revoke-cert"), "keyChange",
                                      chy_acme_url(cx, "/key-change")));
    meta = make_meta(cx);
    json_object_set_new(dir, "meta", meta);
    if (chy_directory_extend(cx, dir, meta) != CHY_OK)
        return CHY_ERR;
    a->rp->status = 200;
    chy_reply_json(cx, a->rp, dir);
    return CHY_OK;
}

/* HEAD 200, GET 204, POST-as-GET 200 (core.md N-06); the nonce of a POST is added to every POST. */
enum chy_rc chy_new_nonce(struct chy_acme *a)
{
    char nonce[CHY_NONCE_TEXT + 1];

    if (open_for_reading(a) != CHY_OK)
        return CHY_ERR;
    a->rp->status = strcmp(a->rq->method, "GET") == 0 ? 204 : 200;
    if (strcmp(a->rq->method, "POST") == 0)
        return CHY_OK;
    if (chy_nonce_make(a->cx, a->server->nonces, nonce) != CHY_OK)
        return CHY_ERR;
    chy_reply_header(a->rp, "Replay-Nonce", chy_fmt(a->cx, "%s", nonce));
    chy_reply_header(a->rp, "Cache-Control", "no-store");
    return CHY_OK;
}

enum chy_rc chy_not_served_yet(struct chy_acme *a)
{
    if (chy_acme_admit(a) != CHY_OK)
        return CHY_ERR;
    if (chy_fail(a->cx, &CHY_P_serverInternal,
                 "this version of the server does not serve this resource yet") != CHY_OK)
        a->cx->problem.status = 501;
    return CHY_ERR;
}
