/* SPDX-License-Identifier: Apache-2.0 */
/* One I/O thread: an event base and the connections it accepted. */
#ifndef CHY_FRONT_IO_H
#define CHY_FRONT_IO_H

#include <event2/event.h>

#include "services/front/listener.h"
#include "services/front/mailbox.h"
#include "services/front/peers.h"
#include "services/front/pool.h"

struct chy_conn;
struct chy_proxied;

/* What conn.c sees of its thread.  Touched by that thread only, except mailbox and drain_asked. */
struct chy_io {
    struct event_base *base;
    const struct chy_front_limits *limits;
    struct chy_pool *pool;
    struct chy_peers *peers;
    struct chy_mailbox mailbox;
    struct chy_conn *conns;
    struct chy_proxied *proxied; /* whose client is not known yet         */
    bool draining;               /* no connection goes on after its next answer */
    atomic_bool drain_asked;

    pthread_t thread;
    bool started;
    struct event *mail, *drain_end;
    struct chy_io_listener *listeners;
    size_t n_listeners;
};

/* Takes over the index-th socket of each listener. */
enum chy_rc CHY_CHECK chy_io_new(struct chy_ctx *cx, const struct chy_front_config *config,
                                 struct chy_listen *listens, unsigned index, struct chy_pool *pool,
                                 struct chy_peers *peers, struct chy_io **ret);
enum chy_rc CHY_CHECK chy_io_start(struct chy_ctx *cx, struct chy_io *io);
/* Stop accepting and end when the last connection has ended, or at the drain deadline.  Any thread. */
void chy_io_drain(struct chy_io *io);
void chy_io_join(struct chy_io *io);
/* After chy_io_join and chy_pool_free.  NULL is allowed. */
void chy_io_free(struct chy_io *io);
/* Called by conn.c and proxied.c when a connection has gone. */
void chy_io_conn_gone(struct chy_io *io);

#endif
