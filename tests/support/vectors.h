/* SPDX-License-Identifier: Apache-2.0 */
/* Test vectors in tests/vectors. */
#ifndef CHY_TESTS_VECTORS_H
#define CHY_TESTS_VECTORS_H

#include "core/base/cx.h"

/* The JSON file tests/vectors/NAME of the tree that this program was compiled from; arena.  Aborts if
 * it cannot be read. */
json_t *vectors_load(struct chy_ctx *cx, const char *name);

#endif
