/* SPDX-License-Identifier: Apache-2.0 */
/* Inside core/policy: single values against a table's item. */
#ifndef CHY_POLICY_YAML_VALUE_H
#define CHY_POLICY_YAML_VALUE_H

#include "core/policy/yaml_tree.h"

/* How messages call a value: 'name', or entry N of 'name'. */
struct chy_yaml_name {
    const char *name;
    size_t entry; /* from 1; 0: the value itself */
};

char *chy_yaml_called(const struct chy_yaml_source *src, const struct chy_yaml_name *name);

/* BOOL, INT, DURATION, STRING or ENUM.  A new json_t, or NULL with the mistake reported. */
json_t *chy_yaml_scalar(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                        const struct chy_policy_item *item, const struct chy_yaml_name *name);
/* Is count within item's bounds?  False: reported. */
bool chy_yaml_count_fits(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                         const struct chy_policy_item *item, const struct chy_yaml_name *name);
/* Report a value of the wrong kind. */
void chy_yaml_wrong_kind(const struct chy_yaml_source *src, const struct chy_yaml_node *n,
                         const char *expected, const struct chy_yaml_name *name);
/* "; did you mean 'x'?", or "; known here: a, b" for few names, or "". */
const char *chy_yaml_hint(const struct chy_yaml_source *src, const char *word,
                          const char *const *names, size_t n, const char *intro);
/* The parts of "a|b|c", in the arena. */
const char *const *chy_yaml_choices(struct chy_ctx *cx, const char *choices, size_t *ret_n);

#endif
