/* SPDX-License-Identifier: Apache-2.0 */
/* Serving the signer's unix socket: one thread a connection, a bounded number of them. */
#ifndef CHY_SIGNER_SERVER_H
#define CHY_SIGNER_SERVER_H

#include <sys/stat.h>

#include "services/signer/answer.h"

/* Make the socket (0660), removing one that nobody answers on.  Refuses when another signer does,
 * when the place holds something else, or when anybody may put files into its folder. */
enum chy_rc CHY_CHECK chy_signer_listen(struct chy_ctx *cx, const char *path,
                                        const struct chy_ceilings *ceilings, int *ret_fd);
/* Can a user's processes reach a socket of that group, mode 0660, made by us? */
bool chy_signer_in_reach(uid_t uid, gid_t group);
/* Remove the socket, unless another one is in its place by now.  mine: lstat() of it after
 * chy_signer_listen(). */
void chy_signer_unlisten(const char *path, const struct stat *mine);
/* Serve until stop_fd can be read, or the log is broken (chy_siglog_broken()); then take no more connections, finish what was asked, and
 * return. listen_fd stays open.  Blocking. */
void chy_signer_serve(const struct chy_signer_state *s, int listen_fd, int stop_fd);

#endif
