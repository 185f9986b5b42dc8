/* SPDX-License-Identifier: Apache-2.0 */
/* Network settings out of node.yaml: from JSON to struct chy_net_config.  Whether the resolver takes
 * them is seen when it is made. */
#include "core/net/config.h"

#include <string.h>

#include "core/base/problem.h"

#define LIST_MAX 1000

static enum chy_rc refuse(struct chy_ctx *cx, const char *setting, const char *want)
{
    return chy_fail(cx, &CHY_P_malformed, "validation: %s: must be %s", setting, want);
}

/* Only these members, so that a slip of the pen is not a silent default. */
static enum chy_rc check_members(struct chy_ctx *cx, const json_t *o, const char *what,
                                 const char *const *known)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)o, name, value)
    {
        size_t i = 0;

        while (known[i] != NULL && strcmp(known[i], name) != 0)
            i++;
        if (known[i] == NULL)
            return chy_fail(cx, &CHY_P_malformed, "validation: %s%s: unknown setting", what, name);
    }
    return CHY_OK;
}

/* A list, possibly absent; its length in *ret_n. */
static enum chy_rc take_list(struct chy_ctx *cx, const json_t *o, const char *name,
                             const json_t **ret, size_t *ret_n)
{
    const json_t *list = json_object_get(o, name);

    *ret = list;
    *ret_n = json_array_size(list);
    if (list == NULL || json_is_null(list))
        return CHY_OK;
    if (!json_is_array(list) || *ret_n > LIST_MAX)
        return refuse(cx, name, "a list");
    return CHY_OK;
}

static enum chy_rc take_strings(struct chy_ctx *cx, const json_t *o, const char *name,
                                const char *const **ret, size_t *ret_n)
{
    const json_t *list;
    const char **strings;

    if (take_list(cx, o, name, &list, ret_n) != CHY_OK)
        return CHY_ERR;
    strings = chy_alloc(cx, (*ret_n + 1) * sizeof *strings);
    for (size_t i = 0; i < *ret_n; i++) {
        const char *s = json_string_value(json_array_get(list, i));

        if (s == NULL)
            return refuse(cx, name, "a list of strings");
        strings[i] = chy_arena_strdup(cx->arena, s);
    }
    *ret = strings;
    return CHY_OK;
}

static enum chy_rc take_prefixes(struct chy_ctx *cx, const json_t *o, const char *name,
                                 const struct chy_prefix **ret, size_t *ret_n)
{
    const char *const *texts;
    struct chy_prefix *prefixes;

    if (take_strings(cx, o, name, &texts, ret_n) != CHY_OK)
        return CHY_ERR;
    prefixes = chy_alloc(cx, (*ret_n + 1) * sizeof *prefixes);
    for (size_t i = 0; i < *ret_n; i++)
        if (!chy_prefix_read(&prefixes[i], texts[i]))
            return chy_fail(cx, &CHY_P_malformed,
                            "validation: %s: \"%s\" is not an address range such as 10.0.0.0/8 "
                            "(bits behind the prefix must be 0)",
                            name, texts[i]);
    *ret = prefixes;
    return CHY_OK;
}

static enum chy_rc take_stubs(struct chy_ctx *cx, const json_t *o, struct chy_net_config *c)
{
    static const char *const known[] = {"zone", "address", NULL};
    struct chy_net_stub *stubs;
    const json_t *list;

    if (take_list(cx, o, "stubs", &list, &c->n_stubs) != CHY_OK)
        return CHY_ERR;
    stubs = chy_alloc(cx, (c->n_stubs + 1) * sizeof *stubs);
    for (size_t i = 0; i < c->n_stubs; i++) {
        const json_t *stub = json_array_get(list, i);
        const char *zone = json_string_value(json_object_get(stub, "zone"));
        const char *address = json_string_value(json_object_get(stub, "address"));

        if (zone == NULL || address == NULL)
            return refuse(cx, "stubs", "a list of { zone, address }");
        if (check_members(cx, stub, "stubs: ", known) != CHY_OK)
            return CHY_ERR;
        stubs[i].zone = chy_arena_strdup(cx->arena, zone);
        stubs[i].address = chy_arena_strdup(cx->arena, address);
    }
    c->stubs = stubs;
    return CHY_OK;
}

/* Seconds as a number, or "10s". */
static enum chy_rc take_timeout(struct chy_ctx *cx, const json_t *o, unsigned *ret_ms)
{
    const json_t *value = json_object_get(o, "timeout");
    json_int_t seconds = json_integer_value(value);

    if (value == NULL || json_is_null(value))
        return CHY_OK;
    if (json_is_string(value)) {
        const char *s = json_string_value(value);
        size_t n = strspn(s, "0123456789");

        if (n < 1 || n > 3 || strcmp(s + n, "s") != 0)
            return refuse(cx, "timeout", "a number of seconds such as 10s");
        seconds = 0;
        for (size_t i = 0; i < n; i++)
            seconds = seconds * 10 + (s[i] - '0');
    }
    if (seconds < 1 || seconds > 60)
        return refuse(cx, "timeout", "1s to 60s");
    *ret_ms = (unsigned)seconds * 1000;
    return CHY_OK;
}

static enum chy_rc take_port(struct chy_ctx *cx, const json_t *o, const char *name, unsigned *ret)
{
    const json_t *value = json_object_get(o, name);

    if (value == NULL || json_is_null(value))
        return CHY_OK;
    if (json_integer_value(value) < 1 || json_integer_value(value) > 65535)
        return refuse(cx, name, "a port, 1 to 65535");
    *ret = (unsigned)json_integer_value(value);
    return CHY_OK;
}

static enum chy_rc take_resolver(struct chy_ctx *cx, const json_t *o, struct chy_net_config *c)
{
    static const char *const known[] = {
        "forwarders", "stubs", "trust-anchors", "root-anchor", "query-localhost", "timeout", NULL};
    const json_t *root = json_object_get(o, "root-anchor");
    const json_t *localhost = json_object_get(o, "query-localhost");

    if (o == NULL || json_is_null(o))
        return CHY_OK;
    if (!json_is_object(o))
        return refuse(cx, "resolver", "a mapping");
    if (root != NULL && !json_is_null(root)) {
        if (!json_is_string(root))
            return refuse(cx, "root-anchor", "a file name");
        c->root_anchor_file = chy_arena_strdup(cx->arena, json_string_value(root));
    }
    if (localhost != NULL && !json_is_boolean(localhost))
        return refuse(cx, "query-localhost", "true or false");
    c->query_localhost = json_is_true(localhost);
    if (check_members(cx, o, "resolver: ", known) != CHY_OK ||
        take_strings(cx, o, "forwarders", &c->forwarders, &c->n_forwarders) != CHY_OK ||
        take_stubs(cx, o, c) != CHY_OK)
        return CHY_ERR;
    if (take_strings(cx, o, "trust-anchors", &c->trust_anchors, &c->n_trust_anchors) != CHY_OK)
        return CHY_ERR;
    return take_timeout(cx, o, &c->dns_timeout_ms);
}

enum chy_rc chy_net_config_read(struct chy_ctx *cx, const json_t *validation,
                                struct chy_net_config *ret)
{
    static const char *const known[] = {"resolver",  "allow",      "deny",
                                        "http-port", "https-port", NULL};
    struct chy_net_config c = {.http_port = 80, .https_port = 443};

    if (validation != NULL && !json_is_object(validation) && !json_is_null(validation))
        return chy_fail(cx, &CHY_P_malformed, "validation: must be a mapping");
    if (check_members(cx, validation, "", known) != CHY_OK ||
        take_resolver(cx, json_object_get(validation, "resolver"), &c) != CHY_OK ||
        take_prefixes(cx, validation, "allow", &c.allow, &c.n_allow) != CHY_OK ||
        take_prefixes(cx, validation, "deny", &c.deny, &c.n_deny) != CHY_OK ||
        take_port(cx, validation, "http-port", &c.http_port) != CHY_OK ||
        take_port(cx, validation, "https-port", &c.https_port) != CHY_OK)
        return CHY_ERR;
    *ret = c;
    return CHY_OK;
}
