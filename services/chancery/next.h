/* SPDX-License-Identifier: Apache-2.0 */
/* What to try next: the last lines of 'chancery up'. */
#ifndef CHY_CLI_NEXT_H
#define CHY_CLI_NEXT_H

#include "core/policy/node.h"

/* The directory, the root, and the installed text try-next with this node's values in it.  Becomes
 * the service user for good: the policy is read with the modules' tables. */
void chy_next_print(struct chy_ctx *cx, const struct chy_node *node);

#endif
