/* SPDX-License-Identifier: Apache-2.0 */
/* Load order: every module after those it needs, otherwise as the administrator named them. */
#include <string.h>

#include "core/ext/tables.h"

#define NOT_FOUND SIZE_MAX

static size_t find_module(const struct chy_registry *r, const char *name)
{
    for (size_t i = 0; i < r->n_loaded; i++) {
        if (strcmp(r->loaded[i].module->name, name) == 0)
            return i;
    }
    return NOT_FOUND;
}

static enum chy_rc check_present(struct chy_ctx *cx, const struct chy_registry *r)
{
    for (size_t i = 0; i < r->n_loaded; i++) {
        const struct chy_module *m = r->loaded[i].module;

        if (find_module(r, m->name) != i)
            return CHY_REFUSE(cx, m, "is named twice; name it once");
        CHY_EACH(k, m->needs)
        {
            if (find_module(r, m->needs[k]) == NOT_FOUND)
                return CHY_REFUSE(cx, m, "needs the module %s, which is not named; name it too",
                                  m->needs[k]);
        }
    }
    return CHY_OK;
}

/* A module that m needs and that has no place yet; NOT_FOUND if m's turn has come. */
static size_t first_missing(const struct chy_registry *r, const struct chy_module *m,
                            const bool *placed)
{
    CHY_EACH(k, m->needs)
    {
        size_t i = find_module(r, m->needs[k]);

        if (!placed[i])
            return i;
    }
    return NOT_FOUND;
}

/* Nothing can be placed any more: whoever waits, waits at last for itself. */
static enum chy_rc refuse_cycle(struct chy_ctx *cx, const struct chy_registry *r,
                                const bool *placed)
{
    bool *seen = chy_alloc(cx, r->n_loaded * sizeof *seen);
    const char *path;
    size_t at = 0, start;

    while (placed[at])
        at++;
    for (; !seen[at]; at = first_missing(r, r->loaded[at].module, placed))
        seen[at] = true;
    start = at;
    path = r->loaded[start].module->name;
    do {
        at = first_missing(r, r->loaded[at].module, placed);
        path = chy_fmt(cx, "%s -> %s", path, r->loaded[at].module->name);
    } while (at != start);
    return CHY_REFUSE(cx, r->loaded[start].module,
                      "modules need each other in a circle: %s; take one of the needs away", path);
}

enum chy_rc chy_order_by_needs(struct chy_ctx *cx, struct chy_registry *r)
{
    bool *placed = chy_alloc(cx, (r->n_loaded + 1) * sizeof *placed);
    struct chy_loaded *ordered = chy_arena_alloc(r->arena, (r->n_loaded + 1) * sizeof *ordered);

    if (check_present(cx, r) != CHY_OK)
        return CHY_ERR;
    for (size_t n = 0; n < r->n_loaded; n++) {
        size_t i = 0;

        while (i < r->n_loaded &&
               (placed[i] || first_missing(r, r->loaded[i].module, placed) != NOT_FOUND))
            i++;
        if (i == r->n_loaded)
            return refuse_cycle(cx, r, placed);
        placed[i] = true;
        ordered[n] = r->loaded[i];
    }
    r->loaded = ordered;
    return CHY_OK;
}
