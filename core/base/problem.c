/* SPDX-License-Identifier: Apache-2.0 */
/* Recording and rendering refusals.  Nothing here logs: whoever ends the unit of work does. */
#include "core/base/problem.h"

#include <stdio.h>
#include <string.h>

#include "core/base/utf8.h"

#define DETAIL_MAX 1000

char *chy_printable(struct chy_ctx *cx, const char *s, size_t n, size_t max)
{
    size_t cut = n < max ? n : max;
    char *out = chy_alloc(cx, cut + 1);

    chy_utf8_clean(out, s, cut, true);
    return out;
}

static enum chy_rc record(struct chy_ctx *cx, const struct chy_problem_type *t, int status,
                          const char *file, int line, char *detail, char *note)
{
    struct chy_problem *p = &cx->problem;

    if (p->type != NULL)
        return CHY_ERR;
    p->type = t;
    p->status = status;
    p->file = file;
    p->line = line;
    p->detail = detail;
    p->note = note;
    return CHY_ERR;
}

enum chy_rc chy_fail_at(struct chy_ctx *cx, const struct chy_problem_type *t, const char *file,
                        int line, const char *detail, ...)
{
    va_list ap;
    char *text;

    va_start(ap, detail);
    text = chy_arena_vfmt(cx->arena, detail, ap);
    va_end(ap);
    return record(cx, t, t->status, file, line, chy_printable(cx, text, strlen(text), DETAIL_MAX),
                  NULL);
}

enum chy_rc chy_fault_internal_at(struct chy_ctx *cx, const char *file, int line, const char *note,
                                  ...)
{
    va_list ap;
    char *text;

    va_start(ap, note);
    text = chy_arena_vfmt(cx->arena, note, ap);
    va_end(ap);
    return record(cx, &CHY_P_serverInternal, 500, file, line,
                  chy_fmt(cx, "internal error; the server's log has it under this request's id"),
                  text);
}

enum chy_rc chy_fault_busy_at(struct chy_ctx *cx, unsigned seconds, const char *file, int line,
                              const char *note, ...)
{
    va_list ap;
    char *text;

    va_start(ap, note);
    text = chy_arena_vfmt(cx->arena, note, ap);
    va_end(ap);
    if (cx->problem.type == NULL)
        cx->problem.retry_after_s = seconds;
    return record(cx, &CHY_P_serverInternal, 503, file, line,
                  chy_fmt(cx, "the server cannot answer just now; try again"), text);
}

void chy_problem_clear(struct chy_ctx *cx)
{
    memset(&cx->problem, 0, sizeof cx->problem);
}

json_t *chy_problem_json(const struct chy_problem *p)
{
    json_t *o = json_pack("{s:s, s:s, s:i}", "type", p->type->urn, "detail",
                          p->detail != NULL ? p->detail : "", "status", p->status);

    if (p->instance != NULL)
        json_object_set_new(o, "instance", json_string(p->instance));
    if (p->subproblems != NULL)
        json_object_set(o, "subproblems", p->subproblems);
    if (p->members != NULL)
        json_object_update(o, p->members);
    return o;
}

void chy_subproblem_add(struct chy_ctx *cx, json_t **list, const struct chy_problem *p,
                        const char *ident_type, const char *ident_value)
{
    json_t *o = chy_problem_json(p);

    if (*list == NULL)
        *list = chy_keep_json(cx, json_array());
    json_object_del(o, "status");
    json_object_set_new(o, "identifier",
                        json_pack("{s:s, s:s}", "type", ident_type, "value",
                                  chy_printable(cx, ident_value, strlen(ident_value), 300)));
    json_array_append_new(*list, o);
}
