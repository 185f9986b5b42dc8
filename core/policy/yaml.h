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
/* Borrowed. */
json_t *chy_yaml_json(const struct chy_yaml_doc *d);
/* One more mistake at a JSON pointer of the document ("/identifiers/dns"): nearest written parent if
 * the place itself is a default. */
void chy_yaml_error(struct chy_report *report, const struct chy_yaml_doc *d, const char *pointer,
                    const char *f, ...) __attribute__((format(printf, 4, 5)));
/* "1d12h" is not allowed, "36h" is: digits and one of s, m, h, d, w.  False if not that. */
bool chy_duration_read(const char *text, int64_t *ret_seconds);

#endif
