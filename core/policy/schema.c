/* SPDX-License-Identifier: Apache-2.0 */
/* The tables as JSON Schema (draft 2020-12), for editors: a YAML language server completes keys, shows
 * the sentences of the tables and marks most mistakes while they are typed.  What cannot be said in a
 * schema (references between files, lengths in octets) is left to 'policy check', which decides. */
#include "core/policy/policy.h"

#include <string.h>

#include "core/policy/set.h"
#include "core/policy/tables.h"
#include "core/policy/yaml_value.h"

static json_t *item_schema(struct chy_ctx *cx, const struct chy_policy_item *item);

static void set_bounds(json_t *s, const struct chy_policy_item *item, const char *low,
                       const char *high)
{
    if (item->min != 0 || item->type == CHY_T_INT)
        json_object_set_new(s, low, json_integer(item->min));
    if (item->max != 0)
        json_object_set_new(s, high, json_integer(item->max));
}

static json_t *members_schema(struct chy_ctx *cx, const struct chy_policy_item *items)
{
    json_t *members = json_object();

    for (; items != NULL && items->name != NULL; items++)
        json_object_set_new(members, items->name, item_schema(cx, items));
    return members;
}

/* Unknown keys are mistakes; so are missing ones. */
static void fill_object(struct chy_ctx *cx, json_t *s, const struct chy_policy_item *items)
{
    json_t *required = json_array();

    json_object_set_new(s, "type", json_string("object"));
    json_object_set_new(s, "properties", members_schema(cx, items));
    json_object_set_new(s, "additionalProperties", json_false());
    for (; items != NULL && items->name != NULL; items++)
        if (items->required)
            json_array_append_new(required, json_string(items->name));
    if (json_array_size(required) > 0)
        json_object_set(s, "required", required);
    json_decref(required);
}

static void fill_map(struct chy_ctx *cx, json_t *s, const struct chy_policy_item *item)
{
    json_object_set_new(s, "type", json_string("object"));
    set_bounds(s, item, "minProperties", "maxProperties");
    if (item->items != NULL) {
        json_object_set_new(s, "properties", members_schema(cx, item->items));
        json_object_set_new(s, "additionalProperties", json_false());
    } else {
        json_object_set_new(s, "additionalProperties", item_schema(cx, item->element));
    }
}

static void fill_enum(struct chy_ctx *cx, json_t *s, const char *choices)
{
    size_t n;
    const char *const *names = chy_yaml_choices(cx, choices, &n);
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(names[i]));
    json_object_set_new(s, "enum", list);
}

static json_t *item_schema(struct chy_ctx *cx, const struct chy_policy_item *item)
{
    json_t *s = json_object();

    if (item->doc != NULL)
        json_object_set_new(s, "description", json_string(item->doc));
    switch (item->type) {
    case CHY_T_BOOL:
        json_object_set_new(s, "type", json_string("boolean"));
        break;
    case CHY_T_INT:
        json_object_set_new(s, "type", json_string("integer"));
        set_bounds(s, item, "minimum", "maximum");
        break;
    case CHY_T_DURATION:
        json_object_set_new(s, "type", json_string("string"));
        json_object_set_new(s, "pattern", json_string("^(0|[1-9][0-9]{0,11})[smhdw]$"));
        break;
    case CHY_T_STRING: /* a number without quotes is text too */
        json_object_set_new(s, "type", json_pack("[s,s]", "string", "number"));
        set_bounds(s, item, "minLength", "maxLength");
        break;
    case CHY_T_ENUM:
        fill_enum(cx, s, item->choices);
        break;
    case CHY_T_OBJECT:
        fill_object(cx, s, item->items);
        break;
    case CHY_T_LIST:
        json_object_set_new(s, "type", json_string("array"));
        set_bounds(s, item, "minItems", "maxItems");
        json_object_set_new(s, "items", item_schema(cx, item->element));
        break;
    case CHY_T_MAP:
        fill_map(cx, s, item);
        break;
    }
    if (item->dflt != NULL)
        json_object_set_new(s, "$comment", json_string(chy_fmt(cx, "default: %s", item->dflt)));
    return s;
}

static void add_document(struct chy_ctx *cx, json_t *definitions, const char *name,
                         const struct chy_policy_item *items)
{
    json_t *s = json_object();

    fill_object(cx, s, items);
    json_object_set_new(definitions, name, s);
}

json_t *chy_policy_schema_json(struct chy_ctx *cx, const struct chy_policy_schema *schema)
{
    const struct chy_policy_kind *const *k = schema->kinds;
    json_t *definitions = json_object();

    add_document(cx, definitions, "chancery", chy_table_chancery);
    add_document(cx, definitions, CHY_KIND_ISSUER, chy_table_issuer);
    add_document(cx, definitions, CHY_KIND_PROFILE, chy_table_profile(cx, schema));
    for (; k != NULL && *k != NULL; k++)
        add_document(cx, definitions, (*k)->dir, (*k)->items);
    return chy_keep_json(cx, json_pack("{s:s, s:s, s:o}", "$schema",
                                       "https://json-schema.org/draft/2020-12/schema", "title",
                                       "Chancery policy: one definition a kind of file", "$defs",
                                       definitions));
}
