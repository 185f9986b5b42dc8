/* SPDX-License-Identifier: Apache-2.0 */
/* Every resource with every method, and the headers of every answer (core.md section 1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/loopback.h"

#define ID "AAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ACTED_ON "POST, OPTIONS"

static const struct {
    const char *url, *allow;
    bool get;
} routes[] = {
    {LOOP_BASE "/directory", "GET, HEAD, POST, OPTIONS", true},
    {LOOP_BASE "/new-nonce", "GET, HEAD, POST, OPTIONS", true},
    {LOOP_BASE "/new-account", ACTED_ON, false},
    {LOOP_BASE "/new-order", ACTED_ON, false},
    {LOOP_BASE "/revoke-cert", ACTED_ON, false},
    {LOOP_BASE "/key-change", ACTED_ON, false},
    {LOOP_BASE "/account/" ID, ACTED_ON, false},
    {LOOP_BASE "/account/" ID "/orders", ACTED_ON, false},
    {LOOP_BASE "/order/" ID, ACTED_ON, false},
    {LOOP_BASE "/order/" ID "/finalize", ACTED_ON, false},
    {LOOP_BASE "/authz/" ID, ACTED_ON, false},
    {LOOP_BASE "/challenge/" ID "/0", ACTED_ON, false},
    {LOOP_BASE "/cert/" ID, ACTED_ON, false},
    {LOOP_PUBLIC "/ca/web-1.cer", "GET, HEAD, OPTIONS", true},
};
#define ROUTES (sizeof routes / sizeof *routes)

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

static void T_H_03_methods_that_a_resource_has_not_are_405_with_allow(void **state)
{
    static const char *const methods[] = {"PUT", "DELETE", "PATCH", "TRACE", "get", "post", "X"};
    struct loop_client *c = loop_client_new(*state, "ES256");

    for (size_t i = 0; i < ROUTES; i++)
        for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
            struct loop_reply *r = loop_get(c, methods[m], routes[i].url);

            loop_refused(r, 405, "malformed", "takes");
            assert_string_equal(loop_header(r, "Allow"), routes[i].allow);
        }
}

static void T_H_02_what_is_not_open_is_not_shown_to_get_and_head(void **state)
{
    struct loop_client *c = loop_client_new(*state, "ES256");

    for (size_t i = 0; i < ROUTES; i++) {
        struct loop_reply *get = loop_get(c, "GET", routes[i].url);
        struct loop_reply *head = loop_get(c, "HEAD", routes[i].url);

        if (routes[i].get) {
            assert_true(get->status == 200 || get->status == 204);
            assert_int_equal(head->status, 200);
            continue;
        }
        loop_refused(get, 405, "malformed", "takes");
        loop_refused(head, 405, "malformed", "takes");
        assert_string_equal(loop_header(get, "Allow"), routes[i].allow);
    }
}

static void T_H_06_options_tells_browsers_what_they_may(void **state)
{
    struct loop_client *c = loop_client_new(*state, "ES256");

    for (size_t i = 0; i < ROUTES; i++) {
        struct loop_reply *r = loop_ok(loop_get(c, "OPTIONS", routes[i].url), 204);

        assert_int_equal(r->body_len, 0);
        assert_string_equal(loop_header(r, "Allow"), routes[i].allow);
        assert_null(loop_header(r, "Replay-Nonce"));
        if (strncmp(routes[i].url, LOOP_PUBLIC "/ca", strlen(LOOP_PUBLIC "/ca")) == 0)
            continue;
        assert_string_equal(loop_header(r, "Access-Control-Allow-Methods"), routes[i].allow);
        assert_string_equal(loop_header(r, "Access-Control-Allow-Headers"), "Content-Type");
        assert_string_equal(loop_header(r, "Access-Control-Allow-Origin"), "*");
        assert_non_null(strstr(loop_header(r, "Access-Control-Expose-Headers"), "Replay-Nonce"));
        assert_string_equal(loop_header(r, "Access-Control-Max-Age"), "86400");
    }
}

static void T_H_04_what_is_not_there_is_404_with_the_index(void **state)
{
    static const char *const paths[] = {"/",
                                        "",
                                        "/nonexistent",
                                        "/directory/",
                                        "/order/",
                                        "/order",
                                        ("/order/" ID "/x"),
                                        ("/challenge/" ID),
                                        "/new-authz",
                                        "/ca/web-1.cer",
                                        "/.well-known/x",
                                        "/account/"};
    static const char *const methods[] = {"GET", "HEAD", "PUT", "OPTIONS"};
    struct loop_client *c = loop_client_new(*state, "ES256");

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
            struct loop_reply *r =
                loop_get(c, methods[m], chy_fmt(c->cx, LOOP_BASE "%s", paths[i]));

            loop_refused(r, 404, "malformed", "no such resource");
            assert_string_equal(loop_header(r, "Link"), "<" LOOP_BASE "/directory>;rel=\"index\"");
        }
}

static void the_public_listener_serves_nothing_of_acme(void **state)
{
    struct loop_client *c = loop_client_new(*state, "ES256");
    static const char *const paths[] = {
        "/directory",    "/acme/directory", "/acme/new-nonce", "/ca/",          "/ca/web-1",
        "/ca/web-2.cer", "/ca/../ca/x.cer", "/ca/web-1.cer/",  "/ca/web-1.pem", "/ca/.cer"};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct loop_reply *r = loop_get(c, "GET", chy_fmt(c->cx, LOOP_PUBLIC "%s", paths[i]));

        loop_refused(r, 404, "malformed", "no such resource");
        assert_null(loop_header(r, "Replay-Nonce"));
    }
}

static void D02_what_is_not_served_yet_says_so(void **state)
{
    static const char *const urls[] = {LOOP_BASE "/revoke-cert", LOOP_BASE "/key-change"};
    struct loop_client *c = loop_account(*state);

    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        assert_true(loop_post(c, urls[i], "{}")->status >= 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T_H_03_methods_that_a_resource_has_not_are_405_with_allow),
        cmocka_unit_test(T_H_02_what_is_not_open_is_not_shown_to_get_and_head),
        cmocka_unit_test(T_H_06_options_tells_browsers_what_they_may),
        cmocka_unit_test(T_H_04_what_is_not_there_is_404_with_the_index),
        cmocka_unit_test(the_public_listener_serves_nothing_of_acme),
        cmocka_unit_test(D02_what_is_not_served_yet_says_so),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
