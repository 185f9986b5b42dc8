/* SPDX-License-Identifier: Apache-2.0 */
/* Every serial that was ever given to the log, so that none is signed twice. */
#ifndef CHY_SIGNER_SERIALS_H
#define CHY_SIGNER_SERIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chy_serials;

struct chy_serials *chy_serials_new(void);
void chy_serials_free(struct chy_serials *s);
/* Take issuer's serial for oneself; false if it was taken before.  It is never given back: of two
 * requests for one serial at most one may go on, whatever then becomes of it.  Any thread. */
bool chy_serials_reserve(struct chy_serials *s, const char *issuer, const uint8_t *serial,
                         size_t n);
size_t chy_serials_count(struct chy_serials *s);

#endif
