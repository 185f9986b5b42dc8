/* SPDX-License-Identifier: Apache-2.0 */
/* The header by which a load balancer says who its client is: version 2 of the PROXY protocol
 * (HAProxy's doc/proxy-protocol.txt).  No input or output of its own, so that a fuzzer can drive it. */
#ifndef CHY_FRONT_PROXY2_H
#define CHY_FRONT_PROXY2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Octets of a whole header: the smallest TCP segment that every host takes, section 2 of the text. */
#define CHY_PROXY2_MAX 536u

enum chy_proxy2_state {
    CHY_PROXY2_MORE,    /* the header is not complete              */
    CHY_PROXY2_DONE,    /* see client and local                    */
    CHY_PROXY2_REFUSED, /* see reason; the connection must end     */
};

/* Begins as {0}. */
struct chy_proxy2 {
    enum chy_proxy2_state state;
    const char *reason; /* of a refusal: a fixed text, for the log */
    bool local;         /* the balancer speaks for itself (a health check): there is no client */
    struct sockaddr_storage client; /* IPv4 or IPv6, unless local                      */
    size_t n;
    uint8_t b[CHY_PROXY2_MAX];
};

/* How many octets to read next: never more than the header has, so that what follows it stays in the
 * socket.  0: it is done or refused. */
size_t chy_proxy2_wanted(const struct chy_proxy2 *p);
/* Take octets, at most as many as wanted. */
enum chy_proxy2_state chy_proxy2_feed(struct chy_proxy2 *p, const uint8_t *b, size_t n);

#endif
