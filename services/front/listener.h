/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: one for each I/O thread, all on one port. */
#ifndef CHY_FRONT_LISTENER_H
#define CHY_FRONT_LISTENER_H

#include <pthread.h>

#include "services/front/front.h"
#include "services/front/tls.h"

struct chy_listen {
    const struct chy_front_listener *config;
    uint16_t port;
    int *fds; /* one for each I/O thread, which takes it over by setting it to -1 */
    unsigned n_fds;
    pthread_mutex_t lock; /* of tls */
    SSL_CTX *tls;         /* NULL: plain */
};

/* Read the certificate, bind and listen.  Fails, naming address and port or file; l is then to be
 * closed like a good one. */
enum chy_rc CHY_CHECK chy_listen_open(struct chy_ctx *cx, const struct chy_front_listener *config,
                                      unsigned n_fds, struct chy_listen *l);
void chy_listen_close(struct chy_listen *l);
/* Read the certificate again; on failure the old one stays. */
enum chy_rc CHY_CHECK chy_listen_reload(struct chy_ctx *cx, struct chy_listen *l);
/* Is a connection from there a load balancer's? */
bool chy_listen_is_proxy(const struct chy_listen *l, const struct sockaddr *sa);
/* A server's end of a new TLS connection, or NULL when memory is out.  Any thread. */
SSL *chy_listen_ssl(struct chy_listen *l);

#endif
