/* SPDX-License-Identifier: Apache-2.0 */
/* A document's tree against its table: every mistake in one pass, defaults filled in, the result as
 * JSON that modules read without further checks.  Does not parse (yaml_parse.c) and does not judge
 * single values (yaml_value.c). */
#include "core/policy/yaml.h"

#include <stdlib.h>
#include <string.h>

#include "core/policy/yaml_value.h"

#define KEYS_MAX 64 /* of one object's table */

struct chy_yaml_doc {
    struct chy_yaml_source src;
    struct chy_yaml_node *root;
    json_t *json;
    bool clean;
};

static json_t *check_value(const struct chy_yaml_source *src, struct chy_yaml_node *n,
                           const struct chy_policy_item *item, const struct chy_yaml_name *name,
                           unsigned depth);
static json_t *default_of(const struct chy_yaml_source *src, const struct chy_policy_item *item,
                          unsigned depth);

static const struct chy_policy_item no_items[] = {{NULL}};

static const struct chy_policy_item *find_item(const struct chy_policy_item *items, const char *key)
{
    for (; items->name != NULL; items++)
        if (strcmp(items->name, key) == 0)
            return items;
    return NULL;
}

/* ---- defaults ---- */

/* A scalar that needs no parser to be read: most defaults. */
static bool is_simple(const char *s)
{
    size_t n = strlen(s);

    return n > 0 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == n;
}

static json_t *default_of(const struct chy_yaml_source *src, const struct chy_policy_item *item,
                          unsigned depth)
{
    struct chy_yaml_source in = {src->cx, src->report, NULL, item->dflt, 0};
    struct chy_yaml_node simple = {
        .kind = CHY_YAML_SCALAR, .plain = true, .key_at = CHY_YAML_NOWHERE, .text = item->dflt};
    struct chy_yaml_name name = {item->name, 0};
    struct chy_yaml_node *n = &simple;

    if (item->dflt == NULL || depth > CHY_YAML_DEPTH_MAX)
        return NULL;
    in.n = strlen(item->dflt);
    simple.text_n = in.n;
    if (!is_simple(item->dflt))
        n = chy_yaml_parse(&in);
    return n == NULL ? NULL : check_value(&in, n, item, &name, depth);
}

/* An object that is not written, from its children's defaults; NULL if there is nothing to say or
 * something would have to be written. */
static json_t *absent_object(const struct chy_yaml_source *src, const struct chy_policy_item *item,
                             unsigned depth)
{
    json_t *o = json_object();

    for (const struct chy_policy_item *i = item->items; i != NULL && i->name != NULL; i++) {
        json_t *v = NULL;

        if (i->required || depth >= CHY_YAML_DEPTH_MAX) {
            json_decref(o);
            return NULL;
        }
        v = i->dflt != NULL           ? default_of(src, i, depth + 1)
            : i->type == CHY_T_OBJECT ? absent_object(src, i, depth + 1)
                                      : NULL;
        if (v != NULL)
            json_object_set_new(o, i->name, v);
    }
    if (json_object_size(o) > 0)
        return o;
    json_decref(o);
    return NULL;
}

/* ---- objects, lists, maps ---- */

static void unknown_key(const struct chy_yaml_source *src, struct chy_yaml_node *n,
                        const struct chy_policy_item *items, const char *where)
{
    const char *names[KEYS_MAX];
    size_t count = 0;

    for (; items->name != NULL && count < KEYS_MAX; items++)
        names[count++] = items->name;
    n->meant = chy_did_you_mean(n->key, names, count);
    chy_yaml_error_at(src, n->key_at, "unknown key '%.60s' in %.60s%s", n->key, where,
                      chy_yaml_hint(src, n->key, names, count, "known here"));
}

/* Children without an item are reported and marked. */
static void refuse_unknown(const struct chy_yaml_source *src, struct chy_yaml_node *object,
                           const struct chy_policy_item *items, const char *where)
{
    for (struct chy_yaml_node *c = object->first; c != NULL; c = c->next) {
        if (c->bad || find_item(items, c->key) != NULL)
            continue;
        unknown_key(src, c, items, where);
        c->bad = true;
    }
}

/* A misspelt key is one mistake, not two. */
static bool is_misspelt(const struct chy_yaml_node *object, const char *key)
{
    for (const struct chy_yaml_node *c = object->first; c != NULL; c = c->next)
        if (c->meant != NULL && strcmp(c->meant, key) == 0)
            return true;
    return false;
}

static void missing_key(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                        const char *key, const char *where)
{
    if (!is_misspelt(n, key))
        chy_yaml_error_at(src, chy_yaml_place(n), "required key '%s' is missing in %.60s", key,
                          where);
}

static json_t *check_object(const struct chy_yaml_source *src, struct chy_yaml_node *n,
                            const struct chy_policy_item *items, const char *where, unsigned depth)
{
    json_t *o = json_object();

    refuse_unknown(src, n, items, where);
    for (const struct chy_policy_item *i = items; i->name != NULL; i++) {
        struct chy_yaml_node *c = chy_yaml_child(n, i->name);
        struct chy_yaml_name name = {i->name, 0};
        json_t *v = NULL;

        if (c != NULL)
            v = check_value(src, c, i, &name, depth + 1);
        else if (i->required)
            missing_key(src, n, i->name, where);
        else
            v = i->dflt != NULL           ? default_of(src, i, depth + 1)
                : i->type == CHY_T_OBJECT ? absent_object(src, i, depth + 1)
                                          : NULL;
        if (v != NULL)
            json_object_set_new(o, i->name, v);
    }
    return o;
}

static json_t *check_list(const struct chy_yaml_source *src, struct chy_yaml_node *n,
                          const struct chy_policy_item *item, const struct chy_yaml_name *name,
                          unsigned depth)
{
    json_t *list = json_array();
    struct chy_yaml_name entry = {name->name, 0};

    (void)chy_yaml_count_fits(src, n, item, name);
    for (struct chy_yaml_node *c = n->first; c != NULL; c = c->next) {
        json_t *v;

        entry.entry++;
        v = check_value(src, c, item->element, &entry, depth + 1);
        if (v != NULL)
            json_array_append_new(list, v);
    }
    return list;
}

static json_t *check_map(const struct chy_yaml_source *src, struct chy_yaml_node *n,
                         const struct chy_policy_item *item, const struct chy_yaml_name *name,
                         unsigned depth)
{
    json_t *o = json_object();

    (void)chy_yaml_count_fits(src, n, item, name);
    if (item->items != NULL)
        refuse_unknown(src, n, item->items, name->name);
    for (struct chy_yaml_node *c = n->first; c != NULL; c = c->next) {
        struct chy_yaml_name member = {c->key, 0};
        json_t *v;

        if (c->bad)
            continue;
        v = check_value(src, c,
                        item->items != NULL ? find_item(item->items, c->key) : item->element,
                        &member, depth + 1);
        if (v != NULL)
            json_object_set_new(o, c->key, v);
    }
    return o;
}

/* A new value, or NULL where a mistake was reported and nothing of it can be used. */
static json_t *check_right_kind(const struct chy_yaml_source *src, struct chy_yaml_node *n,
                                const struct chy_policy_item *item,
                                const struct chy_yaml_name *name, unsigned depth)
{
    switch (item->type) {
    case CHY_T_BOOL:
    case CHY_T_INT:
    case CHY_T_DURATION:
    case CHY_T_STRING:
    case CHY_T_ENUM:
        return chy_yaml_scalar(src, n, item, name);
    case CHY_T_OBJECT:
    case CHY_T_MAP:
        if (n->kind != CHY_YAML_OBJECT) {
            chy_yaml_wrong_kind(src, n, "an object ({ key: value })", name);
            return NULL;
        }
        if (item->type == CHY_T_MAP)
            return check_map(src, n, item, name, depth);
        return check_object(src, n, item->items != NULL ? item->items : no_items,
                            name->entry == 0 ? name->name : chy_yaml_called(src, name), depth);
    case CHY_T_LIST:
        break;
    }
    if (n->kind == CHY_YAML_LIST)
        return check_list(src, n, item, name, depth);
    chy_yaml_wrong_kind(src, n, "a list ([a, b])", name);
    return NULL;
}

static json_t *check_value(const struct chy_yaml_source *src, struct chy_yaml_node *n,
                           const struct chy_policy_item *item, const struct chy_yaml_name *name,
                           unsigned depth)
{
    json_t *v;

    if (n->bad)
        return NULL;
    v = check_right_kind(src, n, item, name, depth);
    n->bad = v == NULL;
    return v;
}

/* ---- the document ---- */

struct chy_yaml_doc *chy_yaml_check(struct chy_ctx *cx, struct chy_report *report, const char *file,
                                    const char *what, const char *text, size_t n,
                                    const struct chy_policy_item *items)
{
    struct chy_yaml_doc *d = chy_alloc(cx, sizeof *d);
    size_t before = chy_report_count(report);
    bool marked = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0; /* a byte order mark */
    size_t skip = marked ? 3 : 0;

    /* Copied: messages need a NUL after the text, and point into it later. */
    d->src = (struct chy_yaml_source){cx, report, file, NULL, n - skip};
    d->src.text = n > CHY_YAML_SIZE_MAX ? "" : chy_arena_strndup(cx->arena, text + skip, n - skip);
    d->root = chy_yaml_parse(&d->src);
    if (d->root == NULL)
        return NULL;
    if (d->root->kind != CHY_YAML_OBJECT) {
        chy_yaml_error_at(&d->src, d->root->at, "%s must be keys and values (key: value), not %s",
                          what, d->root->kind == CHY_YAML_LIST ? "a list" : "text");
        return NULL;
    }
    d->json = chy_keep_json(cx, check_object(&d->src, d->root, items, what, 0));
    d->clean = chy_report_count(report) == before;
    return d;
}

json_t *chy_yaml_json(const struct chy_yaml_doc *d)
{
    return d->json;
}

bool chy_yaml_clean(const struct chy_yaml_doc *d)
{
    return d->clean;
}

/* The next token of a JSON pointer (RFC 6901), unescaped; NULL at its end or if it is malformed. */
static char *next_token(struct chy_ctx *cx, const char **pointer)
{
    const char *p = *pointer;
    char *token, *out;

    if (*p != '/')
        return NULL;
    token = out = chy_alloc(cx, strlen(p) + 1);
    for (p++; *p != '\0' && *p != '/'; p++) {
        if (*p == '~' && (p[1] == '0' || p[1] == '1'))
            *out++ = *++p == '0' ? '~' : '/';
        else
            *out++ = *p;
    }
    *pointer = p;
    return token;
}

/* Entries of the JSON: those that were found bad are not among them. */
static struct chy_yaml_node *entry_of(const struct chy_yaml_node *list, const char *index)
{
    char *end;
    unsigned long i = strtoul(index, &end, 10);

    if (*end != '\0' || *index < '0' || *index > '9')
        return NULL;
    for (struct chy_yaml_node *c = list->first; c != NULL; c = c->next)
        if (!c->bad && i-- == 0)
            return c;
    return NULL;
}

static size_t place_of(const struct chy_yaml_doc *d, const char *pointer)
{
    const struct chy_yaml_node *n = d->root;
    const char *token;

    while ((token = next_token(d->src.cx, &pointer)) != NULL) {
        const struct chy_yaml_node *c = n->kind == CHY_YAML_OBJECT ? chy_yaml_child(n, token)
                                        : n->kind == CHY_YAML_LIST ? entry_of(n, token)
                                                                   : NULL;

        if (c == NULL)
            break;
        n = c;
    }
    return chy_yaml_place(n);
}

unsigned chy_yaml_line(const struct chy_yaml_doc *d, const char *pointer)
{
    return chy_yaml_line_at(&d->src, place_of(d, pointer));
}

void chy_yaml_verror(struct chy_report *report, const struct chy_yaml_doc *d, const char *pointer,
                     const char *f, va_list ap)
{
    struct chy_yaml_source src = d->src;

    src.report = report;
    chy_yaml_verror_at(&src, place_of(d, pointer), f, ap);
}

void chy_yaml_error(struct chy_report *report, const struct chy_yaml_doc *d, const char *pointer,
                    const char *f, ...)
{
    va_list ap;

    va_start(ap, f);
    chy_yaml_verror(report, d, pointer, f, ap);
    va_end(ap);
}
