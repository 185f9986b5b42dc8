/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of one I/O thread: accepting, handing answers to their connections, draining.  Everything of
 * libevent is touched by this thread alone, so the base needs no locks.  What a connection does is in
 * conn.c. */
#include "services/front/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/problem.h"
#include "services/front/conn.h"
#include "services/front/proxied.h"

#define ACCEPT_BATCH 64     /* connections taken before others get their turn      */
#define ACCEPT_PAUSE_MS 100 /* when descriptors are out: accept() would spin       */

struct chy_io_listener {
    struct chy_io *io;
    struct chy_listen *listen;
    int fd;
    struct event *readable, *resume;
};

static struct timeval timeval_of(unsigned ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

/* ---- accepting --------------------------------------------------------- */

/* False: nothing more to take now. */
static bool accept_one(struct chy_io_listener *l)
{
    struct sockaddr_storage ss;
    socklen_t n = sizeof ss;
    int fd = accept4(l->fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct timeval pause = timeval_of(ACCEPT_PAUSE_MS);

    if (fd >= 0) {
        if (chy_listen_is_proxy(l->listen, (struct sockaddr *)&ss))
            chy_proxied_new(l->io, l->listen, fd, (struct sockaddr *)&ss);
        else
            chy_conn_new(l->io, l->listen, fd, (struct sockaddr *)&ss);
        return true;
    }
    if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO)
        return true;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        chy_log(NULL, LOG_WARNING, "accept: %s", strerror(errno));
        event_del(l->readable);
        event_add(l->resume, &pause);
    }
    return false;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    unsigned n = 0;

    (void)fd;
    (void)what;
    while (n < ACCEPT_BATCH && accept_one(arg))
        n++;
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct chy_io_listener *l = arg;

    (void)fd;
    (void)what;
    event_add(l->readable, NULL);
}

static void close_listener(struct chy_io_listener *l)
{
    if (l->readable != NULL)
        event_free(l->readable);
    if (l->resume != NULL)
        event_free(l->resume);
    if (l->fd >= 0)
        close(l->fd);
    *l = (struct chy_io_listener){.fd = -1};
}

/* ---- draining ---------------------------------------------------------- */

static void end_if_drained(struct chy_io *io)
{
    if (io->draining && io->conns == NULL && io->proxied == NULL)
        event_base_loopbreak(io->base);
}

void chy_io_conn_gone(struct chy_io *io)
{
    end_if_drained(io);
}

static void on_drain_end(evutil_socket_t fd, short what, void *arg)
{
    struct chy_io *io = arg;

    (void)fd;
    (void)what;
    chy_log(NULL, LOG_WARNING, "drain deadline: connections are cut");
    event_base_loopbreak(io->base);
}

static void begin_drain(struct chy_io *io)
{
    struct timeval end = timeval_of(io->limits->drain_ms);

    io->draining = true;
    for (size_t i = 0; i < io->n_listeners; i++) {
        unsigned n = 0;

        /* Who is already in the kernel's queue would be reset: take them all in first.  Those who
         * come faster than that are turned away before they have said anything. */
        while (n < io->limits->connections && accept_one(&io->listeners[i]))
            n++;
        close_listener(&io->listeners[i]);
    }
    event_add(io->drain_end, &end);
    chy_conn_drain_all(io);
    chy_proxied_hurry_all(io, CHY_DRAIN_FRESH_MS);
    end_if_drained(io);
}

/* ---- answers ----------------------------------------------------------- */

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    struct chy_io *io = arg;
    struct chy_work *w = chy_mailbox_take(&io->mailbox);

    (void)fd;
    (void)what;
    while (w != NULL) {
        struct chy_work *next = w->next;

        chy_conn_answer(w);
        w = next;
    }
    if (atomic_load(&io->drain_asked) && !io->draining)
        begin_drain(io);
}

/* ---- public ------------------------------------------------------------ */

static bool add_listener(struct chy_io *io, struct chy_listen *listen, unsigned index)
{
    struct chy_io_listener *l = &io->listeners[io->n_listeners++];

    l->io = io;
    l->listen = listen;
    l->fd = listen->fds[index];
    listen->fds[index] = -1;
    l->readable = event_new(io->base, l->fd, EV_READ | EV_PERSIST, on_readable, l);
    l->resume = evtimer_new(io->base, on_resume, l);
    return l->readable != NULL && l->resume != NULL && event_add(l->readable, NULL) == 0;
}

static bool make_base(struct chy_io *io)
{
    struct event_config *c = event_config_new();

    if (c == NULL)
        return false;
    /* No changelist: it would tell epoll of a descriptor after its close, when another thread may
     * already have it again. */
    event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK);
    io->base = event_base_new_with_config(c);
    event_config_free(c);
    if (io->base == NULL || !chy_mailbox_init(&io->mailbox))
        return false;
    io->mail = event_new(io->base, io->mailbox.fd, EV_READ | EV_PERSIST, on_mail, io);
    io->drain_end = evtimer_new(io->base, on_drain_end, io);
    return io->mail != NULL && io->drain_end != NULL && event_add(io->mail, NULL) == 0;
}

enum chy_rc chy_io_new(struct chy_ctx *cx, const struct chy_front_config *config,
                       struct chy_listen *listens, unsigned index, struct chy_pool *pool,
                       struct chy_peers *peers, struct chy_io **ret)
{
    struct chy_io *io = calloc(1, sizeof *io);
    bool good;

    if (io == NULL)
        abort();
    io->limits = &config->limits;
    io->pool = pool;
    io->peers = peers;
    io->mailbox.fd = -1;
    io->listeners = calloc(config->n_listeners, sizeof *io->listeners);
    if (io->listeners == NULL)
        abort();
    good = make_base(io);
    for (size_t i = 0; good && i < config->n_listeners; i++)
        good = add_listener(io, &listens[i], index);
    if (!good) {
        chy_io_free(io);
        return chy_fault_internal(cx, "event base: %s", strerror(errno));
    }
    *ret = io;
    return CHY_OK;
}

static void *run_io(void *arg)
{
    struct chy_io *io = arg;

    event_base_dispatch(io->base);
    chy_conn_free_all(io);
    chy_proxied_free_all(io);
    return NULL;
}

enum chy_rc chy_io_start(struct chy_ctx *cx, struct chy_io *io)
{
    int err = pthread_create(&io->thread, NULL, run_io, io);

    io->started = err == 0;
    return err == 0 ? CHY_OK : chy_fault_internal(cx, "thread: %s", strerror(err));
}

void chy_io_drain(struct chy_io *io)
{
    atomic_store(&io->drain_asked, true);
    chy_mailbox_wake(&io->mailbox);
}

void chy_io_join(struct chy_io *io)
{
    if (io->started)
        pthread_join(io->thread, NULL);
    io->started = false;
}

void chy_io_free(struct chy_io *io)
{
    struct chy_work *w;

    if (io == NULL)
        return;
    for (size_t i = 0; i < io->n_listeners; i++)
        close_listener(&io->listeners[i]);
    free(io->listeners);
    if (io->mail != NULL)
        event_free(io->mail);
    if (io->drain_end != NULL)
        event_free(io->drain_end);
    if (io->mailbox.fd >= 0) {
        w = chy_mailbox_take(&io->mailbox);
        while (w != NULL) {
            struct chy_work *next = w->next;

            chy_work_free(w);
            w = next;
        }
        chy_mailbox_close(&io->mailbox);
    }
    if (io->base != NULL)
        event_base_free(io->base);
    free(io);
}
