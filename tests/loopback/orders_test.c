/* SPDX-License-Identifier: Apache-2.0 */
/* newOrder: identifiers, profiles, dates, and which authorizations serve again (core.md sections 16
 * and 18). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "tests/support/loopback.h"

#define NEW_ORDER LOOP_BASE "/new-order"

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

static size_t n_authzs(const struct loop_reply *r)
{
    return json_array_size(json_object_get(r->json, "authorizations"));
}

static const char *authz_of(const struct loop_reply *r, size_t i)
{
    return json_string_value(json_array_get(json_object_get(r->json, "authorizations"), i));
}

static const char *token_of(struct loop_client *c, const char *authz)
{
    struct loop_reply *r = loop_ok(loop_post(c, authz, ""), 200);
    const json_t *first = json_array_get(json_object_get(r->json, "challenges"), 0);

    return json_string_value(json_object_get(first, "token"));
}

static void NO04_the_answer_has_every_member_and_a_location(void **state)
{
    static const char *const members[] = {"status", "expires", "finalize", "profile"};
    struct loop_client *c = loop_account(*state);
    struct loop_reply *r = loop_order(c, "www.shop.example"), *again;

    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        assert_non_null(loop_text(r, members[i]));
    assert_null(json_object_get(r->json, "certificate"));
    assert_null(json_object_get(r->json, "error"));
    assert_null(json_object_get(r->json, "notBefore"));
    assert_non_null(loop_header(r, "Location"));
    again = loop_read(c, loop_header(r, "Location"));
    assert_string_equal(again->body, r->body);
}

static void T_NO_01_what_is_no_list_of_identifiers_is_malformed(void **state)
{
    static const char *const payloads[] = {
        "{}",
        "{\"identifiers\":[]}",
        "{\"identifiers\":{}}",
        "{\"identifiers\":\"x\"}",
        "{\"identifiers\":null}",
        "{\"identifiers\":[null]}",
        "{\"identifiers\":[[]]}",
        "{\"identifiers\":[{}]}",
        "{\"identifiers\":[{\"type\":\"dns\"}]}",
        "{\"identifiers\":[{\"value\":\"www.shop.example\"}]}",
        "{\"identifiers\":[{\"type\":\"dns\",\"value\":1}]}",
        "{\"identifiers\":[{\"type\":1,\"value\":\"www.shop.example\"}]}",
        "{\"identifiers\":{\"type\":\"dns\",\"value\":\"www.shop.example\"}}",
    };
    struct loop_client *c = loop_account(*state);
    char *names = chy_fmt(c->cx, "%s", "");

    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
        loop_refused(loop_post(c, NEW_ORDER, payloads[i]), 400, "malformed", "");
    for (int i = 0; i < 101; i++)
        names = chy_fmt(c->cx, "%sn%d.shop.example ", names, i);
    loop_refused(loop_post(c, NEW_ORDER, loop_order_payload(c, names)), 400, "malformed", "100");
    loop_refused(loop_post(c, NEW_ORDER, ""), 400, "malformed", "cannot be read");
}

static void T_NO_02_names_are_lower_case_once_each(void **state)
{
    struct loop_client *c = loop_account(*state);
    struct loop_reply *r = loop_order(c, "WWW.Shop.EXAMPLE www.shop.example");
    const json_t *list = json_object_get(r->json, "identifiers");

    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "value")),
                        "www.shop.example");
    assert_int_equal(n_authzs(r), 1);
}

static void T_NO_04_types_are_case_sensitive(void **state)
{
    static const char *const types[] = {"DNS", "Dns", "ip", "email", "dns ", ""};
    struct loop_client *c = loop_account(*state);

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        loop_refused(
            loop_post(
                c, NEW_ORDER,
                chy_fmt(c->cx,
                        "{\"identifiers\":[{\"type\":\"%s\",\"value\":\"www.shop.example\"}]}",
                        types[i])),
            400, "unsupportedIdentifier", "");
}

static void T_E_02_bad_names_each_have_a_subproblem_and_good_ones_none(void **state)
{
    struct loop_client *c = loop_account(*state);
    struct loop_reply *r = loop_post(
        c, NEW_ORDER, loop_order_payload(c, "_a.shop.example www.shop.example www.other.example"));
    const json_t *subs = json_object_get(r->json, "subproblems"), *sub;
    size_t i;

    assert_int_equal(r->status, 400);
    assert_int_equal(json_array_size(subs), 2);
    json_array_foreach(subs, i, sub)
    {
        const json_t *id = json_object_get(sub, "identifier");

        assert_string_not_equal(json_string_value(json_object_get(id, "value")),
                                "www.shop.example");
        assert_non_null(json_object_get(sub, "type"));
    }
    assert_null(json_object_get(r->json, "identifier"));
    loop_refused(loop_post(c, NEW_ORDER, loop_order_payload(c, "a.other.example b.other.example")),
                 400, "rejectedIdentifier", "2 identifiers");
}

static void an_unknown_profile_is_invalid(void **state)
{
    static const char *const profiles[] = {"\"\"",     "\"Web\"",      "\"../web\"",
                                           "\"web \"", "\"web.yaml\"", "\"nothing\""};
    struct loop_client *c = loop_account(*state);

    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        loop_refused(loop_post(c, NEW_ORDER,
                               chy_fmt(c->cx,
                                       "{\"profile\":%s,\"identifiers\":[{\"type\":\"dns\","
                                       "\"value\":\"www.shop.example\"}]}",
                                       profiles[i])),
                     400, "invalidProfile", "no profile");
    loop_refused(loop_post(c, NEW_ORDER, "{\"profile\":1,\"identifiers\":[]}"), 400, "malformed",
                 "profile");
}

/* ---- dates (core.md NO-03) ---------------------------------------------------------- */

static char *when(struct loop_client *c, long from_now)
{
    char text[21];

    return chy_fmt(c->cx, "%s", chy_clock_rfc3339(chy_clock_now() + from_now, text));
}

static struct loop_reply *order_dates(struct loop_client *c, const char *before, const char *after)
{
    return loop_post(
        c, NEW_ORDER,
        chy_fmt(c->cx,
                "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"www.shop.example\"}]%s%s%s%s%s%s}",
                before != NULL ? ",\"notBefore\":\"" : "", before != NULL ? before : "",
                before != NULL ? "\"" : "", after != NULL ? ",\"notAfter\":\"" : "",
                after != NULL ? after : "", after != NULL ? "\"" : ""));
}

static void T_NO_05_dates_that_cannot_be_had_are_refused(void **state)
{
    static const struct {
        long before, after; /* 0: not given */
        const char *words;
    } rows[] = {
        {-3600, 0, "further back"},      {0, -10, "notAfter"},
        {7200, 3600, "notAfter"},        {0, 91 * 86400L, "at most"},
        {91 * 86400L, 0, "hours ahead"}, {3600, 91 * 86400L + 3600, "at most"},
        {3600, 3600, "notAfter"},
    };
    static const char *const texts[] = {
        "2026-13-01T00:00:00Z", "2026-11-23",          "",           "now",
        "2026-02-30T00:00:00Z", "2026-11-23T00:00:00", "1767225600", "9999999-01-01T00:00:00Z",
        "0000-00-00T00:00:00Z"};
    struct loop_client *c = loop_account(*state);
    char *longest = chy_alloc(c->cx, 60001);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        loop_refused(order_dates(c, rows[i].before != 0 ? when(c, rows[i].before) : NULL,
                                 rows[i].after != 0 ? when(c, rows[i].after) : NULL),
                     400, "malformed", rows[i].words);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        loop_refused(order_dates(c, NULL, texts[i]), 400, "malformed", "notAfter");
        loop_refused(order_dates(c, texts[i], NULL), 400, "malformed", "notBefore");
    }
    memset(longest, '1', 20000);
    loop_refused(order_dates(c, NULL, longest), 400, "malformed", "notAfter");
    loop_refused(loop_post(c, NEW_ORDER,
                           "{\"notAfter\":1,\"identifiers\":[{\"type\":\"dns\",\"value\":"
                           "\"www.shop.example\"}]}"),
                 400, "malformed", "notAfter");
}

static void T_NO_06_dates_that_can_be_had_are_kept_to_the_second(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    char *before = when(c, 60), *after = when(c, 10 * 86400L),
         *offset = when(c, 10 * 86400L + 7200);
    struct loop_reply *r;
    const char *order;

    snprintf(offset + strlen(offset) - 1, 2, "%s", "");
    r = loop_ok(order_dates(c, before, chy_fmt(c->cx, "%s+02:00", offset)), 201);
    assert_string_equal(loop_text(r, "notBefore"), before);
    assert_string_equal(loop_text(r, "notAfter"), after);
    order = loop_header(r, "Location");
    loop_prove(c, authz_of(r, 0));
    loop_ok(loop_finalize(c, order, "www.shop.example"), 200);
    assert_string_equal(
        loop_sql(lb,
                 "SELECT to_char(not_before AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
                 "|| ' ' || to_char(not_after AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
                 " FROM certificates WHERE order_id = %s",
                 loop_id(lb, order)),
        chy_fmt(c->cx, "%s %s", before, after));
}

/* ---- authorizations that serve again ------------------------------------------------ */

static void T_NO_07_a_name_and_its_wildcard_have_two_authorizations(void **state)
{
    struct loop_client *c = loop_account(*state);
    struct loop_reply *r = loop_order(c, "wild.shop.example *.wild.shop.example");
    unsigned wildcards = 0;

    assert_int_equal(n_authzs(r), 2);
    assert_string_not_equal(token_of(c, authz_of(r, 0)), token_of(c, authz_of(r, 1)));
    for (size_t i = 0; i < 2; i++) {
        struct loop_reply *z = loop_ok(loop_post(c, authz_of(r, i), ""), 200);
        const json_t *challenges = json_object_get(z->json, "challenges");

        assert_string_equal(
            json_string_value(json_object_get(json_object_get(z->json, "identifier"), "value")),
            "wild.shop.example");
        if (!json_is_true(json_object_get(z->json, "wildcard"))) {
            assert_int_equal(json_array_size(challenges), 2);
            continue;
        }
        wildcards++;
        assert_int_equal(json_array_size(challenges), 1);
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(challenges, 0), "type")), "dns-01");
    }
    assert_int_equal(wildcards, 1);
}

static void T_NO_08_an_order_whose_names_are_proved_is_ready_at_once(void **state)
{
    struct loop_client *c = loop_account(*state), *other = loop_account(*state);
    const char *first = loop_ready(c, "re.shop.example");
    struct loop_reply *r = loop_order(c, "re.shop.example");

    assert_string_equal(loop_text(r, "status"), "ready");
    assert_string_equal(authz_of(r, 0), authz_of(loop_read(c, first), 0));
    loop_ok(loop_finalize(c, loop_header(r, "Location"), "re.shop.example"), 200);
    assert_string_equal(loop_text(loop_order(c, "re.shop.example new.shop.example"), "status"),
                        "pending");
    assert_string_equal(loop_text(loop_order(other, "re.shop.example"), "status"), "pending");
}

static void T_C_14_a_proof_of_the_name_is_none_of_the_wildcard_and_vice_versa(void **state)
{
    struct loop_client *c = loop_account(*state);

    (void)loop_ready(c, "base.shop.example");
    assert_string_equal(loop_text(loop_order(c, "*.base.shop.example"), "status"), "pending");
    (void)loop_ready(c, "*.only.shop.example");
    assert_string_equal(loop_text(loop_order(c, "only.shop.example"), "status"), "pending");
    assert_string_equal(loop_text(loop_order(c, "www.only.shop.example"), "status"), "pending");
}

static void T_C_15_an_expired_proof_does_not_serve_again(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    struct loop_reply *r;

    (void)loop_ready(c, "old.shop.example");
    loop_clock(lb, 31 * 86400L);
    r = loop_order(c, "old.shop.example");
    assert_string_equal(loop_text(r, "status"), "pending");
    loop_clock(lb, 0);
}

/* It would end while the new order still lives. */
static void NO09_an_order_does_not_outlive_its_authorizations(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    struct loop_reply *r, *z;

    (void)loop_ready(c, "soon.shop.example");
    loop_clock(lb, 29 * 86400L);
    r = loop_order(c, "soon.shop.example");
    assert_string_equal(loop_text(r, "status"), "ready");
    z = loop_ok(loop_post(c, authz_of(r, 0), ""), 200);
    assert_string_equal(loop_text(r, "expires"), loop_text(z, "expires"));
    loop_clock(lb, 0);
}

/* ---- challenges ---------------------------------------------------------------------- */

static void T_G_01_reading_a_challenge_starts_nothing(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *authz = authz_of(loop_order(c, "read.shop.example"), 0);
    const char *url = chy_fmt(c->cx, LOOP_BASE "/challenge/%s/0", strrchr(authz, '/') + 1);
    struct loop_reply *r = loop_ok(loop_post(c, url, ""), 200);

    assert_string_equal(loop_text(r, "status"), "pending");
    assert_string_equal(loop_header(r, "Link"), chy_fmt(c->cx, "<%s>;rel=\"up\"", authz));
    loop_refused(loop_post(c, url, "[]"), 400, "malformed", "not a JSON object");
    loop_refused(loop_post(c, url, "null"), 400, "malformed", "payload");
    loop_refused(loop_post(c, url, "1"), 400, "malformed", "payload");
    assert_string_equal(loop_text(loop_ok(loop_post(c, url, ""), 200), "status"), "pending");
    r = loop_ok(loop_post(c, url, "{\"keyAuthorization\":\"x\",\"foo\":1}"), 200);
    assert_string_equal(loop_text(r, "status"), "processing");
    assert_non_null(loop_header(r, "Retry-After"));
    assert_null(json_object_get(r->json, "foo"));
    loop_prove_all(lb);
    r = loop_ok(loop_post(c, url, "{}"), 200);
    assert_string_equal(loop_text(r, "status"), "valid");
    assert_non_null(loop_text(r, "validated"));
    assert_null(json_object_get(r->json, "error"));
}

static void a_challenge_whose_module_is_gone_cannot_be_answered(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *authz = authz_of(loop_order(c, "gone.shop.example"), 0);
    const char *url = chy_fmt(c->cx, LOOP_BASE "/challenge/%s/0", strrchr(authz, '/') + 1);
    struct loop_reply *r;

    loop_sql(lb, "UPDATE challenges SET type = 'gone-01' WHERE authorization_id = %s AND n = 0",
             loop_id(lb, authz));
    r = loop_refused(loop_post(c, url, "{}"), 500, "serverInternal", "");
    assert_null(strstr(loop_text(r, "detail"), "gone-01"));
    assert_string_equal(loop_text(loop_ok(loop_post(c, url, ""), 200), "status"), "pending");
    loop_ok(
        loop_post(c, chy_fmt(c->cx, LOOP_BASE "/challenge/%s/1", strrchr(authz, '/') + 1), "{}"),
        200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(NO04_the_answer_has_every_member_and_a_location),
        cmocka_unit_test(T_NO_01_what_is_no_list_of_identifiers_is_malformed),
        cmocka_unit_test(T_NO_02_names_are_lower_case_once_each),
        cmocka_unit_test(T_NO_04_types_are_case_sensitive),
        cmocka_unit_test(T_E_02_bad_names_each_have_a_subproblem_and_good_ones_none),
        cmocka_unit_test(an_unknown_profile_is_invalid),
        cmocka_unit_test(T_NO_05_dates_that_cannot_be_had_are_refused),
        cmocka_unit_test(T_NO_06_dates_that_can_be_had_are_kept_to_the_second),
        cmocka_unit_test(T_NO_07_a_name_and_its_wildcard_have_two_authorizations),
        cmocka_unit_test(T_NO_08_an_order_whose_names_are_proved_is_ready_at_once),
        cmocka_unit_test(T_C_14_a_proof_of_the_name_is_none_of_the_wildcard_and_vice_versa),
        cmocka_unit_test(T_C_15_an_expired_proof_does_not_serve_again),
        cmocka_unit_test(NO09_an_order_does_not_outlive_its_authorizations),
        cmocka_unit_test(T_G_01_reading_a_challenge_starts_nothing),
        cmocka_unit_test(a_challenge_whose_module_is_gone_cannot_be_answered),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
