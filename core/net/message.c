/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers over requests and replies (RFC 9110 sections 5.1 and 5.5).  Parsing and writing them
 * is the front's codec. */
#include "core/net/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *chy_request_header(const struct chy_request *rq, const char *name)
{
    for (size_t i = 0; i < rq->n_headers; i++)
        if (strcasecmp(rq->headers[i].name, name) == 0)
            return rq->headers[i].value;
    return NULL;
}

void chy_reply_header(struct chy_reply *rp, const char *name, const char *value)
{
    /* A line break would let whoever chose the value write headers of their own. */
    assert(name[0] != '\0' && name[strcspn(name, ": \t\r\n")] == '\0');
    assert(value[strcspn(value, "\r\n")] == '\0');
    assert(rp->n_headers < CHY_REPLY_HEADERS);
    rp->headers[rp->n_headers].name = name;
    rp->headers[rp->n_headers].value = value;
    rp->n_headers++;
}

void chy_reply_json(struct chy_ctx *cx, struct chy_reply *rp, const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);

    assert(text != NULL);
    chy_arena_defer(cx->arena, free, text);
    rp->body = text;
    rp->body_len = strlen(text);
    if (rp->content_type == NULL)
        rp->content_type = "application/json";
}
