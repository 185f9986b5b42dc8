/* SPDX-License-Identifier: Apache-2.0 */
/* Solver for dns-01 by a program of the user's (RFC 8555 section 8.4): PROGRAM add|remove NAME VALUE,
 * run without a shell, whose exit code 0 says that the record is served or gone. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "solve.h"

#define OPTION "dns-exec"
#define TIMEOUT_MS 180000

struct hook {
    size_t added; /* the first so many of the tasks' */
};

/* In the child: between fork and exec only what is safe in a signal handler, for a listener's thread
 * may run in this process. */
static void __attribute__((noreturn)) become(const char *program, char *const *argv)
{
    int null = open("/dev/null", O_RDONLY);

    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    /* What it prints is for the person, not part of our own output. */
    if (null >= 0 && dup2(null, 0) == 0 && dup2(2, 1) == 1)
        syscall(SYS_close_range, 3u, ~0u, 0u);
    execv(program, argv);
    _exit(127);
}

/* Wait for the child, at most so long.  False: it had to be ended. */
static bool wait_for(pid_t pid, int *ret_status)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    bool done = false;

    if (fd >= 0) {
        int n;

        while ((n = poll(&p, 1, TIMEOUT_MS)) < 0 && errno == EINTR)
            continue;
        done = n > 0;
        close(fd);
    }
    if (!done)
        kill(-pid, SIGKILL);
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        continue;
    return done;
}

static enum chy_rc run(struct chy_ctx *cx, const char *program, const char *what,
                       const struct chy_task *task)
{
    const char *name;
    char value[44];
    int status = 0;
    pid_t pid;

    if (dns_txt_of(cx, task, &name, value) != CHY_OK)
        return CHY_ERR;
    pid = fork();
    if (pid == 0) {
        const char *argv[] = {program, what, name, value, NULL};

        become(program, (char *const *)(uintptr_t)argv);
    }
    if (pid < 0)
        return DNS_FAIL(cx, &CHY_P_serverInternal, "--" OPTION ": no process: %s", strerror(errno));
    if (!wait_for(pid, &status))
        return DNS_FAIL(cx, &CHY_P_serverInternal,
                        "--" OPTION " %s %s %s: did not end within %d seconds", program, what, name,
                        TIMEOUT_MS / 1000);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return CHY_OK;
    return DNS_FAIL(cx, &CHY_P_serverInternal, "--" OPTION " %s %s %s: failed (%s %d)%s", program,
                    what, name, WIFEXITED(status) ? "exit code" : "signal",
                    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
                    WIFEXITED(status) && WEXITSTATUS(status) == 127
                        ? "; is it a program that can be run?"
                        : "");
}

/* Remove what was added; the first failure is what is said, the others are tried all the same. */
static enum chy_rc remove_all(struct chy_ctx *cx, const char *program, const struct hook *h,
                              const struct chy_task *tasks)
{
    enum chy_rc rc = CHY_OK;

    for (size_t i = 0; i < h->added; i++)
        if (run(cx, program, "remove", &tasks[i]) != CHY_OK)
            rc = CHY_ERR;
    return rc;
}

static enum chy_rc prepare(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                           const json_t *options, void **ret_state)
{
    const char *program = dns_option(options, OPTION);
    struct hook *h = dns_host->alloc(cx, sizeof *h);

    if (program == NULL || strchr(program, '/') == NULL)
        return DNS_FAIL(cx, &CHY_P_malformed,
                        "--" OPTION " takes the path of a program, with a '/' in it");
    for (size_t i = 0; i < n; i++) {
        if (run(cx, program, "add", &tasks[i]) != CHY_OK) {
            (void)!remove_all(cx, program, h, tasks);
            return CHY_ERR;
        }
        h->added++;
    }
    *ret_state = h;
    return CHY_OK;
}

static enum chy_rc clean(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                         const json_t *options, void *state)
{
    (void)n;
    return remove_all(cx, dns_option(options, OPTION), state, tasks);
}

static const struct chy_client_option options[] = {
    {.name = OPTION,
     .value = "PROGRAM",
     .help = "answer dns-01 by PROGRAM add|remove NAME VALUE, run without a shell",
     .selects = true},
    {NULL},
};

const struct chy_solver dns_solve_exec = {
    .challenge = "dns-01",
    .name = "dns-program",
    .help = "a program of yours that changes the zone",
    .options = options,
    .prepare = prepare,
    .clean = clean,
};
