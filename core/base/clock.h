/* SPDX-License-Identifier: Apache-2.0 */
/* The only clock. */
#ifndef CHY_BASE_CLOCK_H
#define CHY_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Seconds since the epoch.  A test build adds the offset in the file named by CHY_CLOCK_FILE (a
 * decimal number of seconds), so that several processes move through time together; a production
 * build does not contain that code. */
time_t chy_clock_now(void);
/* Milliseconds of a clock that only goes forward: for deadlines and durations. */
int64_t chy_clock_ms(void);
/* RFC 3339 in UTC with second precision, "2026-11-24T10:00:00Z"; buf holds 21 octets. */
char *chy_clock_rfc3339(time_t t, char buf[21]);

#endif
