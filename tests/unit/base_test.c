/* SPDX-License-Identifier: Apache-2.0 */
/* base64url, ids, UTF-8, JSON: the strictness that everything above relies on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/b64.h"
#include "core/base/hex.h"
#include "core/base/id.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/base/utf8.h"
#include "tests/support/fakehost.h"

static int setup(void **state)
{
    *state = fake_cx_new(CHY_STAGE_REQUEST);
    return 0;
}

static int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

static void b64u_round_trips_every_length(void **state)
{
    struct chy_ctx *cx = *state;
    uint8_t in[70];

    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 37 + 200);
    for (size_t n = 0; n <= sizeof in; n++) {
        size_t got_n = 999;
        char *text = chy_b64u(cx, in, n);
        uint8_t *got = chy_b64u_decode(cx, text, strlen(text), &got_n);

        assert_int_equal(strlen(text), chy_b64u_len(n));
        assert_non_null(got);
        assert_int_equal(got_n, n);
        assert_memory_equal(got, in, n);
    }
}

/* core.md B-01, B-02: one value has one spelling. */
static void b64u_refuses_other_spellings(void **state)
{
    static const char *const bad[] = {"AA==",
                                      "AAA=",
                                      "A",
                                      "AAAAA",
                                      "A+AA",
                                      "A/AA",
                                      "AA AA",
                                      "AA\nA",
                                      "AB",
                                      "AAB",
                                      ("\xc3\xa9"
                                       "AA")};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t n;

        assert_null(chy_b64u_decode(cx, bad[i], strlen(bad[i]), &n));
    }
}

static void id_round_trips_and_is_strict(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_id id, back;
    char *text;

    chy_id_new(cx, &id);
    text = chy_id_text(cx, &id);
    assert_int_equal(strlen(text), CHY_ID_TEXT);
    assert_true(chy_id_read(&back, text, CHY_ID_TEXT));
    assert_true(chy_id_equal(&id, &back));
    assert_int_equal(id.b[0] & 0x80, 0); /* a positive serial of 20 octets */
    assert_false(chy_id_read(&back, text, CHY_ID_TEXT - 1));
    text[CHY_ID_TEXT - 1] = '_'; /* sets unused bits */
    assert_false(chy_id_read(&back, text, CHY_ID_TEXT));
}

static void utf8_refuses_what_rfc3629_refuses(void **state)
{
    static const char *const bad[] = {"\xc0\x80",         "\xe0\x80\x80", "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80", "\x80",         "\xc3",
                                      "\xe2\x82",         "\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(chy_utf8_valid((const uint8_t *)bad[i], strlen(bad[i])));
    assert_true(chy_utf8_valid((const uint8_t *)"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10));
}

static void what_hides_or_turns_text_is_not_printable(void **state)
{
    static const uint32_t bad[] = {0,       '\n',    0x7f,    0x9f,   0x61c,  0x180e,
                                   0x200b,  0x202e,  0x2066,  0xfeff, 0xfffe, 0xffff,
                                   0x1fffe, 0xe0000, 0xe0041, 0xe007f};
    static const uint32_t good[] = {' ', 'a', 0xa0, 0xe9, 0x61b, 0x20ac, 0x1f600, 0xe0100};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(chy_utf8_printable(bad[i]));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(chy_utf8_printable(good[i]));
}

static void text_is_cut_between_characters(void **state)
{
    struct chy_ctx *cx = *state;
    char out[16];

    assert_string_equal(chy_printable(cx, "ab\xc3\xa9", 4, 3), "ab");
    assert_string_equal(chy_printable(cx, "ab\xe2\x82\xac", 5, 4), "ab");
    assert_string_equal(chy_printable(cx, "ab\xe2\x82\xac", 5, 5), "ab\xe2\x82\xac");
    assert_string_equal(chy_printable(cx, "a\xe2z", 3, 3), "a?z");
    assert_int_equal(chy_utf8_clean(out, "a\n\xff", 3, false), 3);
    assert_string_equal(out, "a\n?");
}

static void octets_have_one_spelling_in_hex(void **state)
{
    struct chy_ctx *cx = *state;

    assert_string_equal(chy_hex(cx, "\x00\x1f\xab\xff", 4), "001fabff");
    assert_string_equal(chy_hex(cx, "", 0), "");
}

/* core.md B-03, B-06, T-B-03..T-B-07 */
static void json_refuses_what_is_not_one_plain_object(void **state)
{
    static const char *const bad[] = {"[]",
                                      "1",
                                      "\"x\"",
                                      "",
                                      "{} {}",
                                      "{}x",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":\"\xff\"}",
                                      "{\"a\":1e400}",
                                      "{\"a\":}",
                                      "nul"};
    struct chy_ctx *cx = *state;
    json_t *j;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        chy_problem_clear(cx);
        assert_int_equal(chy_json_object(cx, "body", bad[i], strlen(bad[i]), &j), CHY_ERR);
        assert_string_equal(cx->problem.type->urn, "urn:ietf:params:acme:error:malformed");
    }
    chy_problem_clear(cx);
    assert_int_equal(chy_json_object(cx, "body", "{\"a\":[{}]}", 10, &j), CHY_OK);
}

static void json_depth_is_bounded_before_recursion(void **state)
{
    struct chy_ctx *cx = *state;
    size_t n = 100000;
    char *deep = chy_alloc(cx, n + 1);
    json_t *j;

    memset(deep, '[', n);
    assert_int_equal(chy_json_object(cx, "body", deep, n, &j), CHY_ERR);
    assert_non_null(strstr(cx->problem.detail, "nested"));
}

static void the_first_reason_wins_and_is_printable(void **state)
{
    struct chy_ctx *cx = *state;

    assert_int_equal(chy_fail(cx, &CHY_P_badCSR, "line\r\nbreak \xff %s", "x"), CHY_ERR);
    assert_int_equal(chy_fail(cx, &CHY_P_malformed, "later"), CHY_ERR);
    assert_string_equal(cx->problem.type->urn, "urn:ietf:params:acme:error:badCSR");
    assert_string_equal(cx->problem.detail, "line??break ? x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(b64u_round_trips_every_length, setup, teardown),
        cmocka_unit_test_setup_teardown(b64u_refuses_other_spellings, setup, teardown),
        cmocka_unit_test_setup_teardown(id_round_trips_and_is_strict, setup, teardown),
        cmocka_unit_test_setup_teardown(utf8_refuses_what_rfc3629_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(json_refuses_what_is_not_one_plain_object, setup, teardown),
        cmocka_unit_test_setup_teardown(what_hides_or_turns_text_is_not_printable, setup, teardown),
        cmocka_unit_test_setup_teardown(text_is_cut_between_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(octets_have_one_spelling_in_hex, setup, teardown),
        cmocka_unit_test_setup_teardown(json_depth_is_bounded_before_recursion, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_reason_wins_and_is_printable, setup, teardown),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
