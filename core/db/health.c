/* SPDX-License-Identifier: Apache-2.0 */
/* Looking whether a database is fit to work with.  has_table_privilege() does not ask whether the
 * schema may be entered, so both are asked; a partition is reached through its table. */
#include "core/db/health.h"

static const struct chy_sql q_clock = {
    "health_clock", "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"};

enum chy_rc chy_db_clock(struct chy_ctx *cx, int64_t *ret_ms)
{
    struct chy_rows *rows;

    if (chy_db_run(cx, &q_clock, NULL, 0, &rows) != CHY_OK)
        return CHY_ERR;
    *ret_ms = chy_row_int(rows, 0, 0);
    return CHY_OK;
}

static const struct chy_sql q_rights = {
    "health_rights",
    "SELECT current_user::text, lack.schema, lack.missing FROM (VALUES (1)) AS one(n) LEFT JOIN ("
    "  SELECT n.nspname::text AS schema,"
    "    CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN 'USAGE'"
    "      ELSE concat_ws(', ',"
    "        CASE WHEN NOT has_table_privilege(c.oid, 'SELECT') THEN 'SELECT' END,"
    "        CASE WHEN NOT has_table_privilege(c.oid, 'INSERT') THEN 'INSERT' END,"
    "        CASE WHEN NOT has_table_privilege(c.oid, 'UPDATE') THEN 'UPDATE' END,"
    "        CASE WHEN NOT has_table_privilege(c.oid, 'DELETE') THEN 'DELETE' END)"
    "        || ' on ' || c.relname END AS missing"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition"
    "    AND (n.nspname = 'public' OR n.nspname LIKE 'ext\\_%')"
    "    AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')"
    "      AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')"
    "      AND has_table_privilege(c.oid, 'DELETE'))"
    "  ORDER BY 1, 2 LIMIT 1) AS lack ON true"};

enum chy_rc chy_db_rights(struct chy_ctx *cx, struct chy_db_rights *ret)
{
    struct chy_rows *rows;

    if (chy_db_run(cx, &q_rights, NULL, 0, &rows) != CHY_OK)
        return CHY_ERR;
    ret->role = chy_row_text(rows, 0, 0);
    ret->schema = chy_row_text(rows, 0, 1);
    ret->missing = chy_row_text(rows, 0, 2);
    return CHY_OK;
}

const char *chy_db_rights_grant(struct chy_ctx *cx, const struct chy_db_rights *r)
{
    return chy_fmt(cx,
                   "GRANT USAGE ON SCHEMA %s TO \"%s\"; GRANT SELECT, INSERT, UPDATE, DELETE "
                   "ON ALL TABLES IN SCHEMA %s TO \"%s\"",
                   r->schema, r->role, r->schema, r->role);
}

static const struct chy_sql q_create = {"health_create",
                                        "SELECT has_schema_privilege('public', 'CREATE')"};

enum chy_rc chy_db_may_create(struct chy_ctx *cx, bool *ret)
{
    struct chy_rows *rows;

    if (chy_db_run(cx, &q_create, NULL, 0, &rows) != CHY_OK)
        return CHY_ERR;
    *ret = chy_row_bool(rows, 0, 0);
    return CHY_OK;
}
