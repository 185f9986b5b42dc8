/* SPDX-License-Identifier: Apache-2.0 */
/* A connection from a load balancer, before it has said who its client is. */
#ifndef CHY_FRONT_PROXIED_H
#define CHY_FRONT_PROXIED_H

#include "services/front/io.h"

/* Takes over fd, which was accepted from proxy; closes it at once when there are too many
 * connections.  Once the PROXY header is there, it is a connection of the client it names; without a
 * good one it is closed, and the log says why.  The I/O thread of io only, like all of these. */
void chy_proxied_new(struct chy_io *io, struct chy_listen *listen, int fd,
                     const struct sockaddr *proxy);
/* Wait no longer than ms for those that are there. */
void chy_proxied_hurry_all(struct chy_io *io, unsigned ms);
void chy_proxied_free_all(struct chy_io *io);

#endif
