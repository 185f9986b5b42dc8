/* SPDX-License-Identifier: Apache-2.0 */
/* The private PostgreSQL: one cluster below the data directory, a unix socket, no TCP. */
#ifndef CHY_CLI_CLUSTER_H
#define CHY_CLI_CLUSTER_H

#include "core/policy/node.h"
#include "services/chancery/identity.h"

/* Directory of PostgreSQL's programs.  version: the major version that a cluster's data need ("15"),
 * NULL: the newest there is. */
enum chy_rc CHY_CHECK chy_cluster_find(struct chy_ctx *cx, const char *version, const char **ret);

/* Make the cluster in <data>/pg/main, its roles and its database if there is none, and <run>/pg for its
 * socket.  owner: the unprivileged user that it belongs to, runs as, and takes connections from.
 * ret_made: there was none.  ret_argv: the command that runs it in the foreground. */
enum chy_rc CHY_CHECK chy_cluster_prepare(struct chy_ctx *cx, const struct chy_node *node,
                                          const struct chy_identity *owner, bool *ret_made,
                                          const char *const **ret_argv);
/* What is wrong with the data of the private PostgreSQL, in words that name the file; NULL if all is
 * there that it cannot start without, or there are no data yet (ret_there false).  Follows no link out
 * of the directory and reads no file but PG_VERSION. */
const char *chy_cluster_damage(struct chy_ctx *cx, const struct chy_node *node, bool *ret_there);
/* Has this CA run before, as the signer's log shows, though there are no data?  Then the disk is not
 * mounted or data: names another directory, and an empty database would forget every account and
 * certificate.  In words; NULL if not so. */
const char *chy_cluster_loss(struct chy_ctx *cx, const struct chy_node *node);
/* The major version that its data need, "15"; NULL where there are none. */
const char *chy_cluster_version(struct chy_ctx *cx, const struct chy_node *node);
/* The command that sets damaged data aside and begins anew. */
const char *chy_cluster_renewal(struct chy_ctx *cx, const struct chy_node *node);
/* Does the server whose process is pid take connections? */
bool chy_cluster_ready(struct chy_ctx *cx, const struct chy_node *node, pid_t pid);

#endif
