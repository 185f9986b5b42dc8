/* SPDX-License-Identifier: Apache-2.0 */
/* Many requests at once of which one may win (core.md section 35). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/acme/nonce.h"
#include "tests/support/jose.h"
#include "tests/support/loopback.h"

#define MOST 50

struct race {
    pthread_barrier_t opened, begun, start;
};

struct racer {
    struct loop_client *client;
    const char *url, *payload, *nonce;
    struct race *race;
    struct loop_reply *reply;
    pthread_t thread;
};

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

/* Sign first, so that all arrive together.  Each first opens its connection. */
static void *run(void *arg)
{
    struct racer *r = arg;
    struct loop_client *c = r->client;
    const char *nonce, *body;

    (void)loop_post(c, LOOP_BASE "/nowhere", "{}");
    pthread_barrier_wait(&r->race->opened);
    pthread_barrier_wait(&r->race->begun);
    nonce = r->nonce != NULL ? r->nonce : loop_nonce(c);
    body = jose_sign(c->cx, c->key, jose_header(c->cx, c->key, c->kid, nonce, r->url), r->payload);
    pthread_barrier_wait(&r->race->start);
    r->reply = loop_send(c, "POST", r->url, "application/jose+json", body);
    return NULL;
}

/* before: what happens once every connection is open, NULL for nothing. */
static void race_after(struct racer *racers, unsigned n,
                       void (*before)(struct racer *racers, unsigned n))
{
    struct race race;

    pthread_barrier_init(&race.opened, NULL, n + 1);
    pthread_barrier_init(&race.begun, NULL, n + 1);
    pthread_barrier_init(&race.start, NULL, n);
    for (unsigned i = 0; i < n; i++) {
        racers[i].race = &race;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, run, &racers[i]), 0);
    }
    pthread_barrier_wait(&race.opened);
    if (before != NULL)
        before(racers, n);
    pthread_barrier_wait(&race.begun);
    for (unsigned i = 0; i < n; i++)
        pthread_join(racers[i].thread, NULL);
    pthread_barrier_destroy(&race.opened);
    pthread_barrier_destroy(&race.begun);
    pthread_barrier_destroy(&race.start);
}

static void race(struct racer *racers, unsigned n)
{
    race_after(racers, n, NULL);
}

static unsigned count(const struct racer *racers, unsigned n, int status, const char *words)
{
    unsigned found = 0;

    for (unsigned i = 0; i < n; i++)
        found += racers[i].reply->status == status && strstr(racers[i].reply->body, words) != NULL;
    return found;
}

static void expect(const struct racer *racers, unsigned n, int status, const char *words,
                   unsigned times)
{
    if (count(racers, n, status, words) == times)
        return;
    for (unsigned i = 0; i < n; i++)
        print_message("%d %s\n", racers[i].reply->status, racers[i].reply->body);
    fail_msg("not %u times %d with %s", times, status, words);
}

static void T_F_02_of_20_finalize_requests_one_issues(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = loop_ready(c, "www.shop.example");
    struct racer racers[20] = {{0}};
    struct loop_reply *r;

    for (unsigned i = 0; i < 20; i++) {
        struct loop_csr csr = {.san = "DNS:www.shop.example"};

        racers[i].client = loop_client_twin(c);
        racers[i].url = chy_fmt(c->cx, "%s/finalize", order);
        racers[i].payload = loop_csr(c, &csr);
    }
    race(racers, 20);
    expect(racers, 20, 200, "\"certificate\"", 1);
    expect(racers, 20, 403, "orderNotReady", 19);
    assert_int_equal(loop_sql_int(lb, "SELECT count(*) FROM certificates WHERE order_id = %s",
                                  loop_id(lb, order)),
                     1);
    r = loop_read(c, order);
    assert_string_equal(loop_text(r, "status"), "valid");
    loop_ok(loop_post(c, loop_text(r, "certificate"), ""), 200);
}

/* Another front has read the new key and its nonces are out; this one has not. */
static void database_crashes(struct racer *racers, unsigned n)
{
    struct loopback *lb = racers[0].client->lb;
    struct chy_nonces *other = chy_nonces_new();

    loop_sql(lb, "TRUNCATE nonce_key, nonces_spent");
    lb->cx->db = chy_db_new(lb->node.database, "another front");
    for (unsigned i = 0; i < n; i++) {
        char nonce[CHY_NONCE_TEXT + 1];

        assert_int_equal(chy_nonce_make(lb->cx, other, nonce), CHY_OK);
        racers[i].nonce = chy_fmt(lb->cx, "%s", nonce);
    }
    chy_db_free(lb->cx->db);
    lb->cx->db = NULL;
    chy_nonces_free(other);
}

static void N04_new_nonces_at_a_front_with_the_old_key_are_all_good(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    struct racer racers[MOST] = {{0}};

    for (unsigned i = 0; i < MOST; i++) {
        racers[i].client = loop_client_twin(c);
        racers[i].url = c->kid;
        racers[i].payload = "";
    }
    race_after(racers, MOST, database_crashes);
    expect(racers, MOST, 200, "\"valid\"", MOST);
}

static void T_A_09_of_50_new_accounts_with_one_key_one_is_created(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_client_new(lb, "ES256");
    struct racer racers[MOST] = {{0}};
    const char *location;

    for (unsigned i = 0; i < MOST; i++) {
        racers[i].client = loop_client_twin(c);
        racers[i].url = LOOP_BASE "/new-account";
        racers[i].payload = "{}";
    }
    race(racers, MOST);
    expect(racers, MOST, 201, "\"valid\"", 1);
    expect(racers, MOST, 200, "\"valid\"", MOST - 1);
    location = loop_header(racers[0].reply, "Location");
    for (unsigned i = 1; i < MOST; i++)
        assert_string_equal(loop_header(racers[i].reply, "Location"), location);
    assert_int_equal(
        loop_sql_int(lb, "SELECT count(*) FROM accounts WHERE id = %s", loop_id(lb, location)), 1);
    assert_int_equal(loop_sql_int(lb,
                                  "SELECT count(*) FROM events WHERE kind = 'account.created' AND "
                                  "subject = %s",
                                  loop_id(lb, location)),
                     1);
}

static void T_N_04_of_40_requests_with_one_nonce_one_is_heard(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *nonce = loop_nonce(c);
    struct racer racers[40] = {{0}};

    for (unsigned i = 0; i < 40; i++) {
        racers[i].client = loop_client_twin(c);
        racers[i].url = LOOP_BASE "/new-order";
        racers[i].payload = loop_order_payload(c, "once.shop.example");
        racers[i].nonce = nonce;
    }
    race(racers, 40);
    expect(racers, 40, 201, "\"pending\"", 1);
    expect(racers, 40, 400, "badNonce", 39);
    assert_int_equal(
        loop_sql_int(lb, "SELECT count(*) FROM orders WHERE account_id = %s", loop_id(lb, c->kid)),
        1);
}

/* Two challenges of one authorization, answered at once by many: one attempt. */
static void T_C_06_of_20_answers_to_two_challenges_one_attempt_is_made(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    struct loop_reply *r = loop_order(c, "both.shop.example");
    const char *authz =
        json_string_value(json_array_get(json_object_get(r->json, "authorizations"), 0));
    struct racer racers[20] = {{0}};

    for (unsigned i = 0; i < 20; i++) {
        racers[i].client = loop_client_twin(c);
        racers[i].url =
            chy_fmt(c->cx, LOOP_BASE "/challenge/%s/%u", strrchr(authz, '/') + 1, i % 2);
        racers[i].payload = "{}";
    }
    race(racers, 20);
    assert_int_equal(count(racers, 20, 200, "processing") + count(racers, 20, 400, "malformed"),
                     20);
    assert_true(count(racers, 20, 200, "processing") >= 1);
    assert_int_equal(loop_sql_int(lb,
                                  "SELECT count(*) FROM challenges WHERE authorization_id = %s AND "
                                  "status = 'processing'",
                                  loop_id(lb, authz)),
                     1);
    loop_prove_all(lb);
    loop_status(c, loop_header(r, "Location"), "ready");
}

/* All authorizations of an order are proved at the same time: ready once, and nothing lost. */
static void T_NO_10_an_order_of_30_names_becomes_ready_once(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    struct racer racers[30] = {{0}};
    char *names = chy_fmt(c->cx, "%s", "");
    struct loop_reply *r;

    for (unsigned i = 0; i < 30; i++)
        names = chy_fmt(c->cx, "%s%sn%u.shop.example", names, i == 0 ? "" : " ", i);
    r = loop_order(c, names);
    assert_int_equal(json_array_size(json_object_get(r->json, "authorizations")), 30);
    for (unsigned i = 0; i < 30; i++) {
        const char *authz =
            json_string_value(json_array_get(json_object_get(r->json, "authorizations"), i));

        racers[i].client = loop_client_twin(c);
        racers[i].url = chy_fmt(c->cx, LOOP_BASE "/challenge/%s/0", strrchr(authz, '/') + 1);
        racers[i].payload = "{}";
    }
    race(racers, 30);
    expect(racers, 30, 200, "processing", 30);
    loop_prove_all(lb);
    loop_status(c, loop_header(r, "Location"), "ready");
    assert_int_equal(loop_sql_int(lb, "SELECT unproved FROM orders WHERE id = %s",
                                  loop_id(lb, loop_header(r, "Location"))),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(T_F_02_of_20_finalize_requests_one_issues, setup, teardown),
        cmocka_unit_test_setup_teardown(T_A_09_of_50_new_accounts_with_one_key_one_is_created,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(N04_new_nonces_at_a_front_with_the_old_key_are_all_good,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(T_N_04_of_40_requests_with_one_nonce_one_is_heard, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(T_C_06_of_20_answers_to_two_challenges_one_attempt_is_made,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(T_NO_10_an_order_of_30_names_becomes_ready_once, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
