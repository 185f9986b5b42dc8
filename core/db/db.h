/* SPDX-License-Identifier: Apache-2.0 */
/* One PostgreSQL connection: prepared statements, parameters, rows, reconnection. */
#ifndef CHY_DB_DB_H
#define CHY_DB_DB_H

#include "core/base/cx.h"

struct chy_db;

/* A connection for one thread.  conninfo is libpq's; nothing is connected yet. */
struct chy_db *chy_db_new(const char *conninfo, const char *application_name);
void chy_db_free(struct chy_db *db);

/* What the connections of a process's threads know together: since when the database has been away
 * (chy_clock_ms(), 0: it is there).  Threads that share one wait together, from the first failure
 * on, and not each anew.  Zeroed at the beginning; outlives the connections. */
struct chy_db_outage {
    _Atomic int64_t since_ms;
    _Atomic bool tried; /* somebody is finding out whether it is back */
};
void chy_db_share_outage(struct chy_db *db, struct chy_db_outage *outage);

/* Connect if there is no connection, trying again until wait_ms have passed (0: once; from the
 * beginning of a shared outage).  Fails with serverInternal/503 and Retry-After.  One try takes two
 * seconds at most for each address that conninfo names, unless conninfo sets connect_timeout. */
enum chy_rc CHY_CHECK chy_db_connect(struct chy_ctx *cx, struct chy_db *db, unsigned wait_ms);

/* Run one prepared statement on cx->db, prepared on first use of the connection.  Connects if needed.
 * q->name is at most 63 octets and names one text; core's names have no '.'.
 *
 * Every statement must be idempotent: ids are made by the caller, status changes are compare-and-set
 * that also accept their own result.  So a statement whose connection broke is simply sent again
 * after reconnecting, and so are serialisation failures and deadlocks (at most 5 times).  All of it
 * ends within CHY_DB_WAIT_MS, or after the first try to connect if that alone takes longer.  Fails:
 * serverInternal/503 with Retry-After when the database stays away or does not answer in time (the
 * statement may still take effect), serverInternal/500 for any other error of the statement itself.
 * rows live in the arena; ret may be NULL. */
#define CHY_DB_WAIT_MS 10000
#define CHY_DB_STATEMENT_TIMEOUT "8s" /* the server gives up first, and says so */
enum chy_rc CHY_CHECK chy_db_run(struct chy_ctx *cx, const struct chy_sql *q,
                                 const struct chy_arg *args, size_t n_args, struct chy_rows **ret);
#define chy_db_query(cx, q, ret, ...)                                                              \
    chy_db_run((cx), (q), (const struct chy_arg[]){__VA_ARGS__},                                   \
               sizeof((const struct chy_arg[]){__VA_ARGS__}) / sizeof(struct chy_arg), (ret))

/* Grows with every new connection: what was cached from the database before may be stale. */
uint64_t chy_db_generation(const struct chy_db *db);
/* Round trips since the start: for benchmarks. */
uint64_t chy_db_round_trips(const struct chy_db *db);

/* Listen for a NOTIFY channel, and wait until one comes or ms have passed.  Polling is the
 * guarantee, this is a hint: true if one came. */
enum chy_rc CHY_CHECK chy_db_listen(struct chy_ctx *cx, struct chy_db *db, const char *channel);
bool chy_db_wait(struct chy_db *db, unsigned ms);

/* Run several statements of SQL text as one transaction, unprepared: migrations only. */
enum chy_rc CHY_CHECK chy_db_script(struct chy_ctx *cx, struct chy_db *db, const char *sql);

/* Rows.  row or col out of range is a programming error.  NULL reads as NULL, 0, false. */
size_t chy_rows_count(const struct chy_rows *r);
/* Is there such a row and column; and whose unit of work are the rows of?  For who must not die of
 * another's programming error. */
bool chy_rows_have(const struct chy_rows *r, size_t row, size_t col);
struct chy_ctx *chy_rows_cx(const struct chy_rows *r);
bool chy_row_null(const struct chy_rows *r, size_t row, size_t col);
const char *chy_row_text(const struct chy_rows *r, size_t row, size_t col);
int64_t chy_row_int(const struct chy_rows *r, size_t row, size_t col);
bool chy_row_bool(const struct chy_rows *r, size_t row, size_t col);
/* bytea: decoded into the arena at each call; NULL, and *ret_n untouched, if it is NULL or no bytea. */
const uint8_t *chy_row_bytes(const struct chy_rows *r, size_t row, size_t col, size_t *ret_n);
/* False unless it is exactly 20 octets. */
bool chy_row_id(const struct chy_rows *r, size_t row, size_t col, struct chy_id *ret);
/* bytea[]: *ret in the arena; false if any element is not 20 octets. */
bool chy_row_ids(const struct chy_rows *r, size_t row, size_t col, const struct chy_id **ret,
                 size_t *ret_n);
/* json, jsonb: parsed into the arena; NULL where the column is NULL. */
json_t *chy_row_json(struct chy_ctx *cx, const struct chy_rows *r, size_t row, size_t col);
/* timestamptz columns are selected as extract(epoch from x)::bigint and read with chy_row_int;
 * CHY_ARG_TIME is written as to_timestamp($n). */

#endif
