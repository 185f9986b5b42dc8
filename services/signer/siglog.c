/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the signature log: lines are chained under a lock in the order they come, and whoever
 * finds nobody writing writes all that wait and syncs once (group commit).  siglog_read.c reads
 * it. */
#include "services/signer/siglog.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "services/signer/siglog_read.h"

struct buffer {
    char *b;
    size_t n, room;
};

struct chy_siglog {
    pthread_mutex_t lock;
    pthread_cond_t written;
    int fd, alarm;
    uint8_t prev[32];        /* SHA-256 of the last line, queued ones included */
    struct buffer waiting;   /* queued, not yet given to the file              */
    struct buffer under_way; /* the writer's own; others do not touch it       */
    uint64_t queued, durable;
    bool writing, broken;
};

static enum chy_rc make_log(struct chy_ctx *cx, int fd, const uint8_t prev[32],
                            struct chy_siglog **ret)
{
    struct chy_siglog *log = calloc(1, sizeof *log);

    if (log == NULL)
        abort();
    if (pthread_mutex_init(&log->lock, NULL) != 0 || pthread_cond_init(&log->written, NULL) != 0) {
        free(log);
        return chy_fault_internal(cx, "no lock can be made");
    }
    log->alarm = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (log->alarm < 0) {
        pthread_cond_destroy(&log->written);
        pthread_mutex_destroy(&log->lock);
        free(log);
        return chy_fault_internal(cx, "no eventfd can be made");
    }
    log->fd = fd;
    memcpy(log->prev, prev, sizeof log->prev);
    *ret = log;
    return CHY_OK;
}

enum chy_rc chy_siglog_open(struct chy_ctx *cx, const char *path,
                            void (*visit)(void *arg, const char *issuer, const uint8_t *serial,
                                          size_t n),
                            void *arg, struct chy_siglog **ret)
{
    struct chy_siglog_reader r = {.path = path, .visit = visit, .arg = arg};
    chy_auto_fd int fd = -1;

    if (chy_siglog_read(cx, &r, &fd) != CHY_OK || make_log(cx, fd, r.prev, ret) != CHY_OK)
        return CHY_ERR;
    fd = -1;
    return CHY_OK;
}

static char *line_text(struct chy_ctx *cx, const struct chy_sigline *l, const uint8_t prev[32],
                       size_t *ret_n)
{
    char when[21], *text;
    json_t *line = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "time", chy_clock_rfc3339(chy_now(cx), when),
        "issuer", l->issuer, "serial", chy_siglog_hex(cx, l->serial, l->serial_n), "tbs_sha256",
        chy_siglog_hex(cx, l->tbs_sha256, sizeof l->tbs_sha256), "uid", (json_int_t)l->uid, "pid",
        (json_int_t)l->pid, "prev", chy_siglog_hex(cx, prev, 32));
    char *dump = line != NULL ? json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

    json_decref(line);
    if (dump == NULL)
        return NULL;
    *ret_n = strlen(dump);
    text = chy_arena_strndup(cx->arena, dump, *ret_n);
    free(dump);
    return text;
}

static void queue(struct buffer *w, const char *line, size_t n)
{
    if (w->room - w->n < n + 1) {
        size_t room = (w->room + n + 1) * 2;

        w->b = realloc(w->b, room);
        if (w->b == NULL)
            abort();
        w->room = room;
    }
    memcpy(w->b + w->n, line, n);
    w->b[w->n + n] = '\n';
    w->n += n + 1;
}

/* Chain a line to the last one and queue it.  Locked. */
static bool add_line(struct chy_ctx *cx, struct chy_siglog *log, const struct chy_sigline *line)
{
    size_t n = 0;
    char *text = line_text(cx, line, log->prev, &n);

    if (text == NULL || n > CHY_SIGLOG_LINE_MAX ||
        EVP_Digest(text, n, log->prev, NULL, EVP_sha256(), NULL) != 1)
        return false;
    queue(&log->waiting, text, n);
    log->queued++;
    return true;
}

static bool write_out(int fd, const struct buffer *w)
{
    size_t done = 0;

    while (done < w->n) {
        ssize_t put = write(fd, w->b + done, w->n - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        done += (size_t)put;
    }
    return fdatasync(fd) == 0;
}

/* Part of a line may be there: only reading the log again can tell.  Locked. */
static void give_up(struct chy_siglog *log, int err)
{
    log->broken = true;
    chy_log(NULL, LOG_CRIT, "signature log cannot be written: %s; nothing is signed any more",
            strerror(err));
    (void)eventfd_write(log->alarm, 1);
}

/* Write all that waits.  Locked on entry and exit, not between. */
static void commit(struct chy_siglog *log)
{
    struct buffer w = log->waiting;
    uint64_t upto = log->queued;
    bool ok;
    int err;

    log->waiting = log->under_way;
    log->waiting.n = 0;
    log->under_way = w;
    log->writing = true;
    pthread_mutex_unlock(&log->lock);
    ok = write_out(log->fd, &w);
    err = errno;
    pthread_mutex_lock(&log->lock);
    log->writing = false;
    if (ok)
        log->durable = upto;
    else
        give_up(log, err);
    pthread_cond_broadcast(&log->written);
}

enum chy_rc chy_siglog_append(struct chy_ctx *cx, struct chy_siglog *log,
                              const struct chy_sigline *line)
{
    uint64_t mine = 0;
    bool ok;

    pthread_mutex_lock(&log->lock);
    ok = !log->broken && add_line(cx, log, line);
    mine = log->queued;
    while (ok && log->durable < mine && !log->broken) {
        if (log->writing)
            pthread_cond_wait(&log->written, &log->lock);
        else
            commit(log);
    }
    ok = ok && log->durable >= mine;
    pthread_mutex_unlock(&log->lock);
    return ok ? CHY_OK
              : chy_fault_internal(cx, "signature log cannot be written; restart the signer");
}

bool chy_siglog_broken(struct chy_siglog *log)
{
    bool broken;

    pthread_mutex_lock(&log->lock);
    broken = log->broken;
    pthread_mutex_unlock(&log->lock);
    return broken;
}

int chy_siglog_alarm(const struct chy_siglog *log)
{
    return log->alarm;
}

void chy_siglog_close(struct chy_siglog *log)
{
    if (log == NULL)
        return;
    close(log->fd);
    close(log->alarm);
    free(log->waiting.b);
    free(log->under_way.b);
    pthread_cond_destroy(&log->written);
    pthread_mutex_destroy(&log->lock);
    free(log);
}
