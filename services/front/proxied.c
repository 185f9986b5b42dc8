/* SPDX-License-Identifier: Apache-2.0 */
/* From accept to the end of the PROXY header, which stands before everything, TLS too.  The socket is
 * read for exactly what the header still lacks, so that the client's own octets stay in it.  Counted
 * among the connections, but for no address: all come from the balancer's.  Not here: what the header
 * may say (proxy2.c), everything after it (conn.c). */
#include "services/front/proxied.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event_struct.h>

#include "core/base/log.h"
#include "services/front/conn.h"
#include "services/front/proxy2.h"

struct chy_proxied {
    struct chy_proxied *next, *prev;
    struct chy_io *io;
    struct chy_listen *listen;
    int fd; /* -1: a connection has it */
    struct event readable, timer;
    struct sockaddr_storage proxy;
    struct chy_proxy2 header;
};

static void proxied_free(struct chy_proxied *x)
{
    struct chy_io *io = x->io;

    event_del(&x->readable);
    event_del(&x->timer);
    if (x->fd >= 0) {
        close(x->fd);
        chy_peers_leave(io->peers, NULL);
    }
    if (x->prev != NULL)
        x->prev->next = x->next;
    else
        io->proxied = x->next;
    if (x->next != NULL)
        x->next->prev = x->prev;
    free(x);
    chy_io_conn_gone(io);
}

static void turn_away(struct chy_proxied *x, const char *reason)
{
    char proxy[INET6_ADDRSTRLEN];

    chy_peers_text((struct sockaddr *)&x->proxy, proxy);
    chy_log_event(NULL, LOG_INFO, "refused before any handler",
                  json_pack("{s:s, s:s}", "proxy", proxy, "detail", reason));
    proxied_free(x);
}

static void hand_over(struct chy_proxied *x)
{
    struct sockaddr_storage *peer = x->header.local ? &x->proxy : &x->header.client;
    int fd = x->fd;

    x->fd = -1;
    /* No event may look at a descriptor that is another's. */
    event_del(&x->readable);
    chy_peers_leave(x->io->peers, NULL);
    chy_conn_new(x->io, x->listen, fd, (struct sockaddr *)peer);
    proxied_free(x);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct chy_proxied *x = arg;
    enum chy_proxy2_state state = CHY_PROXY2_MORE;

    (void)what;
    while (state == CHY_PROXY2_MORE) {
        uint8_t b[CHY_PROXY2_MAX];
        ssize_t n = recv(fd, b, chy_proxy2_wanted(&x->header), 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) { /* a balancer that only looks whether the port is open says nothing */
            proxied_free(x);
            return;
        }
        state = chy_proxy2_feed(&x->header, b, (size_t)n);
    }
    if (state == CHY_PROXY2_DONE)
        hand_over(x);
    else
        turn_away(x, x->header.reason);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    turn_away(arg, "the PROXY header took too long");
}

static void arm(struct chy_proxied *x, unsigned ms)
{
    const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

    evtimer_add(&x->timer, &tv);
}

void chy_proxied_new(struct chy_io *io, struct chy_listen *listen, int fd,
                     const struct sockaddr *proxy)
{
    struct chy_proxied *x;

    if (!chy_peers_enter(io->peers, NULL)) {
        close(fd);
        return;
    }
    x = calloc(1, sizeof *x);
    if (x == NULL)
        abort();
    x->io = io;
    x->listen = listen;
    x->fd = fd;
    memcpy(&x->proxy, proxy,
           proxy->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    x->next = io->proxied;
    if (x->next != NULL)
        x->next->prev = x;
    io->proxied = x;
    event_assign(&x->readable, io->base, fd, EV_READ | EV_PERSIST, on_readable, x);
    evtimer_assign(&x->timer, io->base, on_deadline, x);
    event_add(&x->readable, NULL);
    arm(x, io->limits->handshake_ms);
}

void chy_proxied_hurry_all(struct chy_io *io, unsigned ms)
{
    for (struct chy_proxied *x = io->proxied; x != NULL; x = x->next)
        arm(x, ms);
}

void chy_proxied_free_all(struct chy_io *io)
{
    while (io->proxied != NULL)
        proxied_free(io->proxied);
}
