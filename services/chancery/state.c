/* SPDX-License-Identifier: Apache-2.0 */
/* What a running installation says of itself in its run directory.
 *
 * The lock is one on the open file that only who may write can take, and asking whether it is held
 * takes none: neither other users nor a concurrent status can make the node look up.  A pid means
 * nothing without the time at which its process started: numbers are used again. */
#include "services/chancery/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/problem.h"

#define STATE_MAX 262144

/* For fcntl: the whole file, for writing. */
static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

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
    chy_auto_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct flock all = whole_file();
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: cannot be opened: %s; run this as the user who made the installation",
                        path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
        return chy_fail(
            cx, &CHY_P_serverInternal,
            "%s: is not a file of this user's (it belongs to user id %u); remove it, or "
            "run this as the user who made the installation",
            path, (unsigned)st.st_uid);
    if (fcntl(fd, F_OFD_SETLK, &all) != 0) {
        if (errno != EAGAIN && errno != EACCES)
            return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be locked: %s", path,
                            strerror(errno));
        *ret_fd = -1;
        *ret_pid = read_pid(fd);
        return CHY_OK;
    }
    if (fchmod(fd, 0600) != 0 || ftruncate(fd, 0) != 0) /* of a killed supervisor */
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be emptied: %s", path,
                        strerror(errno));
    *ret_fd = fd;
    *ret_pid = 0;
    fd = -1;
    return CHY_OK;
}

enum chy_rc chy_state_write_pid(struct chy_ctx *cx, int fd, pid_t pid)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%d\n", (int)pid);

    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return chy_fault_internal(cx, "supervisor.pid: cannot be written: %s", strerror(errno));
    return CHY_OK;
}

void chy_state_forget_pid(int fd)
{
    if (ftruncate(fd, 0) != 0)
        return; /* the lock, which goes with us, says the same */
}

int64_t chy_state_start_time(struct chy_ctx *cx, pid_t pid)
{
    chy_auto_file FILE *f = fopen(chy_fmt(cx, "/proc/%d/stat", (int)pid), "re");
    char text[1024], *p;
    long long ticks;
    char state;
    size_t n;

    if (pid <= 0 || f == NULL)
        return 0;
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    p = strrchr(text, ')'); /* the name before it may hold anything */
    if (p == NULL ||
        sscanf(p + 1,
               " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lld",
               &state, &ticks) != 2)
        return 0;
    return state == 'Z' ? 0 : ticks;
}

/* Is process, an object of state.json, there still? */
static bool still_runs(struct chy_ctx *cx, const json_t *process, pid_t *ret_pid)
{
    pid_t pid = (pid_t)json_integer_value(json_object_get(process, "pid"));
    int64_t start = json_integer_value(json_object_get(process, "start"));

    if (pid <= 0 || start <= 0 || chy_state_start_time(cx, pid) != start)
        return false;
    *ret_pid = pid;
    return true;
}

bool chy_state_is_supervisor(struct chy_ctx *cx, const char *run, pid_t pid)
{
    pid_t found;

    return still_runs(cx, chy_state_read(cx, run), &found) && found == pid;
}

bool chy_state_running(struct chy_ctx *cx, const char *run, pid_t *ret_pid)
{
    chy_auto_fd int fd =
        open(chy_fmt(cx, "%s/supervisor.pid", run), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct flock all = whole_file();

    if (fd < 0 && errno == EACCES) /* somebody else's: state.json is for everybody */
        return still_runs(cx, chy_state_read(cx, run), ret_pid);
    if (fd < 0 || fcntl(fd, F_OFD_GETLK, &all) != 0 || all.l_type == F_UNLCK)
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

bool chy_state_leftover(struct chy_ctx *cx, const char *run, const char **ret_name, pid_t *ret_pid)
{
    const json_t *list = json_object_get(chy_state_read(cx, run), "processes"), *c;
    size_t i;

    json_array_foreach(list, i, c)
    {
        const char *name = json_string_value(json_object_get(c, "name"));

        if (name == NULL || !still_runs(cx, c, ret_pid))
            continue;
        *ret_name = name;
        return true;
    }
    return false;
}
