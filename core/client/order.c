/* SPDX-License-Identifier: Apache-2.0 */
/* Orders, authorizations, challenges and certificates (RFC 8555 sections 7.4, 7.5). */
#include <string.h>

#include "core/base/b64.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/client/internal.h"

#define FIRST_PAUSE_MS 100 /* between two looks, where the server does not say */
#define LAST_PAUSE_MS 5000

/* An order as an answer: url is where it is. */
static enum chy_rc take_order(struct chy_ctx *cx, const struct chy_client *c,
                              const struct chy_answer *a, const char *url,
                              struct chy_client_order *ret)
{
    struct chy_client_order order;

    if (chy_client_parse_order(cx, a->body, a->n, c->config.allow_http, &order) != CHY_OK)
        return CHY_ERR;
    order.url = url;
    order.retry_after_s = a->retry_after_s;
    *ret = order;
    return CHY_OK;
}

enum chy_rc chy_client_new_order(struct chy_ctx *cx, struct chy_client *c,
                                 const struct chy_ident *idents, size_t n, const char *profile,
                                 struct chy_client_order *ret)
{
    json_t *list = json_array(), *payload = chy_keep_json(cx, json_object());
    struct chy_answer a;

    json_object_set_new(payload, "identifiers", list);
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(list, json_pack("{s:s, s:s}", "type", idents[i].type, "value",
                                                  idents[i].value)) != 0)
            return CHY_STEP_FAIL(cx, CHY_CS_NEW_ORDER, "an identifier is no UTF-8");
    if (profile != NULL && json_object_set_new(payload, "profile", json_string(profile)) != 0)
        return CHY_STEP_FAIL(cx, CHY_CS_NEW_ORDER, "the profile's name is no UTF-8");
    if (chy_resource(cx, c, CHY_CS_NEW_ORDER, c->directory.new_order) != CHY_OK ||
        chy_post_json(cx, c, CHY_CS_NEW_ORDER, c->directory.new_order, payload, &a) != CHY_OK)
        return CHY_ERR;
    if (a.location == NULL || !chy_client_url_ok(a.location, c->config.allow_http))
        return CHY_STEP_FAIL(cx, CHY_CS_NEW_ORDER, "the server names no order in Location");
    return take_order(cx, c, &a, a.location, ret);
}

enum chy_rc chy_client_read_order(struct chy_ctx *cx, struct chy_client *c, const char *url,
                                  struct chy_client_order *ret)
{
    struct chy_answer a;

    if (chy_post(cx, c, CHY_CS_ORDER, url, "", &a) != CHY_OK)
        return CHY_ERR;
    return take_order(cx, c, &a, url, ret);
}

enum chy_rc chy_client_read_authz(struct chy_ctx *cx, struct chy_client *c, const char *url,
                                  struct chy_client_authz *ret)
{
    struct chy_client_authz authz;
    struct chy_answer a;

    if (chy_post(cx, c, CHY_CS_AUTHZ, url, "", &a) != CHY_OK ||
        chy_client_parse_authz(cx, a.body, a.n, c->config.allow_http, &authz) != CHY_OK)
        return CHY_ERR;
    authz.retry_after_s = a.retry_after_s;
    *ret = authz;
    return CHY_OK;
}

enum chy_rc chy_client_respond(struct chy_ctx *cx, struct chy_client *c, const char *url,
                               const json_t *response)
{
    struct chy_answer a;

    if (response == NULL)
        return chy_post(cx, c, CHY_CS_CHALLENGE, url, "{}", &a);
    return chy_post_json(cx, c, CHY_CS_CHALLENGE, url, response, &a);
}

/* ---- waiting ---- */

/* Until the next look; false (with the reason recorded) when there is no time left for it. */
static enum chy_rc pause_before_next(struct chy_ctx *cx, const struct chy_client *c,
                                     enum chy_client_step step, unsigned retry_after_s,
                                     unsigned *pause_ms, int64_t until_ms)
{
    int64_t left = until_ms - chy_clock_ms(), ms = *pause_ms;

    if (retry_after_s != 0)
        ms = (int64_t)retry_after_s * 1000;
    if (ms > left)
        return CHY_STEP_FAIL(cx, step,
                             "the server has not decided in the time that was given to it%s",
                             retry_after_s != 0 ? " and asks to wait longer" : "");
    *pause_ms = *pause_ms * 2 > LAST_PAUSE_MS ? LAST_PAUSE_MS : *pause_ms * 2;
    return chy_client_pause(c, (unsigned)ms) ? CHY_OK : CHY_STEP_FAIL(cx, step, "interrupted");
}

static bool undecided(enum chy_client_status status)
{
    return status == CHY_ST_PENDING || status == CHY_ST_PROCESSING;
}

enum chy_rc chy_client_wait_authz(struct chy_ctx *cx, struct chy_client *c, const char *url,
                                  int64_t until_ms, struct chy_client_authz *ret)
{
    unsigned pause_ms = FIRST_PAUSE_MS;

    for (;;) {
        if (chy_client_read_authz(cx, c, url, ret) != CHY_OK)
            return CHY_ERR;
        if (!undecided(ret->status))
            return CHY_OK;
        if (pause_before_next(cx, c, CHY_CS_AUTHZ, ret->retry_after_s, &pause_ms, until_ms) !=
            CHY_OK)
            return CHY_ERR;
    }
}

enum chy_rc chy_client_wait_order(struct chy_ctx *cx, struct chy_client *c, const char *url,
                                  int64_t until_ms, struct chy_client_order *ret)
{
    unsigned pause_ms = FIRST_PAUSE_MS;

    for (;;) {
        if (chy_client_read_order(cx, c, url, ret) != CHY_OK)
            return CHY_ERR;
        if (!undecided(ret->status))
            return CHY_OK;
        if (pause_before_next(cx, c, CHY_CS_ORDER, ret->retry_after_s, &pause_ms, until_ms) !=
            CHY_OK)
            return CHY_ERR;
    }
}

/* ---- the certificate ---- */

enum chy_rc chy_client_finalize(struct chy_ctx *cx, struct chy_client *c,
                                const struct chy_client_order *order, const uint8_t *csr,
                                size_t csr_n, struct chy_client_order *ret)
{
    const char *payload = chy_fmt(cx, "{\"csr\":\"%s\"}", chy_b64u(cx, csr, csr_n));
    struct chy_answer a;

    if (chy_post(cx, c, CHY_CS_FINALIZE, order->finalize, payload, &a) != CHY_OK)
        return CHY_ERR;
    return take_order(cx, c, &a, order->url, ret);
}

enum chy_rc chy_client_certificate(struct chy_ctx *cx, struct chy_client *c, const char *url,
                                   struct chy_chain *ret)
{
    struct chy_answer a;

    if (chy_post(cx, c, CHY_CS_CERTIFICATE, url, "", &a) != CHY_OK)
        return CHY_ERR;
    if (a.content_type == NULL || strcmp(a.content_type, "application/pem-certificate-chain") != 0)
        return CHY_STEP_FAIL(cx, CHY_CS_CERTIFICATE, "the server sends %.100s, no PEM chain",
                             a.content_type != NULL ? a.content_type : "something without a type");
    return chy_chain_read(cx, a.body, a.n, ret);
}
