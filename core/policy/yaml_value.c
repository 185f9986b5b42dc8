/* SPDX-License-Identifier: Apache-2.0 */
/* Single values: what may be written for each type of the YAML 1.2 core schema that policy knows, and
 * the sentences that say what is wrong.  Narrower than YAML on purpose: yes/no, octal, exponents and
 * empty values are where people and parsers disagree. */
#include "core/policy/yaml_value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"
#include "core/base/utf8.h"
#include "core/policy/yaml.h"

#define VALUE_SHOWN 60  /* octets of a value that a message quotes */
#define NAMES_LISTED 12 /* more known names than that are not listed */
#define DIGITS_MAX 12   /* of a duration: no overflow in weeks */
#define INT_DIGITS_MAX 18

static const struct {
    char letter;
    int64_t seconds;
} units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

static size_t digits_of(const char *s)
{
    return strspn(s, "0123456789");
}

bool chy_duration_read(const char *text, int64_t *ret_seconds)
{
    size_t digits = digits_of(text);

    if (digits == 0 || digits > DIGITS_MAX || text[digits] == '\0' || text[digits + 1] != '\0')
        return false;
    if (text[0] == '0' && digits > 1)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (units[i].letter != text[digits])
            continue;
        *ret_seconds = strtoll(text, NULL, 10) * units[i].seconds;
        return true;
    }
    return false;
}

char *chy_duration_text(struct chy_ctx *cx, int64_t seconds)
{
    /* From days down: "90d" is how lifetimes are spoken of, not "12w" for 84 of them. */
    for (size_t i = 1; i < sizeof units / sizeof *units; i++)
        if (seconds != 0 && seconds % units[i].seconds == 0)
            return chy_fmt(cx, "%" PRId64 "%c", seconds / units[i].seconds, units[i].letter);
    return chy_fmt(cx, "%" PRId64 "s", seconds);
}

char *chy_yaml_called(const struct chy_yaml_source *src, const struct chy_yaml_name *name)
{
    if (name->entry > 0)
        return chy_fmt(src->cx, "entry %zu of '%.*s'", name->entry, VALUE_SHOWN, name->name);
    return chy_fmt(src->cx, "'%.*s'", VALUE_SHOWN, name->name);
}

/* What is written there, short enough for a message. */
static const char *shown(const struct chy_yaml_source *src, const struct chy_yaml_node *n)
{
    switch (n->kind) {
    case CHY_YAML_LIST:
        return "a list";
    case CHY_YAML_OBJECT:
        return "an object";
    case CHY_YAML_SCALAR:
        break;
    }
    if (n->text_n == 0)
        return n->plain ? "empty" : "empty text";
    return chy_fmt(src->cx, "'%s%s'", chy_printable(src->cx, n->text, n->text_n, VALUE_SHOWN),
                   n->text_n > VALUE_SHOWN ? "..." : "");
}

void chy_yaml_wrong_kind(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                         const char *expected, const struct chy_yaml_name *name)
{
    chy_yaml_error_at(src, n->at, "%s must be %s, not %s", chy_yaml_called(src, name), expected,
                      shown(src, n));
}

const char *chy_yaml_hint(const struct chy_yaml_source *src, const char *word,
                          const char *const *names, size_t n, const char *intro)
{
    const char *near = chy_did_you_mean(word, names, n);
    const char *list = "";

    if (near != NULL)
        return chy_fmt(src->cx, "; did you mean '%s'?", near);
    if (n == 0 || n > NAMES_LISTED)
        return "";
    for (size_t i = 0; i < n; i++)
        list = chy_fmt(src->cx, "%s%s%s", list, i == 0 ? "" : ", ", names[i]);
    return chy_fmt(src->cx, "; %s: %s", intro, list);
}

const char *const *chy_yaml_choices(struct chy_ctx *cx, const char *choices, size_t *ret_n)
{
    size_t n = 1;
    const char **names;

    for (const char *p = choices; *p != '\0'; p++)
        n += *p == '|';
    names = chy_alloc(cx, n * sizeof *names);
    for (size_t i = 0; i < n; i++) {
        size_t len = strcspn(choices, "|");

        names[i] = chy_arena_strndup(cx->arena, choices, len);
        choices += len + (choices[len] == '|');
    }
    *ret_n = n;
    return names;
}

static json_t *read_bool(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                         const struct chy_yaml_name *name)
{
    if (n->plain && strcmp(n->text, "true") == 0)
        return json_true();
    if (n->plain && strcmp(n->text, "false") == 0)
        return json_false();
    chy_yaml_wrong_kind(src, n, n->plain ? "true or false" : "true or false without quotes", name);
    return NULL;
}

/* Is v within item's bounds?  False: reported, with the bound as the file would say it. */
static bool fits(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                 const struct chy_policy_item *item, const struct chy_yaml_name *name, int64_t v)
{
    bool low = v < item->min, high = item->max != 0 && v > item->max;
    int64_t bound = low ? item->min : item->max;
    const char *limit;

    if (!low && !high)
        return true;
    limit = item->type == CHY_T_DURATION ? chy_duration_text(src->cx, bound)
                                         : chy_fmt(src->cx, "%" PRId64, bound);
    chy_yaml_error_at(src, n->at, "%s is %s; the %s is %s", chy_yaml_called(src, name), n->text,
                      low ? "least" : "most", limit);
    return false;
}

static json_t *read_int(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                        const struct chy_policy_item *item, const struct chy_yaml_name *name)
{
    const char *text = n->text + (n->text[0] == '-');
    size_t digits = digits_of(text);

    if (!n->plain || digits == 0 || text[digits] != '\0') {
        chy_yaml_wrong_kind(src, n, n->plain ? "a whole number" : "a whole number without quotes",
                            name);
        return NULL;
    }
    if ((text[0] == '0' && digits > 1) || digits > INT_DIGITS_MAX) {
        chy_yaml_wrong_kind(src, n,
                            digits > INT_DIGITS_MAX ? "a number of at most 18 digits"
                                                    : "a number without leading zeros",
                            name);
        return NULL;
    }
    if (!fits(src, n, item, name, strtoll(n->text, NULL, 10)))
        return NULL;
    return json_integer(strtoll(n->text, NULL, 10));
}

static json_t *read_duration(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                             const struct chy_policy_item *item, const struct chy_yaml_name *name)
{
    int64_t seconds;

    if (strlen(n->text) != n->text_n || !chy_duration_read(n->text, &seconds)) {
        chy_yaml_wrong_kind(src, n, "a duration like 90d, 36h, 30m or 10s", name);
        return NULL;
    }
    return fits(src, n, item, name, seconds) ? json_integer(seconds) : NULL;
}

/* Words that YAML reads as something else than text: whoever means the text quotes it. */
static bool other_type(const char *s)
{
    static const char *const words[] = {"null", "Null", "NULL", "~", "true", "false"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(s, words[i]) == 0)
            return true;
    return false;
}

static json_t *read_string(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                           const struct chy_policy_item *item, const struct chy_yaml_name *name)
{
    bool low = (int64_t)n->text_n < item->min;
    bool high = item->max != 0 && (int64_t)n->text_n > item->max;

    if (n->plain && (n->text_n == 0 || other_type(n->text))) {
        chy_yaml_wrong_kind(src, n, n->text_n == 0 ? "text" : "text (in quotes if this is meant)",
                            name);
        return NULL;
    }
    if (memchr(n->text, '\0', n->text_n) != NULL ||
        !chy_utf8_valid((const uint8_t *)n->text, n->text_n)) {
        chy_yaml_error_at(src, n->at, "%s holds a NUL or is not UTF-8", chy_yaml_called(src, name));
        return NULL;
    }
    if (low || high) {
        chy_yaml_error_at(src, n->at, "%s has %zu octets; the %s is %" PRId64,
                          chy_yaml_called(src, name), n->text_n, low ? "least" : "most",
                          low ? item->min : item->max);
        return NULL;
    }
    return json_stringn(n->text, n->text_n);
}

static json_t *read_enum(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                         const struct chy_policy_item *item, const struct chy_yaml_name *name)
{
    size_t n_names;
    const char *const *names = chy_yaml_choices(src->cx, item->choices, &n_names);

    for (size_t i = 0; i < n_names; i++)
        if (strcmp(names[i], n->text) == 0 && strlen(n->text) == n->text_n)
            return json_string(names[i]);
    chy_yaml_error_at(src, n->at, "%s cannot be %s%s", chy_yaml_called(src, name), shown(src, n),
                      chy_yaml_hint(src, n->text, names, n_names, "it is one of"));
    return NULL;
}

json_t *chy_yaml_scalar(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                        const struct chy_policy_item *item, const struct chy_yaml_name *name)
{
    if (n->kind != CHY_YAML_SCALAR) {
        chy_yaml_wrong_kind(src, n,
                            item->type == CHY_T_BOOL       ? "true or false"
                            : item->type == CHY_T_INT      ? "a whole number"
                            : item->type == CHY_T_DURATION ? "a duration like 90d, 36h, 30m or 10s"
                                                           : "text",
                            name);
        return NULL;
    }
    if (item->type == CHY_T_BOOL)
        return read_bool(src, n, name);
    if (item->type == CHY_T_INT)
        return read_int(src, n, item, name);
    if (item->type == CHY_T_DURATION)
        return read_duration(src, n, item, name);
    if (item->type == CHY_T_ENUM)
        return read_enum(src, n, item, name);
    return read_string(src, n, item, name);
}

bool chy_yaml_count_fits(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                         const struct chy_policy_item *item, const struct chy_yaml_name *name)
{
    bool low = (int64_t)n->count < item->min;
    bool high = item->max != 0 && (int64_t)n->count > item->max;

    if (!low && !high)
        return true;
    chy_yaml_error_at(src, chy_yaml_place(n), "%s has %zu entr%s; the %s is %" PRId64,
                      chy_yaml_called(src, name), n->count, n->count == 1 ? "y" : "ies",
                      low ? "least" : "most", low ? item->min : item->max);
    return false;
}
