/* SPDX-License-Identifier: Apache-2.0 */
/* A module's policy tables: well-formed, so that the loader may walk them without asking again.
 * Documents are not read here; core/policy does that. */
#include <string.h>

#include "core/ext/tables.h"

#define ITEM_DEPTH 8 /* a table that contains itself would never end */

static enum chy_rc check_item(struct chy_ctx *cx, const struct chy_module *m, const char *where,
                              const struct chy_policy_item *item, unsigned depth)
{
    const char *wrong = NULL;

    if (depth > ITEM_DEPTH)
        wrong = "nests deeper than 8";
    else if ((unsigned)item->type > CHY_T_MAP)
        wrong = "has no known type";
    else if (item->type == CHY_T_OBJECT && item->items == NULL)
        wrong = "is an OBJECT without items";
    else if ((item->type == CHY_T_LIST || item->type == CHY_T_MAP) && item->element == NULL)
        wrong = "is a LIST or MAP without element";
    else if (item->type == CHY_T_ENUM && (item->choices == NULL || item->choices[0] == '\0'))
        wrong = "is an ENUM without choices";
    else if (item->required && item->dflt != NULL)
        wrong = "is required and has a default";
    else if (item->max != 0 && item->min > item->max)
        wrong = "has min above max";
    if (wrong != NULL)
        return CHY_REFUSE(cx, m, "policy item %s %s; correct the table", where, wrong);
    if (item->type == CHY_T_LIST || item->type == CHY_T_MAP)
        return check_item(cx, m, chy_fmt(cx, "%s[]", where), item->element, depth + 1);
    if (item->type != CHY_T_OBJECT)
        return CHY_OK;
    for (const struct chy_policy_item *i = item->items; i->name != NULL; i++) {
        if (check_item(cx, m, chy_fmt(cx, "%s.%s", where, i->name), i, depth + 1) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

enum chy_rc chy_check_items(struct chy_ctx *cx, const struct chy_module *m, const char *where,
                            const struct chy_policy_item *items)
{
    const struct chy_policy_item whole = {.type = CHY_T_OBJECT, .items = items};

    return items == NULL ? CHY_OK : check_item(cx, m, where, &whole, 0);
}

enum chy_rc chy_check_policy(struct chy_ctx *cx, const struct chy_module *m)
{
    CHY_EACH(i, m->policy_kinds)
    {
        const struct chy_policy_kind *k = m->policy_kinds[i];

        if (!chy_wire_name_ok(k->dir) || strchr(k->dir, '.') != NULL)
            return CHY_REFUSE(cx, m, "policy directory with the unusable name '%s'; correct it",
                              k->dir != NULL ? k->dir : "");
        if (k->items == NULL)
            return CHY_REFUSE(cx, m, "policy directory %s has no items; say what may stand in it",
                              k->dir);
        if (chy_check_items(cx, m, k->dir, k->items) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}
