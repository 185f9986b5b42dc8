/* SPDX-License-Identifier: Apache-2.0 */
/* Operating system users: finding, making and becoming them; work done on their behalf. */
#ifndef CHY_CLI_IDENTITY_H
#define CHY_CLI_IDENTITY_H

#include <sys/types.h>

#include "core/base/cx.h"

struct chy_identity {
    const char *name; /* for messages; arena                                */
    uid_t uid;
    gid_t gid;
    bool change;     /* false: it is who we are already                    */
    bool bind_ports; /* keep the right to bind ports below 1024 when changing */
};

/* The user of that name, or ourselves where name is NULL.  Refuses an unknown user, and another
 * user than ourselves unless we are root. */
enum chy_rc CHY_CHECK chy_identity_find(struct chy_ctx *cx, const char *name,
                                        struct chy_identity *ret);
/* Make a system user (useradd --system) if there is none of that name.  Root only. */
enum chy_rc CHY_CHECK chy_identity_ensure(struct chy_ctx *cx, const char *name, bool *ret_made);
/* Make an existing user a member of another's group (usermod), unless it is one.  Root only. */
enum chy_rc CHY_CHECK chy_identity_join(struct chy_ctx *cx, const char *name, const char *group);
/* Become it, for good.  False: errno says why, and the process must not go on. */
bool chy_identity_assume(const struct chy_identity *id);

/* Run work(cx, arg) in a child process that has become id, wait for it, and pass on its refusal.
 * Its other effects on memory are lost. */
enum chy_rc CHY_CHECK chy_identity_work(struct chy_ctx *cx, const struct chy_identity *id,
                                        enum chy_rc (*work)(struct chy_ctx *cx, void *arg),
                                        void *arg);
/* Run a program as id with text on its standard input (or none), and wait.  The refusal holds the
 * last of what it printed. */
enum chy_rc CHY_CHECK chy_identity_run(struct chy_ctx *cx, const struct chy_identity *id,
                                       const char *const *argv, const char *input);
/* Run a program as id and wait; what it wrote to standard output, the last 64 KiB of it, and its exit
 * code (-1: killed by a signal).  Its standard error is ours. */
enum chy_rc CHY_CHECK chy_identity_read(struct chy_ctx *cx, const struct chy_identity *id,
                                        const char *const *argv, char **ret_output, int *ret_code);
/* Can id reach directory dir (or so much of it as exists)?  Refuses naming the directory that is
 * closed to it. */
enum chy_rc CHY_CHECK chy_identity_reach(struct chy_ctx *cx, const struct chy_identity *id,
                                         const char *dir);

#endif
