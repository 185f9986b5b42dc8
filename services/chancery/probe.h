/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at what runs and what is in the way. */
#ifndef CHY_CLI_PROBE_H
#define CHY_CLI_PROBE_H

#include "core/policy/node.h"

/* Does something listen on that unix socket? */
bool chy_probe_socket(const char *path);
/* Does the ACME listener of this host serve its certificate over TLS and answer 200 for the
 * directory?  ret_why, if not NULL: what happened otherwise (arena). */
bool chy_probe_directory(struct chy_ctx *cx, const struct chy_node *node, const char **ret_why);
/* Is this numeric address one of this host's? */
bool chy_probe_local(const char *address);
/* Can this address and port be listened on?  Refuses, naming the program that has it where it can be
 * found, and what the setting is called. */
enum chy_rc CHY_CHECK chy_probe_port(struct chy_ctx *cx, const char *address, unsigned port,
                                     bool privileged, const char *setting);

#endif
