/* SPDX-License-Identifier: Apache-2.0 */
/* Can a client on this very host prove a name to this very CA? */
#ifndef CHY_CLI_TRIAL_H
#define CHY_CLI_TRIAL_H

#include "core/policy/node.h"

/* NULL if a client that listens on the HTTP port of validation would be found under name: validation
 * finds an address, may connect to it, and the address is this host's with its port free.  Else what
 * is in the way and what to do, in words.  privileged: the client may listen below 1024.  Asks the
 * name servers that validation asks, for a few seconds at most; opens no connection to the address. */
const char *chy_trial_obstacle(struct chy_ctx *cx, const struct chy_node *node, const char *name,
                               bool privileged);

#endif
