/* SPDX-License-Identifier: Apache-2.0 */
/* Which names a profile permits (core.md NO-20 to NO-24).  What public profiles refuse besides is in
 * suffix.c. */
#include <stdio.h>
#include <string.h>

#include "dns.h"

static const struct chy_policy_item name_pattern = {
    .type = CHY_T_STRING,
    .min = 1,
    .max = DNS_NAME_MAX,
    .doc =
        "\"www.example.org\": this name; \"*.example.org\": every name below example.org, at any "
        "depth, but not itself; \"*\": every name that is not of special use.",
};

const struct chy_policy_item dns_rule[] = {
    {.name = "names",
     .type = CHY_T_LIST,
     .required = true,
     .min = 1,
     .max = 10000,
     .element = &name_pattern,
     .doc = "Names that may be had, as patterns; what matches none is refused."},
    {.name = "wildcard",
     .type = CHY_T_BOOL,
     .dflt = "false",
     .doc =
         "Whether wildcard names (\"*.example.org\") may be had; what \"*\" stands for must match "
         "names too."},
    {.name = "single-label",
     .type = CHY_T_BOOL,
     .dflt = "false",
     .doc = "Whether names of one label (\"intranet\") may be had."},
    {.name = NULL},
};

/* Names that nobody owns in the public DNS (RFC 6761 and its registry; NO-22).  A pattern permits
 * them only if it spells the reserved suffix itself. */
static const char *const special_use[] = {
    "alt",     "example",  "home.arpa", "in-addr.arpa", "internal",
    "invalid", "ip6.arpa", "local",     "localhost",    "test",
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Is text the same as suffix, or does it end with "." suffix?  suffix: any case. */
static bool is_or_below(const char *text, const char *suffix, bool *ret_same)
{
    size_t n = strlen(text), s = strlen(suffix);

    if (s == 0 || n < s || (n > s && text[n - s - 1] != '.'))
        return false;
    for (size_t i = 0; i < s; i++)
        if (text[n - s + i] != lower(suffix[i]))
            return false;
    *ret_same = n == s;
    return true;
}

/* value: canonical; "*.x" stands below x. */
static bool pattern_matches(const char *pattern, const char *value)
{
    bool same;

    if (strcmp(pattern, "*") == 0)
        return true;
    if (dns_is_wildcard(pattern))
        return is_or_below(value, pattern + 2, &same) && !same;
    return is_or_below(value, pattern, &same) && same;
}

const char *dns_special_suffix(const char *name)
{
    bool same;

    for (size_t i = 0; i < sizeof special_use / sizeof *special_use; i++)
        if (is_or_below(name, special_use[i], &same))
            return special_use[i];
    return NULL;
}

/* A pattern that is no name would match nothing, and nobody would know why. */
void dns_check_rule(const struct chy_policy_report *r, const json_t *rule)
{
    const json_t *patterns = json_object_get(rule, "names"), *item;
    struct dns_name name;
    char path[40];
    size_t i;

    json_array_foreach(patterns, i, item)
    {
        const char *pattern = json_string_value(item);

        if (strcmp(pattern, "*") == 0 || dns_name_read(pattern, strlen(pattern), &name))
            continue;
        snprintf(path, sizeof path, "/names/%zu", i);
        r->error(r, path, "'%.253s' is no pattern of names: %s", pattern, name.why);
    }
}

static bool spells(const char *pattern, const char *suffix)
{
    char low[DNS_NAME_MAX + 1] = "";
    bool same;

    for (size_t i = 0; pattern[i] != '\0' && i < DNS_NAME_MAX; i++)
        low[i] = lower(pattern[i]);
    return is_or_below(dns_base(low), suffix, &same);
}

static bool any_pattern_permits(const json_t *patterns, const char *value, const char *special)
{
    size_t i;
    json_t *item;

    json_array_foreach(patterns, i, item)
    {
        const char *pattern = json_string_value(item);

        if (pattern != NULL && pattern_matches(pattern, value) &&
            (special == NULL || spells(pattern, special)))
            return true;
    }
    return false;
}

enum chy_rc dns_permitted(struct chy_ctx *cx, const struct chy_ident *id, const json_t *rule)
{
    const char *base = dns_base(id->value);
    const char *special = dns_special_suffix(base);
    bool same;

    if (is_or_below(base, "onion", &same))
        return DNS_FAIL(cx, &CHY_P_rejectedIdentifier,
                        "%s: names below onion are not served (RFC 9799)", id->value);
    if (dns_is_wildcard(id->value) && !json_is_true(json_object_get(rule, "wildcard")))
        return DNS_FAIL(cx, &CHY_P_rejectedIdentifier, "%s: the profile permits no wildcard names",
                        id->value);
    if (strchr(base, '.') == NULL && !json_is_true(json_object_get(rule, "single-label")))
        return DNS_FAIL(cx, &CHY_P_rejectedIdentifier,
                        "%s: the profile permits no names of one label", id->value);
    if (any_pattern_permits(json_object_get(rule, "names"), id->value, special))
        return CHY_OK;
    if (special != NULL)
        return DNS_FAIL(cx, &CHY_P_rejectedIdentifier,
                        "%s: no name of the profile covers it; %s is of special use and must be "
                        "named there",
                        id->value, special);
    return DNS_FAIL(cx, &CHY_P_rejectedIdentifier, "%s: no name of the profile covers it",
                    id->value);
}
