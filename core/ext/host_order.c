/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions over accounts and orders.  Setters change the order in memory; core stores it with
 * the statement that ends the unit of work. */
#include <string.h>

#include "core/base/id.h"
#include "core/ext/call.h"
#include "core/ext/host_part.h"
#include "core/store/objects.h"

#define CHY_AT_ORDER (CHY_AT(REQUEST) | CHY_AT(STEP) | CHY_AT(ISSUE) | CHY_AT(JOB))

const struct chy_id *chy_host_account_id(const struct chy_account *a)
{
    return &a->id;
}

const char *chy_host_account_url(struct chy_ctx *cx, const struct chy_account *a)
{
    if (a->url != NULL)
        return a->url;
    return chy_fmt(cx, "%s/account/%s", cx->base_url, chy_id_text(cx, &a->id));
}

const char *chy_host_account_thumbprint(const struct chy_account *a)
{
    return a->thumbprint;
}

const struct chy_id *chy_host_order_id(const struct chy_order *o)
{
    return &o->id;
}

const struct chy_account *chy_host_order_account(const struct chy_order *o)
{
    return o->account;
}

const char *chy_host_order_status(const struct chy_order *o)
{
    return o->status;
}

const char *chy_host_order_profile(const struct chy_order *o)
{
    return o->profile;
}

const struct chy_ident *chy_host_order_idents(const struct chy_order *o, size_t *ret_n)
{
    *ret_n = o->n_idents;
    return o->idents;
}

const json_t *chy_host_order_state(struct chy_ctx *cx, const struct chy_order *o)
{
    return cx->module != NULL ? json_object_get(o->ext, cx->module->name) : NULL;
}

enum chy_rc chy_host_order_set_state(struct chy_ctx *cx, struct chy_order *o, json_t *state)
{
    /* Core's from here on, also where it is refused. */
    chy_keep_json(cx, state);
    if (chy_host_allow(cx, CHY_AT_ORDER, "order_set_state") != CHY_OK)
        return CHY_ERR;
    if (cx->module == NULL)
        return chy_fault_internal(cx, "order_set_state was called outside of a module");
    if (state != NULL && (!json_is_object(state) || !chy_json_storable(state)))
        return chy_fault_internal(cx,
                                  "module %s: state of an order is no object of at most %u "
                                  "octets",
                                  cx->module->name, CHY_FROM_MODULE_MAX);
    if (o->ext == NULL)
        o->ext = chy_keep_json(cx, json_object());
    if (state == NULL)
        json_object_del(o->ext, cx->module->name);
    else
        json_object_set(o->ext, cx->module->name, state);
    return CHY_OK;
}

enum chy_rc chy_host_order_set_status(struct chy_ctx *cx, struct chy_order *o, const char *status)
{
    const struct chy_order_ext *x = cx->module != NULL ? cx->module->order_ext : NULL;

    if (chy_host_allow(cx, CHY_AT_ORDER, "order_set_status") != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; x != NULL && x->statuses != NULL && x->statuses[i] != NULL; i++) {
        if (strcmp(x->statuses[i], status) != 0)
            continue;
        o->status = x->statuses[i];
        return CHY_OK;
    }
    return chy_fault_internal(cx,
                              "module %s set the order status '%s', which is not one of its own",
                              chy_host_module(cx), status);
}
