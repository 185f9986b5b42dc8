/* SPDX-License-Identifier: Apache-2.0 */
/* Putting an installation's files in place: all of them or none. */
#ifndef CHY_CLI_INSTALL_H
#define CHY_CLI_INSTALL_H

#include "services/chancery/identity.h"

struct chy_install;

/* Everything is kept in memory until chy_install_commit. */
struct chy_install *chy_install_new(struct chy_ctx *cx);
/* A directory that may be there already; owner NULL: ourselves. */
void chy_install_dir(struct chy_install *in, const char *path, mode_t mode,
                     const struct chy_identity *owner);
/* A directory that is put in place whole: the files below it are made in a temporary one. */
void chy_install_tree(struct chy_install *in, const char *path);
void chy_install_file(struct chy_install *in, const char *path, const char *text, mode_t mode,
                      const struct chy_identity *owner);

/* The first of its files or trees that is there already, or NULL. */
const char *chy_install_existing(const struct chy_install *in);
/* Refuses a directory that is there and that another than root, ourselves or its intended owner could
 * change, or one such above it.  Part of chy_install_commit. */
enum chy_rc CHY_CHECK chy_install_check(struct chy_ctx *cx, const struct chy_install *in);
/* Write everything beside its place, then rename everything into place in the order given.  What was
 * there before is renamed too: NAME.replaced-TIME, with -2 and so on where that is taken.  A
 * failure takes back everything written and every rename. */
enum chy_rc CHY_CHECK chy_install_commit(struct chy_ctx *cx, struct chy_install *in);

#endif
