/* SPDX-License-Identifier: Apache-2.0 */
/* Upkeep: partitions are made beside running work, and no slot of live nonces is emptied, whoever's
 * clock is wrong (DESIGN section 3; core.md N-02). */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/problem.h"
#include "core/store/nonces.h"
#include "tests/support/fakehost.h"
#include "tests/support/testdb.h"

#define QUARTER_S 900

struct fixture {
    struct testdb t;
    struct chy_ctx *cx;
    time_t now;
};

static void ok(struct chy_ctx *cx, enum chy_rc rc)
{
    if (rc != CHY_OK)
        fail_msg("%s", cx->problem.note != NULL ? cx->problem.note : cx->problem.detail);
}

static int setup(void **state)
{
    static struct fixture f;
    uint8_t key[32];
    int32_t epoch;

    testdb_open(&f.t, true);
    f.cx = fake_cx_new(CHY_STAGE_JOB);
    f.cx->db = f.t.db;
    f.now = time(&f.now); /* the database's own clock: one of the two that sweeping asks */
    ok(f.cx, chy_nonce_key_read(f.cx, &epoch, key));
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

static int64_t number(struct fixture *f, const char *name, const char *text)
{
    struct chy_sql q = {name, text};
    struct chy_rows *r;

    ok(f->cx, chy_db_run(f->cx, &q, NULL, 0, &r));
    return chy_row_int(r, 0, 0);
}

static int64_t made(struct fixture *f, const char *parent, time_t t)
{
    static const struct chy_sql q = {"test_make",
                                     "SELECT chy_make_partitions($1::text, to_timestamp($2))"};
    struct chy_rows *r;

    ok(f->cx, chy_db_query(f->cx, &q, &r, CHY_ARG_TEXT(parent), CHY_ARG_TIME(t)));
    return chy_row_int(r, 0, 0);
}

static void partitions_are_made_once_and_ahead(void **state)
{
    struct fixture *f = *state;

    ok(f->cx, chy_store_upkeep(f->cx));
    ok(f->cx, chy_store_upkeep(f->cx));
    assert_int_equal(number(f, "test_count",
                            "SELECT count(*) FROM pg_inherits WHERE inhparent::regclass::text IN"
                            " ('orders', 'authorizations', 'order_authorizations', 'challenges',"
                            " 'certificates', 'events')"),
                     6 * 15);
    assert_int_equal(number(f, "test_checks",
                            "SELECT count(*) FROM pg_index i JOIN pg_inherits h ON h.inhrelid ="
                            " i.indrelid WHERE h.inhparent = 'orders'::regclass"),
                     2 * 15);
    assert_int_equal(made(f, "orders", chy_now(f->cx)), 0);
    assert_int_equal(made(f, "orders", chy_now(f->cx) + 31 * 86400), 1);
}

static void partitions_are_made_beside_running_work(void **state)
{
    struct fixture *f = *state;
    struct chy_db *busy = chy_db_new(f->t.conninfo, "test");

    ok(f->cx, chy_db_script(f->cx, busy,
                            "BEGIN; LOCK TABLE orders IN ROW EXCLUSIVE MODE;"
                            " SELECT count(*) FROM orders"));
    ok(f->cx, chy_db_script(f->cx, f->t.db, "SET lock_timeout = '1s'"));
    assert_int_equal(made(f, "orders", f->now), 15);
    chy_db_free(busy);
}

static void only_growing_tables_get_partitions(void **state)
{
    static const struct chy_sql q = {"test_make", "SELECT chy_make_partitions($1::text, now())"};
    struct fixture *f = *state;

    assert_int_equal(chy_db_query(f->cx, &q, NULL, CHY_ARG_TEXT("accounts")), CHY_ERR);
    assert_non_null(strstr(f->cx->problem.note, "accounts is no growing table"));
}

/* ---- the ring of nonces ---- */

static int64_t quarter(const struct fixture *f)
{
    return f->now / QUARTER_S;
}

/* One spent nonce in every slot; swept to the given quarter. */
static void fill(struct fixture *f, int64_t swept)
{
    static const struct chy_sql q = {
        "test_fill", "WITH s AS (INSERT INTO nonces_spent SELECT n, '\\x00', '\\x00'"
                     " FROM generate_series(0, 7) n ON CONFLICT DO NOTHING)"
                     " UPDATE nonce_key SET swept = $1::bigint"};

    ok(f->cx, chy_db_query(f->cx, &q, NULL, CHY_ARG_INT(swept)));
}

static int64_t sweep(struct fixture *f, time_t t)
{
    static const struct chy_sql q = {"test_sweep", "SELECT chy_sweep_nonces(to_timestamp($1))"};
    struct chy_rows *r;

    ok(f->cx, chy_db_query(f->cx, &q, &r, CHY_ARG_TIME(t)));
    return chy_row_int(r, 0, 0);
}

static int64_t swept(struct fixture *f)
{
    return number(f, "test_swept", "SELECT swept FROM nonce_key");
}

static bool is_filled(struct fixture *f, int64_t slot)
{
    static const struct chy_sql q = {"test_filled",
                                     "SELECT count(*) FROM nonces_spent WHERE slot = $1"};
    struct chy_rows *r;

    ok(f->cx, chy_db_query(f->cx, &q, &r, CHY_ARG_INT(slot % 8)));
    return chy_row_int(r, 0, 0) != 0;
}

static void a_new_quarter_empties_one_slot_and_no_live_one(void **state)
{
    struct fixture *f = *state;

    fill(f, quarter(f) - 5);
    assert_int_equal(sweep(f, f->now), 1);
    assert_int_equal(swept(f), quarter(f) - 4);
    for (int64_t q = quarter(f) - 5; q <= quarter(f) + 1; q++)
        assert_true(is_filled(f, q));
    assert_false(is_filled(f, quarter(f) + 2));
    assert_int_equal(sweep(f, f->now), 0); /* every minute, but once a quarter */
}

static void an_empty_slot_is_not_emptied(void **state)
{
    struct fixture *f = *state;

    fill(f, quarter(f) - 5);
    ok(f->cx, chy_db_script(f->cx, f->t.db, "TRUNCATE nonces_spent"));
    assert_int_equal(sweep(f, f->now), 0);
    assert_int_equal(swept(f), quarter(f) - 4);
}

static void a_slow_clock_empties_nothing(void **state)
{
    struct fixture *f = *state;

    fill(f, quarter(f) - 4);
    assert_int_equal(sweep(f, f->now - 45 * 60), 0);
    assert_int_equal(swept(f), quarter(f) - 4);
    for (int64_t q = 0; q < 8; q++)
        assert_true(is_filled(f, q));
}

static void a_fast_clock_is_believed_only_with_the_databases(void **state)
{
    struct fixture *f = *state;

    fill(f, quarter(f) - 4);
    sweep(f, f->now + 400 * 86400);
    assert_true(swept(f) <= time(&f->now) / QUARTER_S - 4);
    for (int64_t q = quarter(f) - 4; q <= quarter(f); q++)
        assert_true(is_filled(f, q));
}

static void after_a_pause_old_nonces_are_refused_before_their_slot_is_emptied(void **state)
{
    struct fixture *f = *state;

    fill(f, quarter(f) - 40);
    assert_int_equal(sweep(f, f->now), 0);
    assert_int_equal(swept(f), quarter(f) - 5);
    assert_int_equal(sweep(f, f->now), 1);
    for (int64_t q = quarter(f) - 5; q <= quarter(f) + 1; q++)
        assert_true(is_filled(f, q));
}

static void without_a_key_there_is_nothing_to_sweep(void **state)
{
    struct fixture *f = *state;

    fill(f, quarter(f) - 5);
    ok(f->cx, chy_db_script(f->cx, f->t.db, "DELETE FROM nonce_key"));
    assert_int_equal(sweep(f, f->now), 0);
    assert_true(is_filled(f, quarter(f) + 2));
}

/* Nobody may make partitions here, but the sweep is another matter. */
static void one_part_failing_does_not_stop_the_other(void **state)
{
    struct fixture *f = *state;

    fill(f, quarter(f) - 5);
    ok(f->cx, chy_db_script(f->cx, f->t.db, "DROP FUNCTION chy_make_partitions"));
    f->cx->fixed_now = f->now;
    assert_int_equal(chy_store_upkeep(f->cx), CHY_ERR);
    assert_non_null(strstr(f->cx->problem.note, "chy_make_partitions"));
    assert_int_equal(swept(f), quarter(f) - 4);
}

static void *make_and_hold(void *arg)
{
    struct fixture *f = arg;
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_JOB);
    struct chy_db *db = chy_db_new(f->t.conninfo, "other");
    static const char *const sql =
        "BEGIN; SELECT chy_make_partitions('orders', now() + interval '40 months');"
        "SELECT pg_sleep(0.7); COMMIT";
    enum chy_rc rc = chy_db_script(cx, db, sql);

    fake_cx_free(cx);
    chy_db_free(db);
    return rc == CHY_OK ? NULL : f;
}

/* Every process makes them at its start, on a new database all at the same moment. */
static void two_starting_processes_make_partitions_at_once(void **state)
{
    struct fixture *f = *state;
    pthread_t other;
    void *failed;

    assert_int_equal(pthread_create(&other, NULL, make_and_hold, f), 0);
    usleep(300000); /* it holds the lock now, for a while longer */
    assert_int_equal(number(f, "made_second",
                            "SELECT chy_make_partitions('orders', now() + interval"
                            " '40 months')"),
                     0);
    pthread_join(other, &failed);
    assert_null(failed);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(partitions_are_made_once_and_ahead),
        TEST(partitions_are_made_beside_running_work),
        TEST(two_starting_processes_make_partitions_at_once),
        TEST(only_growing_tables_get_partitions),
        TEST(a_new_quarter_empties_one_slot_and_no_live_one),
        TEST(an_empty_slot_is_not_emptied),
        TEST(a_slow_clock_empties_nothing),
        TEST(a_fast_clock_is_believed_only_with_the_databases),
        TEST(after_a_pause_old_nonces_are_refused_before_their_slot_is_emptied),
        TEST(without_a_key_there_is_nothing_to_sweep),
        TEST(one_part_failing_does_not_stop_the_other),
    };

    return cmocka_run_group_tests_name("upkeep", tests, NULL, NULL);
}
