/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files, bounded. */
#ifndef CHY_BASE_FILE_H
#define CHY_BASE_FILE_H

#include <sys/types.h>

#include "core/base/cx.h"

/* The octets of a file of at most max, plus a NUL after them, in the arena.  Refuses what is not a
 * regular file.  The problem names the path and the system's reason. */
enum chy_rc CHY_CHECK chy_file_read(struct chy_ctx *cx, const char *path, size_t max, char **ret,
                                    size_t *ret_n);
/* The same for what decides which programs run: refuses a file that belongs to anybody but root and
 * this process's user, or that others may write. */
enum chy_rc CHY_CHECK chy_file_read_trusted(struct chy_ctx *cx, const char *path, size_t max,
                                            char **ret, size_t *ret_n);
/* Write a file whole or not at all: a temporary beside it, fsync, rename.
 * The temporary is always new: one that was left there is removed first. */
enum chy_rc CHY_CHECK chy_file_write(struct chy_ctx *cx, const char *path, const void *b, size_t n,
                                     mode_t mode);
/* mkdir with every missing parent. */
enum chy_rc CHY_CHECK chy_file_mkdirs(struct chy_ctx *cx, const char *path, mode_t mode);

#endif
