/* SPDX-License-Identifier: Apache-2.0 */
/* From text to a bounded tree, over libfyaml's event stream: every event is judged before anything is
 * built, so an alias bomb, deep nesting or a million keys cost no more than reading them.  What YAML
 * offers beyond JSON and block style is refused: anchors, aliases, tags, merge keys, directives, more
 * documents, keys that are not text.  It does not judge what values mean. */
#include "core/policy/yaml_tree.h"

#include <stdlib.h>
#include <string.h>

#include <libfyaml.h>

#include "core/base/utf8.h"

#define VALUE_SHOWN 60 /* octets of a value that a message quotes */

struct level {
    struct chy_yaml_node *node;
    bool have_key;   /* OBJECT: the next value belongs to key */
    const char *key; /* NULL: the key was refused; its value is read and dropped */
    size_t key_at;
};

struct reader {
    const struct chy_yaml_source *src;
    struct level open[CHY_YAML_DEPTH_MAX];
    size_t depth, nodes;
    size_t last_at, last_end; /* of the last token that had a place */
    struct chy_yaml_node *root;
    bool seen_document, stopped;
};

size_t chy_yaml_place(const struct chy_yaml_node *n)
{
    if (n->key_at != CHY_YAML_NOWHERE && n->kind != CHY_YAML_SCALAR && !n->flow)
        return n->key_at;
    return n->at;
}

struct chy_yaml_node *chy_yaml_child(const struct chy_yaml_node *object, const char *key)
{
    for (struct chy_yaml_node *c = object->first; c != NULL; c = c->next)
        if (c->key != NULL && strcmp(c->key, key) == 0)
            return c;
    return NULL;
}

static bool refuse(struct reader *r, size_t at, const char *text)
{
    chy_yaml_error_at(r->src, at, "%s", text);
    r->stopped = true;
    return false;
}

/* What stands after the last token but space, commas, comments and closing
 * brackets: the place of what is not written. */
static size_t gap_at(const struct reader *r)
{
    const char *text = r->src->text;
    size_t at = r->last_end;

    while (at < r->src->n) {
        at += strspn(text + at, " \t\r\n,]}");
        if (text[at] != '#')
            break;
        at += strcspn(text + at, "\n");
    }
    return at < r->src->n ? at : r->last_at;
}

/* Octet where a token begins, the opening quote included. */
static size_t token_at(struct reader *r, struct fy_token *t)
{
    const struct fy_mark *m = t == NULL ? NULL : fy_token_start_mark(t);
    const struct fy_mark *end = t == NULL ? NULL : fy_token_end_mark(t);
    bool quoted = t != NULL && (fy_token_scalar_style(t) == FYSS_DOUBLE_QUOTED ||
                                fy_token_scalar_style(t) == FYSS_SINGLE_QUOTED);
    size_t at;

    if (m == NULL || m->input_pos > r->src->n)
        return gap_at(r);
    at = m->input_pos;
    if (end != NULL && end->input_pos <= r->src->n)
        r->last_end = end->input_pos + quoted;
    if (quoted && at > 0)
        at--;
    r->last_at = at;
    return at;
}

/* A tag or an anchor makes the value bad but leaves the rest of the document readable. */
static bool check_properties(struct reader *r, struct fy_token *anchor, struct fy_token *tag)
{
    if (anchor != NULL)
        chy_yaml_error_at(r->src, token_at(r, anchor),
                          "anchors ('&name') are not allowed in "
                          "policy; write the value where it is used");
    if (tag != NULL)
        chy_yaml_error_at(r->src, token_at(r, tag), "tags ('!name') are not allowed in policy");
    return anchor == NULL && tag == NULL;
}

/* Put a finished or opened value where it belongs. */
static void link_node(struct reader *r, struct chy_yaml_node *n)
{
    struct level *up = r->depth == 0 ? NULL : &r->open[r->depth - 1];
    struct chy_yaml_node *parent;

    if (up == NULL) {
        if (r->root == NULL)
            r->root = n;
        return;
    }
    parent = up->node;
    if (parent->kind == CHY_YAML_OBJECT) {
        up->have_key = false;
        n->key = up->key;
        n->key_at = up->key_at;
        if (n->key == NULL)
            return;
    }
    if (parent->last == NULL)
        parent->first = n;
    else
        parent->last->next = n;
    parent->last = n;
    parent->count++;
}

static bool wants_key(const struct reader *r)
{
    return r->depth > 0 && r->open[r->depth - 1].node->kind == CHY_YAML_OBJECT &&
           !r->open[r->depth - 1].have_key;
}

static void set_key(struct reader *r, const char *key, size_t at)
{
    struct level *l = &r->open[r->depth - 1];

    l->have_key = true;
    l->key = key;
    l->key_at = at;
}

static struct chy_yaml_node *new_node(struct reader *r, enum chy_yaml_kind kind, size_t at)
{
    struct chy_yaml_node *n = chy_alloc(r->src->cx, sizeof *n);

    n->kind = kind;
    n->at = at;
    n->key_at = CHY_YAML_NOWHERE;
    return n;
}

static void take_key(struct reader *r, const char *text, size_t n, bool plain, size_t at)
{
    const char *key = NULL;

    if (plain && n == 2 && memcmp(text, "<<", 2) == 0)
        chy_yaml_error_at(r->src, at,
                          "merge keys ('<<') are not allowed in policy; write the keys out");
    else if (n == 0)
        chy_yaml_error_at(r->src, at, "a key is missing before ':'");
    else if (memchr(text, '\0', n) != NULL || !chy_utf8_valid((const uint8_t *)text, n))
        chy_yaml_error_at(r->src, at, "this key is not text");
    else
        key = text;
    set_key(r, key, at);
}

/* What stands between the single quotes, on one line: '' is one quote.  Not by the library, which reads
 * '''' as three of them, or as nothing at all (0.7.12). */
static char *unquote(struct reader *r, size_t from, size_t n, size_t *ret_n)
{
    const char *raw = r->src->text + from;
    char *out = chy_alloc(r->src->cx, n + 1);
    size_t o = 0;

    for (size_t i = 0; i < n; i++) {
        out[o++] = raw[i];
        if (raw[i] == '\'')
            i++;
    }
    *ret_n = o;
    return out;
}

static size_t lines_of(const char *s, size_t n)
{
    size_t lines = 1;

    for (size_t i = 0; i < n; i++)
        lines += s[i] == '\n';
    return lines;
}

/* The scalar's text in the arena, or NULL with the reason reported.  Its length as written is bounded
 * first: for thousands of empty lines the library takes quadratic time, and stack. */
static const char *scalar_text(struct reader *r, struct fy_token *t, size_t at, size_t *ret_n)
{
    const struct fy_mark *start = fy_token_start_mark(t), *end = fy_token_end_mark(t);
    enum fy_scalar_style style;
    const char *raw, *text;
    size_t n;

    if (start == NULL || end == NULL || end->input_pos > r->src->n ||
        start->input_pos > end->input_pos) {
        *ret_n = 0;
        return "";
    }
    raw = r->src->text + start->input_pos;
    n = end->input_pos - start->input_pos;
    if (n > CHY_YAML_SCALAR_MAX || lines_of(raw, n) > CHY_YAML_LINES_MAX) {
        chy_yaml_error_at(r->src, at, "one value has more than %d octets or %d lines",
                          CHY_YAML_SCALAR_MAX, CHY_YAML_LINES_MAX);
        return NULL;
    }
    style = fy_token_scalar_style(t);
    if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) &&
        memchr(raw, '\n', n) != NULL) {
        /* The library loses the end of such text after a backslash at a line's end (0.7.12). */
        chy_yaml_error_at(r->src, at,
                          "text in quotes must end on its line; write several lines "
                          "with '|' or '>'");
        return NULL;
    }
    if (style == FYSS_SINGLE_QUOTED)
        return unquote(r, start->input_pos, n, ret_n);
    text = fy_token_get_text(t, &n);
    /* A NUL that nobody wrote: the library misjudged the length and the rest is not the file's. */
    if (text == NULL || (style != FYSS_DOUBLE_QUOTED && memchr(text, '\0', n) != NULL)) {
        chy_yaml_error_at(r->src, at, "this value cannot be read; write it in double quotes");
        return NULL;
    }
    *ret_n = n;
    return n == 0 ? "" : chy_arena_strndup(r->src->cx->arena, text, n);
}

static bool on_scalar(struct reader *r, struct fy_event *e)
{
    struct fy_token *t = e->scalar.value;
    bool sound = check_properties(r, e->scalar.anchor, e->scalar.tag);
    bool plain = t == NULL || fy_token_scalar_style(t) == FYSS_PLAIN;
    size_t at = token_at(r, t), n = 0;
    const char *text = t == NULL ? "" : scalar_text(r, t, at, &n);
    struct chy_yaml_node *node;

    if (text == NULL) {
        r->stopped = true;
        return false;
    }
    if (wants_key(r)) {
        take_key(r, text, n, plain, at);
        return true;
    }
    if (t == NULL && r->depth > 0 && r->open[r->depth - 1].have_key)
        at = r->open[r->depth - 1].key_at;
    node = new_node(r, CHY_YAML_SCALAR, at);
    node->plain = plain;
    node->bad = !sound;
    node->text = text;
    node->text_n = n;
    link_node(r, node);
    return true;
}

static bool on_alias(struct reader *r, struct fy_event *e)
{
    size_t at = token_at(r, e->alias.anchor);
    struct chy_yaml_node *node;

    if (at > 0 && r->src->text[at] != '*')
        at--;
    chy_yaml_error_at(r->src, at,
                      "aliases ('*name') are not allowed in policy; write the value "
                      "out, or quote it if the asterisk is meant");
    if (wants_key(r)) {
        set_key(r, NULL, at);
        return true;
    }
    node = new_node(r, CHY_YAML_SCALAR, at);
    node->bad = true;
    node->text = "";
    link_node(r, node);
    return true;
}

static bool on_open(struct reader *r, enum chy_yaml_kind kind, struct fy_event *e)
{
    struct fy_token *t =
        kind == CHY_YAML_OBJECT ? e->mapping_start.mapping_start : e->sequence_start.sequence_start;
    bool sound = kind == CHY_YAML_OBJECT
                     ? check_properties(r, e->mapping_start.anchor, e->mapping_start.tag)
                     : check_properties(r, e->sequence_start.anchor, e->sequence_start.tag);
    size_t at = token_at(r, t);
    struct chy_yaml_node *node;

    if (wants_key(r))
        return refuse(r, at, "a key must be plain text, not a list or an object");
    if (r->depth == CHY_YAML_DEPTH_MAX)
        return refuse(r, at, "nested more than 16 deep");
    node = new_node(r, kind, at);
    node->flow = fy_event_get_node_style(e) == FYNS_FLOW;
    node->bad = !sound;
    link_node(r, node);
    r->open[r->depth++] = (struct level){.node = node};
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    const struct chy_yaml_node *x = *(struct chy_yaml_node *const *)a;
    const struct chy_yaml_node *y = *(struct chy_yaml_node *const *)b;
    int by_key = strcmp(x->key, y->key);

    return by_key != 0 ? by_key : x->key_at < y->key_at ? -1 : x->key_at > y->key_at;
}

/* Sorted, not compared pair by pair: thousands of keys must not take seconds. */
static void refuse_duplicates(struct reader *r, struct chy_yaml_node *object)
{
    struct chy_yaml_node **sorted = chy_alloc(r->src->cx, (object->count + 1) * sizeof *sorted);
    size_t n = 0, first = 0;

    for (struct chy_yaml_node *c = object->first; c != NULL; c = c->next)
        sorted[n++] = c;
    qsort(sorted, n, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(sorted[first]->key, sorted[i]->key) != 0) {
            first = i;
            continue;
        }
        chy_yaml_error_at(r->src, sorted[i]->key_at,
                          "duplicate key '%.*s': it is already written in line %u", VALUE_SHOWN,
                          sorted[i]->key, chy_yaml_line_at(r->src, sorted[first]->key_at));
        sorted[i]->bad = true;
    }
}

static bool on_close(struct reader *r)
{
    struct chy_yaml_node *node;

    if (r->depth == 0)
        return true;
    node = r->open[--r->depth].node;
    if (node->kind == CHY_YAML_OBJECT)
        refuse_duplicates(r, node);
    return true;
}

static size_t directive_at(const struct chy_yaml_source *src)
{
    const char *second = strstr(src->text, "\n%");

    return *src->text == '%' || second == NULL ? 0 : (size_t)(second - src->text) + 1;
}

static bool on_document(struct reader *r, struct fy_event *e)
{
    struct fy_document_state *state = e->document_start.document_state;
    size_t at = token_at(r, e->document_start.document_start);

    if (fy_document_state_version_explicit(state) || fy_document_state_tags_explicit(state))
        return refuse(r, directive_at(r->src), "directives ('%') are not allowed in policy");
    if (r->seen_document)
        return refuse(r, at, "a second document begins here; a policy file holds one");
    r->seen_document = true;
    return true;
}

/* False: stop, something was reported. */
static bool on_event(struct reader *r, struct fy_event *e)
{
    switch ((int)e->type) {
    case FYET_DOCUMENT_START:
        return on_document(r, e);
    case FYET_SCALAR:
    case FYET_ALIAS:
    case FYET_MAPPING_START:
    case FYET_SEQUENCE_START:
        if (++r->nodes > CHY_YAML_NODES_MAX)
            return refuse(r, r->last_at, "more than 20000 keys and values");
        break;
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return on_close(r);
    default:
        return true;
    }
    if (e->type == FYET_SCALAR)
        return on_scalar(r, e);
    if (e->type == FYET_ALIAS)
        return on_alias(r, e);
    return on_open(r, e->type == FYET_MAPPING_START ? CHY_YAML_OBJECT : CHY_YAML_LIST, e);
}

/* ---- libfyaml ---- */

/* Errors are collected; whatever else the library wants to say is dropped, never printed. */
static void drop_output(struct fy_diag *diag, void *user, const char *text, size_t n)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)n;
}

static size_t offset_of(const struct chy_yaml_source *src, int line, int column)
{
    size_t at = 0;
    uint32_t rune;

    for (int i = 1; i < line && at < src->n; at++)
        i += src->text[at] == '\n';
    for (int i = 1; i < column && at < src->n && src->text[at] != '\n'; i++) {
        size_t len = chy_utf8_next((const uint8_t *)src->text + at, src->n - at, &rune);

        at += len > 0 ? len : 1;
    }
    return at;
}

/* The library's own words for a syntax error, first letter lowered as ours are. */
static void report_syntax(struct reader *r, struct fy_diag *diag)
{
    void *iterator = NULL;
    struct fy_diag_error *e = fy_diag_errors_iterate(diag, &iterator);
    const struct chy_yaml_node *open = r->depth == 0 ? NULL : r->open[r->depth - 1].node;
    const char *hint = "";
    char *text;

    if (e == NULL || e->msg == NULL) {
        chy_yaml_error_at(r->src, r->last_at, "not YAML from here on");
        return;
    }
    text = chy_fmt(r->src->cx, "%.*s", 200, e->msg);
    if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z')
        text[0] = (char)(text[0] - 'A' + 'a');
    while (*text != '\0' && strchr(".\n ", text[strlen(text) - 1]) != NULL)
        text[strlen(text) - 1] = '\0';
    if (open != NULL && open->flow)
        hint =
            chy_fmt(r->src->cx, " ('%c' of line %u is still open)",
                    open->kind == CHY_YAML_OBJECT ? '{' : '[', chy_yaml_line_at(r->src, open->at));
    chy_yaml_error_at(r->src, offset_of(r->src, e->line, e->column), "%s%s", text, hint);
}

/* The parser and its diagnostics, freed whatever happens. */
struct library {
    struct fy_parser *parser;
    struct fy_diag *diag;
};

static void close_library(struct library *l)
{
    if (l->parser != NULL)
        fy_parser_destroy(l->parser);
    if (l->diag != NULL)
        fy_diag_destroy(l->diag);
}

static bool open_library(struct library *l, const struct chy_yaml_source *src)
{
    struct fy_diag_cfg diag_cfg;
    struct fy_parse_cfg cfg = {
        .flags = FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE | FYPCF_DISABLE_RECYCLING,
    };

    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = drop_output;
    diag_cfg.level = FYET_ERROR;
    diag_cfg.colorize = false;
    l->diag = fy_diag_create(&diag_cfg);
    if (l->diag == NULL)
        return false;
    fy_diag_set_collect_errors(l->diag, true);
    cfg.diag = l->diag;
    l->parser = fy_parser_create(&cfg);
    return l->parser != NULL && fy_parser_set_string(l->parser, src->text, src->n) == 0;
}

static bool read_events(struct reader *r)
{
    __attribute__((cleanup(close_library))) struct library l = {0};
    struct fy_event *e;

    if (!open_library(&l, r->src)) {
        chy_yaml_error_at(r->src, 0, "the YAML library could not be started");
        return false;
    }
    while (!r->stopped && (e = fy_parser_parse(l.parser)) != NULL) {
        (void)on_event(r, e);
        fy_parser_event_free(l.parser, e);
    }
    if (!r->stopped && fy_parser_get_stream_error(l.parser)) {
        report_syntax(r, l.diag);
        return false;
    }
    return !r->stopped;
}

struct chy_yaml_node *chy_yaml_parse(const struct chy_yaml_source *src)
{
    struct reader r = {.src = src};

    if (src->n > CHY_YAML_SIZE_MAX) {
        chy_report_error(src->report, src->file, 0, 0, NULL,
                         "%zu octets are too many; the most is 1048576", src->n);
        return NULL;
    }
    if (!chy_yaml_text_valid(src) || !read_events(&r))
        return NULL;
    if (r.root == NULL || (r.root->kind == CHY_YAML_SCALAR && r.root->plain && r.root->text_n == 0))
        r.root = new_node(&r, CHY_YAML_OBJECT, 0);
    return r.root;
}
