/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into modules on the client's side: names in certificate requests, solvers. */
#include "core/ext/call.h"

enum chy_rc chy_ident_to_csr(struct chy_ctx *cx, const struct chy_ident *id, GENERAL_NAMES *san,
                             STACK_OF(X509_EXTENSION) * extensions)
{
    const struct chy_ident_type *t =
        cx->registry != NULL ? chy_registry_ident(cx->registry, id->type) : NULL;
    struct chy_call call;

    if (t == NULL)
        return chy_fault_internal(cx, "no loaded module has the identifier type %s", id->type);
    if (t->to_csr == NULL && t->csr_may_omit)
        return CHY_OK;
    if (t->to_csr == NULL)
        return chy_fail(cx, &CHY_P_unsupportedIdentifier,
                        "identifier type %s: its module cannot put one into a certificate request",
                        t->name);
    if (chy_call_begin(cx, &call, t, CHY_STAGE_CLIENT, "to_csr", t->name) != CHY_OK)
        return CHY_ERR;
    return chy_call_end(cx, &call, t->to_csr(cx, id, san, extensions));
}

enum chy_rc chy_solver_prepare(struct chy_ctx *cx, const struct chy_solver *s,
                               struct chy_task *tasks, size_t n, const json_t *options,
                               void **ret_state)
{
    struct chy_call call;
    void *state = NULL;

    if (chy_call_begin(cx, &call, s, CHY_STAGE_CLIENT, "prepare", s->name) != CHY_OK ||
        chy_call_end(cx, &call, s->prepare(cx, tasks, n, options, &state)) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < n; i++)
        if (tasks[i].response != NULL && !chy_json_storable(tasks[i].response))
            return chy_fault_internal(cx, "solver %s: a response is too large or too deep",
                                      s->name);
    *ret_state = state;
    return CHY_OK;
}

enum chy_rc chy_solver_clean(struct chy_ctx *cx, const struct chy_solver *s, struct chy_task *tasks,
                             size_t n, const json_t *options, void *state)
{
    struct chy_call call;

    if (chy_call_begin(cx, &call, s, CHY_STAGE_CLIENT, "clean", s->name) != CHY_OK)
        return CHY_ERR;
    return chy_call_end(cx, &call, s->clean(cx, tasks, n, options, state));
}
