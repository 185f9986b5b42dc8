/* SPDX-License-Identifier: Apache-2.0 */
/* core.md A-07, A-08 and T-A-05, T-A-12: contacts of accounts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/acme/contact.h"
#include "core/base/problem.h"
#include "tests/support/fakehost.h"

static int setup(void **state)
{
    *state = fake_cx_new(CHY_STAGE_REQUEST);
    return 0;
}

static int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

static void refused(struct chy_ctx *cx, json_t *contact, const struct chy_problem_type *type,
                    const char *detail)
{
    json_t *untouched = json_true(), *out = untouched;

    assert_int_equal(chy_contacts_read(cx, contact, &out), CHY_ERR);
    assert_ptr_equal(out, untouched);
    assert_string_equal(cx->problem.type->urn, type->urn);
    if (strstr(cx->problem.detail, detail) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", cx->problem.detail, detail);
    chy_problem_clear(cx);
}

static void good_addresses_are_taken_and_made_canonical(void **state)
{
    static const struct {
        const char *given, *canonical;
    } cases[] = {
        {"mailto:a@b.example", "mailto:a@b.example"},
        {"MailTo:Admin.Ops@Shop.EXAMPLE", "mailto:Admin.Ops@shop.example"},
        {"mailto:a+tag@b.example", "mailto:a+tag@b.example"},
        {"mailto:%61@b%2Eexample", "mailto:a@b.example"},
        {"mailto:a%40b.example", "mailto:a@b.example"},
        {"mailto:50%25@b.example", "mailto:50%25@b.example"},
        {"mailto:a%3fb@c.example", "mailto:a%3Fb@c.example"},
        {"mailto:a/b=c@xn--bcher-kva.example", "mailto:a%2Fb%3Dc@xn--bcher-kva.example"},
        {"mailto:a@1and1.2b", "mailto:a@1and1.2b"},
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *given = chy_keep_json(cx, json_pack("[s]", cases[i].given)), *out = NULL;

        if (chy_contacts_read(cx, given, &out) != CHY_OK)
            fail_msg("%s: %s", cases[i].given, cx->problem.detail);
        assert_int_equal(json_array_size(out), 1);
        assert_string_equal(json_string_value(json_array_get(out, 0)), cases[i].canonical);
    }
}

static void a_missing_member_is_not_an_empty_one(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *out = json_true();

    assert_int_equal(chy_contacts_read(cx, NULL, &out), CHY_OK);
    assert_null(out);
    assert_int_equal(chy_contacts_read(cx, chy_keep_json(cx, json_array()), &out), CHY_OK);
    assert_true(json_is_array(out));
    assert_int_equal(json_array_size(out), 0);
}

static void wrong_types_are_malformed(void **state)
{
    struct chy_ctx *cx = *state;

    refused(cx, json_null(), &CHY_P_malformed, "\"contact\" is not an array");
    refused(cx, chy_keep_json(cx, json_string("mailto:a@b.example")), &CHY_P_malformed,
            "\"contact\" is not an array");
    refused(cx, chy_keep_json(cx, json_object()), &CHY_P_malformed, "\"contact\" is not an array");
    refused(cx, chy_keep_json(cx, json_pack("[n]")), &CHY_P_malformed, "a contact is not a string");
    refused(cx, chy_keep_json(cx, json_pack("[s,i]", "mailto:a@b.example", 1)), &CHY_P_malformed,
            "a contact is not a string");
}

static void other_schemes_are_unsupported(void **state)
{
    static const char *const bad[] = {"tel:+1", "https://a.example/",  "mailtoo:a@b.example",
                                      "x:",     "mail-to:a@b.example", "javascript:alert(1)"};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(cx, chy_keep_json(cx, json_pack("[s]", bad[i])), &CHY_P_unsupportedContact,
                "is not supported; mailto is");
}

/* T-A-05. */
static void bad_addresses_are_invalid(void **state)
{
    static const struct {
        const char *given, *detail;
    } cases[] = {
        {"", "not a URL with a scheme"},
        {"a@b.example", "not a URL with a scheme"},
        {":a@b.example", "not a URL with a scheme"},
        {"1mailto:a@b.example", "not a URL with a scheme"},
        {"mailto", "not a URL with a scheme"},
        {"mailto:", "has no @"},
        {"mailto:bad", "has no @"},
        {"mailto:a@b.example?subject=x", "has header fields"},
        {"mailto:a@b.example?", "has header fields"},
        {"mailto:a@b.example#x", "has header fields"},
        {"mailto:a@b.example,c@d.example", "more than one address"},
        {"mailto:a@b.example%2Cc@d.example", "more than one address"},
        {"mailto:a@b.example%2cc@d.example", "more than one address"},
        {"mailto:a@b.example;c@d.example", "more than one address"},
        {"mailto:x%0d%0aBcc:y@z.example", "control character"},
        {"mailto:x@z.example%0A", "control character"},
        {"mailto:x\r\nBcc:y@z.example", "control character"},
        {"mailto:x y@z.example", "control character"},
        {"mailto:x%20y@z.example", "control character"},
        {"mailto:x%7fy@z.example", "control character"},
        {"mailto:\xc3\xa9@b.example", "non-ASCII"},
        {"mailto:%C3%A9@b.example", "non-ASCII"},
        {"mailto:a@b.example%00", "percent escape"},
        {"mailto:a%0@b.example", "percent escape"},
        {"mailto:a%@b.example", "percent escape"},
        {"mailto:a@b.example%", "percent escape"},
        {"mailto:a@b.example%4", "percent escape"},
        {"mailto:a%zz@b.example", "percent escape"},
        {"mailto:@b.example", "local part"},
        {"mailto:.a@b.example", "local part"},
        {"mailto:a.@b.example", "local part"},
        {"mailto:a..b@b.example", "local part"},
        {"mailto:\"a b\"@b.example", "control character"},
        {"mailto:\"a\"@b.example", "local part"},
        {"mailto:%22a%22@b.example", "local part"},
        {"mailto:a<b@c.example", "local part"},
        {"mailto:a(b)@c.example", "local part"},
        {"mailto:a\\b@c.example", "local part"},
        {"mailto://a@b.example", NULL}, /* "//a" is a dot-atom */
        {"mailto:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.example",
         "local part"},
        {"mailto:a@", "host name"},
        {"mailto:a@b", "host name"},
        {"mailto:a@localhost", "host name"},
        {"mailto:a@b.example.", "host name"},
        {"mailto:a@.example", "host name"},
        {"mailto:a@b..example", "host name"},
        {"mailto:a@-b.example", "host name"},
        {"mailto:a@b-.example", "host name"},
        {"mailto:a@b_c.example", "host name"},
        {"mailto:a@c@b.example", "host name"},
        {"mailto:a@[127.0.0.1]", "host name"},
        {"mailto:a@127.0.0.1", "host name"},
        {"mailto:a@b.example%3Fsubject=x", "host name"},
        {"mailto:a@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.example",
         "host name"},
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *given = chy_keep_json(cx, json_pack("[s]", cases[i].given)), *out = NULL;

        if (cases[i].detail != NULL)
            refused(cx, given, &CHY_P_invalidContact, cases[i].detail);
        else
            assert_int_equal(chy_contacts_read(cx, given, &out), CHY_OK);
    }
}

/* T-A-12. */
static void length_and_count_are_bounded(void **state)
{
    struct chy_ctx *cx = *state;
    char *text = chy_alloc(cx, 1u << 20);
    json_t *many = chy_keep_json(cx, json_array()), *out = NULL;

    memset(text, 'a', (1u << 20) - 1);
    memcpy(text, "mailto:", 7);
    refused(cx, chy_keep_json(cx, json_pack("[s]", text)), &CHY_P_invalidContact,
            "longer than 320 octets");
    text[321] = '\0';
    refused(cx, chy_keep_json(cx, json_pack("[s]", text)), &CHY_P_invalidContact,
            "longer than 320 octets");
    for (int i = 0; i < 10; i++)
        json_array_append_new(many, json_string("mailto:a@b.example"));
    assert_int_equal(chy_contacts_read(cx, many, &out), CHY_OK);
    json_array_append_new(many, json_string("mailto:a@b.example"));
    refused(cx, many, &CHY_P_invalidContact, "more than 10 contacts");
}

/* What comes out goes in, unchanged: stored contacts stay valid. */
static void canonical_text_is_stable(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *given =
        chy_keep_json(cx, json_pack("[s]", "MAILTO:!%23$%25&'*+-/=%3F^_`{|}~@B.example"));
    json_t *once = NULL, *twice = NULL;

    assert_int_equal(chy_contacts_read(cx, given, &once), CHY_OK);
    assert_int_equal(chy_contacts_read(cx, once, &twice), CHY_OK);
    assert_true(json_equal(once, twice));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_addresses_are_taken_and_made_canonical, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_missing_member_is_not_an_empty_one, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_types_are_malformed, setup, teardown),
        cmocka_unit_test_setup_teardown(other_schemes_are_unsupported, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_addresses_are_invalid, setup, teardown),
        cmocka_unit_test_setup_teardown(length_and_count_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(canonical_text_is_stable, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
