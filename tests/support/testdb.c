/* SPDX-License-Identifier: Apache-2.0 */
/* Making and dropping test databases. */
#include "tests/support/testdb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/random.h"
#include "core/db/migrate.h"
#include "tests/support/fakehost.h"

static void must(struct chy_ctx *cx, enum chy_rc rc, const char *what)
{
    if (rc == CHY_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, cx->problem.note ? cx->problem.note : cx->problem.detail);
    exit(1);
}

static void script(const char *conninfo, const char *sql)
{
    struct chy_db *db = chy_db_new(conninfo, "testdb");
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_JOB);

    /* Making a database takes as long as it takes. */
    must(cx, chy_db_script(cx, db, "SET statement_timeout = 0"), "no timeout");
    must(cx, chy_db_script(cx, db, sql), sql);
    fake_cx_free(cx);
    chy_db_free(db);
}

static const char *cluster(void)
{
    const char *base = getenv("CHY_TEST_PG");

    if (base == NULL) {
        fprintf(stderr, "CHY_TEST_PG is not set: run this through tests/run\n");
        exit(1);
    }
    return base;
}

void testdb_open(struct testdb *t, bool migrated)
{
    char conninfo[512], sql[128];
    uint32_t random;
    unsigned applied;

    chy_random(&random, sizeof random);
    snprintf(t->name, sizeof t->name, "test_%08x", random);
    snprintf(conninfo, sizeof conninfo, "%s dbname=postgres", cluster());
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", t->name);
    script(conninfo, sql);
    snprintf(t->conninfo, sizeof t->conninfo, "%s dbname=%s", cluster(), t->name);
    t->db = chy_db_new(t->conninfo, "test");
    if (migrated) {
        struct chy_ctx *cx = fake_cx_new(CHY_STAGE_JOB);

        cx->db = t->db;
        must(cx, chy_migrate(cx, t->db, "core", chy_core_migrations, &applied), "migrations");
        fake_cx_free(cx);
    }
}

void testdb_close(struct testdb *t)
{
    char conninfo[512], sql[128];

    chy_db_free(t->db);
    snprintf(conninfo, sizeof conninfo, "%s dbname=postgres", cluster());
    snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", t->name);
    script(conninfo, sql);
}
