/* SPDX-License-Identifier: Apache-2.0 */
/* The client's steps against a server that answers whatever a test wrote down: signatures, nonces,
 * badNonce (RFC 8555 section 6.5), hostile answers, timings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <curl/curl.h>

#include "core/acme/jws.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/client/client.h"
#include "core/client/requests.h"
#include "tests/support/fakehost.h"
#include "tests/support/scripthttp.h"

struct world {
    struct chy_ctx *cx;
    struct script *s;
    struct chy_client *c;
    EVP_PKEY *key;
    struct chy_client_timing timings[64];
    size_t n_timings;
};

static void keep_timing(void *arg, const struct chy_client_timing *t)
{
    struct world *w = arg;

    if (w->n_timings < 64)
        w->timings[w->n_timings++] = *t;
}

/* "@" in a script's texts is the server's own URL. */
#define DIRECTORY                                                                                  \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"newNonce\":\"@/nonce\","          \
    "\"newAccount\":\"@/account\",\"newOrder\":\"@/order\",\"keyChange\":\"@/change\"}"
#define NONCE(n) "HTTP/1.1 200 OK\r\nReplay-Nonce: " n "\r\n\r\n"
#define ACCOUNT                                                                                    \
    "HTTP/1.1 201 Created\r\nReplay-Nonce: n2\r\nLocation: "                                       \
    "@/account/7\r\n\r\n{\"status\":\"valid\"}"
#define PROBLEM(status, nonce, type)                                                               \
    "HTTP/1.1 " status "\r\nReplay-Nonce: " nonce "\r\nContent-Type: "                             \
    "application/problem+json\r\n\r\n{\"type\":\"urn:ietf:params:acme:error:" type                 \
    "\",\"detail\":\"why not\"}"
#define ORDER                                                                                      \
    "HTTP/1.1 201 Created\r\nReplay-Nonce: n3\r\nLocation: "                                       \
    "@/order/9\r\n\r\n{\"status\":\"pending\","                                                    \
    "\"authorizations\":[\"@/authz/1\"],\"finalize\":\"@/finalize\"}"

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct chy_client_config config = {
        .allow_http = true, .timeout_ms = 2000, .timed = keep_timing};

    w->cx = fake_cx_new(CHY_STAGE_CLIENT);
    w->s = script_start();
    config.directory = chy_fmt(w->cx, "%s/directory", script_url(w->s));
    config.arg = w;
    if (chy_client_new(w->cx, &config, &w->c) != CHY_OK ||
        chy_client_key_make(w->cx, "ec-p256", &w->key) != CHY_OK ||
        chy_client_use_key(w->cx, w->c, w->key) != CHY_OK)
        return -1;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    chy_client_free(w->c);
    script_stop(w->s);
    fake_cx_free(w->cx);
    free(w);
    return 0;
}

static void read_directory(struct world *w)
{
    script_answer(w->s, DIRECTORY);
    assert_int_equal(chy_client_directory(w->cx, w->c, NULL), CHY_OK);
}

static void registered(struct world *w)
{
    static const struct chy_client_registration r = {.agree = true};

    read_directory(w);
    script_answer(w->s, NONCE("n1"));
    script_answer(w->s, ACCOUNT);
    assert_int_equal(chy_client_register(w->cx, w->c, &r), CHY_OK);
}

static void assert_fails(struct world *w, enum chy_rc rc, const char *words)
{
    assert_int_equal(rc, CHY_ERR);
    if (strstr(w->cx->problem.detail, words) == NULL)
        fail_msg("'%s' does not say '%s'", w->cx->problem.detail, words);
}

/* The request that was sent as the i-th, as the server's own reader sees it. */
static void read_sent(struct world *w, size_t i, struct chy_jws *ret)
{
    const char *body = script_body(w->s, i);

    assert_int_equal(chy_jws_read(w->cx, body, strlen(body), ret), CHY_OK);
}

/* ---- tests ---- */

static void requests_are_signed_as_the_server_reads_them(void **state)
{
    static const char *const kinds[] = {"ec-p256", "ec-p384", "ed25519", "rsa-2048"};
    static const struct chy_client_registration r = {.agree = true};
    struct world *w = *state;

    read_directory(w);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct chy_jws jws;
        struct chy_jwk jwk;
        EVP_PKEY *key;

        assert_int_equal(chy_client_key_make(w->cx, kinds[i], &key), CHY_OK);
        assert_int_equal(chy_client_use_key(w->cx, w->c, key), CHY_OK);
        if (i == 0)
            script_answer(w->s, NONCE("n1"));
        script_answer(w->s, ACCOUNT);
        assert_int_equal(chy_client_register(w->cx, w->c, &r), CHY_OK);
        read_sent(w, script_count(w->s) - 1, &jws);
        assert_string_equal(jws.nonce, i == 0 ? "n1" : "n2");
        assert_string_equal(jws.url, chy_fmt(w->cx, "%s/account", script_url(w->s)));
        assert_null(jws.kid);
        assert_int_equal(chy_jwk_read(w->cx, jws.jwk, &jwk), CHY_OK);
        assert_int_equal(chy_jws_alg_fits(w->cx, &jws, jwk.key), CHY_OK);
        assert_int_equal(chy_jws_verify(w->cx, &jws, jwk.key), CHY_OK);
        assert_string_equal(jwk.thumbprint, chy_client_thumbprint(w->c));
        assert_memory_equal(jws.payload, "{\"termsOfServiceAgreed\":true}", jws.payload_len);
    }
}

static void later_requests_name_the_account(void **state)
{
    const struct chy_ident id = {"toy", "ball", "ball"};
    struct world *w = *state;
    struct chy_client_order o;
    struct chy_jws jws;

    registered(w);
    script_answer(w->s, ORDER);
    assert_int_equal(chy_client_new_order(w->cx, w->c, &id, 1, "web", &o), CHY_OK);
    read_sent(w, script_count(w->s) - 1, &jws);
    assert_string_equal(jws.kid, chy_fmt(w->cx, "%s/account/7", script_url(w->s)));
    assert_null(jws.jwk);
    assert_memory_equal(
        jws.payload,
        "{\"identifiers\":[{\"type\":\"toy\",\"value\":\"ball\"}],\"profile\":\"web\"}",
        jws.payload_len);
    assert_string_equal(o.url, chy_fmt(w->cx, "%s/order/9", script_url(w->s)));
    assert_int_equal(o.n_authorizations, 1);
}

static void a_spent_nonce_is_replaced_by_the_one_that_came_with_the_refusal(void **state)
{
    const struct chy_ident id = {"toy", "ball", "ball"};
    struct world *w = *state;
    struct chy_client_order o;
    struct chy_jws jws;

    registered(w);
    script_answer(w->s, PROBLEM("400 Bad Request", "fresh1", "badNonce"));
    script_answer(w->s, PROBLEM("400 Bad Request", "fresh2", "badNonce"));
    script_answer(w->s, ORDER);
    assert_int_equal(chy_client_new_order(w->cx, w->c, &id, 1, NULL, &o), CHY_OK);
    read_sent(w, script_count(w->s) - 1, &jws);
    assert_string_equal(jws.nonce, "fresh2");
    assert_null(chy_client_refusal(w->c));
    assert_int_equal(w->timings[w->n_timings - 1].attempt, 2);
    assert_int_equal(w->timings[w->n_timings - 2].status, 400);
}

static void bad_nonce_for_ever_is_a_refusal(void **state)
{
    const struct chy_ident id = {"toy", "ball", "ball"};
    struct world *w = *state;
    struct chy_client_order o;
    size_t before;

    registered(w);
    before = script_count(w->s);
    for (int i = 0; i < 8; i++)
        script_answer(w->s, PROBLEM("400 Bad Request", "again", "badNonce"));
    assert_fails(w, chy_client_new_order(w->cx, w->c, &id, 1, NULL, &o),
                 "new-order: the server refuses: urn:ietf:params:acme:error:badNonce: why not");
    assert_int_equal(script_count(w->s) - before, 8);
}

static void a_refusal_is_kept_as_the_server_said_it(void **state)
{
    const struct chy_ident id = {"toy", "ball", "ball"};
    const struct chy_client_problem *p;
    struct world *w = *state;
    struct chy_client_order o;

    registered(w);
    script_answer(w->s,
                  "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 77\r\n\r\n{\"type\":\"urn:ietf:"
                  "params:acme:error:rateLimited\",\"detail\":\"later\",\"subproblems\":[{"
                  "\"type\":\"t\",\"detail\":\"d\",\"identifier\":{\"type\":\"toy\",\"value\":"
                  "\"ball\"}}]}");
    assert_fails(w, chy_client_new_order(w->cx, w->c, &id, 1, NULL, &o), "rateLimited: later");
    p = chy_client_refusal(w->c);
    assert_int_equal(p->status, 429);
    assert_int_equal(p->retry_after_s, 77);
    assert_int_equal(p->n_sub, 1);
    assert_string_equal(p->sub[0].ident_value, "ball");
}

static void hostile_answers_are_refused(void **state)
{
    static const struct {
        const char *answer, *says;
    } cases[] = {
        {"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", "HTTP status 502 without a reason"},
        {"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\n\r\n",
         "redirects (302) to https://evil.example/"},
        {"HTTP/1.1 201 Created\r\n\r\n{}", "names no order in Location"},
        {"HTTP/1.1 201 Created\r\nLocation: file:///etc/passwd\r\n\r\n{}",
         "names no order in Location"},
        {"HTTP/1.1 201 Created\r\nLocation: @/order/9\r\n\r\nnothing", "order is not JSON"},
        {"HTTP/0.9 what\r\n", "new-order: "},
        {"nonsense", "new-order: "},
        {"", "new-order: "},
    };
    const struct chy_ident id = {"toy", "ball", "ball"};
    struct world *w = *state;
    struct chy_client_order o;

    registered(w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        chy_problem_clear(w->cx);
        if (i > 0) /* the nonce is spent, and none came back */
            script_answer(w->s, NONCE("n"));
        script_answer(w->s, cases[i].answer);
        /* A kept connection that ends without an answer is tried once more by libcurl. */
        if (cases[i].answer[0] == '\0')
            script_answer(w->s, "");
        assert_fails(w, chy_client_new_order(w->cx, w->c, &id, 1, NULL, &o), cases[i].says);
        assert_null(chy_client_refusal(w->c));
    }
}

/* n octets: a beginning, then the same octet again and again. */
static void fill(char *out, const char *beginning, size_t n)
{
    memset(out, 'x', n);
    memcpy(out, beginning, strlen(beginning));
    out[n] = '\0';
}

static void too_much_is_not_read(void **state)
{
    struct world *w = *state;
    char *big = malloc(CHY_CLIENT_BODY_MAX + 100);
    char *header = malloc(40000);

    fill(big, "HTTP/1.1 200 OK\r\n\r\n", CHY_CLIENT_BODY_MAX + 60);
    script_answer(w->s, big);
    assert_fails(w, chy_client_directory(w->cx, w->c, NULL), "octets of body");
    chy_problem_clear(w->cx);
    fill(header, "HTTP/1.1 200 OK\r\nX: ", 39000);
    memcpy(header + 38996, "\r\n\r\n", 4);
    script_answer(w->s, header);
    assert_fails(w, chy_client_directory(w->cx, w->c, NULL), "octets of headers");
    free(big);
    free(header);
}

static void a_server_that_says_nothing_is_given_up(void **state)
{
    struct world *w = *state;
    int64_t begun = chy_clock_ms();

    script_answer(w->s, SCRIPT_SILENCE);
    assert_fails(w, chy_client_directory(w->cx, w->c, NULL), "directory: ");
    assert_in_range(chy_clock_ms() - begun, 1500, 8000);
}

static void a_nonce_that_is_none_is_not_used(void **state)
{
    struct world *w = *state;

    read_directory(w);
    script_answer(w->s, NONCE("not\"base64url"));
    assert_fails(w, chy_client_nonce(w->cx, w->c), "no usable Replay-Nonce");
}

static void the_connection_is_kept_and_timed(void **state)
{
    struct world *w = *state;

    registered(w);
    assert_int_equal(w->n_timings, 3);
    assert_int_equal(w->timings[0].step, CHY_CS_DIRECTORY);
    assert_int_equal(w->timings[1].step, CHY_CS_NONCE);
    assert_int_equal(w->timings[2].step, CHY_CS_ACCOUNT);
    for (size_t i = 0; i < 3; i++)
        assert_true(w->timings[i].total_us > 0);
    assert_true(w->timings[2].sent > 100 && w->timings[2].received > 0);
    assert_int_equal(w->timings[2].status, 201);
}

static void a_changed_key_signs_from_then_on(void **state)
{
    struct world *w = *state;
    struct chy_jws outer, inner;
    struct chy_jwk fresh;
    EVP_PKEY *key;

    registered(w);
    assert_int_equal(chy_client_key_make(w->cx, "ec-p384", &key), CHY_OK);
    script_answer(w->s, "HTTP/1.1 200 OK\r\nReplay-Nonce: n9\r\n\r\n{}");
    assert_int_equal(chy_client_change_key(w->cx, w->c, key), CHY_OK);
    read_sent(w, script_count(w->s) - 1, &outer);
    assert_int_equal(chy_jws_verify(w->cx, &outer, w->key), CHY_OK);
    assert_int_equal(chy_jws_read(w->cx, outer.payload, outer.payload_len, &inner), CHY_OK);
    assert_null(inner.nonce);
    assert_string_equal(inner.url, outer.url);
    assert_int_equal(chy_jwk_read(w->cx, inner.jwk, &fresh), CHY_OK);
    assert_int_equal(chy_jws_verify(w->cx, &inner, key), CHY_OK);
    assert_string_equal(fresh.thumbprint, chy_client_thumbprint(w->c));
    assert_non_null(chy_client_account_url(w->c));
}

static void steps_out_of_order_are_refused_before_anything_is_sent(void **state)
{
    static const struct chy_client_registration r = {0};
    const struct chy_ident id = {"toy", "ball", "ball"};
    struct world *w = *state;
    struct chy_client_order o;

    assert_fails(w, chy_client_register(w->cx, w->c, &r), "directory was not read yet");
    chy_problem_clear(w->cx);
    read_directory(w);
    script_answer(w->s, NONCE("n1"));
    assert_fails(w, chy_client_new_order(w->cx, w->c, &id, 1, NULL, &o),
                 "the account is not known yet");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(requests_are_signed_as_the_server_reads_them),
        T(later_requests_name_the_account),
        T(a_spent_nonce_is_replaced_by_the_one_that_came_with_the_refusal),
        T(bad_nonce_for_ever_is_a_refusal),
        T(a_refusal_is_kept_as_the_server_said_it),
        T(hostile_answers_are_refused),
        T(too_much_is_not_read),
        T(a_server_that_says_nothing_is_given_up),
        T(a_nonce_that_is_none_is_not_used),
        T(the_connection_is_kept_and_timed),
        T(a_changed_key_signs_from_then_on),
        T(steps_out_of_order_are_refused_before_anything_is_sent),
    };
    int failed;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
