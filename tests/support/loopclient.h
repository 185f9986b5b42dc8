/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two files of the loopback fixture. */
#ifndef CHY_TESTS_LOOPCLIENT_H
#define CHY_TESTS_LOOPCLIENT_H

#include "tests/support/loopback.h"

/* A context with nothing but an arena, on the real clock. */
struct chy_ctx *loop_cx_new(void);
void loop_cx_free(struct chy_ctx *cx);
/* Abort with what is recorded in cx unless rc is CHY_OK. */
void loop_must(const struct chy_ctx *cx, enum chy_rc rc, const char *what);
void loop_client_free(struct loop_client *c);

#endif
