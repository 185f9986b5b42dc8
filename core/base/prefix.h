/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of addresses: "10.0.0.0/8", "2001:db8::/32", "192.0.2.1". */
#ifndef CHY_BASE_PREFIX_H
#define CHY_BASE_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct chy_prefix {
    int family; /* AF_INET or AF_INET6 */
    uint8_t b[16];
    unsigned bits; /* 0..32 or 0..128; those of b behind them are 0 */
};

/* Read one.  text: a range, or an address, which is the range of itself alone.  False, and *ret is
 * untouched, if it is neither or has bits set behind the prefix ("10.0.0.1/8"). */
bool chy_prefix_read(struct chy_prefix *ret, const char *text);
/* Is the address in it?  False for a family that is neither IPv4 nor IPv6. */
bool chy_prefix_has(const struct chy_prefix *p, const struct sockaddr *sa);
/* The same for n octets of a certificate's iPAddress; false unless n is 4 or 16 as p's family has. */
bool chy_prefix_has_octets(const struct chy_prefix *p, const uint8_t *octets, size_t n);
/* Is inner within p, or p itself? */
bool chy_prefix_covers(const struct chy_prefix *p, const struct chy_prefix *inner);
/* The octets of an address, or NULL for a family that is neither IPv4 nor IPv6. */
const uint8_t *chy_sockaddr_octets(const struct sockaddr *sa);

#endif
