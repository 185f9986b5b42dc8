/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: created or found in one statement, so that of any number of parallel newAccount requests
 * of one key exactly one creates it (core.md A-10). */
#include "core/store/accounts.h"

#include <string.h>

#include "core/base/b64.h"
#include "core/base/id.h"
#include "core/base/problem.h"

#define COLUMNS "x.id, x.thumbprint, x.jwk, x.status, x.contact, x.terms_agreed"
#define RACES_MAX 10

static enum chy_rc read_row(struct chy_ctx *cx, const struct chy_rows *rows, size_t first,
                            struct chy_account **ret)
{
    struct chy_account *a = chy_alloc(cx, sizeof *a);
    size_t n = 0;
    const uint8_t *thumbprint = chy_row_bytes(rows, 0, first + 1, &n);

    if (!chy_row_id(rows, 0, first, &a->id) || thumbprint == NULL || n != 32)
        return chy_fault_internal(cx, "ill-formed account row");
    chy_b64u_write(a->thumbprint, thumbprint, n);
    a->jwk = chy_row_json(cx, rows, 0, first + 2);
    a->status = chy_row_text(rows, 0, first + 3);
    a->contact = chy_row_json(cx, rows, 0, first + 4);
    a->terms_agreed = chy_row_text(rows, 0, first + 5);
    a->url = chy_fmt(cx, "%s/account/%s", cx->base_url, chy_id_text(cx, &a->id));
    *ret = a;
    return CHY_OK;
}

static const struct chy_sql q_create = {
    "account_create", CHY_WITH_NONCE
    ", made AS (INSERT INTO accounts (id, thumbprint, spki_sha256, jwk, status, contact,"
    "   terms_agreed, terms_at, created_at)"
    " SELECT $5::bytea, $6::bytea, $7::bytea, $8::jsonb, 'valid', $9::jsonb, $10::text,"
    "   CASE WHEN $10::text IS NULL THEN NULL ELSE to_timestamp($11) END, to_timestamp($11)"
    " FROM nonce WHERE NOT $12::boolean ON CONFLICT DO NOTHING"
    " RETURNING id, thumbprint, jwk, status, contact, terms_agreed)"
    ", event AS (INSERT INTO events (id, at, kind, account_id, subject)"
    " SELECT $5::bytea, to_timestamp($11), 'account.created', id, id FROM made)"
    ", x AS (SELECT * FROM made UNION ALL SELECT id, thumbprint, jwk, status, contact, terms_agreed"
    " FROM accounts WHERE thumbprint = $6::bytea LIMIT 1) "
    "SELECT g.*, " COLUMNS " FROM (" CHY_SELECT_NONCE ") g LEFT JOIN x ON true"};

enum chy_rc chy_account_create(struct chy_ctx *cx, const struct chy_guard *g,
                               const struct chy_account *a, const uint8_t thumbprint[32],
                               const uint8_t spki_sha256[32], bool only_existing,
                               struct chy_account **ret, bool *ret_created)
{
    for (int i = 0; i < RACES_MAX; i++) {
        struct chy_account *found;
        struct chy_rows *rows;

        if (chy_db_query(cx, &q_create, &rows, CHY_NONCE_ARGS(g), CHY_ARG_ID(&a->id),
                         CHY_ARG_BYTES(thumbprint, 32), CHY_ARG_BYTES(spki_sha256, 32),
                         CHY_ARG_JSON(a->jwk), CHY_ARG_JSON(a->contact),
                         CHY_ARG_TEXT(a->terms_agreed), CHY_ARG_TIME(chy_now(cx)),
                         CHY_ARG_BOOL(only_existing)) != CHY_OK ||
            chy_guard_check(cx, rows) != CHY_OK)
            return CHY_ERR;
        if (chy_row_null(rows, 0, 2) && !only_existing)
            continue; /* another request of this key won after our snapshot: look again */
        if (chy_row_null(rows, 0, 2)) {
            *ret = NULL;
            return CHY_OK;
        }
        if (read_row(cx, rows, 2, &found) != CHY_OK)
            return CHY_ERR;
        *ret = found;
        *ret_created = chy_id_equal(&found->id, &a->id);
        return CHY_OK;
    }
    return chy_fault_busy(cx, 1, "account creation raced %d times", RACES_MAX);
}

static const struct chy_sql q_read = {"account_read",
                                      "SELECT " COLUMNS " FROM accounts x WHERE x.id = $1::bytea"};

enum chy_rc chy_account_read(struct chy_ctx *cx, const struct chy_id *id, struct chy_account **ret)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_read, &rows, CHY_ARG_ID(id)) != CHY_OK)
        return CHY_ERR;
    if (chy_rows_count(rows) == 0) {
        *ret = NULL;
        return CHY_OK;
    }
    return read_row(cx, rows, 0, ret);
}

static const struct chy_sql q_own = {"account_read_own", CHY_WITH_ME
                                     " SELECT g.*, " COLUMNS " FROM (" CHY_SELECT_ME ") g"
                                     " LEFT JOIN accounts x ON x.id = $5::bytea"};

enum chy_rc chy_account_read_own(struct chy_ctx *cx, const struct chy_guard *g,
                                 struct chy_account **ret)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_own, &rows, CHY_GUARD_ARGS(g)) != CHY_OK ||
        chy_guard_check(cx, rows) != CHY_OK)
        return CHY_ERR;
    return read_row(cx, rows, 2, ret);
}

static const struct chy_sql q_contact = {
    "account_set_contact",
    CHY_WITH_ME ", x AS (UPDATE accounts a SET contact = $7::jsonb FROM me WHERE a.id = me.id"
                " RETURNING a.id, a.thumbprint, a.jwk, a.status, a.contact, a.terms_agreed)"
                ", event AS (INSERT INTO events (id, at, kind, account_id, subject)"
                " SELECT $8::bytea, to_timestamp($9), 'account.contact', x.id, x.id FROM x"
                " ON CONFLICT DO NOTHING) "
                "SELECT g.*, " COLUMNS " FROM (" CHY_SELECT_ME ") g LEFT JOIN x ON true"};

enum chy_rc chy_account_set_contact(struct chy_ctx *cx, const struct chy_guard *g,
                                    const json_t *contact, struct chy_account **ret)
{
    struct chy_rows *rows;
    struct chy_id event;

    chy_id_new(cx, &event);
    if (chy_db_query(cx, &q_contact, &rows, CHY_GUARD_ARGS(g), CHY_ARG_JSON(contact),
                     CHY_ARG_ID(&event), CHY_ARG_TIME(chy_now(cx))) != CHY_OK ||
        chy_guard_check(cx, rows) != CHY_OK)
        return CHY_ERR;
    return read_row(cx, rows, 2, ret);
}
