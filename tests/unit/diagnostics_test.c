/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: order, carets, suggestions, and that no file can write to a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/policy/diagnostics.h"
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

static void mistakes_are_sorted_and_counted(void **state)
{
    struct chy_report *r = chy_report_new(*state);

    chy_report_error(r, "b.yaml", 2, 1, NULL, "fourth");
    chy_report_error(r, "a.yaml", 10, 1, NULL, "third");
    chy_report_error(r, "a.yaml", 9, 5, "some: line\nnext", "second");
    chy_report_error(r, "a.yaml", 0, 0, NULL, "first");
    assert_int_equal(chy_report_count(r), 4);
    assert_string_equal(chy_report_text(r), "a.yaml: error: first\n"
                                            "a.yaml:9:5: error: second\n"
                                            "    9 | some: line\n"
                                            "      |     ^\n"
                                            "a.yaml:10:1: error: third\n"
                                            "b.yaml:2:1: error: fourth\n"
                                            "4 errors\n");
}

static void an_empty_report_prints_nothing(void **state)
{
    assert_string_equal(chy_report_text(chy_report_new(*state)), "");
}

static void one_is_not_plural(void **state)
{
    struct chy_report *r = chy_report_new(*state);

    chy_report_error(r, "a", 0, 0, NULL, "x");
    assert_string_equal(chy_report_text(r), "a: error: x\n1 error\n");
}

static void the_caret_stands_under_its_column(void **state)
{
    static const struct {
        const char *line;
        unsigned column;
        const char *shown;
    } cases[] = {
        {"\tkey: v", 7, "    1 | \tkey: v\n      | \t     ^\n"},
        {"\xc3\xa9\xc3\xa9: v", 5, "    1 | \xc3\xa9\xc3\xa9: v\n      |     ^\n"},
        {"\xe6\x97\xa5: v", 4, "    1 | \xe6\x97\xa5: v\n      |     ^\n"},
        {"e\xcc\x81: v", 5, "    1 | e\xcc\x81: v\n      |    ^\n"},
        {"a: b\r", 4, "    1 | a: b\n      |    ^\n"},
        {"ab", 9, "    1 | ab\n      |   ^\n"},
        {"\x1b[2J\xff: v", 7, "    1 | ?[2J?: v\n      |       ^\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chy_report *r = chy_report_new(*state);

        chy_report_error(r, "f", 1, cases[i].column, cases[i].line, "m");
        if (strstr(chy_report_text(r), cases[i].shown) == NULL)
            fail_msg("%s", chy_report_text(r));
    }
}

static void a_long_line_is_shown_around_its_caret(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_report *r = chy_report_new(cx);
    char *line = chy_alloc(cx, 100001), *text, *second, *caret;

    memset(line, 'x', 100000);
    line[49999] = 'Y';
    chy_report_error(r, "f", 1, 50000, line, "m");
    text = chy_report_text(r);
    assert_true(strlen(text) < 400);
    second = strchr(text, '\n') + 1;
    caret = strchr(second, '\n') + 1;
    assert_int_equal(strchr(second, 'Y') - second, strchr(caret, '^') - caret);
    assert_non_null(strstr(second, "| ...x"));
}

static void text_from_files_cannot_reach_the_terminal(void **state)
{
    struct chy_report *r = chy_report_new(*state);

    chy_report_error(r, "a\nb", 1, 1, NULL, "\x1b]0;title\x07 %s", "\xe2\x80\xae");
    assert_string_equal(chy_report_text(r), "a?b:1:1: error: ?]0;title? ?\n1 error\n");
}

static void near_names_are_suggested_and_far_ones_are_not(void **state)
{
    static const char *const names[] = {"lifetime", "default", "max", "dns", "ip", "issuer"};
    static const struct {
        const char *word, *suggestion;
    } cases[] = {
        {"lifetme", "lifetime"},
        {"liftime", "lifetime"},
        {"lifetimes", "lifetime"},
        {"defualt", "default"},
        {"isuer", "issuer"},
        {"mxa", "max"},
        {"dnss", "dns"},
        {"xyz", NULL},
        {"tp", NULL},
        {"", NULL},
        {"completely", NULL},
        {"lifetime", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = chy_did_you_mean(cases[i].word, names, sizeof names / sizeof *names);

        if (cases[i].suggestion == NULL) {
            if (got != NULL)
                fail_msg("%s suggests %s", cases[i].word, got);
            continue;
        }
        assert_non_null(got);
        assert_string_equal(got, cases[i].suggestion);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(mistakes_are_sorted_and_counted),
        TEST(an_empty_report_prints_nothing),
        TEST(one_is_not_plural),
        TEST(the_caret_stands_under_its_column),
        TEST(a_long_line_is_shown_around_its_caret),
        TEST(text_from_files_cannot_reach_the_terminal),
        TEST(near_names_are_suggested_and_far_ones_are_not),
    };

    return cmocka_run_group_tests_name("diagnostics", tests, NULL, NULL);
}
