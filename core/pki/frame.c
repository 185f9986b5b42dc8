/* SPDX-License-Identifier: Apache-2.0 */
/* Frames over a unix stream socket with absolute deadlines, so that a peer that sends an octet now
 * and then cannot hold a thread. */
#include "core/pki/frame.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/clock.h"

#define HEADER 4

int chy_frame_socket(const char *path, struct sockaddr_un *ret)
{
    size_t n = strlen(path);

    memset(ret, 0, sizeof *ret);
    ret->sun_family = AF_UNIX;
    if (n >= sizeof ret->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(ret->sun_path, path, n + 1);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* Wait until fd is ready; until: chy_clock_ms(), or -1. */
static enum chy_frame_end wait_ready(int fd, short events, int64_t until)
{
    struct pollfd p = {.fd = fd, .events = events};

    for (;;) {
        int64_t left = until < 0 ? -1 : until - chy_clock_ms();
        int n;

        if (until >= 0 && left < 0)
            left = 0; /* what is there already may still be taken */
        n = poll(&p, 1, (int)left);
        if (n > 0)
            return CHY_FRAME_WHOLE;
        if (n == 0)
            return CHY_FRAME_LATE;
        if (errno != EINTR)
            return CHY_FRAME_BROKEN;
    }
}

static bool try_again(void)
{
    return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
}

static enum chy_frame_end read_exactly(int fd, uint8_t *p, size_t n, int64_t until)
{
    while (n > 0) {
        enum chy_frame_end e = wait_ready(fd, POLLIN, until);
        ssize_t got;

        if (e != CHY_FRAME_WHOLE)
            return e;
        got = recv(fd, p, n, MSG_DONTWAIT);
        if (got < 0 && try_again())
            continue;
        if (got == 0)
            errno = ECONNRESET;
        if (got <= 0)
            return CHY_FRAME_BROKEN;
        p += got;
        n -= (size_t)got;
    }
    return CHY_FRAME_WHOLE;
}

/* The first octet may take its time, and its absence is an orderly end. */
static enum chy_frame_end read_first(int fd, uint8_t *p, int wait_ms)
{
    int64_t until = wait_ms < 0 ? -1 : chy_clock_ms() + wait_ms;

    for (;;) {
        enum chy_frame_end e = wait_ready(fd, POLLIN, until);
        ssize_t got;

        if (e != CHY_FRAME_WHOLE)
            return e;
        got = recv(fd, p, 1, MSG_DONTWAIT);
        if (got == 1)
            return CHY_FRAME_WHOLE;
        if (got == 0)
            return CHY_FRAME_NONE;
        if (!try_again())
            return CHY_FRAME_BROKEN;
    }
}

enum chy_frame_end chy_frame_read(int fd, int wait_ms, int rest_ms, uint8_t *ret, size_t *ret_n)
{
    uint8_t h[HEADER];
    enum chy_frame_end e = read_first(fd, h, wait_ms);
    int64_t until = chy_clock_ms() + rest_ms;
    size_t n;

    if (e != CHY_FRAME_WHOLE)
        return e;
    e = read_exactly(fd, h + 1, HEADER - 1, until);
    if (e != CHY_FRAME_WHOLE)
        return e;
    n = (size_t)h[0] << 24 | (size_t)h[1] << 16 | (size_t)h[2] << 8 | h[3];
    if (n == 0 || n > CHY_FRAME_MAX)
        return CHY_FRAME_TOO_BIG;
    e = read_exactly(fd, ret, n, until);
    if (e == CHY_FRAME_WHOLE)
        *ret_n = n;
    return e;
}

/* What is left of the frame after the first `done` octets of header and body. */
static ssize_t send_rest(int fd, uint8_t *h, const void *b, size_t n, size_t done)
{
    struct iovec v[2];
    struct msghdr m = {.msg_iov = v};

    if (done < HEADER)
        v[m.msg_iovlen++] = (struct iovec){h + done, HEADER - done};
    done = done < HEADER ? 0 : done - HEADER;
    v[m.msg_iovlen++] = (struct iovec){(uint8_t *)b + done, n - done};
    return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

enum chy_frame_end chy_frame_write(int fd, int ms, const void *b, size_t n)
{
    int64_t until = chy_clock_ms() + ms;
    uint8_t h[HEADER] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    size_t done = 0;

    if (n == 0 || n > CHY_FRAME_MAX)
        return CHY_FRAME_TOO_BIG;
    while (done < HEADER + n) {
        enum chy_frame_end e = wait_ready(fd, POLLOUT, until);
        ssize_t put;

        if (e != CHY_FRAME_WHOLE)
            return e;
        put = send_rest(fd, h, b, n, done);
        if (put < 0 && try_again())
            continue;
        if (put < 0)
            return CHY_FRAME_BROKEN;
        done += (size_t)put;
    }
    return CHY_FRAME_WHOLE;
}
