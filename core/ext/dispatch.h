/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into modules, fail closed: a missing function is a refusal, cx->module and cx->stage are set
 * while the module runs, a module that returns CHY_ERR without a reason gets one, and one that returns
 * CHY_OK after calling fail is taken at its word of failure.  What a module hands out is checked and
 * bounded before core sees it; a unit of work that has failed already calls no module.
 *
 * Stages while the module runs: request for parse, from_csr, offer, accept, on_new and
 * rendering; probe for probe and recheck; step for step; client for to_csr and solvers; issue for
 * contribute, on_finalize, shape, and for the pure functions permitted, permitted_publicly,
 * authz_subject and covers, which have neither database nor network. */
#ifndef CHY_EXT_DISPATCH_H
#define CHY_EXT_DISPATCH_H

#include "core/ext/registry.h"

/* cx->registry must be set. */
enum chy_rc CHY_CHECK chy_ident_parse(struct chy_ctx *cx, const json_t *object,
                                      struct chy_ident *ret); /* unsupportedIdentifier if unknown */
/* publicly: the profile is marked public, so permitted_publicly has a say too. */
enum chy_rc CHY_CHECK chy_ident_permitted(struct chy_ctx *cx, const struct chy_ident *id,
                                          const json_t *rule, bool publicly);
enum chy_rc CHY_CHECK chy_ident_subject(struct chy_ctx *cx, const struct chy_ident *id,
                                        struct chy_ident *ret, bool *ret_wildcard);
enum chy_rc CHY_CHECK chy_ident_covers(struct chy_ctx *cx, const struct chy_ident *held,
                                       bool held_wildcard, const struct chy_ident *wanted,
                                       bool *ret);
/* All identifiers that the CSR asks for, over all types, as a new array in the arena of
 * {"type","value"}; refuses (badCSR) any claim that no loaded type owns, except claims listed in
 * core as compared-with-profile only (ext:keyUsage, ext:extKeyUsage, ext:basicConstraints,
 * ext:subjectKeyIdentifier, attribute:challengePassword, subject:* other than an owned one). */
enum chy_rc CHY_CHECK chy_csr_idents(struct chy_ctx *cx, X509_REQ *csr, const char *const *claims,
                                     size_t n_claims, json_t **ret);
enum chy_rc CHY_CHECK chy_ident_contribute(struct chy_ctx *cx, const struct chy_ident *id,
                                           const json_t *grant, X509_REQ *csr,
                                           struct chy_cert_plan *plan);
enum chy_rc CHY_CHECK chy_ident_recheck(struct chy_ctx *cx, const struct chy_ident *id,
                                        bool wildcard, const json_t *grant);

enum chy_rc CHY_CHECK chy_challenge_offer(struct chy_ctx *cx, const struct chy_challenge_type *t,
                                          struct chy_challenge *ch, bool *ret_offered);
enum chy_rc CHY_CHECK chy_challenge_accept(struct chy_ctx *cx, const struct chy_challenge_type *t,
                                           struct chy_challenge *ch, const json_t *body);
/* Stage probe while it runs. ret_evidence NULL where the type has no probe. */
enum chy_rc CHY_CHECK chy_challenge_probe(struct chy_ctx *cx, const struct chy_challenge_type *t,
                                          const struct chy_challenge *ch, json_t **ret_evidence);
/* CHY_OK with CHY_V_INVALID: cx->problem holds the reason, always.  CHY_OK with CHY_V_VALID: grant is
 * an object and grant_expires is set, at most max_evidence_age_s away.  CHY_ERR: no verdict. */
enum chy_rc CHY_CHECK chy_challenge_step(struct chy_ctx *cx, const struct chy_challenge_type *t,
                                         struct chy_challenge *ch, const struct chy_event *ev,
                                         struct chy_verdict *ret);

/* A module's own route (413 over its body limit) and job. */
enum chy_rc CHY_CHECK chy_route_call(struct chy_ctx *cx, const struct chy_route *r,
                                     struct chy_request *rq, struct chy_reply *rp);
enum chy_rc CHY_CHECK chy_job_call(struct chy_ctx *cx, const struct chy_job *j, uint32_t *ret_done);

/* The client's side.  Put into a certificate request what names id. */
enum chy_rc CHY_CHECK chy_ident_to_csr(struct chy_ctx *cx, const struct chy_ident *id,
                                       GENERAL_NAMES *san, STACK_OF(X509_EXTENSION) * extensions);
/* All of one order's challenges that the solver takes. */
enum chy_rc CHY_CHECK chy_solver_prepare(struct chy_ctx *cx, const struct chy_solver *s,
                                         struct chy_task *tasks, size_t n, const json_t *options,
                                         void **ret_state);
enum chy_rc CHY_CHECK chy_solver_clean(struct chy_ctx *cx, const struct chy_solver *s,
                                       struct chy_task *tasks, size_t n, const json_t *options,
                                       void *state);

/* Over all loaded modules, in load order.  Rendering adds members; one that is there already is an
 * internal fault of the module. */
enum chy_rc CHY_CHECK chy_directory_extend(struct chy_ctx *cx, json_t *dir, json_t *meta);
enum chy_rc CHY_CHECK chy_order_render_extend(struct chy_ctx *cx, const struct chy_order *o,
                                              json_t *object);
enum chy_rc CHY_CHECK chy_order_on_new(struct chy_ctx *cx, struct chy_order *o, const json_t *req,
                                       enum chy_authz_need *ret_need);
enum chy_rc CHY_CHECK chy_order_on_finalize(struct chy_ctx *cx, struct chy_order *o, X509_REQ *csr,
                                            struct chy_cert_plan *plan);
enum chy_rc CHY_CHECK chy_profile_shape(struct chy_ctx *cx, const char *shape,
                                        const struct chy_order *o, X509_REQ *csr,
                                        struct chy_cert_plan *plan);

#endif
