/* SPDX-License-Identifier: Apache-2.0 */
/* A web server on 127.0.0.1 whose answers a test writes down, octet by octet: one request, one answer,
 * in order.  An answer with a blank line is completed with Content-Length and sent on a connection that
 * is kept; any other is sent as it is, and the connection closed. */
#ifndef CHY_TESTS_SCRIPTHTTP_H
#define CHY_TESTS_SCRIPTHTTP_H

#include <stddef.h>

struct script;

#define SCRIPT_SILENCE "(nothing, and the connection stays open)"

struct script *script_start(void);
void script_stop(struct script *s);
/* "http://127.0.0.1:PORT"; in answers "@" stands for it. */
const char *script_url(const struct script *s);
/* The next answer; copied. */
void script_answer(struct script *s, const char *text);
/* Requests that have come, and the body of one. */
size_t script_count(struct script *s);
const char *script_body(struct script *s, size_t i);

#endif
