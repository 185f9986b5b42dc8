/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an order (RFC 8555 section 7.4). */
#include "core/acme/render.h"
#include "core/store/orders.h"

enum chy_rc chy_order_get(struct chy_acme *a)
{
    struct chy_order *o;
    struct chy_id id;

    /* A POST to an order belongs to an extension's on_update; none is served yet. */
    if (chy_acme_id(a, "id", &id) != CHY_OK || chy_acme_only_read(a) != CHY_OK ||
        chy_order_read(a->cx, &a->guard, &id, &o) != CHY_OK)
        return CHY_ERR;
    return o == NULL ? chy_acme_not_found(a) : chy_render_order(a, o, 200);
}
