/* SPDX-License-Identifier: Apache-2.0 */
/* What modules add to the directory and to orders.  Rendering is additive: a module fills an object of
 * its own, and a member that is there already is refused, so that no module can change what core or
 * another one says.  Accounts and authorizations are not rendered by modules yet (check.c). */
#include "core/ext/call.h"

/* Fill own (and own_meta, of a directory) with what m shows of subject. */
typedef enum chy_rc render_call(struct chy_ctx *cx, const struct chy_module *m, const void *subject,
                                json_t *own, json_t *own_meta);

static enum chy_rc merge(struct chy_ctx *cx, const struct chy_module *m, json_t *into,
                         json_t *members)
{
    const char *name;
    json_t *value;

    if (!chy_json_storable(members))
        return chy_fault_internal(cx, "module %s renders more than %u octets", m->name,
                                  CHY_FROM_MODULE_MAX);
    json_object_foreach(members, name, value)
    {
        if (json_object_get(into, name) != NULL)
            return chy_fault_internal(cx, "module %s renders the member %s, which is there already",
                                      m->name, name);
        json_object_set(into, name, value);
    }
    return CHY_OK;
}

static enum chy_rc render_each(struct chy_ctx *cx, const char *function, render_call *f,
                               const void *subject, json_t *into, json_t *into_meta)
{
    for (size_t i = 0; i < chy_registry_count(cx->registry); i++) {
        const struct chy_module *m = chy_registry_module(cx->registry, i);
        json_t *own = chy_keep_json(cx, json_object());
        json_t *own_meta = chy_keep_json(cx, json_object());
        struct chy_call call;

        if (chy_call_begin(cx, &call, m, CHY_STAGE_REQUEST, function, m->name) != CHY_OK ||
            chy_call_end(cx, &call, f(cx, m, subject, own, own_meta)) != CHY_OK ||
            merge(cx, m, into, own) != CHY_OK)
            return CHY_ERR;
        if (into_meta != NULL && merge(cx, m, into_meta, own_meta) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

static enum chy_rc render_directory(struct chy_ctx *cx, const struct chy_module *m,
                                    const void *subject, json_t *own, json_t *own_meta)
{
    (void)subject;
    if (m->object_ext == NULL || m->object_ext->directory == NULL)
        return CHY_OK;
    return m->object_ext->directory(cx, own, own_meta);
}

static enum chy_rc render_order(struct chy_ctx *cx, const struct chy_module *m, const void *subject,
                                json_t *own, json_t *own_meta)
{
    (void)own_meta;
    if (m->order_ext == NULL || m->order_ext->render == NULL)
        return CHY_OK;
    return m->order_ext->render(cx, subject, own);
}

enum chy_rc chy_directory_extend(struct chy_ctx *cx, json_t *dir, json_t *meta)
{
    return render_each(cx, "directory", render_directory, NULL, dir, meta);
}

enum chy_rc chy_order_render_extend(struct chy_ctx *cx, const struct chy_order *o, json_t *object)
{
    return render_each(cx, "render", render_order, o, object, NULL);
}
