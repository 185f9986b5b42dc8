/* SPDX-License-Identifier: Apache-2.0 */
/* Module files: only files of this folder include it. */
#ifndef CHY_EXT_LOAD_H
#define CHY_EXT_LOAD_H

#include "core/ext/tables.h"

/* Open dir/NAME.so, already known to exist, and check the head of its descriptor.  mode: RTLD_NOW or
 * RTLD_LAZY.  On CHY_OK *ret_handle is for dlclose. */
enum chy_rc CHY_CHECK chy_module_open(struct chy_ctx *cx, const char *path, const char *name,
                                      int mode, void **ret_handle, const struct chy_module **ret);
/* Remember the newOrder members of modules that lie in dirs and are not named (DESIGN section 5).
 * What cannot be read is logged and passed over: nobody asked for it. */
void chy_installed_read(struct chy_ctx *cx, struct chy_registry *r, const char *const *dirs,
                        size_t n_dirs, const char *const *names, size_t n_names);

#endif
