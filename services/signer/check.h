/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer would find at its start, told without starting: chancery-signer --check. */
#ifndef CHY_SIGNER_CHECK_H
#define CHY_SIGNER_CHECK_H

#include <stdio.h>

#include "services/signer/ceilings.h"

/* Read the ceilings and each issuer's key and certificate, one by one, and write a JSON line for each
 * issuer: {"issuer", "key", "certificate", "max-lifetime" (seconds), "not-after" (seconds since the
 * epoch), "error" (why it cannot be used)}, the last two as they apply.  Touches neither socket nor
 * log.  Fails when the ceilings cannot be used, or any issuer. */
enum chy_rc CHY_CHECK chy_signer_check(struct chy_ctx *cx, const char *ceilings,
                                       struct chy_report *report, FILE *out);

#endif
