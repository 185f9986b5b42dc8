/* SPDX-License-Identifier: Apache-2.0 */
/* A host for modules under test: a context with an arena and a movable clock, and a whole host table.
 * Network, database, policy and secrets answer what the test wrote down before; certificate plan,
 * outbox and the like take everything and note it, call by call, in fake_calls().  The rest
 * (memory, problems, requests and replies, orders in memory) is the real host's.
 *
 *   struct chy_ctx *cx = fake_cx_new(CHY_STAGE_PROBE);
 *   fake_module(cx, &chy_module);
 *   fake_http(cx, "http://a.example/x", 200, "text");
 *   ... call the module's functions with cx ...
 *   fake_cx_free(cx);
 */
#ifndef CHY_TESTS_FAKEHOST_H
#define CHY_TESTS_FAKEHOST_H

#include "core/base/cx.h"

#define FAKE_NOW 1795514400 /* 2026-11-24T10:00:00Z */

/* A context with an arena, the fake host's clock at FAKE_NOW and nothing scripted. */
struct chy_ctx *fake_cx_new(enum chy_stage stage);
void fake_cx_free(struct chy_ctx *cx);
/* Hand the module its host and let cx be its unit of work from here on. */
void fake_module(struct chy_ctx *cx, const struct chy_module *module);
/* Forget a recorded failure and go on in another stage. */
void fake_stage(struct chy_ctx *cx, enum chy_stage stage);
/* Move the clock. */
void fake_clock_add(struct chy_ctx *cx, long seconds);
/* What token returns next time; after that, and by default, it is made of real randomness. */
void fake_token(struct chy_ctx *cx, const char *token);

/* ---- what happened ------------------------------------------------------- */

/* Array of [function, argument text ...], in order. */
const json_t *fake_calls(struct chy_ctx *cx);
/* How often that function was called. */
size_t fake_count(struct chy_ctx *cx, const char *function);
/* Does the recorded problem have that type ("malformed") and does its detail contain text? */
bool fake_failed_with(struct chy_ctx *cx, const char *type, const char *text);

/* ---- network ------------------------------------------------------------- */

/* Answer to a DNS question; records are added one by one.  What is not scripted is NXDOMAIN. */
void fake_dns(struct chy_ctx *cx, const char *name, uint16_t rrtype, int rcode,
              enum chy_dnssec dnssec, const char *canonical);
void fake_dns_record(struct chy_ctx *cx, const char *name, uint16_t rrtype, const void *rdata,
                     size_t n);
/* The same for TXT: NULL-terminated character-strings of one record.  Scripts NOERROR, secure. */
void fake_dns_txt(struct chy_ctx *cx, const char *name, const char *const *strings);
void fake_dns_fails(struct chy_ctx *cx, const char *name, uint16_t rrtype,
                    const struct chy_problem_type *type, const char *detail);

/* Answer to an HTTP request for a URL, cut at the query's max_body as the host does.  What is not
 * scripted is a refused connection. */
void fake_http(struct chy_ctx *cx, const char *url, long status, const char *body);
void fake_http_octets(struct chy_ctx *cx, const char *url, long status, const void *body, size_t n);
void fake_http_fails(struct chy_ctx *cx, const char *url, const struct chy_problem_type *type,
                     const char *detail);
/* The latest query, or NULL. */
const struct chy_http_query *fake_http_query(struct chy_ctx *cx);

/* Answer to a TLS connection to a host; peer stays the test's.  What is not scripted is a refused
 * connection. */
void fake_tls(struct chy_ctx *cx, const char *host, const char *alpn, X509 *peer);
void fake_tls_fails(struct chy_ctx *cx, const char *host, const struct chy_problem_type *type,
                    const char *detail);
/* The latest query, or NULL. */
const struct chy_tls_query *fake_tls_query(struct chy_ctx *cx);

/* ---- policy, secrets, database ------------------------------------------- */

void fake_policy(struct chy_ctx *cx, const char *kind, const char *name, const char *json);
void fake_secret(struct chy_ctx *cx, const char *reference, const char *text);
/* Rows that the statement of that name returns from now on, as JSON: [["a", 1, null], ...].
 * A column that is read with row_bytes is given as its text.  What is not scripted has no rows. */
void fake_db(struct chy_ctx *cx, const char *statement, const char *rows);

/* ---- accounts and orders ------------------------------------------------- */

struct chy_account *fake_account(struct chy_ctx *cx);
/* status "pending", profile "web", one identifier. */
struct chy_order *fake_order(struct chy_ctx *cx, const char *ident_type, const char *ident_value);

/* ---- certificate plan ---------------------------------------------------- */

/* A plan that takes everything and notes it in fake_calls: ["plan_san", "DNS:a.example"], ... */
struct chy_cert_plan *fake_plan(struct chy_ctx *cx);

/* A certificate request with a fresh P-256 key, signed: subject is "/CN=a.example/O=x" or "", san is
 * in OpenSSL's form ("DNS:a.example,IP:192.0.2.1") or NULL.  Released with the context. */
X509_REQ *fake_csr(struct chy_ctx *cx, const char *subject, const char *san);

#endif
