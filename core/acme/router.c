/* SPDX-License-Identifier: Apache-2.0 */
/* The table of resources (RFC 8555 section 7.1).  Start here to follow a request: serve.c checks the
 * envelope, then calls the handler named in this table. */
#include "core/acme/router.h"

#include <string.h>

#define VARS_MAX 4
#define SEGMENT_MAX 100 /* octets of a path variable */

static const struct chy_acme_route routes[] = {
    {"/directory", CHY_ROUTE_OPEN, true, true, CHY_LISTEN_ACME, chy_directory_get, NULL},
    {"/new-nonce", CHY_ROUTE_OPEN, true, true, CHY_LISTEN_ACME, chy_new_nonce, NULL},
    {"/new-account", CHY_ROUTE_JWK, false, true, CHY_LISTEN_ACME, chy_new_account, NULL},
    {"/new-order", CHY_ROUTE_KID, false, true, CHY_LISTEN_ACME, chy_new_order, NULL},
    {"/revoke-cert", CHY_ROUTE_EITHER, false, true, CHY_LISTEN_ACME, chy_not_served_yet, NULL},
    {"/key-change", CHY_ROUTE_KID, false, true, CHY_LISTEN_ACME, chy_not_served_yet, NULL},
    {"/account/{id}", CHY_ROUTE_KID, false, true, CHY_LISTEN_ACME, chy_account_post, NULL},
    {"/account/{id}/orders", CHY_ROUTE_KID, false, true, CHY_LISTEN_ACME, chy_not_served_yet, NULL},
    {"/order/{id}", CHY_ROUTE_KID, false, true, CHY_LISTEN_ACME, chy_order_get, NULL},
    {"/order/{id}/finalize", CHY_ROUTE_KID, false, true, CHY_LISTEN_ACME, chy_finalize, NULL},
    {"/authz/{id}", CHY_ROUTE_KID, false, true, CHY_LISTEN_ACME, chy_authz_get, NULL},
    {"/challenge/{id}/{n}", CHY_ROUTE_KID, false, true, CHY_LISTEN_ACME, chy_challenge_post, NULL},
    {"/cert/{id}", CHY_ROUTE_KID, false, true, CHY_LISTEN_ACME, chy_certificate_get, NULL},
    {"/ca/{file}", CHY_ROUTE_OPEN, true, false, CHY_LISTEN_PUBLIC, chy_issuer_certificate_get,
     NULL},
    {"/crl/{file}", CHY_ROUTE_OPEN, true, false, CHY_LISTEN_PUBLIC, chy_not_served_yet, NULL},
};

/* Compare segment by segment; "{name}" takes one non-empty segment, as it stands: no decoding, so
 * that one resource has one spelling (core.md T-E2E-12). */
static bool matches(struct chy_ctx *cx, const char *pattern, const char *path,
                    struct chy_header *vars, size_t *ret_n)
{
    size_t n = 0;

    while (*pattern != '\0' && *path != '\0') {
        const char *end;

        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        end = path + strcspn(path, "/");
        if (end == path || end - path > SEGMENT_MAX || n == VARS_MAX)
            return false;
        vars[n].name = chy_fmt(cx, "%.*s", (int)strcspn(pattern + 1, "}"), pattern + 1);
        vars[n++].value = chy_fmt(cx, "%.*s", (int)(end - path), path);
        pattern += strcspn(pattern, "}") + 1;
        path = end;
    }
    *ret_n = n;
    return *pattern == '\0' && *path == '\0';
}

static const struct chy_acme_route *module_route(struct chy_ctx *cx, const struct chy_route *mr)
{
    struct chy_acme_route *r = chy_alloc(cx, sizeof *r);

    r->path = mr->path;
    r->auth = (mr->auth & CHY_AUTH_JWS) != 0 ? CHY_ROUTE_KID : CHY_ROUTE_OPEN;
    r->get = strstr(mr->methods, "GET") != NULL;
    r->post = strstr(mr->methods, "POST") != NULL;
    r->listener = mr->listeners;
    r->module = mr;
    return r;
}

const struct chy_acme_route *chy_route_find(struct chy_ctx *cx, const struct chy_registry *registry,
                                            const char *path, struct chy_request *rq)
{
    struct chy_header *vars = chy_alloc(cx, VARS_MAX * sizeof *vars);

    rq->vars = vars;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if ((routes[i].listener & rq->listener) != 0 &&
            matches(cx, routes[i].path, path, vars, &rq->n_vars))
            return &routes[i];
    for (size_t m = 0; m < chy_registry_count(registry); m++) {
        const struct chy_route *const *list = chy_registry_module(registry, m)->routes;

        for (; list != NULL && *list != NULL; list++)
            if (((*list)->listeners & rq->listener) != 0 &&
                matches(cx, (*list)->path, path, vars, &rq->n_vars))
                return module_route(cx, *list);
    }
    return NULL;
}

const char *chy_route_allow(const struct chy_acme_route *r)
{
    if (r->get && r->post)
        return "GET, HEAD, POST, OPTIONS";
    return r->get ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
}
