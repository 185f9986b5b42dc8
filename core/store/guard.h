/* SPDX-License-Identifier: Apache-2.0 */
/* What every request's statement begins with: the nonce is spent, and the account is who it was when
 * its signature was verified. */
#ifndef CHY_STORE_GUARD_H
#define CHY_STORE_GUARD_H

#include "core/db/db.h"

/* One request's claim to be let in.  All of it is already authenticated but for two facts that only
 * the database knows: that the nonce was not spent, and that the account still has this key. */
struct chy_guard {
    int32_t quarter; /* of an hour, since the epoch, in which the nonce was made     */
    uint8_t nonce[16];
    int32_t epoch;       /* of the nonce key it was made with                        */
    uint8_t request[16]; /* random: the same request sent again is no replay         */
    struct chy_id account;
    uint8_t thumbprint[32];
};

/* Parameters $1..$4, and $1..$6. */
#define CHY_NONCE_ARGS(g)                                                                          \
    CHY_ARG_INT((g)->quarter), CHY_ARG_BYTES((g)->nonce, 16), CHY_ARG_INT((g)->epoch),             \
        CHY_ARG_BYTES((g)->request, 16)
#define CHY_GUARD_ARGS(g)                                                                          \
    CHY_NONCE_ARGS(g), CHY_ARG_ID(&(g)->account), CHY_ARG_BYTES((g)->thumbprint, 32)

/* The list is UNLOGGED: this insert alone costs no flush.  A nonce of a voided key, or from before
 * what the ring has been swept to, finds no row in nonce_key.  Sending the same statement again after
 * a lost connection finds its own mark. */
#define CHY_WITH_NONCE                                                                             \
    "WITH nonce AS (INSERT INTO nonces_spent AS n (slot, nonce, request)"                          \
    " SELECT ($1::integer % 8)::smallint, $2::bytea, $4::bytea FROM nonce_key"                     \
    " WHERE epoch = $3::integer AND swept <= $1::integer"                                          \
    " ON CONFLICT (slot, nonce) DO UPDATE SET request = n.request"                                 \
    " WHERE n.request = EXCLUDED.request RETURNING 1)"
#define CHY_WITH_ME                                                                                \
    CHY_WITH_NONCE ", me AS (SELECT a.id FROM accounts a, nonce WHERE a.id = $5::bytea"            \
                   " AND a.thumbprint = $6::bytea AND a.status = 'valid')"
/* First columns of the answer, read by chy_guard_check; FROM must go on with LEFT JOIN or end. */
#define CHY_SELECT_NONCE "SELECT EXISTS (SELECT 1 FROM nonce), true"
#define CHY_SELECT_ME "SELECT EXISTS (SELECT 1 FROM nonce), EXISTS (SELECT 1 FROM me)"

/* Spend the nonce, and check the account, for a request that has no statement of its own. */
enum chy_rc CHY_CHECK chy_guard_spend(struct chy_ctx *cx, const struct chy_guard *g);

/* Refuses with badNonce, or unauthorized/401 where the account is no longer valid or has another key. */
enum chy_rc CHY_CHECK chy_guard_check(struct chy_ctx *cx, const struct chy_rows *rows);

#endif
