/* SPDX-License-Identifier: Apache-2.0 */
/* Authorizations: read with their challenges, or with the order they belong to. */
#include "core/store/authorizations.h"

#include <string.h>

#include <openssl/evp.h>

#include "core/base/problem.h"
#include "core/store/orders.h"

void chy_ident_digest(struct chy_ctx *cx, const struct chy_ident *id, uint8_t ret[32])
{
    size_t type_n = strlen(id->type) + 1, value_n = strlen(id->value);
    char *both = chy_alloc(cx, type_n + value_n);
    unsigned n;

    memcpy(both, id->type, type_n);
    memcpy(both + type_n, id->value, value_n);
    EVP_Digest(both, type_n + value_n, ret, &n, EVP_sha256(), NULL);
}

#define AUTHZ_COLUMNS                                                                              \
    "a.id, a.account_id, a.ident_type, a.ident_value, a.wildcard, a.status,"                       \
    " extract(epoch FROM a.expires)::bigint, a.method, a.grant_facts,"                             \
    " extract(epoch FROM a.granted_at)::bigint, a.policy"
#define AUTHZ_N_COLUMNS 11

static enum chy_rc authz_from_row(struct chy_ctx *cx, const struct chy_rows *rows, size_t row,
                                  size_t first, struct chy_authz *a)
{
    if (!chy_row_id(rows, row, first, &a->id) || !chy_row_id(rows, row, first + 1, &a->account_id))
        return chy_fault_internal(cx, "ill-formed authorization row");
    a->ident.type = chy_row_text(rows, row, first + 2);
    a->ident.value = chy_row_text(rows, row, first + 3);
    a->ident.shown = a->ident.value;
    a->wildcard = chy_row_bool(rows, row, first + 4);
    a->status = chy_row_text(rows, row, first + 5);
    a->expires = chy_row_int(rows, row, first + 6);
    a->method = chy_row_text(rows, row, first + 7);
    a->grant = chy_row_json(cx, rows, row, first + 8);
    a->granted_at = chy_row_int(rows, row, first + 9);
    a->policy_revision = chy_row_text(rows, row, first + 10);
    if (a->expires > chy_now(cx))
        return CHY_OK;
    if (strcmp(a->status, "valid") == 0)
        a->status = "expired";
    else if (strcmp(a->status, "pending") == 0)
        a->status = "invalid";
    return CHY_OK;
}

static void challenge_from_row(struct chy_ctx *cx, const struct chy_rows *rows, size_t row,
                               size_t first, struct chy_challenge_row *c)
{
    c->n = (unsigned)chy_row_int(rows, row, first);
    c->type = chy_row_text(rows, row, first + 1);
    c->status = chy_row_text(rows, row, first + 2);
    c->shown = chy_row_json(cx, rows, row, first + 3);
    c->secret = chy_row_json(cx, rows, row, first + 4);
    c->response = chy_row_json(cx, rows, row, first + 5);
    c->key_authorization = chy_row_text(rows, row, first + 6);
    c->validated = chy_row_int(rows, row, first + 7);
    c->deadline = chy_row_int(rows, row, first + 8);
    c->error = chy_row_json(cx, rows, row, first + 9);
    c->attempts = (unsigned)chy_row_int(rows, row, first + 10);
    c->due_at = chy_row_int(rows, row, first + 11);
}

static const struct chy_sql q_read = {
    "authz_read", CHY_WITH_ME
    " SELECT g.*, " AUTHZ_COLUMNS ", c.n, c.type, c.status, c.shown, c.secret, c.response,"
    " c.key_authorization, extract(epoch FROM c.validated)::bigint,"
    " extract(epoch FROM c.deadline)::bigint, c.error, c.attempts,"
    " extract(epoch FROM c.due_at)::bigint"
    " FROM (" CHY_SELECT_ME ") g LEFT JOIN authorizations a"
    " ON a.id = $7::bytea AND a.account_id = $5::bytea"
    " LEFT JOIN challenges c ON c.authorization_id = $7::bytea AND a.id IS NOT NULL"
    " ORDER BY c.n"};

enum chy_rc chy_authz_read(struct chy_ctx *cx, const struct chy_guard *g, const struct chy_id *id,
                           struct chy_authz **ret)
{
    struct chy_authz *a = chy_alloc(cx, sizeof *a);
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_read, &rows, CHY_GUARD_ARGS(g), CHY_ARG_ID(id)) != CHY_OK ||
        chy_guard_check(cx, rows) != CHY_OK)
        return CHY_ERR;
    if (chy_row_null(rows, 0, 2)) {
        *ret = NULL;
        return CHY_OK;
    }
    if (authz_from_row(cx, rows, 0, 2, a) != CHY_OK)
        return CHY_ERR;
    a->n_challenges = chy_row_null(rows, 0, 2 + AUTHZ_N_COLUMNS) ? 0 : chy_rows_count(rows);
    a->challenges = chy_alloc(cx, (a->n_challenges + 1) * sizeof *a->challenges);
    for (size_t i = 0; i < a->n_challenges; i++)
        challenge_from_row(cx, rows, i, 2 + AUTHZ_N_COLUMNS, &a->challenges[i]);
    *ret = a;
    return CHY_OK;
}

static enum chy_rc authzs_from_rows(struct chy_ctx *cx, const struct chy_rows *rows, size_t first,
                                    const struct chy_authz **ret, size_t *ret_n)
{
    size_t n = chy_rows_count(rows);
    struct chy_authz *list = chy_alloc(cx, (n + 1) * sizeof *list);

    for (size_t i = 0; i < n; i++) {
        if (chy_row_null(rows, i, first))
            return chy_fault_internal(cx, "an order's authorization is missing");
        if (authz_from_row(cx, rows, i, first, &list[i]) != CHY_OK)
            return CHY_ERR;
    }
    *ret = list;
    *ret_n = n;
    return CHY_OK;
}

static const struct chy_sql q_finalize = {
    "finalize_read",
    CHY_WITH_ME " SELECT g.*, EXISTS (SELECT 1 FROM accounts WHERE spki_sha256 = $8::bytea),"
                " " CHY_ORDER_COLUMNS ", " AUTHZ_COLUMNS " FROM (" CHY_SELECT_ME ") g"
                " LEFT JOIN orders x ON x.id = $7::bytea AND x.account_id = $5::bytea"
                " LEFT JOIN LATERAL unnest(x.authorizations) WITH ORDINALITY u(id, n) ON true"
                " LEFT JOIN authorizations a ON a.id = u.id AND a.account_id = $5::bytea"
                " ORDER BY u.n"};

enum chy_rc chy_finalize_read(struct chy_ctx *cx, const struct chy_guard *g,
                              const struct chy_id *order, const uint8_t spki_sha256[32],
                              struct chy_order **ret_order, const struct chy_authz **ret_authzs,
                              size_t *ret_n, bool *ret_account_key)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_finalize, &rows, CHY_GUARD_ARGS(g), CHY_ARG_ID(order),
                     CHY_ARG_BYTES(spki_sha256, 32)) != CHY_OK ||
        chy_guard_check(cx, rows) != CHY_OK)
        return CHY_ERR;
    *ret_order = NULL;
    *ret_n = 0;
    *ret_account_key = chy_row_bool(rows, 0, 2);
    if (chy_row_null(rows, 0, 3))
        return CHY_OK;
    if (chy_order_from_row(cx, rows, 0, 3, ret_order) != CHY_OK)
        return CHY_ERR;
    return authzs_from_rows(cx, rows, 3 + CHY_ORDER_N_COLUMNS, ret_authzs, ret_n);
}

static const struct chy_sql q_authzs = {"order_authzs_load",
                                        "SELECT " AUTHZ_COLUMNS
                                        " FROM unnest($1::bytea[]) WITH ORDINALITY u(id, n)"
                                        " LEFT JOIN authorizations a ON a.id = u.id ORDER BY u.n"};

enum chy_rc chy_order_authzs_load(struct chy_ctx *cx, const struct chy_order *o,
                                  const struct chy_authz **ret, size_t *ret_n)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_authzs, &rows, CHY_ARG_IDS(o->authzs, o->n_authzs)) != CHY_OK)
        return CHY_ERR;
    return authzs_from_rows(cx, rows, 0, ret, ret_n);
}
