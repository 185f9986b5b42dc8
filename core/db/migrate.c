/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations: each with its record in one transaction, under one advisory lock. */
#include "core/db/migrate.h"

#include <string.h>

#include <openssl/evp.h>

#include "core/base/hex.h"
#include "core/base/problem.h"

/* One session lock for all modules, so that two starting processes do not run the same SQL; a
 * migration may take longer than a request's statement. */
static const char *const take_lock = "SET statement_timeout = 0; SELECT pg_advisory_lock(4341689)";
static const char *const give_lock = "SELECT pg_advisory_unlock(4341689);"
                                     "SET statement_timeout = '" CHY_DB_STATEMENT_TIMEOUT "'";

static const char *const record_table =
    "CREATE TABLE IF NOT EXISTS chy_migration ("
    "  module text NOT NULL, version integer NOT NULL, name text NOT NULL,"
    "  sha256 bytea NOT NULL, applied_at timestamptz NOT NULL,"
    "  PRIMARY KEY (module, version))";

static const struct chy_sql q_recorded = {
    "migrations_recorded",
    "SELECT version, sha256 FROM chy_migration WHERE module = $1 ORDER BY version"};

static const struct chy_sql q_any = {"migrations_any",
                                     "SELECT to_regclass('chy_migration') IS NOT NULL"};

static void checksum(const char *sql, uint8_t out[32])
{
    unsigned n;

    EVP_Digest(sql, strlen(sql), out, &n, EVP_sha256(), NULL);
}

static enum chy_rc check_numbers(struct chy_ctx *cx, const char *module,
                                 const struct chy_migration *list)
{
    for (unsigned i = 0; list[i].sql != NULL; i++)
        if (list[i].version != i + 1)
            return chy_fault_internal(
                cx, "module %s: migration %u is missing (found %u_%s in its place)", module, i + 1,
                list[i].version, list[i].name);
    return CHY_OK;
}

static enum chy_rc check_recorded(struct chy_ctx *cx, const char *module,
                                  const struct chy_migration *list, const struct chy_rows *rows)
{
    unsigned known = 0;

    while (list[known].sql != NULL)
        known++;
    for (size_t i = 0; i < chy_rows_count(rows); i++) {
        uint8_t mine[32];
        size_t n = 0;
        const uint8_t *theirs = chy_row_bytes(rows, i, 1, &n);

        if (chy_row_int(rows, i, 0) != (int64_t)i + 1)
            return chy_fault_internal(cx, "module %s: the database lacks migration %zu", module,
                                      i + 1);
        if (i >= known)
            return chy_fault_internal(
                cx,
                "module %s: the database is at version %zu, this program knows "
                "%u: upgrade the program",
                module, chy_rows_count(rows), known);
        checksum(list[i].sql, mine);
        if (theirs == NULL || n != sizeof mine || memcmp(mine, theirs, n) != 0)
            return chy_fault_internal(
                cx,
                "module %s: migration %u_%s has changed since it was applied: "
                "migrations are never edited, add a new one",
                module, list[i].version, list[i].name);
    }
    return CHY_OK;
}

static enum chy_rc apply(struct chy_ctx *cx, struct chy_db *db, const char *module,
                         const struct chy_migration *m)
{
    char digest[65];
    uint8_t raw[32];

    /* Names come from descriptors checked at load and from file names; still, no quote may pass. */
    if (strpbrk(module, "'\\") != NULL || strpbrk(m->name, "'\\") != NULL)
        return chy_fault_internal(cx, "module %s: ill-formed migration name", module);
    checksum(m->sql, raw);
    chy_hex_write(digest, raw, sizeof raw);
    return chy_db_script(cx, db,
                         chy_fmt(cx,
                                 "%s\n;INSERT INTO chy_migration VALUES ('%s', %u, '%s', '\\x%s', "
                                 "to_timestamp(%lld))",
                                 m->sql, module, m->version, m->name, digest,
                                 (long long)chy_now(cx)));
}

static enum chy_rc migrate_locked(struct chy_ctx *cx, struct chy_db *db, const char *module,
                                  const struct chy_migration *list, unsigned *ret_applied)
{
    struct chy_rows *rows;
    unsigned applied = 0;

    if (chy_db_script(cx, db, record_table) != CHY_OK ||
        chy_db_query(cx, &q_recorded, &rows, CHY_ARG_TEXT(module)) != CHY_OK ||
        check_recorded(cx, module, list, rows) != CHY_OK)
        return CHY_ERR;
    for (size_t i = chy_rows_count(rows); list[i].sql != NULL; i++, applied++)
        if (apply(cx, db, module, &list[i]) != CHY_OK)
            return CHY_ERR;
    *ret_applied = applied;
    return CHY_OK;
}

enum chy_rc chy_migrate(struct chy_ctx *cx, struct chy_db *db, const char *module,
                        const struct chy_migration *list, unsigned *ret_applied)
{
    enum chy_rc rc;

    if (check_numbers(cx, module, list) != CHY_OK || chy_db_script(cx, db, take_lock) != CHY_OK)
        return CHY_ERR;
    rc = migrate_locked(cx, db, module, list, ret_applied);
    /* The first reason stays; should the unlock fail, the end of the session gives the lock back. */
    if (chy_db_script(cx, db, give_lock) != CHY_OK)
        return CHY_ERR;
    return rc;
}

enum chy_rc chy_migrate_look(struct chy_ctx *cx, const char *module,
                             const struct chy_migration *list, unsigned *ret_behind)
{
    struct chy_rows *any, *rows;
    size_t known = 0, done = 0;

    while (list[known].sql != NULL)
        known++;
    if (check_numbers(cx, module, list) != CHY_OK ||
        chy_db_run(cx, &q_any, NULL, 0, &any) != CHY_OK)
        return CHY_ERR;
    if (chy_row_bool(any, 0, 0)) {
        if (chy_db_query(cx, &q_recorded, &rows, CHY_ARG_TEXT(module)) != CHY_OK ||
            check_recorded(cx, module, list, rows) != CHY_OK)
            return CHY_ERR;
        done = chy_rows_count(rows);
    }
    *ret_behind = (unsigned)(known - done);
    return CHY_OK;
}
