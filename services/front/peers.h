/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections there are, in all and by client address. */
#ifndef CHY_FRONT_PEERS_H
#define CHY_FRONT_PEERS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct chy_peers;

struct chy_peers *chy_peers_new(unsigned max, unsigned max_per_address);
void chy_peers_free(struct chy_peers *p);
/* Count one more connection; sa NULL: of a client that is not known yet.  False, and not counted, when
 * that would be too many.  Any thread. */
bool chy_peers_enter(struct chy_peers *p, const struct sockaddr *sa);
/* Count one less, for an address, or NULL, that entered.  Any thread. */
void chy_peers_leave(struct chy_peers *p, const struct sockaddr *sa);
/* How many addresses are counted just now: for tests. */
unsigned chy_peers_addresses(struct chy_peers *p);

/* IPv4 in IPv6 as IPv4, in *buf; any other address itself. */
const struct sockaddr *chy_peers_unmapped(const struct sockaddr *sa, struct sockaddr_in *buf);
/* Numeric text, INET6_ADDRSTRLEN octets; IPv4 in IPv6 as IPv4. */
void chy_peers_text(const struct sockaddr *sa, char *buf);

#endif
