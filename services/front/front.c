/* SPDX-License-Identifier: Apache-2.0 */
/* Putting the parts together: sockets, worker pool, I/O threads, and the thread that waits for signals
 * and stops them all in order. */
#include "services/front/front.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "services/front/io.h"

#define FDS_BESIDE 128 /* descriptors for everything that is not a connection */

struct chy_front {
    struct chy_front_config config;
    struct chy_listen *listens;
    size_t n_listens;
    struct chy_peers *peers;
    struct chy_pool *pool;
    struct chy_io **ios;
    unsigned n_ios;
    struct chy_mailbox control; /* used for its descriptor only */
    atomic_bool stop_asked, reload_asked;
};

/* ---- making ------------------------------------------------------------ */

/* A connection without a descriptor is no connection: fit one limit to the other. */
static void fit_descriptors(struct chy_front *f)
{
    struct rlimit l;
    unsigned *connections = &f->config.limits.connections;
    rlim_t wanted = (rlim_t)*connections + FDS_BESIDE;

    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return;
    if (l.rlim_cur < wanted) {
        l.rlim_cur = l.rlim_max < wanted ? l.rlim_max : wanted;
        (void)setrlimit(RLIMIT_NOFILE, &l);
        (void)getrlimit(RLIMIT_NOFILE, &l);
    }
    if (l.rlim_cur >= wanted)
        return;
    *connections = l.rlim_cur > 2 * FDS_BESIDE ? (unsigned)l.rlim_cur - FDS_BESIDE : FDS_BESIDE;
    chy_log(NULL, LOG_WARNING, "only %u connections: the limit of open files is %lu", *connections,
            (unsigned long)l.rlim_cur);
}

static enum chy_rc open_listeners(struct chy_ctx *cx, struct chy_front *f)
{
    const struct chy_front_config *c = &f->config;

    for (size_t i = 0; i < c->n_listeners; i++) {
        f->n_listens++;
        if (chy_listen_open(cx, &c->listeners[i], c->io_threads, &f->listens[i]) != CHY_OK)
            return CHY_ERR;
    }
    if (!chy_mailbox_init(&f->control))
        return chy_fault_internal(cx, "eventfd: %s", strerror(errno));
    return CHY_OK;
}

enum chy_rc chy_front_new(struct chy_ctx *cx, const struct chy_front_config *config,
                          struct chy_front **ret)
{
    struct chy_front *f = calloc(1, sizeof *f);

    if (f == NULL)
        abort();
    f->config = *config;
    f->control.fd = -1;
    f->listens = calloc(config->n_listeners, sizeof *f->listens);
    f->ios = calloc(config->io_threads, sizeof *f->ios);
    if (f->listens == NULL || f->ios == NULL)
        abort();
    fit_descriptors(f);
    f->peers =
        chy_peers_new(f->config.limits.connections, f->config.limits.connections_per_address);
    if (open_listeners(cx, f) != CHY_OK) {
        chy_front_free(f);
        return CHY_ERR;
    }
    *ret = f;
    return CHY_OK;
}

void chy_front_free(struct chy_front *f)
{
    if (f == NULL)
        return;
    /* The pool's threads may still put what nobody waits for into the mailboxes. */
    chy_pool_free(f->pool);
    for (unsigned i = 0; i < f->n_ios; i++)
        chy_io_free(f->ios[i]);
    chy_peers_free(f->peers);
    for (size_t i = 0; i < f->n_listens; i++)
        chy_listen_close(&f->listens[i]);
    if (f->control.fd >= 0)
        chy_mailbox_close(&f->control);
    free(f->listens);
    free(f->ios);
    free(f);
}

uint16_t chy_front_port(const struct chy_front *f, size_t i)
{
    return f->listens[i].port;
}

/* ---- asking ------------------------------------------------------------ */

void chy_front_stop(struct chy_front *f)
{
    atomic_store(&f->stop_asked, true);
    chy_mailbox_wake(&f->control);
}

void chy_front_reload(struct chy_front *f)
{
    atomic_store(&f->reload_asked, true);
    chy_mailbox_wake(&f->control);
}

static void reload(struct chy_front *f)
{
    struct chy_ctx cx = {.arena = chy_arena_new()};

    for (size_t i = 0; i < f->n_listens; i++) {
        if (f->listens[i].config->certificate == NULL)
            continue;
        if (chy_listen_reload(&cx, &f->listens[i]) == CHY_OK)
            chy_log(NULL, LOG_NOTICE, "certificate read again: %s",
                    f->listens[i].config->certificate);
        else
            chy_log_problem(&cx, LOG_ERR, "the old listener certificate stays");
        chy_ctx_reset(&cx);
    }
    chy_arena_free(cx.arena);
    if (f->config.reloaded != NULL)
        f->config.reloaded(f->config.owner);
}

/* ---- running ----------------------------------------------------------- */

static void take_signal(struct chy_front *f, int fd)
{
    struct signalfd_siginfo s;

    if (read(fd, &s, sizeof s) != sizeof s)
        return;
    if (s.ssi_signo == SIGHUP)
        chy_front_reload(f);
    else
        chy_front_stop(f);
}

static void wait_for_stop(struct chy_front *f, int signals_fd)
{
    struct pollfd fds[2] = {{.fd = f->control.fd, .events = POLLIN},
                            {.fd = signals_fd, .events = POLLIN}};

    while (!atomic_load(&f->stop_asked)) {
        (void)poll(fds, 2, -1); /* a descriptor of -1 is passed over */
        if ((fds[1].revents & POLLIN) != 0)
            take_signal(f, signals_fd);
        (void)chy_mailbox_take(&f->control);
        if (atomic_exchange(&f->reload_asked, false))
            reload(f);
    }
}

static enum chy_rc start_threads(struct chy_ctx *cx, struct chy_front *f)
{
    if (chy_pool_new(cx, &f->config, &f->pool) != CHY_OK)
        return CHY_ERR;
    for (unsigned i = 0; i < f->config.io_threads; i++) {
        if (chy_io_new(cx, &f->config, f->listens, i, f->pool, f->peers, &f->ios[i]) != CHY_OK)
            return CHY_ERR;
        f->n_ios++;
        if (chy_io_start(cx, f->ios[i]) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

static enum chy_rc stop_threads(struct chy_ctx *cx, struct chy_front *f)
{
    int64_t deadline = chy_clock_ms() + f->config.limits.drain_ms, left;

    if (f->pool == NULL)
        return CHY_OK;
    chy_pool_drain(f->pool);
    for (unsigned i = 0; i < f->n_ios; i++)
        chy_io_drain(f->ios[i]);
    for (unsigned i = 0; i < f->n_ios; i++)
        chy_io_join(f->ios[i]);
    left = deadline - chy_clock_ms();
    if (!chy_pool_stop(f->pool, left > 0 ? (unsigned)left : 1))
        return chy_fault_internal(cx, "a request did not end within the drain deadline");
    return CHY_OK;
}

static enum chy_rc serve(struct chy_ctx *cx, struct chy_front *f, int signals_fd)
{
    enum chy_rc rc = start_threads(cx, f);

    if (rc == CHY_OK) {
        chy_log(NULL, LOG_NOTICE, "ready");
        wait_for_stop(f, signals_fd);
        chy_log(NULL, LOG_NOTICE, "stopping");
    }
    if (stop_threads(cx, f) != CHY_OK)
        rc = CHY_ERR;
    return rc;
}

enum chy_rc chy_front_run(struct chy_ctx *cx, struct chy_front *f)
{
    chy_auto_fd int signals_fd = -1;
    sigset_t ours, before;
    enum chy_rc rc;

    signal(SIGPIPE, SIG_IGN);
    if (!f->config.signals)
        return serve(cx, f, -1);
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGHUP);
    /* Before the threads start, so that they inherit it and the signals come here. */
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    signals_fd = signalfd(-1, &ours, SFD_CLOEXEC);
    rc = signals_fd >= 0 ? serve(cx, f, signals_fd)
                         : chy_fault_internal(cx, "signalfd: %s", strerror(errno));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}
