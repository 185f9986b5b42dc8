/* SPDX-License-Identifier: Apache-2.0 */
/* Policy trees in a directory of their own, and the modules that they are checked with. */
#ifndef CHY_TESTS_POLICYTREE_H
#define CHY_TESTS_POLICYTREE_H

#include "core/policy/policy.h"

#define TREE_CHANCERY "version: 1\ndefault-profile: web\n"
#define TREE_ISSUER "chain: [web-1.pem, root.pem]\nmax-lifetime: 200d\n"
#define TREE_PROFILE                                                                               \
    "issuer: web-1\n"                                                                              \
    "identifiers: { alpha: { names: [\"*.a.example\"], wildcard: true } }\n"                       \
    "challenges: [chal-01]\n"                                                                      \
    "keys: [ec-p256, rsa-2048..4096]\n"                                                            \
    "lifetime: { default: 90d, max: 90d }\n"                                                       \
    "key-usage: [digitalSignature]\n"                                                              \
    "extended-key-usage: [serverAuth]\n"

struct tree {
    struct chy_ctx *cx;
    struct chy_report *report; /* of the last load */
    char dir[64];
};

/* Identifier types alpha (with a rule) and beta, challenges chal-01 (alpha) and chal-02 (beta), the shape
 * round, and files widgets/NAME.yaml. */
extern const struct chy_policy_schema tree_schema;

/* For cmocka: *state is a struct tree with an empty directory. */
int tree_setup(void **state);
int tree_teardown(void **state);

char *tree_path(struct tree *t, const char *path);
void tree_put(struct tree *t, const char *path, const char *text, size_t n);
void tree_put_text(struct tree *t, const char *path, const char *text);
/* issuers/NAME from tests/vectors/policy/pem. */
void tree_put_pem(struct tree *t, const char *name);
/* A good tree, with one file instead or besides; path may be NULL. */
void tree_put_good(struct tree *t, const char *path, const char *text);

/* Fails the test unless the tree is good. */
struct chy_policy *tree_load(struct tree *t);
/* Fails the test unless the tree is refused with each of says (NULL-terminated) in the report. */
void tree_refused(struct tree *t, const char *const *says);
/* The same, and that is the only mistake. */
void tree_refused_only(struct tree *t, const char *says);

#endif
