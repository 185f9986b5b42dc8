/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses a profile permits (core.md I-01, I-06, T-I-07). */
#include <stdio.h>
#include <string.h>

#include "ip.h"

#define RANGE_TEXT_MAX (IP_TEXT_MAX + 4)

static const struct chy_policy_item range_text = {
    .type = CHY_T_STRING,
    .min = 1,
    .max = RANGE_TEXT_MAX,
    .doc = "\"192.0.2.7\": this address; \"10.0.0.0/8\", \"2001:db8::/32\": every address of the "
           "range, but those of special use unless the range is of one such use.",
};

const struct chy_policy_item ip_rule[] = {
    {.name = "ranges",
     .type = CHY_T_LIST,
     .required = true,
     .min = 1,
     .max = 10000,
     .element = &range_text,
     .doc = "Addresses that may be had, as ranges; what lies in none is refused."},
    {.name = NULL},
};

/* A range that is none would match nothing, and nobody would know why. */
void ip_check_rule(const struct chy_policy_report *r, const json_t *rule)
{
    const json_t *ranges = json_object_get(rule, "ranges"), *item;
    char path[40], why[IP_WHY_MAX];
    struct ip_range range;
    size_t i;

    json_array_foreach(ranges, i, item)
    {
        if (ip_range_read(json_string_value(item), &range, why))
            continue;
        snprintf(path, sizeof path, "/ranges/%zu", i);
        r->error(r, path, "'%s' is no address or range such as 10.0.0.0/8: %s",
                 json_string_value(item), why);
    }
}

/* special: the range of special use that has the address, or NULL.  "0.0.0.0/0" is not meant for
 * loopback: a range permits such addresses only if it lies within their use. */
static bool any_range_permits(const json_t *ranges, const struct ip_address *a,
                              const struct ip_range *special)
{
    char why[IP_WHY_MAX];
    struct ip_range r;
    const json_t *item;
    size_t i;

    json_array_foreach(ranges, i, item)
    {
        if (json_is_string(item) && ip_range_read(json_string_value(item), &r, why) &&
            ip_range_has(&r, a) && (special == NULL || ip_range_covers(special, &r)))
            return true;
    }
    return false;
}

/* The value of an identifier is canonical; anything else is a fault of ours. */
static enum chy_rc value_of(struct chy_ctx *cx, const struct chy_ident *id, struct ip_address *ret)
{
    char why[IP_WHY_MAX];

    if (ip_read(id->value, strlen(id->value), ret, why))
        return CHY_OK;
    return IP_FAIL(cx, &CHY_P_serverInternal, "identifier %s: %s", id->value, why);
}

enum chy_rc ip_permitted(struct chy_ctx *cx, const struct chy_ident *id, const json_t *rule)
{
    const struct ip_range *special;
    const char *use = NULL;
    struct ip_address a;

    if (value_of(cx, id, &a) != CHY_OK)
        return CHY_ERR;
    special = ip_special(&a, &use);
    if (ip_is_no_host(&a))
        return IP_FAIL(cx, &CHY_P_rejectedIdentifier, "%s: is no host's own address (%s, RFC 6890)",
                       id->value, use);
    if (any_range_permits(json_object_get(rule, "ranges"), &a, special))
        return CHY_OK;
    if (special != NULL)
        return IP_FAIL(cx, &CHY_P_rejectedIdentifier,
                       "%s: no range of the profile covers it; it is of special use (%s) and must "
                       "be named there",
                       id->value, use);
    return IP_FAIL(cx, &CHY_P_rejectedIdentifier, "%s: no range of the profile covers it",
                   id->value);
}

enum chy_rc ip_permitted_publicly(struct chy_ctx *cx, const struct chy_ident *id)
{
    const char *use = NULL;
    struct ip_address a;

    if (value_of(cx, id, &a) != CHY_OK)
        return CHY_ERR;
    if (ip_special(&a, &use) != NULL)
        return IP_FAIL(cx, &CHY_P_rejectedIdentifier,
                       "%s: is of special use (%s) and not had under public profiles (RFC 6890)",
                       id->value, use);
    return CHY_OK;
}
