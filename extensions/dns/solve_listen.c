/* SPDX-License-Identifier: Apache-2.0 */
/* A small TCP listener for the time of one validation.  Anybody may connect: so many connections at
 * once and no more, each with a deadline and a thread of its own, none of which touches the unit of
 * work.  It ends with the process at the latest. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "solve.h"

#define CONNECTIONS_MAX 32
#define DEADLINE_S 10
#define BACKLOG 64
#define STACK (256 * 1024) /* a TLS handshake needs some of it */

struct dns_listener {
    int fd, stop;
    pthread_t thread;
    void (*serve)(void *arg, const struct dns_conn *c);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t less;
    unsigned busy; /* connections that are being served */
    bool ending;
};

struct served {
    struct dns_listener *listener;
    struct dns_conn conn;
};

/* ---- one connection ---- */

bool dns_conn_wait(const struct dns_conn *c, short events)
{
    struct pollfd p[3] = {{.fd = c->fd, .events = events},
                          {.fd = c->timer, .events = POLLIN},
                          {.fd = c->stop, .events = POLLIN}};

    while (poll(p, 3, -1) < 0)
        if (errno != EINTR)
            return false;
    return p[0].revents != 0 && p[1].revents == 0 && p[2].revents == 0;
}

static void one_less(struct dns_listener *l)
{
    pthread_mutex_lock(&l->lock);
    l->busy--;
    pthread_cond_broadcast(&l->less);
    pthread_mutex_unlock(&l->lock);
}

static void let_go(struct served *s)
{
    struct dns_listener *l = s->listener;

    if (s->conn.timer >= 0)
        close(s->conn.timer);
    close(s->conn.fd);
    free(s);
    one_less(l);
}

static void *serve_one(void *arg)
{
    struct served *s = arg;

    s->listener->serve(s->listener->arg, &s->conn);
    let_go(s);
    return NULL;
}

/* A thread for a connection; without one the connection is closed. */
static void begin_serving(struct dns_listener *l, int fd)
{
    struct served *s = calloc(1, sizeof *s);
    const struct itimerspec deadline = {.it_value = {.tv_sec = DEADLINE_S}};
    pthread_attr_t attr;
    pthread_t thread;
    bool begun;

    if (s == NULL)
        abort();
    s->listener = l;
    s->conn = (struct dns_conn){fd, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), l->stop};
    begun = s->conn.timer >= 0 && timerfd_settime(s->conn.timer, 0, &deadline, NULL) == 0 &&
            pthread_attr_init(&attr) == 0;
    if (begun) {
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attr, STACK);
        begun = pthread_create(&thread, &attr, serve_one, s) == 0;
        pthread_attr_destroy(&attr);
    }
    if (!begun)
        let_go(s);
}

/* ---- the listener ---- */

/* Room for one more; false when the listener ends. */
static bool take_room(struct dns_listener *l)
{
    bool room;

    pthread_mutex_lock(&l->lock);
    while (l->busy >= CONNECTIONS_MAX && !l->ending)
        pthread_cond_wait(&l->less, &l->lock);
    room = !l->ending;
    l->busy += room;
    pthread_mutex_unlock(&l->lock);
    return room;
}

static void *accept_all(void *arg)
{
    struct dns_listener *l = arg;
    struct pollfd p[2] = {{.fd = l->fd, .events = POLLIN}, {.fd = l->stop, .events = POLLIN}};

    while (take_room(l)) {
        int fd = -1;

        if ((poll(p, 2, -1) > 0 && p[1].revents == 0) || errno == EINTR)
            fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            begin_serving(l, fd);
        else
            one_less(l);
    }
    return NULL;
}

static enum chy_rc refuse_port(struct chy_ctx *cx, const struct dns_service *s, int error)
{
    if (error == EADDRINUSE)
        return DNS_FAIL(cx, &CHY_P_connection,
                        "port %u is in use by another program; stop that program for this moment, "
                        "or choose another way (--%s, --webroot)",
                        s->port, s->option);
    if (error == EACCES)
        return DNS_FAIL(cx, &CHY_P_connection,
                        "port %u may be listened on by root only; run this as root, or have the "
                        "port forwarded to another that --%s names",
                        s->port, s->option);
    return DNS_FAIL(cx, &CHY_P_connection, "port %u cannot be listened on: %s", s->port,
                    strerror(error));
}

/* Bound and listening, or -1 with errno set. */
static int open_at(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, zero = 0;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a->ai_family == AF_INET6) /* IPv4 too, whatever the system's default is */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static enum chy_rc open_port(struct chy_ctx *cx, const struct dns_service *s, int *ret)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_socktype = SOCK_STREAM};
    const char *addresses[] = {"::", "0.0.0.0"}, *port = dns_host->fmt(cx, "%u", s->port);
    struct addrinfo *found;
    int fd = -1, error = EAFNOSUPPORT;

    if (s->address != NULL)
        addresses[0] = addresses[1] = s->address;
    for (size_t i = 0; i < 2 && fd < 0; i++) {
        if (getaddrinfo(addresses[i], port, &hints, &found) != 0)
            return DNS_FAIL(cx, &CHY_P_malformed, "%s: is no numeric address", addresses[i]);
        fd = open_at(found);
        error = errno;
        freeaddrinfo(found);
        if (error == EADDRINUSE || error == EACCES)
            break;
    }
    if (fd < 0)
        return refuse_port(cx, s, error);
    *ret = fd;
    return CHY_OK;
}

/* Signals are for the command's own thread; a write to a peer that has gone is none of them here. */
static bool start_quiet(struct dns_listener *l)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&l->thread, NULL, accept_all, l) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

enum chy_rc dns_listen(struct chy_ctx *cx, const struct dns_service *s, struct dns_listener **ret)
{
    struct dns_listener *l;
    int fd = -1;

    if (open_port(cx, s, &fd) != CHY_OK)
        return CHY_ERR;
    l = calloc(1, sizeof *l);
    if (l == NULL)
        abort();
    *l = (struct dns_listener){
        .fd = fd, .stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .serve = s->serve, .arg = s->arg};
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->less, NULL);
    if (l->stop < 0 || !start_quiet(l)) {
        close(fd);
        free(l);
        return DNS_FAIL(cx, &CHY_P_serverInternal, "no thread for a listener");
    }
    *ret = l;
    return CHY_OK;
}

void dns_listen_end(struct dns_listener *l)
{
    pthread_mutex_lock(&l->lock);
    l->ending = true;
    pthread_cond_broadcast(&l->less);
    pthread_mutex_unlock(&l->lock);
    /* Never read, so that it stays readable for every thread. */
    (void)!write(l->stop, &(uint64_t){1}, sizeof(uint64_t));
    pthread_join(l->thread, NULL);
    close(l->fd);
    pthread_mutex_lock(&l->lock);
    while (l->busy > 0)
        pthread_cond_wait(&l->less, &l->lock);
    pthread_mutex_unlock(&l->lock);
    close(l->stop);
    pthread_cond_destroy(&l->less);
    pthread_mutex_destroy(&l->lock);
    free(l);
}
