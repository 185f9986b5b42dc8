/* SPDX-License-Identifier: Apache-2.0 */
/* The context of unit tests, and the fake host's table. */
#include "tests/support/fakehost.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"
#include "tests/support/fakehost_state.h"

struct chy_ctx *fake_cx_new(enum chy_stage stage)
{
    struct fake *f = calloc(1, sizeof *f);

    if (f == NULL)
        abort();
    f->cx.arena = chy_arena_new();
    f->cx.stage = stage;
    f->cx.fixed_now = FAKE_NOW;
    f->cx.base_url = "https://localhost:14000";
    f->calls = json_array();
    f->policy = json_object();
    f->secrets = json_object();
    f->db = json_object();
    return &f->cx;
}

void fake_cx_free(struct chy_ctx *cx)
{
    struct fake *f = fake_of(cx);

    chy_arena_free(cx->arena);
    json_decref(f->calls);
    json_decref(f->policy);
    json_decref(f->secrets);
    json_decref(f->db);
    free(f);
}

void fake_stage(struct chy_ctx *cx, enum chy_stage stage)
{
    chy_problem_clear(cx);
    cx->stage = stage;
}

void fake_clock_add(struct chy_ctx *cx, long seconds)
{
    cx->fixed_now += seconds;
}

void fake_token(struct chy_ctx *cx, const char *token)
{
    fake_of(cx)->token = token;
}

/* ---- what happened --------------------------------------------------------- */

void fake_note(struct chy_ctx *cx, const char *function, ...)
{
    json_t *call = json_pack("[s]", function);
    const char *text;
    va_list ap;

    va_start(ap, function);
    while ((text = va_arg(ap, const char *)) != NULL)
        json_array_append_new(call, json_string(text));
    va_end(ap);
    json_array_append_new(fake_of(cx)->calls, call);
}

const json_t *fake_calls(struct chy_ctx *cx)
{
    return fake_of(cx)->calls;
}

size_t fake_count(struct chy_ctx *cx, const char *function)
{
    size_t n = 0, i;
    json_t *call;

    json_array_foreach(fake_of(cx)->calls, i, call)
    {
        if (strcmp(json_string_value(json_array_get(call, 0)), function) == 0)
            n++;
    }
    return n;
}

bool fake_failed_with(struct chy_ctx *cx, const char *type, const char *text)
{
    const struct chy_problem *p = &cx->problem;

    if (p->type != NULL && strcmp(strrchr(p->type->urn, ':') + 1, type) == 0 &&
        (strstr(p->detail, text) != NULL || (p->note != NULL && strstr(p->note, text) != NULL)))
        return true;
    fprintf(stderr, "expected %s with \"%s\", got %s: %s %s\n", type, text,
            p->type != NULL ? p->type->urn : "no failure", p->detail != NULL ? p->detail : "",
            p->note != NULL ? p->note : "");
    return false;
}

enum chy_rc fake_in_stage(struct chy_ctx *cx, const char *function, bool right)
{
    if (right)
        return CHY_OK;
    return chy_fault_internal(cx, "%s was called from a wrong stage", function);
}
