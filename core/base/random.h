/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness of the operating system. */
#ifndef CHY_BASE_RANDOM_H
#define CHY_BASE_RANDOM_H

#include <stddef.h>

/* n unpredictable octets.  Aborts if the system has none: nothing may go on without. */
void chy_random(void *out, size_t n);

#endif
