/* SPDX-License-Identifier: Apache-2.0 */
/* Client of chancery-signer: a unix socket, frames of a 4-octet big-endian length and JSON. */
#ifndef CHY_PKI_SIGNER_H
#define CHY_PKI_SIGNER_H

#include "core/base/cx.h"

struct chy_signer;

/* One per thread.  Connects on first use and again after the signer's restart. */
struct chy_signer *chy_signer_new(const char *socket_path);
void chy_signer_free(struct chy_signer *s);

/* Signature over a to-be-signed certificate by the named issuer's key.  The signer itself parses
 * tbs and refuses what is over its ceilings, and any serial it has signed before.  Fails:
 * serverInternal/503 when it cannot be reached (*ret_maybe_signed says whether the request may have
 * got through), serverInternal/500 with the signer's reason in the note when it refuses. */
enum chy_rc CHY_CHECK chy_signer_sign(struct chy_ctx *cx, struct chy_signer *s, const char *issuer,
                                      const uint8_t *tbs, size_t tbs_n, const uint8_t **ret_sig,
                                      size_t *ret_n, bool *ret_maybe_signed);
/* Is it there, and has it this issuer's key?  For status and readiness. */
enum chy_rc CHY_CHECK chy_signer_ping(struct chy_ctx *cx, struct chy_signer *s, const char *issuer);

#endif
