/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers share: variables, ids, the two refusals about payloads, URLs. */
#include "core/acme/request.h"

#include <string.h>

#include "core/base/id.h"
#include "core/base/problem.h"

const char *chy_acme_var(const struct chy_acme *a, const char *name)
{
    for (size_t i = 0; i < a->rq->n_vars; i++)
        if (strcmp(a->rq->vars[i].name, name) == 0)
            return a->rq->vars[i].value;
    return "";
}

enum chy_rc chy_acme_admit(struct chy_acme *a)
{
    if (!a->has_nonce)
        return CHY_OK;
    if (a->authentic && a->account.url != NULL)
        return chy_guard_spend(a->cx, &a->guard);
    return chy_nonce_spend(a->cx, &a->guard);
}

enum chy_rc chy_acme_not_found(struct chy_acme *a)
{
    if (chy_fail(a->cx, &CHY_P_malformed, "there is no such resource, or it is not yours") !=
        CHY_OK)
        a->cx->problem.status = 404;
    return CHY_ERR;
}

enum chy_rc chy_acme_id(struct chy_acme *a, const char *var, struct chy_id *ret)
{
    const char *text = chy_acme_var(a, var);

    return chy_id_read(ret, text, strlen(text)) ? CHY_OK : chy_acme_not_found(a);
}

enum chy_rc chy_acme_only_read(struct chy_acme *a)
{
    if (a->payload == NULL)
        return CHY_OK;
    return chy_fail(a->cx, &CHY_P_malformed,
                    "this resource is only read: send an empty payload (RFC 8555 section 6.3)");
}

enum chy_rc chy_acme_only_act(struct chy_acme *a)
{
    if (a->payload != NULL)
        return CHY_OK;
    return chy_fail(a->cx, &CHY_P_malformed,
                    "this resource cannot be read: send a JSON object (RFC 8555 section 6.3)");
}

char *chy_acme_url(struct chy_ctx *cx, const char *f, ...)
{
    va_list ap;
    char *path;

    va_start(ap, f);
    path = chy_arena_vfmt(cx->arena, f, ap);
    va_end(ap);
    return chy_fmt(cx, "%s%s", cx->base_url, path);
}
