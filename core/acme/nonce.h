/* SPDX-License-Identifier: Apache-2.0 */
/* Replay protection (RFC 8555 section 6.5): nonces that any front can make and any front can check,
 * each good once over all of them. */
#ifndef CHY_ACME_NONCE_H
#define CHY_ACME_NONCE_H

#include "core/store/nonces.h"

#define CHY_NONCE_TEXT 54          /* characters                 */
#define CHY_NONCE_LIFE_S (60 * 60) /* from making to spending   */

struct chy_nonces; /* this process's copy of the key */

struct chy_nonces *chy_nonces_new(void);
void chy_nonces_free(struct chy_nonces *n);

/* A new nonce; reads the key from the database on first use. */
enum chy_rc CHY_CHECK chy_nonce_make(struct chy_ctx *cx, struct chy_nonces *n,
                                     char ret[CHY_NONCE_TEXT + 1]);
/* Is it one of ours and young enough?  Fills the nonce's part of g; whether it was spent, the
 * guarded statement finds out.  Fails: badNonce, or serverInternal/503 while the key cannot be read. */
enum chy_rc CHY_CHECK chy_nonce_check(struct chy_ctx *cx, struct chy_nonces *n, const char *text,
                                      struct chy_guard *g);
/* Read the key again: after a badNonce it may be another (PostgreSQL crashed). */
enum chy_rc CHY_CHECK chy_nonces_reload(struct chy_ctx *cx, struct chy_nonces *n);

#endif
