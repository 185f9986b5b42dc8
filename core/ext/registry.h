/* SPDX-License-Identifier: Apache-2.0 */
/* The loaded modules and their tables. */
#ifndef CHY_EXT_REGISTRY_H
#define CHY_EXT_REGISTRY_H

#include "core/base/cx.h"
#include "core/policy/policy.h"

struct chy_registry;

/* Load every named module from the first of dirs that has NAME.so (RTLD_NOW | RTLD_LOCAL), check its
 * descriptor, order them by needs, check the tables against each other, call init.  Every fault has
 * its own one-line refusal naming the module and what to do: no such file, no chy_module symbol,
 * wrong magic, other ABI, size mismatch, folder (file) name != descriptor name, missing needs, cycle
 * of needs, duplicate identifier type / challenge type / order member / route / policy kind /
 * profile / command / job / CSR claim / solver / client option, missing required property of a challenge type, challenge of
 * whose identifier types none is known (types of modules not loaded may stand beside a known one),
 * hole in migrations, missing required function, capability that this version does not serve yet
 * (issuers, metrics; on_first_read, on_update, on_issued, on_revoke; members of accounts and
 * authorizations; routes with client certificates or passwords), init failed.
 *
 * Modules that lie in dirs without being named are "installed, not loaded": only the members of their
 * order_ext are remembered (DESIGN section 5).  The registry lives as long as the process; cx is used
 * for the refusal only. */
enum chy_rc CHY_CHECK chy_registry_load(struct chy_ctx *cx, const char *const *dirs, size_t n_dirs,
                                        const char *const *names, size_t n_names,
                                        struct chy_registry **ret);
/* The same from descriptors in memory: for tests. */
enum chy_rc CHY_CHECK chy_registry_build(struct chy_ctx *cx,
                                         const struct chy_module *const *modules, size_t n,
                                         struct chy_registry **ret);
void chy_registry_free(struct chy_registry *r);

size_t chy_registry_count(const struct chy_registry *r);
const struct chy_module *chy_registry_module(const struct chy_registry *r, size_t i);

const struct chy_ident_type *chy_registry_ident(const struct chy_registry *r, const char *type);
const struct chy_challenge_type *chy_registry_challenge(const struct chy_registry *r,
                                                        const char *name);
/* Challenge types that apply to an identifier type, in load order. */
size_t chy_registry_challenges_for(const struct chy_registry *r, const char *ident_type,
                                   const struct chy_challenge_type *const **ret);
/* Whose CSR claim is it?  NULL: nobody's. */
const struct chy_ident_type *chy_registry_claim(const struct chy_registry *r, const char *claim);
const struct chy_profile *chy_registry_shape(const struct chy_registry *r, const char *name);
/* The module that owns a table entry; for "module" in cx while its function runs. */
const struct chy_module *chy_registry_owner(const struct chy_registry *r, const void *table);
/* Would ignoring this newOrder member change the certificate (installed but not loaded)? */
bool chy_registry_member_refused(const struct chy_registry *r, const char *member,
                                 const char **ret_module);
/* Does a loaded order extension own it? */
bool chy_registry_member_known(const struct chy_registry *r, const char *member);

/* What chy_policy_load needs to know of the modules; lives as long as the registry. */
const struct chy_policy_schema *chy_registry_policy_schema(const struct chy_registry *r);

#endif
