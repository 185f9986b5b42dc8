/* SPDX-License-Identifier: Apache-2.0 */
/* Strict HTTP/1.1 (RFC 9112): octets to one request, one reply to octets.  No input or output of its
 * own, no clock, no globals, so that a fuzzer can drive it. */
#ifndef CHY_FRONT_HTTP1_H
#define CHY_FRONT_HTTP1_H

#include "core/net/message.h"

/* Bounds of one request.  Whatever is longer is refused before it is stored. */
struct chy_http1_limits {
    size_t line;    /* octets of the request line: 414           */
    size_t head;    /* octets of request line and headers: 431   */
    size_t headers; /* number of header lines: 431               */
    size_t body;    /* octets of the body, chunks joined: 413    */
};
/* RFC 9112 section 3 recommends 8,000 octets for the line; 64 KiB hold an order of 100 names. */
#define CHY_HTTP1_LIMITS ((struct chy_http1_limits){8192, 16384, 64, 65536})

enum chy_http1_state {
    CHY_HTTP1_HEAD,    /* the head is not complete                         */
    CHY_HTTP1_BODY,    /* the head is complete and right, the body is not  */
    CHY_HTTP1_DONE,    /* one request: see chy_http1_request               */
    CHY_HTTP1_REFUSED, /* see chy_http1_refuse; the connection must end   */
};

/* One request on its way in.  Takes memory as octets come, never more than the limits plus the next
 * power of two. */
struct chy_http1;

struct chy_http1 *chy_http1_new(const struct chy_http1_limits *limits);
/* NULL is allowed. */
void chy_http1_free(struct chy_http1 *p);

/* Take octets of the connection, in pieces of any size: the outcome does not depend on how they are
 * cut.  ret_used: how many belong to this request; the others are the next one's.  After DONE or
 * REFUSED it takes nothing more. */
enum chy_http1_state chy_http1_feed(struct chy_http1 *p, const uint8_t *b, size_t n,
                                    size_t *ret_used);
enum chy_http1_state chy_http1_state(const struct chy_http1 *p);
/* Has anything but one empty line come yet? */
bool chy_http1_started(const struct chy_http1 *p);

/* After REFUSED: the HTTP status, and the reason as a fixed text for a problem's detail. */
int chy_http1_status(const struct chy_http1 *p);
const char *chy_http1_reason(const struct chy_http1 *p);

/* After BODY: does the client wait for "100 Continue" (RFC 9110 section 10.1.1)? */
bool chy_http1_expects_continue(const struct chy_http1 *p);
/* After DONE: fill in what HTTP says; pointers into p, strings without NUL inside. */
void chy_http1_request(const struct chy_http1 *p, struct chy_request *rq);
/* After DONE: may the connection go on? */
bool chy_http1_keep_alive(const struct chy_http1 *p);
/* Octets of memory held, for tests of the bounds. */
size_t chy_http1_memory(const struct chy_http1 *p);

/* The interim answer. */
#define CHY_HTTP1_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* A whole answer in one malloc'ed buffer, so that it goes out in one write and one TLS record.
 * head_only: answer to HEAD, the body's length without the body.  close: announce the end of the
 * connection.  now: for Date. */
uint8_t *chy_http1_answer(const struct chy_reply *rp, bool head_only, bool close, time_t now,
                          size_t *ret_n);
/* What a client is told about a request that no handler saw. */
struct chy_http1_refusal {
    int status;
    const char *reason; /* the problem's detail: printable ASCII without quotes and backslashes */
    unsigned retry_after_s; /* 0: none                                                          */
    bool head_only;         /* the request was HEAD                                             */
    const struct chy_header *headers; /* of the listener                                        */
    size_t n_headers;
};
/* The answer with a problem document and "Connection: close" (RFC 7807), like chy_http1_answer. */
uint8_t *chy_http1_refuse(const struct chy_http1_refusal *r, time_t now, size_t *ret_n);

#endif
