/* SPDX-License-Identifier: Apache-2.0 */
/* Policy documents: what is read, what is refused, and the sentences that say why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/policy/yaml.h"
#include "tests/support/fakehost.h"
#include "tests/support/golden.h"
#include "tests/support/policytable.h"

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

static struct chy_yaml_doc *check(struct chy_ctx *cx, struct chy_report **ret, const char *text)
{
    *ret = chy_report_new(cx);
    return chy_yaml_check(cx, *ret, "t.yaml", "profile", text, strlen(text), rich_items);
}

static void bad_file(struct chy_ctx *cx, const char *folder, const char *name)
{
    size_t n;
    const char *text = golden_read(cx, chy_fmt(cx, "%s/%s.yaml", folder, name), &n);
    struct chy_report *report = chy_report_new(cx);

    (void)chy_yaml_check(cx, report, chy_fmt(cx, "%s.yaml", name), "profile", text, n, rich_items);
    if (chy_report_count(report) == 0)
        fail_msg("%s is accepted", name);
    golden_compare(cx, chy_fmt(cx, "%s/%s.expected", folder, name), chy_report_text(report));
}

static void every_broken_document_is_refused_with_its_sentences(void **state)
{
    golden_each(*state, "policy/bad", ".yaml", bad_file);
}

static void silent_file(struct chy_ctx *cx, const char *folder, const char *name)
{
    size_t n;
    const char *text = golden_read(cx, chy_fmt(cx, "%s/%s.yaml", folder, name), &n);
    int quiet = memfd_create("stderr", MFD_CLOEXEC), kept = dup(STDERR_FILENO);
    struct stat st;

    assert_true(quiet >= 0 && kept >= 0);
    dup2(quiet, STDERR_FILENO);
    (void)chy_yaml_check(cx, chy_report_new(cx), "f", "profile", text, n, rich_items);
    dup2(kept, STDERR_FILENO);
    assert_int_equal(fstat(quiet, &st), 0);
    assert_int_equal(st.st_size, 0);
    close(quiet);
    close(kept);
}

static void the_library_says_nothing_on_standard_error(void **state)
{
    golden_each(*state, "policy/bad", ".yaml", silent_file);
}

static void good_file(struct chy_ctx *cx, const char *folder, const char *name)
{
    size_t n;
    const char *text = golden_read(cx, chy_fmt(cx, "%s/%s.yaml", folder, name), &n);
    struct chy_report *report = chy_report_new(cx);
    struct chy_yaml_doc *d = chy_yaml_check(cx, report, name, "profile", text, n, rich_items);
    char *json;

    if (chy_report_count(report) > 0)
        fail_msg("%s is refused:\n%s", name, chy_report_text(report));
    json = json_dumps(chy_yaml_json(d), JSON_INDENT(2));
    golden_compare(cx, chy_fmt(cx, "%s/%s.json", folder, name), chy_fmt(cx, "%s\n", json));
    free(json);
}

static void every_good_document_becomes_its_json(void **state)
{
    golden_each(*state, "policy/good", ".yaml", good_file);
}

#define START "version: 1\nlifetime: { default: 6d, max: 10d }\n"

static void what_is_not_utf8_text_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        const char *says;
    } cases[] = {
        {"version: 1\n# \xff\n", 15, "t.yaml:2:3: error: not UTF-8: octet 0xff"},
        {"a: \xc3\xa9\xc0\x80\n", 8, "t.yaml:1:5: error: not UTF-8: octet 0xc0"},
        {"a: b\0c\n", 7, "t.yaml:1:5: error: character U+0000 is not allowed"},
        {"a: \xe2\x80\xae x\n", 9, "t.yaml:1:4: error: character U+202E is not allowed"},
        {"a: b\rc: d\n", 10, "t.yaml:1:5: error: character U+000D is not allowed"},
        {"a: \x1b[31m\n", 9, "t.yaml:1:4: error: character U+001B is not allowed"},
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chy_report *report = chy_report_new(cx);

        assert_null(
            chy_yaml_check(cx, report, "t.yaml", "profile", cases[i].text, cases[i].n, rich_items));
        assert_int_equal(chy_report_count(report), 1);
        if (strstr(chy_report_text(report), cases[i].says) == NULL)
            fail_msg("%s", chy_report_text(report));
    }
}

static void a_byte_order_mark_and_crlf_are_read_over(void **state)
{
    struct chy_report *report;

    assert_non_null(check(*state, &report,
                          "\xef\xbb\xbfversion: 1\r\nlifetime: { default: 6d, max: 10d }\r\n"));
    assert_int_equal(chy_report_count(report), 0);
}

static void size_nesting_and_number_of_values_are_bounded(void **state)
{
    struct chy_ctx *cx = *state;
    size_t n = 1024 * 1024;
    char *text = chy_alloc(cx, n + 2);
    struct chy_report *report = chy_report_new(cx);

    memset(text, '#', n + 1);
    assert_null(chy_yaml_check(cx, report, "t.yaml", "profile", text, n + 1, rich_items));
    assert_non_null(strstr(chy_report_text(report),
                           "t.yaml: error: 1048577 octets are too many; the most is 1048576"));

    memset(text, '[', n);
    report = chy_report_new(cx);
    assert_null(chy_yaml_check(cx, report, "t.yaml", "profile", text, n, rich_items));
    assert_non_null(strstr(chy_report_text(report), "t.yaml:1:17: error: nested more than 16"));

    for (size_t i = 0; i + 1 < n; i += 2)
        memcpy(text + i, "- ", 2);
    report = chy_report_new(cx);
    assert_null(chy_yaml_check(cx, report, "t.yaml", "profile", text, n, rich_items));
    assert_non_null(strstr(chy_report_text(report), "nested more than 16"));

    for (size_t i = 0; i + 3 < n; i += 4)
        memcpy(text + i, "- a\n", 4);
    report = chy_report_new(cx);
    assert_null(chy_yaml_check(cx, report, "t.yaml", "profile", text, n, rich_items));
    assert_non_null(
        strstr(chy_report_text(report), "t.yaml:19999:3: error: more than 20000 keys and values"));
}

/* The classic: nine levels of nine aliases are a billion values. */
static void an_alias_bomb_costs_nothing(void **state)
{
    struct chy_ctx *cx = *state;
    const char *text = "a: &a [x, x, x, x, x, x, x, x, x]\n";
    struct chy_report *report;

    for (char c = 'b'; c < 'k'; c++)
        text = chy_fmt(cx, "%s%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", text, c, c,
                       c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
    (void)check(cx, &report, text);
    assert_non_null(strstr(chy_report_text(report), "aliases ('*name') are not allowed"));
    assert_non_null(strstr(chy_report_text(report), "anchors ('&name') are not allowed"));
}

static void ten_thousand_duplicates_are_counted_but_not_all_shown(void **state)
{
    struct chy_ctx *cx = *state;
    char *text = chy_alloc(cx, 9000 * 5 + 1);
    struct chy_report *report;

    for (size_t i = 0; i < 9000; i++)
        memcpy(text + i * 5, "k: v\n", 5);
    (void)check(cx, &report, text);
    assert_true(chy_report_count(report) >= 8999);
    assert_non_null(strstr(chy_report_text(report), "(the first 100 found are shown)"));
}

static void a_document_with_mistakes_is_kept_as_far_as_it_is_right(void **state)
{
    struct chy_report *report;
    struct chy_yaml_doc *d =
        check(*state, &report, START "enabled: maybe\nnames: [one, [two], three]\nbogus: 1\n");
    json_t *j;

    assert_non_null(d);
    assert_false(chy_yaml_clean(d));
    assert_int_equal(chy_report_count(report), 3);
    j = chy_yaml_json(d);
    assert_null(json_object_get(j, "enabled"));
    assert_null(json_object_get(j, "bogus"));
    assert_int_equal(json_array_size(json_object_get(j, "names")), 2);
    /* Entry 1 of the JSON is "three": the pointer finds it where it is written. */
    chy_yaml_error(report, d, "/names/1", "look here");
    assert_non_null(strstr(chy_report_text(report), "t.yaml:4:21: error: look here"));
}

static void pointers_find_the_nearest_written_place(void **state)
{
    static const struct {
        const char *pointer;
        const char *says;
    } cases[] = {
        {"", "t.yaml:1:1: error: here"},
        {"/version", "t.yaml:1:10: error: here"},
        {"/lifetime", "t.yaml:2:11: error: here"},
        {"/lifetime/max", "t.yaml:2:31: error: here"},
        {"/lifetime/other", "t.yaml:2:11: error: here"},
        {"/mode", "t.yaml:1:1: error: here"},
        {"/limits/every", "t.yaml:3:1: error: here"},
        {"/limits/per/1", "t.yaml:6:5: error: here"},
        {"/limits/per/2", "t.yaml:4:3: error: here"},
        {"/limits/per/x", "t.yaml:4:3: error: here"},
        {"/peers/a~1b~0c/address", "t.yaml:8:20: error: here"},
        {"no pointer", "t.yaml:1:1: error: here"},
        {"/version/deeper", "t.yaml:1:10: error: here"},
    };
    struct chy_report *report;
    struct chy_yaml_doc *d =
        check(*state, &report,
              START "limits:\n  per:\n  - one\n  - two\npeers:\n  a/b~c: {address: x}\n");

    assert_int_equal(chy_report_count(report), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        report = chy_report_new(*state);
        chy_yaml_error(report, d, cases[i].pointer, "here");
        if (strstr(chy_report_text(report), cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].pointer, chy_report_text(report));
    }
    assert_int_equal(chy_yaml_line(d, "/limits/per/1"), 6);
}

static void durations_have_one_unit(void **state)
{
    static const char *const bad[] = {
        "",   "90", "d",   "1d12h",          "-1d",  "+1d", "1.5h", "1 d", "01d",
        "1D", "1y", "1ms", "1000000000000w", "0x1d", " 1d", "1d "};
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {{"0s", 0},       {"10s", 10},      {"30m", 1800},
                {"36h", 129600}, {"90d", 7776000}, {"2w", 1209600}};
    int64_t v = 77;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(chy_duration_read(bad[i], &v));
    assert_int_equal(v, 77);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(chy_duration_read(good[i].text, &v));
        assert_int_equal(v, good[i].seconds);
    }
}

static void durations_are_said_in_the_largest_unit(void **state)
{
    assert_string_equal(chy_duration_text(*state, 7776000), "90d");
    assert_string_equal(chy_duration_text(*state, 129600), "36h");
    assert_string_equal(chy_duration_text(*state, 90), "90s");
    assert_string_equal(chy_duration_text(*state, 0), "0s");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_broken_document_is_refused_with_its_sentences),
        TEST(the_library_says_nothing_on_standard_error),
        TEST(every_good_document_becomes_its_json),
        TEST(what_is_not_utf8_text_is_refused),
        TEST(a_byte_order_mark_and_crlf_are_read_over),
        TEST(size_nesting_and_number_of_values_are_bounded),
        TEST(an_alias_bomb_costs_nothing),
        TEST(ten_thousand_duplicates_are_counted_but_not_all_shown),
        TEST(a_document_with_mistakes_is_kept_as_far_as_it_is_right),
        TEST(pointers_find_the_nearest_written_place),
        TEST(durations_have_one_unit),
        TEST(durations_are_said_in_the_largest_unit),
    };

    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
