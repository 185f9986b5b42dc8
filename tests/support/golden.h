/* SPDX-License-Identifier: Apache-2.0 */
/* Texts compared with files under tests/vectors. */
#ifndef CHY_TESTS_GOLDEN_H
#define CHY_TESTS_GOLDEN_H

#include "core/base/cx.h"

/* tests/vectors/NAME as an absolute path. */
char *golden_path(struct chy_ctx *cx, const char *name);
/* Its contents; fails the test if it cannot be read. */
char *golden_read(struct chy_ctx *cx, const char *name, size_t *ret_n);
/* Fails the test unless text is what NAME holds.  With CHY_GOLDEN_WRITE in the environment NAME is
 * written instead: look at the difference before committing it. */
void golden_compare(struct chy_ctx *cx, const char *name, const char *text);
/* Call for every file of tests/vectors/FOLDER whose name ends in SUFFIX, in order of name; the name is
 * given without the suffix.  Fails the test if there is none. */
void golden_each(struct chy_ctx *cx, const char *folder, const char *suffix,
                 void (*call)(struct chy_ctx *cx, const char *folder, const char *name));

#endif
