/* SPDX-License-Identifier: Apache-2.0 */
/* The fake host's inside; only its own files include this. */
#ifndef CHY_TESTS_FAKEHOST_STATE_H
#define CHY_TESTS_FAKEHOST_STATE_H

#include "tests/support/fakehost.h"

struct fake_script {
    struct fake_script *next;
    const char *key; /* "dns TYPE NAME", "http URL", "tls HOST" */
    const struct chy_problem_type *fails;
    const char *detail;
    struct chy_dns_answer dns;
    struct chy_http_answer http;
    struct chy_tls_answer tls;
};

struct fake {
    struct chy_ctx cx; /* first: a context is its fake */
    struct fake_script *scripts;
    json_t *calls;
    json_t *policy;  /* kind -> name -> document */
    json_t *secrets; /* reference -> text        */
    json_t *db;      /* statement -> rows        */
    const char *token;
    const struct chy_http_query *http_query;
    const struct chy_tls_query *tls_query;
};

static inline struct fake *fake_of(struct chy_ctx *cx)
{
    return (struct fake *)(void *)cx;
}

/* Note a call: function, then NULL-terminated texts. */
void fake_note(struct chy_ctx *cx, const char *function, ...) __attribute__((sentinel));
/* Refuse, as the host does, a call from a wrong stage. */
enum chy_rc CHY_CHECK fake_in_stage(struct chy_ctx *cx, const char *function, bool right);

/* Members of the table: fakehost_data.c */
void fake_host_policy_each(struct chy_ctx *cx, const char *kind,
                           void (*visit)(void *arg, const char *name, const json_t *doc),
                           void *arg);
const json_t *fake_host_policy_get(struct chy_ctx *cx, const char *kind, const char *name);
const char *fake_host_policy_revision(struct chy_ctx *cx);
enum chy_rc fake_host_secret(struct chy_ctx *cx, const char *reference, const uint8_t **ret,
                             size_t *ret_n);
enum chy_rc fake_host_db(struct chy_ctx *cx, const struct chy_sql *q, const struct chy_arg *args,
                         size_t n_args, struct chy_rows **ret);
size_t fake_host_rows_count(const struct chy_rows *r);
bool fake_host_row_null(const struct chy_rows *r, size_t row, size_t col);
const char *fake_host_row_text(const struct chy_rows *r, size_t row, size_t col);
int64_t fake_host_row_int(const struct chy_rows *r, size_t row, size_t col);
const uint8_t *fake_host_row_bytes(const struct chy_rows *r, size_t row, size_t col, size_t *ret_n);
json_t *fake_host_row_json(struct chy_ctx *cx, const struct chy_rows *r, size_t row, size_t col);
enum chy_rc fake_host_order_use_issuer(struct chy_ctx *cx, struct chy_order *o, const char *issuer,
                                       json_t *params);
enum chy_rc fake_host_order_public(struct chy_ctx *cx, struct chy_order *o, bool on);
enum chy_rc fake_host_order_reissue(struct chy_ctx *cx, const struct chy_id *orders,
                                    const time_t (*periods)[2], size_t n);
enum chy_rc fake_host_order_create(struct chy_ctx *cx, const struct chy_id *account,
                                   const json_t *request, struct chy_order **ret);
enum chy_rc fake_host_authz_grant(struct chy_ctx *cx, struct chy_order *o,
                                  const struct chy_ident *id, json_t *grant);
enum chy_rc fake_host_outbox(struct chy_ctx *cx, const char *gateway, const json_t *msg);
enum chy_rc fake_host_challenge_wake(struct chy_ctx *cx, const char *lookup_key, const char *source,
                                     const json_t *payload);

/* Members of the table: fakehost_plan.c */
enum chy_rc fake_host_plan_san(struct chy_ctx *cx, struct chy_cert_plan *p, GENERAL_NAME *gn);
enum chy_rc fake_host_plan_ext(struct chy_ctx *cx, struct chy_cert_plan *p, const char *oid,
                               bool critical, const uint8_t *der, size_t n);
enum chy_rc fake_host_plan_subject(struct chy_ctx *cx, struct chy_cert_plan *p,
                                   const char *attribute, const char *value);
enum chy_rc fake_host_plan_usage(struct chy_ctx *cx, struct chy_cert_plan *p,
                                 const char *ku_and_eku);
enum chy_rc fake_host_plan_ca(struct chy_ctx *cx, struct chy_cert_plan *p, int path_len);
enum chy_rc fake_host_plan_validity(struct chy_ctx *cx, struct chy_cert_plan *p, time_t not_before,
                                    time_t not_after);
enum chy_rc fake_host_plan_key_must_be(struct chy_ctx *cx, struct chy_cert_plan *p,
                                       const uint8_t spki_sha256[32]);

/* Members of the table: fakehost_net.c */
enum chy_rc fake_host_dns(struct chy_ctx *cx, const char *name, uint16_t rrtype,
                          struct chy_dns_answer *ret);
enum chy_rc fake_host_http(struct chy_ctx *cx, const struct chy_http_query *q,
                           struct chy_http_answer *ret);
enum chy_rc fake_host_tls(struct chy_ctx *cx, const struct chy_tls_query *q,
                          struct chy_tls_answer *ret);

#endif
