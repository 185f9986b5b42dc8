/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the signature log at start: every line must be JSON and name the SHA-256 of the line
 * before. A crash can leave a torn end, without a newline or with zeros; it was never synced, so no
 * signature left this process for it: it is put aside and the log goes on.  Anything else that does
 * not fit means that somebody was here, and is for a person to look at. */
#include "services/signer/siglog_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/log.h"
#include "core/base/problem.h"

#define SERIAL_MAX 20

char *chy_siglog_hex(struct chy_ctx *cx, const uint8_t *b, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char *text = chy_alloc(cx, 2 * n + 1);

    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[b[i] >> 4];
        text[2 * i + 1] = digits[b[i] & 15];
    }
    return text;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Octets of lower-case hex, at most max; 0 if it is not that. */
static size_t unhex(const char *text, uint8_t *out, size_t max)
{
    size_t n = text != NULL ? strlen(text) : 0;

    if (n == 0 || n % 2 != 0 || n / 2 > max)
        return 0;
    for (size_t i = 0; i < n; i += 2) {
        int high = nibble(text[i]), low = nibble(text[i + 1]);

        if (high < 0 || low < 0)
            return 0;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return n / 2;
}

static enum chy_rc system_error(struct chy_ctx *cx, const char *path, const char *what)
{
    return chy_fail(cx, &CHY_P_serverInternal, "%s: %s: %s", path, what, strerror(errno));
}

/* Why one whole line (without its end) does not fit, or NULL. */
static const char *take_line(struct chy_siglog_reader *r, const char *line, size_t n)
{
    json_t *o = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
    const char *issuer = json_string_value(json_object_get(o, "issuer"));
    uint8_t serial[SERIAL_MAX], prev[32];
    size_t serial_n = unhex(json_string_value(json_object_get(o, "serial")), serial, SERIAL_MAX);
    size_t prev_n = unhex(json_string_value(json_object_get(o, "prev")), prev, sizeof prev);
    const char *why = NULL;

    if (issuer == NULL || serial_n == 0 || prev_n != sizeof prev)
        why = "is not a line of the signature log";
    else if (memcmp(prev, r->prev, sizeof prev) != 0)
        why = "does not follow the line before: the log was changed";
    else if (EVP_Digest(line, n, r->prev, NULL, EVP_sha256(), NULL) != 1)
        why = "cannot be hashed";
    else
        r->visit(r->arg, issuer, serial, serial_n);
    json_decref(o);
    return why;
}

/* A new file's name must survive a crash, too. */
static enum chy_rc sync_folder(struct chy_ctx *cx, const char *path)
{
    chy_auto_fd int fd = open(dirname(chy_fmt(cx, "%s", path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        return system_error(cx, path, "its folder cannot be synced");
    return CHY_OK;
}

static bool write_all(int fd, const char *b, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, b, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        b += put;
        n -= (size_t)put;
    }
    return true;
}

/* Everything from an offset on, and a newline. */
static bool copy_tail(int from, off_t at, int to)
{
    char b[8192];
    ssize_t n;

    while ((n = pread(from, b, sizeof b, at)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || !write_all(to, b, (size_t)n))
            return false;
        at += n;
    }
    return write_all(to, "\n", 1);
}

/* Keep the torn end for whoever wants to look at it, and cut it off. */
static enum chy_rc put_aside(struct chy_ctx *cx, const struct chy_siglog_reader *r, int fd,
                             off_t whole)
{
    char *aside = chy_fmt(cx, "%s.torn", r->path);
    chy_auto_fd int to = open(aside, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (to < 0 || !copy_tail(fd, whole, to) || fsync(to) != 0)
        return system_error(cx, aside, "torn end cannot be kept");
    if (sync_folder(cx, aside) != CHY_OK)
        return CHY_ERR;
    if (ftruncate(fd, whole) != 0 || fsync(fd) != 0)
        return system_error(cx, r->path, "torn end cannot be cut off");
    chy_log(cx, LOG_WARNING, "%s: end was torn by a crash; moved to %s", r->path, aside);
    return CHY_OK;
}

static bool is_log_line(const char *line, size_t n)
{
    json_t *o = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_is_string(json_object_get(o, "serial"));

    json_decref(o);
    return good;
}

/* What a power cut leaves of a write that was never synced: a line without its end, or octets that
 * read as zeros because the file's size was on the disk before its contents. */
static bool is_torn(const char *line, size_t n)
{
    return line[n - 1] != '\n' || memchr(line, '\0', n) != NULL;
}

/* The log goes on from the last good line, but only if nothing after it looks like one: a hole with
 * signed lines behind it is for a person to look at. */
static enum chy_rc end_torn(struct chy_ctx *cx, struct chy_siglog_reader *r, int fd, FILE *f,
                            off_t whole, char **line, size_t *room)
{
    ssize_t n;

    while ((n = getline(line, room, f)) > 0)
        if (is_log_line(*line, (size_t)n))
            return chy_fail(cx, &CHY_P_serverInternal,
                            "%s:%" PRIu64 ": is torn, but lines of the log follow", r->path,
                            r->lines + 1);
    return ferror(f) ? system_error(cx, r->path, "cannot be read") : put_aside(cx, r, fd, whole);
}

static enum chy_rc read_lines(struct chy_ctx *cx, struct chy_siglog_reader *r, int fd, FILE *f,
                              char **line, size_t *room)
{
    off_t whole = 0;
    ssize_t n;

    while ((n = getline(line, room, f)) > 0) {
        const char *why;

        if (is_torn(*line, (size_t)n))
            return end_torn(cx, r, fd, f, whole, line, room);
        why = n - 1 > CHY_SIGLOG_LINE_MAX ? "is too long" : take_line(r, *line, (size_t)n - 1);
        if (why != NULL)
            return chy_fail(cx, &CHY_P_serverInternal, "%s:%" PRIu64 ": %s", r->path, r->lines + 1,
                            why);
        r->lines++;
        whole += n;
    }
    return ferror(f) ? system_error(cx, r->path, "cannot be read") : CHY_OK;
}

static enum chy_rc read_through(struct chy_ctx *cx, struct chy_siglog_reader *r, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    chy_auto_file FILE *f = copy >= 0 ? fdopen(copy, "r") : NULL;
    char *line = NULL;
    size_t room = 0;
    enum chy_rc rc;

    if (f == NULL) {
        if (copy >= 0)
            close(copy);
        return system_error(cx, r->path, "cannot be read");
    }
    rc = read_lines(cx, r, fd, f, &line, &room);
    free(line);
    return rc;
}

static enum chy_rc open_alone(struct chy_ctx *cx, const char *path, int *ret)
{
    chy_auto_fd int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    struct stat st;

    if (fd < 0)
        return system_error(cx, path, "signature log cannot be opened");
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return chy_fail(cx, &CHY_P_serverInternal, "%s: is not a regular file", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: another signer writes this log; stop it first", path);
    if (sync_folder(cx, path) != CHY_OK)
        return CHY_ERR;
    *ret = fd;
    fd = -1;
    return CHY_OK;
}

enum chy_rc chy_siglog_read(struct chy_ctx *cx, struct chy_siglog_reader *r, int *ret_fd)
{
    chy_auto_fd int fd = -1;

    if (open_alone(cx, r->path, &fd) != CHY_OK || read_through(cx, r, fd) != CHY_OK)
        return CHY_ERR;
    *ret_fd = fd;
    fd = -1;
    return CHY_OK;
}
