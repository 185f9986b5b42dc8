/* SPDX-License-Identifier: Apache-2.0 */
/* Recording and rendering refusals (RFC 8555 section 6.7, RFC 7807). */
#ifndef CHY_BASE_PROBLEM_H
#define CHY_BASE_PROBLEM_H

#include "core/base/cx.h"

/* CHY_ERR, told to the compiler: after a refusal it must not fear for out-parameters never set. */
static inline enum chy_rc chy_refused(enum chy_rc rc)
{
    (void)rc;
    return CHY_ERR;
}

/* Record the reason of a refusal and return CHY_ERR.  The first reason wins: a caller further up
 * knows less.  The detail goes to the client: name the failed check and the RFC section, never a
 * secret.  It is made valid printable UTF-8 and cut at 1,000 octets. */
#define chy_fail(cx, type, ...)                                                                    \
    chy_refused(chy_fail_at((cx), (type), __FILE__, __LINE__, __VA_ARGS__))
enum chy_rc chy_fail_at(struct chy_ctx *cx, const struct chy_problem_type *t, const char *file,
                        int line, const char *detail, ...) __attribute__((format(printf, 5, 6)));

/* An internal fault: the client reads a plain serverInternal, the log reads the note. */
#define chy_fault_internal(cx, ...)                                                                \
    chy_refused(chy_fault_internal_at((cx), __FILE__, __LINE__, __VA_ARGS__))
enum chy_rc chy_fault_internal_at(struct chy_ctx *cx, const char *file, int line, const char *note,
                                  ...) __attribute__((format(printf, 4, 5)));

/* The same, but worth another try soon: status 503 and Retry-After. */
#define chy_fault_busy(cx, seconds, ...)                                                           \
    chy_refused(chy_fault_busy_at((cx), (seconds), __FILE__, __LINE__, __VA_ARGS__))
enum chy_rc chy_fault_busy_at(struct chy_ctx *cx, unsigned seconds, const char *file, int line,
                              const char *note, ...) __attribute__((format(printf, 5, 6)));

/* Has this unit of work failed? */
static inline bool chy_failed(const struct chy_ctx *cx)
{
    return cx->problem.type != NULL;
}

/* Forget a recorded reason: only where the failure was handled (a further attempt follows). */
void chy_problem_clear(struct chy_ctx *cx);

/* The problem document as a new json_t object. */
json_t *chy_problem_json(const struct chy_problem *p);

/* Append one subproblem with its identifier (RFC 8555 section 6.7.1) to cx's problem-to-be. */
void chy_subproblem_add(struct chy_ctx *cx, json_t **list, const struct chy_problem *p,
                        const char *ident_type, const char *ident_value);

/* Text that came from outside, fit for a detail or a log line: control characters, bidi controls and
 * broken UTF-8 become '?'; cut at max octets. */
char *chy_printable(struct chy_ctx *cx, const char *s, size_t n, size_t max);

#endif
