/* SPDX-License-Identifier: Apache-2.0 */
/* One process that the supervisor runs. */
#ifndef CHY_CLI_CHILD_H
#define CHY_CLI_CHILD_H

#include "services/chancery/identity.h"

enum chy_child_kind { CHY_CHILD_POSTGRES, CHY_CHILD_SIGNER, CHY_CHILD_WORKER, CHY_CHILD_FRONT };
enum chy_child_state { CHY_CHILD_STOPPED, CHY_CHILD_RUNNING, CHY_CHILD_WAITING };

struct chy_child {
    const char *name; /* "front-1"; its log is <logs>/<name>.log          */
    enum chy_child_kind kind;
    const char *const *argv;
    struct chy_identity id;
    const char *log; /* NULL: the supervisor's own standard error        */

    enum chy_child_state state;
    pid_t pid;
    time_t since;        /* of the state                                      */
    int64_t started_ms;  /* chy_clock_ms                                      */
    int64_t restart_ms;  /* WAITING: when                                     */
    unsigned backoff_ms; /* for the next death                                */
    unsigned restarts;
    const char *last_end; /* how it ended last, or NULL; static storage of it  */
    char last_end_text[96];
    off_t log_start; /* size of the log when it was started last          */
    bool announces;  /* it tells when it is ready (core/base/ready.h)     */
    int ready_fd;    /* where; 0: nowhere                                 */
};

/* Start it.  The child dies with this process (PR_SET_PDEATHSIG), has a clean environment and
 * standard input, output and error only. */
enum chy_rc CHY_CHECK chy_child_start(struct chy_ctx *cx, struct chy_child *c);
/* Has a child that announces told that it is ready? */
bool chy_child_is_ready(const struct chy_child *c);
/* It has ended with this status of waitpid(2): note why, and when to try again (100 ms, doubled with
 * each death up to 10 s, from the beginning after 30 s of life, or when it ended in order). */
void chy_child_ended(struct chy_child *c, int status);
/* The last lines that it wrote since it was started, each ended by a newline; "" if it has no log. */
char *chy_child_last_words(struct chy_ctx *cx, const struct chy_child *c);
/* Of such lines the one that says why it ended: a fault of PostgreSQL, a problem in our own log, else
 * the last; without what only says who speaks.  NULL if there is none. */
const char *chy_child_reason(struct chy_ctx *cx, const char *words);

#endif
