/* SPDX-License-Identifier: Apache-2.0 */
/* What the services would refuse at their start, found before anything runs. */
#ifndef CHY_CLI_PREFLIGHT_H
#define CHY_CLI_PREFLIGHT_H

#include "core/policy/node.h"
#include "services/chancery/identity.h"

/* Modules, policy and the settings of validation, read as who (the services' user) by the code that
 * fronts and workers read them with, in a process of its own.  Mistakes of the policy are printed to
 * standard error; the refusal names what is wrong. */
enum chy_rc CHY_CHECK chy_preflight_policy(struct chy_ctx *cx, const struct chy_node *node,
                                           const struct chy_identity *who);

#endif
