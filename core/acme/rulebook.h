/* SPDX-License-Identifier: Apache-2.0 */
/* What decides: one policy snapshot with the issuers' certificates already parsed. */
#ifndef CHY_ACME_RULEBOOK_H
#define CHY_ACME_RULEBOOK_H

#include "core/ext/registry.h"
#include "core/pki/plan.h"
#include "core/policy/node.h"

struct chy_rulebook;

/* Load the node's policy directory and every issuer it names.  Mistakes go to standard error, which
 * is this process's log.  One reference. */
enum chy_rc CHY_CHECK chy_rulebook_load(struct chy_ctx *cx, const struct chy_node *node,
                                        const struct chy_registry *registry,
                                        struct chy_rulebook **ret);
/* Would it be loaded?  Mistakes go to report. */
enum chy_rc CHY_CHECK chy_rulebook_check(struct chy_ctx *cx, const struct chy_node *node,
                                         const struct chy_registry *registry,
                                         struct chy_report *report);
struct chy_rulebook *chy_rulebook_hold(struct chy_rulebook *r);
void chy_rulebook_drop(struct chy_rulebook *r);

const struct chy_policy *chy_rulebook_policy(const struct chy_rulebook *r);
const struct chy_issuer_cert *chy_rulebook_issuer(const struct chy_rulebook *r, const char *name);

/* The server-wide document. */
const json_t *chy_rules_server(const struct chy_ctx *cx);
/* The profile of that name under cx->policy, or the default one for NULL.  Fails: invalidProfile. */
enum chy_rc CHY_CHECK chy_rules_profile(struct chy_ctx *cx, const char *name, const char **ret_name,
                                        const json_t **ret);
/* Integer (seconds, counts) at a path of two keys; the snapshot has every default filled in. */
int64_t chy_rules_int(const json_t *doc, const char *object, const char *key);

#endif
