/* SPDX-License-Identifier: Apache-2.0 */
/* Orders in the database. */
#ifndef CHY_STORE_ORDERS_H
#define CHY_STORE_ORDERS_H

#include "core/store/guard.h"
#include "core/store/objects.h"

/* One authorization that a new order needs: an existing valid one is taken, else this is made. */
struct chy_authz_wish {
    struct chy_id id; /* of the one to make                                    */
    struct chy_ident subject;
    bool wildcard;
    size_t n_challenges;
    struct chy_challenge *challenges; /* as offered; type names in types       */
    const char *const *types;
    const json_t *methods; /* challenge types whose grants will do; array of names */
};

/* Which valid authorizations may be taken again. */
struct chy_reuse {
    time_t granted_since; /* proved no earlier                                 */
    time_t valid_until;   /* living at least until then                        */
    time_t made_since;    /* nothing with an older id is looked at             */
};

/* Create the order with its authorizations and challenges, guarded, in one statement.
 * o: id, expires, profile, idents, not_before, not_after, policy_revision, ext are given; status and
 * authzs are set.  pending_until: expiry of new authorizations. */
enum chy_rc CHY_CHECK chy_order_create(struct chy_ctx *cx, const struct chy_guard *g,
                                       struct chy_order *o, const struct chy_authz_wish *wishes,
                                       size_t n_wishes, const struct chy_reuse *reuse,
                                       time_t pending_until);

/* The caller's order, guarded; *ret NULL if there is none or it is somebody else's.  An order whose
 * time is over reads as invalid (core.md NO-09). */
enum chy_rc CHY_CHECK chy_order_read(struct chy_ctx *cx, const struct chy_guard *g,
                                     const struct chy_id *id, struct chy_order **ret);
/* By id, unguarded, without the account. */
enum chy_rc CHY_CHECK chy_order_load(struct chy_ctx *cx, const struct chy_id *id,
                                     struct chy_order **ret);

/* Columns for other statements that return an order; x is the table's alias. */
#define CHY_ORDER_COLUMNS                                                                          \
    "x.id, x.account_id, x.status, extract(epoch FROM x.expires)::bigint, x.profile,"              \
    " x.identifiers, x.authorizations, extract(epoch FROM x.not_before)::bigint,"                  \
    " extract(epoch FROM x.not_after)::bigint, x.error, x.certificate, x.policy, x.ext, x.csr"
#define CHY_ORDER_N_COLUMNS 14
enum chy_rc CHY_CHECK chy_order_from_row(struct chy_ctx *cx, const struct chy_rows *rows,
                                         size_t row, size_t first, struct chy_order **ret);

/* ready -> processing without a record: a worker looks at the world again, then issues.
 * *ret_taken false: the order was not ready, or its time over. */
enum chy_rc CHY_CHECK chy_order_park(struct chy_ctx *cx, const struct chy_order *o,
                                     const uint8_t *csr, size_t csr_n, bool *ret_taken);

/* processing -> invalid with error, unless somebody else has taken it up since o was read; its
 * certificate record, if any, becomes lost and revoked. */
enum chy_rc CHY_CHECK chy_order_fail(struct chy_ctx *cx, const struct chy_order *o,
                                     const json_t *error);

#endif
