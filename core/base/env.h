/* SPDX-License-Identifier: Apache-2.0 */
/* What the environment says: the only reader of it. */
#ifndef CHY_BASE_ENV_H
#define CHY_BASE_ENV_H

#include "core/base/cx.h"

/* NULL if it is not set or empty. */
const char *chy_env(const char *name);
/* A directory of the XDG base directory specification: the variable if it holds an absolute path,
 * else HOME (or the user database's home) followed by below ("/.config").  Arena. */
char *chy_env_xdg(struct chy_ctx *cx, const char *name, const char *below);
/* Where node.yaml is unless --node says otherwise: /etc/chancery/node.yaml for root, else
 * $XDG_CONFIG_HOME/chancery/node.yaml.  Arena. */
char *chy_env_node_path(struct chy_ctx *cx);
/* Forget everything but the variables named (ended by NULL): what a child process is given. */
void chy_env_keep(const char *const *names);

/* Say something to programs that this process will become. */
void chy_env_set(const char *name, const char *value);

#endif
