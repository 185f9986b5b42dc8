/* SPDX-License-Identifier: Apache-2.0 */
/* The whole ACME server in one process, without sockets to clients: handlers over a throw-away
 * database, the modules of CHY_TEST_MODULES, a policy directory of its own and a real signer.
 *
 *   struct loopback *lb = loopback_open(NULL);
 *   struct loop_client *c = loop_client_new(lb, "ES256");
 *   loop_register(c);
 *   struct loop_reply *r = loop_order(c, "www.shop.example");
 *   ...
 *   loopback_close(lb);
 *
 * What cannot go wrong but by the fixture's own fault aborts; what the server answers is returned, and
 * functions whose name says so check it.  Sending never checks, so that threads may do it. */
#ifndef CHY_TESTS_LOOPBACK_H
#define CHY_TESTS_LOOPBACK_H

#include <pthread.h>

#include "core/acme/serve.h"
#include "core/pki/authority.h"
#include "services/signer/signerd.h"
#include "tests/support/testdb.h"

#define LOOP_BASE "https://ca.loop.example/acme"
#define LOOP_PUBLIC "http://ca.loop.example"

/* The profile "web" as the fixture writes it; loop_web puts a changed one in force. */
#define LOOP_NAMES "\"*.shop.example\", shop.example"
#define LOOP_CHALLENGES "http-01, dns-01"
#define LOOP_KEYS "ec-p256, ec-p384, rsa-2048..4096"

struct loop_client;

struct loopback {
    struct chy_ctx *cx; /* its arena lives as long as the fixture */
    char *dir;
    struct testdb db;
    void *sql; /* PGconn of loop_sql */
    struct chy_authority ca;
    struct chy_node node;
    struct chy_server *server;
    struct chy_signer_state signer;
    pthread_t signer_thread;
    int signer_listens, signer_stops; /* -1: down */
    size_t n_clients;
    struct loop_client *clients[256];
};

/* modules: NULL-terminated names, NULL for dns alone. */
struct loopback *loopback_open(const char *const *modules);
void loopback_close(struct loopback *lb);

/* ---- the world around the server ----------------------------------------- */

/* Write a file of the policy directory, or remove it (text NULL); nothing changes before loop_reload. */
void loop_policy(struct loopback *lb, const char *file, const char *text);
/* The profile "web", each argument the inside of a list. */
char *loop_web_text(struct loopback *lb, const char *names, const char *challenges,
                    const char *keys);
/* Make the server read its policy again; fails the test if it refuses. */
void loop_reload(struct loopback *lb);
/* loop_web_text into force. */
void loop_web(struct loopback *lb, const char *names, const char *challenges, const char *keys);
/* Everybody's clock, as seconds from now; nonces at hand are forgotten. */
void loop_clock(struct loopback *lb, long seconds);
void loop_signer_up(struct loopback *lb);
void loop_signer_down(struct loopback *lb);
/* Run SQL; the first value of the first row or NULL.  Arena. */
char *loop_sql(struct loopback *lb, const char *f, ...) __attribute__((format(printf, 2, 3)));
long loop_sql_int(struct loopback *lb, const char *f, ...) __attribute__((format(printf, 2, 3)));
/* The id at the end of a URL (".../order/ID", ".../order/ID/finalize") as SQL: '\x..'::bytea. */
char *loop_id(struct loopback *lb, const char *url);
/* Every challenge that is being validated is found proved, as a worker would write it. */
void loop_prove_all(struct loopback *lb);

/* ---- clients --------------------------------------------------------------- */

struct loop_reply {
    int status;
    size_t n_headers;
    struct chy_header headers[CHY_REPLY_HEADERS];
    const char *type; /* Content-Type */
    const char *body;
    size_t body_len;
    const json_t *json; /* NULL if body is no JSON object */
};

/* An account's key with what one thread of the server has; used by one thread at a time. */
struct loop_client {
    struct loopback *lb;
    struct chy_ctx *cx; /* its arena holds every reply */
    void *thread;
    EVP_PKEY *key;
    const char *kid; /* NULL: not registered */
    char nonce[128]; /* the next to use, "": ask for one */
};

/* A new key; closed with the fixture. */
struct loop_client *loop_client_new(struct loopback *lb, const char *alg);
/* The same account for another thread. */
struct loop_client *loop_client_twin(const struct loop_client *c);
/* A client that is registered already. */
struct loop_client *loop_account(struct loopback *lb);

/* Header of the reply, the first of that name, or NULL. */
const char *loop_header(const struct loop_reply *r, const char *name);
/* Member of the body, NULL if it is not there or no string. */
const char *loop_text(const struct loop_reply *r, const char *member);

/* One request as it stands; content_type and body may be NULL.  Keeps a nonce that comes back. */
struct loop_reply *loop_send(struct loop_client *c, const char *method, const char *url,
                             const char *content_type, const char *body);
/* A nonce that was never used. */
const char *loop_nonce(struct loop_client *c);
/* A protected header for url with a good nonce, by kid if there is one. */
json_t *loop_head(struct loop_client *c, const char *url);
/* Sign with that header and send to url. */
struct loop_reply *loop_post_as(struct loop_client *c, const char *url, const json_t *head,
                                const char *payload);
/* The same with loop_head.  payload "" is POST-as-GET. */
struct loop_reply *loop_post(struct loop_client *c, const char *url, const char *payload);
struct loop_reply *loop_get(struct loop_client *c, const char *method, const char *url);

/* Fail the test unless the reply has that status; returns it. */
struct loop_reply *loop_ok(struct loop_reply *r, int status);
/* Fail the test unless it is a problem document of that type and status with words in its detail. */
struct loop_reply *loop_refused(struct loop_reply *r, int status, const char *type,
                                const char *words);

/* ---- journeys -------------------------------------------------------------- */

/* newAccount; sets kid. */
void loop_register(struct loop_client *c);
/* Payload of newOrder for dns names separated by spaces. */
char *loop_order_payload(struct loop_client *c, const char *names);
/* newOrder, 201. */
struct loop_reply *loop_order(struct loop_client *c, const char *names);
/* Answer the first challenge of that authorization and prove it. */
void loop_prove(struct loop_client *c, const char *authz);
/* A new order with everything proved; its URL. */
const char *loop_ready(struct loop_client *c, const char *names);
/* The order as it stands. */
struct loop_reply *loop_read(struct loop_client *c, const char *order);
/* Fail the test unless the order's status is that. */
void loop_status(struct loop_client *c, const char *order, const char *status);

/* A certificate request; zeros: a new P-256 key, no common name. */
struct loop_csr {
    EVP_PKEY *key;
    const char *san; /* "DNS:a,DNS:b" as in openssl.cnf; NULL: none */
    const char *common_name;
};
/* Payload of finalize. */
char *loop_csr(struct loop_client *c, const struct loop_csr *csr);
/* finalize with dns names separated by spaces, a new key. */
struct loop_reply *loop_finalize(struct loop_client *c, const char *order, const char *names);
/* finalize with a payload that was made before. */
struct loop_reply *loop_finalize_with(struct loop_client *c, const char *order,
                                      const char *payload);

#endif
