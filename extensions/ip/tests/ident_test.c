/* SPDX-License-Identifier: Apache-2.0 */
/* ip identifiers: core.md I-01, I-05, T-I-02, T-I-06; RFC 5952 section 4; RFC 8738 section 3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/ip/ip.h"
#include "tests/support/fakehost.h"

static int setup(void **state)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_REQUEST);

    fake_module(cx, &chy_module);
    *state = cx;
    return 0;
}

static int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

static enum chy_rc parse_octets(struct chy_ctx *cx, const char *value, size_t n,
                                struct chy_ident *ret)
{
    json_t *o = json_pack("{s:s, s:o}", "type", "ip", "value", json_stringn_nocheck(value, n));
    enum chy_rc rc = ip_ident.parse(cx, o, ret);

    json_decref(o);
    return rc;
}

static enum chy_rc parse(struct chy_ctx *cx, const char *value, struct chy_ident *ret)
{
    return parse_octets(cx, value, strlen(value), ret);
}

static void canonical_addresses_are_taken_as_they_are(void **state)
{
    static const char *const good[] = {
        "192.0.2.1",
        "0.0.0.0",
        "255.255.255.255",
        "127.0.0.1",
        "1.2.3.4",
        "::",
        "::1",
        "2001:db8::1",
        "2001:db8::",
        "2001:db8:0:1:1:1:1:1",
        "2001:0:0:1::1",
        "2001:db8:85a3::8a2e:370:7334",
        "fe80::1",
        "64:ff9b::c000:201",
        "1:2:3:4:5:6:7:8",
        "2001:db8::1:0:0:1",
        "ff02::1",
        "fd12:3456:789a:bcde:f012:3456:789a:bcde",
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct chy_ident id;

        if (parse(cx, good[i], &id) != CHY_OK)
            fail_msg("%s: %s", good[i], cx->problem.detail);
        assert_string_equal(id.type, "ip");
        assert_string_equal(id.value, good[i]);
        assert_string_equal(id.shown, good[i]);
    }
}

/* T-I-02. */
static void other_spellings_are_malformed_and_told_the_right_one(void **state)
{
    static const struct {
        const char *value, *reason;
    } cases[] = {
        {"2001:DB8::1", "canonical form is 2001:db8::1 (RFC 5952)"},
        {"2001:db8:0:0::1", "canonical form is 2001:db8::1"},
        {"2001:0db8::1", "canonical form is 2001:db8::1"},
        {"2001:db8:0:0:0:0:0:1", "canonical form is 2001:db8::1"},
        {"0:0:0:0:0:0:0:1", "canonical form is ::1"},
        {"2001:db8::1:1:1:1:1", "canonical form is 2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "canonical form is 2001:0:0:1::1"},
        {"2001:db8:0:0:1::1", "canonical form is 2001:db8::1:0:0:1"},
        {"2001:db8::192.0.2.1", "canonical form is 2001:db8::c000:201"},
        {"::FFFF:0:1", "IPv4 address in the form of an IPv6 one"},
        {"::ffff:1.2.3.4", "IPv4 address in the form of an IPv6 one"},
        {"::1.2.3.4", "IPv4 address in the form of an IPv6 one"},
        {"::1:2", "IPv4 address in the form of an IPv6 one"},
        {"192.0.2.01", "no IPv4 or IPv6 address"},
        {"192.0.2.256", "no IPv4 or IPv6 address"},
        {"192.0.2", "no IPv4 or IPv6 address"},
        {"1.2.3", "no IPv4 or IPv6 address"},
        {"0x7f.0.0.1", "no IPv4 or IPv6 address"},
        {"0177.0.0.1", "no IPv4 or IPv6 address"},
        {"2130706433", "no IPv4 or IPv6 address"},
        {"127.1", "no IPv4 or IPv6 address"},
        {"1.2.3.4.", "no IPv4 or IPv6 address"},
        {" 1.2.3.4", "no IPv4 or IPv6 address"},
        {"1.2.3.4\n", "no IPv4 or IPv6 address"},
        {"", "no IPv4 or IPv6 address"},
        {":", "no IPv4 or IPv6 address"},
        {":::", "no IPv4 or IPv6 address"},
        {"1::2::3", "no IPv4 or IPv6 address"},
        {"12345::", "no IPv4 or IPv6 address"},
        {"1:2:3:4:5:6:7:8:9", "no IPv4 or IPv6 address"},
        {"www.example.org", "no IPv4 or IPv6 address"},
        {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", "no IPv4 or IPv6 address"},
        {"fe80::1%eth0", "prefix length, zone or brackets"},
        {"1.2.3.4/32", "prefix length, zone or brackets"},
        {"2001:db8::/32", "prefix length, zone or brackets"},
        {"[2001:db8::1]", "prefix length, zone or brackets"},
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chy_ident id = {0};

        fake_stage(cx, CHY_STAGE_REQUEST);
        if (parse(cx, cases[i].value, &id) == CHY_OK)
            fail_msg("\"%s\" was accepted", cases[i].value);
        if (!fake_failed_with(cx, "malformed", cases[i].reason))
            fail_msg("\"%s\": %s", cases[i].value, cx->problem.detail);
        assert_null(id.value);
    }
}

static void a_value_that_is_no_plain_string_is_refused(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id;
    json_t *o = json_pack("{s:s, s:[i,i,i,i]}", "type", "ip", "value", 1, 2, 3, 4);

    assert_int_equal(ip_ident.parse(cx, o, &id), CHY_ERR);
    assert_true(fake_failed_with(cx, "malformed", "must be a string"));
    json_decref(o);
    fake_stage(cx, CHY_STAGE_REQUEST);
    assert_int_equal(parse_octets(cx, "1.2.3.4\0x", 9, &id), CHY_ERR);
    assert_true(fake_failed_with(cx, "malformed", "no IPv4 or IPv6 address"));
}

static void check_csr(struct chy_ctx *cx, const char *subject, const char *san, const char *values)
{
    json_t *out = json_array();
    char *text;

    fake_stage(cx, CHY_STAGE_REQUEST);
    if (ip_ident.from_csr(cx, fake_csr(cx, subject, san), out) != CHY_OK)
        fail_msg("%s %s: %s", subject, san, cx->problem.detail);
    for (size_t i = 0; i < json_array_size(out); i++) {
        json_t *o = json_array_get(out, i);

        assert_string_equal(json_string_value(json_object_get(o, "type")), "ip");
        json_array_set(out, i, json_object_get(o, "value"));
    }
    text = json_dumps(out, JSON_COMPACT);
    assert_string_equal(text, values);
    free(text);
    json_decref(out);
}

/* I-05: names of other kinds are not this module's, whatever they read like. */
static void a_request_names_addresses_as_iPAddress_alone(void **state)
{
    struct chy_ctx *cx = *state;

    check_csr(cx, "", "IP:192.0.2.1,IP:2001:DB8:0:0:0:0:0:1", "[\"192.0.2.1\",\"2001:db8::1\"]");
    check_csr(cx, "", "DNS:a.example,IP:192.0.2.1,DNS:192.0.2.2", "[\"192.0.2.1\"]");
    check_csr(cx, "/CN=192.0.2.1", NULL, "[]");
    check_csr(cx, "/CN=192.0.2.1", "DNS:a.example", "[]");
    check_csr(cx, "", NULL, "[]");
}

/* A request with one iPAddress of n octets. */
static enum chy_rc ask(struct chy_ctx *cx, const char *octets, int n)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *gn = GENERAL_NAME_new();
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
    STACK_OF(X509_EXTENSION) *list = NULL;
    X509_REQ *csr = X509_REQ_new();
    json_t *out = json_array();
    enum chy_rc rc;

    ASN1_OCTET_STRING_set(s, (const unsigned char *)octets, n);
    GENERAL_NAME_set0_value(gn, GEN_IPADD, s);
    sk_GENERAL_NAME_push(names, gn);
    X509V3_add1_i2d(&list, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
    X509_REQ_add_extensions(csr, list);
    fake_stage(cx, CHY_STAGE_REQUEST);
    rc = ip_ident.from_csr(cx, csr, out);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    GENERAL_NAMES_free(names);
    X509_REQ_free(csr);
    json_decref(out);
    return rc;
}

static void a_request_with_an_unusable_address_is_refused(void **state)
{
    static const int lengths[] = {0, 1, 3, 5, 8, 15, 17, 32};
    static const char octets[33] = "\x01\x02\x03\x04";
    struct chy_ctx *cx = *state;

    assert_int_equal(ask(cx, octets, 4), CHY_OK);
    assert_int_equal(ask(cx, octets, 16), CHY_OK);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(ask(cx, octets, lengths[i]), CHY_ERR);
        assert_true(fake_failed_with(cx, "badCSR", "not of 4 or 16 octets"));
    }
    assert_int_equal(ask(cx, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x01\x02\x03\x04", 16), CHY_ERR);
    assert_true(fake_failed_with(cx, "badCSR", "IPv4 address in the form of"));
}

static void a_certificate_gets_the_address_as_iPAddress(void **state)
{
    static const char *const cases[][2] = {{"192.0.2.1", "IP Address:192.0.2.1"},
                                           {"2001:db8::1", "IP Address:2001:DB8:0:0:0:0:0:1"}};
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < 2; i++) {
        struct chy_ident id;

        fake_stage(cx, CHY_STAGE_REQUEST);
        assert_int_equal(parse(cx, cases[i][0], &id), CHY_OK);
        fake_stage(cx, CHY_STAGE_ISSUE);
        assert_int_equal(ip_ident.contribute(cx, &id, NULL, NULL, fake_plan(cx)), CHY_OK);
        assert_string_equal(json_string_value(json_array_get(json_array_get(fake_calls(cx), i), 1)),
                            cases[i][1]);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(canonical_addresses_are_taken_as_they_are),
        T(other_spellings_are_malformed_and_told_the_right_one),
        T(a_value_that_is_no_plain_string_is_refused),
        T(a_request_names_addresses_as_iPAddress_alone),
        T(a_request_with_an_unusable_address_is_refused),
        T(a_certificate_gets_the_address_as_iPAddress),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
