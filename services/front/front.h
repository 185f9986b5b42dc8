/* SPDX-License-Identifier: Apache-2.0 */
/* A server of HTTP requests: listeners, connections, and threads that run a handler. */
#ifndef CHY_FRONT_FRONT_H
#define CHY_FRONT_FRONT_H

#include "core/net/net.h"
#include "services/front/http1.h"

struct chy_front_listener {
    enum chy_listener kind;
    const char *address; /* numeric, IPv4 or IPv6; "::" takes both                          */
    uint16_t port;       /* 0: the kernel chooses, see chy_front_port                       */
    const char *certificate, *key; /* PEM files: TLS; NULL: plain HTTP                      */
    const struct chy_header *refusal_headers; /* on refusals that come before any handler    */
    size_t n_refusal_headers;                 /* few: a reply holds CHY_REPLY_HEADERS         */
    const struct chy_prefix
        *proxies;     /* load balancers: a connection from one begins with a PROXY  */
    size_t n_proxies; /* header, version 2, and counts as its client's              */
};

/* Deadlines are absolute: octets that drip in do not move them. */
struct chy_front_limits {
    struct chy_http1_limits http1;
    unsigned connections;             /* of the process; more are closed at once            */
    unsigned connections_per_address; /* of one IPv4 address or IPv6 /64                    */
    unsigned requests_per_connection; /* the last one is answered with "Connection: close"  */
    unsigned queue;                   /* requests waiting for a thread; more are answered 503 */
    unsigned handshake_ms; /* and before it, as much again for a balancer's PROXY header       */
    unsigned head_ms;      /* from the first octet; on a new connection from its start          */
    unsigned body_ms;      /* from the end of the head                                          */
    unsigned idle_ms;      /* from an answer to the next request's first octet                  */
    unsigned write_ms;     /* for one answer                                                    */
    unsigned linger_ms;    /* after the last answer, for the client to read it                  */
    unsigned drain_ms;     /* from the stop to the end of the last request                      */
};
#define CHY_FRONT_LIMITS                                                                           \
    ((struct chy_front_limits){                                                                    \
        .http1 = CHY_HTTP1_LIMITS,                                                                 \
        .connections = 4096,                                                                       \
        .connections_per_address = 256,                                                            \
        .requests_per_connection = 1000,                                                           \
        .queue = 1024,                                                                             \
        .handshake_ms = 10000,                                                                     \
        .head_ms = 10000,                                                                          \
        .body_ms = 30000,                                                                          \
        .idle_ms = 60000,                                                                          \
        .write_ms = 30000,                                                                         \
        .linger_ms = 2000,                                                                         \
        .drain_ms = 30000,                                                                         \
    })

/* Everything is borrowed until chy_front_free. */
struct chy_front_config {
    const struct chy_front_listener *listeners;
    size_t n_listeners;
    unsigned io_threads, worker_threads; /* at least 1 each */
    struct chy_front_limits limits;
    bool signals; /* SIGTERM and SIGINT stop, SIGHUP reads the certificates again            */

    chy_handler *handler;
    /* State of one worker thread, made and released by the thread that calls chy_front_run; NULL from
     * thread_new: it cannot start.  Both may be NULL: the handler's state is owner itself. */
    void *(*thread_new)(void *owner);
    void (*thread_free)(void *state);
    /* Called by chy_front_run's thread after the certificates were read again, or NULL. */
    void (*reloaded)(void *owner);
    void *owner;
};

struct chy_front;

/* Read certificates, bind and listen.  Fails, naming the address or the file.  Raises the limit of
 * open files as far as it may; where that is not enough, fewer connections are taken. */
enum chy_rc CHY_CHECK chy_front_new(struct chy_ctx *cx, const struct chy_front_config *config,
                                    struct chy_front **ret);
/* The port of listener i, also where the kernel chose it. */
uint16_t chy_front_port(const struct chy_front *f, size_t i);
/* Serve until stopped and drained; once per front.  Listeners close, idle connections close, requests
 * in flight are answered with "Connection: close".  Fails when the threads cannot start, or when a
 * handler does not come back within the drain deadline: then the process must end, and f must not be
 * freed, because the handler still runs.  Blocking.  Ignores SIGPIPE for the process. */
enum chy_rc CHY_CHECK chy_front_run(struct chy_ctx *cx, struct chy_front *f);
/* Ask for the end.  Any thread or signal handler; also before chy_front_run. */
void chy_front_stop(struct chy_front *f);
/* Read the certificates again: connections from now on see the new ones.  A bad file is logged and
 * the old certificate stays.  Any thread or signal handler; done by chy_front_run's thread. */
void chy_front_reload(struct chy_front *f);
/* NULL is allowed. */
void chy_front_free(struct chy_front *f);

#endif
