/* SPDX-License-Identifier: Apache-2.0 */
/* JSON lines on standard error, each written with one write(2) so that processes do not mix. */
#include "core/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"

static const char *process_name = "chancery";
static int least_urgent = LOG_INFO;

void chy_log_start(const char *process, int level)
{
    process_name = process;
    least_urgent = level;
}

static const char *level_name(int level)
{
    static const char *const names[] = {"emerg",   "alert",  "crit", "error",
                                        "warning", "notice", "info", "debug"};

    return names[level & 7];
}

void chy_log_event(const struct chy_ctx *cx, int level, const char *what, json_t *members)
{
    char when[21], *text;
    json_t *line;
    ssize_t ignored;

    if (level > least_urgent) {
        json_decref(members);
        return;
    }
    line = json_pack("{s:s, s:s, s:s, s:i, s:s}", "time", chy_clock_rfc3339(chy_clock_now(), when),
                     "level", level_name(level), "process", process_name, "pid", (int)getpid(),
                     "event", what);
    if (line == NULL) /* what was not UTF-8 */
        line = json_pack("{s:s, s:s}", "process", process_name, "event", "unprintable event");
    if (cx != NULL && cx->request_id != NULL)
        json_object_set_new(line, "request", json_string(cx->request_id));
    if (members != NULL)
        json_object_update(line, members);
    json_decref(members);
    text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(line);
    if (text == NULL)
        return;
    /* ENSURE_ASCII escapes every newline, so a hostile string cannot forge a line. */
    size_t n = strlen(text);
    text[n] = '\n';
    ignored = write(STDERR_FILENO, text, n + 1);
    (void)ignored;
    free(text);
}

void chy_log(const struct chy_ctx *cx, int level, const char *f, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, f);
    vsnprintf(text, sizeof text, f, ap);
    va_end(ap);
    chy_log_event(cx, level, text, NULL);
}

void chy_log_problem(const struct chy_ctx *cx, int level, const char *what)
{
    const struct chy_problem *p = &cx->problem;
    json_t *m;

    if (p->type == NULL)
        return;
    m = json_pack("{s:s, s:i, s:s, s:s, s:i}", "type", p->type->urn, "status", p->status, "detail",
                  p->detail != NULL ? p->detail : "", "file", p->file, "line", p->line);
    if (m != NULL && p->note != NULL)
        json_object_set_new(m, "note", json_string(p->note));
    chy_log_event(cx, level, what, m);
}
