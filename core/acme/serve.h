/* SPDX-License-Identifier: Apache-2.0 */
/* The ACME server as a front and the loopback tests see it. */
#ifndef CHY_ACME_SERVE_H
#define CHY_ACME_SERVE_H

#include "core/acme/rulebook.h"
#include "core/net/message.h"
#include "core/policy/node.h"

struct chy_server;

/* One per process: modules, policy, nonce key, key cache.  node must outlive it.  Fails with one line
 * that names the thing and what to do; mistakes in policy are printed to standard error. */
enum chy_rc CHY_CHECK chy_server_new(struct chy_ctx *cx, const struct chy_node *node,
                                     struct chy_server **ret);
void chy_server_free(struct chy_server *s);

/* Connect once and make the partitions that are due: a front that cannot do this must not start. */
enum chy_rc CHY_CHECK chy_server_ready(struct chy_ctx *cx, struct chy_server *s);

/* Read the policy again and switch to it; on mistakes the one in force stays.  Any thread. */
enum chy_rc CHY_CHECK chy_server_reload(struct chy_ctx *cx, struct chy_server *s);

/* What one worker thread has for itself: a database connection and one to the signer. */
void *chy_server_thread_new(struct chy_server *s);
void chy_server_thread_free(void *thread);
/* Round trips to the database that this thread has made. */
uint64_t chy_server_thread_round_trips(const void *thread);

/* Answer one request; state is the thread's. */
chy_handler chy_server_handle;

#endif
