/* SPDX-License-Identifier: Apache-2.0 */
/* Replay protection over whole requests (core.md section 6; RFC 8555 section 6.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/jose.h"
#include "tests/support/loopback.h"

#define NEW_ACCOUNT LOOP_BASE "/new-account"
#define NEW_ORDER LOOP_BASE "/new-order"
#define NEW_NONCE LOOP_BASE "/new-nonce"

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

static struct loop_reply *post_with(struct loop_client *c, const char *nonce, const char *url,
                                    const char *payload)
{
    return loop_post_as(c, url, jose_header(c->cx, c->key, c->kid, nonce, url), payload);
}

static void T_N_06_every_way_to_a_nonce_has_its_status_and_headers(void **state)
{
    static const struct {
        const char *method;
        int status;
    } ways[] = {{"HEAD", 200}, {"GET", 204}, {"POST", 200}};
    struct loop_client *c = loop_account(*state);

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct loop_reply *r = strcmp(ways[i].method, "POST") == 0
                                   ? loop_post(c, NEW_NONCE, "")
                                   : loop_get(c, ways[i].method, NEW_NONCE);

        loop_ok(r, ways[i].status);
        assert_int_equal(r->body_len, 0);
        assert_non_null(loop_header(r, "Replay-Nonce"));
        assert_string_equal(loop_header(r, "Cache-Control"), "no-store");
        assert_string_equal(loop_header(r, "Link"), "<" LOOP_BASE "/directory>;rel=\"index\"");
    }
}

static void N01_nonces_are_base64url_and_differ(void **state)
{
    struct loop_client *c = loop_client_new(*state, "ES256");
    const char *first = loop_nonce(c), *second = loop_nonce(c);

    assert_string_not_equal(first, second);
    assert_int_equal(strspn(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789-_"),
                     strlen(first));
    assert_true(strlen(first) * 6 >= 128);
}

static void H10_a_get_of_the_directory_gives_no_nonce(void **state)
{
    struct loop_client *c = loop_client_new(*state, "ES256");

    assert_null(
        loop_header(loop_ok(loop_get(c, "GET", LOOP_BASE "/directory"), 200), "Replay-Nonce"));
}

static void T_N_01_a_request_sent_twice_is_refused_and_its_new_nonce_works(void **state)
{
    struct loop_client *c = loop_account(*state);
    json_t *head = loop_head(c, c->kid);
    struct loop_reply *r;

    loop_ok(loop_post_as(c, c->kid, head, ""), 200);
    r = loop_refused(loop_post_as(c, c->kid, head, ""), 400, "badNonce", "used before");
    assert_non_null(loop_header(r, "Replay-Nonce"));
    loop_ok(loop_post(c, c->kid, ""), 200);
}

static void T_N_02_a_nonce_given_to_another_account_is_good(void **state)
{
    struct loop_client *a = loop_account(*state), *b = loop_account(*state);

    loop_ok(post_with(a, loop_nonce(b), a->kid, ""), 200);
}

static void T_N_03_each_unusable_nonce_has_its_type(void **state)
{
    static const struct {
        const char *nonce, *type, *words;
    } rows[] = {
        {NULL, "badNonce", "missing"},
        {"", "badNonce", "missing"},
        {"a+b=", "malformed", "not base64url"},
        {"a b", "malformed", "not base64url"},
        {"AAAA", "badNonce", "not one of this server's"},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "badNonce", "not of this hour"},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "badNonce",
         "not one of this server's"},
    };
    struct loop_client *c = loop_account(*state);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct loop_reply *r = post_with(c, rows[i].nonce, c->kid, "");

        loop_refused(r, 400, rows[i].type, rows[i].words);
        assert_non_null(loop_header(r, "Replay-Nonce"));
        loop_ok(loop_post(c, c->kid, ""), 200);
    }
}

static void N03_a_nonce_with_one_character_changed_is_refused(void **state)
{
    struct loop_client *c = loop_account(*state);

    for (size_t at = 0; at < 54; at += 7) {
        char nonce[64];

        snprintf(nonce, sizeof nonce, "%s", loop_nonce(c));
        nonce[at] = nonce[at] == 'A' ? 'B' : 'A';
        loop_refused(post_with(c, nonce, c->kid, ""), 400, "badNonce", "nonce");
    }
}

static void N05_a_nonce_lives_for_an_hour(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *nonce = loop_nonce(c);

    loop_clock(lb, 3700);
    loop_refused(post_with(c, nonce, c->kid, ""), 400, "badNonce", "not of this hour");
    loop_ok(loop_post(c, c->kid, ""), 200);
    loop_clock(lb, 0);
}

/* ---- spent by every refusal (core.md N-02, T-N-05) ----------------------------------- */

static void other_url(struct loop_client *c, json_t *head)
{
    (void)c;
    json_object_set_new(head, "url", json_string(LOOP_BASE "/elsewhere"));
}

static void no_url(struct loop_client *c, json_t *head)
{
    (void)c;
    json_object_del(head, "url");
}

static void unknown_kid(struct loop_client *c, json_t *head)
{
    (void)c;
    json_object_set_new(head, "kid", json_string(LOOP_BASE "/account/AAAAAAAAAAAAAAAAAAAAAAAAAAA"));
}

static void jwk_for_kid(struct loop_client *c, json_t *head)
{
    json_object_del(head, "kid");
    json_object_set(head, "jwk", jose_jwk(c->cx, c->key));
}

static void both(struct loop_client *c, json_t *head)
{
    json_object_set(head, "jwk", jose_jwk(c->cx, c->key));
}

static void neither(struct loop_client *c, json_t *head)
{
    (void)c;
    json_object_del(head, "kid");
}

static void other_alg(struct loop_client *c, json_t *head)
{
    (void)c;
    json_object_set_new(head, "alg", json_string("RS256"));
}

static void no_alg(struct loop_client *c, json_t *head)
{
    (void)c;
    json_object_set_new(head, "alg", json_string("none"));
}

static void crit(struct loop_client *c, json_t *head)
{
    (void)c;
    json_object_set_new(head, "crit", json_array());
}

static void b64(struct loop_client *c, json_t *head)
{
    (void)c;
    json_object_set_new(head, "b64", json_true());
}

static void T_N_05_every_refusal_spends_its_nonce(void **state)
{
    static const struct {
        const char *what, *url, *payload;
        void (*spoil)(struct loop_client *c, json_t *head);
    } rows[] = {
        {"url of another resource", NEW_ORDER, "{}", other_url},
        {"no url", NEW_ORDER, "{}", no_url},
        {"kid of nobody", NEW_ORDER, "{}", unknown_kid},
        {"jwk for kid", NEW_ORDER, "{}", jwk_for_kid},
        {"jwk and kid", NEW_ORDER, "{}", both},
        {"neither jwk nor kid", NEW_ORDER, "{}", neither},
        {"algorithm of another key", NEW_ORDER, "{}", other_alg},
        {"algorithm none", NEW_ORDER, "{}", no_alg},
        {"crit", NEW_ORDER, "{}", crit},
        {"b64", NEW_ORDER, "{}", b64},
        {"kid for jwk", NEW_ACCOUNT, "{}", NULL},
        {"payload is no object", NEW_ORDER, "[]", NULL},
        {"payload is no JSON", NEW_ORDER, "{", NULL},
        {"payload is not wanted", NEW_NONCE, "{}", NULL},
        {"payload is wanted", NEW_ORDER, "", NULL},
        {"order without identifiers", NEW_ORDER, "{}", NULL},
        {"profile that is not there", NEW_ORDER,
         "{\"profile\":\"x\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.shop.example\"}]}",
         NULL},
        {"name that policy refuses", NEW_ORDER,
         "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"www.other.example\"}]}", NULL},
        {"no such path", LOOP_BASE "/elsewhere", "{}", NULL},
        {"no such id", LOOP_BASE "/order/x", "", NULL},
        {"no such order", LOOP_BASE "/order/AAAAAAAAAAAAAAAAAAAAAAAAAAA", "", NULL},
        {"not served yet", LOOP_BASE "/key-change", "{}", NULL},
        {"account of another", LOOP_BASE "/account/AAAAAAAAAAAAAAAAAAAAAAAAAAA", "", NULL},
    };
    struct loop_client *c = loop_account(*state);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *nonce = loop_nonce(c);
        json_t *head = jose_header(c->cx, c->key, c->kid, nonce, rows[i].url);
        struct loop_reply *r;

        if (rows[i].spoil != NULL)
            rows[i].spoil(c, head);
        r = loop_post_as(c, rows[i].url, head, rows[i].payload);
        if (r->status < 400)
            fail_msg("%s: was not refused", rows[i].what);
        if (loop_header(r, "Replay-Nonce") == NULL)
            fail_msg("%s: no fresh nonce", rows[i].what);
        r = post_with(c, nonce, c->kid, "");
        if (r->status != 400 || strstr(r->body, "badNonce") == NULL)
            fail_msg("%s: its nonce was good again: %s", rows[i].what, r->body);
        loop_ok(loop_post(c, c->kid, ""), 200);
    }
}

static void T_N_05_a_wrong_signature_spends_the_nonce(void **state)
{
    struct loop_client *c = loop_account(*state);
    struct loop_client *other = loop_client_new(*state, "ES256");
    const char *nonce = loop_nonce(c);

    other->kid = c->kid;
    loop_refused(post_with(other, nonce, c->kid, ""), 400, "malformed", "does not verify");
    loop_refused(post_with(c, nonce, c->kid, ""), 400, "badNonce", "used before");
}

/* A client that repeats what was refused must learn that the nonce is why now. */
static void N03_a_refused_request_sent_again_is_refused_for_its_nonce(void **state)
{
    struct loop_client *c = loop_account(*state);
    json_t *head = loop_head(c, NEW_ORDER);

    loop_refused(loop_post_as(c, NEW_ORDER, head, "{}"), 400, "malformed", "identifiers");
    loop_refused(loop_post_as(c, NEW_ORDER, head, "{}"), 400, "badNonce", "used before");
}

/* What costs its sender nothing must cost the database nothing. */
static void N03_a_forged_nonce_is_refused_without_the_database(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_client_new(lb, "ES256");
    char forged[64];
    uint64_t asked;

    snprintf(forged, sizeof forged, "%s", loop_nonce(c));
    forged[40] = forged[40] == 'A' ? 'B' : 'A';
    loop_refused(post_with(c, forged, NEW_ACCOUNT, "{}"), 400, "badNonce", "not one of");
    asked = chy_server_thread_round_trips(c->thread);
    for (unsigned i = 0; i < 20; i++) {
        loop_refused(post_with(c, "AAAA", NEW_ACCOUNT, "{}"), 400, "badNonce", "not one of");
        loop_refused(post_with(c, forged, NEW_ACCOUNT, "{}"), 400, "badNonce", "not one of");
    }
    assert_int_equal(chy_server_thread_round_trips(c->thread), asked);
}

/* ---- PostgreSQL crashed: both UNLOGGED tables come back empty ------------------------- */

static void N04_after_a_crash_of_the_database_one_retry_is_enough(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *a = loop_account(lb), *b = loop_account(lb);
    const char *old_a = loop_nonce(a), *old_b = loop_nonce(b), *spent = loop_nonce(a);

    loop_ok(post_with(a, spent, a->kid, ""), 200);
    loop_sql(lb, "TRUNCATE nonce_key, nonces_spent");
    loop_refused(post_with(a, old_a, a->kid, ""), 400, "badNonce", "no longer known");
    loop_ok(post_with(a, a->nonce, a->kid, ""), 200);
    loop_refused(post_with(b, old_b, b->kid, ""), 400, "badNonce", "nonce");
    loop_ok(post_with(b, b->nonce, b->kid, ""), 200);
    loop_refused(post_with(a, spent, a->kid, ""), 400, "badNonce", "nonce");
}

static void N04_after_a_crash_a_new_account_needs_one_retry_too(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_client_new(lb, "ES256");
    const char *old = loop_nonce(c);

    loop_sql(lb, "TRUNCATE nonce_key, nonces_spent");
    loop_refused(post_with(c, old, NEW_ACCOUNT, "{}"), 400, "badNonce", "nonce");
    assert_int_equal(loop_ok(post_with(c, c->nonce, NEW_ACCOUNT, "{}"), 201)->status, 201);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T_N_06_every_way_to_a_nonce_has_its_status_and_headers),
        cmocka_unit_test(N01_nonces_are_base64url_and_differ),
        cmocka_unit_test(H10_a_get_of_the_directory_gives_no_nonce),
        cmocka_unit_test(T_N_01_a_request_sent_twice_is_refused_and_its_new_nonce_works),
        cmocka_unit_test(T_N_02_a_nonce_given_to_another_account_is_good),
        cmocka_unit_test(T_N_03_each_unusable_nonce_has_its_type),
        cmocka_unit_test(N03_a_nonce_with_one_character_changed_is_refused),
        cmocka_unit_test(N05_a_nonce_lives_for_an_hour),
        cmocka_unit_test(T_N_05_every_refusal_spends_its_nonce),
        cmocka_unit_test(T_N_05_a_wrong_signature_spends_the_nonce),
        cmocka_unit_test(N03_a_refused_request_sent_again_is_refused_for_its_nonce),
        cmocka_unit_test(N03_a_forged_nonce_is_refused_without_the_database),
        cmocka_unit_test(N04_after_a_crash_of_the_database_one_retry_is_enough),
        cmocka_unit_test(N04_after_a_crash_a_new_account_needs_one_retry_too),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
