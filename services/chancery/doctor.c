/* SPDX-License-Identifier: Apache-2.0 */
/* Running checks: each in a child, so that a database or a name server that does not answer costs its
 * own time only, that each sees what its user sees, and that modules' code never runs as root.
 * Findings come back over a pipe, one JSON object a line. */
#include "services/chancery/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "services/chancery/commands.h"
#include "services/chancery/state.h"

#define FINDINGS_MAX 65536 /* octets of one check's; less than a pipe holds, so that none waits */
#define NODE_MAX (1u << 20)
#define TEXT_MAX 2000

struct run {
    const struct chy_check *check;
    const char *cannot; /* why it was not begun; NULL: it was */
    pid_t pid;
    int in;
    int64_t until;
    char *text;
    size_t n;
    bool late;
    int status;
};

static const char *word_of(enum chy_finding v)
{
    static const char *const words[] = {"ok", "warn", "FAIL", "skip"};

    return words[v];
}

static json_t *finding(struct chy_ctx *cx, const char *name, enum chy_finding v, const char *text,
                       const char *mend)
{
    json_t *j = json_pack("{s:s, s:s, s:s}", "name", name, "verdict", word_of(v), "text",
                          chy_printable(cx, text, strlen(text), TEXT_MAX));

    if (mend != NULL)
        json_object_set_new(j, "mend",
                            json_string(chy_printable(cx, mend, strlen(mend), TEXT_MAX)));
    return j;
}

/* ---- in the child ------------------------------------------------------------ */

void chy_found(struct chy_look *l, enum chy_finding v, const char *mend, const char *f, ...)
{
    chy_auto(json_t) *j = NULL;
    char *text, *line;
    size_t n;
    va_list ap;

    va_start(ap, f);
    if (vasprintf(&text, f, ap) < 0)
        abort();
    va_end(ap);
    j = finding(l->cx, "", v, text, mend);
    free(text);
    line = json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (line == NULL)
        abort();
    n = strlen(line);
    line[n] = '\n'; /* in place of its NUL */
    if (write(l->out, line, n + 1) != (ssize_t)n + 1)
        _exit(1);
    free(line);
}

void chy_doctor_split(struct chy_ctx *cx, const char *reason, const char **ret_sentence,
                      const char **ret_mend)
{
    const char *cut = strstr(reason, "; ");

    *ret_sentence = cut == NULL ? reason : chy_fmt(cx, "%.*s", (int)(cut - reason), reason);
    *ret_mend = cut == NULL ? NULL : cut + 2;
}

void chy_found_refusal(struct chy_look *l, enum chy_finding v, const char *mend)
{
    const char *reason = chy_cli_reason(l->cx), *sentence, *rest;

    chy_problem_clear(l->cx);
    chy_doctor_split(l->cx, reason, &sentence, &rest);
    chy_found(l, v, mend != NULL ? mend : rest, "%s", sentence);
}

/* The first mistake's line of a report. */
static const char *first_line(struct chy_ctx *cx, const struct chy_report *report)
{
    const char *text = chy_report_text(report);

    return chy_fmt(cx, "%.*s", (int)strcspn(text, "\n"), text);
}

const char *chy_doctor_mistakes(struct chy_ctx *cx, const struct chy_report *report)
{
    size_t n = chy_report_count(report);

    return chy_fmt(cx, "%zu mistake%s: %s", n, n == 1 ? "" : "s", first_line(cx, report));
}

const char *chy_doctor_mistake_place(struct chy_ctx *cx, const struct chy_report *report)
{
    const char *line = first_line(cx, report);
    size_t n = strcspn(line, ":");

    if (line[n] == ':' && line[n + 1] >= '0' && line[n + 1] <= '9')
        n += 1 + strcspn(line + n + 1, ":");
    return chy_fmt(cx, "%.*s", (int)n, line);
}

const char *chy_doctor_place(struct chy_ctx *cx, const struct chy_node *node, const char *key)
{
    struct chy_ctx own = {.arena = cx->arena};
    char *wanted = chy_fmt(cx, "%s:", key), *text, *line;

    if (chy_file_read(&own, node->path, NODE_MAX, &text, NULL) != CHY_OK)
        return node->path;
    for (unsigned n = 1; (line = strsep(&text, "\n")) != NULL; n++) {
        const char *hit = strstr(line, wanted), *comment = strchr(line, '#');

        if (hit == NULL || (comment != NULL && comment < hit))
            continue;
        if (hit == line || strchr(" {,", hit[-1]) != NULL)
            return chy_fmt(cx, "%s:%u", node->path, n);
    }
    return node->path;
}

const char *chy_doctor_as(const struct chy_look *l, const char *user)
{
    return l->root && user != NULL ? chy_fmt(l->cx, "runuser -u %s -- ", chy_cli_word(l->cx, user))
                                   : "";
}

static void __attribute__((noreturn)) look(struct chy_ctx *cx, const struct chy_check *check,
                                           const struct chy_identity *id, struct chy_look *l)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    setpgid(0, 0); /* with all that it starts it is ended when its time is over */
    signal(SIGPIPE, SIG_IGN);
    /* What it has to say is a finding. */
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(nothing, STDOUT_FILENO) < 0 ||
        dup2(nothing, STDERR_FILENO) < 0)
        _exit(1);
    if (!chy_identity_assume(id)) {
        chy_found(l, CHY_D_SKIP, NULL, "cannot become user %s: %s", id->name, strerror(errno));
        _exit(0);
    }
    l->cx = cx;
    check->look(l);
    _exit(0);
}

/* ---- in the parent ------------------------------------------------------------- */

static enum chy_rc find_user(struct chy_ctx *cx, const struct chy_node *node, enum chy_look_as as,
                             struct chy_identity *ret)
{
    switch (as) {
    case CHY_AS_SERVICE:
        return chy_identity_find(cx, node->service_user, ret);
    case CHY_AS_SIGNER:
        return chy_identity_find(cx, node->signer_user, ret);
    case CHY_AS_CALLER:
        break;
    }
    return chy_identity_find(cx, NULL, ret);
}

static void start(struct chy_ctx *cx, struct run *r, const struct chy_look *common)
{
    struct chy_look l = *common;
    struct chy_identity id;
    int ends[2];

    if (find_user(cx, l.node, r->check->as, &id) != CHY_OK) {
        r->cannot = chy_cli_reason(cx);
        chy_problem_clear(cx);
        return;
    }
    if (pipe2(ends, O_CLOEXEC) != 0 || (r->pid = fork()) < 0) {
        r->cannot = chy_fmt(cx, "no process for it: %s", strerror(errno));
        return;
    }
    if (r->pid == 0) {
        l.out = ends[1];
        look(cx, r->check, &id, &l);
    }
    close(ends[1]);
    r->in = ends[0];
    r->until = chy_clock_ms() + r->check->limit_ms;
    r->text = chy_alloc(cx, FINDINGS_MAX + 1);
}

static void finish(struct run *r)
{
    struct pollfd p = {.fd = r->in, .events = POLLIN};
    ssize_t got = 1;

    while (r->n < FINDINGS_MAX && got > 0) {
        int64_t left = r->until - chy_clock_ms();
        int ready = poll(&p, 1, left > 0 ? (int)left : 0);

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            break;
        got = read(r->in, r->text + r->n, FINDINGS_MAX - r->n);
        r->n += got > 0 ? (size_t)got : 0;
    }
    r->late = got != 0;
    close(r->in);
    if (r->late) {
        kill(-r->pid, SIGKILL);
        kill(r->pid, SIGKILL); /* it may not have had a group yet */
    }
    while (waitpid(r->pid, &r->status, 0) < 0 && errno == EINTR)
        continue;
}

static void collect(struct chy_ctx *cx, struct run *r, json_t *all)
{
    struct chy_ctx own = {.arena = cx->arena};
    const char *name = r->check->name;
    char *rest = r->text, *line;
    json_t *j;

    if (r->cannot != NULL) {
        json_array_append_new(all, finding(cx, name, CHY_D_SKIP, r->cannot, NULL));
        return;
    }
    finish(r);
    while ((line = strsep(&rest, "\n")) != NULL)
        if (*line != '\0' && chy_json_object(&own, "finding", line, strlen(line), &j) == CHY_OK) {
            json_object_set_new(j, "name", json_string(name));
            json_array_append(all, j);
        }
    if (r->late)
        json_array_append_new(all, finding(cx, name, CHY_D_FAIL,
                                           chy_fmt(cx, "no answer in %u s: %s",
                                                   r->check->limit_ms / 1000, r->check->late),
                                           NULL));
    else if (r->status != 0)
        json_array_append_new(all, finding(cx, name, CHY_D_FAIL,
                                           "the check itself ended before it was done (a fault in "
                                           "this program or in a module)",
                                           NULL));
}

json_t *chy_doctor_run(struct chy_ctx *cx, const struct chy_node *node, const char *libexec,
                       const struct chy_check *checks, size_t n)
{
    struct chy_look common = {
        .cx = cx, .node = node, .libexec = libexec, .root = geteuid() == 0, .out = -1};
    struct run *runs = chy_alloc(cx, (n + 1) * sizeof *runs);
    json_t *all = chy_keep_json(cx, json_array());

    common.running = chy_state_running(cx, node->run_dir, &common.supervisor);
    fflush(NULL);
    for (size_t i = 0; i < n; i++) {
        runs[i].check = &checks[i];
        start(cx, &runs[i], &common);
    }
    for (size_t i = 0; i < n; i++)
        collect(cx, &runs[i], all);
    return all;
}
