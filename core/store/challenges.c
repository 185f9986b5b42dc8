/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges: the lease is due_at itself.  A claim moves it into the future and leaves its mark; a
 * verdict must carry that mark. */
#include "core/store/challenges.h"

#include <string.h>

#include "core/base/b64.h"
#include "core/base/id.h"
#include "core/base/problem.h"
#include "core/base/random.h"

static const struct chy_sql q_respond = {
    "challenge_respond",
    "WITH a AS (UPDATE authorizations SET attempting = $2::smallint WHERE id = $1::bytea"
    "   AND status = 'pending' AND expires > to_timestamp($5)"
    "   AND (attempting IS NULL OR attempting = $2::smallint) RETURNING id)"
    ", c AS (UPDATE challenges SET status = 'processing', key_authorization = $3::text,"
    "   response = $4::jsonb, due_at = to_timestamp($5), shown = $7::jsonb, secret = $8::jsonb "
    "FROM a"
    "   WHERE authorization_id = $1::bytea AND a.id = authorization_id AND n = $2::smallint"
    "   AND challenges.status = 'pending' RETURNING 1)"
    /* a: this challenge is the one in work, by now or since before; or it was decided meanwhile */
    " SELECT EXISTS (SELECT 1 FROM a) OR EXISTS (SELECT 1 FROM challenges"
    "   WHERE authorization_id = $1::bytea AND n = $2::smallint AND status <> 'pending'),"
    " EXISTS (SELECT 1 FROM c), CASE WHEN $6::boolean THEN pg_notify('" CHY_WORK_CHANNEL
    "', '')::text END"};

enum chy_rc chy_challenge_respond(struct chy_ctx *cx, const struct chy_challenge *ch,
                                  const char *key_authorization, const json_t *response,
                                  bool notify, bool *ret_taken)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_respond, &rows, CHY_ARG_ID(&ch->authz), CHY_ARG_INT(ch->n),
                     CHY_ARG_TEXT(key_authorization), CHY_ARG_JSON(response),
                     CHY_ARG_TIME(chy_now(cx)), CHY_ARG_BOOL(notify), CHY_ARG_JSON(ch->shown),
                     CHY_ARG_JSON(ch->secret)) != CHY_OK)
        return CHY_ERR;
    *ret_taken = chy_row_bool(rows, 0, 0);
    return CHY_OK;
}

/* A claim may be lost without harm, so it does not wait for the disk. */
static const struct chy_sql q_claim = {
    "challenges_claim",
    "WITH lazy AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))"
    ", due AS (SELECT d.authorization_id, d.n FROM challenges d, lazy"
    "   WHERE d.status = 'processing' AND d.due_at <= to_timestamp($1)"
    "   AND ($5::jsonb ? d.type OR d.deadline <= to_timestamp($1))"
    "   AND (SELECT count(*) FROM challenges r WHERE r.account_id = d.account_id"
    "     AND r.status = 'processing' AND r.claim IS NOT NULL AND r.due_at > to_timestamp($1))"
    "     < $6::integer"
    "   ORDER BY d.due_at LIMIT $3::integer FOR UPDATE OF d SKIP LOCKED)"
    ", c AS (UPDATE challenges t SET due_at = to_timestamp($2), claim = $4::bytea,"
    "   claims = claims + 1 FROM due WHERE t.authorization_id = due.authorization_id"
    "   AND t.n = due.n RETURNING t.*)"
    " SELECT c.authorization_id, c.n, c.type, c.shown, c.secret, c.response, c.key_authorization,"
    " c.lookup_key, c.attempts, extract(epoch FROM c.deadline)::bigint, c.error, a.ident_type,"
    " a.ident_value, a.wildcard, a.account_id, a.policy, u.thumbprint,"
    " c.stepped, c.claims, a.status <> 'pending' OR u.status <> 'valid'"
    " FROM c JOIN authorizations a ON a.id = c.authorization_id"
    " JOIN accounts u ON u.id = a.account_id"};

static enum chy_rc claimed_from_row(struct chy_ctx *cx, const struct chy_rows *r, size_t i,
                                    struct chy_claimed *c)
{
    struct chy_challenge *ch = &c->challenge;
    size_t n = 0;
    const uint8_t *thumbprint = chy_row_bytes(r, i, 16, &n);

    if (!chy_row_id(r, i, 0, &ch->authz) || !chy_row_id(r, i, 14, &c->account_id) ||
        thumbprint == NULL)
        return chy_fault_internal(cx, "ill-formed challenge row");
    ch->n = (unsigned)chy_row_int(r, i, 1);
    c->type = chy_row_text(r, i, 2);
    ch->shown = chy_row_json(cx, r, i, 3);
    ch->secret = chy_row_json(cx, r, i, 4);
    ch->response = chy_row_json(cx, r, i, 5);
    ch->key_authorization = chy_row_text(r, i, 6);
    ch->lookup_key = chy_row_null(r, i, 7) ? NULL : chy_fmt(cx, "%s", chy_row_text(r, i, 7));
    ch->attempts = (unsigned)chy_row_int(r, i, 8);
    ch->deadline = chy_row_int(r, i, 9);
    c->error = chy_row_json(cx, r, i, 10);
    ch->ident.type = chy_row_text(r, i, 11);
    ch->ident.value = ch->ident.shown = chy_row_text(r, i, 12);
    ch->wildcard = chy_row_bool(r, i, 13);
    c->policy_revision = chy_row_text(r, i, 15);
    c->stepped = chy_row_bool(r, i, 17);
    c->claims = (unsigned)chy_row_int(r, i, 18);
    c->hopeless = chy_row_bool(r, i, 19);
    ch->account_thumbprint = chy_b64u(cx, thumbprint, n);
    ch->account_url = chy_fmt(cx, "%s/account/%s", cx->base_url, chy_id_text(cx, &c->account_id));
    return CHY_OK;
}

enum chy_rc chy_challenges_claim(struct chy_ctx *cx, unsigned limit, unsigned lease_s,
                                 const json_t *types, unsigned per_account,
                                 struct chy_claimed **ret, size_t *ret_n)
{
    struct chy_claimed *list;
    struct chy_rows *rows;
    uint8_t claim[16];
    size_t n;

    chy_random(claim, sizeof claim);
    if (chy_db_query(cx, &q_claim, &rows, CHY_ARG_TIME(chy_now(cx)),
                     CHY_ARG_TIME(chy_now(cx) + (time_t)lease_s), CHY_ARG_INT(limit),
                     CHY_ARG_BYTES(claim, sizeof claim), CHY_ARG_JSON(types),
                     CHY_ARG_INT(per_account)) != CHY_OK)
        return CHY_ERR;
    n = chy_rows_count(rows);
    list = chy_alloc(cx, (n + 1) * sizeof *list);
    for (size_t i = 0; i < n; i++) {
        memcpy(list[i].claim, claim, sizeof claim);
        if (claimed_from_row(cx, rows, i, &list[i]) != CHY_OK)
            return CHY_ERR;
    }
    *ret = list;
    *ret_n = n;
    return CHY_OK;
}

/* An order becomes ready with its last authorization: the counter in its own row is what makes two
 * authorizations that turn valid at the same moment see each other (a second reader of the order's
 * row waits for the first and then reads its result; it would not see the other's authorization).
 * The orders are an array, not a join: a plan made while tables are small would read all orders. */
static const struct chy_sql q_prove = {
    "challenge_prove",
    "WITH a AS (UPDATE authorizations SET status = 'valid', expires = to_timestamp($4),"
    "   grant_facts = $5::jsonb, granted_at = to_timestamp($6), attempting = NULL, method = c.type"
    "   FROM challenges c WHERE authorizations.id = $1::bytea AND authorizations.status = 'pending'"
    "   AND authorizations.expires > to_timestamp($6) AND c.authorization_id = $1::bytea"
    "   AND c.n = $2::smallint AND c.status = 'processing' AND c.claim = $3::bytea"
    "   AND EXISTS (SELECT 1 FROM accounts u WHERE u.id = authorizations.account_id"
    "     AND u.status = 'valid')"
    "   RETURNING authorizations.id, authorizations.account_id, authorizations.policy)"
    ", c AS (UPDATE challenges SET status = 'valid', validated = to_timestamp($6), error = NULL,"
    "   due_at = NULL FROM a WHERE authorization_id = $1::bytea AND n = $2::smallint)"
    ", o AS (UPDATE orders SET unproved = unproved - 1, status = CASE WHEN unproved = 1"
    "   THEN 'ready' ELSE status END, expires = LEAST(orders.expires, to_timestamp($4))"
    "   FROM a WHERE orders.id = ANY (ARRAY(SELECT l.order_id FROM order_authorizations l"
    "     WHERE l.authorization_id = $1::bytea)) AND orders.status = 'pending' RETURNING orders.id)"
    ", event AS (INSERT INTO events (id, at, kind, account_id, subject, policy, detail)"
    "   SELECT $7::bytea, to_timestamp($6), 'authorization.valid', account_id, id, policy, "
    "$5::jsonb"
    "   FROM a ON CONFLICT DO NOTHING)"
    " SELECT EXISTS (SELECT 1 FROM a)"};

enum chy_rc chy_challenge_prove(struct chy_ctx *cx, const struct chy_claimed *c,
                                const json_t *grant, time_t expires, bool *ret_done)
{
    struct chy_rows *rows;
    struct chy_id event;

    chy_id_new(cx, &event);
    if (chy_db_query(cx, &q_prove, &rows, CHY_ARG_ID(&c->challenge.authz),
                     CHY_ARG_INT(c->challenge.n), CHY_ARG_BYTES(c->claim, sizeof c->claim),
                     CHY_ARG_TIME(expires), CHY_ARG_JSON(grant), CHY_ARG_TIME(chy_now(cx)),
                     CHY_ARG_ID(&event)) != CHY_OK)
        return CHY_ERR;
    *ret_done = chy_row_bool(rows, 0, 0);
    return CHY_OK;
}

static const struct chy_sql q_postpone = {
    "challenge_postpone",
    "WITH c AS (UPDATE challenges SET error = $4::jsonb, secret = $5::jsonb, shown = $7::jsonb,"
    "   due_at = to_timestamp($6), stepped = true, claim = NULL, claims = 0,"
    "   attempts = attempts + CASE WHEN $8::boolean THEN 1 ELSE 0 END WHERE authorization_id = "
    "$1::bytea AND n = $2::smallint"
    "   AND status = 'processing' AND claim = $3::bytea RETURNING 1)"
    " SELECT EXISTS (SELECT 1 FROM c)"};

enum chy_rc chy_challenge_postpone(struct chy_ctx *cx, const struct chy_claimed *c, bool failed,
                                   const json_t *error, time_t due_at, bool *ret_done)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_postpone, &rows, CHY_ARG_ID(&c->challenge.authz),
                     CHY_ARG_INT(c->challenge.n), CHY_ARG_BYTES(c->claim, sizeof c->claim),
                     CHY_ARG_JSON(error), CHY_ARG_JSON(c->challenge.secret), CHY_ARG_TIME(due_at),
                     CHY_ARG_JSON(c->challenge.shown), CHY_ARG_BOOL(failed)) != CHY_OK)
        return CHY_ERR;
    *ret_done = chy_row_bool(rows, 0, 0);
    return CHY_OK;
}

static const struct chy_sql q_refuse = {
    "challenge_refuse",
    "WITH c AS (UPDATE challenges SET status = 'invalid', error = $4::jsonb, due_at = NULL"
    "   WHERE authorization_id = $1::bytea AND n = $2::smallint AND status = 'processing'"
    "   AND claim = $3::bytea RETURNING 1)"
    ", a AS (UPDATE authorizations SET status = 'invalid', attempting = NULL FROM c"
    "   WHERE id = $1::bytea AND status = 'pending' RETURNING id, account_id, policy, ident_type,"
    "   ident_value)"
    ", o AS (UPDATE orders SET status = 'invalid', error = jsonb_build_object('type', "
    "$4::jsonb->'type',"
    "   'status', $4::jsonb->'status', 'detail', 'authorization failed for ' || a.ident_type || ' "
    "' ||"
    "   a.ident_value || ': ' || ($4::jsonb->>'detail'))"
    "   FROM a WHERE orders.id = ANY (ARRAY(SELECT l.order_id FROM order_authorizations l"
    "     WHERE l.authorization_id = $1::bytea)) AND orders.status = 'pending' RETURNING orders.id)"
    ", event AS (INSERT INTO events (id, at, kind, account_id, subject, policy, detail)"
    "   SELECT $6::bytea, to_timestamp($5), 'authorization.invalid', account_id, id, policy, "
    "$4::jsonb"
    "   FROM a ON CONFLICT DO NOTHING)"
    " SELECT EXISTS (SELECT 1 FROM c)"};

enum chy_rc chy_challenge_refuse(struct chy_ctx *cx, const struct chy_claimed *c,
                                 const json_t *error, bool *ret_done)
{
    struct chy_rows *rows;
    struct chy_id event;

    chy_id_new(cx, &event);
    if (chy_db_query(cx, &q_refuse, &rows, CHY_ARG_ID(&c->challenge.authz),
                     CHY_ARG_INT(c->challenge.n), CHY_ARG_BYTES(c->claim, sizeof c->claim),
                     CHY_ARG_JSON(error), CHY_ARG_TIME(chy_now(cx)), CHY_ARG_ID(&event)) != CHY_OK)
        return CHY_ERR;
    *ret_done = chy_row_bool(rows, 0, 0);
    return CHY_OK;
}
