/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing whole files. */
#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/problem.h"

static enum chy_rc failed(struct chy_ctx *cx, const char *path, const char *what, int err)
{
    return chy_fail(cx, &CHY_P_serverInternal, "%s: %s: %s", path, what, strerror(err));
}

static enum chy_rc check_trusted(struct chy_ctx *cx, const char *path, const struct stat *st)
{
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: belongs to the user %lu, neither root nor who runs this", path,
                        (unsigned long)st->st_uid);
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: others than its owner may write it; chmod go-w it", path);
    return CHY_OK;
}

/* trusted: nobody else may have written it. */
static enum chy_rc read_whole(struct chy_ctx *cx, const char *path, size_t max, bool trusted,
                              char **ret, size_t *ret_n)
{
    chy_auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    size_t got = 0;
    char *text;

    if (fd < 0 || fstat(fd, &st) != 0)
        return failed(cx, path, "cannot be read", errno);
    if (!S_ISREG(st.st_mode))
        return failed(cx, path, "is not a regular file", EINVAL);
    if ((uintmax_t)st.st_size > max)
        return failed(cx, path, "is too large", EFBIG);
    if (trusted && check_trusted(cx, path, &st) != CHY_OK)
        return CHY_ERR;
    text = chy_alloc(cx, (size_t)st.st_size + 1);
    while (got < (size_t)st.st_size) {
        ssize_t n = read(fd, text + got, (size_t)st.st_size - got);

        if (n < 0)
            return failed(cx, path, "cannot be read", errno);
        if (n == 0)
            break;
        got += (size_t)n;
    }
    text[got] = '\0';
    *ret = text;
    if (ret_n != NULL)
        *ret_n = got;
    return CHY_OK;
}

enum chy_rc chy_file_read(struct chy_ctx *cx, const char *path, size_t max, char **ret,
                          size_t *ret_n)
{
    return read_whole(cx, path, max, false, ret, ret_n);
}

enum chy_rc chy_file_read_trusted(struct chy_ctx *cx, const char *path, size_t max, char **ret,
                                  size_t *ret_n)
{
    return read_whole(cx, path, max, true, ret, ret_n);
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

enum chy_rc chy_file_write(struct chy_ctx *cx, const char *path, const void *b, size_t n,
                           mode_t mode)
{
    char *temporary = chy_fmt(cx, "%s.new", path);
    bool ok;
    int fd;

    /* Never into what somebody else has put there or keeps open. */
    if (unlink(temporary) != 0 && errno != ENOENT)
        return failed(cx, temporary, "cannot be removed", errno);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return failed(cx, temporary, "cannot be written", errno);
    ok = fchmod(fd, mode) == 0 && write_all(fd, b, n) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    if (!ok || rename(temporary, path) != 0)
        return failed(cx, path, "cannot be written", errno);
    return CHY_OK;
}

enum chy_rc chy_file_mkdirs(struct chy_ctx *cx, const char *path, mode_t mode)
{
    char *copy = chy_fmt(cx, "%s", path);

    for (char *p = copy + 1;; p++) {
        char c = *p;

        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (mkdir(copy, mode) != 0 && errno != EEXIST)
            return failed(cx, copy, "cannot be made", errno);
        *p = c;
        if (c == '\0')
            return CHY_OK;
    }
}
