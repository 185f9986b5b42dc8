/* SPDX-License-Identifier: Apache-2.0 */
/* The context of unit tests. */
#include "tests/support/fakehost.h"

#include <stdlib.h>

struct chy_ctx *fake_cx_new(enum chy_stage stage)
{
    struct chy_ctx *cx = calloc(1, sizeof *cx);

    if (cx == NULL)
        abort();
    cx->arena = chy_arena_new();
    cx->stage = stage;
    cx->fixed_now = 1795514400; /* 2026-11-24T10:00:00Z */
    cx->base_url = "https://localhost:14000";
    return cx;
}

void fake_cx_free(struct chy_ctx *cx)
{
    chy_arena_free(cx->arena);
    free(cx);
}
