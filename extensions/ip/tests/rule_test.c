/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses a profile permits: core.md I-01, BR-11, T-I-07; RFC 6890. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/ip/ip.h"
#include "tests/support/fakehost.h"

static char noted[2000]; /* what check_rule found */

static int setup(void **state)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_ISSUE);

    fake_module(cx, &chy_module);
    noted[0] = '\0';
    *state = cx;
    return 0;
}

static int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

/* NULL where it is permitted, else what the refusal says. */
static void check(struct chy_ctx *cx, const char *ranges, const char *value, const char *refusal)
{
    json_t *rule = json_pack("{s:o}", "ranges", json_loads(ranges, 0, NULL));
    struct chy_ident id = {"ip", value, value};
    enum chy_rc rc;

    assert_non_null(rule);
    fake_stage(cx, CHY_STAGE_ISSUE);
    rc = ip_ident.permitted(cx, &id, rule);
    json_decref(rule);
    if (refusal == NULL && rc != CHY_OK)
        fail_msg("%s under %s: %s", value, ranges, cx->problem.detail);
    if (refusal != NULL && rc == CHY_OK)
        fail_msg("%s under %s was permitted", value, ranges);
    if (refusal != NULL && !fake_failed_with(cx, "rejectedIdentifier", refusal))
        fail_msg("%s under %s: %s", value, ranges, cx->problem.detail);
}

static void a_profile_permits_what_lies_in_its_ranges(void **state)
{
    static const char ranges[] = "[\"10.1.0.0/16\", \"9.9.9.9\", \"2600:5::/33\", \"fd00::/8\"]";
    struct chy_ctx *cx = *state;

    check(cx, ranges, "10.1.0.0", NULL);
    check(cx, ranges, "10.1.255.255", NULL);
    check(cx, ranges, "10.0.255.255", "no range of the profile");
    check(cx, ranges, "10.2.0.0", "no range of the profile");
    check(cx, ranges, "9.9.9.9", NULL);
    check(cx, ranges, "9.9.9.8", "no range of the profile");
    check(cx, ranges, "2600:5::1", NULL);
    check(cx, ranges, "2600:5:7fff:ffff:ffff:ffff:ffff:ffff", NULL);
    check(cx, ranges, "2600:5:8000::", "no range of the profile");
    check(cx, ranges, "fdff::1", NULL);
    check(cx, ranges, "fc00::1", "no range of the profile");
    check(cx, "[]", "9.9.9.9", "no range of the profile");
    check(cx, "[\"nonsense\", \"9.9.9.9/33\", 1, null]", "9.9.9.9", "no range of the profile");
}

/* A wide range is not meant for addresses that are nobody's alone; one that spells their use is. */
static void special_use_must_be_named(void **state)
{
    static const char any[] = "[\"0.0.0.0/0\", \"::/0\", \"2000::/3\", \"8.0.0.0/5\"]";
    static const char *const special[] = {
        "10.0.0.1",   "172.16.0.1",     "172.31.255.255", "192.168.1.1",
        "127.0.0.1",  "100.64.0.1",     "169.254.1.1",    "192.0.2.1",
        "198.18.0.1", "198.51.100.1",   "203.0.113.1",    "192.88.99.1",
        "::1",        "fe80::1",        "fc00::1",        "2001:db8::1",
        "3fff::1",    "2620:4f:8000::", "5f00::1",        "100::1",
        "2001:20::1",
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        check(cx, any, special[i], "must be named there");
    check(cx, any, "8.8.8.8", NULL);
    check(cx, any, "172.15.255.255", NULL);
    check(cx, any, "172.32.0.0", NULL);
    check(cx, any, "2600::1", NULL);
    check(cx, "[\"127.0.0.0/8\"]", "127.0.0.1", NULL);
    check(cx, "[\"127.0.0.1\", \"::1\"]", "::1", NULL);
    check(cx, "[\"10.0.0.0/7\"]", "10.0.0.1", "must be named there");
    check(cx, "[\"10.0.0.0/8\"]", "10.0.0.1", NULL);
    check(cx, "[\"2001:db8::/32\"]", "2001:db8::1", NULL);
}

static void what_no_host_has_is_never_had(void **state)
{
    static const char *const nobody[] = {
        "0.0.0.0",           "0.1.2.3",         "224.0.0.1", "239.255.255.255",
        "240.0.0.1",         "255.255.255.255", "::",        "ff02::1",
        "64:ff9b::c000:201", "2002:c000:201::", "2001::1"};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
        char ranges[100];

        snprintf(ranges, sizeof ranges, "[\"%s\", \"0.0.0.0/0\", \"::/0\"]", nobody[i]);
        check(cx, ranges, nobody[i], "no host's own address");
    }
}

/* T-I-07. */
static void no_address_of_special_use_is_had_under_a_public_profile(void **state)
{
    static const char *const special[] = {
        "10.0.0.1", "127.0.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "192.0.2.1",
        "::1",      "fd00::1",   "fe80::1",     "2001:db8::1",     "224.0.0.1",  "4000::1"};
    static const char *const good[] = {"8.8.8.8", "9.255.255.255", "11.0.0.0", "2600::1",
                                       "2a00:1450:4001:80b::200e"};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        struct chy_ident id = {"ip", special[i], special[i]};

        fake_stage(cx, CHY_STAGE_ISSUE);
        assert_int_equal(ip_ident.permitted_publicly(cx, &id), CHY_ERR);
        if (!fake_failed_with(cx, "rejectedIdentifier", "not had under public profiles"))
            fail_msg("%s", special[i]);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct chy_ident id = {"ip", good[i], good[i]};

        fake_stage(cx, CHY_STAGE_ISSUE);
        assert_int_equal(ip_ident.permitted_publicly(cx, &id), CHY_OK);
    }
}

__attribute__((format(printf, 3, 4))) static void note_mistake(const struct chy_policy_report *r,
                                                               const char *path, const char *f, ...)
{
    va_list ap;

    (void)r;
    snprintf(noted + strlen(noted), sizeof noted - strlen(noted), "%s ", path);
    va_start(ap, f);
    vsnprintf(noted + strlen(noted), sizeof noted - strlen(noted), f, ap);
    va_end(ap);
    snprintf(noted + strlen(noted), sizeof noted - strlen(noted), "\n");
}

static void ranges_that_are_none_are_mistakes_of_the_policy(void **state)
{
    static const char *const bad[][2] = {
        {"10.0.0.0/33", "prefix length is no number up to 32"},
        {"2001:db8::/129", "prefix length is no number up to 128"},
        {"10.0.0.0/08", "prefix length is no number"},
        {"10.0.0.0/", "prefix length is no number"},
        {"10.0.0.0/-1", "prefix length is no number"},
        {"10.0.0.1/8", "bits set behind the prefix"},
        {"2001:db8::1/32", "bits set behind the prefix"},
        {"2001:DB8::/32", "canonical form is 2001:db8::"},
        {"::ffff:10.0.0.0/104", "IPv4 address in the form of an IPv6 one"},
        {"a.example", "no IPv4 or IPv6 address"},
        {"/8", "no IPv4 or IPv6 address"},
    };
    static const char *const good[] = {"10.0.0.0/8", "0.0.0.0/0", "::/0", "9.9.9.9", "::1"};
    const struct chy_policy_report report = {note_mistake};
    json_t *list = json_array(), *rule = json_pack("{s:o}", "ranges", list);
    char where[20];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        json_array_append_new(list, json_string(good[i]));
    ip_ident.check_rule(&report, rule);
    assert_string_equal(noted, "");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_array_clear(list);
        json_array_append_new(list, json_string("10.0.0.0/8"));
        json_array_append_new(list, json_string(bad[i][0]));
        noted[0] = '\0';
        ip_ident.check_rule(&report, rule);
        snprintf(where, sizeof where, "/ranges/1 '%.4s", bad[i][0]);
        if (strncmp(noted, where, strlen(where)) != 0 || strstr(noted, bad[i][1]) == NULL)
            fail_msg("%s: %s", bad[i][0], noted);
    }
    json_decref(rule);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_profile_permits_what_lies_in_its_ranges),
        T(special_use_must_be_named),
        T(what_no_host_has_is_never_had),
        T(no_address_of_special_use_is_had_under_a_public_profile),
        T(ranges_that_are_none_are_mistakes_of_the_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
