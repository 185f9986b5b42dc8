/* SPDX-License-Identifier: Apache-2.0 */
/* What the solvers of this module share: the client's side of its challenges. */
#ifndef CHY_DNS_SOLVE_H
#define CHY_DNS_SOLVE_H

#include "dns.h"

extern const struct chy_solver dns_solve_http, dns_solve_webroot, dns_solve_update, dns_solve_exec,
    dns_solve_tls;

/* The value of an option; NULL if it was not given and has no default. */
const char *dns_option(const json_t *options, const char *name);
/* A number of min..max; the refusal names the option. */
enum chy_rc CHY_CHECK dns_option_count(struct chy_ctx *cx, const json_t *options, const char *name,
                                       unsigned min, unsigned max, unsigned *ret);
/* Owner and value of the TXT record that proves a task by dns-01 (RFC 8555 section 8.4). */
enum chy_rc CHY_CHECK dns_txt_of(struct chy_ctx *cx, const struct chy_task *task,
                                 const char **ret_name, char ret_value[44]);

/* ---- solve_listen.c: a small listener in a thread of its own ------------------ */

/* One connection.  All that is done with it ends at a deadline, or when the listener ends. */
struct dns_conn {
    int fd; /* not blocking */
    int timer, stop;
};
/* Wait until the connection is ready for POLLIN or POLLOUT; false: its time is over. */
bool dns_conn_wait(const struct dns_conn *c, short events);

struct dns_listener;
struct dns_service {
    const char *address; /* numeric, or NULL: every address                         */
    unsigned port;
    const char *option; /* that chose the port: for the refusal                     */
    void (*serve)(void *arg, const struct dns_conn *c); /* in a thread; no cx there  */
    void *arg;
};
enum chy_rc CHY_CHECK dns_listen(struct chy_ctx *cx, const struct dns_service *s,
                                 struct dns_listener **ret);
/* Close it, and wait until nothing is served any more. */
void dns_listen_end(struct dns_listener *l);

/* ---- solve_http.c, for its test --------------------------------------------- */

/* The answer to one HTTP request of n octets that may not be whole yet.  NULL: more is needed.
 * tokens, proofs: n_tasks of each.  Written to out of room octets. */
const char *dns_http_answer(const char *request, size_t n, const struct chy_task *tasks,
                            size_t n_tasks, char *out, size_t room);

/* ---- solve_key.c ----------------------------------------------------------- */

#define DNS_KEY_NAME_MAX 255
#define DNS_KEY_SECRET_MAX 1024

struct dns_key {
    char name[DNS_KEY_NAME_MAX + 1];
    char algorithm[32];                  /* "hmac-sha256" */
    char secret[DNS_KEY_SECRET_MAX + 1]; /* base64 */
};
/* Read a TSIG key: "algorithm:name:secret" as kdig and knot's keymgr print it, or named's
 * key "name" { algorithm x; secret "y"; };  Returns NULL, or what is wrong. */
const char *dns_key_read(const char *text, size_t n, struct dns_key *ret);

#endif
