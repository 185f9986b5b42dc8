/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that listen, and the certificate they show.  SO_REUSEPORT spreads connections over the I/O
 * threads of all fronts on a port, without a lock between them.  Accepting is io.c's. */
#include "services/front/listener.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "services/front/peers.h"

static enum chy_rc resolve(struct chy_ctx *cx, const char *address, uint16_t port,
                           struct addrinfo **ret)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    char service[8];
    int err;

    snprintf(service, sizeof service, "%u", port);
    err = getaddrinfo(address, service, &hints, ret);
    if (err != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "listener %s: %s", address, gai_strerror(err));
    return CHY_OK;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage ss;
    socklen_t n = sizeof ss;
    char service[8];

    if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0 ||
        getnameinfo((struct sockaddr *)&ss, n, NULL, 0, service, sizeof service, NI_NUMERICSERV) !=
            0)
        return 0;
    return (uint16_t)strtoul(service, NULL, 10);
}

static int listen_on(const struct addrinfo *ai)
{
    chy_auto_fd int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1, off = 0;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return -1;
    if (ai->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0)
        return -1;
    int done = fd;

    fd = -1;
    return done;
}

static enum chy_rc open_one(struct chy_ctx *cx, struct chy_listen *l, unsigned i)
{
    const char *address = l->config->address;
    struct addrinfo *ai;
    int err;

    if (resolve(cx, address, l->port, &ai) != CHY_OK)
        return CHY_ERR;
    l->fds[i] = listen_on(ai);
    err = errno;
    freeaddrinfo(ai);
    if (l->fds[i] < 0)
        return chy_fail(cx, &CHY_P_serverInternal, "cannot listen on %s port %u: %s", address,
                        l->port, strerror(err));
    l->port = port_of(l->fds[i]); /* the threads after the first take what the kernel chose */
    return CHY_OK;
}

enum chy_rc chy_listen_open(struct chy_ctx *cx, const struct chy_front_listener *config,
                            unsigned n_fds, struct chy_listen *l)
{
    *l = (struct chy_listen){.config = config, .port = config->port};
    pthread_mutex_init(&l->lock, NULL);
    l->fds = calloc(n_fds, sizeof *l->fds);
    if (l->fds == NULL)
        abort();
    l->n_fds = n_fds;
    for (unsigned i = 0; i < n_fds; i++)
        l->fds[i] = -1;
    if (config->certificate != NULL && chy_listen_reload(cx, l) != CHY_OK)
        return CHY_ERR;
    for (unsigned i = 0; i < n_fds; i++)
        if (open_one(cx, l, i) != CHY_OK)
            return CHY_ERR;
    return CHY_OK;
}

void chy_listen_close(struct chy_listen *l)
{
    for (unsigned i = 0; i < l->n_fds; i++)
        if (l->fds[i] >= 0)
            close(l->fds[i]);
    free(l->fds);
    SSL_CTX_free(l->tls);
    pthread_mutex_destroy(&l->lock);
}

enum chy_rc chy_listen_reload(struct chy_ctx *cx, struct chy_listen *l)
{
    SSL_CTX *fresh, *old;

    if (chy_tls_load(cx, l->config->certificate, l->config->key, &fresh) != CHY_OK)
        return CHY_ERR;
    pthread_mutex_lock(&l->lock);
    old = l->tls;
    l->tls = fresh;
    pthread_mutex_unlock(&l->lock);
    SSL_CTX_free(old); /* connections hold references of their own */
    return CHY_OK;
}

bool chy_listen_is_proxy(const struct chy_listen *l, const struct sockaddr *sa)
{
    struct sockaddr_in plain;

    sa = chy_peers_unmapped(sa, &plain);
    for (size_t i = 0; i < l->config->n_proxies; i++)
        if (chy_prefix_has(&l->config->proxies[i], sa))
            return true;
    return false;
}

SSL *chy_listen_ssl(struct chy_listen *l)
{
    SSL *ssl;

    pthread_mutex_lock(&l->lock);
    ssl = SSL_new(l->tls);
    pthread_mutex_unlock(&l->lock);
    ERR_clear_error();
    return ssl;
}
