/* SPDX-License-Identifier: Apache-2.0 */
/* One YAML document, checked against a table into a normalised JSON tree. */
#ifndef CHY_POLICY_YAML_H
#define CHY_POLICY_YAML_H

#include "core/policy/diagnostics.h"

/* A checked document and where each of its values stands in the file. */
struct chy_yaml_doc;

/* Parse text (YAML 1.2 core schema; anchors, aliases, tags and several documents are refused; size
 * and nesting bounded; duplicate keys refused) and check it against items: unknown keys, wrong types,
 * bounds, missing keys.  Mistakes go to report under the name file.  Durations become integer
 * seconds, defaults are filled in, absent optional keys without default stay absent.  what names the
 * document in messages ("profile").  NULL if it could not be parsed at all; a document with mistakes
 * is still returned, as far as it is right, so that cross-checks can go on.  Arena. */
struct chy_yaml_doc *chy_yaml_check(struct chy_ctx *cx, struct chy_report *report, const char *file,
                                    const char *what, const char *text, size_t n,
                                    const struct chy_policy_item *items);
/* A table may hold one thing that modules' tables do not: a CHY_T_MAP with items instead of element is a
 * map whose keys are chosen from items, each value checked by its item; unlike in a CHY_T_OBJECT, keys
 * that are not written stay absent (a profile's identifiers: nothing is permitted by default). */

/* Borrowed. */
json_t *chy_yaml_json(const struct chy_yaml_doc *d);
/* One more mistake at a JSON pointer of the document ("/identifiers/dns"): nearest written parent if
 * the place itself is a default. */
void chy_yaml_error(struct chy_report *report, const struct chy_yaml_doc *d, const char *pointer,
                    const char *f, ...) __attribute__((format(printf, 4, 5)));
void chy_yaml_verror(struct chy_report *report, const struct chy_yaml_doc *d, const char *pointer,
                     const char *f, va_list ap) __attribute__((format(printf, 4, 0)));
/* The line that chy_yaml_error() would name. */
unsigned chy_yaml_line(const struct chy_yaml_doc *d, const char *pointer);
/* Has the document no mistake of its own? */
bool chy_yaml_clean(const struct chy_yaml_doc *d);
/* "1d12h" is not allowed, "36h" is: digits and one of s, m, h, d, w.  False if not that. */
bool chy_duration_read(const char *text, int64_t *ret_seconds);
/* 7776000 as "90d", in the arena: the largest unit that says it exactly. */
char *chy_duration_text(struct chy_ctx *cx, int64_t seconds);

#endif
