/* SPDX-License-Identifier: Apache-2.0 */
/* Inside core/policy: the files of one policy tree while it is being checked. */
#ifndef CHY_POLICY_SET_H
#define CHY_POLICY_SET_H

#include "core/policy/policy.h"
#include "core/policy/yaml.h"

#define CHY_POLICY_FILES_MAX 10000
#define CHY_POLICY_OCTETS_MAX (64u * 1024 * 1024) /* of all files together */

#define CHY_KIND_ISSUER "issuers"
#define CHY_KIND_PROFILE "profiles"

struct chy_policy_file {
    const char *path; /* "profiles/web.yaml", relative to the tree */
    const char *kind; /* "profiles"; "" for chancery.yaml          */
    const char *name; /* "web"; of a PEM file its whole name       */
    bool pem;
    const char *text;
    size_t n;
    struct chy_yaml_doc *doc; /* NULL: a PEM file, or it could not be parsed */
};

struct chy_policy_set {
    struct chy_ctx *cx;
    struct chy_report *report;
    const struct chy_policy_schema *schema;
    struct chy_policy_file *files; /* in order of path */
    size_t n, room;
    size_t octets;
};

/* Read every file below dir into the set; what does not belong there is reported.  False: the
 * directory itself cannot be read. */
bool chy_policy_scan(struct chy_policy_set *set, const char *dir);
/* NULL: there is no such file.  Its doc may still be NULL. */
struct chy_policy_file *chy_policy_find(const struct chy_policy_set *set, const char *path);
/* Names of one kind's files, as a list for suggestions. */
const char *const *chy_policy_names(const struct chy_policy_set *set, const char *kind, bool pem,
                                    size_t *ret_n);
/* "; did you mean 'x'?", "; there are: a, b", or "". */
const char *chy_policy_hint(struct chy_ctx *cx, const char *word, const char *const *names,
                            size_t n);

/* What a module's check functions report through: their pointers are relative to one place of a
 * document, "" for all of it. */
struct chy_policy_bridge {
    struct chy_policy_report base; /* first: what the module is given */
    struct chy_policy_set *set;
    const struct chy_yaml_doc *doc;
    const char *place;
};
struct chy_policy_bridge chy_policy_bridge(struct chy_policy_set *set,
                                           const struct chy_yaml_doc *doc, const char *place);

/* What tables cannot say: references between files, limits between values. */
void chy_policy_cross(struct chy_policy_set *set);
/* The certificates of an issuer: that each is one and certified by the next; into its "chain-pem". */
void chy_policy_chain(struct chy_policy_set *set, struct chy_policy_file *issuer);

#endif
