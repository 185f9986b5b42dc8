/* SPDX-License-Identifier: Apache-2.0 */
/* A front in this process on ports of the kernel's choice, and clients of it, for tests.  Everything
 * fails the running test when it does not work. */
#ifndef CHY_TESTS_FRONTSERVER_H
#define CHY_TESTS_FRONTSERVER_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "services/front/front.h"

struct front_server {
    struct chy_ctx *cx;
    struct chy_front_listener listeners[2]; /* 0: TLS, 1: plain */
    struct chy_front_config config;
    struct chy_front *front;
    pthread_t thread;
    enum chy_rc rc;
    char dir[64], crt[96], key[96];

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;                      /* lets "/slow" go on */
    unsigned entered, runs, states; /* in "/slow" now or before; of any handler; thread states */
    unsigned fds;                   /* open before */
};

/* cmocka fixtures: settings that a test may change before it starts the server; at the end everything
 * is stopped, and no descriptor and no thread state may be left. */
int front_server_setup(void **state);
int front_server_teardown(void **state);
void front_server_start(struct front_server *s);
void front_server_stop(struct front_server *s);
/* A new self-signed certificate of that common name in the files that the listener reads. */
void front_server_certificate(const struct front_server *s, const char *name);
/* Let requests of "/slow" be answered. */
void front_server_open(struct front_server *s);
/* Until n requests of "/slow" have begun. */
void front_server_wait(struct front_server *s, unsigned n);
/* How many requests have reached the handler. */
unsigned front_server_runs(struct front_server *s);

struct front_client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    char got[8192]; /* what has come and was not taken yet */
    size_t n;
};

/* listener: 0 is the TLS one, 1 the plain one. */
void front_client_plain(struct front_client *c, const struct front_server *s, size_t listener);
/* A TLS client on a plain connection, before the handshake. */
void front_client_add_tls(struct front_client *c);
void front_client_tls(struct front_client *c, const struct front_server *s);
void front_client_close(struct front_client *c);
/* Close with a TCP reset. */
void front_client_reset(struct front_client *c);
/* False: the server takes no more. */
bool front_client_try(struct front_client *c, const void *b, size_t n);
void front_client_say(struct front_client *c, const char *text);
/* More octets into got; false: the server has closed, or patience (10 s) is over. */
bool front_client_read(struct front_client *c);
/* One whole answer with the given status; returns its head, ret_body (or NULL) its body.  Both are good
 * until the next call. */
const char *front_client_answer(struct front_client *c, int status, const char **ret_body);
void front_client_expect_end(struct front_client *c);

#endif
