/* SPDX-License-Identifier: Apache-2.0 */
/* What a client believes of a server's answers: hostile ones are refused, each by its own words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/problem.h"
#include "core/client/objects.h"
#include "tests/support/fakehost.h"

#define U "https://ca.example/"
#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define ORDER_END ",\"finalize\":\"" U "f\"}"
#define CHALLENGE(type, more)                                                                      \
    "{\"type\":\"" type "\",\"url\":\"" U "c\",\"status\":\"pending\"" more "}"
#define AUTHZ(challenges)                                                                          \
    "{\"status\":\"pending\",\"identifier\":{\"type\":\"toy\",\"value\":\"x\"},\"challenges\":"    \
    "[" challenges "]}"

static int setup(void **state)
{
    *state = fake_cx_new(CHY_STAGE_CLIENT);
    return 0;
}

static int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

static void assert_says(struct chy_ctx *cx, enum chy_rc rc, const char *body, const char *words)
{
    if (rc != CHY_ERR)
        fail_msg("taken: %s", body);
    if (strstr(cx->problem.detail, words) == NULL)
        fail_msg("'%s' does not say '%s' of %s", cx->problem.detail, words, body);
}

static void a_url_is_asked_only_if_it_is_plain_https(void **state)
{
    static const char *const good[] = {"https://ca.example/x", "https://ca.example:14000/a?b=c",
                                       "https://[::1]:1/x", "https://ca.example"};
    static const char *const bad[] = {"http://ca.example/x",
                                      "https://",
                                      "https:///x",
                                      "https://u@ca.example/",
                                      "https://u:p@ca.example/",
                                      "ftp://ca.example/",
                                      "file:///etc/passwd",
                                      "https://ca.example/#x",
                                      "https://ca.example/a b",
                                      "https://ca.example/\"",
                                      "https://ca.example/\\",
                                      "HTTPS://ca.example/",
                                      "https://:443/",
                                      "https://ca.example/\n",
                                      "https://ca.ex\xc3\xa4mple/",
                                      ""};
    char *long_one = malloc(CHY_CLIENT_URL_MAX + 2);

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(chy_client_url_ok(good[i], false));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (chy_client_url_ok(bad[i], false))
            fail_msg("%s", bad[i]);
    assert_true(chy_client_url_ok("http://ca.example/x", true));
    memset(long_one, 'a', CHY_CLIENT_URL_MAX + 1);
    long_one[CHY_CLIENT_URL_MAX + 1] = '\0';
    memcpy(long_one, "https://", 8);
    assert_false(chy_client_url_ok(long_one, false));
    long_one[CHY_CLIENT_URL_MAX] = '\0';
    assert_true(chy_client_url_ok(long_one, false));
    free(long_one);
}

static void retry_after_is_a_number_or_a_date_and_bounded(void **state)
{
    (void)state;
    assert_int_equal(chy_client_retry_after("0", FAKE_NOW), 0);
    assert_int_equal(chy_client_retry_after("17", FAKE_NOW), 17);
    assert_int_equal(chy_client_retry_after("86401", FAKE_NOW), CHY_CLIENT_WAIT_MAX);
    assert_int_equal(chy_client_retry_after("99999999999999999999", FAKE_NOW), CHY_CLIENT_WAIT_MAX);
    assert_int_equal(chy_client_retry_after("-5", FAKE_NOW), 0);
    assert_int_equal(chy_client_retry_after("soon", FAKE_NOW), 0);
    assert_int_equal(chy_client_retry_after("", FAKE_NOW), 0);
    assert_int_equal(chy_client_retry_after("Tue, 24 Nov 2026 10:01:00 GMT", FAKE_NOW), 60);
    assert_int_equal(chy_client_retry_after("Tue, 24 Nov 2026 09:00:00 GMT", FAKE_NOW), 0);
    assert_int_equal(chy_client_retry_after("Fri, 24 Nov 2056 09:00:00 GMT", FAKE_NOW),
                     CHY_CLIENT_WAIT_MAX);
}

static void a_directory_without_its_resources_is_refused(void **state)
{
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"", "is not JSON"},
        {"[]", "is not a JSON object"},
        {"{\"newNonce\":1}", "directory has a newNonce that is no https URL"},
        {"{}", "directory has no newNonce"},
        {"{\"newNonce\":\"" U "n\",\"newAccount\":\"" U "a\"}", "directory has no newOrder"},
        {"{\"newNonce\":\"" U "n\",\"newAccount\":\"http://ca.example/a\",\"newOrder\":\"" U "o\"}",
         "newAccount that is no https URL"},
        {"{\"newNonce\":\"" U "n\",\"newNonce\":\"" U "n\"}", "duplicate"},
    };
    struct chy_client_directory d;
    struct chy_ctx *cx = *state;
    static const char good[] =
        "{\"newNonce\":\"" U "n\",\"newAccount\":\"" U "a\",\"newOrder\":\"" U
        "o\",\"meta\":{\"termsOfService\":\"" U "t\"}}";

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        chy_problem_clear(cx);
        assert_says(cx,
                    chy_client_parse_directory(cx, cases[i].body, strlen(cases[i].body), false, &d),
                    cases[i].body, cases[i].says);
    }
    chy_problem_clear(cx);
    assert_int_equal(chy_client_parse_directory(cx, good, strlen(good), false, &d), CHY_OK);
    assert_string_equal(d.terms, U "t");
    assert_null(d.revoke_cert);
}

static void a_hostile_order_is_refused(void **state)
{
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"{\"status\":\"pending\",\"authorizations\":[]}", "order has no finalize"},
        {"{\"authorizations\":[]" ORDER_END, "order has no status"},
        {"{\"status\":\"fine\",\"authorizations\":[]" ORDER_END, "unknown status fine"},
        {"{\"status\":\"valid\",\"authorizations\":[]" ORDER_END, "order has no certificate"},
        {"{\"status\":\"pending\"" ORDER_END, "no list of authorizations"},
        {"{\"status\":\"pending\",\"authorizations\":[7]" ORDER_END, "no https URL"},
        {"{\"status\":\"pending\",\"authorizations\":[\"gopher://x/\"]" ORDER_END, "no https URL"},
        {"{\"status\":\"pending\",\"authorizations\":[\"" U "a\\u0000b\"]" ORDER_END, "not JSON"},
    };
    struct chy_client_order o;
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        chy_problem_clear(cx);
        assert_says(cx, chy_client_parse_order(cx, cases[i].body, strlen(cases[i].body), false, &o),
                    cases[i].body, cases[i].says);
    }
}

static void an_order_has_so_many_authorizations_and_no_more(void **state)
{
    struct chy_ctx *cx = *state;

    for (int extra = 0; extra < 2; extra++) {
        json_t *list = json_array(), *o;
        struct chy_client_order order;
        char *text;
        enum chy_rc rc;

        for (int i = 0; i < CHY_CLIENT_AUTHZ_MAX + extra; i++)
            json_array_append_new(list, json_string(U "a"));
        o = json_pack("{s:s, s:o, s:s}", "status", "pending", "authorizations", list, "finalize",
                      U "f");
        text = json_dumps(o, 0);
        rc = chy_client_parse_order(cx, text, strlen(text), false, &order);
        if (extra == 0)
            assert_int_equal(rc, CHY_OK);
        else
            assert_says(cx, rc, "513 authorizations", "513 authorizations; at most 512");
        free(text);
        json_decref(o);
    }
}

static void a_hostile_authorization_is_refused(void **state)
{
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"{\"status\":\"pending\",\"challenges\":[]}", "no identifier"},
        {"{\"status\":\"pending\",\"identifier\":{\"type\":\"toy\",\"value\":\"x\"}}",
         "no list of challenges"},
        {AUTHZ("7"), "challenge without a type"},
        {AUTHZ("{\"type\":\"t\",\"status\":\"pending\"}"), "challenge has no url"},
        {AUTHZ(CHALLENGE("t", ",\"token\":\"short\"")), "token that is not base64url"},
        {AUTHZ(CHALLENGE("t", ",\"token\":\"../../../../../../etc/passwd\"")),
         "token that is not base64url"},
        {AUTHZ(CHALLENGE("t", ",\"token\":\"" TOKEN "\\r\\nX: y\"")),
         "token that is not base64url"},
        {AUTHZ(CHALLENGE("t", ",\"token\":7")), "token that is not base64url"},
    };
    static const char good[] = AUTHZ(CHALLENGE("t", ",\"token\":\"" TOKEN "\""));
    struct chy_client_authz a;
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        chy_problem_clear(cx);
        assert_says(cx, chy_client_parse_authz(cx, cases[i].body, strlen(cases[i].body), false, &a),
                    cases[i].body, cases[i].says);
    }
    chy_problem_clear(cx);
    assert_int_equal(chy_client_parse_authz(cx, good, strlen(good), false, &a), CHY_OK);
    assert_int_equal(a.n_challenges, 1);
    assert_string_equal(a.challenges[0].token, TOKEN);
}

static void a_problem_is_made_printable_and_bounded(void **state)
{
    static const char body[] =
        "{\"type\":\"urn:x\",\"detail\":\"a\\u001b[31mb\\u202ec\\nd\",\"status\":"
        "400,\"subproblems\":[{\"type\":\"t\",\"subproblems\":[{\"type\":"
        "\"deep\"}]},null]}";
    struct chy_client_problem p;
    struct chy_ctx *cx = *state;
    json_t *many = json_array(), *o;
    char *text;

    assert_true(chy_client_parse_problem(cx, body, strlen(body), &p));
    assert_string_equal(p.detail, "a?[31mb?c?d");
    assert_int_equal(p.n_sub, 2);
    assert_int_equal(p.sub[0].n_sub, 0);
    assert_null(p.sub[1].type);
    for (int i = 0; i < CHY_CLIENT_SUBPROBLEMS + 7; i++)
        json_array_append_new(many, json_object());
    o = json_pack("{s:s, s:o}", "type", "t", "subproblems", many);
    text = json_dumps(o, 0);
    assert_true(chy_client_parse_problem(cx, text, strlen(text), &p));
    assert_int_equal(p.n_sub, CHY_CLIENT_SUBPROBLEMS);
    assert_int_equal(p.n_sub_left_out, 7);
    free(text);
    json_decref(o);
    assert_false(chy_client_parse_problem(cx, "<html>", 6, &p));
    assert_false(chy_client_parse_problem(cx, "{}", 2, &p));
    assert_false(chy_failed(cx));
}

static void a_chain_is_certificates_and_nothing_else(void **state)
{
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"", "the chain is empty"},
        {"\n\n", "the chain is empty"},
        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no certificate"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n", "cut off inside"},
        {"-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----\n", "not PEM"},
        {"<html>", "no certificate"},
    };
    struct chy_chain chain;
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        chy_problem_clear(cx);
        assert_says(cx, chy_chain_read(cx, cases[i].body, strlen(cases[i].body), &chain),
                    cases[i].body, cases[i].says);
    }
    chy_problem_clear(cx);
    assert_int_equal(chy_chain_read(cx, "a\0b", 3, &chain), CHY_ERR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(a_url_is_asked_only_if_it_is_plain_https),
        T(retry_after_is_a_number_or_a_date_and_bounded),
        T(a_directory_without_its_resources_is_refused),
        T(a_hostile_order_is_refused),
        T(an_order_has_so_many_authorizations_and_no_more),
        T(a_hostile_authorization_is_refused),
        T(a_problem_is_made_printable_and_bounded),
        T(a_chain_is_certificates_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
