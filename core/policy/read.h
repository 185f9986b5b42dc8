/* SPDX-License-Identifier: Apache-2.0 */
/* Inside core/policy: files, with the reason of a failure as text for a report. */
#ifndef CHY_POLICY_READ_H
#define CHY_POLICY_READ_H

#include "core/base/cx.h"

/* A regular file of at most max octets, relative to the directory dir (or AT_FDCWD), with a NUL after
 * it, in the arena.  flags: O_NOFOLLOW or 0.  NULL: done; else why not ("cannot be read: ..."). */
const char *chy_policy_read(struct chy_ctx *cx, int dir, const char *name, int flags, size_t max,
                            char **ret, size_t *ret_n);

#endif
