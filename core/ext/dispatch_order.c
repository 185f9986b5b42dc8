/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into order extensions and profiles, over all modules in load order.  Whether a waiver of
 * authorizations is honoured is not decided here.  Rendering is in dispatch_render.c. */
#include "core/ext/call.h"

typedef enum chy_rc order_call(struct chy_ctx *cx, const struct chy_order_ext *x, void *arg);

/* Call f for every loaded order extension, each inside its own frame. */
static enum chy_rc each_order_ext(struct chy_ctx *cx, enum chy_stage stage, const char *function,
                                  order_call *f, void *arg)
{
    for (size_t i = 0; i < chy_registry_count(cx->registry); i++) {
        const struct chy_module *m = chy_registry_module(cx->registry, i);
        struct chy_call call;

        if (m->order_ext == NULL)
            continue;
        if (chy_call_begin(cx, &call, m->order_ext, stage, function, "order extension") != CHY_OK ||
            chy_call_end(cx, &call, f(cx, m->order_ext, arg)) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

struct order_args {
    struct chy_order *order;
    const json_t *request;
    X509_REQ *csr;
    struct chy_cert_plan *plan;
    enum chy_authz_need need;
};

static enum chy_rc call_on_new(struct chy_ctx *cx, const struct chy_order_ext *x, void *arg)
{
    struct order_args *a = arg;
    enum chy_authz_need need = CHY_AUTHZ_REQUIRED;

    if (x->on_new == NULL)
        return CHY_OK;
    if (x->on_new(cx, a->order, a->request, &need) != CHY_OK)
        return CHY_ERR;
    if (need == CHY_AUTHZ_WAIVED)
        a->need = CHY_AUTHZ_WAIVED;
    return CHY_OK;
}

enum chy_rc chy_order_on_new(struct chy_ctx *cx, struct chy_order *o, const json_t *req,
                             enum chy_authz_need *ret_need)
{
    struct order_args a = {.order = o, .request = req, .need = CHY_AUTHZ_REQUIRED};

    if (each_order_ext(cx, CHY_STAGE_REQUEST, "on_new", call_on_new, &a) != CHY_OK)
        return CHY_ERR;
    *ret_need = a.need;
    return CHY_OK;
}

static enum chy_rc call_on_finalize(struct chy_ctx *cx, const struct chy_order_ext *x, void *arg)
{
    struct order_args *a = arg;

    return x->on_finalize == NULL ? CHY_OK : x->on_finalize(cx, a->order, a->csr, a->plan);
}

enum chy_rc chy_order_on_finalize(struct chy_ctx *cx, struct chy_order *o, X509_REQ *csr,
                                  struct chy_cert_plan *plan)
{
    struct order_args a = {.order = o, .csr = csr, .plan = plan};

    return each_order_ext(cx, CHY_STAGE_ISSUE, "on_finalize", call_on_finalize, &a);
}

enum chy_rc chy_profile_shape(struct chy_ctx *cx, const char *shape, const struct chy_order *o,
                              X509_REQ *csr, struct chy_cert_plan *plan)
{
    const struct chy_profile *p = chy_registry_shape(cx->registry, shape);
    struct chy_call call;

    if (p == NULL)
        return chy_fault_internal(cx, "no loaded module has the profile shape %s", shape);
    if (chy_call_begin(cx, &call, p, CHY_STAGE_ISSUE, "shape", p->name) != CHY_OK)
        return CHY_ERR;
    return chy_call_end(cx, &call, p->shape(cx, o, csr, plan));
}
