/* SPDX-License-Identifier: Apache-2.0 */
/* The nonce key and spending a nonce by itself. */
#ifndef CHY_STORE_NONCES_H
#define CHY_STORE_NONCES_H

#include "core/store/guard.h"

/* The key in force; made if there is none (first start, or PostgreSQL crashed). */
enum chy_rc CHY_CHECK chy_nonce_key_read(struct chy_ctx *cx, int32_t *ret_epoch,
                                         uint8_t ret_key[32]);
/* For a request that is refused before its own statement. Fails: badNonce. */
enum chy_rc CHY_CHECK chy_nonce_spend(struct chy_ctx *cx, const struct chy_guard *g);
/* Upkeep, to be run every minute: make partitions ahead of time, empty the ring's oldest slot.  All of
 * it is tried whatever fails; the first failure is told. */
enum chy_rc CHY_CHECK chy_store_upkeep(struct chy_ctx *cx);

#endif
