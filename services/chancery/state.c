/* SPDX-License-Identifier: Apache-2.0 */
/* What a running installation says of itself in its run directory. */
#include "services/chancery/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/problem.h"

#define STATE_MAX 262144

static pid_t read_pid(int fd)
{
    char text[16];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    if (n <= 0)
        return 0;
    text[n] = '\0';
    return (pid_t)strtol(text, NULL, 10);
}

enum chy_rc chy_state_lock(struct chy_ctx *cx, const char *run, int *ret_fd, pid_t *ret_pid)
{
    char *path = chy_fmt(cx, "%s/supervisor.pid", run);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

    if (fd < 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: cannot be opened: %s; run this as the user who made the installation",
                        path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_fd = fd;
        *ret_pid = 0;
        return CHY_OK;
    }
    *ret_fd = -1;
    *ret_pid = read_pid(fd);
    close(fd);
    return CHY_OK;
}

enum chy_rc chy_state_write_pid(struct chy_ctx *cx, int fd, pid_t pid)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%d\n", (int)pid);

    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n || fchmod(fd, 0644) != 0)
        return chy_fault_internal(cx, "supervisor.pid: cannot be written: %s", strerror(errno));
    return CHY_OK;
}

bool chy_state_running(struct chy_ctx *cx, const char *run, pid_t *ret_pid)
{
    chy_auto_fd int fd =
        open(chy_fmt(cx, "%s/supervisor.pid", run), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0)
        return false;
    *ret_pid = read_pid(fd);
    return true;
}

enum chy_rc chy_state_write(struct chy_ctx *cx, const char *run, const json_t *state)
{
    char *text = json_dumps(state, JSON_INDENT(2));
    enum chy_rc rc;

    if (text == NULL)
        return chy_fault_internal(cx, "state.json: not UTF-8");
    rc = chy_file_write(cx, chy_fmt(cx, "%s/state.json", run), text, strlen(text), 0644);
    free(text);
    return rc;
}

const json_t *chy_state_read(struct chy_ctx *cx, const char *run)
{
    struct chy_ctx own = {.arena = cx->arena}; /* a missing file is no failure of the caller */
    char *text;
    size_t n;
    json_t *state;

    if (chy_file_read(&own, chy_fmt(cx, "%s/state.json", run), STATE_MAX, &text, &n) != CHY_OK ||
        chy_json_object(&own, "state.json", text, n, &state) != CHY_OK)
        return NULL;
    return state;
}

/* Does pid still run, and is it what we once called name?  Numbers are used again. */
static bool still_runs(struct chy_ctx *cx, const char *name, pid_t pid)
{
    chy_auto_file FILE *f = fopen(chy_fmt(cx, "/proc/%d/stat", (int)pid), "re");
    const char *kind = strcmp(name, "postgres") == 0
                           ? name
                           : chy_fmt(cx, "chancery-%.*s", (int)strcspn(name, "-"), name);
    char program[16], state;

    return f != NULL && fscanf(f, "%*d (%15[^)]) %c", program, &state) == 2 && state != 'Z' &&
           strncmp(program, kind, sizeof program - 1) == 0;
}

bool chy_state_leftover(struct chy_ctx *cx, const char *run, const char **ret_name, pid_t *ret_pid)
{
    const json_t *list = json_object_get(chy_state_read(cx, run), "processes"), *c;
    size_t i;

    json_array_foreach(list, i, c)
    {
        const char *name = json_string_value(json_object_get(c, "name"));
        pid_t pid = (pid_t)json_integer_value(json_object_get(c, "pid"));

        if (name == NULL || pid <= 0 || !still_runs(cx, name, pid))
            continue;
        *ret_name = name;
        *ret_pid = pid;
        return true;
    }
    return false;
}
