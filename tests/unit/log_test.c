/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: whatever is said, the line can be read, and says it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/log.h"
#include "core/base/problem.h"
#include "tests/support/fakehost.h"

struct fixture {
    struct chy_ctx *cx;
    FILE *lines;
    int saved;
};

static int setup(void **state)
{
    static struct fixture f;

    f.cx = fake_cx_new(CHY_STAGE_REQUEST);
    f.lines = tmpfile();
    assert_non_null(f.lines);
    fflush(stderr);
    f.saved = dup(STDERR_FILENO);
    assert_true(dup2(fileno(f.lines), STDERR_FILENO) >= 0);
    *state = &f;
    return 0;
}

/* The one line that was logged; standard error is the old one again. */
static const json_t *logged(struct fixture *f)
{
    json_t *line;

    if (f->saved >= 0) {
        assert_true(dup2(f->saved, STDERR_FILENO) >= 0);
        close(f->saved);
        f->saved = -1;
    }
    rewind(f->lines);
    line = json_loadf(f->lines, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(line);
    return chy_keep_json(f->cx, line);
}

static const char *member(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));

    if (text == NULL)
        fail_msg("no member %s", name);
    return text;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fclose(f->lines);
    fake_cx_free(f->cx);
    return 0;
}

static void a_long_text_is_logged_whole(void **state)
{
    struct fixture *f = *state;
    char text[2101];

    /* Two octets a character, and none of them is at the end of a buffer of 1,024. */
    for (size_t i = 0; i < 2100; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[2100] = '\0';
    chy_log(f->cx, LOG_WARNING, "x%s", text);
    assert_string_equal(member(logged(f), "event") + 1, text);
}

static void a_very_long_text_is_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    const char *event;
    char text[20001];

    memset(text, 0, sizeof text);
    for (size_t i = 0; i < 20000; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    chy_log(f->cx, LOG_WARNING, "x%s", text);
    event = member(logged(f), "event");
    assert_true(strlen(event) > 7000 && strlen(event) < 9000);
    assert_memory_equal(event + 1, text, strlen(event) - 1);
}

static void an_event_that_is_not_utf8_is_told_nevertheless(void **state)
{
    struct fixture *f = *state;

    chy_log(f->cx, LOG_WARNING, "caf\xe9 is closed\n{}");
    assert_string_equal(member(logged(f), "event"), "caf? is closed\n{}");
}

static void a_note_that_is_not_utf8_is_told_nevertheless(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(chy_fault_internal(f->cx, "FEHLER: \xdc"
                                               "berlauf"),
                     CHY_ERR);
    chy_log_problem(f->cx, LOG_ERR, "refused");
    assert_string_equal(member(logged(f), "note"), "FEHLER: ?berlauf");
    assert_string_equal(member(logged(f), "event"), "refused");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_long_text_is_logged_whole),
        TEST(a_very_long_text_is_cut_between_characters),
        TEST(an_event_that_is_not_utf8_is_told_nevertheless),
        TEST(a_note_that_is_not_utf8_is_told_nevertheless),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
