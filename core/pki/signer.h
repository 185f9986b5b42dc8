/* SPDX-License-Identifier: Apache-2.0 */
/* Client of chancery-signer: a unix socket, frames of a 4-octet big-endian length and JSON. */
#ifndef CHY_PKI_SIGNER_H
#define CHY_PKI_SIGNER_H

#include "core/base/cx.h"

struct chy_signer;

/* One per thread.  Connects on first use and again after the signer's restart. */
struct chy_signer *chy_signer_new(const char *socket_path);
void chy_signer_free(struct chy_signer *s);

/* Connect, unless there is a connection; an absent signer is waited for up to CHY_SIGNER_WAIT_MS.
 * Before a serial is recorded: one for which nobody can be asked would be a lost one.  Fails:
 * serverInternal/503. */
#define CHY_SIGNER_WAIT_MS 5000
enum chy_rc CHY_CHECK chy_signer_reach(struct chy_ctx *cx, struct chy_signer *s);
/* Signature over a to-be-signed certificate by the named issuer's key.  The signer itself parses
 * tbs and refuses what is over its ceilings, and any serial it has signed before.  Fails:
 * serverInternal/503 when it cannot be reached within CHY_SIGNER_WAIT_MS, or ends before it
 * answers (*ret_maybe_signed says whether the request may have got through),
 * serverInternal/500 with the signer's reason in the note when it refuses. */
enum chy_rc CHY_CHECK chy_signer_sign(struct chy_ctx *cx, struct chy_signer *s, const char *issuer,
                                      const uint8_t *tbs, size_t tbs_n, const uint8_t **ret_sig,
                                      size_t *ret_n, bool *ret_maybe_signed);
/* Is it there, and has it this issuer's key?  For status and readiness: waits for nobody. */
enum chy_rc CHY_CHECK chy_signer_ping(struct chy_ctx *cx, struct chy_signer *s, const char *issuer);

#endif
