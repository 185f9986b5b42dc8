/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON: what a hostile client may send. */
#ifndef CHY_BASE_JSON_H
#define CHY_BASE_JSON_H

#include "core/base/cx.h"

#define CHY_JSON_DEPTH 16 /* jansson recurses: bounded before it is called */

/* Parse one JSON object: valid UTF-8, no duplicate members, no NUL, nothing after it, nested at most
 * CHY_JSON_DEPTH deep.  what names the document in the refusal (malformed).  The result lives in
 * the arena. */
enum chy_rc CHY_CHECK chy_json_object(struct chy_ctx *cx, const char *what, const void *text,
                                      size_t n, json_t **ret);
/* The same for any value: for what the database gives back. */
enum chy_rc CHY_CHECK chy_json_value(struct chy_ctx *cx, const char *what, const void *text,
                                     size_t n, json_t **ret);

/* Member readers.  A missing member, or null, gives NULL / false in *ret and CHY_OK; a wrong type is
 * malformed, naming the member. */
enum chy_rc CHY_CHECK chy_json_opt_string(struct chy_ctx *cx, const json_t *o, const char *name,
                                          const char **ret);
enum chy_rc CHY_CHECK chy_json_opt_bool(struct chy_ctx *cx, const json_t *o, const char *name,
                                        bool *ret);
enum chy_rc CHY_CHECK chy_json_opt_array(struct chy_ctx *cx, const json_t *o, const char *name,
                                         json_t **ret);
/* Required ones: missing is malformed too. */
enum chy_rc CHY_CHECK chy_json_string(struct chy_ctx *cx, const json_t *o, const char *name,
                                      const char **ret);

/* Is text one of a list's strings?  False for what is no list. */
bool chy_json_lists(const json_t *list, const char *text);

/* Compact text in arena memory. */
char *chy_json_text(struct chy_ctx *cx, const json_t *j, size_t *ret_n);

#endif
