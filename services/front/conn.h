/* SPDX-License-Identifier: Apache-2.0 */
/* One client connection, from accept to close.  All functions: the I/O thread of io only. */
#ifndef CHY_FRONT_CONN_H
#define CHY_FRONT_CONN_H

#include "services/front/io.h"

#define CHY_DRAIN_FRESH_MS 2000 /* for connections that a drain finds without a request */

/* Takes over fd; closes it at once when there are too many connections. */
void chy_conn_new(struct chy_io *io, struct chy_listen *listen, int fd, const struct sockaddr *sa);
/* Send the answer of w, unless its connection has gone meanwhile; releases w. */
void chy_conn_answer(struct chy_work *w);
/* Close what is idle; the others end with their next answer. */
void chy_conn_drain_all(struct chy_io *io);
/* Cut all; their requests become nobody's. */
void chy_conn_free_all(struct chy_io *io);

#endif
