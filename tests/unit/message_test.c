/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers over requests and replies (core.md H-14). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/net/message.h"
#include "tests/support/fakehost.h"

static void headers_are_found_in_any_case_first_one_first(void **state)
{
    const struct chy_header headers[] = {{"content-TYPE", "a/b"}, {"X", "1"}, {"x", "2"}};
    const struct chy_request rq = {.headers = headers, .n_headers = 3};

    (void)state;
    assert_string_equal(chy_request_header(&rq, "Content-Type"), "a/b");
    assert_string_equal(chy_request_header(&rq, "X"), "1");
    assert_null(chy_request_header(&rq, "Content"));
}

static void json_is_compact_in_order_and_typed_once(void **state)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_REQUEST);
    struct chy_reply rp = {.status = 200};
    json_t *o = json_pack("{s:s, s:i}", "type", "z", "status", 1);

    (void)state;
    chy_reply_json(cx, &rp, o);
    assert_string_equal(rp.body, "{\"type\":\"z\",\"status\":1}");
    assert_int_equal(rp.body_len, strlen(rp.body));
    assert_string_equal(rp.content_type, "application/json");
    rp.content_type = "application/problem+json";
    chy_reply_json(cx, &rp, o);
    assert_string_equal(rp.content_type, "application/problem+json");
    json_decref(o);
    fake_cx_free(cx);
}

/* A child so that the assertion's abort can be seen. */
static bool dies_on_header(const char *name, const char *value, unsigned times)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        struct chy_reply rp = {0};

        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(2);
        for (unsigned i = 0; i < times; i++)
            chy_reply_header(&rp, name, value);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void headers_that_would_split_a_reply_are_a_bug(void **state)
{
    (void)state;
    assert_false(dies_on_header("Link", "<a>;rel=\"index\"", CHY_REPLY_HEADERS));
    assert_true(dies_on_header("Link", "a\r\nX: y", 1));
    assert_true(dies_on_header("Link", "a\nb", 1));
    assert_true(dies_on_header("Li nk", "a", 1));
    assert_true(dies_on_header("", "a", 1));
    assert_true(dies_on_header("Link", "a", CHY_REPLY_HEADERS + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_found_in_any_case_first_one_first),
        cmocka_unit_test(json_is_compact_in_order_and_typed_once),
        cmocka_unit_test(headers_that_would_split_a_reply_are_a_bug),
    };

    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
