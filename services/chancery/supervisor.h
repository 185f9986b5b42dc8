/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor: starts a node's processes in order, keeps them alive, stops them in order. */
#ifndef CHY_CLI_SUPERVISOR_H
#define CHY_CLI_SUPERVISOR_H

#include "core/policy/node.h"

struct chy_supervision {
    struct chy_node *node;
    const char *libexec; /* where the services' programs are, or NULL           */
    bool foreground;     /* children write to our standard error, not to files  */
    int lock;            /* chy_state_lock                                      */
    /* What happens while things start, for whoever waits; false: nobody does any more, stop. */
    bool (*tell)(void *arg, const char *line);
    /* Everything is ready. */
    void (*ready)(void *arg);
    void *arg;
};

/* Run until SIGTERM or SIGINT; then stop the fronts, the workers, the signer and the database, in
 * that order.  CHY_ERR: something did not start; what did was stopped again.  Signals are taken over
 * for good.  SIGHUP goes on to fronts and workers. */
enum chy_rc CHY_CHECK chy_supervise(struct chy_ctx *cx, const struct chy_supervision *s);

#endif
