/* SPDX-License-Identifier: Apache-2.0 */
/* JSON lines on standard error, each written with one write(2) so that processes do not mix. */
#include "core/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/utf8.h"

#define TEXT_MAX 8000 /* octets of one text: a line of it is written at once */

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

/* A new string: whatever s is, it can be written as JSON.  Control characters stay, since
 * ENSURE_ASCII escapes them. */
static json_t *text_of(const char *s)
{
    size_t n = strnlen(s, TEXT_MAX);
    char *clean = malloc(n + 1);
    json_t *j;

    if (clean == NULL)
        abort();
    n = chy_utf8_clean(clean, s, n, false);
    j = json_stringn(clean, n);
    free(clean);
    return j;
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
    line = json_pack("{s:s, s:s, s:s, s:i, s:o}", "time", chy_clock_rfc3339(chy_clock_now(), when),
                     "level", level_name(level), "process", process_name, "pid", (int)getpid(),
                     "event", text_of(what));
    if (line == NULL)
        abort(); /* memory is out */
    if (cx != NULL && cx->request_id != NULL)
        json_object_set_new(line, "request", text_of(cx->request_id));
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
    char *text;
    va_list ap;
    int n;

    va_start(ap, f);
    n = vasprintf(&text, f, ap);
    va_end(ap);
    if (n < 0)
        abort();
    chy_log_event(cx, level, text, NULL);
    free(text);
}

void chy_log_problem(const struct chy_ctx *cx, int level, const char *what)
{
    const struct chy_problem *p = &cx->problem;
    json_t *m;

    if (p->type == NULL)
        return;
    m = json_pack("{s:o, s:i, s:o, s:o, s:i}", "type", text_of(p->type->urn), "status", p->status,
                  "detail", text_of(p->detail != NULL ? p->detail : ""), "file", text_of(p->file),
                  "line", p->line);
    if (m != NULL && p->note != NULL)
        json_object_set_new(m, "note", text_of(p->note));
    chy_log_event(cx, level, what, m);
}
