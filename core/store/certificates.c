/* SPDX-License-Identifier: Apache-2.0 */
/* Record, sign, store (DESIGN section 3): a record whose signature was not stored is never signed
 * again, since a second signature would be a second certificate of the same serial. */
#include "core/store/certificates.h"

#include <string.h>

#include <openssl/evp.h>

#include "core/base/id.h"
#include "core/base/problem.h"
#include "core/store/orders.h"

/* Parameters $1..$14, common to both ways of recording. */
#define RECORD_ARGS(o, r, lease, event)                                                            \
    CHY_ARG_ID(&(o)->id), CHY_ARG_ID(&(r)->id), CHY_ARG_TEXT((r)->profile),                        \
        CHY_ARG_TEXT((r)->issuer), CHY_ARG_TEXT((r)->policy_revision), CHY_ARG_JSON((r)->names),   \
        CHY_ARG_BYTES((r)->spki_sha256, 32), CHY_ARG_BYTES((r)->tbs_sha256, 32),                   \
        CHY_ARG_TIME((r)->not_before), CHY_ARG_TIME((r)->not_after), CHY_ARG_TIME(chy_now(cx)),    \
        CHY_ARG_TIME(chy_now(cx) + (time_t)(lease)), CHY_ARG_ID(event), CHY_ARG_JSON((o)->ext)

#define INSERT_RECORD                                                                              \
    ", r AS (INSERT INTO certificates (id, order_id, account_id, status, profile, issuer, policy," \
    "   names, spki_sha256, tbs_sha256, not_before, not_after, recorded_at)"                       \
    "   SELECT $2::bytea, o.id, o.account_id, 'recorded', $3::text, $4::text, $5::text, "          \
    "$6::jsonb,"                                                                                   \
    "   $7::bytea, $8::bytea, to_timestamp($9), to_timestamp($10), to_timestamp($11) FROM o"       \
    "   ON CONFLICT DO NOTHING)"                                                                   \
    ", event AS (INSERT INTO events (id, at, kind, account_id, subject, policy)"                   \
    "   SELECT $13::bytea, to_timestamp($11), 'certificate.recorded', o.account_id, $2::bytea,"    \
    "   $5::text FROM o ON CONFLICT DO NOTHING)"                                                   \
    " SELECT EXISTS (SELECT 1 FROM o)"

/* What was checked before must still hold when the record is made (core.md F-11): the account is
 * valid, and no authorization of the order is anything but valid and unexpired. */
#define STILL_PROVED                                                                               \
    " AND EXISTS (SELECT 1 FROM accounts u WHERE u.id = orders.account_id AND u.status = 'valid')" \
    " AND NOT EXISTS (SELECT 1 FROM unnest(orders.authorizations) n(id)"                           \
    "   LEFT JOIN authorizations a ON a.id = n.id"                                                 \
    "   WHERE a.status IS DISTINCT FROM 'valid' OR a.expires <= to_timestamp($11))"

static const struct chy_sql q_record = {
    "certificate_record",
    "WITH o AS (UPDATE orders SET status = 'processing', csr = $15::bytea, ext = $14::jsonb, "
    "certificate = $2::bytea,"
    "   due_at = to_timestamp($12) WHERE id = $1::bytea AND expires > to_timestamp($11)"
    "   AND (status = 'ready' OR (status = 'processing' AND certificate = $2::bytea))" STILL_PROVED
    " RETURNING id, account_id)" INSERT_RECORD};

enum chy_rc chy_certificate_record(struct chy_ctx *cx, const struct chy_order *o,
                                   const struct chy_cert_record *r, const uint8_t *csr,
                                   size_t csr_n, unsigned lease_s, bool *ret_taken)
{
    struct chy_rows *rows;
    struct chy_id event;

    chy_id_new(cx, &event);
    if (chy_db_query(cx, &q_record, &rows, RECORD_ARGS(o, r, lease_s, &event),
                     CHY_ARG_BYTES(csr, csr_n)) != CHY_OK)
        return CHY_ERR;
    *ret_taken = chy_row_bool(rows, 0, 0);
    return CHY_OK;
}

static const struct chy_sql q_again = {
    "certificate_record_again",
    "WITH o AS (UPDATE orders SET certificate = $2::bytea, ext = $14::jsonb,"
    "   due_at = to_timestamp($12)"
    "   WHERE id = $1::bytea AND status = 'processing'"
    "   AND (certificate IS NOT DISTINCT FROM $15::bytea OR certificate = $2::bytea)" STILL_PROVED
    " RETURNING id, account_id)"
    ", lost AS (UPDATE certificates c SET status = 'lost' FROM o WHERE c.id = $15::bytea"
    "   AND c.status = 'recorded' RETURNING c.id, c.issuer, c.not_after)"
    ", gone AS (INSERT INTO revocations (serial, issuer, reason, revoked_at, not_after)"
    "   SELECT id, issuer, 0, to_timestamp($11), not_after FROM lost ON CONFLICT DO "
    "NOTHING)" INSERT_RECORD};

enum chy_rc chy_certificate_record_again(struct chy_ctx *cx, const struct chy_order *o,
                                         const struct chy_cert_record *r, unsigned lease_s,
                                         bool *ret_taken)
{
    struct chy_rows *rows;
    struct chy_id event;

    chy_id_new(cx, &event);
    if (chy_db_query(cx, &q_again, &rows, RECORD_ARGS(o, r, lease_s, &event),
                     o->has_certificate ? CHY_ARG_ID(&o->certificate) : CHY_ARG_NULL) != CHY_OK)
        return CHY_ERR;
    *ret_taken = chy_row_bool(rows, 0, 0);
    return CHY_OK;
}

static const struct chy_sql q_store = {
    "certificate_store",
    "WITH c AS (UPDATE certificates SET status = 'issued', der = $3::bytea, chain = $5::bytea,"
    "   issued_at = to_timestamp($4) WHERE id = $2::bytea AND order_id = $1::bytea"
    "   AND (status = 'recorded' OR (status = 'issued' AND der = $3::bytea))"
    "   RETURNING id, account_id, policy)"
    ", chain AS (INSERT INTO chains (sha256, pem) SELECT $5::bytea, $6::text FROM c"
    "   WHERE NOT EXISTS (SELECT 1 FROM chains WHERE sha256 = $5::bytea) ON CONFLICT DO NOTHING)"
    ", o AS (UPDATE orders SET status = 'valid', due_at = NULL, csr = NULL FROM c"
    "   WHERE orders.id = $1::bytea AND orders.status IN ('processing', 'valid')"
    "   AND orders.certificate = $2::bytea RETURNING 1)"
    ", event AS (INSERT INTO events (id, at, kind, account_id, subject, policy)"
    "   SELECT $7::bytea, to_timestamp($4), 'certificate.issued', account_id, id, policy FROM c"
    "   ON CONFLICT DO NOTHING)"
    " SELECT EXISTS (SELECT 1 FROM o)"};

enum chy_rc chy_certificate_store(struct chy_ctx *cx, const struct chy_order *o,
                                  const struct chy_id *id, const uint8_t *der, size_t n,
                                  const char *chain_pem, bool *ret_stored)
{
    struct chy_rows *rows;
    struct chy_id event;
    uint8_t digest[32];
    unsigned len;

    chy_id_new(cx, &event);
    EVP_Digest(chain_pem, strlen(chain_pem), digest, &len, EVP_sha256(), NULL);
    if (chy_db_query(cx, &q_store, &rows, CHY_ARG_ID(&o->id), CHY_ARG_ID(id), CHY_ARG_BYTES(der, n),
                     CHY_ARG_TIME(chy_now(cx)), CHY_ARG_BYTES(digest, sizeof digest),
                     CHY_ARG_TEXT(chain_pem), CHY_ARG_ID(&event)) != CHY_OK)
        return CHY_ERR;
    *ret_stored = chy_row_bool(rows, 0, 0);
    return CHY_OK;
}

static const struct chy_sql q_read = {
    "certificate_read",
    CHY_WITH_ME " SELECT g.*, c.der, h.pem FROM (" CHY_SELECT_ME ") g"
                " LEFT JOIN certificates c ON c.id = $7::bytea AND c.account_id = $5::bytea"
                " AND c.status = 'issued' LEFT JOIN chains h ON h.sha256 = c.chain"};

enum chy_rc chy_certificate_read(struct chy_ctx *cx, const struct chy_guard *g,
                                 const struct chy_id *id, const uint8_t **ret_der, size_t *ret_n,
                                 const char **ret_chain_pem)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_read, &rows, CHY_GUARD_ARGS(g), CHY_ARG_ID(id)) != CHY_OK ||
        chy_guard_check(cx, rows) != CHY_OK)
        return CHY_ERR;
    *ret_der = chy_row_bytes(rows, 0, 2, ret_n);
    *ret_chain_pem = chy_row_text(rows, 0, 3);
    if (*ret_der != NULL && *ret_chain_pem == NULL)
        return chy_fault_internal(cx, "an issued certificate's chain is missing");
    return CHY_OK;
}

static const struct chy_sql q_void = {
    "certificate_void",
    "WITH c AS (UPDATE certificates SET status = 'void' WHERE id = $2::bytea"
    "   AND status IN ('recorded', 'void') RETURNING id)"
    " UPDATE orders SET certificate = NULL, due_at = to_timestamp($3) FROM c"
    " WHERE orders.id = $1::bytea AND orders.status = 'processing' AND orders.certificate = c.id"};

enum chy_rc chy_certificate_void(struct chy_ctx *cx, const struct chy_order *o,
                                 const struct chy_id *id, time_t due_at)
{
    return chy_db_query(cx, &q_void, NULL, CHY_ARG_ID(&o->id), CHY_ARG_ID(id),
                        CHY_ARG_TIME(due_at));
}

static const struct chy_sql q_claim = {
    "order_claim",
    "WITH lazy AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))"
    ", due AS (SELECT id FROM orders, lazy WHERE status = 'processing'"
    "   AND due_at <= to_timestamp($1) ORDER BY due_at LIMIT 1 FOR UPDATE OF orders SKIP LOCKED)"
    ", x AS (UPDATE orders t SET due_at = to_timestamp($2) FROM due WHERE t.id = due.id"
    "   RETURNING t.*)"
    " SELECT " CHY_ORDER_COLUMNS " FROM x"};

enum chy_rc chy_order_claim(struct chy_ctx *cx, unsigned lease_s, struct chy_order **ret)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_claim, &rows, CHY_ARG_TIME(chy_now(cx)),
                     CHY_ARG_TIME(chy_now(cx) + (time_t)lease_s)) != CHY_OK)
        return CHY_ERR;
    if (chy_rows_count(rows) == 0) {
        *ret = NULL;
        return CHY_OK;
    }
    return chy_order_from_row(cx, rows, 0, 0, ret);
}

static const struct chy_sql q_release = {
    "order_release", "UPDATE orders SET due_at = to_timestamp($2) WHERE id = $1::bytea"
                     " AND status = 'processing' AND certificate IS NOT DISTINCT FROM $3::bytea"};

enum chy_rc chy_order_release(struct chy_ctx *cx, const struct chy_order *o, time_t due_at)
{
    return chy_db_query(cx, &q_release, NULL, CHY_ARG_ID(&o->id), CHY_ARG_TIME(due_at),
                        o->has_certificate ? CHY_ARG_ID(&o->certificate) : CHY_ARG_NULL);
}
