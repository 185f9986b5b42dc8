/* SPDX-License-Identifier: Apache-2.0 */
/* Names of rows: 4 octets of big-endian minutes since the epoch and 16 random ones, so that growing
 * tables are partitioned by them and nobody can guess one.  A certificate's serial is its id. */
#ifndef CHY_BASE_ID_H
#define CHY_BASE_ID_H

#include "core/base/cx.h"

#define CHY_ID_TEXT 27 /* characters of base64url */

void chy_id_new(struct chy_ctx *cx, struct chy_id *ret);
/* Writes the 27 characters and a NUL. */
void chy_id_write(char out[CHY_ID_TEXT + 1], const struct chy_id *id);
char *chy_id_text(struct chy_ctx *cx, const struct chy_id *id);
/* False unless s is exactly one id's canonical text. */
bool chy_id_read(struct chy_id *ret, const char *s, size_t n);
bool chy_id_equal(const struct chy_id *a, const struct chy_id *b);

#endif
