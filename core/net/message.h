/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP messages between a front's codec and the handlers: already strict, already bounded. */
#ifndef CHY_NET_MESSAGE_H
#define CHY_NET_MESSAGE_H

#include "core/base/cx.h"

struct chy_header {
    const char *name; /* as received; compare without case */
    const char *value;
};

/* A request.  Everything is borrowed from the connection for the length of the handler, except what
 * handlers themselves set (from jws on), which lives in the unit's arena. */
struct chy_request {
    const char *method; /* token, case-sensitive                                   */
    const char *target; /* as received, origin form: begins with '/'               */
    const char *path;   /* target up to '?'; not decoded                           */
    const char *query;  /* after '?', or NULL                                      */
    const struct chy_header *headers;
    size_t n_headers;
    const uint8_t *body; /* chunks already joined                                  */
    size_t body_len;
    const char *peer;            /* numeric address of the client                 */
    enum chy_listener listener;  /* where it came in                              */
    STACK_OF(X509) * peer_chain; /* client certificate chain, or NULL             */
    const char *trust_set;       /* which anchors matched, or NULL                */
    const uint8_t *tls_exporter; /* EXPORTER-Channel-Binding, 32 octets, or NULL  */

    /* Set by the router. */
    const struct chy_account *account; /* JWS routes                               */
    const json_t *payload;             /* JWS routes; NULL = POST-as-GET           */
    const struct chy_header *vars;     /* path variables                           */
    size_t n_vars;
};

#define CHY_REPLY_HEADERS 16
#define CHY_REPLY_HEADERS_MODULE 8 /* of those, before core adds its own */

/* A reply under construction.  Strings and body are in the unit's arena. */
struct chy_reply {
    int status; /* 0 until set */
    struct chy_header headers[CHY_REPLY_HEADERS];
    size_t n_headers;
    const char *content_type;
    const void *body;
    size_t body_len;
    bool close; /* end the connection after it */
};

/* Value of the first header of that name (any case), or NULL. */
const char *chy_request_header(const struct chy_request *rq, const char *name);
/* Add one header line.  A value with CR, LF or NUL, or one header too many, is a programming error. */
void chy_reply_header(struct chy_reply *rp, const char *name, const char *value);
/* Compact JSON of object as the body, type application/json unless already set. */
void chy_reply_json(struct chy_ctx *cx, struct chy_reply *rp, const json_t *object);

/* What a front calls for each request, on a worker thread, and what the loopback tests call.  Never
 * fails: a refusal is a reply.  state is the handler's own (its database connection and so on). */
typedef void chy_handler(void *state, struct chy_ctx *cx, struct chy_request *rq,
                         struct chy_reply *rp);

#endif
