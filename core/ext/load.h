/* SPDX-License-Identifier: Apache-2.0 */
/* Module files: only files of this folder include it. */
#ifndef CHY_EXT_LOAD_H
#define CHY_EXT_LOAD_H

#include "core/ext/tables.h"

/* Open dir/NAME.so, already known to exist, and check the head of its descriptor.  mode: RTLD_NOW or
 * RTLD_LAZY.  On CHY_OK *ret_handle is for dlclose. */
enum chy_rc CHY_CHECK chy_module_open(struct chy_ctx *cx, const char *path, const char *name,
                                      int mode, void **ret_handle, const struct chy_module **ret);
/* May nobody but root, or this process's own user, put files into dir? */
bool chy_module_dir_ok(const char *dir);
/* Remember the newOrder members of modules that lie in dirs and are not named (DESIGN section 5).
 * What cannot be read is logged and passed over: nobody asked for it.  Opening a file runs its
 * constructors, so that a directory that others may write is passed over as a whole. */
void chy_installed_read(struct chy_ctx *cx, struct chy_registry *r, const char *const *dirs,
                        size_t n_dirs, const char *const *names, size_t n_names);

#endif
