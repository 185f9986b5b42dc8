/* SPDX-License-Identifier: Apache-2.0 */
/* Nonces in the database (DESIGN section 3): key and list are UNLOGGED and void together. */
#include "core/store/nonces.h"

#include <string.h>

#include "core/base/problem.h"
#include "core/base/random.h"

static const struct chy_sql q_key = {
    "nonce_key_read",
    "WITH made AS (INSERT INTO nonce_key (epoch, key) VALUES ($1::integer, $2::bytea)"
    " ON CONFLICT DO NOTHING RETURNING epoch, key)"
    " SELECT epoch, key FROM made UNION ALL SELECT epoch, key FROM nonce_key LIMIT 1"};

enum chy_rc chy_nonce_key_read(struct chy_ctx *cx, int32_t *ret_epoch, uint8_t ret_key[32])
{
    for (int i = 0; i < 10; i++) {
        struct chy_rows *rows;
        uint8_t key[32];
        const uint8_t *stored;
        int32_t epoch;
        size_t n = 0;

        chy_random(&epoch, sizeof epoch);
        chy_random(key, sizeof key);
        if (chy_db_query(cx, &q_key, &rows, CHY_ARG_INT(epoch), CHY_ARG_BYTES(key, 32)) != CHY_OK)
            return CHY_ERR;
        if (chy_rows_count(rows) == 0)
            continue; /* another process made it after our snapshot: look again */
        stored = chy_row_bytes(rows, 0, 1, &n);
        if (stored == NULL || n != 32)
            break;
        *ret_epoch = (int32_t)chy_row_int(rows, 0, 0);
        memcpy(ret_key, stored, 32);
        return CHY_OK;
    }
    return chy_fault_internal(cx, "no usable nonce key in the database");
}

static const struct chy_sql q_spend = {"nonce_spend", CHY_WITH_NONCE " " CHY_SELECT_NONCE};

enum chy_rc chy_nonce_spend(struct chy_ctx *cx, const struct chy_guard *g)
{
    struct chy_rows *rows;

    if (chy_db_query(cx, &q_spend, &rows, CHY_NONCE_ARGS(g)) != CHY_OK)
        return CHY_ERR;
    return chy_guard_check(cx, rows);
}

static const struct chy_sql q_partitions = {
    "partitions_make", "SELECT chy_make_partitions($1::text, to_timestamp($2))"};

static const struct chy_sql q_sweep = {"nonces_sweep", "SELECT chy_sweep_nonces(to_timestamp($1))"};

/* Each in a transaction of its own: what is made for one table holds no lock while the next is looked
 * at, and one that fails does not stop the others.  The first failure is the one that is told. */
enum chy_rc chy_store_upkeep(struct chy_ctx *cx)
{
    static const char *const growing[] = {"orders",     "authorizations", "order_authorizations",
                                          "challenges", "certificates",   "events"};
    const size_t n = sizeof growing / sizeof *growing;
    struct chy_arg now = CHY_ARG_TIME(chy_now(cx));
    enum chy_rc rc = CHY_OK;

    for (size_t i = 0; i < n; i++) {
        if (chy_db_query(cx, &q_partitions, NULL, CHY_ARG_TEXT(growing[i]), now) == CHY_OK)
            continue;
        rc = CHY_ERR;
        if (cx->problem.status == 503)
            return CHY_ERR; /* nobody is there: no use asking seven times */
    }
    if (chy_db_query(cx, &q_sweep, NULL, now) != CHY_OK)
        return CHY_ERR;
    return rc;
}
