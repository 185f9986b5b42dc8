/* SPDX-License-Identifier: Apache-2.0 */
/* Orders: creation in one statement, reading, failing. */
#include "core/store/orders.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "core/base/hex.h"
#include "core/base/id.h"
#include "core/base/problem.h"
#include "core/store/authorizations.h"

static json_t *idents_json(struct chy_ctx *cx, const struct chy_order *o)
{
    json_t *list = chy_keep_json(cx, json_array());

    for (size_t i = 0; i < o->n_idents; i++) {
        const struct chy_ident *id = &o->idents[i];
        json_t *j = json_pack("{s:s, s:s}", "type", id->type, "value", id->value);

        if (id->shown != NULL && strcmp(id->shown, id->value) != 0)
            json_object_set_new(j, "shown", json_string(id->shown));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *challenges_json(const struct chy_authz_wish *w)
{
    json_t *list = json_array();

    for (size_t i = 0; i < w->n_challenges; i++) {
        const struct chy_challenge *ch = &w->challenges[i];
        json_t *j =
            json_pack("{s:i, s:s, s:O?, s:O?, s:I}", "n", (int)i, "type", w->types[i], "shown",
                      ch->shown, "secret", ch->secret, "deadline", (json_int_t)ch->deadline);

        if (ch->lookup_key != NULL)
            json_object_set_new(j, "lookup_key", json_string(ch->lookup_key));
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *wishes_json(struct chy_ctx *cx, const struct chy_authz_wish *wishes, size_t n)
{
    json_t *list = chy_keep_json(cx, json_array());

    for (size_t i = 0; i < n; i++) {
        const struct chy_authz_wish *w = &wishes[i];
        uint8_t digest[32];

        chy_ident_digest(cx, &w->subject, digest);
        json_array_append_new(list,
                              json_pack("{s:i, s:s, s:s, s:s, s:s, s:b, s:O, s:o}", "n", (int)i,
                                        "id", chy_hex(cx, w->id.b, sizeof w->id.b), "type",
                                        w->subject.type, "value", w->subject.value, "digest",
                                        chy_hex(cx, digest, sizeof digest), "wildcard", w->wildcard,
                                        "methods", w->methods, "challenges", challenges_json(w)));
    }
    return list;
}

/* $7 order  $8 expires  $9 profile  $10 identifiers  $11 wishes  $12 not_before  $13 not_after
 * $14 policy  $15 ext  $16 now  $17 granted_since  $18 valid_until  $19 oldest id to reuse
 * $20 pending_until  $21 event */
static const struct chy_sql q_create = {
    "order_create", CHY_WITH_ME
    ", wish AS (SELECT w.n, decode(w.id, 'hex') AS id, w.type, w.value,"
    "   decode(w.digest, 'hex') AS digest, w.wildcard, w.methods, w.challenges"
    "   FROM jsonb_to_recordset($11::jsonb) AS w(n integer, id text, type text, value text,"
    "   digest text, wildcard boolean, methods jsonb, challenges jsonb))"
    ", held AS (SELECT DISTINCT ON (w.n) w.n, a.id, a.expires FROM wish w"
    "   JOIN authorizations a ON a.account_id = $5::bytea AND a.ident_sha256 = w.digest"
    "   AND a.status = 'valid' WHERE a.id >= $19::bytea AND a.wildcard = w.wildcard"
    "   AND a.expires >= to_timestamp($18) AND a.granted_at >= to_timestamp($17)"
    "   AND w.methods ? a.method"
    "   ORDER BY w.n, a.expires DESC)"
    ", fresh AS (INSERT INTO authorizations (id, account_id, ident_type, ident_value, ident_sha256,"
    "   wildcard, status, expires, policy) SELECT w.id, me.id, w.type, w.value, w.digest,"
    "   w.wildcard, 'pending', to_timestamp($20), $14::text FROM wish w, me"
    "   WHERE NOT EXISTS (SELECT 1 FROM held h WHERE h.n = w.n) ON CONFLICT DO NOTHING)"
    ", offered AS (INSERT INTO challenges (authorization_id, n, account_id, type, status, shown, "
    "secret,"
    "   lookup_key, deadline) SELECT w.id, c.n, me.id, c.type, 'pending', c.shown, c.secret, "
    "c.lookup_key,"
    "   to_timestamp(c.deadline) FROM wish w CROSS JOIN me CROSS JOIN LATERAL"
    "   jsonb_to_recordset(w.challenges) AS c(n smallint, type text, shown jsonb, secret jsonb,"
    "   lookup_key text, deadline bigint)"
    "   WHERE NOT EXISTS (SELECT 1 FROM held h WHERE h.n = w.n) ON CONFLICT DO NOTHING)"
    ", needed AS (SELECT w.n, COALESCE(h.id, w.id) AS id, h.id IS NULL AS unproved,"
    "   COALESCE(h.expires, to_timestamp($8)) AS expires FROM wish w LEFT JOIN held h ON h.n = w.n)"
    ", link AS (INSERT INTO order_authorizations SELECT needed.id, $7::bytea FROM needed, me"
    "   ON CONFLICT DO NOTHING)"
    ", made AS (INSERT INTO orders (id, account_id, status, expires, profile, identifiers,"
    "   authorizations, unproved, not_before, not_after, policy, ext) SELECT $7::bytea, me.id,"
    "   CASE WHEN n.unproved = 0 THEN 'ready' ELSE 'pending' END,"
    "   LEAST(to_timestamp($8), n.expires), $9::text, $10::jsonb, n.ids, n.unproved,"
    "   to_timestamp($12), to_timestamp($13), $14::text, $15::jsonb FROM me,"
    "   (SELECT array_agg(id ORDER BY needed.n) AS ids, min(expires) AS expires,"
    "    count(*) FILTER (WHERE unproved)::integer AS unproved FROM needed) n"
    "   ON CONFLICT DO NOTHING RETURNING *)"
    ", event AS (INSERT INTO events (id, at, kind, account_id, subject, policy)"
    "   SELECT $21::bytea, to_timestamp($16), 'order.created', account_id, id, policy FROM made"
    "   ON CONFLICT DO NOTHING)"
    ", x AS (SELECT * FROM made UNION ALL SELECT * FROM orders WHERE id = $7::bytea LIMIT 1) "
    "SELECT g.*, x.status, x.authorizations, extract(epoch FROM x.expires)::bigint"
    " FROM (" CHY_SELECT_ME ") g LEFT JOIN x ON true"};

static struct chy_arg time_or_null(time_t t)
{
    return t == 0 ? CHY_ARG_NULL : CHY_ARG_TIME(t);
}

/* The smallest id of a time: nothing older is looked at. */
static void first_id(time_t t, struct chy_id *ret)
{
    uint32_t minutes = (uint32_t)(t < 0 ? 0 : t / 60);

    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < 4; i++)
        ret->b[i] = (uint8_t)(minutes >> (24 - 8 * i));
}

enum chy_rc chy_order_create(struct chy_ctx *cx, const struct chy_guard *g, struct chy_order *o,
                             const struct chy_authz_wish *wishes, size_t n_wishes,
                             const struct chy_reuse *reuse, time_t pending_until)
{
    struct chy_id event, oldest;
    struct chy_rows *rows;

    chy_id_new(cx, &event);
    first_id(reuse->made_since, &oldest);
    if (chy_db_query(
            cx, &q_create, &rows, CHY_GUARD_ARGS(g), CHY_ARG_ID(&o->id), CHY_ARG_TIME(o->expires),
            CHY_ARG_TEXT(o->profile), CHY_ARG_JSON(idents_json(cx, o)),
            CHY_ARG_JSON(wishes_json(cx, wishes, n_wishes)), time_or_null(o->not_before),
            time_or_null(o->not_after), CHY_ARG_TEXT(o->policy_revision), CHY_ARG_JSON(o->ext),
            CHY_ARG_TIME(chy_now(cx)), CHY_ARG_TIME(reuse->granted_since),
            CHY_ARG_TIME(reuse->valid_until), CHY_ARG_ID(&oldest), CHY_ARG_TIME(pending_until),
            CHY_ARG_ID(&event)) != CHY_OK ||
        chy_guard_check(cx, rows) != CHY_OK)
        return CHY_ERR;
    if (!chy_row_ids(rows, 0, 3, &o->authzs, &o->n_authzs))
        return chy_fault_internal(cx, "order was not stored");
    o->status = chy_row_text(rows, 0, 2);
    o->expires = chy_row_int(rows, 0, 4);
    return CHY_OK;
}

static enum chy_rc read_idents(struct chy_ctx *cx, const json_t *list, struct chy_order *o)
{
    o->n_idents = json_array_size(list);
    o->idents = chy_alloc(cx, (o->n_idents + 1) * sizeof *o->idents);
    for (size_t i = 0; i < o->n_idents; i++) {
        const json_t *j = json_array_get(list, i);
        const char *shown = json_string_value(json_object_get(j, "shown"));

        o->idents[i].type = json_string_value(json_object_get(j, "type"));
        o->idents[i].value = json_string_value(json_object_get(j, "value"));
        o->idents[i].shown = shown != NULL ? shown : o->idents[i].value;
        if (o->idents[i].type == NULL || o->idents[i].value == NULL)
            return chy_fault_internal(cx, "ill-formed identifier in an order's row");
    }
    return CHY_OK;
}

static bool may_expire(const struct chy_order *o)
{
    return strcmp(o->status, "pending") == 0 || strcmp(o->status, "ready") == 0;
}

enum chy_rc chy_order_from_row(struct chy_ctx *cx, const struct chy_rows *rows, size_t row,
                               size_t first, struct chy_order **ret)
{
    struct chy_order *o = chy_alloc(cx, sizeof *o);

    if (!chy_row_id(rows, row, first, &o->id) ||
        !chy_row_id(rows, row, first + 1, &o->account_id) ||
        !chy_row_ids(rows, row, first + 6, &o->authzs, &o->n_authzs) ||
        read_idents(cx, chy_row_json(cx, rows, row, first + 5), o) != CHY_OK)
        return chy_fault_internal(cx, "ill-formed order row");
    o->status = chy_row_text(rows, row, first + 2);
    o->expires = chy_row_int(rows, row, first + 3);
    o->profile = chy_row_text(rows, row, first + 4);
    o->not_before = chy_row_int(rows, row, first + 7);
    o->not_after = chy_row_int(rows, row, first + 8);
    o->error = chy_row_json(cx, rows, row, first + 9);
    o->has_certificate = chy_row_id(rows, row, first + 10, &o->certificate);
    o->policy_revision = chy_row_text(rows, row, first + 11);
    o->ext = chy_row_json(cx, rows, row, first + 12);
    o->csr = chy_row_bytes(rows, row, first + 13, &o->csr_len);
    if (may_expire(o) && o->expires <= chy_now(cx)) {
        o->status = "invalid";
        o->error = chy_keep_json(cx, json_pack("{s:s, s:s, s:i}", "type", CHY_P_malformed.urn,
                                               "detail", "the order expired", "status", 400));
    }
    *ret = o;
    return CHY_OK;
}

static const struct chy_sql q_read = {
    "order_read",
    CHY_WITH_ME " SELECT g.*, " CHY_ORDER_COLUMNS " FROM (" CHY_SELECT_ME ") g"
                " LEFT JOIN orders x ON x.id = $7::bytea AND x.account_id = $5::bytea"};

enum chy_rc chy_order_read(struct chy_ctx *cx, const struct chy_guard *g, const struct chy_id *id,
                           struct chy_order **ret)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_read, &rows, CHY_GUARD_ARGS(g), CHY_ARG_ID(id)) != CHY_OK ||
        chy_guard_check(cx, rows) != CHY_OK)
        return CHY_ERR;
    if (chy_row_null(rows, 0, 2)) {
        *ret = NULL;
        return CHY_OK;
    }
    return chy_order_from_row(cx, rows, 0, 2, ret);
}

static const struct chy_sql q_load = {"order_load", "SELECT " CHY_ORDER_COLUMNS
                                                    " FROM orders x WHERE x.id = $1::bytea"};

enum chy_rc chy_order_load(struct chy_ctx *cx, const struct chy_id *id, struct chy_order **ret)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_load, &rows, CHY_ARG_ID(id)) != CHY_OK)
        return CHY_ERR;
    if (chy_rows_count(rows) == 0) {
        *ret = NULL;
        return CHY_OK;
    }
    return chy_order_from_row(cx, rows, 0, 0, ret);
}

static const struct chy_sql q_park = {
    "order_park",
    "WITH o AS (UPDATE orders SET status = 'processing', csr = $2::bytea, due_at = to_timestamp($3)"
    "   WHERE id = $1::bytea AND expires > to_timestamp($3) AND certificate IS NULL"
    "   AND (status = 'ready' OR (status = 'processing' AND csr = $2::bytea)) RETURNING 1)"
    " SELECT EXISTS (SELECT 1 FROM o)"};

enum chy_rc chy_order_park(struct chy_ctx *cx, const struct chy_order *o, const uint8_t *csr,
                           size_t csr_n, bool *ret_taken)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_park, &rows, CHY_ARG_ID(&o->id), CHY_ARG_BYTES(csr, csr_n),
                     CHY_ARG_TIME(chy_now(cx))) != CHY_OK)
        return CHY_ERR;
    *ret_taken = chy_row_bool(rows, 0, 0);
    return CHY_OK;
}

static const struct chy_sql q_fail = {
    "order_fail",
    "WITH o AS (UPDATE orders SET status = 'invalid', error = $2::jsonb, due_at = NULL"
    "   WHERE id = $1::bytea AND status = 'processing' AND certificate IS NOT DISTINCT FROM"
    "   $5::bytea RETURNING id, account_id, certificate, policy)"
    ", lost AS (UPDATE certificates c SET status = 'lost' FROM o WHERE c.id = o.certificate"
    "   AND c.status = 'recorded' RETURNING c.id, c.issuer, c.not_after)"
    ", gone AS (INSERT INTO revocations (serial, issuer, reason, revoked_at, not_after)"
    "   SELECT id, issuer, 0, to_timestamp($3), not_after FROM lost ON CONFLICT DO NOTHING) "
    "INSERT INTO events (id, at, kind, account_id, subject, policy, detail)"
    " SELECT $4::bytea, to_timestamp($3), 'order.failed', account_id, id, policy, $2::jsonb FROM o"
    " ON CONFLICT DO NOTHING"};

enum chy_rc chy_order_fail(struct chy_ctx *cx, const struct chy_order *o, const json_t *error)
{
    struct chy_id event;

    chy_id_new(cx, &event);
    return chy_db_query(cx, &q_fail, NULL, CHY_ARG_ID(&o->id), CHY_ARG_JSON(error),
                        CHY_ARG_TIME(chy_now(cx)), CHY_ARG_ID(&event),
                        o->has_certificate ? CHY_ARG_ID(&o->certificate) : CHY_ARG_NULL);
}
