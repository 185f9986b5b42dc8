/* SPDX-License-Identifier: Apache-2.0 */
/* Everything the signer holds, made ready in the right order. */
#ifndef CHY_SIGNER_SIGNERD_H
#define CHY_SIGNER_SIGNERD_H

#include "services/signer/server.h"

/* Load ceilings and keys, prove the log and learn its serials.  Mistakes of the ceilings go to
 * report. The result lives until chy_signer_close, keys until the arena ends. */
enum chy_rc CHY_CHECK chy_signer_open(struct chy_ctx *cx, const char *ceilings, const char *log,
                                      struct chy_report *report, struct chy_signer_state *ret);
void chy_signer_close(struct chy_signer_state *s);

#endif
