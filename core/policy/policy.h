/* SPDX-License-Identifier: Apache-2.0 */
/* Policy: a directory of YAML files, checked whole against C tables into an immutable snapshot. */
#ifndef CHY_POLICY_POLICY_H
#define CHY_POLICY_POLICY_H

#include "core/base/cx.h"
#include "core/policy/diagnostics.h"

struct chy_policy;

/* What modules bring: kinds of files, and the rule of each identifier type inside a profile. */
struct chy_policy_schema {
    const struct chy_policy_kind *const *kinds; /* modules' kinds, NULL-terminated   */
    struct chy_policy_rule {
        const char *ident_type;
        const struct chy_policy_item *items; /* NULL: the type takes no rule         */
        /* Checks the values of one, normalised; pointers are relative to it.  May be NULL. */
        void (*check)(const struct chy_policy_report *r, const json_t *rule);
    } const *rules;
    size_t n_rules;
    const char *const *challenges; /* every challenge type loaded, NULL-terminated   */
    const char *const *shapes;     /* every chy_profile loaded, NULL-terminated      */
    /* The challenge types themselves, NULL-terminated: with them, a profile's challenges must apply
     * to one of its identifiers.  NULL: only their names are known. */
    const struct chy_challenge_type *const *challenge_types;
};

/* Read and check the whole directory:
 *     chancery.yaml issuers/NAME.yaml profiles/NAME.yaml and modules' kinds.
 * Certificates (.pem) stand beside the issuers.  Dotfiles and README.md are not looked at; anything
 * else is a mistake.  An issuer's document gets the texts of its certificates as "chain-pem".  All
 * mistakes of all files are added to report at once.  CHY_OK gives a snapshot with one reference;
 * CHY_ERR means report holds at least one error.  revision: what names this state ("dir" revisions
 * are the SHA-256 over all names and contents, in hex). */
enum chy_rc CHY_CHECK chy_policy_load(struct chy_ctx *cx, const char *dir,
                                      const struct chy_policy_schema *schema,
                                      struct chy_report *report, struct chy_policy **ret);

/* Counted references; safe between threads.  The document trees are never changed. */
struct chy_policy *chy_policy_hold(struct chy_policy *p);
void chy_policy_drop(struct chy_policy *p);

const char *chy_policy_revision(const struct chy_policy *p);
/* The normalised document dir/name.yaml ("profiles", "web"), or NULL.  ("", "chancery") is
 * chancery.yaml. */
const json_t *chy_policy_get(const struct chy_policy *p, const char *kind, const char *name);
void chy_policy_each(const struct chy_policy *p, const char *kind,
                     void (*visit)(void *arg, const char *name, const json_t *doc), void *arg);

/* The tables as JSON Schema for editors: "$defs" holds one definition a kind of file.  Borrowed. */
json_t *chy_policy_schema_json(struct chy_ctx *cx, const struct chy_policy_schema *schema);

#endif
