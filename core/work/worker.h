/* SPDX-License-Identifier: Apache-2.0 */
/* The work that no request waits for: validation, taking over issuance, upkeep. */
#ifndef CHY_WORK_WORKER_H
#define CHY_WORK_WORKER_H

#include <pthread.h>

#include "core/acme/rulebook.h"
#include "core/net/net.h"
#include "core/policy/node.h"

struct chy_worker;

/* One per process.  node must outlive it.  Fails with one line that names the thing; mistakes in
 * policy are printed to standard error. */
enum chy_rc CHY_CHECK chy_worker_new(struct chy_ctx *cx, const struct chy_node *node,
                                     struct chy_worker **ret);
void chy_worker_free(struct chy_worker *w);

/* Start the threads, all or none; chy_worker_stop lets each finish what it has in hands and joins
 * those that were started.  A worker is started once. */
enum chy_rc CHY_CHECK chy_worker_start(struct chy_ctx *cx, struct chy_worker *w);
void chy_worker_stop(struct chy_worker *w);

/* Read the policy again; on mistakes the one in force stays. */
enum chy_rc CHY_CHECK chy_worker_reload(struct chy_ctx *cx, struct chy_worker *w);

#endif
