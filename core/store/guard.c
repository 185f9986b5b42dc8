/* SPDX-License-Identifier: Apache-2.0 */
/* Judging the first two columns of a guarded statement. */
#include "core/store/guard.h"

#include "core/base/problem.h"

enum chy_rc chy_guard_check(struct chy_ctx *cx, const struct chy_rows *rows)
{
    if (chy_rows_count(rows) == 0)
        return chy_fault_internal(cx, "guarded statement without a row");
    if (!chy_row_bool(rows, 0, 0))
        return chy_fail(cx, &CHY_P_badNonce,
                        "the nonce was used before or is no longer known (RFC 8555 section 6.5)");
    if (chy_row_bool(rows, 0, 1))
        return CHY_OK;
    if (chy_fail(cx, &CHY_P_unauthorized,
                 "the account is not valid, or its key has changed (RFC 8555 section 7.3.6)") !=
        CHY_OK)
        cx->problem.status = 401;
    return CHY_ERR;
}

static const struct chy_sql q_spend = {"guard_spend", CHY_WITH_ME " " CHY_SELECT_ME};

enum chy_rc chy_guard_spend(struct chy_ctx *cx, const struct chy_guard *g)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_spend, &rows, CHY_GUARD_ARGS(g)) != CHY_OK)
        return CHY_ERR;
    return chy_guard_check(cx, rows);
}
