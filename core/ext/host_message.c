/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions over HTTP requests and replies.  What a module says in a reply is checked here: a
 * wrong value fails the unit of work, where in core itself it would be a programming error. */
#include <string.h>

#include "core/ext/call.h"
#include "core/ext/host_part.h"
#include "core/net/message.h"

const char *chy_host_request_method(const struct chy_request *rq)
{
    return rq->method;
}

const char *chy_host_request_var(const struct chy_request *rq, const char *name)
{
    for (size_t i = 0; i < rq->n_vars; i++) {
        if (strcmp(rq->vars[i].name, name) == 0)
            return rq->vars[i].value;
    }
    return NULL;
}

const char *chy_host_request_header(const struct chy_request *rq, const char *name)
{
    return chy_request_header(rq, name);
}

const uint8_t *chy_host_request_body(const struct chy_request *rq, size_t *ret_n)
{
    *ret_n = rq->body_len;
    return rq->body;
}

const struct chy_account *chy_host_request_account(const struct chy_request *rq)
{
    return rq->account;
}

const json_t *chy_host_request_payload(const struct chy_request *rq)
{
    return rq->payload;
}

STACK_OF(X509) * chy_host_request_peer_chain(const struct chy_request *rq)
{
    return rq->peer_chain;
}

const char *chy_host_request_trust_set(const struct chy_request *rq)
{
    return rq->trust_set;
}

const uint8_t *chy_host_request_channel_binding(const struct chy_request *rq, const char *kind,
                                                size_t *ret_n)
{
    bool known = strcmp(kind, "tls-exporter") == 0 && rq->tls_exporter != NULL;

    *ret_n = known ? 32 : 0;
    return known ? rq->tls_exporter : NULL;
}

static bool allow(struct chy_ctx *cx, const char *function)
{
    return chy_host_allow(cx, CHY_AT(REQUEST), function) == CHY_OK;
}

/* A refusal that void functions leave in cx: dispatch reads it there. */
static void refuse(struct chy_ctx *cx, const char *what)
{
    (void)!chy_fault_internal(cx, "module %s: %s", chy_host_module(cx), what);
}

/* RFC 9110 sections 5.1 and 5.5. */
static bool header_ok(const char *name, const char *value)
{
    size_t n = strlen(name);

    if (n == 0 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != n)
        return false;
    for (; *value != '\0'; value++) {
        if ((unsigned char)*value < 0x20 || (unsigned char)*value > 0x7e)
            return false;
    }
    return true;
}

/* These are the codec's, where a second one would split the answer in two, or core's: which nonces and
 * origins are good, and who must authenticate, no module decides. */
static bool header_reserved(const char *name)
{
    static const char *const reserved[] = {
        "Content-Length", "Transfer-Encoding", "Connection", "Date",         "Content-Type",
        "Trailer",        "Upgrade",           "Keep-Alive", "Replay-Nonce", "WWW-Authenticate"};
    static const char origins[] = "Access-Control-";

    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (strcasecmp(reserved[i], name) == 0)
            return true;
    }
    return strncasecmp(name, origins, sizeof origins - 1) == 0;
}

void chy_host_reply_status(struct chy_ctx *cx, struct chy_reply *rp, int status)
{
    if (!allow(cx, "reply_status"))
        return;
    if (status < 200 || status > 599) {
        refuse(cx, chy_fmt(cx, "the status %d cannot be sent", status));
        return;
    }
    rp->status = status;
}

void chy_host_reply_header(struct chy_ctx *cx, struct chy_reply *rp, const char *name,
                           const char *value)
{
    if (!allow(cx, "reply_header"))
        return;
    if (name == NULL || value == NULL) {
        refuse(cx, "a header without a name or value cannot be sent");
        return;
    }
    if (!header_ok(name, value) || header_reserved(name) ||
        rp->n_headers >= CHY_REPLY_HEADERS_MODULE) {
        refuse(cx, chy_fmt(cx, "the header %s cannot be sent", name));
        return;
    }
    chy_reply_header(rp, chy_fmt(cx, "%s", name), chy_fmt(cx, "%s", value));
}

void chy_host_reply_body(struct chy_ctx *cx, struct chy_reply *rp, const char *content_type,
                         const void *b, size_t n)
{
    char *copy;

    if (!allow(cx, "reply_body"))
        return;
    if (content_type == NULL || (b == NULL && n > 0) || !header_ok("Content-Type", content_type)) {
        refuse(cx, "a body, or its content type, cannot be sent");
        return;
    }
    copy = chy_alloc(cx, n + 1);
    if (n > 0)
        memcpy(copy, b, n);
    rp->content_type = chy_fmt(cx, "%s", content_type);
    rp->body = copy;
    rp->body_len = n;
}

void chy_host_reply_json(struct chy_ctx *cx, struct chy_reply *rp, const json_t *object)
{
    if (!allow(cx, "reply_json"))
        return;
    if (!json_is_object(object) || !chy_json_shallow(object) ||
        json_dumpb(object, NULL, 0, JSON_COMPACT) == 0) {
        refuse(cx, "what reply_json is given is no object that can be sent");
        return;
    }
    chy_reply_json(cx, rp, object);
}
