/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges: answered by a front, claimed and decided by a worker. */
#ifndef CHY_STORE_CHALLENGES_H
#define CHY_STORE_CHALLENGES_H

#include "core/store/guard.h"
#include "core/store/objects.h"

#define CHY_WORK_CHANNEL "chy_work" /* NOTIFY: there is something to claim */

/* pending -> processing, if the authorization is pending and no other challenge of it is being
 * validated (core.md C-07).  *ret_taken: false if not; true also if this challenge was answered
 * already.  ch: shown and secret as accept left them.  notify: also wake the workers. */
enum chy_rc CHY_CHECK chy_challenge_respond(struct chy_ctx *cx, const struct chy_challenge *ch,
                                            const char *key_authorization, const json_t *response,
                                            bool notify, bool *ret_taken);

/* One challenge in a worker's hands until its lease ends. */
struct chy_claimed {
    uint8_t claim[16];
    const char *type;
    struct chy_challenge challenge; /* ident, thumbprint, key authorization, shown, secret, ... */
    json_t *error;                  /* of earlier attempts, or NULL               */
    bool stepped;                   /* its module has seen the start              */
    bool hopeless;                  /* the authorization is not pending, or the account not valid */
    unsigned claims;                /* since its last verdict, this one included  */
    struct chy_id account_id;
    const char *policy_revision;
};

/* Claim up to limit challenges that are due, for lease_s seconds, oldest first: of the types in the
 * array types, and any whose deadline is over; of no account more than per_account at a time.  Loses
 * nothing if the claim is lost: the lease ends and somebody claims again. */
enum chy_rc CHY_CHECK chy_challenges_claim(struct chy_ctx *cx, unsigned limit, unsigned lease_s,
                                           const json_t *types, unsigned per_account,
                                           struct chy_claimed **ret, size_t *ret_n);

/* Verdicts, by compare-and-set on the claim; *ret_done false: somebody else has decided, or the
 * authorization is no longer pending (core.md C-16). */
/* Challenge and authorization valid, every order that waited for it nearer to ready. */
enum chy_rc CHY_CHECK chy_challenge_prove(struct chy_ctx *cx, const struct chy_claimed *c,
                                          const json_t *grant, time_t expires, bool *ret_done);
/* Still processing, looked at again at due_at; what step left in shown and secret is kept.  failed:
 * an attempt failed, with error. */
enum chy_rc CHY_CHECK chy_challenge_postpone(struct chy_ctx *cx, const struct chy_claimed *c,
                                             bool failed, const json_t *error, time_t due_at,
                                             bool *ret_done);
/* Challenge, authorization and every order that waited for it invalid (core.md C-08). */
enum chy_rc CHY_CHECK chy_challenge_refuse(struct chy_ctx *cx, const struct chy_claimed *c,
                                           const json_t *error, bool *ret_done);

#endif
