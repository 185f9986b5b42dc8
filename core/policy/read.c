/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one file after looking at what it is: never a device, a pipe that hangs, or more than asked. */
#include "core/policy/read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/auto.h"

static const char *cannot(struct chy_ctx *cx, int err)
{
    if (err == ELOOP)
        return "is a symbolic link; policy holds regular files only";
    return chy_fmt(cx, "cannot be read: %s%s", strerror(err),
                   err == EACCES ? "; the services' user must be able to" : "");
}

const char *chy_policy_read(struct chy_ctx *cx, int dir, const char *name, int flags, size_t max,
                            char **ret, size_t *ret_n)
{
    chy_auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
    struct stat st;
    size_t got = 0;
    char *text;

    if (fd < 0 || fstat(fd, &st) != 0)
        return cannot(cx, errno);
    if (!S_ISREG(st.st_mode))
        return "is not a regular file";
    if ((uintmax_t)st.st_size > max)
        return chy_fmt(cx, "has %jd octets; the most is %zu", (intmax_t)st.st_size, max);
    text = chy_alloc(cx, (size_t)st.st_size + 1);
    while (got < (size_t)st.st_size) {
        ssize_t n = read(fd, text + got, (size_t)st.st_size - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cannot(cx, errno);
        if (n == 0)
            break;
        got += (size_t)n;
    }
    *ret = text;
    *ret_n = got;
    return NULL;
}
