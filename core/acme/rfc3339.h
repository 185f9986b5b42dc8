/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as clients write them (RFC 3339). */
#ifndef CHY_ACME_RFC3339_H
#define CHY_ACME_RFC3339_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* Read an RFC 3339 date-time of n octets (core.md NO-03).  Any offset from -23:59 to +23:59, "t" and
 * "z" in either case, and a fraction of 1 to 9 zeros are taken.  Refused: a fraction that is not
 * zero, since a certificate cannot hold it and nothing a client asks for is rounded silently; leap
 * seconds, since time_t has none; instants outside the years 1970 to 9999 of UTC, which no
 * certificate of ours can have.  *ret is untouched on failure. */
bool chy_time_read(const char *s, size_t n, time_t *ret);

#endif
