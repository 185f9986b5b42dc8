/* SPDX-License-Identifier: Apache-2.0 */
/* What finalize refuses, and that the order stands as it stood before (core.md section 19). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/jose.h"
#include "tests/support/loopback.h"

#define NAMES "a.shop.example b.shop.example"
#define BOTH "DNS:a.shop.example,DNS:b.shop.example"

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

/* After a refusal the order is ready, and a right request makes it valid. */
static void still_works(struct loop_client *c, const char *order)
{
    struct loop_reply *r;

    loop_status(c, order, "ready");
    r = loop_ok(loop_finalize(c, order, NAMES), 200);
    assert_string_equal(loop_text(r, "status"), "valid");
    assert_int_equal(loop_sql_int(c->lb, "SELECT count(*) FROM certificates WHERE order_id = %s",
                                  loop_id(c->lb, order)),
                     1);
}

static void T_F_03_names_must_be_the_orders_both_ways(void **state)
{
    static const struct {
        const char *san, *cn, *words;
    } rows[] = {
        {"DNS:a.shop.example", NULL, "does not ask for b.shop.example"},
        {BOTH ",DNS:c.shop.example", NULL, "c.shop.example"},
        {"DNS:a.shop.example,DNS:c.shop.example", NULL, "c.shop.example"},
        {BOTH, "c.shop.example", "c.shop.example"},
        {NULL, NULL, ""},
        {NULL, "a.shop.example", "does not ask for b.shop.example"},
        {"DNS:*.shop.example", NULL, "*.shop.example"},
        {BOTH ",DNS:*.shop.example", NULL, "*.shop.example"},
        {BOTH ",DNS:a.shop.example", NULL, "twice"},
        {BOTH ",DNS:a.shop.example.", NULL, ""},
        {BOTH ",DNS:xn--a.shop.example", NULL, ""},
        {BOTH ",email:a@shop.example", NULL, ""},
        {BOTH ",URI:https://a.shop.example/", NULL, ""},
        {BOTH ",IP:192.0.2.1", NULL, ""},
        {BOTH ",RID:1.2.3.4", NULL, ""},
        {BOTH ",otherName:1.3.6.1.4.1.311.20.2.3;UTF8:admin@shop.example", NULL, ""},
    };
    struct loop_client *c = loop_account(*state);
    const char *order = loop_ready(c, NAMES);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct loop_csr csr = {.san = rows[i].san, .common_name = rows[i].cn};

        loop_refused(loop_finalize_with(c, order, loop_csr(c, &csr)), 400, "badCSR", rows[i].words);
        loop_status(c, order, "ready");
    }
    still_works(c, order);
}

static void T_F_03_names_in_another_spelling_are_the_same_names(void **state)
{
    static const struct {
        const char *names, *san, *cn;
    } rows[] = {
        {NAMES, "DNS:B.Shop.EXAMPLE,DNS:A.shop.example", NULL},
        {NAMES, "DNS:b.shop.example", "a.shop.example"},
        {NAMES, BOTH, "a.shop.example"},
        {"a.shop.example", NULL, "a.shop.example"},
        {"a.shop.example a.shop.example", "DNS:a.shop.example", NULL},
    };
    struct loop_client *c = loop_account(*state);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct loop_csr csr = {.san = rows[i].san, .common_name = rows[i].cn};
        const char *order = loop_ready(c, rows[i].names);
        struct loop_reply *r = loop_ok(loop_finalize_with(c, order, loop_csr(c, &csr)), 200);

        assert_string_equal(loop_text(r, "status"), "valid");
        assert_int_equal(
            loop_sql_int(c->lb,
                         "SELECT jsonb_array_length(names) = jsonb_array_length(identifiers) AND "
                         "names::text = lower(names::text) FROM certificates c, orders o WHERE "
                         "c.id = o.certificate AND o.id = %s",
                         loop_id(c->lb, order)) == 0,
            true);
    }
}

static void T_F_04_account_keys_are_not_certified(void **state)
{
    struct loop_client *c = loop_account(*state), *other = loop_account(*state);
    const char *order = loop_ready(c, NAMES);
    struct loop_csr own = {.key = c->key, .san = BOTH}, others = {.key = other->key, .san = BOTH};

    loop_refused(loop_finalize_with(c, order, loop_csr(c, &own)), 400, "badCSR", "account key");
    loop_refused(loop_finalize_with(c, order, loop_csr(c, &others)), 400, "badCSR", "account key");
    loop_sql(c->lb, "UPDATE accounts SET status = 'deactivated' WHERE id = %s",
             loop_id(c->lb, other->kid));
    loop_refused(loop_finalize_with(c, order, loop_csr(c, &others)), 400, "badCSR", "account key");
    still_works(c, order);
}

static void T_F_04_the_key_must_be_one_of_the_profiles(void **state)
{
    struct loop_client *c = loop_account(*state);
    const char *order = loop_ready(c, NAMES);
    struct loop_csr csr = {.key = jose_key(c->cx, "EdDSA"), .san = BOTH};

    loop_refused(loop_finalize_with(c, order, loop_csr(c, &csr)), 400, "badCSR", "ed25519");
    still_works(c, order);
}

static void T_F_08_what_is_no_csr_is_refused(void **state)
{
    static const struct {
        const char *payload, *type, *words;
    } rows[] = {
        {"", "malformed", "cannot be read"},
        {"{}", "malformed", "csr"},
        {"{\"csr\":null}", "malformed", "csr"},
        {"{\"csr\":123}", "malformed", "csr"},
        {"{\"csr\":[\"AA\"]}", "malformed", "csr"},
        {"{\"csr\":\"\"}", "badCSR", "empty"},
        {"{\"csr\":\"AA\"}", "badCSR", "not a DER"},
        {"{\"csr\":\"AAA=\"}", "badCSR", "base64url"},
        {"{\"csr\":\"A+/A\"}", "badCSR", "base64url"},
        {"{\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\"}", "badCSR", "base64url"},
        {"{\"csr\":\"AAA\\n\"}", "badCSR", "base64url"},
    };
    struct loop_client *c = loop_account(*state);
    const char *order = loop_ready(c, NAMES);
    struct loop_csr good = {.san = BOTH};
    char *text = loop_csr(c, &good);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        loop_refused(loop_finalize_with(c, order, rows[i].payload), 400, rows[i].type,
                     rows[i].words);
    text[100] = text[100] == 'A' ? 'B' : 'A';
    loop_refused(loop_finalize_with(c, order, text), 400, "badCSR", "");
    still_works(c, order);
}

static void T_F_02_a_pending_order_is_not_ready(void **state)
{
    struct loop_client *c = loop_account(*state);
    const char *order = loop_header(loop_order(c, "fresh.shop.example"), "Location");

    loop_refused(loop_finalize(c, order, "fresh.shop.example"), 403, "orderNotReady", "pending");
    loop_status(c, order, "pending");
}

static void T_NO_09_an_order_past_its_time_is_invalid(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = loop_ready(c, NAMES);

    loop_clock(lb, 8 * 86400);
    loop_status(c, order, "invalid");
    loop_refused(loop_finalize(c, order, NAMES), 403, "orderNotReady", "invalid");
    loop_clock(lb, 0);
}

static void T_F_09_an_expired_authorization_does_not_certify(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    const char *order = loop_ready(c, NAMES);

    loop_sql(lb,
             "UPDATE authorizations SET expires = to_timestamp(extract(epoch FROM now()) + 600) "
             "WHERE id = ANY (SELECT unnest(authorizations) FROM orders WHERE id = %s)",
             loop_id(lb, order));
    loop_clock(lb, 1200);
    loop_refused(loop_finalize(c, order, NAMES), 403, "unauthorized", "a.shop.example");
    loop_status(c, order, "ready");
    loop_clock(lb, 0);
    still_works(c, order);
}

static void T_F_09_a_withdrawn_authorization_does_not_certify(void **state)
{
    static const char *const statuses[] = {"deactivated", "revoked", "invalid", "pending"};
    struct loopback *lb = *state;

    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct loop_client *c = loop_account(lb);
        const char *order = loop_ready(c, NAMES);

        loop_sql(lb,
                 "UPDATE authorizations SET status = '%s' WHERE ident_value = 'b.shop.example' AND "
                 "id = ANY (SELECT unnest(authorizations) FROM orders WHERE id = %s)",
                 statuses[i], loop_id(lb, order));
        loop_refused(loop_finalize(c, order, NAMES), 403, "unauthorized", "b.shop.example");
        assert_int_equal(loop_sql_int(lb, "SELECT count(*) FROM certificates WHERE order_id = %s",
                                      loop_id(lb, order)),
                         0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T_F_03_names_must_be_the_orders_both_ways),
        cmocka_unit_test(T_F_03_names_in_another_spelling_are_the_same_names),
        cmocka_unit_test(T_F_04_account_keys_are_not_certified),
        cmocka_unit_test(T_F_04_the_key_must_be_one_of_the_profiles),
        cmocka_unit_test(T_F_08_what_is_no_csr_is_refused),
        cmocka_unit_test(T_F_02_a_pending_order_is_not_ready),
        cmocka_unit_test(T_NO_09_an_order_past_its_time_is_invalid),
        cmocka_unit_test(T_F_09_an_expired_authorization_does_not_certify),
        cmocka_unit_test(T_F_09_a_withdrawn_authorization_does_not_certify),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
