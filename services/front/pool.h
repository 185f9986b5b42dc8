/* SPDX-License-Identifier: Apache-2.0 */
/* Worker threads: each runs the handler straight through, one request at a time. */
#ifndef CHY_FRONT_POOL_H
#define CHY_FRONT_POOL_H

#include <netinet/in.h>
#include <stdatomic.h>

#include "services/front/front.h"
#include "services/front/mailbox.h"

struct chy_conn;

/* One request from the codec to the answer.  It owns what it carries, so that it outlives its
 * connection. */
struct chy_work {
    struct chy_work *next;
    struct chy_mailbox *home; /* where the answer goes                                       */
    struct chy_conn *conn;    /* touched by the I/O thread only; NULL once it is gone         */
    atomic_bool abandoned;    /* nobody waits any more: need not be begun                    */

    struct chy_http1 *request;
    enum chy_listener listener;
    char peer[INET6_ADDRSTRLEN];
    bool has_exporter;
    uint8_t exporter[32];

    bool close; /* in: answer with "Connection: close"; out: that was done                   */
    uint8_t *answer;
    size_t answer_n;
};

void chy_work_free(struct chy_work *w);

struct chy_pool;

/* Makes the threads' states and starts the threads.  Fails when a state cannot be made. */
enum chy_rc CHY_CHECK chy_pool_new(struct chy_ctx *cx, const struct chy_front_config *config,
                                   struct chy_pool **ret);
/* False: the queue is full, w stays the caller's.  Any thread. */
bool chy_pool_submit(struct chy_pool *p, struct chy_work *w);
/* From now on every answer ends its connection. */
void chy_pool_drain(struct chy_pool *p);
/* Finish what is queued and have the threads end.  False: a handler is still at work after that many
 * milliseconds, and the pool must not be freed. */
bool chy_pool_stop(struct chy_pool *p, unsigned ms);
/* After chy_pool_stop; waits for the threads.  NULL is allowed. */
void chy_pool_free(struct chy_pool *p);

#endif
