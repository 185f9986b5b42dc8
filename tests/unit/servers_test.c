/* SPDX-License-Identifier: Apache-2.0 */
/* Which name servers are never asked: W-20 to W-23, for the resolver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "core/base/problem.h"
#include "core/net/internal.h"

static bool asked(struct chy_ctx *cx, const struct chy_net_config *config, const char *address)
{
    struct chy_prefix range, one;
    const char *const *ranges;
    size_t n;

    assert_true(chy_prefix_read(&one, address));
    assert_int_equal(chy_servers_denied(cx, config, &ranges, &n), CHY_OK);
    for (size_t i = 0; i < n; i++) {
        assert_true(chy_prefix_read(&range, ranges[i]));
        if (chy_prefix_covers(&range, &one))
            return false;
    }
    return true;
}

static int setup(void **state)
{
    struct chy_ctx *cx = calloc(1, sizeof *cx);

    cx->arena = chy_arena_new();
    *state = cx;
    return 0;
}

static int teardown(void **state)
{
    struct chy_ctx *cx = *state;

    chy_arena_free(cx->arena);
    free(cx);
    return 0;
}

static void a_zone_cannot_send_us_to_private_servers(void **state)
{
    static const char *const no[] = {"10.0.0.5",  "169.254.169.254",  "127.0.0.1", "::1",
                                     "fd00::1",   "fe80::1",          "ff02::1",   "2001:db8::1",
                                     "64:ff9b::", "::ffff:127.0.0.1", "0.0.0.0"};
    static const char *const yes[] = {"198.41.0.4", "2001:503:ba3e::2:30", "8.8.8.8",
                                      "2001:500:2::c"};
    static const struct chy_net_config config;

    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (asked(*state, &config, no[i]))
            fail_msg("%s is asked", no[i]);
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!asked(*state, &config, yes[i]))
            fail_msg("%s is not asked", yes[i]);
}

static void what_is_allowed_opens_itself_alone(void **state)
{
    struct chy_prefix allow[3], deny;
    struct chy_net_config config = {.allow = allow, .n_allow = 3, .deny = &deny, .n_deny = 1};

    assert_true(chy_prefix_read(&allow[0], "10.1.0.0/16"));
    assert_true(chy_prefix_read(&allow[1], "192.0.0.0/8"));
    assert_true(chy_prefix_read(&allow[2], "::/0"));
    assert_true(chy_prefix_read(&deny, "10.1.2.0/24"));
    assert_true(asked(*state, &config, "10.1.0.0"));
    assert_true(asked(*state, &config, "10.1.255.255"));
    assert_true(asked(*state, &config, "192.168.0.1"));
    assert_true(asked(*state, &config, "fd00::1"));
    assert_false(asked(*state, &config, "10.0.255.255"));
    assert_false(asked(*state, &config, "10.2.0.0"));
    assert_false(asked(*state, &config, "10.1.2.3"));
    assert_false(asked(*state, &config, "::ffff:10.1.0.1"));
}

static void servers_that_the_node_names_are_asked(void **state)
{
    static const char *const forwarders[] = {"10.0.0.53", "fd00::53@5353", "nonsense"};
    static const struct chy_net_stub stub = {"a.example", "127.0.0.2@5353"};
    struct chy_net_config config = {
        .forwarders = forwarders, .n_forwarders = 3, .stubs = &stub, .n_stubs = 1};

    assert_true(asked(*state, &config, "10.0.0.53"));
    assert_true(asked(*state, &config, "fd00::53"));
    assert_true(asked(*state, &config, "127.0.0.2"));
    assert_false(asked(*state, &config, "10.0.0.52"));
    assert_false(asked(*state, &config, "fd00::54"));
    assert_false(asked(*state, &config, "127.0.0.1"));
    config.query_localhost = true;
    assert_true(asked(*state, &config, "127.0.0.1"));
    assert_true(asked(*state, &config, "::1"));
}

static void a_list_without_end_is_refused(void **state)
{
    static struct chy_prefix allow[2000];
    struct chy_net_config config = {.allow = allow, .n_allow = sizeof allow / sizeof *allow};
    struct chy_ctx *cx = *state;
    const char *const *ranges;
    size_t n;

    for (unsigned i = 0; i < sizeof allow / sizeof *allow; i++)
        allow[i] = (struct chy_prefix){
            AF_INET6, {0xfd, [4] = (uint8_t)(i >> 8), [5] = (uint8_t)i, [15] = 1}, 128};
    assert_int_equal(chy_servers_denied(cx, &config, &ranges, &n), CHY_ERR);
    assert_string_equal(cx->problem.detail, "validation: allow: too many ranges");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_zone_cannot_send_us_to_private_servers),
        T(what_is_allowed_opens_itself_alone),
        T(servers_that_the_node_names_are_asked),
        T(a_list_without_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
