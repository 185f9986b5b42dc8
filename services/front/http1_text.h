/* SPDX-License-Identifier: Apache-2.0 */
/* The words of an HTTP/1.1 head: which octets may stand where. */
#ifndef CHY_FRONT_HTTP1_TEXT_H
#define CHY_FRONT_HTTP1_TEXT_H

#include <stdbool.h>
#include <stddef.h>

bool chy_http1_is_digit(char c);
/* Value of a hexadecimal digit, or -1. */
int chy_http1_hex(char c);
/* token of RFC 9110 section 5.6.2: n octets, not none. */
bool chy_http1_is_token(const char *s, size_t n);
/* The octets of an origin-form target (RFC 9112 section 3.2.1, RFC 3986); n octets, the first a slash,
 * with at least two more octets to read behind them. */
bool chy_http1_is_origin(const char *s, size_t n);
/* uri-host [":" port], RFC 9110 section 7.2, without the odder forms of RFC 3986. */
bool chy_http1_is_host(const char *s);

#endif
