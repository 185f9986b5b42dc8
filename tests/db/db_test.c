/* SPDX-License-Identifier: Apache-2.0 */
/* Connection, parameters, rows and migrations against a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/problem.h"
#include "core/db/link.h"
#include "core/db/health.h"
#include "core/db/migrate.h"
#include "tests/support/fakehost.h"
#include "tests/support/testdb.h"

struct fixture {
    struct testdb t;
    struct chy_ctx *cx;
};

static void ok(struct chy_ctx *cx, enum chy_rc rc)
{
    if (rc != CHY_OK)
        fail_msg("%s", cx->problem.note != NULL ? cx->problem.note : cx->problem.detail);
}

static int setup(void **state)
{
    static struct fixture f;

    testdb_open(&f.t, false);
    f.cx = fake_cx_new(CHY_STAGE_JOB);
    f.cx->db = f.t.db;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fake_cx_free(f->cx);
    testdb_close(&f->t);
    return 0;
}

static void every_kind_of_parameter_comes_back(void **state)
{
    static const struct chy_sql q = {
        "test_kinds", "SELECT $1::text, $2::bigint, $3::boolean, extract(epoch FROM"
                      " to_timestamp($4))::bigint, $5::bytea, $6::bytea[], $7::jsonb, $8::text"};
    struct fixture *f = *state;
    struct chy_id ids[3], back;
    const struct chy_id *list;
    struct chy_rows *r;
    const uint8_t odd[] = {0, 255, '\\', '\'', 10};
    size_t n = 0;

    for (int i = 0; i < 3; i++)
        chy_id_new(f->cx, &ids[i]);
    ok(f->cx, chy_db_query(f->cx, &q, &r, CHY_ARG_TEXT("a'b\\c\xc3\xa9"), CHY_ARG_INT(-5),
                           CHY_ARG_BOOL(true), CHY_ARG_TIME(1795514400),
                           CHY_ARG_BYTES(odd, sizeof odd), CHY_ARG_IDS(ids, 3),
                           CHY_ARG_JSON(chy_keep_json(f->cx, json_pack("{s:[i]}", "k", 1))),
                           CHY_ARG_NULL));
    assert_int_equal(chy_rows_count(r), 1);
    assert_string_equal(chy_row_text(r, 0, 0), "a'b\\c\xc3\xa9");
    assert_int_equal(chy_row_int(r, 0, 1), -5);
    assert_true(chy_row_bool(r, 0, 2));
    assert_int_equal(chy_row_int(r, 0, 3), 1795514400);
    assert_memory_equal(chy_row_bytes(r, 0, 4, &n), odd, sizeof odd);
    assert_int_equal(n, sizeof odd);
    assert_true(chy_row_ids(r, 0, 5, &list, &n));
    assert_int_equal(n, 3);
    assert_memory_equal(list, ids, sizeof ids);
    assert_non_null(json_object_get(chy_row_json(f->cx, r, 0, 6), "k"));
    assert_true(chy_row_null(r, 0, 7));
    assert_false(chy_row_id(r, 0, 4, &back));
}

static void an_empty_array_of_ids_is_empty(void **state)
{
    static const struct chy_sql q = {"test_empty", "SELECT $1::bytea[]"};
    struct fixture *f = *state;
    const struct chy_id *list;
    struct chy_rows *r;
    size_t n = 9;

    ok(f->cx, chy_db_query(f->cx, &q, &r, CHY_ARG_IDS(NULL, 0)));
    assert_true(chy_row_ids(r, 0, 0, &list, &n));
    assert_int_equal(n, 0);
}

static void a_statement_outlives_its_connection(void **state)
{
    static const struct chy_sql self = {"test_pid", "SELECT pg_backend_pid()"};
    struct fixture *f = *state;
    struct testdb other;
    struct chy_ctx *cx2 = fake_cx_new(CHY_STAGE_JOB);
    struct chy_rows *r;
    int64_t before;

    ok(f->cx, chy_db_run(f->cx, &self, NULL, 0, &r));
    before = chy_row_int(r, 0, 0);
    testdb_open(&other, false);
    ok(cx2, chy_db_script(cx2, other.db,
                          chy_fmt(cx2, "SELECT pg_terminate_backend(%lld)", (long long)before)));
    ok(f->cx, chy_db_run(f->cx, &self, NULL, 0, &r));
    assert_int_not_equal(chy_row_int(r, 0, 0), before);
    fake_cx_free(cx2);
    testdb_close(&other);
}

static void an_unreachable_database_is_503_with_a_time(void **state)
{
    struct fixture *f = *state;
    struct chy_db *nowhere = chy_db_new("host=/nonexistent dbname=x", "test");

    assert_int_equal(chy_db_connect(f->cx, nowhere, 0), CHY_ERR);
    assert_int_equal(f->cx->problem.status, 503);
    assert_true(f->cx->problem.retry_after_s > 0);
    assert_null(strstr(f->cx->problem.detail, "nonexistent")); /* core.md E-03 */
    assert_non_null(strstr(f->cx->problem.note, "nonexistent"));
    chy_db_free(nowhere);
}

static int64_t ms_to_connect(struct fixture *f, struct chy_db *db, enum chy_rc expected)
{
    int64_t began = chy_clock_ms();

    assert_int_equal(chy_db_connect(f->cx, db, 400), expected);
    chy_problem_clear(f->cx);
    return chy_clock_ms() - began;
}

static void an_outage_is_waited_for_together(void **state)
{
    struct fixture *f = *state;
    struct chy_db_outage outage = {0};
    struct chy_db *a = chy_db_new("host=/nonexistent dbname=x", "test");
    struct chy_db *b = chy_db_new("host=/nonexistent dbname=x", "test");
    struct chy_db *good = chy_db_new(f->t.conninfo, "test");

    chy_db_share_outage(a, &outage);
    chy_db_share_outage(b, &outage);
    chy_db_share_outage(good, &outage);
    assert_true(ms_to_connect(f, a, CHY_ERR) >= 200);
    usleep(200 * 1000);
    assert_true(ms_to_connect(f, b, CHY_ERR) < 150); /* the time is over for all */
    assert_true(ms_to_connect(f, a, CHY_ERR) < 150);
    assert_int_not_equal(outage.since_ms, 0);
    outage.tried = true; /* somebody else is finding out */
    ms_to_connect(f, good, CHY_ERR);
    outage.tried = false;
    ms_to_connect(f, good, CHY_OK);
    assert_int_equal(outage.since_ms, 0);
    assert_true(ms_to_connect(f, b, CHY_ERR) >= 200);
    chy_db_free(a);
    chy_db_free(b);
    chy_db_free(good);
}

/* A port that takes connections and never answers. */
static int silent_port(uint16_t *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static void a_silent_server_does_not_hold_a_thread(void **state)
{
    struct fixture *f = *state;
    int64_t began = chy_clock_ms();
    struct chy_db *silent;
    uint16_t port;
    int fd = silent_port(&port);

    silent = chy_db_new(chy_fmt(f->cx, "host=127.0.0.1 port=%u dbname=x user=x", port), "test");
    assert_int_equal(chy_db_connect(f->cx, silent, 3000), CHY_ERR);
    assert_int_equal(f->cx->problem.status, 503);
    assert_true(chy_clock_ms() - began < 5000);
    chy_db_free(silent);
    close(fd);
}

static void an_answer_is_waited_for_until_the_deadline(void **state)
{
    struct fixture *f = *state;
    int64_t began;
    PGconn *conn;

    assert_true(chy_link_open(f->t.conninfo, "test", &conn));
    began = chy_clock_ms();
    assert_null(chy_link_exec(conn, "SELECT pg_sleep(20)", began + 200));
    assert_true(chy_clock_ms() - began < 5000);
    PQfinish(conn);
}

static void a_late_statement_is_503(void **state)
{
    static const struct chy_sql q = {"test_late", "SELECT pg_sleep(20)"};
    struct fixture *f = *state;

    ok(f->cx, chy_db_script(f->cx, f->t.db, "SET statement_timeout = '100ms'"));
    assert_int_equal(chy_db_run(f->cx, &q, NULL, 0, NULL), CHY_ERR);
    assert_int_equal(f->cx->problem.status, 503);
    assert_non_null(strstr(f->cx->problem.note, "test_late"));
}

/* All that the key-value form says, as a URI. */
static char *uri_of(struct chy_ctx *cx, const char *conninfo)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    char *uri = chy_fmt(cx, "postgresql://");
    char mark = '?';

    for (PQconninfoOption *o = options; o->keyword != NULL; o++) {
        if (o->val == NULL)
            continue;
        uri = chy_fmt(cx, "%s%c%s=", uri, mark, o->keyword);
        for (const char *c = o->val; *c != '\0'; c++)
            uri = chy_fmt(cx, "%s%%%02X", uri, (unsigned char)*c);
        mark = '&';
    }
    PQconninfoFree(options);
    return uri;
}

static void a_uri_is_a_conninfo_too(void **state)
{
    static const struct chy_sql q = {"test_self", "SELECT current_setting('application_name'),"
                                                  " current_database()"};
    struct fixture *f = *state;
    struct chy_db *db = chy_db_new(uri_of(f->cx, f->t.conninfo), "it's a test");
    struct chy_rows *r;

    f->cx->db = db;
    ok(f->cx, chy_db_run(f->cx, &q, NULL, 0, &r));
    assert_string_equal(chy_row_text(r, 0, 0), "it's a test");
    assert_string_equal(chy_row_text(r, 0, 1), f->t.name);
    chy_db_free(db);
}

static void any_number_of_statements_stays_prepared(void **state)
{
    struct fixture *f = *state;
    uint64_t before;

    for (int i = 0; i < 1000; i++) {
        struct chy_sql q = {chy_fmt(f->cx, "test_%d", i % 500), NULL};
        struct chy_rows *r;

        q.text = chy_fmt(f->cx, "SELECT %d", i % 500);
        before = chy_db_round_trips(f->t.db);
        ok(f->cx, chy_db_run(f->cx, &q, NULL, 0, &r));
        assert_int_equal(chy_row_int(r, 0, 0), i % 500);
        assert_int_equal(chy_db_round_trips(f->t.db) - before, i < 500 ? 2 : 1);
    }
}

static void one_name_is_one_statement(void **state)
{
    static const struct chy_sql one = {"test_one", "SELECT 1"}, other = {"test_one", "SELECT 2"},
                                longer = {"test_of_a_name_that_is_longer_than_what_postgresql_can_"
                                          "tell_apart",
                                          "SELECT 3"};
    struct fixture *f = *state;

    ok(f->cx, chy_db_run(f->cx, &one, NULL, 0, NULL));
    assert_int_equal(chy_db_run(f->cx, &other, NULL, 0, NULL), CHY_ERR);
    assert_non_null(strstr(f->cx->problem.note, "test_one: two statements have this name"));
    chy_problem_clear(f->cx);
    assert_int_equal(chy_db_run(f->cx, &longer, NULL, 0, NULL), CHY_ERR);
    assert_non_null(strstr(f->cx->problem.note, "over 63 octets"));
}

static const struct chy_migration two[] = {{1, "one", "CREATE TABLE m (a integer)"},
                                           {2, "two", "ALTER TABLE m ADD b integer; SELECT 1"},
                                           {0}};

static void migrations_run_once(void **state)
{
    struct fixture *f = *state;
    unsigned applied = 9;

    ok(f->cx, chy_migrate(f->cx, f->t.db, "mod", two, &applied));
    assert_int_equal(applied, 2);
    ok(f->cx, chy_migrate(f->cx, f->t.db, "mod", two, &applied));
    assert_int_equal(applied, 0);
}

static void refuses(struct fixture *f, const struct chy_migration *list, const char *reason)
{
    unsigned applied = 0;

    chy_problem_clear(f->cx);
    assert_int_equal(chy_migrate(f->cx, f->t.db, "mod", list, &applied), CHY_ERR);
    if (strstr(f->cx->problem.note, reason) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", reason, f->cx->problem.note);
}

static void migrations_refuse_holes_changes_and_newer_databases(void **state)
{
    static const struct chy_migration hole[] = {
        {1, "one", "SELECT 1"}, {3, "three", "SELECT 1"}, {0}};
    static const struct chy_migration edited[] = {
        {1, "one", "CREATE TABLE m (a bigint)"}, {2, "two", "SELECT 2"}, {0}};
    static const struct chy_migration shorter[] = {{1, "one", "CREATE TABLE m (a integer)"}, {0}};
    struct fixture *f = *state;
    unsigned applied;

    refuses(f, hole, "migration 2 is missing");
    chy_problem_clear(f->cx);
    ok(f->cx, chy_migrate(f->cx, f->t.db, "mod", two, &applied));
    refuses(f, edited, "1_one has changed since it was applied");
    refuses(f, shorter, "upgrade the program");
}

static void a_look_counts_what_a_database_lacks_and_changes_nothing(void **state)
{
    static const struct chy_migration three[] = {
        {1, "one", "CREATE TABLE m (a integer)"},
        {2, "two", "ALTER TABLE m ADD b integer; SELECT 1"},
        {3, "three", "SELECT 3"},
        {0}};
    struct fixture *f = *state;
    unsigned behind = 9, applied;

    ok(f->cx, chy_migrate_look(f->cx, "mod", two, &behind)); /* not even the record's table */
    assert_int_equal(behind, 2);
    ok(f->cx, chy_migrate(f->cx, f->t.db, "mod", two, &applied));
    ok(f->cx, chy_migrate_look(f->cx, "mod", two, &behind));
    assert_int_equal(behind, 0);
    for (int i = 0; i < 2; i++) {
        ok(f->cx, chy_migrate_look(f->cx, "mod", three, &behind));
        assert_int_equal(behind, 1);
    }
    assert_int_equal(chy_migrate_look(f->cx, "mod", &(const struct chy_migration){0}, &behind),
                     CHY_ERR);
    assert_non_null(strstr(f->cx->problem.note, "upgrade the program"));
}

static void a_role_is_told_the_first_right_that_it_lacks(void **state)
{
    static const char *const make[] = {
        "CREATE TABLE a (x integer); CREATE TABLE b (x integer)",
        "CREATE SCHEMA ext_probe; CREATE TABLE ext_probe.c (x integer)",
    };
    static const char *const take[][2] = {
        {"SET ROLE chy_health", "USAGE"},
        {"RESET ROLE; GRANT USAGE ON SCHEMA public, ext_probe TO chy_health; GRANT ALL ON "
         "a, ext_probe.c TO chy_health; GRANT SELECT, DELETE ON b TO chy_health; SET ROLE "
         "chy_health",
         "INSERT, UPDATE on b"},
        {"RESET ROLE; GRANT ALL ON b TO chy_health; SET ROLE chy_health", NULL},
    };
    struct fixture *f = *state;
    struct chy_db_rights r;
    bool may;

    ok(f->cx, chy_db_script(f->cx, f->t.db,
                            "DO $$ BEGIN CREATE ROLE chy_health; EXCEPTION WHEN duplicate_object "
                            "THEN NULL; END $$"));
    for (size_t i = 0; i < 2; i++)
        ok(f->cx, chy_db_script(f->cx, f->t.db, make[i]));
    ok(f->cx, chy_db_rights(f->cx, &r)); /* the superuser may everything */
    assert_null(r.schema);
    ok(f->cx, chy_db_may_create(f->cx, &may));
    assert_true(may);
    ok(f->cx, chy_db_script(f->cx, f->t.db, "REVOKE USAGE ON SCHEMA public FROM PUBLIC"));
    for (size_t i = 0; i < 3; i++) {
        ok(f->cx, chy_db_script(f->cx, f->t.db, take[i][0]));
        ok(f->cx, chy_db_rights(f->cx, &r));
        assert_string_equal(r.role, "chy_health");
        if (take[i][1] == NULL)
            assert_null(r.schema);
        else
            assert_string_equal(r.missing, take[i][1]);
    }
    ok(f->cx, chy_db_may_create(f->cx, &may));
    assert_false(may);
    ok(f->cx, chy_db_script(f->cx, f->t.db, "RESET ROLE; DROP OWNED BY chy_health"));
}

static void the_clock_of_a_database_is_read_in_milliseconds(void **state)
{
    struct fixture *f = *state;
    int64_t ms;

    ok(f->cx, chy_db_clock(f->cx, &ms));
    assert_in_range(ms / 1000, time(NULL) - 5, time(NULL) + 5);
}

static void a_broken_migration_leaves_nothing_behind(void **state)
{
    static const struct chy_migration broken[] = {
        {1, "one", "CREATE TABLE half (a integer); SELECT 1/0"}, {0}};
    static const struct chy_sql q = {"test_half", "SELECT to_regclass('half') IS NULL,"
                                                  " (SELECT count(*) FROM chy_migration)"};
    struct fixture *f = *state;
    struct chy_rows *r;

    refuses(f, broken, "division by zero");
    chy_problem_clear(f->cx);
    ok(f->cx, chy_db_run(f->cx, &q, NULL, 0, &r));
    assert_true(chy_row_bool(r, 0, 0));
    assert_int_equal(chy_row_int(r, 0, 1), 0);
}

static void a_notification_wakes_a_waiter(void **state)
{
    static const struct chy_sql notify = {"test_notify", "SELECT pg_notify('test', '')::text"};
    struct fixture *f = *state;
    struct chy_rows *r;

    ok(f->cx, chy_db_listen(f->cx, f->t.db, "test"));
    assert_false(chy_db_wait(f->t.db, 10));
    ok(f->cx, chy_db_run(f->cx, &notify, NULL, 0, &r));
    assert_true(chy_db_wait(f->t.db, 1000));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_of_parameter_comes_back),
        TEST(an_empty_array_of_ids_is_empty),
        TEST(a_statement_outlives_its_connection),
        TEST(an_unreachable_database_is_503_with_a_time),
        TEST(an_outage_is_waited_for_together),
        TEST(a_silent_server_does_not_hold_a_thread),
        TEST(an_answer_is_waited_for_until_the_deadline),
        TEST(a_late_statement_is_503),
        TEST(a_uri_is_a_conninfo_too),
        TEST(any_number_of_statements_stays_prepared),
        TEST(one_name_is_one_statement),
        TEST(migrations_run_once),
        TEST(migrations_refuse_holes_changes_and_newer_databases),
        TEST(a_look_counts_what_a_database_lacks_and_changes_nothing),
        TEST(a_role_is_told_the_first_right_that_it_lacks),
        TEST(the_clock_of_a_database_is_read_in_milliseconds),
        TEST(a_broken_migration_leaves_nothing_behind),
        TEST(a_notification_wakes_a_waiter),
    };

    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
