/* SPDX-License-Identifier: Apache-2.0 */
/* Solver for http-01 by a web server that runs already: files below its document root (RFC 8555 section
 * 8.3).  The directory may be another user's: no symbolic link is followed below it, and no file that
 * is there is written over. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "solve.h"

#define OPTION "webroot"

static const char *const below[] = {".well-known", "acme-challenge"};

struct webroot {
    int dirs[3];  /* the root, and each directory below */
    bool made[2]; /* by us */
    size_t files; /* written: the first so many of the tasks' */
};

static enum chy_rc failed(struct chy_ctx *cx, const char *root, const char *what, int error)
{
    return DNS_FAIL(cx, &CHY_P_serverInternal, "--" OPTION " %s: %s: %s", root, what,
                    strerror(error));
}

static enum chy_rc open_dirs(struct chy_ctx *cx, const char *root, struct webroot *w)
{
    w->dirs[0] = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->dirs[0] < 0)
        return failed(cx, root, "is no directory that can be entered", errno);
    for (size_t i = 0; i < 2; i++) {
        w->made[i] = mkdirat(w->dirs[i], below[i], 0755) == 0;
        if (!w->made[i] && errno != EEXIST)
            return failed(cx, root, below[i], errno);
        w->dirs[i + 1] =
            openat(w->dirs[i], below[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (w->dirs[i + 1] < 0 || (w->made[i] && fchmod(w->dirs[i + 1], 0755) != 0))
            return failed(cx, root, below[i], errno);
    }
    return CHY_OK;
}

static enum chy_rc write_proof(struct chy_ctx *cx, const char *root, struct webroot *w,
                               const struct chy_task *task)
{
    ssize_t n;
    int fd;

    if (task->token == NULL || task->key_authorization == NULL)
        return DNS_FAIL(cx, &CHY_P_malformed, "%s: the server's challenge has no token",
                        task->ident.value);
    fd =
        openat(w->dirs[2], task->token, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return failed(cx, root, "the proof cannot be written", errno);
    w->files++;
    n = (ssize_t)strlen(task->key_authorization);
    if (fchmod(fd, 0644) != 0 || write(fd, task->key_authorization, (size_t)n) != n) {
        int error = errno;

        close(fd);
        return failed(cx, root, "the proof cannot be written", error);
    }
    close(fd);
    return CHY_OK;
}

/* 0, or the errno of the first file that stays. */
static int take_away(const struct webroot *w, const struct chy_task *tasks)
{
    int error = 0;

    for (size_t i = 0; i < w->files; i++)
        if (unlinkat(w->dirs[2], tasks[i].token, 0) != 0 && errno != ENOENT && error == 0)
            error = errno;
    for (int i = 1; i >= 0; i--)
        if (w->made[i]) /* not if something else is in it by now */
            (void)!unlinkat(w->dirs[i], below[i], AT_REMOVEDIR);
    for (int i = 2; i >= 0; i--)
        if (w->dirs[i] >= 0)
            close(w->dirs[i]);
    return error;
}

static enum chy_rc prepare(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                           const json_t *options, void **ret_state)
{
    const char *root = dns_option(options, OPTION);
    struct webroot *w = dns_host->alloc(cx, sizeof *w);
    enum chy_rc rc;

    *w = (struct webroot){.dirs = {-1, -1, -1}};
    if (root == NULL)
        return DNS_FAIL(cx, &CHY_P_malformed, "--" OPTION " is needed");
    rc = open_dirs(cx, root, w);
    for (size_t i = 0; rc == CHY_OK && i < n; i++)
        rc = write_proof(cx, root, w, &tasks[i]);
    if (rc != CHY_OK) {
        (void)!take_away(w, tasks);
        return CHY_ERR;
    }
    *ret_state = w;
    return CHY_OK;
}

static enum chy_rc clean(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                         const json_t *options, void *state)
{
    int error = take_away(state, tasks);

    (void)n;
    if (error != 0)
        return failed(cx, dns_option(options, OPTION), "a proof cannot be taken away", error);
    return CHY_OK;
}

static const struct chy_client_option options[] = {
    {.name = OPTION,
     .value = "DIR",
     .help = "answer http-01 by files below this directory of a web server",
     .selects = true},
    {NULL},
};

const struct chy_solver dns_solve_webroot = {
    .challenge = "http-01",
    .name = "webroot",
    .help = "files for a web server that runs already",
    .options = options,
    .prepare = prepare,
    .clean = clean,
};
