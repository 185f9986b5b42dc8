/* SPDX-License-Identifier: Apache-2.0 */
/* Mistakes in a text file, all of them at once, each with its place:
 *     profiles/short.yaml:7:3: error: unknown key 'lifetme' in profile; did you mean 'lifetime'?
 *         7 |   lifetme: { default: 6d, max: 10d }
 *           |   ^
 */
#ifndef CHY_POLICY_DIAGNOSTICS_H
#define CHY_POLICY_DIAGNOSTICS_H

#include <stdarg.h>
#include <stdio.h>

#include "core/base/cx.h"

struct chy_report;

#define CHY_REPORT_MAX 100 /* mistakes kept; more are counted only */

struct chy_report *chy_report_new(struct chy_ctx *cx);
/* line and column from 1; 0 where there is none.  source: the line's text, up to its
 * line feed or NUL, or NULL.  Everything is copied and made fit for a terminal. */
void chy_report_error(struct chy_report *r, const char *file, unsigned line, unsigned column,
                      const char *source, const char *f, ...) __attribute__((format(printf, 6, 7)));
void chy_report_verror(struct chy_report *r, const char *file, unsigned line, unsigned column,
                       const char *source, const char *f, va_list ap)
    __attribute__((format(printf, 6, 0)));
/* Mistakes so far, the ones over CHY_REPORT_MAX too. */
size_t chy_report_count(const struct chy_report *r);
/* All mistakes in order of file, line, column; then "N errors".  Nothing if there is none. */
void chy_report_print(const struct chy_report *r, FILE *out);
/* The same as text in the arena. */
char *chy_report_text(const struct chy_report *r);

/* The nearest of names to word by edit distance, if it is near enough to suggest; or NULL. */
const char *chy_did_you_mean(const char *word, const char *const *names, size_t n);

#endif
