/* SPDX-License-Identifier: Apache-2.0 */
/* The frame around every call into a module: only files of this folder include it. */
#ifndef CHY_EXT_CALL_H
#define CHY_EXT_CALL_H

#include "core/base/problem.h"
#include "core/ext/dispatch.h"

struct chy_call {
    const struct chy_module *outer_module;
    enum chy_stage outer_stage;
    const char *function;                    /* "parse of identifier type dns": for the log */
    const struct chy_problem_type *fallback; /* for a failure without a reason; NULL: internal */
};

/* Let cx stand in the module that owns table, at that stage.  Fails if cx has failed already (a
 * failed unit of work does no more) or nobody owns table. */
enum chy_rc CHY_CHECK chy_call_begin(struct chy_ctx *cx, struct chy_call *c, const void *table,
                                     enum chy_stage stage, const char *function, const char *of);
/* Restore cx and make sense of what the module returned: see dispatch.h. */
enum chy_rc CHY_CHECK chy_call_end(struct chy_ctx *cx, const struct chy_call *c, enum chy_rc rc);

#define CHY_FROM_MODULE_MAX (64u * 1024) /* octets of compact JSON */

/* May what a module handed out be stored: at most CHY_FROM_MODULE_MAX of JSON, as deep as the reader
 * of the database takes, all of it UTF-8? */
bool chy_json_storable(const json_t *j);

#endif
