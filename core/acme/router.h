/* SPDX-License-Identifier: Apache-2.0 */
/* Which handler answers which path. */
#ifndef CHY_ACME_ROUTER_H
#define CHY_ACME_ROUTER_H

#include "core/acme/request.h"

struct chy_acme_route {
    const char *path; /* "/order/{id}/finalize"                                  */
    enum chy_route_auth auth;
    bool get, post;
    enum chy_listener listener;
    chy_acme_handler *handle;
    const struct chy_route *module; /* a module's route, or NULL                 */
};

/* The route of a path (without the base's), its variables in rq->vars; NULL if there is none. */
const struct chy_acme_route *chy_route_find(struct chy_ctx *cx, const struct chy_registry *registry,
                                            const char *path, struct chy_request *rq);
/* "GET, HEAD, OPTIONS", ... for Allow. */
const char *chy_route_allow(const struct chy_acme_route *r);

#endif
