/* SPDX-License-Identifier: Apache-2.0 */
/* Who signed what for which resource: url, kid, jwk, and accounts that changed under the server's
 * copies (core.md sections 3, 5, 14). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/jose.h"
#include "tests/support/loopback.h"

#define NEW_ACCOUNT LOOP_BASE "/new-account"
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

static void T_H_01_the_content_type_is_compared_without_case_and_parameters(void **state)
{
    static const char *const wrong[] = {
        NULL, "", "application/json", "application/jose", "application/jose+jsonx", "text/plain"};
    struct loop_client *c = loop_account(*state);
    char *body;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct loop_reply *r;

        body = jose_sign(c->cx, c->key, loop_head(c, c->kid), "");
        r = loop_send(c, "POST", c->kid, wrong[i], body);
        loop_refused(r, 415, "malformed", "Content-Type");
        assert_non_null(loop_header(r, "Replay-Nonce"));
    }
    body = jose_sign(c->cx, c->key, loop_head(c, c->kid), "");
    loop_ok(loop_send(c, "POST", c->kid, "Application/JOSE+JSON; charset=utf-8", body), 200);
}

static void T_U_02_a_url_in_another_spelling_is_refused(void **state)
{
    static const char *const urls[] = {
        "https://ca.loop.example:443/acme/new-order",
        "https://CA.loop.example/acme/new-order",
        "http://ca.loop.example/acme/new-order",
        "https://ca.loop.example//acme/new-order",
        "https://ca.loop.example/acme/new-order/",
        "https://ca.loop.example/acme/new-order?x=1",
        "https://ca.loop.example/acme/new%2Dorder",
        "https://ca.loop.example/acme/new-account",
        "https://ca.loop.example/acme/new-order#a",
        "/acme/new-order",
        "/new-order",
        "",
    };
    struct loop_client *c = loop_account(*state);

    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        json_t *head = loop_head(c, urls[i]);

        loop_refused(loop_post_as(c, NEW_ORDER, head, loop_order_payload(c, "a.shop.example")), 401,
                     "unauthorized", "another url");
    }
    assert_int_equal(loop_sql_int(*state, "SELECT count(*) FROM orders WHERE account_id = %s",
                                  loop_id(*state, c->kid)),
                     0);
}

/* The request's own target in another spelling is no other name of the resource. */
static void T_E2E_12_a_path_in_another_spelling_is_no_resource(void **state)
{
    static const char *const urls[] = {
        "https://ca.loop.example/acme/new-order/",  "https://ca.loop.example/acme//new-order",
        "https://ca.loop.example/acme/./new-order", "https://ca.loop.example/acme/New-Order",
        "https://ca.loop.example/acme/new%2dorder", "https://ca.loop.example/acme/new-order?x",
        "https://ca.loop.example/new-order",        "https://ca.loop.example/acmenew-order",
    };
    struct loop_client *c = loop_account(*state);

    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        loop_refused(loop_post(c, urls[i], loop_order_payload(c, "a.shop.example")), 404,
                     "malformed", "no such resource");
}

static void T_J_08_each_resource_wants_its_form_of_key(void **state)
{
    struct loop_client *c = loop_account(*state), *raw = loop_client_new(*state, "ES256");

    loop_refused(loop_post(c, NEW_ACCOUNT, "{}"), 400, "malformed", "wants \"jwk\"");
    loop_refused(loop_post(raw, NEW_ORDER, loop_order_payload(c, "a.shop.example")), 400,
                 "malformed", "wants \"kid\"");
    loop_refused(loop_post(raw, c->kid, ""), 400, "malformed", "wants \"kid\"");
}

static void T_J_17_a_kid_in_another_spelling_is_nobody(void **state)
{
    struct loop_client *c = loop_account(*state);
    const char *kid = c->kid, *id = strrchr(kid, '/') + 1;
    const char *const kids[] = {
        chy_fmt(c->cx, "%s/", kid),
        chy_fmt(c->cx, "%s?x", kid),
        chy_fmt(c->cx, "http://ca.loop.example/acme/account/%s", id),
        chy_fmt(c->cx, "https://CA.loop.example/acme/account/%s", id),
        chy_fmt(c->cx, "https://ca.loop.example:443/acme/account/%s", id),
        chy_fmt(c->cx, "https://ca.loop.example/account/%s", id),
        chy_fmt(c->cx, "%s/orders", kid),
        chy_fmt(c->cx, LOOP_BASE "/account/%s%%41", id),
        chy_fmt(c->cx, LOOP_BASE "/order/%s", id),
        id,
        "",
    };

    for (size_t i = 0; i < sizeof kids / sizeof *kids; i++) {
        c->kid = kids[i];
        loop_refused(loop_post(c, kid, ""), 400, "accountDoesNotExist", "kid");
    }
}

static void T_J_16_the_kid_of_another_account_does_not_verify(void **state)
{
    struct loop_client *a = loop_account(*state), *b = loop_account(*state);
    const char *own = b->kid;

    b->kid = a->kid;
    loop_refused(loop_post(b, a->kid, ""), 400, "malformed", "does not verify");
    loop_refused(loop_post(b, NEW_ORDER, loop_order_payload(b, "a.shop.example")), 400, "malformed",
                 "does not verify");
    b->kid = own;
    loop_refused(loop_post(b, a->kid, ""), 404, "malformed", "not yours");
}

static void T_J_07_the_algorithm_is_that_of_the_key(void **state)
{
    static const char *const algs[] = {"RS256", "ES384", "EdDSA"};
    struct loop_client *c = loop_account(*state);

    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
        json_t *head = loop_head(c, c->kid);

        json_object_set_new(head, "alg", json_string(algs[i]));
        loop_refused(loop_post_as(c, c->kid, head, ""), 400, "badPublicKey", "does not fit");
    }
}

static void T_J_05_algorithms_that_prove_nothing_are_refused_with_a_list(void **state)
{
    static const char *const algs[] = {"none", "HS256", "", "es256"};
    struct loop_client *c = loop_account(*state);

    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
        json_t *head = loop_head(c, c->kid);
        struct loop_reply *r;

        json_object_set_new(head, "alg", json_string(algs[i]));
        r = loop_refused(loop_post_as(c, c->kid, head, ""), 400, "badSignatureAlgorithm",
                         "not supported");
        assert_true(json_array_size(json_object_get(r->json, "algorithms")) >= 4);
    }
}

static void J07_every_supported_key_goes_all_the_way(void **state)
{
    static const char *const algs[] = {"ES256", "ES384", "EdDSA", "RS256"};

    for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
        struct loop_client *c = loop_client_new(*state, algs[i]);

        loop_register(c);
        loop_ok(loop_post(c, c->kid, ""), 200);
        loop_order(c, "a.shop.example");
    }
}

static void T_E2E_02_a_request_for_one_resource_does_nothing_at_another(void **state)
{
    struct loop_client *c = loop_account(*state);
    const char *a = loop_header(loop_order(c, "a.shop.example"), "Location");
    const char *b = loop_header(loop_order(c, "b.shop.example"), "Location");

    loop_refused(loop_post_as(c, b, loop_head(c, a), ""), 401, "unauthorized", "another url");
    loop_refused(loop_post_as(c, chy_fmt(c->cx, "%s/finalize", a), loop_head(c, a), "{}"), 401,
                 "unauthorized", "another url");
    loop_refused(loop_post_as(c, LOOP_BASE "/revoke-cert", loop_head(c, NEW_ORDER), "{}"), 401,
                 "unauthorized", "another url");
}

/* ---- the account changed after the server had read its key ------------------------------ */

/* Give c's account the key of another, as a key change in another process would. */
static struct loop_client *change_key(struct loopback *lb, struct loop_client *c)
{
    struct loop_client *next = loop_account(lb);
    const char *from = loop_id(lb, next->kid), *to = loop_id(lb, c->kid);

    loop_sql(lb, "CREATE TEMP TABLE taken AS SELECT * FROM accounts WHERE id = %s", from);
    loop_sql(lb, "DELETE FROM accounts WHERE id = %s", from);
    loop_sql(lb,
             "UPDATE accounts a SET thumbprint = t.thumbprint, spki_sha256 = t.spki_sha256,"
             " jwk = t.jwk FROM taken t WHERE a.id = %s",
             to);
    loop_sql(lb, "DROP TABLE taken");
    next->kid = c->kid;
    return next;
}

static void KC06_a_key_changed_elsewhere_is_refused_at_once_and_for_good(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *old = loop_account(lb), *next;

    loop_ok(loop_post(old, old->kid, ""), 200);
    next = change_key(lb, old);
    loop_refused(loop_post(old, old->kid, ""), 401, "unauthorized", "key has changed");
    loop_refused(loop_post(old, old->kid, ""), 400, "malformed", "does not verify");
    loop_refused(loop_post(old, NEW_ORDER, loop_order_payload(old, "a.shop.example")), 400,
                 "malformed", "does not verify");
    loop_ok(loop_post(next, next->kid, ""), 200);
    assert_int_equal(loop_sql_int(lb, "SELECT count(*) FROM orders WHERE account_id = %s",
                                  loop_id(lb, old->kid)),
                     0);
}

/* The new key comes first: the copy must not stand in its way for longer than one request. */
static void KC06_the_new_key_is_taken_after_one_refusal_at_most(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *old = loop_account(lb), *next;

    loop_ok(loop_post(old, old->kid, ""), 200);
    next = change_key(lb, old);
    loop_ok(loop_post(next, next->kid, ""), 200);
}

static void X01_a_deactivated_account_is_refused_by_every_resource(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = loop_ready(c, "www.shop.example");
    struct loop_reply *r = loop_ok(loop_finalize(c, order, "www.shop.example"), 200);
    const char *authz =
        json_string_value(json_array_get(json_object_get(r->json, "authorizations"), 0));
    const char *const urls[] = {
        c->kid,
        chy_fmt(c->cx, "%s/orders", c->kid),
        order,
        chy_fmt(c->cx, "%s/finalize", order),
        authz,
        chy_fmt(c->cx, LOOP_BASE "/challenge/%s/0", strrchr(authz, '/') + 1),
        loop_text(r, "certificate"),
        LOOP_BASE "/new-order",
        LOOP_BASE "/revoke-cert",
        LOOP_BASE "/key-change",
        LOOP_BASE "/directory",
        LOOP_BASE "/new-nonce",
        LOOP_BASE "/elsewhere",
    };
    const char *const payloads[] = {"", "{}", "[]", "{\"csr\":\"AA\"}",
                                    loop_order_payload(c, "a.shop.example")};

    loop_sql(lb, "UPDATE accounts SET status = 'deactivated' WHERE id = %s", loop_id(lb, c->kid));
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        for (size_t k = 0; k < sizeof payloads / sizeof *payloads; k++) {
            r = loop_post(c, urls[i], payloads[k]);
            if (r->status != 401 || strstr(r->body, "unauthorized") == NULL)
                fail_msg("%s with %s: %d %s", urls[i], payloads[k], r->status, r->body);
            assert_string_equal(loop_header(r, "WWW-Authenticate"), "ACME");
        }
    c->kid = NULL;
    loop_refused(loop_post(c, NEW_ACCOUNT, "{}"), 401, "unauthorized", "deactivated");
    loop_refused(loop_post(c, NEW_ACCOUNT, "{\"onlyReturnExisting\":true}"), 401, "unauthorized",
                 "deactivated");
    assert_string_equal(loop_sql(lb, "SELECT status FROM accounts WHERE id = %s",
                                 loop_id(lb, strstr(urls[0], "/account/"))),
                        "deactivated");
}

/* Whoever cannot sign for the account learns nothing of its state. */
static void X01_a_stranger_does_not_learn_that_an_account_is_deactivated(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb), *stranger = loop_client_new(lb, "ES256");

    loop_sql(lb, "UPDATE accounts SET status = 'deactivated' WHERE id = %s", loop_id(lb, c->kid));
    stranger->kid = c->kid;
    loop_refused(loop_post(stranger, c->kid, ""), 400, "malformed", "does not verify");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T_H_01_the_content_type_is_compared_without_case_and_parameters),
        cmocka_unit_test(T_U_02_a_url_in_another_spelling_is_refused),
        cmocka_unit_test(T_E2E_12_a_path_in_another_spelling_is_no_resource),
        cmocka_unit_test(T_J_08_each_resource_wants_its_form_of_key),
        cmocka_unit_test(T_J_17_a_kid_in_another_spelling_is_nobody),
        cmocka_unit_test(T_J_16_the_kid_of_another_account_does_not_verify),
        cmocka_unit_test(T_J_07_the_algorithm_is_that_of_the_key),
        cmocka_unit_test(T_J_05_algorithms_that_prove_nothing_are_refused_with_a_list),
        cmocka_unit_test(J07_every_supported_key_goes_all_the_way),
        cmocka_unit_test(T_E2E_02_a_request_for_one_resource_does_nothing_at_another),
        cmocka_unit_test(KC06_a_key_changed_elsewhere_is_refused_at_once_and_for_good),
        cmocka_unit_test(KC06_the_new_key_is_taken_after_one_refusal_at_most),
        cmocka_unit_test(X01_a_deactivated_account_is_refused_by_every_resource),
        cmocka_unit_test(X01_a_stranger_does_not_learn_that_an_account_is_deactivated),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
