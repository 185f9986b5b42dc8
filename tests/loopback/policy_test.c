/* SPDX-License-Identifier: Apache-2.0 */
/* Policy that changes between newOrder and finalize: the one in force decides, with the right type, and
 * the order is ready still (core.md F-11, T-E2E-08). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/loopback.h"

#define NAME "www.shop.example"

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

static void restore(struct loopback *lb)
{
    loop_web(lb, LOOP_NAMES, LOOP_CHALLENGES, LOOP_KEYS);
}

/* Refused under the changed policy, and issued once it is as it was. */
static void refused_until_restored(struct loopback *lb, struct loop_client *c, const char *order,
                                   int status, const char *type, const char *words)
{
    loop_refused(loop_finalize(c, order, NAME), status, type, words);
    loop_status(c, order, "ready");
    assert_int_equal(loop_sql_int(lb, "SELECT count(*) FROM certificates WHERE order_id = %s",
                                  loop_id(lb, order)),
                     0);
    restore(lb);
    assert_string_equal(loop_text(loop_ok(loop_finalize(c, order, NAME), 200), "status"), "valid");
}

static void T_E2E_08_a_removed_profile_is_invalid(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *payload = "{\"profile\":\"short\",\"identifiers\":[{\"type\":\"dns\",\"value\":"
                          "\"" NAME "\"}]}";
    struct loop_reply *r = loop_ok(loop_post(c, LOOP_BASE "/new-order", payload), 201);
    const char *order = loop_header(r, "Location");

    loop_prove(c, json_string_value(json_array_get(json_object_get(r->json, "authorizations"), 0)));
    loop_policy(lb, "profiles/short.yaml", NULL);
    loop_reload(lb);
    loop_refused(loop_finalize(c, order, NAME), 400, "invalidProfile", "short");
    loop_status(c, order, "ready");
    loop_refused(loop_post(c, LOOP_BASE "/new-order", payload), 400, "invalidProfile", "short");
}

static void T_E2E_08_a_name_no_longer_permitted_is_rejected(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = loop_ready(c, NAME);

    loop_web(lb, "shop.example", LOOP_CHALLENGES, LOOP_KEYS);
    refused_until_restored(lb, c, order, 400, "rejectedIdentifier", NAME);
}

static void T_E2E_08_a_challenge_no_longer_taken_proves_nothing(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = loop_ready(c, NAME);
    char *method = loop_sql(lb,
                            "SELECT method FROM authorizations WHERE id = ANY (SELECT "
                            "unnest(authorizations) FROM orders WHERE id = %s)",
                            loop_id(lb, order));

    loop_web(lb, LOOP_NAMES, strcmp(method, "http-01") == 0 ? "dns-01" : "http-01", LOOP_KEYS);
    refused_until_restored(lb, c, order, 403, "unauthorized", NAME);
}

static void T_E2E_08_a_kind_of_key_no_longer_taken_is_refused(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = loop_ready(c, NAME);

    loop_web(lb, LOOP_NAMES, LOOP_CHALLENGES, "ec-p384");
    refused_until_restored(lb, c, order, 400, "badCSR", "ec-p256");
}

/* A grant by a challenge that the profile no longer takes is not given to new orders either. */
static void C14_a_grant_that_policy_no_longer_takes_is_not_reused(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = loop_ready(c, NAME);
    char *method = loop_sql(lb,
                            "SELECT method FROM authorizations WHERE id = ANY (SELECT "
                            "unnest(authorizations) FROM orders WHERE id = %s)",
                            loop_id(lb, order));

    assert_string_equal(loop_text(loop_order(c, NAME), "status"), "ready");
    loop_web(lb, LOOP_NAMES, strcmp(method, "http-01") == 0 ? "dns-01" : "http-01", LOOP_KEYS);
    assert_string_equal(loop_text(loop_order(c, NAME), "status"), "pending");
    restore(lb);
}

static void mistakes_leave_the_policy_in_force(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);

    loop_policy(lb, "profiles/web.yaml", "nonsense: 1\n");
    assert_int_equal(chy_server_reload(lb->cx, lb->server), CHY_ERR);
    loop_order(c, NAME);
    restore(lb);
}

static void T_D_01_the_directory_says_what_policy_says(void **state)
{
    static const char *const members[] = {"newNonce", "newAccount", "newOrder", "revokeCert",
                                          "keyChange"};
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    struct loop_reply *r = loop_ok(loop_get(c, "GET", LOOP_BASE "/directory"), 200), *posted;
    const json_t *meta = json_object_get(r->json, "meta");
    const char *name;
    json_t *value;

    assert_string_equal(r->type, "application/json");
    assert_null(loop_header(r, "Link"));
    assert_null(loop_header(r, "Replay-Nonce"));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        assert_memory_equal(loop_text(r, members[i]), LOOP_BASE "/", strlen(LOOP_BASE "/"));
    assert_int_equal(json_object_size(r->json), sizeof members / sizeof *members + 1);
    json_object_foreach((json_t *)(uintptr_t)meta, name, value)
    {
        assert_false(json_is_null(value));
    }
    assert_string_equal(json_string_value(json_object_get(meta, "website")),
                        "https://www.loop.example");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(meta, "caaIdentities"), 0)),
        "ca.loop.example");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(meta, "profiles"), "web")),
        "Servers, 90 days");
    assert_null(json_object_get(meta, "termsOfService"));
    posted = loop_ok(loop_post(c, LOOP_BASE "/directory", ""), 200);
    assert_string_equal(posted->body, r->body);
}

static void T_A_04_terms_must_be_agreed_to_once_policy_has_them(void **state)
{
    static const char *const refused[] = {"{}", "{\"termsOfServiceAgreed\":false}",
                                          "{\"termsOfServiceAgreed\":null}"};
    static const char terms[] = "https://www.loop.example/terms";
    struct loopback *lb = *state;
    struct loop_client *before = loop_account(lb), *c = loop_client_new(lb, "ES256");
    struct loop_reply *r;

    loop_policy(lb, "chancery.yaml",
                "version: 1\n"
                "directory: { terms: \"https://www.loop.example/terms\" }\n"
                "default-profile: web\n");
    loop_reload(lb);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        r = loop_post(c, LOOP_BASE "/new-account", refused[i]);
        loop_refused(r, 403, "userActionRequired", "terms");
        assert_string_equal(loop_text(r, "instance"), terms);
        assert_string_equal(loop_header(r, "Link"),
                            "<https://www.loop.example/terms>;rel=\"terms-of-service\"");
    }
    loop_refused(loop_post(c, LOOP_BASE "/new-account", "{\"termsOfServiceAgreed\":\"true\"}"), 400,
                 "malformed", "termsOfServiceAgreed");
    loop_refused(loop_post(c, LOOP_BASE "/new-account", "{\"onlyReturnExisting\":true}"), 400,
                 "accountDoesNotExist", "no account");
    before->kid = NULL;
    loop_ok(loop_post(before, LOOP_BASE "/new-account", "{}"), 200);
    r = loop_ok(loop_post(c, LOOP_BASE "/new-account", "{\"termsOfServiceAgreed\":true}"), 201);
    assert_true(json_is_true(json_object_get(r->json, "termsOfServiceAgreed")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T_D_01_the_directory_says_what_policy_says),
        cmocka_unit_test(T_E2E_08_a_removed_profile_is_invalid),
        cmocka_unit_test(T_E2E_08_a_name_no_longer_permitted_is_rejected),
        cmocka_unit_test(T_E2E_08_a_challenge_no_longer_taken_proves_nothing),
        cmocka_unit_test(T_E2E_08_a_kind_of_key_no_longer_taken_is_refused),
        cmocka_unit_test(C14_a_grant_that_policy_no_longer_takes_is_not_reused),
        cmocka_unit_test(mistakes_leave_the_policy_in_force),
        cmocka_unit_test(T_A_04_terms_must_be_agreed_to_once_policy_has_them),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
