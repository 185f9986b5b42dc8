/* SPDX-License-Identifier: Apache-2.0 */
/* One process that the supervisor runs: how it starts, how its end is read. */
#include "services/chancery/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/env.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/base/ready.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000
#define LONG_LIFE_MS 30000
#define SHORT_LIFE_MS 500
#define LAST_WORDS 4096
#define LAST_LINES 10
#define REASON_MAX 600

/* What a child may know of the supervisor's environment.  No proxies: libcurl would obey them, and
 * validation must go where it says. */
static const char *const kept[] = {"PATH",
                                   "HOME",
                                   "TZ",
                                   "LANG",
#ifdef CHY_TESTING
                                   "CHY_CLOCK_FILE",
                                   "CHY_FAULT_DIR",
                                   "ASAN_OPTIONS",
                                   "LSAN_OPTIONS",
                                   "UBSAN_OPTIONS",
                                   "TSAN_OPTIONS",
                                   "LLVM_PROFILE_FILE",
                                   "GCOV_PREFIX",
                                   "GCOV_PREFIX_STRIP",
#endif
                                   NULL};

static void open_streams(const struct chy_child *c, int log, int ready)
{
    int nothing = open("/dev/null", O_RDWR);

    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0)
        _exit(126);
    if (log >= 0 && (dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0))
        _exit(126);
    if (c->log == NULL && dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        _exit(126);
    if (ready >= 0 && ready != CHY_READY_FD && dup2(ready, CHY_READY_FD) < 0)
        _exit(126);
    if (ready == CHY_READY_FD)
        fcntl(ready, F_SETFD, 0);
    close_range(ready >= 0 ? CHY_READY_FD + 1 : STDERR_FILENO + 1, ~0U, 0);
}

static void __attribute__((noreturn))
become(const struct chy_child *c, int log, int ready, pid_t parent)
{
    sigset_t none;

    open_streams(c, log, ready);
    setpgid(0, 0); /* Ctrl-C is for the supervisor, which stops things in order */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    umask(0077);
    if (!chy_identity_assume(&c->id) || chdir("/") != 0) {
        fprintf(stderr, "%s: cannot become user %s: %s\n", c->name, c->id.name, strerror(errno));
        _exit(126);
    }
    /* After the change of user, which forgets it.  SIGINT is PostgreSQL's fast shutdown. */
    prctl(PR_SET_PDEATHSIG, c->kind == CHY_CHILD_POSTGRES ? SIGINT : SIGTERM);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (getppid() != parent)
        _exit(126);
    chy_env_keep(kept);
    if (c->id.change)
        chy_env_set("HOME", "/"); /* ours is none of theirs */
    if (ready >= 0)
        chy_ready_expect();
    execv(c->argv[0], (char *const *)c->argv);
    fprintf(stderr, "%s: %s cannot be run: %s\n", c->name, c->argv[0], strerror(errno));
    _exit(127);
}

static void close_ready(struct chy_child *c)
{
    if (c->ready_fd > 0)
        close(c->ready_fd);
    c->ready_fd = 0;
}

/* *ret: the child's end, -1 for one that does not announce. */
static bool open_ready(struct chy_child *c, int *ret)
{
    int ends[2];

    close_ready(c);
    if (!c->announces)
        return true;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    c->ready_fd = ends[0];
    *ret = ends[1];
    return true;
}

bool chy_child_is_ready(const struct chy_child *c)
{
    char mark;

    return c->ready_fd > 0 && read(c->ready_fd, &mark, 1) == 1;
}

enum chy_rc chy_child_start(struct chy_ctx *cx, struct chy_child *c)
{
    chy_auto_fd int log = -1;
    chy_auto_fd int ready = -1;
    pid_t parent = getpid(), pid;
    struct stat st;

    if (c->log != NULL) {
        log = open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (log < 0 || fstat(log, &st) != 0)
            return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be written: %s", c->log,
                            strerror(errno));
        c->log_start = st.st_size;
    }
    if (!open_ready(c, &ready))
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be given a pipe: %s", c->name,
                        strerror(errno));
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be started: %s", c->name,
                        strerror(errno));
    if (pid == 0)
        become(c, log, ready, parent);
    c->pid = pid;
    c->state = CHY_CHILD_RUNNING;
    c->since = chy_clock_now();
    c->started_ms = chy_clock_ms();
    return CHY_OK;
}

void chy_child_ended(struct chy_child *c, int status)
{
    int64_t now = chy_clock_ms();

    if (WIFSIGNALED(status))
        snprintf(c->last_end_text, sizeof c->last_end_text, "signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(c->last_end_text, sizeof c->last_end_text, "exit code %d", WEXITSTATUS(status));
    c->last_end = c->last_end_text;
    /* Told to end by somebody is no reason to wait; one that ends at once by itself is. */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && now - c->started_ms >= SHORT_LIFE_MS)
        c->backoff_ms = 0;
    if (c->backoff_ms == 0 || now - c->started_ms >= LONG_LIFE_MS)
        c->backoff_ms = BACKOFF_MIN_MS;
    c->restart_ms = now + c->backoff_ms;
    c->backoff_ms = c->backoff_ms * 2 < BACKOFF_MAX_MS ? c->backoff_ms * 2 : BACKOFF_MAX_MS;
    c->state = CHY_CHILD_WAITING;
    c->since = chy_clock_now();
    c->pid = 0;
    close_ready(c);
}

char *chy_child_last_words(struct chy_ctx *cx, const struct chy_child *c)
{
    chy_auto_fd int fd = c->log == NULL ? -1 : open(c->log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *text = chy_alloc(cx, LAST_WORDS + 2), *p;
    struct stat st;
    off_t from = c->log_start;
    unsigned lines = 0;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) != 0)
        return text;
    if (st.st_size - from > LAST_WORDS)
        from = st.st_size - LAST_WORDS;
    n = pread(fd, text, LAST_WORDS, from);
    if (n <= 0) {
        *text = '\0';
        return text;
    }
    if (text[n - 1] != '\n')
        text[n++] = '\n';
    text[n] = '\0';
    for (p = text + n - 1; p > text && lines < LAST_LINES; p--)
        lines += p[-1] == '\n';
    return p > text ? p + 1 : text;
}

/* What a line of our own log says of a problem; NULL if it tells of none. */
static const char *logged_reason(struct chy_ctx *cx, const char *line)
{
    static const char *const members[] = {"note", "detail", "event"};
    struct chy_ctx own = {.arena = cx->arena}; /* a line that is no JSON is no failure */
    const char *level, *text = NULL;
    json_t *j;

    if (chy_json_object(&own, "log", line, strlen(line), &j) != CHY_OK)
        return NULL;
    level = json_string_value(json_object_get(j, "level"));
    if (level == NULL || strcmp(level, "notice") == 0 || strcmp(level, "info") == 0)
        return NULL;
    for (size_t i = 0; i < sizeof members / sizeof members[0] && (text == NULL || !*text); i++)
        text = json_string_value(json_object_get(j, members[i]));
    return text;
}

/* NULL for a line that gives no reason. */
static const char *line_reason(struct chy_ctx *cx, const char *line, bool *ret_fault)
{
    static const char *const faults[] = {"FATAL:  ", "PANIC:  "};
    static const char *const others[] = {"LOG:  ", "HINT:  ", "DETAIL:  ", "WARNING:  "};
    const char *hit;

    if (*line == '{')
        return logged_reason(cx, line);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if ((hit = strstr(line, faults[i])) != NULL) {
            *ret_fault = true;
            return hit + strlen(faults[i]);
        }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strstr(line, others[i]) != NULL)
            return NULL;
    hit = strncmp(line, "chancery", 8) == 0 ? strstr(line, ": ") : NULL;
    if (hit != NULL && strcspn(line, " ") > (size_t)(hit - line)) /* "chancery-front: why" */
        return hit + 2;
    return *line != '\0' ? line : NULL;
}

const char *chy_child_reason(struct chy_ctx *cx, const char *words)
{
    const char *last = NULL, *next;

    for (const char *line = words; *line != '\0'; line = next) {
        size_t n = strcspn(line, "\n");
        const char *reason;
        bool fault = false;

        next = line + n + (line[n] == '\n' ? 1 : 0);
        reason = line_reason(cx, chy_fmt(cx, "%.*s", (int)n, line), &fault);
        if (reason != NULL)
            last = reason;
        if (fault)
            break; /* what follows is how it shut down */
    }
    return last != NULL ? chy_printable(cx, last, strlen(last), REASON_MAX) : NULL;
}
