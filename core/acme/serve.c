/* SPDX-License-Identifier: Apache-2.0 */
/* One request from its path to its reply: route, method, envelope, handler, and the headers that
 * every answer carries (RFC 8555 sections 6.1 to 6.7, 7.1).  Everything is linear and blocking. */
#include "core/acme/serve.h"

#include <stdlib.h>
#include <string.h>

#include "core/acme/envelope.h"
#include "core/acme/router.h"
#include "core/base/b64.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/base/random.h"
#include "core/ext/dispatch.h"

struct server_thread {
    struct chy_server *server;
    struct chy_db *db;
    struct chy_signer *signer;
};

void *chy_server_thread_new(struct chy_server *s)
{
    struct server_thread *t = calloc(1, sizeof *t);

    if (t == NULL)
        abort();
    t->server = s;
    t->db = chy_db_new(s->node->database, "chancery-front");
    chy_db_share_outage(t->db, &s->outage);
    t->signer = chy_signer_new(s->node->signer_socket);
    return t;
}

void chy_server_thread_free(void *thread)
{
    struct server_thread *t = thread;

    if (t == NULL)
        return;
    chy_db_free(t->db);
    chy_signer_free(t->signer);
    free(t);
}

uint64_t chy_server_thread_round_trips(const void *thread)
{
    const struct server_thread *t = thread;

    return chy_db_round_trips(t->db);
}

static struct chy_rulebook *hold_rules(struct chy_server *s)
{
    struct chy_rulebook *r;

    pthread_mutex_lock(&s->rules_lock);
    r = chy_rulebook_hold(s->rules);
    pthread_mutex_unlock(&s->rules_lock);
    return r;
}

static enum chy_rc wrong_method(struct chy_acme *a, const struct chy_acme_route *r)
{
    a->allow = chy_route_allow(r);
    if (chy_fail(a->cx, &CHY_P_malformed, "this resource takes %s (RFC 8555 section 6.3)",
                 chy_route_allow(r)) != CHY_OK)
        a->cx->problem.status = 405;
    return CHY_ERR;
}

static void answer_options(struct chy_acme *a, const struct chy_acme_route *r)
{
    a->rp->status = 204;
    chy_reply_header(a->rp, "Allow", chy_route_allow(r));
    chy_reply_header(a->rp, "Access-Control-Allow-Methods", chy_route_allow(r));
    chy_reply_header(a->rp, "Access-Control-Allow-Headers", "Content-Type");
    chy_reply_header(a->rp, "Access-Control-Max-Age", "86400");
}

/* A module's own route: the envelope is opened if it asked for one, then its handler runs. */
static enum chy_rc call_module(struct chy_acme *a, const struct chy_route *mr)
{
    if (chy_acme_admit(a) != CHY_OK)
        return CHY_ERR;
    a->rq->account = a->account.url != NULL ? &a->account : NULL;
    a->rq->payload = a->payload;
    return chy_route_call(a->cx, mr, a->rq, a->rp);
}

static enum chy_rc call_handler(struct chy_acme *a, const struct chy_acme_route *r)
{
    bool is_post = strcmp(a->rq->method, "POST") == 0;

    if (strcmp(a->rq->method, "OPTIONS") == 0) {
        answer_options(a, r);
        return CHY_OK;
    }
    if (!is_post && strcmp(a->rq->method, "GET") != 0 && strcmp(a->rq->method, "HEAD") != 0)
        return wrong_method(a, r);
    if ((is_post && !r->post) || (!is_post && !r->get))
        return wrong_method(a, r);
    if (is_post && (r->module == NULL || r->auth == CHY_ROUTE_KID) &&
        chy_envelope_open(a, r->auth) != CHY_OK)
        return CHY_ERR;
    return r->module != NULL ? call_module(a, r->module) : r->handle(a);
}

static enum chy_rc route(struct chy_acme *a)
{
    const char *base = a->server->base_path;
    const struct chy_acme_route *r = NULL;

    if (a->rq->listener == CHY_LISTEN_PUBLIC)
        base = "";
    /* A query is part of the URL; no resource here has one. */
    if (strncmp(a->rq->path, base, strlen(base)) == 0 && a->rq->query == NULL)
        r = chy_route_find(a->cx, a->server->registry, a->rq->path + strlen(base), a->rq);
    if (r == NULL) {
        /* A nonce fault keeps its own type, and a url mismatch is told as such. */
        if (strcmp(a->rq->method, "POST") == 0 && a->rq->listener == CHY_LISTEN_ACME &&
            chy_envelope_open(a, CHY_ROUTE_EITHER) != CHY_OK)
            return CHY_ERR;
        return chy_acme_not_found(a);
    }
    return call_handler(a, r);
}

static void render_problem(struct chy_acme *a)
{
    const struct chy_problem *p = &a->cx->problem;

    *a->rp = (struct chy_reply){.status = p->status}; /* nothing of a half-made answer goes out */
    if (a->allow != NULL)
        chy_reply_header(a->rp, "Allow", a->allow);
    a->rp->content_type = "application/problem+json";
    chy_reply_header(a->rp, "Content-Language", "en");
    if (p->retry_after_s > 0)
        chy_reply_header(a->rp, "Retry-After", chy_fmt(a->cx, "%u", p->retry_after_s));
    if (p->link != NULL)
        chy_reply_header(a->rp, "Link", p->link);
    if (p->status == 401)
        chy_reply_header(a->rp, "WWW-Authenticate", "ACME");
    chy_reply_json(a->cx, a->rp, chy_keep_json(a->cx, chy_problem_json(p)));
}

/* An account or a nonce that the database refuses may mean that this front's copies are out of date.  A
 * nonce that was refused without it, whoever forged it, says nothing of them. */
static void refresh_copies(struct chy_acme *a)
{
    struct chy_problem before = a->cx->problem;

    if (before.status == 401)
        chy_keycache_drop(a->server->keys, &a->account.id);
    if (!a->has_nonce || strcmp(before.type->urn, CHY_P_badNonce.urn) != 0)
        return;
    chy_problem_clear(a->cx);
    if (chy_nonces_reload(a->cx, a->server->nonces) != CHY_OK)
        chy_log_problem(a->cx, LOG_WARNING, "nonce key not read again");
    a->cx->problem = before;
}

static bool is_directory(const struct chy_acme *a)
{
    size_t n = strlen(a->server->base_path);

    return strncmp(a->rq->path, a->server->base_path, n) == 0 &&
           strcmp(a->rq->path + n, "/directory") == 0;
}

/* Headers of every answer (core.md H-03, H-09, H-10, H-11). */
static void common_headers(struct chy_acme *a)
{
    struct chy_problem before = a->cx->problem;
    bool is_post = strcmp(a->rq->method, "POST") == 0;
    char nonce[CHY_NONCE_TEXT + 1];

    if (a->rq->listener == CHY_LISTEN_PUBLIC)
        return;
    chy_reply_header(a->rp, "Access-Control-Allow-Origin", "*");
    chy_reply_header(a->rp, "Access-Control-Expose-Headers",
                     "Link, Replay-Nonce, Location, Retry-After");
    if (!is_directory(a))
        chy_reply_header(a->rp, "Link",
                         chy_fmt(a->cx, "<%s>;rel=\"index\"", chy_acme_url(a->cx, "/directory")));
    if (!is_post)
        return;
    chy_problem_clear(a->cx);
    if (chy_nonce_make(a->cx, a->server->nonces, nonce) == CHY_OK) {
        chy_reply_header(a->rp, "Replay-Nonce", chy_fmt(a->cx, "%s", nonce));
        chy_reply_header(a->rp, "Cache-Control", "no-store");
    }
    a->cx->problem = before;
}

static void log_request(struct chy_acme *a, int64_t began)
{
    json_t *m = json_pack("{s:s, s:s, s:i, s:s, s:I}", "method", a->rq->method, "path", a->rq->path,
                          "status", a->rp->status, "peer", a->rq->peer, "ms",
                          (json_int_t)(chy_clock_ms() - began));

    if (m != NULL && a->account.url != NULL)
        json_object_set_new(m, "account", json_string(a->account.url));
    if (m != NULL)
        json_object_set_new(m, "policy", json_string(chy_policy_revision(a->cx->policy)));
    chy_log_event(a->cx, LOG_INFO, "request", m);
    if (chy_failed(a->cx))
        chy_log_problem(a->cx, a->cx->problem.status >= 500 ? LOG_ERR : LOG_INFO, "refused");
}

static void name_request(struct chy_ctx *cx)
{
    uint8_t random[9];

    chy_random(random, sizeof random);
    cx->request_id = chy_b64u(cx, random, sizeof random);
}

void chy_server_handle(void *state, struct chy_ctx *cx, struct chy_request *rq,
                       struct chy_reply *rp)
{
    struct server_thread *t = state;
    struct chy_rulebook *rules = hold_rules(t->server);
    struct chy_acme a = {
        .server = t->server, .signer = t->signer, .cx = cx, .rq = rq, .rp = rp, .rules = rules};
    int64_t began = chy_clock_ms();

    name_request(cx);
    cx->stage = CHY_STAGE_REQUEST;
    cx->db = t->db;
    cx->registry = t->server->registry;
    cx->policy = chy_rulebook_policy(rules);
    cx->base_url = t->server->node->base_url;
    cx->fixed_now = chy_clock_now(); /* one time for the whole request */
    if (route(&a) != CHY_OK) {
        chy_envelope_spend(&a);
        refresh_copies(&a);
        render_problem(&a);
    }
    common_headers(&a);
    log_request(&a, began);
    cx->policy = NULL;
    chy_rulebook_drop(rules);
}
