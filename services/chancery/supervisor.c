/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor.  One thread, one loop (pump): signals come through a descriptor, dead children are
 * taken in, and whoever waits for something calls pump until it is so.  Nothing is restarted while
 * things start: a process that dies then is a reason not to start. */
#include "services/chancery/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "services/chancery/child.h"
#include "services/chancery/cluster.h"
#include "services/chancery/layout.h"
#include "services/chancery/probe.h"
#include "services/chancery/state.h"

#define CHILDREN_MAX 132   /* 64 fronts, 64 workers and the rest */
#define POLL_MS 20         /* while waiting for something        */
#define DATABASE_MS 120000 /* recovery after a power cut         */
#define MIGRATE_MS 600000
#define SIGNER_MS 10000
#define FRONT_MS 30000
#define WORKER_MS 30000

struct supervisor {
    const struct chy_supervision *s;
    struct chy_ctx *cx;      /* lives as long as the supervisor       */
    struct chy_ctx *scratch; /* emptied after each use                */
    struct chy_child *children[CHILDREN_MAX];
    size_t n;
    int signals;
    bool stop, restarts;
    const char *state; /* "starting", "up", "stopping"          */
    time_t since;
};

/* ---- what others can see --------------------------------------------------- */

static const char *state_word(const struct chy_child *c)
{
    switch (c->state) {
    case CHY_CHILD_RUNNING:
        return "running";
    case CHY_CHILD_WAITING:
        return "waiting";
    case CHY_CHILD_STOPPED:
        break;
    }
    return "stopped";
}

static void publish(struct supervisor *v)
{
    json_t *list = json_array(), *state;

    for (size_t i = 0; i < v->n; i++) {
        const struct chy_child *c = v->children[i];

        json_array_append_new(list,
                              json_pack("{s:s, s:i, s:I, s:s, s:I, s:i, s:s?}", "name", c->name,
                                        "pid", (int)c->pid, "start",
                                        (json_int_t)chy_state_start_time(v->scratch, c->pid),
                                        "state", state_word(c), "since", (json_int_t)c->since,
                                        "restarts", (int)c->restarts, "last-end", c->last_end));
    }
    state =
        json_pack("{s:i, s:s, s:i, s:I, s:I, s:s, s:o}", "version", 1, "state", v->state, "pid",
                  (int)getpid(), "start", (json_int_t)chy_state_start_time(v->scratch, getpid()),
                  "since", (json_int_t)v->since, "node", v->s->node->path, "processes", list);
    if (chy_state_write(v->scratch, v->s->node->run_dir, state) != CHY_OK)
        chy_log_problem(v->scratch, LOG_WARNING, "state.json was not written");
    json_decref(state);
    chy_ctx_reset(v->scratch);
}

static void __attribute__((format(printf, 2, 3))) tell(struct supervisor *v, const char *f, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, f);
    vsnprintf(line, sizeof line, f, ap);
    va_end(ap);
    chy_log(NULL, LOG_NOTICE, "%s", line);
    if (!v->s->tell(v->s->arg, line))
        v->stop = true;
}

/* ---- the loop ---------------------------------------------------------------- */

static void reap(struct supervisor *v)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < v->n; i++) {
            struct chy_child *c = v->children[i];

            if (c->pid != pid)
                continue;
            chy_child_ended(c, status);
            if (v->restarts)
                chy_log(NULL, LOG_ERR, "%s (pid %d) ended: %s; started again in %d ms", c->name,
                        (int)pid, c->last_end, (int)(c->restart_ms - chy_clock_ms()));
            publish(v);
        }
    }
}

static void forward_hangup(const struct supervisor *v)
{
    for (size_t i = 0; i < v->n; i++) {
        const struct chy_child *c = v->children[i];

        if (c->pid > 0 && (c->kind == CHY_CHILD_FRONT || c->kind == CHY_CHILD_WORKER))
            kill(c->pid, SIGHUP);
    }
}

/* Wait up to ms for something to happen, and deal with it. */
static void pump(struct supervisor *v, int ms)
{
    struct pollfd p = {.fd = v->signals, .events = POLLIN};
    struct signalfd_siginfo info;

    if (poll(&p, 1, ms) > 0 && read(v->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            v->stop = true;
        if (info.ssi_signo == SIGHUP)
            forward_hangup(v);
    }
    reap(v); /* signals of several deaths may have become one */
}

static enum chy_rc died(struct supervisor *v, const struct chy_child *c)
{
    char *words = chy_child_last_words(v->cx, c);
    const char *end = c->last_end != NULL ? c->last_end : "it gave no sign of readiness in time";
    const char *why = chy_child_reason(v->cx, words);

    /* The words are lines of their own: more than a refusal's detail can hold. */
    if (*words != '\0')
        v->s->tell(v->s->arg, chy_fmt(v->cx, "the last of %s:\n%s", c->log, words));
    if (c->log == NULL) /* it was said right above */
        return chy_fail(v->cx, &CHY_P_serverInternal, "%s: did not start: %s", c->name, end);
    if (why == NULL)
        return chy_fail(v->cx, &CHY_P_serverInternal, "%s: did not start: %s; its log is %s",
                        c->name, end, c->log);
    return chy_fail(v->cx, &CHY_P_serverInternal, "%s: did not start: %s (%s; its log is %s)",
                    c->name, why, end, c->log);
}

/* Wait until test says so, c has died, or ms are over. */
static enum chy_rc wait_until(struct supervisor *v, const struct chy_child *c, int64_t ms,
                              bool (*test)(struct supervisor *v, const struct chy_child *c))
{
    int64_t until = chy_clock_ms() + ms;

    while (!v->stop && c->state == CHY_CHILD_RUNNING && chy_clock_ms() < until) {
        bool yes = test(v, c);

        chy_ctx_reset(v->scratch);
        if (yes)
            return CHY_OK;
        pump(v, POLL_MS);
    }
    if (v->stop)
        return chy_fail(v->cx, &CHY_P_serverInternal, "%s: told to stop while starting", c->name);
    return died(v, c);
}

/* ---- starting ------------------------------------------------------------------ */

static struct chy_child *add_child(struct supervisor *v, const char *name, enum chy_child_kind kind,
                                   const struct chy_identity *id, const char *const *argv)
{
    struct chy_child *c = chy_alloc(v->cx, sizeof *c);

    c->name = name;
    c->kind = kind;
    c->id = *id;
    c->argv = argv;
    if (!v->s->foreground)
        c->log = chy_fmt(v->cx, "%s/%s.log", v->s->node->log_dir, name);
    v->children[v->n++] = c;
    return c;
}

static bool database_ready(struct supervisor *v, const struct chy_child *c)
{
    return chy_cluster_ready(v->scratch, v->s->node, c->pid);
}

static enum chy_rc start_database(struct supervisor *v, const struct chy_identity *id)
{
    const struct chy_node *node = v->s->node;
    int64_t began = chy_clock_ms();
    const char *const *argv;
    struct chy_child *c;
    bool made;

    if (!node->private_database)
        return CHY_OK;
    if (chy_cluster_prepare(v->cx, node, id, &made, &argv) != CHY_OK)
        return CHY_ERR;
    c = add_child(v, "postgres", CHY_CHILD_POSTGRES, id, argv);
    if (chy_child_start(v->cx, c) != CHY_OK ||
        wait_until(v, c, DATABASE_MS, database_ready) != CHY_OK)
        return CHY_ERR;
    tell(v, "postgres    %s/pg %s, ready (%d ms)", node->data_dir, made ? "made" : "started",
         (int)(chy_clock_ms() - began));
    return CHY_OK;
}

/* Migrations run as a process of the service user, for that is whom the database knows. */
static enum chy_rc migrate(struct supervisor *v, const struct chy_identity *id)
{
    const char **argv = chy_alloc(v->cx, 5 * sizeof *argv);
    int64_t until = chy_clock_ms() + MIGRATE_MS;
    struct chy_child *c;
    char *words;

    argv[0] = "/proc/self/exe";
    argv[1] = "migrate";
    argv[2] = "--node";
    argv[3] = v->s->node->path;
    c = add_child(v, "migrate", CHY_CHILD_WORKER, id, argv);
    if (chy_child_start(v->cx, c) != CHY_OK)
        return CHY_ERR;
    while (!v->stop && c->state == CHY_CHILD_RUNNING && chy_clock_ms() < until)
        pump(v, POLL_MS);
    if (c->state == CHY_CHILD_RUNNING || strcmp(c->last_end, "exit code 0") != 0)
        return died(v, c);
    v->n--; /* it is no process of the node: not shown, not started again */
    words = chy_child_last_words(v->cx, c);
    words[strcspn(words, "\n")] = '\0';
    tell(v, "%s", *words != '\0' ? words : "database    migrated");
    return CHY_OK;
}

static bool signer_ready(struct supervisor *v, const struct chy_child *c)
{
    (void)c;
    return chy_probe_socket(v->s->node->signer_socket);
}

static enum chy_rc service_argv(struct supervisor *v, const char *name, const char *const **ret)
{
    const char **argv = chy_alloc(v->cx, 4 * sizeof *argv);

    if (chy_layout_program(v->cx, v->s->libexec, name, &argv[0]) != CHY_OK)
        return CHY_ERR;
    argv[1] = "--node";
    argv[2] = v->s->node->path;
    *ret = argv;
    return CHY_OK;
}

static enum chy_rc start_signer(struct supervisor *v, const struct chy_identity *id)
{
    const char *const *argv;
    struct chy_child *c;

    /* A socket of an earlier signer would look ready. */
    unlink(v->s->node->signer_socket);
    if (service_argv(v, "chancery-signer", &argv) != CHY_OK)
        return CHY_ERR;
    c = add_child(v, "signer", CHY_CHILD_SIGNER, id, argv);
    if (chy_child_start(v->cx, c) != CHY_OK || wait_until(v, c, SIGNER_MS, signer_ready) != CHY_OK)
        return CHY_ERR;
    tell(v, "signer      pid %d as %s", (int)c->pid, id->name);
    return CHY_OK;
}

static enum chy_rc start_many(struct supervisor *v, const char *program, const char *word,
                              enum chy_child_kind kind, unsigned count,
                              const struct chy_identity *id)
{
    const char *const *argv;

    if (service_argv(v, program, &argv) != CHY_OK)
        return CHY_ERR;
    for (unsigned i = 1; i <= count; i++) {
        struct chy_child *c = add_child(v, chy_fmt(v->cx, "%s-%u", word, i), kind, id, argv);

        c->announces = kind == CHY_CHILD_WORKER; /* nobody can ask it: it does not listen */
        if (chy_child_start(v->cx, c) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

static bool announced(struct supervisor *v, const struct chy_child *c)
{
    (void)v;
    return chy_child_is_ready(c);
}

/* Started together, then waited for one by one. */
static enum chy_rc start_workers(struct supervisor *v, const struct chy_identity *id)
{
    size_t first = v->n;

    if (start_many(v, "chancery-worker", "worker", CHY_CHILD_WORKER, v->s->node->workers, id) !=
        CHY_OK)
        return CHY_ERR;
    for (size_t i = first; i < v->n; i++)
        if (wait_until(v, v->children[i], WORKER_MS, announced) != CHY_OK)
            return CHY_ERR;
    tell(v, "worker      %u as %s, ready", v->s->node->workers, id->name);
    return CHY_OK;
}

static bool front_ready(struct supervisor *v, const struct chy_child *c)
{
    (void)c;
    return chy_probe_directory(v->scratch, v->s->node, NULL);
}

static enum chy_rc check_alive(struct supervisor *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->children[i]->state != CHY_CHILD_RUNNING)
            return died(v, v->children[i]);
    return CHY_OK;
}

static enum chy_rc start_all(struct supervisor *v)
{
    const struct chy_node *node = v->s->node;
    struct chy_identity service, signer, front;

    if (chy_identity_find(v->cx, node->service_user, &service) != CHY_OK ||
        chy_identity_find(v->cx, node->signer_user, &signer) != CHY_OK)
        return CHY_ERR;
    front = service;
    front.bind_ports = front.change && (node->acme.port < 1024 ||
                                        (node->public.port > 0 && node->public.port < 1024));
    if (start_database(v, &service) != CHY_OK || migrate(v, &service) != CHY_OK ||
        start_signer(v, &signer) != CHY_OK || start_workers(v, &service) != CHY_OK)
        return CHY_ERR;
    if (start_many(v, "chancery-front", "front", CHY_CHILD_FRONT, node->fronts, &front) != CHY_OK ||
        wait_until(v, v->children[v->n - 1], FRONT_MS, front_ready) != CHY_OK ||
        check_alive(v) != CHY_OK)
        return CHY_ERR;
    tell(v, "front       %u as %s, the directory answers", node->fronts, front.name);
    return v->stop ? CHY_ERR : CHY_OK;
}

/* ---- running and stopping ------------------------------------------------------- */

static int until_next_restart(const struct supervisor *v)
{
    int64_t now = chy_clock_ms(), next = now + 60000;

    for (size_t i = 0; i < v->n; i++)
        if (v->children[i]->state == CHY_CHILD_WAITING && v->children[i]->restart_ms < next)
            next = v->children[i]->restart_ms;
    return next > now ? (int)(next - now) : 0;
}

static void restart_due(struct supervisor *v)
{
    int64_t now = chy_clock_ms();

    for (size_t i = 0; i < v->n; i++) {
        struct chy_child *c = v->children[i];

        if (c->state != CHY_CHILD_WAITING || c->restart_ms > now)
            continue;
        c->restarts++;
        if (chy_child_start(v->scratch, c) != CHY_OK) {
            chy_log_problem(v->scratch, LOG_ERR, "a process could not be started again");
            c->restart_ms = now + c->backoff_ms;
        } else {
            chy_log(NULL, LOG_NOTICE, "%s started again (pid %d)", c->name, (int)c->pid);
        }
        publish(v);
    }
}

static size_t alive(const struct supervisor *v, enum chy_child_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < v->n; i++)
        n += v->children[i]->kind == kind && v->children[i]->pid > 0;
    return n;
}

static void signal_kind(const struct supervisor *v, enum chy_child_kind kind, int signal)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->children[i]->kind == kind && v->children[i]->pid > 0)
            kill(v->children[i]->pid, signal);
}

static void stop_kind(struct supervisor *v, enum chy_child_kind kind, int signal, int64_t ms)
{
    int64_t until = chy_clock_ms() + ms;

    signal_kind(v, kind, signal);
    while (alive(v, kind) > 0 && chy_clock_ms() < until)
        pump(v, POLL_MS);
    if (alive(v, kind) == 0)
        return;
    chy_log(NULL, LOG_WARNING, "%zu processes did not stop in %d ms: killed", alive(v, kind),
            (int)ms);
    signal_kind(v, kind, SIGKILL);
    while (alive(v, kind) > 0)
        pump(v, POLL_MS);
}

/* Who asks stops before who answers. */
static void stop_all(struct supervisor *v)
{
    v->restarts = false;
    v->state = "stopping";
    publish(v);
    stop_kind(v, CHY_CHILD_FRONT, SIGTERM, 35000);
    stop_kind(v, CHY_CHILD_WORKER, SIGTERM, 35000);
    stop_kind(v, CHY_CHILD_SIGNER, SIGTERM, 20000);
    stop_kind(v, CHY_CHILD_POSTGRES, SIGINT, 60000);
    for (size_t i = 0; i < v->n; i++)
        v->children[i]->state = CHY_CHILD_STOPPED;
    v->state = "stopped";
    publish(v);
    chy_log(NULL, LOG_NOTICE, "everything has stopped");
}

static enum chy_rc take_signals(struct supervisor *v)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (v->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return chy_fault_internal(v->cx, "signalfd: %s", strerror(errno));
    return CHY_OK;
}

enum chy_rc chy_supervise(struct chy_ctx *cx, const struct chy_supervision *s)
{
    struct chy_ctx scratch = {.arena = chy_arena_new(), .stage = CHY_STAGE_COMMAND};
    struct supervisor *v = chy_alloc(cx, sizeof *v);
    enum chy_rc rc;

    v->s = s;
    v->cx = cx;
    v->scratch = &scratch;
    v->state = "starting";
    v->since = chy_clock_now();
    rc = take_signals(v);
    if (rc == CHY_OK) {
        publish(v); /* first: it tells 'down' whose the pid is */
        rc = chy_state_write_pid(cx, s->lock, getpid());
    }
    if (rc == CHY_OK)
        rc = start_all(v);
    if (rc == CHY_OK) {
        v->state = "up";
        v->restarts = true;
        publish(v);
        s->ready(s->arg);
    }
    while (rc == CHY_OK && !v->stop) {
        pump(v, until_next_restart(v));
        if (!v->stop)
            restart_due(v);
    }
    stop_all(v);
    chy_state_forget_pid(s->lock);
    close(v->signals);
    chy_arena_free(scratch.arena);
    return rc;
}
