/* SPDX-License-Identifier: Apache-2.0 */
/* The frame around every call into a module: only files of this folder include it. */
#ifndef CHY_EXT_CALL_H
#define CHY_EXT_CALL_H

#include "core/base/problem.h"
#include "core/ext/dispatch.h"

struct chy_call {
    const struct chy_module *outer_module;
    enum chy_stage outer_stage;
    const char *function, *of;               /* "parse", "dns": for the log               */
    const struct chy_problem_type *fallback; /* for a failure without a reason; NULL: internal */
};

/* Let cx stand in the module that owns table, at that stage.  Fails if cx has failed already (a
 * failed unit of work does no more) or nobody owns table. */
enum chy_rc CHY_CHECK chy_call_begin(struct chy_ctx *cx, struct chy_call *c, const void *table,
                                     enum chy_stage stage, const char *function, const char *of);
/* Restore cx and make sense of what the module returned: see dispatch.h. */
enum chy_rc CHY_CHECK chy_call_end(struct chy_ctx *cx, const struct chy_call *c, enum chy_rc rc);
/* A module failed without saying why: that it did is for the log, the client reads t and no more. */
enum chy_rc CHY_CHECK chy_call_unexplained(struct chy_ctx *cx, const struct chy_problem_type *t,
                                           const char *module, const char *function,
                                           const char *of);

#define CHY_FROM_MODULE_MAX (64u * 1024) /* octets of compact JSON */

/* May what a module handed out be stored: at most CHY_FROM_MODULE_MAX of JSON, as deep as the reader
 * of the database takes, all of it UTF-8? */
bool chy_json_storable(const json_t *j);
/* Is it at most as deep as that? */
bool chy_json_shallow(const json_t *j);

#endif
