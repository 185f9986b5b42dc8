/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the host table: only files of this folder include it.  Each function is the member of
 * struct chy_host of the same name; extension.h says what it means. */
#ifndef CHY_EXT_HOST_PART_H
#define CHY_EXT_HOST_PART_H

#include "core/base/problem.h"

/* Which stages may call a function: a mask of 1 << enum chy_stage. */
#define CHY_AT(stage) (1u << CHY_STAGE_##stage)
#define CHY_AT_DATABASE (CHY_AT(REQUEST) | CHY_AT(STEP) | CHY_AT(JOB) | CHY_AT(COMMAND))
#define CHY_AT_NETWORK (CHY_AT(PROBE) | CHY_AT(COMMAND))

/* Refuse, with a note naming module and function, a call from a stage that is not in mask. */
enum chy_rc CHY_CHECK chy_host_allow(struct chy_ctx *cx, unsigned mask, const char *function);
/* Refuse what this version does not serve. */
enum chy_rc CHY_CHECK chy_host_unserved(struct chy_ctx *cx, const char *function);
/* Name of the module that runs now, for logs. */
const char *chy_host_module(const struct chy_ctx *cx);

/* host_data.c */
const json_t *chy_host_policy_get(struct chy_ctx *cx, const char *kind, const char *name);
void chy_host_policy_each(struct chy_ctx *cx, const char *kind,
                          void (*visit)(void *arg, const char *name, const json_t *doc), void *arg);
const char *chy_host_policy_revision(struct chy_ctx *cx);
enum chy_rc CHY_CHECK chy_host_secret(struct chy_ctx *cx, const char *reference,
                                      const uint8_t **ret, size_t *ret_n);
enum chy_rc CHY_CHECK chy_host_db(struct chy_ctx *cx, const struct chy_sql *q,
                                  const struct chy_arg *args, size_t n_args, struct chy_rows **ret);
size_t chy_host_rows_count(const struct chy_rows *r);
bool chy_host_row_null(const struct chy_rows *r, size_t row, size_t col);
const char *chy_host_row_text(const struct chy_rows *r, size_t row, size_t col);
int64_t chy_host_row_int(const struct chy_rows *r, size_t row, size_t col);
const uint8_t *chy_host_row_bytes(const struct chy_rows *r, size_t row, size_t col, size_t *ret_n);
json_t *chy_host_row_json(struct chy_ctx *cx, const struct chy_rows *r, size_t row, size_t col);
enum chy_rc CHY_CHECK chy_host_dns_query(struct chy_ctx *cx, const char *name, uint16_t rrtype,
                                         struct chy_dns_answer *ret);
enum chy_rc CHY_CHECK chy_host_http(struct chy_ctx *cx, const struct chy_http_query *q,
                                    struct chy_http_answer *ret);
enum chy_rc CHY_CHECK chy_host_tls_dial(struct chy_ctx *cx, const struct chy_tls_query *q,
                                        struct chy_tls_answer *ret);

/* host_order.c */
const struct chy_id *chy_host_account_id(const struct chy_account *a);
const char *chy_host_account_url(struct chy_ctx *cx, const struct chy_account *a);
const char *chy_host_account_thumbprint(const struct chy_account *a);
const struct chy_id *chy_host_order_id(const struct chy_order *o);
const struct chy_account *chy_host_order_account(const struct chy_order *o);
const char *chy_host_order_status(const struct chy_order *o);
const char *chy_host_order_profile(const struct chy_order *o);
const struct chy_ident *chy_host_order_idents(const struct chy_order *o, size_t *ret_n);
const json_t *chy_host_order_state(struct chy_ctx *cx, const struct chy_order *o);
enum chy_rc CHY_CHECK chy_host_order_set_state(struct chy_ctx *cx, struct chy_order *o,
                                               json_t *state);
enum chy_rc CHY_CHECK chy_host_order_set_status(struct chy_ctx *cx, struct chy_order *o,
                                                const char *status);

/* host_unserved.c */
enum chy_rc CHY_CHECK chy_host_order_create(struct chy_ctx *cx, const struct chy_id *account,
                                            const json_t *request, struct chy_order **ret);
enum chy_rc CHY_CHECK chy_host_order_reissue(struct chy_ctx *cx, const struct chy_id *orders,
                                             const time_t (*periods)[2], size_t n);
enum chy_rc CHY_CHECK chy_host_order_use_issuer(struct chy_ctx *cx, struct chy_order *o,
                                                const char *issuer, json_t *params);
enum chy_rc CHY_CHECK chy_host_order_public(struct chy_ctx *cx, struct chy_order *o, bool on);
enum chy_rc CHY_CHECK chy_host_authz_grant(struct chy_ctx *cx, struct chy_order *o,
                                           const struct chy_ident *id, json_t *grant);
enum chy_rc CHY_CHECK chy_host_outbox(struct chy_ctx *cx, const char *gateway, const json_t *msg);
enum chy_rc CHY_CHECK chy_host_challenge_wake(struct chy_ctx *cx, const char *lookup_key,
                                              const char *source, const json_t *payload);
enum chy_rc CHY_CHECK chy_host_sign_with(struct chy_ctx *cx, const char *key_reference,
                                         const uint8_t *tbs, size_t n, const uint8_t **ret_sig,
                                         size_t *ret_n);

/* host_message.c */
const char *chy_host_request_method(const struct chy_request *rq);
const char *chy_host_request_var(const struct chy_request *rq, const char *name);
const char *chy_host_request_header(const struct chy_request *rq, const char *name);
const uint8_t *chy_host_request_body(const struct chy_request *rq, size_t *ret_n);
const struct chy_account *chy_host_request_account(const struct chy_request *rq);
const json_t *chy_host_request_payload(const struct chy_request *rq);
STACK_OF(X509) * chy_host_request_peer_chain(const struct chy_request *rq);
const char *chy_host_request_trust_set(const struct chy_request *rq);
const uint8_t *chy_host_request_channel_binding(const struct chy_request *rq, const char *kind,
                                                size_t *ret_n);
void chy_host_reply_status(struct chy_ctx *cx, struct chy_reply *rp, int status);
void chy_host_reply_header(struct chy_ctx *cx, struct chy_reply *rp, const char *name,
                           const char *value);
void chy_host_reply_body(struct chy_ctx *cx, struct chy_reply *rp, const char *content_type,
                         const void *b, size_t n);
void chy_host_reply_json(struct chy_ctx *cx, struct chy_reply *rp, const json_t *object);

/* host_plan.c */
enum chy_rc CHY_CHECK chy_host_plan_san(struct chy_ctx *cx, struct chy_cert_plan *p,
                                        GENERAL_NAME *gn);
enum chy_rc CHY_CHECK chy_host_plan_ext(struct chy_ctx *cx, struct chy_cert_plan *p,
                                        const char *oid, bool critical, const uint8_t *der,
                                        size_t n);
enum chy_rc CHY_CHECK chy_host_plan_subject(struct chy_ctx *cx, struct chy_cert_plan *p,
                                            const char *attribute, const char *value);
enum chy_rc CHY_CHECK chy_host_plan_usage(struct chy_ctx *cx, struct chy_cert_plan *p,
                                          const char *ku_and_eku);
enum chy_rc CHY_CHECK chy_host_plan_ca(struct chy_ctx *cx, struct chy_cert_plan *p, int path_len);
enum chy_rc CHY_CHECK chy_host_plan_validity(struct chy_ctx *cx, struct chy_cert_plan *p,
                                             time_t not_before, time_t not_after);
enum chy_rc CHY_CHECK chy_host_plan_key_must_be(struct chy_ctx *cx, struct chy_cert_plan *p,
                                                const uint8_t spki_sha256[32]);

#endif
