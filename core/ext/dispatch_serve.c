/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into modules' routes and jobs. */
#include "core/ext/call.h"
#include "core/net/message.h"

enum chy_rc chy_route_call(struct chy_ctx *cx, const struct chy_route *r, struct chy_request *rq,
                           struct chy_reply *rp)
{
    struct chy_call call;

    if (rq->body_len > r->max_body) {
        if (chy_fail(cx, &CHY_P_malformed,
                     "the body is over the %u octets that this resource takes",
                     (unsigned)r->max_body) != CHY_OK)
            cx->problem.status = 413;
        return CHY_ERR;
    }
    if (chy_call_begin(cx, &call, r, CHY_STAGE_REQUEST, "handle", r->path) != CHY_OK ||
        chy_call_end(cx, &call, r->handle(cx, rq, rp)) != CHY_OK)
        return CHY_ERR;
    if (rp->status == 0)
        return chy_fault_internal(cx, "route %s left the reply without a status", r->path);
    return CHY_OK;
}

enum chy_rc chy_job_call(struct chy_ctx *cx, const struct chy_job *j, uint32_t *ret_done)
{
    struct chy_call call;
    uint32_t done = 0;

    if (chy_call_begin(cx, &call, j, CHY_STAGE_JOB, "run", j->name) != CHY_OK ||
        chy_call_end(cx, &call, j->run(cx, j->batch, &done)) != CHY_OK)
        return CHY_ERR;
    *ret_done = done;
    return CHY_OK;
}
