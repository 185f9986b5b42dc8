/* SPDX-License-Identifier: Apache-2.0 */
/* The frame around every call into a module. */
#include "core/ext/call.h"

#include "core/base/json.h"

enum chy_rc chy_call_begin(struct chy_ctx *cx, struct chy_call *c, const void *table,
                           enum chy_stage stage, const char *function, const char *of)
{
    const struct chy_module *owner;

    if (chy_failed(cx))
        return CHY_ERR;
    owner = cx->registry != NULL ? chy_registry_owner(cx->registry, table) : NULL;
    if (owner == NULL)
        return chy_fault_internal(cx, "%s of %s: no loaded module owns it", function, of);
    *c = (struct chy_call){
        .outer_module = cx->module,
        .outer_stage = cx->stage,
        .function = function,
        .of = of,
    };
    cx->module = owner;
    cx->stage = stage;
    return CHY_OK;
}

enum chy_rc chy_call_end(struct chy_ctx *cx, const struct chy_call *c, enum chy_rc rc)
{
    const char *module = cx->module->name;

    cx->module = c->outer_module;
    cx->stage = c->outer_stage;
    /* A module that recorded a failure and went on has failed all the same. */
    if (chy_failed(cx))
        return CHY_ERR;
    if (rc == CHY_OK)
        return CHY_OK;
    if (c->fallback != NULL)
        return chy_call_unexplained(cx, c->fallback, module, c->function, c->of);
    return chy_fault_internal(cx, "module %s failed without a reason: %s of %s", module,
                              c->function, c->of);
}

enum chy_rc chy_call_unexplained(struct chy_ctx *cx, const struct chy_problem_type *t,
                                 const char *module, const char *function, const char *of)
{
    if (chy_failed(cx))
        return CHY_ERR;
    (void)!chy_fail(cx, t, "this check failed; the server's log has more under this request's id");
    cx->problem.note =
        chy_fmt(cx, "module %s failed without a reason: %s of %s", module, function, of);
    return CHY_ERR;
}

/* jansson recurses when it writes; depth counts down before it is let loose. */
static bool shallow(const json_t *j, unsigned depth)
{
    const json_t *child;

    if (!json_is_object(j) && !json_is_array(j))
        return true;
    if (depth == 0)
        return false;
    for (size_t i = 0; i < json_array_size(j); i++) {
        if (!shallow(json_array_get(j, i), depth - 1))
            return false;
    }
    for (void *it = json_object_iter((json_t *)j); it != NULL;
         it = json_object_iter_next((json_t *)j, it)) {
        child = json_object_iter_value(it);
        if (!shallow(child, depth - 1))
            return false;
    }
    return true;
}

bool chy_json_shallow(const json_t *j)
{
    return shallow(j, CHY_JSON_DEPTH);
}

bool chy_json_storable(const json_t *j)
{
    size_t n;

    if (!shallow(j, CHY_JSON_DEPTH))
        return false;
    n = json_dumpb(j, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    return n > 0 && n <= CHY_FROM_MODULE_MAX;
}
