/* SPDX-License-Identifier: Apache-2.0 */
/* Inside core/policy: the tree of one YAML document before it is checked against a table. */
#ifndef CHY_POLICY_YAML_TREE_H
#define CHY_POLICY_YAML_TREE_H

#include "core/policy/diagnostics.h"

#define CHY_YAML_SIZE_MAX (1024 * 1024) /* octets of a document            */
#define CHY_YAML_NODES_MAX 20000        /* keys and values together        */
#define CHY_YAML_SCALAR_MAX 16384       /* octets of one value as written  */
#define CHY_YAML_LINES_MAX 256          /* and lines */
#define CHY_YAML_DEPTH_MAX 16           /* objects and lists in each other */

#define CHY_YAML_NOWHERE SIZE_MAX

/* One document's text, for messages that show its lines. */
struct chy_yaml_source {
    struct chy_ctx *cx;
    struct chy_report *report;
    const char *file; /* as messages name it; NULL: a default in C, places mean nothing */
    const char *text; /* NUL after it */
    size_t n;
};

enum chy_yaml_kind { CHY_YAML_SCALAR, CHY_YAML_LIST, CHY_YAML_OBJECT };

struct chy_yaml_node {
    enum chy_yaml_kind kind;
    bool plain;        /* SCALAR without quotes                                    */
    bool flow;         /* LIST, OBJECT written [..] or {..}                        */
    bool bad;          /* already reported: not in the checked JSON                */
    size_t at;         /* octet of the text where the value begins                 */
    size_t key_at;     /* where its key begins, or CHY_YAML_NOWHERE                */
    const char *key;   /* member of an OBJECT; holds no NUL                        */
    const char *meant; /* an unknown key: which known one is near                  */
    const char *text;
    size_t text_n;
    struct chy_yaml_node *first, *last, *next;
    size_t count; /* children */
};

/* Parse src->text.  NULL, with at least one mistake reported, if there is no tree to go on with;
 * mistakes that leave a tree (duplicate keys, tags) are reported too.  An empty document is an empty
 * object.  Arena. */
struct chy_yaml_node *chy_yaml_parse(const struct chy_yaml_source *src);

/* Where to point for a whole value: an object or list that stands below its key is best named by
 * the key. */
size_t chy_yaml_place(const struct chy_yaml_node *n);
struct chy_yaml_node *chy_yaml_child(const struct chy_yaml_node *object, const char *key);

/* UTF-8 without anything that shows differently from what it is (RFC 3629; "trojan source"), and with
 * line feeds as the only line ends, so that lines are counted as editors count them.  False: reported. */
bool chy_yaml_text_valid(const struct chy_yaml_source *src);
unsigned chy_yaml_line_at(const struct chy_yaml_source *src, size_t at);
void chy_yaml_error_at(const struct chy_yaml_source *src, size_t at, const char *f, ...)
    __attribute__((format(printf, 3, 4)));
void chy_yaml_verror_at(const struct chy_yaml_source *src, size_t at, const char *f, va_list ap)
    __attribute__((format(printf, 3, 0)));

#endif
