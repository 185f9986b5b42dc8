/* SPDX-License-Identifier: Apache-2.0 */
/* Operating system users: finding, making and becoming them; work done on their behalf.
 *
 * Root never writes into a directory that belongs to somebody else: a link planted there would be
 * followed.  Such work is done in a child that has become the owner. */
#include "services/chancery/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/env.h"
#include "core/base/problem.h"

#define OUTPUT_MAX 65536 /* of a program, the last of it */

enum chy_rc chy_identity_find(struct chy_ctx *cx, const char *name, struct chy_identity *ret)
{
    const struct passwd *pw = name != NULL ? getpwnam(name) : getpwuid(geteuid());
    struct chy_identity id = {0};

    if (pw == NULL && name != NULL)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "user %s: there is no such user; 'chancery init' as root makes it, or "
                        "correct users: in node.yaml",
                        name);
    id.uid = pw != NULL ? pw->pw_uid : geteuid();
    id.gid = pw != NULL ? pw->pw_gid : getegid();
    id.name = pw != NULL ? chy_fmt(cx, "%s", pw->pw_name) : chy_fmt(cx, "%u", (unsigned)id.uid);
    id.change = id.uid != geteuid();
    if (id.change && geteuid() != 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "user %s: only root can become it; run this as root or as %s", name, name);
    *ret = id;
    return CHY_OK;
}

enum chy_rc chy_identity_ensure(struct chy_ctx *cx, const char *name, bool *ret_made)
{
    /* A group of that name may be left from before; useradd would not take it by itself. */
    const char *group = getgrnam(name) != NULL ? "--no-user-group" : "--user-group";
    const char *argv[14] = {"/usr/sbin/useradd", "--system",     group,     "--no-create-home",
                            "--home-dir",        "/nonexistent", "--shell", "/usr/sbin/nologin"};
    struct chy_identity self;
    size_t n = 8;

    *ret_made = false;
    if (getpwnam(name) != NULL)
        return CHY_OK;
    if (getgrnam(name) != NULL) {
        argv[n++] = "--gid";
        argv[n++] = name;
    }
    argv[n] = name;
    if (chy_identity_find(cx, NULL, &self) != CHY_OK ||
        chy_identity_run(cx, &self, argv, NULL) != CHY_OK)
        return CHY_ERR;
    *ret_made = true;
    return CHY_OK;
}

static bool is_member(const struct group *g, const char *name)
{
    for (char **member = g->gr_mem; *member != NULL; member++)
        if (strcmp(*member, name) == 0)
            return true;
    return false;
}

enum chy_rc chy_identity_join(struct chy_ctx *cx, const char *name, const char *group)
{
    const char *const argv[] = {"/usr/sbin/usermod", "--append", "--groups", group, name, NULL};
    const struct group *g = getgrnam(group);
    struct chy_identity self;

    if (g != NULL && is_member(g, name))
        return CHY_OK;
    if (chy_identity_find(cx, NULL, &self) != CHY_OK)
        return CHY_ERR;
    return chy_identity_run(cx, &self, argv, NULL);
}

/* Let CAP_NET_BIND_SERVICE, and nothing else, outlive the change of user and the exec after it. */
static bool keep_bind_capability(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};

    data[0].permitted = data[0].effective = data[0].inheritable = 1u << CAP_NET_BIND_SERVICE;
    return syscall(SYS_capset, &header, data) == 0 &&
           prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) == 0;
}

bool chy_identity_assume(const struct chy_identity *id)
{
    if (!id->change)
        return true;
    if (id->bind_ports && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
        return false;
    if (initgroups(id->name, id->gid) != 0 || setresgid(id->gid, id->gid, id->gid) != 0 ||
        setresuid(id->uid, id->uid, id->uid) != 0)
        return false;
    if (id->bind_ports && !keep_bind_capability())
        return false;
    return setuid(0) != 0; /* it must not be possible to come back */
}

/* Read until the end; keep the last of it. */
static void read_tail(int fd, char *tail)
{
    size_t n = 0;
    ssize_t got;
    char piece[1024];

    while ((got = read(fd, piece, sizeof piece)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        if (n + (size_t)got > OUTPUT_MAX) {
            size_t drop = n + (size_t)got - OUTPUT_MAX;

            memmove(tail, tail + drop, n - drop);
            n -= drop;
        }
        memcpy(tail + n, piece, (size_t)got);
        n += (size_t)got;
    }
    tail[n] = '\0';
}

static int wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

enum chy_rc chy_identity_work(struct chy_ctx *cx, const struct chy_identity *id,
                              enum chy_rc (*work)(struct chy_ctx *cx, void *arg), void *arg)
{
    char *reason = chy_alloc(cx, OUTPUT_MAX + 1);
    int ends[2], status;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return chy_fault_internal(cx, "pipe: %s", strerror(errno));
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        const char *said = NULL;

        close(ends[0]);
        if (!chy_identity_assume(id))
            said = chy_fmt(cx, "user %s: cannot become it: %s", id->name, strerror(errno));
        else if (work(cx, arg) != CHY_OK)
            said = cx->problem.note != NULL ? cx->problem.note : cx->problem.detail;
        if (said != NULL)
            _exit(write(ends[1], said, strlen(said)) < 0 ? 2 : 1);
        _exit(0);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return chy_fault_internal(cx, "fork: %s", strerror(errno));
    }
    read_tail(ends[0], reason);
    close(ends[0]);
    status = wait_for(pid);
    if (status != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s",
                        reason[0] != '\0' ? reason : "a helper process ended without a reason");
    return CHY_OK;
}

/* What a helper program may know of our environment. */
static const char *const kept[] = {"PATH", "LANG", "TZ", NULL};

static void __attribute__((noreturn))
run_program(const struct chy_identity *id, const char *const *argv, int in, int out, int err)
{
    signal(SIGPIPE, SIG_DFL);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(err, STDERR_FILENO) < 0 || !chy_identity_assume(id) || chdir("/") != 0) {
        perror(argv[0]);
        _exit(126);
    }
    chy_env_keep(kept);
    chy_env_set("HOME", "/");
    execv(argv[0], (char *const *)argv);
    perror(argv[0]);
    _exit(127);
}

/* A file that is deleted already: the program may read it when it likes, nobody waits. */
static int input_file(const char *input)
{
    int fd = input == NULL ? open("/dev/null", O_RDONLY | O_CLOEXEC)
                           : memfd_create("input", MFD_CLOEXEC);

    if (fd >= 0 && input != NULL &&
        (write(fd, input, strlen(input)) != (ssize_t)strlen(input) ||
         lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The last line of a program's output: where it says what went wrong. */
static const char *last_line(char *text)
{
    size_t n = strlen(text);
    char *newline;

    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    newline = strrchr(text, '\n');
    return newline != NULL ? newline + 1 : text;
}

/* Run it and wait.  output holds OUTPUT_MAX + 1 octets. */
static enum chy_rc run_captured(struct chy_ctx *cx, const struct chy_identity *id,
                                const char *const *argv, const char *input, bool errors_too,
                                char *output, int *ret_status)
{
    chy_auto_fd int in = input_file(input);
    int ends[2];
    pid_t pid;

    if (in < 0 || pipe2(ends, O_CLOEXEC) != 0)
        return chy_fault_internal(cx, "%s: cannot be given a pipe: %s", argv[0], strerror(errno));
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        run_program(id, argv, in, ends[1], errors_too ? ends[1] : STDERR_FILENO);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return chy_fault_internal(cx, "fork: %s", strerror(errno));
    }
    read_tail(ends[0], output);
    close(ends[0]);
    *ret_status = wait_for(pid);
    return CHY_OK;
}

enum chy_rc chy_identity_run(struct chy_ctx *cx, const struct chy_identity *id,
                             const char *const *argv, const char *input)
{
    char *output = chy_alloc(cx, OUTPUT_MAX + 1);
    int status;

    if (run_captured(cx, id, argv, input, true, output, &status) != CHY_OK)
        return CHY_ERR;
    if (WIFSIGNALED(status))
        return chy_fail(cx, &CHY_P_serverInternal, "%s: killed by signal %d: %s", argv[0],
                        WTERMSIG(status), last_line(output));
    if (status != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: exit code %d: %s", argv[0],
                        WEXITSTATUS(status), last_line(output));
    return CHY_OK;
}

enum chy_rc chy_identity_read(struct chy_ctx *cx, const struct chy_identity *id,
                              const char *const *argv, char **ret_output, int *ret_code)
{
    char *output = chy_alloc(cx, OUTPUT_MAX + 1);
    int status;

    if (run_captured(cx, id, argv, NULL, false, output, &status) != CHY_OK)
        return CHY_ERR;
    *ret_output = output;
    *ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return CHY_OK;
}

struct reach {
    const char *dir, *user;
};

static enum chy_rc reach_each(struct chy_ctx *cx, void *arg)
{
    const struct reach *r = arg;
    char *path = chy_fmt(cx, "%s/", r->dir);
    struct stat st;

    for (char *p = path + 1; *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (access(path, X_OK) != 0 && errno == ENOENT)
            return CHY_OK;
        if (access(path, X_OK) != 0) {
            unsigned mode = stat(path, &st) == 0 ? st.st_mode & 07777 : 0;

            return chy_fail(cx, &CHY_P_serverInternal,
                            "%s: user %s cannot pass %s (mode %04o); choose a place elsewhere, or "
                            "'chmod o+x %s'",
                            r->dir, r->user, path, mode, path);
        }
        *p = '/';
    }
    return CHY_OK;
}

enum chy_rc chy_identity_reach(struct chy_ctx *cx, const struct chy_identity *id, const char *dir)
{
    struct reach r = {dir, id->name};

    return chy_identity_work(cx, id, reach_each, &r);
}
