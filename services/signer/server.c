/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of the signer.  A client keeps its connection as long as it likes; what it has begun
 * to ask it must finish soon.  When all places are taken, whoever has been silent longest gives his to
 * the next one, and connects again when he has a question.  When the log is broken, all ends as if
 * told to stop. */
#include "services/signer/server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/pki/frame.h"

#define CONNECTIONS_MAX 256
#define FRAME_MS 5000 /* from the first octet of a question to its last; the same for answers */
#define REFUSAL_MS 100
#define DRAIN_MS 15000 /* longer than a question, a sync and an answer take */
#define DRAIN_STEP_MS 5
#define ROOM_STEP_MS 20
#define ACCEPT_MS 100 /* pause after a failed accept: out of descriptors */

#define BUSY INT64_MAX

struct connection {
    struct connection *next;
    struct server *server;
    int fd;
    struct chy_signer_peer peer;
    int64_t idle_since; /* chy_clock_ms(); BUSY while a question is answered */
    uint8_t frame[CHY_FRAME_MAX];
};

struct server {
    const struct chy_signer_state *state;
    pthread_mutex_t lock;
    struct connection *connections;
    size_t n;
};

static bool read_peer(int fd, struct chy_signer_peer *ret)
{
    struct ucred who;
    socklen_t n = sizeof who;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0 || n != sizeof who)
        return false;
    *ret = (struct chy_signer_peer){who.uid, who.pid, fd};
    return true;
}

static bool may_ask(const struct chy_ceilings *c, uid_t uid)
{
    for (size_t i = 0; i < c->n_clients; i++)
        if (c->clients[i] == uid)
            return true;
    return false;
}

static void set_idle(struct connection *c, int64_t since)
{
    pthread_mutex_lock(&c->server->lock);
    c->idle_since = since;
    pthread_mutex_unlock(&c->server->lock);
}

/* Questions and answers until the client hangs up or breaks the rules. */
static void converse(struct connection *c)
{
    struct chy_ctx cx = {.arena = chy_arena_new(), .stage = CHY_STAGE_ISSUE};
    enum chy_frame_end e;
    size_t n;

    while ((e = chy_frame_read(c->fd, -1, FRAME_MS, c->frame, &n)) == CHY_FRAME_WHOLE) {
        const char *said;

        set_idle(c, BUSY);
        said = chy_signer_answer(&cx, c->server->state, &c->peer, c->frame, n, &n);

        if (chy_frame_write(c->fd, FRAME_MS, said, n) != CHY_FRAME_WHOLE)
            break;
        chy_ctx_reset(&cx);
        set_idle(c, chy_clock_ms());
    }
    if (e == CHY_FRAME_TOO_BIG || e == CHY_FRAME_LATE)
        chy_log(NULL, LOG_WARNING, "uid %u: question too long or too slow; hung up",
                (unsigned)c->peer.uid);
    chy_arena_free(cx.arena);
}

static void leave(struct connection *c)
{
    struct server *v = c->server;

    pthread_mutex_lock(&v->lock);
    for (struct connection **p = &v->connections; *p != NULL; p = &(*p)->next)
        if (*p == c) {
            *p = c->next;
            break;
        }
    close(c->fd); /* under the lock: drain() must not shut down a descriptor that was reused */
    v->n--;
    pthread_mutex_unlock(&v->lock);
    free(c);
}

static void *run_connection(void *arg)
{
    converse(arg);
    leave(arg);
    return NULL;
}

static bool start_thread(struct connection *c)
{
    pthread_attr_t attr;
    pthread_t thread;
    bool ok;

    if (pthread_attr_init(&attr) != 0)
        return false;
    ok = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0 &&
         pthread_create(&thread, &attr, run_connection, c) == 0;
    pthread_attr_destroy(&attr);
    return ok;
}

static void refuse(int fd, const struct chy_signer_peer *peer)
{
    static const char said[] = "{\"ok\":false,\"reason\":\"user may not ask this signer\"}";

    chy_log(NULL, LOG_WARNING, "uid %u (process %d) may not ask; see clients in the ceilings",
            (unsigned)peer->uid, (int)peer->pid);
    (void)chy_frame_write(fd, REFUSAL_MS, said, sizeof said - 1);
    close(fd);
}

static void welcome(struct server *v, int fd)
{
    struct chy_signer_peer peer = {(uid_t)-1, -1, -1};
    struct connection *c;

    if (!read_peer(fd, &peer) || !may_ask(v->state->ceilings, peer.uid)) {
        refuse(fd, &peer);
        return;
    }
    c = calloc(1, sizeof *c);
    if (c == NULL)
        abort();
    c->server = v;
    c->fd = fd;
    c->peer = peer;
    c->idle_since = chy_clock_ms();
    pthread_mutex_lock(&v->lock);
    c->next = v->connections;
    v->connections = c;
    v->n++;
    pthread_mutex_unlock(&v->lock);
    if (!start_thread(c)) {
        chy_log(NULL, LOG_ERR, "no thread for a connection");
        leave(c);
    }
}

static size_t count(struct server *v)
{
    size_t n;

    pthread_mutex_lock(&v->lock);
    n = v->n;
    pthread_mutex_unlock(&v->lock);
    return n;
}

/* Shut out the one that has been silent longest.  What he sent before is still read and answered;
 * what he sends from now on fails at his end, so that he knows it was never read. */
static void make_room(struct server *v)
{
    struct connection *longest = NULL;

    pthread_mutex_lock(&v->lock);
    for (struct connection *c = v->connections; c != NULL; c = c->next)
        if (c->idle_since != BUSY && (longest == NULL || c->idle_since <= longest->idle_since))
            longest = c;
    if (longest != NULL) {
        longest->idle_since = BUSY; /* once is enough */
        shutdown(longest->fd, SHUT_RD);
    }
    pthread_mutex_unlock(&v->lock);
}

/* Is it time to stop?  Waits ms for it. */
static bool must_stop(struct server *v, int stop_fd, int ms)
{
    struct pollfd p[2] = {{.fd = stop_fd, .events = POLLIN},
                          {.fd = chy_siglog_alarm(v->state->log), .events = POLLIN}};

    return poll(p, 2, ms) > 0;
}

/* Wait for a place; false when it is time to stop. */
static bool wait_for_room(struct server *v, int stop_fd)
{
    while (count(v) >= CONNECTIONS_MAX) {
        make_room(v);
        if (must_stop(v, stop_fd, ROOM_STEP_MS))
            return false;
    }
    return !must_stop(v, stop_fd, 0);
}

static void accept_one(struct server *v, int listen_fd, int stop_fd)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0) {
        welcome(v, fd);
    } else if (errno == EMFILE || errno == ENFILE) {
        make_room(v);
        (void)must_stop(v, stop_fd, ACCEPT_MS);
    }
}

static void accept_all(struct server *v, int listen_fd, int stop_fd)
{
    struct pollfd p[3] = {{.fd = listen_fd, .events = POLLIN},
                          {.fd = stop_fd, .events = POLLIN},
                          {.fd = chy_siglog_alarm(v->state->log), .events = POLLIN}};

    for (;;) {
        p[0].revents = 0;
        if (poll(p, 3, -1) < 0 && errno != EINTR)
            return;
        if (must_stop(v, stop_fd, 0))
            return;
        if ((p[0].revents & POLLIN) == 0)
            continue;
        if (!wait_for_room(v, stop_fd))
            return;
        accept_one(v, listen_fd, stop_fd);
    }
}

/* Whoever connected before is in the kernel's queue and may have asked already; closing the socket
 * over him would leave him in doubt whether his serial was signed.  After the shutdown nobody can
 * connect, so that the queue has an end, and accept() says EINVAL there. */
static void accept_the_last(struct server *v, int listen_fd)
{
    (void)shutdown(listen_fd, SHUT_RD);
    for (;;) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0)
            welcome(v, fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

/* What was sent before is still read and answered; nothing more comes in. */
static void drain(struct server *v, int listen_fd)
{
    int64_t until = chy_clock_ms() + DRAIN_MS;

    accept_the_last(v, listen_fd);
    pthread_mutex_lock(&v->lock);
    for (struct connection *c = v->connections; c != NULL; c = c->next)
        shutdown(c->fd, SHUT_RD);
    pthread_mutex_unlock(&v->lock);
    while (count(v) > 0) {
        if (chy_clock_ms() > until) {
            /* Never returning beats freeing what a thread still uses. */
            chy_log(NULL, LOG_ERR, "%zu connections did not end; leaving them", count(v));
            _exit(1);
        }
        poll(NULL, 0, DRAIN_STEP_MS);
    }
}

void chy_signer_serve(const struct chy_signer_state *s, int listen_fd, int stop_fd)
{
    struct server v = {.state = s};

    if (pthread_mutex_init(&v.lock, NULL) != 0)
        abort();
    accept_all(&v, listen_fd, stop_fd);
    drain(&v, listen_fd);
    pthread_mutex_destroy(&v.lock);
}
