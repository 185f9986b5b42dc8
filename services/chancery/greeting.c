/* SPDX-License-Identifier: Apache-2.0 */
/* The header that a load balancer's own connections begin with (HAProxy's doc/proxy-protocol.txt,
 * section 2.2).  curl knows version 1 only, which the front refuses; so the connection is made here
 * and given to curl. */
#include "services/chancery/greeting.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "core/net/config.h"

#define CONNECT_MS 5000

static const char local_header[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

static bool connects(int fd, const struct sockaddr *sa, socklen_t n)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    socklen_t size = sizeof(int);
    int error = 0;

    if (connect(fd, sa, n) == 0)
        return true;
    return errno == EINPROGRESS && poll(&p, 1, CONNECT_MS) == 1 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

static bool comes_from_balancer(const struct chy_greeting *g, int fd)
{
    struct sockaddr_storage own;
    socklen_t n = sizeof own;
    size_t i = 0;

    if (getsockname(fd, (struct sockaddr *)&own, &n) != 0)
        return false;
    while (i < g->n_proxies && !chy_prefix_has(&g->proxies[i], (struct sockaddr *)&own))
        i++;
    return i < g->n_proxies;
}

static curl_socket_t open_greeted(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    const struct chy_greeting *g = arg;
    chy_auto_fd int fd =
        socket(to->family, to->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to->protocol);
    int done = fd;

    if (purpose != CURLSOCKTYPE_IPCXN || fd < 0 || !connects(fd, &to->addr, to->addrlen))
        return CURL_SOCKET_BAD;
    if (comes_from_balancer(g, fd) && send(fd, local_header, sizeof local_header - 1,
                                           MSG_NOSIGNAL) != (ssize_t)sizeof local_header - 1)
        return CURL_SOCKET_BAD;
    fd = -1;
    return done;
}

static int say_it_is_connected(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    (void)arg;
    (void)fd;
    (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

void chy_greet_as_balancer(CURL *curl, struct chy_greeting *g)
{
    if (g->n_proxies == 0)
        return;
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_greeted);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, g);
    curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, say_it_is_connected);
}
