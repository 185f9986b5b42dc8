/* SPDX-License-Identifier: Apache-2.0 */
/* http-01: what is asked for, and how an answer is judged: T-W-01, 02, 08, 09, W-10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/dns/dns.h"
#include "tests/support/fakehost.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define THUMB "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
#define LOWER_TOKEN "evagxfads6psrb2lav9izf17dt3juxgj-pct92wr-oa"
#define KEY_AUTH TOKEN "." THUMB
#define URL "http://a.example/.well-known/acme-challenge/" TOKEN

struct world {
    struct chy_ctx *cx;
    struct chy_challenge ch;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    bool offered = false;

    w->cx = fake_cx_new(CHY_STAGE_REQUEST);
    fake_module(w->cx, &chy_module);
    fake_token(w->cx, TOKEN);
    w->ch.ident = (struct chy_ident){"dns", "a.example", "a.example"};
    if (dns_http01.offer(w->cx, &w->ch, &offered) != CHY_OK || !offered)
        return -1;
    w->ch.key_authorization = KEY_AUTH;
    w->ch.attempts = 1;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    json_decref(w->ch.shown);
    fake_cx_free(w->cx);
    free(w);
    return 0;
}

/* Probe and judge, which must end as expected; the verdict's grant stays with the context. */
static struct chy_verdict judge(struct world *w, enum chy_rc expected)
{
    struct chy_verdict v = {0};
    struct chy_event ev = {.kind = CHY_EV_START, .quorum = true};
    json_t *evidence = NULL;

    fake_stage(w->cx, CHY_STAGE_PROBE);
    assert_int_equal(dns_http01.probe(w->cx, &w->ch, &evidence), CHY_OK);
    ev.evidence = evidence;
    w->cx->stage = CHY_STAGE_STEP;
    assert_int_equal(dns_http01.step(w->cx, &w->ch, &ev, &v), expected);
    json_decref(evidence);
    if (v.grant != NULL)
        chy_keep_json(w->cx, v.grant);
    return v;
}

static struct chy_verdict run(struct world *w)
{
    return judge(w, CHY_OK);
}

/* An attempt that failed: core tries again, as long as attempts are left. */
static void assert_failed_attempt(struct world *w)
{
    struct chy_verdict v = judge(w, CHY_ERR);

    assert_int_equal(v.state, CHY_V_PENDING);
    assert_null(v.grant);
}

static void offered_with_a_token_but_not_for_wildcards(void **state)
{
    struct world *w = *state;
    struct chy_challenge ch = {.ident = w->ch.ident, .wildcard = true};
    bool offered = true;

    assert_string_equal(json_string_value(json_object_get(w->ch.shown, "token")), TOKEN);
    assert_int_equal(json_object_size(w->ch.shown), 1);
    assert_int_equal(dns_http01.offer(w->cx, &ch, &offered), CHY_OK);
    assert_false(offered);
    assert_int_equal(dns_http01.wildcard, CHY_YN_NO);
    assert_int_equal(dns_http01.subdomain, CHY_YN_NO);
}

static void asks_for_the_path_of_the_token_under_validation_rules(void **state)
{
    struct world *w = *state;
    const struct chy_http_query *q;

    fake_http(w->cx, URL, 200, KEY_AUTH);
    assert_int_equal(run(w).state, CHY_V_VALID);
    q = fake_http_query(w->cx);
    assert_string_equal(q->url, URL);
    assert_true(q->validation);
    assert_true(q->truncate);
    assert_int_equal(q->max_redirects, 10);
    assert_int_equal(q->max_body, 4096);
    assert_int_equal(q->timeout_ms, 20000);
}

static void an_ipv6_identifier_is_bracketed(void **state)
{
    struct world *w = *state;

    w->ch.ident = (struct chy_ident){"ip", "2001:db8::1", "2001:db8::1"};
    fake_http(w->cx, "http://[2001:db8::1]/.well-known/acme-challenge/" TOKEN, 200, KEY_AUTH);
    assert_int_equal(run(w).state, CHY_V_VALID);
}

/* T-W-01: white space at the end is ignored. */
static void the_key_authorization_is_valid_with_trailing_space(void **state)
{
    static const char *const good[] = {KEY_AUTH,         KEY_AUTH "\n",      KEY_AUTH "\r\n",
                                       KEY_AUTH "     ", KEY_AUTH "\t\r\n ", KEY_AUTH "\n\n\n"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct chy_verdict v;

        fake_http(w->cx, URL, 200, good[i]);
        v = run(w);
        assert_int_equal(v.state, CHY_V_VALID);
        assert_string_equal(json_string_value(json_object_get(v.grant, "method")), "http-01");
        assert_int_equal(json_array_size(json_object_get(v.grant, "hops")), 1);
    }
}

/* T-W-02, T-W-08: anything else is not, and nothing of it is repeated. */
static void any_other_body_fails_and_is_not_repeated(void **state)
{
    static const char *const bad[] = {
        "",
        " " KEY_AUTH,
        "\n" KEY_AUTH,
        "\xef\xbb\xbf" KEY_AUTH,
        TOKEN,
        TOKEN ".",
        TOKEN "." THUMB "x",
        "x" KEY_AUTH,
        TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI",
        KEY_AUTH "\v",
        KEY_AUTH "\n" KEY_AUTH,
        LOWER_TOKEN "." THUMB,
        "SECRET of another host",
        "\x1f\x8b\x08\x00 gzip",
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fake_http(w->cx, URL, 200, bad[i]);
        assert_failed_attempt(w);
        assert_true(fake_failed_with(w->cx, "incorrectResponse", "not the key authorization"));
        assert_null(strstr(w->cx->problem.detail, "SECRET"));
        assert_null(strstr(w->cx->problem.detail, THUMB));
    }
}

static void a_body_with_a_nul_or_without_end_fails(void **state)
{
    struct world *w = *state;
    char large[5000];

    fake_http_octets(w->cx, URL, 200, KEY_AUTH "\0", sizeof KEY_AUTH);
    assert_failed_attempt(w);
    memset(large, ' ', sizeof large);
    memcpy(large, KEY_AUTH, strlen(KEY_AUTH));
    fake_http_octets(w->cx, URL, 200, large, sizeof large);
    assert_failed_attempt(w);
    assert_true(fake_failed_with(w->cx, "incorrectResponse", "not the key authorization"));
    memset(large, 'a', sizeof large);
    fake_http_octets(w->cx, URL, 200, large, sizeof large);
    assert_failed_attempt(w);
}

/* T-W-09. */
static void any_status_but_200_fails(void **state)
{
    static const long status[] = {201, 204, 206, 299, 300, 303, 304, 400, 403, 404, 500, 503};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof status / sizeof *status; i++) {
        char expected[40];

        snprintf(expected, sizeof expected, "HTTP status %ld instead of 200", status[i]);
        fake_http(w->cx, URL, status[i], KEY_AUTH);
        assert_failed_attempt(w);
        assert_true(fake_failed_with(w->cx, "incorrectResponse", expected));
    }
}

static void a_grant_keeps_the_first_and_the_last_hop(void **state)
{
    struct world *w = *state;
    struct chy_verdict v = {0};
    json_t *evidence =
        json_pack("{s:i, s:s, s:[i,i,i]}", "status", 200, "text", KEY_AUTH, "hops", 1, 2, 3);
    struct chy_event ev = {.kind = CHY_EV_START, .quorum = true, .evidence = evidence};
    json_t *hops;

    fake_stage(w->cx, CHY_STAGE_STEP);
    assert_int_equal(dns_http01.step(w->cx, &w->ch, &ev, &v), CHY_OK);
    hops = json_object_get(v.grant, "hops");
    assert_int_equal(json_array_size(hops), 2);
    assert_int_equal(json_integer_value(json_array_get(hops, 1)), 3);
    json_decref(v.grant);
    v = (struct chy_verdict){0};
    json_object_del(evidence, "hops");
    assert_int_equal(dns_http01.step(w->cx, &w->ch, &ev, &v), CHY_OK);
    assert_int_equal(v.state, CHY_V_VALID);
    assert_non_null(v.grant);
    json_decref(v.grant);
    json_decref(evidence);
}

static void evidence_holds_nothing_that_json_cannot(void **state)
{
    struct world *w = *state;
    json_t *evidence = NULL;

    fake_http_octets(w->cx, URL, 200, "\xff\xfe\x00\x1b[31m", 8);
    fake_stage(w->cx, CHY_STAGE_PROBE);
    assert_int_equal(dns_http01.probe(w->cx, &w->ch, &evidence), CHY_OK);
    assert_true(json_is_null(json_object_get(evidence, "text")));
    assert_int_equal(json_integer_value(json_object_get(evidence, "octets")), 8);
    json_decref(evidence);
}

static void a_failure_of_the_network_is_the_failure_of_the_probe(void **state)
{
    struct world *w = *state;
    json_t *evidence = NULL;

    fake_http_fails(w->cx, URL, &CHY_P_tls, "handshake failed");
    fake_stage(w->cx, CHY_STAGE_PROBE);
    assert_int_equal(dns_http01.probe(w->cx, &w->ch, &evidence), CHY_ERR);
    assert_true(fake_failed_with(w->cx, "tls", "handshake failed"));
    assert_null(evidence);
}

static void without_quorum_or_evidence_nothing_is_valid(void **state)
{
    struct world *w = *state;
    struct chy_event ev = {.kind = CHY_EV_START, .quorum = false};
    struct chy_verdict v = {0};
    json_t *evidence = NULL;

    fake_http(w->cx, URL, 200, KEY_AUTH);
    fake_stage(w->cx, CHY_STAGE_PROBE);
    assert_int_equal(dns_http01.probe(w->cx, &w->ch, &evidence), CHY_OK);
    ev.evidence = evidence;
    assert_int_equal(dns_http01.step(w->cx, &w->ch, &ev, &v), CHY_OK);
    assert_int_equal(v.state, CHY_V_INVALID);
    assert_true(fake_failed_with(w->cx, "incorrectResponse", "perspectives"));
    json_decref(evidence);
    fake_stage(w->cx, CHY_STAGE_STEP);
    ev.evidence = NULL;
    ev.quorum = true;
    v = (struct chy_verdict){0};
    assert_int_equal(dns_http01.step(w->cx, &w->ch, &ev, &v), CHY_ERR);
    assert_int_equal(v.state, CHY_V_PENDING);
    fake_stage(w->cx, CHY_STAGE_STEP);
    ev.kind = CHY_EV_INBOUND;
    assert_int_equal(dns_http01.step(w->cx, &w->ch, &ev, &v), CHY_OK);
    assert_int_equal(v.state, CHY_V_PENDING);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(offered_with_a_token_but_not_for_wildcards),
        T(asks_for_the_path_of_the_token_under_validation_rules),
        T(an_ipv6_identifier_is_bracketed),
        T(the_key_authorization_is_valid_with_trailing_space),
        T(any_other_body_fails_and_is_not_repeated),
        T(a_body_with_a_nul_or_without_end_fails),
        T(any_status_but_200_fails),
        T(a_grant_keeps_the_first_and_the_last_hop),
        T(evidence_holds_nothing_that_json_cannot),
        T(a_failure_of_the_network_is_the_failure_of_the_probe),
        T(without_quorum_or_evidence_nothing_is_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
