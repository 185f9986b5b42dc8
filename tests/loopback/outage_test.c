/* SPDX-License-Identifier: Apache-2.0 */
/* The signer or the database is away (core.md F-12, F-13, T-E-03). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "core/base/b64.h"
#include "core/base/problem.h"
#include "core/work/worker.h"
#include "tests/support/loopback.h"

#define NAME "www.shop.example"

static int setup(void **state)
{
    *state = loopback_open(NULL);
    return 0;
}

static int teardown(void **state)
{
    loopback_close(*state);
    return 0;
}

static void F12_without_a_signer_finalize_is_503_and_the_order_stays_ready(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = loop_ready(c, NAME);
    struct loop_reply *r;

    loop_signer_down(lb);
    r = loop_refused(loop_finalize(c, order, NAME), 503, "serverInternal", "");
    assert_true(strtol(loop_header(r, "Retry-After"), NULL, 10) > 0);
    assert_null(strstr(r->body, "signer"));
    loop_status(c, order, "ready");
    assert_int_equal(loop_sql_int(lb, "SELECT count(*) FROM certificates WHERE order_id = %s",
                                  loop_id(lb, order)),
                     0);
    loop_signer_up(lb);
    assert_string_equal(loop_text(loop_ok(loop_finalize(c, order, NAME), 200), "status"), "valid");
}

/* What a front leaves behind that dies between record and signature, or that parks the order for a
 * worker: the order in processing, with its request. */
static const char *leave_behind(struct loop_client *c, bool recorded)
{
    static const char serial[] = "'\\x01c80000aabbccddeeff00112233445566778899'";
    struct loop_csr csr = {.san = "DNS:" NAME};
    struct loopback *lb = c->lb;
    const char *order = loop_ready(c, NAME);
    char *payload = loop_csr(c, &csr);
    size_t begin = strlen("{\"csr\":\""), n;
    const uint8_t *der =
        chy_b64u_decode(c->cx, payload + begin, strlen(payload) - begin - strlen("\"}"), &n);
    char *hex = chy_alloc(c->cx, 2 * n + 1);

    for (size_t i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", der[i]);
    loop_sql(lb,
             "UPDATE orders SET status = 'processing', csr = '\\x%s', certificate = %s, due_at = "
             "to_timestamp(1) WHERE id = %s",
             hex, recorded ? serial : "NULL", loop_id(lb, order));
    if (recorded)
        loop_sql(
            lb,
            "INSERT INTO certificates (id, order_id, account_id, status, profile, issuer, "
            "policy, names, spki_sha256, tbs_sha256, not_before, not_after, recorded_at) SELECT "
            "certificate, id, account_id, 'recorded', 'web', 'web-1', policy, '[]', "
            "sha256('a'), sha256('b'), now(), now() + interval '1 day', now() FROM orders "
            "WHERE id = %s",
            loop_id(lb, order));
    return order;
}

static void let_a_worker_finish(struct loopback *lb, const char *order)
{
    struct chy_worker *w;
    int tries = 150;

    chy_problem_clear(lb->cx);
    if (chy_worker_new(lb->cx, &lb->node, &w) != CHY_OK)
        fail_msg("%s", lb->cx->problem.note);
    assert_int_equal(chy_worker_start(lb->cx, w), CHY_OK);
    while (loop_sql_int(lb, "SELECT count(*) FROM orders WHERE id = %s AND status = 'processing'",
                        loop_id(lb, order)) == 1 &&
           tries-- > 0)
        usleep(100000);
    chy_worker_stop(w);
    chy_worker_free(w);
}

static void F12_a_worker_issues_what_was_parked(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = leave_behind(c, false);
    struct loop_reply *r = loop_read(c, order);

    assert_string_equal(loop_text(r, "status"), "processing");
    assert_non_null(loop_header(r, "Retry-After"));
    assert_null(json_object_get(r->json, "certificate"));
    loop_refused(loop_finalize(c, order, NAME), 403, "orderNotReady", "processing");
    let_a_worker_finish(lb, order);
    r = loop_read(c, order);
    assert_string_equal(loop_text(r, "status"), "valid");
    loop_ok(loop_post(c, loop_text(r, "certificate"), ""), 200);
}

/* What was recorded first may have been signed: it is lost and revoked, never issued. */
static void F03_a_worker_revokes_a_record_that_a_front_left(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = leave_behind(c, true);

    let_a_worker_finish(lb, order);
    loop_status(c, order, "valid");
    assert_string_equal(loop_sql(lb,
                                 "SELECT string_agg(status, ' ' ORDER BY status) FROM certificates "
                                 "WHERE order_id = %s",
                                 loop_id(lb, order)),
                        "issued lost");
    assert_int_equal(loop_sql_int(lb,
                                  "SELECT count(*) FROM revocations r, certificates c WHERE "
                                  "c.order_id = %s AND c.status = 'lost' AND r.serial = c.id",
                                  loop_id(lb, order)),
                     1);
}

static void T_E2E_06_a_worker_issues_nothing_to_a_deactivated_account(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = leave_behind(c, false);

    loop_sql(lb, "UPDATE accounts SET status = 'deactivated' WHERE id = %s", loop_id(lb, c->kid));
    let_a_worker_finish(lb, order);
    assert_string_equal(loop_sql(lb, "SELECT status FROM orders WHERE id = %s", loop_id(lb, order)),
                        "invalid");
    assert_int_equal(loop_sql_int(lb, "SELECT count(*) FROM certificates WHERE order_id = %s",
                                  loop_id(lb, order)),
                     0);
}

/* Policy changed while the order was parked: it ends with that reason. */
static void F12_a_worker_refuses_what_policy_no_longer_takes(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = leave_behind(c, false);
    struct loop_reply *r;

    loop_web(lb, "shop.example", LOOP_CHALLENGES, LOOP_KEYS);
    let_a_worker_finish(lb, order);
    r = loop_read(c, order);
    assert_string_equal(loop_text(r, "status"), "invalid");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(r->json, "error"), "type")),
        CHY_ACME_ERROR("rejectedIdentifier"));
    loop_web(lb, LOOP_NAMES, LOOP_CHALLENGES, LOOP_KEYS);
}

/* ---- the database ------------------------------------------------------------------- */

static void administer(struct loopback *lb, const char *sql)
{
    PGconn *conn = PQconnectdb(chy_fmt(lb->cx, "%s dbname=postgres", getenv("CHY_TEST_PG")));
    PGresult *res = PQexec(conn, sql);

    if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQclear(res);
    PQfinish(conn);
}

static void T_E_03_without_a_database_the_answer_is_503_and_tells_nothing(void **state)
{
    static const char *const inside[] = {"SELECT", "libpq", "postgres", "/", "connect", "test_"};
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *const urls[] = {c->kid, LOOP_BASE "/new-order"};
    struct loop_reply *r;

    (void)loop_nonce(c);
    loop_ok(loop_post(c, c->kid, ""), 200);
    administer(lb, chy_fmt(lb->cx, "ALTER DATABASE %s ALLOW_CONNECTIONS false", lb->db.name));
    administer(lb, chy_fmt(lb->cx,
                           "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                           "'%s'",
                           lb->db.name));
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        r = loop_refused(loop_post(c, urls[i], i == 0 ? "" : loop_order_payload(c, NAME)), 503,
                         "serverInternal", "");
        assert_true(strtol(loop_header(r, "Retry-After"), NULL, 10) > 0);
        for (size_t k = 0; k < sizeof inside / sizeof *inside; k++)
            if (strstr(loop_text(r, "detail"), inside[k]) != NULL)
                fail_msg("tells too much: %s", r->body);
    }
    loop_ok(loop_get(c, "GET", LOOP_BASE "/directory"), 200);
    administer(lb, chy_fmt(lb->cx, "ALTER DATABASE %s ALLOW_CONNECTIONS true", lb->db.name));
    PQreset(lb->sql);
    for (int tries = 50; tries > 0 && loop_post(c, c->kid, "")->status == 503; tries--)
        usleep(100000);
    loop_ok(loop_post(c, c->kid, ""), 200);
    loop_order(c, NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F12_without_a_signer_finalize_is_503_and_the_order_stays_ready),
        cmocka_unit_test(F12_a_worker_issues_what_was_parked),
        cmocka_unit_test(F03_a_worker_revokes_a_record_that_a_front_left),
        cmocka_unit_test(F12_a_worker_refuses_what_policy_no_longer_takes),
        cmocka_unit_test(T_E2E_06_a_worker_issues_nothing_to_a_deactivated_account),
        cmocka_unit_test(T_E_03_without_a_database_the_answer_is_503_and_tells_nothing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
