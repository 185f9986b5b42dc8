/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON on jansson: duplicates, depth, UTF-8 and trailing text are refused. */
#include "core/base/json.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"
#include "core/base/utf8.h"

/* Greatest nesting of [ and { outside strings. */
static size_t depth_of(const char *s, size_t n)
{
    size_t depth = 0, most = 0;
    bool in_string = false;

    for (size_t i = 0; i < n; i++) {
        if (in_string) {
            if (s[i] == '\\')
                i++;
            else if (s[i] == '"')
                in_string = false;
            continue;
        }
        if (s[i] == '"')
            in_string = true;
        else if (s[i] == '{' || s[i] == '[')
            most = ++depth > most ? depth : most;
        else if ((s[i] == '}' || s[i] == ']') && depth > 0)
            depth--;
    }
    return most;
}

static enum chy_rc load(struct chy_ctx *cx, const char *what, const void *text, size_t n,
                        size_t flags, json_t **ret)
{
    json_error_t err;
    json_t *j;

    if (!chy_utf8_valid(text, n))
        return chy_fail(cx, &CHY_P_malformed, "%s is not valid UTF-8 (RFC 8555 section 5)", what);
    if (depth_of(text, n) > CHY_JSON_DEPTH)
        return chy_fail(cx, &CHY_P_malformed, "%s is nested more than %d deep", what,
                        CHY_JSON_DEPTH);
    j = json_loadb(text, n, JSON_REJECT_DUPLICATES | flags, &err);
    if (j == NULL)
        return chy_fail(cx, &CHY_P_malformed, "%s is not JSON: %s", what, err.text);
    *ret = chy_keep_json(cx, j);
    return CHY_OK;
}

enum chy_rc chy_json_object(struct chy_ctx *cx, const char *what, const void *text, size_t n,
                            json_t **ret)
{
    json_t *j;

    if (load(cx, what, text, n, 0, &j) != CHY_OK)
        return CHY_ERR;
    if (!json_is_object(j))
        return chy_fail(cx, &CHY_P_malformed, "%s is not a JSON object", what);
    *ret = j;
    return CHY_OK;
}

enum chy_rc chy_json_value(struct chy_ctx *cx, const char *what, const void *text, size_t n,
                           json_t **ret)
{
    return load(cx, what, text, n, JSON_DECODE_ANY, ret);
}

static enum chy_rc wrong_type(struct chy_ctx *cx, const char *name, const char *wanted)
{
    return chy_fail(cx, &CHY_P_malformed, "member \"%s\" is not %s", name, wanted);
}

enum chy_rc chy_json_opt_string(struct chy_ctx *cx, const json_t *o, const char *name,
                                const char **ret)
{
    const json_t *v = json_object_get(o, name);

    if (v != NULL && !json_is_null(v) && !json_is_string(v))
        return wrong_type(cx, name, "a string");
    *ret = json_string_value(v);
    return CHY_OK;
}

enum chy_rc chy_json_opt_bool(struct chy_ctx *cx, const json_t *o, const char *name, bool *ret)
{
    const json_t *v = json_object_get(o, name);

    if (v != NULL && !json_is_null(v) && !json_is_boolean(v))
        return wrong_type(cx, name, "a boolean");
    *ret = json_is_true(v);
    return CHY_OK;
}

enum chy_rc chy_json_opt_array(struct chy_ctx *cx, const json_t *o, const char *name, json_t **ret)
{
    json_t *v = json_object_get(o, name);

    if (v != NULL && !json_is_null(v) && !json_is_array(v))
        return wrong_type(cx, name, "an array");
    *ret = json_is_array(v) ? v : NULL;
    return CHY_OK;
}

enum chy_rc chy_json_string(struct chy_ctx *cx, const json_t *o, const char *name, const char **ret)
{
    const char *s = NULL;

    if (chy_json_opt_string(cx, o, name, &s) != CHY_OK)
        return CHY_ERR;
    if (s == NULL)
        return chy_fail(cx, &CHY_P_malformed, "member \"%s\" is missing", name);
    *ret = s;
    return CHY_OK;
}

bool chy_json_lists(const json_t *list, const char *text)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        if (json_is_string(entry) && strcmp(json_string_value(entry), text) == 0)
            return true;
    }
    return false;
}

char *chy_json_text(struct chy_ctx *cx, const json_t *j, size_t *ret_n)
{
    size_t n = json_dumpb(j, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    char *text = chy_alloc(cx, n + 1);

    json_dumpb(j, text, n, JSON_COMPACT | JSON_ENCODE_ANY);
    if (ret_n != NULL)
        *ret_n = n;
    return text;
}
