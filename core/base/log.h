/* SPDX-License-Identifier: Apache-2.0 */
/* JSON logs: one line per event, to standard error. */
#ifndef CHY_BASE_LOG_H
#define CHY_BASE_LOG_H

#include <syslog.h>

#include "core/base/cx.h"

/* Name of this process in every line; lines less urgent than level (LOG_*) are dropped. */
void chy_log_start(const char *process, int level);
/* One line.  cx may be NULL; its request id, if any, is in the line.  No secrets. */
void chy_log(const struct chy_ctx *cx, int level, const char *f, ...)
    __attribute__((format(printf, 3, 4)));
/* One line for the problem that ended a unit of work, with the place that recorded it. */
void chy_log_problem(const struct chy_ctx *cx, int level, const char *what);
/* Further members: pairs of "name", "value" as a json_t object, released here. */
void chy_log_event(const struct chy_ctx *cx, int level, const char *what, json_t *members);

#endif
