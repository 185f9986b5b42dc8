/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses validation connects to: core.md W-20 to W-22, and the ranges of node.yaml. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/problem.h"
#include "core/net/config.h"
#include "core/net/internal.h"
#include "tests/support/fakehost.h"

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage sa;

    if (!chy_address_read(text, &sa))
        fail_msg("not an address: %s", text);
    return sa;
}

static bool may(const struct chy_net *net, const char *text)
{
    struct sockaddr_storage sa = address(text);

    return chy_net_may_connect(net, (const struct sockaddr *)&sa);
}

/* First and last address of every range of W-20, and what lies just outside. */
static void reserved_ranges_are_refused_to_their_edges(void **state)
{
    static const char *const refused[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.0",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.255",
        "192.0.2.0",
        "192.0.2.255",
        "192.31.196.0",
        "192.31.196.255",
        "192.52.193.0",
        "192.52.193.255",
        "192.88.99.0",
        "192.88.99.255",
        "192.168.0.0",
        "192.168.255.255",
        "192.175.48.0",
        "192.175.48.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.0",
        "198.51.100.255",
        "203.0.113.0",
        "203.0.113.255",
        "224.0.0.0",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.254",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:0.0.0.0",
        "::ffff:8.8.8.8",
        "::8.8.8.8",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::",
        "100::ffff:ffff:ffff:ffff",
        "100:0:0:1::1",
        "2001::",
        "2001:0:1::1",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "2002::",
        "2002:808:808::1",
        "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2620:4f:8000::",
        "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
        "3fff::",
        "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        "5f00::1",
        "fc00::",
        "fdff:ffff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff00::",
        "ff02::1",
        "ffff::1",
        "4000::1",
        "1fff::1",
        "2a00:1450::5efe:808:808",
        "2a00:1450::200:5efe:808:808",
    };
    static const struct chy_net net;

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (may(&net, refused[i]))
            fail_msg("%s may be connected to", refused[i]);
}

static void global_addresses_are_let_through(void **state)
{
    static const char *const allowed[] = {
        "1.0.0.0",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",     "126.255.255.255", "128.0.0.0",       "169.253.255.255",
        "169.255.0.0",     "172.15.255.255",  "172.32.0.0",      "191.255.255.255",
        "192.0.1.0",       "192.0.3.0",       "192.31.195.255",  "192.31.197.0",
        "192.52.192.255",  "192.52.194.0",    "192.88.98.255",   "192.88.100.0",
        "192.167.255.255", "192.169.0.0",     "192.175.47.255",  "192.175.49.0",
        "198.17.255.255",  "198.20.0.0",      "198.51.99.255",   "198.51.101.0",
        "203.0.112.255",   "203.0.114.0",     "223.255.255.255", "8.8.8.8",
        "2000::1",         "2001:200::",      "2001:db7:ffff::", "2001:db9::",
        "2001:ffff::1",    "2003::",          "2620:4f:7fff::",  "2620:4f:8001::",
        "2a00:1450::1",    "3fff:1000::",     "3ffe:ffff::1",
    };
    static const struct chy_net net;

    (void)state;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (!may(&net, allowed[i]))
            fail_msg("%s may not be connected to", allowed[i]);
}

static void an_allowed_range_opens_only_itself_and_a_denied_one_beats_it(void **state)
{
    struct chy_prefix allow[4], deny[2];
    struct chy_net net = {.allow = allow, .n_allow = 4, .deny = deny, .n_deny = 2};

    (void)state;
    assert_true(chy_prefix_read(&allow[0], "127.0.0.0/8"));
    assert_true(chy_prefix_read(&allow[1], "10.1.0.0/16"));
    assert_true(chy_prefix_read(&allow[2], "::1"));
    assert_true(chy_prefix_read(&allow[3], "fd00:1::/32"));
    assert_true(chy_prefix_read(&deny[0], "10.1.2.0/24"));
    assert_true(chy_prefix_read(&deny[1], "8.8.0.0/16"));
    assert_true(may(&net, "127.0.0.1"));
    assert_true(may(&net, "10.1.1.1"));
    assert_true(may(&net, "::1"));
    assert_true(may(&net, "fd00:1::5"));
    assert_false(may(&net, "fd00:2::5"));
    assert_false(may(&net, "10.2.1.1"));
    assert_false(may(&net, "10.1.2.3"));
    assert_false(may(&net, "8.8.8.8"));
    assert_false(may(&net, "169.254.169.254"));
}

/* W-21: not even an allow-list over everything opens the forms that carry an IPv4 address. */
static void embedded_ipv4_is_refused_whatever_is_allowed(void **state)
{
    static const char *const refused[] = {"::ffff:127.0.0.1", "::127.0.0.1",     "64:ff9b::7f00:1",
                                          "64:ff9b:1::1",     "2002:7f00:1::1",  "2001:0:1::1",
                                          "fe80::5efe:a00:1", "fd00::5efe:a00:1"};
    struct chy_prefix allow[2];
    struct chy_net net = {.allow = allow, .n_allow = 2};

    (void)state;
    assert_true(chy_prefix_read(&allow[0], "::/0"));
    assert_true(chy_prefix_read(&allow[1], "0.0.0.0/0"));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (may(&net, refused[i]))
            fail_msg("%s may be connected to", refused[i]);
    assert_true(may(&net, "10.0.0.1"));
}

static void other_families_are_refused(void **state)
{
    static const struct chy_net net;
    struct sockaddr sa = {.sa_family = AF_UNIX};

    (void)state;
    assert_false(chy_net_may_connect(&net, &sa));
}

static void ranges_are_read_strictly(void **state)
{
    static const char *const bad[] = {"",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/08",
                                      "10.0.0.1/8",
                                      "10.0.0/8",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/ 8",
                                      "10.0.0.0/8 ",
                                      "a/8",
                                      "::/129",
                                      "::1/127",
                                      "fe80::1%lo",
                                      "010.0.0.0/8",
                                      "[::1]",
                                      "0.0.0.0/0/0",
                                      "1111:2222:3333:4444:5555:6666:7777:8888:9999/128"};
    struct chy_prefix p;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (chy_prefix_read(&p, bad[i]))
            fail_msg("\"%s\" was read", bad[i]);
    assert_true(chy_prefix_read(&p, "0.0.0.0/0"));
    assert_true(chy_prefix_read(&p, "2001:db8::/32"));
    assert_int_equal(p.bits, 32);
    assert_true(chy_prefix_read(&p, "192.0.2.7"));
    assert_int_equal(p.bits, 32);
}

static void settings_are_read_whole(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_net_config c;
    json_t *j = chy_keep_json(
        cx, json_loads("{\"resolver\":{\"forwarders\":[\"192.0.2.53\"],\"stubs\":[{\"zone\":"
                       "\"chancery.example\",\"address\":\"127.0.0.1@5353\"}],"
                       "\"trust-anchors\":[\"x\"],\"root-anchor\":\"/r\",\"query-localhost\":true,"
                       "\"timeout\":\"7s\"},\"allow\":[\"127.0.0.0/8\"],\"deny\":[\"::/0\"],"
                       "\"http-port\":5002,\"https-port\":5003}",
                       0, NULL));

    assert_int_equal(chy_net_config_read(cx, j, &c), CHY_OK);
    assert_string_equal(c.forwarders[0], "192.0.2.53");
    assert_string_equal(c.stubs[0].zone, "chancery.example");
    assert_string_equal(c.stubs[0].address, "127.0.0.1@5353");
    assert_string_equal(c.trust_anchors[0], "x");
    assert_string_equal(c.root_anchor_file, "/r");
    assert_true(c.query_localhost);
    assert_int_equal(c.dns_timeout_ms, 7000);
    assert_int_equal(c.n_allow, 1);
    assert_int_equal(c.n_deny, 1);
    assert_int_equal(c.http_port, 5002);
    assert_int_equal(c.https_port, 5003);
    assert_int_equal(chy_net_config_read(cx, NULL, &c), CHY_OK);
    assert_int_equal(c.http_port, 80);
    assert_int_equal(c.n_allow, 0);
    assert_false(c.query_localhost);
}

static void a_wrong_setting_is_named(void **state)
{
    static const struct {
        const char *json, *named;
    } cases[] = {
        {"[]", "validation: must be"},
        {"{\"alow\":[]}", "alow: unknown"},
        {"{\"allow\":\"127.0.0.0/8\"}", "allow: must be"},
        {"{\"allow\":[\"127.0.0.1/8\"]}", "127.0.0.1/8"},
        {"{\"deny\":[1]}", "deny: must be"},
        {"{\"http-port\":0}", "http-port"},
        {"{\"https-port\":70000}", "https-port"},
        {"{\"resolver\":1}", "resolver: must be"},
        {"{\"resolver\":{\"forwarder\":[]}}", "forwarder: unknown"},
        {"{\"resolver\":{\"timeout\":\"7\"}}", "timeout"},
        {"{\"resolver\":{\"timeout\":61}}", "timeout"},
        {"{\"resolver\":{\"stubs\":[{\"zone\":\"x\"}]}}", "stubs"},
        {"{\"resolver\":{\"stubs\":[{\"zone\":\"x\",\"address\":\"y\",\"z\":1}]}}", "z: unknown"},
        {"{\"resolver\":{\"root-anchor\":7}}", "root-anchor"},
        {"{\"resolver\":{\"query-localhost\":\"no\"}}", "query-localhost"},
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chy_net_config c;
        json_t *j = chy_keep_json(cx, json_loads(cases[i].json, 0, NULL));

        assert_non_null(j);
        chy_problem_clear(cx);
        assert_int_equal(chy_net_config_read(cx, j, &c), CHY_ERR);
        assert_string_equal(cx->problem.type->urn, CHY_ACME_ERROR("malformed"));
        if (strstr(cx->problem.detail, cases[i].named) == NULL)
            fail_msg("%s: %s", cases[i].json, cx->problem.detail);
    }
}

static int setup(void **state)
{
    *state = fake_cx_new(CHY_STAGE_PROBE);
    return 0;
}

static int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserved_ranges_are_refused_to_their_edges),
        cmocka_unit_test(global_addresses_are_let_through),
        cmocka_unit_test(an_allowed_range_opens_only_itself_and_a_denied_one_beats_it),
        cmocka_unit_test(embedded_ipv4_is_refused_whatever_is_allowed),
        cmocka_unit_test(other_families_are_refused),
        cmocka_unit_test(ranges_are_read_strictly),
        cmocka_unit_test_setup_teardown(settings_are_read_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_setting_is_named, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
