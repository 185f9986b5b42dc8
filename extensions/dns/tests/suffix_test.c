/* SPDX-License-Identifier: Apache-2.0 */
/* Names under public profiles, by Debian's public suffix list: core.md NO-20 to NO-22, BR-11, T-NO-03. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/dns/dns.h"
#include "tests/support/fakehost.h"

static int setup(void **state)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_ISSUE);

    fake_module(cx, &chy_module);
    *state = cx;
    return 0;
}

static int teardown(void **state)
{
    dns_suffixes_drop();
    fake_cx_free(*state);
    return 0;
}

static enum chy_rc permitted(struct chy_ctx *cx, const char *value)
{
    struct chy_ident id = {"dns", value, value};

    fake_stage(cx, CHY_STAGE_ISSUE);
    return dns_ident.permitted_publicly(cx, &id);
}

static void names_of_a_registrys_customers_are_permitted(void **state)
{
    static const char *const good[] = {
        "example.com", "www.example.com", "*.example.com",    "example.co.uk", "*.example.io",
        "www.ck",      "*.www.ck",        "city.kawasaki.jp", "a.xn--fiqs8s",  "someone.github.io",
        "github.io",   "*.github.io",     "1.example.org",
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (permitted(cx, good[i]) != CHY_OK)
            fail_msg("%s: %s", good[i], cx->problem.detail);
}

static void public_suffixes_and_wildcards_below_them_are_refused(void **state)
{
    static const char *const bad[] = {
        "com",  "*.com",         "co.uk",         "*.co.uk",    "uk",           "ck",    "x.ck",
        "*.ck", "x.kawasaki.jp", "*.kawasaki.jp", "xn--fiqs8s", "*.xn--fiqs8s", "*.org", "org",
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (permitted(cx, bad[i]) == CHY_OK)
            fail_msg("%s is permitted", bad[i]);
        if (!fake_failed_with(cx, "rejectedIdentifier", "is a public suffix"))
            fail_msg("%s", bad[i]);
    }
}

/* NO-22: what the root does not have, and what it never will. */
static void names_below_no_top_level_domain_are_refused(void **state)
{
    static const char *const unknown[] = {"example.invalidtld", "localdomain", "www.corp",
                                          "*.intranet", "a.com.lan"};
    static const char *const special[] = {
        "a.test",       "a.invalid",  "localhost",   "a.local",
        "www.example",  "a.internal", "a.home.arpa", "1.0.0.127.in-addr.arpa",
        "1.0.ip6.arpa", "*.alt"};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_int_equal(permitted(cx, unknown[i]), CHY_ERR);
        if (!fake_failed_with(cx, "rejectedIdentifier", "no top-level domain"))
            fail_msg("%s", unknown[i]);
    }
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        assert_int_equal(permitted(cx, special[i]), CHY_ERR);
        if (!fake_failed_with(cx, "rejectedIdentifier", "of special use"))
            fail_msg("%s", special[i]);
    }
}

/* Fail closed; private profiles do not ask. */
static void without_the_list_no_name_is_permitted_in_public(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id = {"dns", "www.example.com", "www.example.com"};
    json_t *rule = json_loads("{\"names\":[\"*\"]}", 0, NULL);

    dns_suffixes_load("/nonexistent");
    assert_int_equal(permitted(cx, "www.example.com"), CHY_ERR);
    assert_true(fake_failed_with(cx, "serverInternal", "install the package publicsuffix"));
    fake_stage(cx, CHY_STAGE_ISSUE);
    assert_int_equal(dns_ident.permitted(cx, &id, rule), CHY_OK);
    json_decref(rule);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(names_of_a_registrys_customers_are_permitted),
        T(public_suffixes_and_wildcards_below_them_are_refused),
        T(names_below_no_top_level_domain_are_refused),
        T(without_the_list_no_name_is_permitted_in_public),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
