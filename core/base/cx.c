/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers over the unit of work. */
#include "core/base/cx.h"

#include <string.h>

#include "core/base/clock.h"

time_t chy_now(const struct chy_ctx *cx)
{
    return cx->fixed_now != 0 ? cx->fixed_now : chy_clock_now();
}

void *chy_alloc(struct chy_ctx *cx, size_t n)
{
    return chy_arena_alloc(cx->arena, n);
}

char *chy_fmt(struct chy_ctx *cx, const char *f, ...)
{
    va_list ap;
    char *text;

    va_start(ap, f);
    text = chy_arena_vfmt(cx->arena, f, ap);
    va_end(ap);
    return text;
}

static void release_json(void *j)
{
    json_decref(j);
}

json_t *chy_arena_keep_json(struct chy_arena *arena, json_t *j)
{
    if (j != NULL)
        chy_arena_defer(arena, release_json, j);
    return j;
}

json_t *chy_keep_json(struct chy_ctx *cx, json_t *j)
{
    return chy_arena_keep_json(cx->arena, j);
}

void chy_ctx_reset(struct chy_ctx *cx)
{
    chy_arena_reset(cx->arena);
    memset(&cx->problem, 0, sizeof cx->problem);
    cx->fixed_now = 0;
    cx->request_id = NULL;
    cx->module = NULL;
}
