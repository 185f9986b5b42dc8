/* SPDX-License-Identifier: Apache-2.0 */
/* dns identifiers: core.md NO-20 to NO-25 and T-NO-03, F-07 to F-09, T-F-03. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/dns/dns.h"
#include "tests/support/fakehost.h"

/* What check_rule found. */
static char noted[2000];

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static int setup(void **state)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_REQUEST);

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

static enum chy_rc parse_octets(struct chy_ctx *cx, const char *value, size_t n,
                                struct chy_ident *ret)
{
    json_t *o = json_pack("{s:s, s:o}", "type", "dns", "value", json_stringn_nocheck(value, n));
    enum chy_rc rc = dns_ident.parse(cx, o, ret);

    json_decref(o);
    return rc;
}

static enum chy_rc parse(struct chy_ctx *cx, const char *value, struct chy_ident *ret)
{
    return parse_octets(cx, value, strlen(value), ret);
}

static void names_are_written_in_one_form(void **state)
{
    static const char *const cases[][2] = {
        {"a.example.org", "a.example.org"},
        {"A.Example.ORG", "a.example.org"},
        {"*.Example.org", "*.example.org"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
        {"xn--fiqs8s", "xn--fiqs8s"},
        {"xn--strae-oqa.example", "xn--strae-oqa.example"}, /* IDNA2008 keeps sharp s */
        {"xn--11b5bs3a9aj6g.example", "xn--11b5bs3a9aj6g.example"},
        {"xn--mgbh0fb.example", "xn--mgbh0fb.example"},
        {"1.example.org", "1.example.org"},
        {"1a.2b", "1a.2b"},
        {"localhost", "localhost"},
        {A63 ".example.org", A63 ".example.org"},
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chy_ident id;

        if (parse(cx, cases[i][0], &id) != CHY_OK)
            fail_msg("%s: %s", cases[i][0], cx->problem.detail);
        assert_string_equal(id.type, "dns");
        assert_string_equal(id.value, cases[i][1]);
        assert_string_equal(id.shown, cases[i][1]);
    }
}

/* T-NO-03, the part that is syntax; T-I-03. */
static void bad_names_are_refused_with_their_reason(void **state)
{
    static const struct {
        const char *value, *type, *reason;
    } cases[] = {
        {"", "malformed", "empty"},
        {".", "malformed", "ends with a dot"},
        {"a..b", "malformed", "empty label"},
        {".a.b", "malformed", "empty label"},
        {"-a.example.org", "malformed", "hyphen"},
        {"a-.example.org", "malformed", "hyphen"},
        {A63 "a.example.org", "malformed", "63 octets"},
        {A63 "." A63 "." A63 "." A63, "malformed", "253 octets"},
        {"a.b.c.d.e.f.g.h.i.example.org", "malformed", "10 labels"},
        {"a.example.org.", "malformed", "ends with a dot"},
        {"1.2.3.4", "rejectedIdentifier", "IP address"},
        {"0x7f.1", "malformed", "is a number"},
        {"2130706433", "malformed", "is a number"},
        {"127.1", "malformed", "is a number"},
        {"[::1]", "rejectedIdentifier", "IP address"},
        {"2001:db8::1", "rejectedIdentifier", "IP address"},
        {"ex ample.org", "malformed", "characters"},
        {"ex\xc3\xa4mple.org", "malformed", "A-labels (RFC 5890): xn--exmple-cua.org"},
        {"EX\xc3\x84MPLE.ORG", "malformed", "A-labels (RFC 5890): xn--exmple-cua.org"},
        {"exa\xcc\x88mple.org", "malformed", "A-labels (RFC 5890): xn--exmple-cua.org"},
        {"*.b\xc3\xbc"
         "cher.example",
         "malformed", "A-labels (RFC 5890): *.xn--bcher-kva.example"},
        {"stra\xc3\x9f"
         "e.de",
         "malformed", "A-labels (RFC 5890): xn--strae-oqa.de"},
        {"\xe2\x98\x83.example.org", "malformed", "characters other than"}, /* a snowman */
        {"a\xe2\x80\xae.example.org", "malformed", "characters other than"},
        {"\xd7\x90"
         "a.\xff.org",
         "malformed", "characters other than"},
        {"\xc3\xa4.b c", "malformed", "characters other than"},
        {"example.org:80", "malformed", "characters"},
        {"user@example.org", "malformed", "characters"},
        {"_x.example.org", "malformed", "characters"},
        {"a/b.example.org", "malformed", "characters"},
        {"a\n.example.org", "malformed", "characters"},
        {"xn--.example.org", "malformed", "hyphen"},
        {"xn--a.example.org", "malformed", "A-label"},
        {"xn--abc-.example.org", "malformed", "hyphen"},
        {"xn--99999999.example.org", "malformed", "A-label"},
        {"xn---a.example.org", "malformed", "A-label"},
        {"xn--ls8h.example.org", "malformed", "disallowed character"}, /* an emoji */
        {"xn--n3h.example.org", "malformed", "disallowed character"},  /* a snowman */
        {"xn--0ca24w.example.org", "malformed", "A-label"},            /* left and right, mixed */
        {"xn--a-ecp.example.org", "malformed", "A-label"},             /* not in NFC */
        {"xn--xn--a--gua.example.org", "malformed", "A-label"},
        {"xn--ex-.example.org", "malformed", "hyphen"},
        {"xn--example-.example.org", "malformed", "hyphen"},
        {"xn--a-yoc.example.org", "malformed", "A-label"}, /* begins with a combining mark */
        {"ab--c.example.org", "malformed", "\"--\""},
        {"*.*.example.org", "malformed", "wildcard"},
        {"a.*.example.org", "malformed", "wildcard"},
        {"*example.org", "malformed", "wildcard"},
        {"f*.example.org", "malformed", "wildcard"},
        {"*", "malformed", "wildcard"},
        {"*.", "malformed", "wildcard"},
        {"*.1.2.3.4", "malformed", "is a number"},
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chy_ident id = {0};

        fake_stage(cx, CHY_STAGE_REQUEST);
        if (parse(cx, cases[i].value, &id) == CHY_OK)
            fail_msg("\"%s\" was accepted", cases[i].value);
        if (!fake_failed_with(cx, cases[i].type, cases[i].reason))
            fail_msg("\"%s\"", cases[i].value);
        assert_null(id.value);
    }
}

static void a_value_that_is_no_plain_string_is_refused(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id;
    json_t *o = json_pack("{s:s, s:i}", "type", "dns", "value", 1);

    assert_int_equal(dns_ident.parse(cx, o, &id), CHY_ERR);
    assert_true(fake_failed_with(cx, "malformed", "must be a string"));
    json_decref(o);
    fake_stage(cx, CHY_STAGE_REQUEST);
    assert_int_equal(parse_octets(cx, "exa\0mple.org", 12, &id), CHY_ERR);
    assert_true(fake_failed_with(cx, "malformed", "characters"));
}

/* NULL where it is permitted, else what the refusal says. */
static void check_permitted(struct chy_ctx *cx, const char *rule_text, const char *value,
                            const char *refusal)
{
    json_t *rule = json_loads(rule_text, 0, NULL);
    struct chy_ident id;
    enum chy_rc rc;

    assert_non_null(rule);
    fake_stage(cx, CHY_STAGE_REQUEST);
    assert_int_equal(parse(cx, value, &id), CHY_OK);
    rc = dns_ident.permitted(cx, &id, rule);
    json_decref(rule);
    if (refusal == NULL && rc != CHY_OK)
        fail_msg("%s under %s: %s", value, rule_text, cx->problem.detail);
    if (refusal != NULL && rc == CHY_OK)
        fail_msg("%s under %s was permitted", value, rule_text);
    if (refusal != NULL && !fake_failed_with(cx, "rejectedIdentifier", refusal))
        fail_msg("%s under %s", value, rule_text);
}

static void a_profile_permits_only_what_its_patterns_say(void **state)
{
    static const char both[] =
        "{\"names\":[\"*.shop.example\",\"shop.example\"],\"wildcard\":true}";
    static const char below[] = "{\"names\":[\"*.Shop.example\"],\"wildcard\":false}";
    static const char any[] = "{\"names\":[\"*\"],\"wildcard\":true}";
    struct chy_ctx *cx = *state;

    check_permitted(cx, both, "shop.example", NULL);
    check_permitted(cx, both, "a.shop.example", NULL);
    check_permitted(cx, both, "a.b.c.shop.example", NULL);
    check_permitted(cx, both, "*.shop.example", NULL);
    check_permitted(cx, both, "*.a.shop.example", NULL);
    check_permitted(cx, both, "ashop.example", "no name of the profile");
    check_permitted(cx, both, "shop.example.org", "no name of the profile");
    check_permitted(cx, both, "*.example", "one label");
    check_permitted(cx, both, "example.org", "no name of the profile");
    check_permitted(cx, below, "a.shop.example", NULL);
    check_permitted(cx, below, "shop.example", "no name of the profile");
    check_permitted(cx, below, "*.shop.example", "no wildcard");
    check_permitted(cx, "{\"names\":[\"shop.example\"],\"wildcard\":true}", "*.shop.example",
                    "no name of the profile");
    check_permitted(cx, any, "www.example.org", NULL);
    check_permitted(cx, any, "com", "one label");
    check_permitted(cx, any, "*.com", "one label");
    check_permitted(cx, "{\"names\":[\"*\"],\"single-label\":true}", "intranet", NULL);
    check_permitted(cx, "{\"names\":[]}", "www.example.org", "no name of the profile");
    check_permitted(cx, "{}", "www.example.org", "no name of the profile");
    check_permitted(cx, "{\"names\":[\"\",\".\",\"*.\",\"www.example.org.\"]}", "www.example.org",
                    "no name of the profile");
}

__attribute__((format(printf, 3, 4))) static void note_mistake(const struct chy_policy_report *r,
                                                               const char *path, const char *f, ...)
{
    va_list ap;

    (void)r;
    va_start(ap, f);
    vsnprintf(noted + strlen(noted), sizeof noted - strlen(noted), f, ap);
    va_end(ap);
    snprintf(noted + strlen(noted), sizeof noted - strlen(noted), " at %s\n", path);
}

static void patterns_that_are_no_names_are_mistakes_of_the_policy(void **state)
{
    const struct chy_policy_report report = {note_mistake};
    json_t *rule = json_loads("{\"names\":[\"*\", \"*.Example.org\", \"intranet\", \"a..b\", "
                              "\"*.*.example\", \"192.0.2.1\", \"b\xc3\xbc"
                              "cher.example\"]}",
                              0, NULL);

    (void)state;
    noted[0] = '\0';
    dns_ident.check_rule(&report, rule);
    assert_string_equal(
        noted,
        "'a..b' is no pattern of names: it has an empty label at /names/3\n"
        "'*.*.example' is no pattern of names: a wildcard is \"*.\" once, in front of a name "
        "at /names/4\n"
        "'192.0.2.1' is no pattern of names: it is an IP address, not a domain name at "
        "/names/5\n"
        "'b\xc3\xbc"
        "cher.example' is no pattern of names: it has characters beyond ASCII; write it with "
        "A-labels (RFC 5890): xn--bcher-kva.example at /names/6\n");
    json_decref(rule);
}

/* NO-22: "*" is not meant for names that nobody owns. */
static void names_of_special_use_must_be_spelt_out(void **state)
{
    static const char *const special[] = {
        "a.local",   "a.internal",  "a.test", "a.invalid",   "a.localhost",
        "a.example", "a.home.arpa", "a.alt",  "example.alt", "4.3.2.1.in-addr.arpa",
        "1.ip6.arpa"};
    static const char any[] = "{\"names\":[\"*\"]}";
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        check_permitted(cx, any, special[i], "special use");
    check_permitted(cx, "{\"names\":[\"*.internal\"]}", "a.internal", NULL);
    check_permitted(cx, "{\"names\":[\"*.Chancery.Example\"]}", "www.chancery.example", NULL);
    check_permitted(cx, "{\"names\":[\"*.arpa\"]}", "1.in-addr.arpa", "special use");
    check_permitted(cx, any, "foo.onion", "onion");
    check_permitted(cx, "{\"names\":[\"*.onion\"]}", "foo.onion", "onion");
}

static void a_wildcard_needs_an_authorization_of_its_base(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id, subject;
    bool wildcard = false;

    assert_int_equal(parse(cx, "*.a.example", &id), CHY_OK);
    assert_int_equal(dns_ident.authz_subject(cx, &id, &subject, &wildcard), CHY_OK);
    assert_string_equal(subject.value, "a.example");
    assert_true(wildcard);
    assert_int_equal(parse(cx, "a.example", &id), CHY_OK);
    assert_int_equal(dns_ident.authz_subject(cx, &id, &subject, &wildcard), CHY_OK);
    assert_string_equal(subject.value, "a.example");
    assert_false(wildcard);
}

static void check_csr(struct chy_ctx *cx, const char *subject, const char *san, const char *names)
{
    json_t *out = json_array();
    char *text;

    fake_stage(cx, CHY_STAGE_REQUEST);
    if (dns_ident.from_csr(cx, fake_csr(cx, subject, san), out) != CHY_OK)
        fail_msg("%s %s: %s", subject, san, cx->problem.detail);
    for (size_t i = 0; i < json_array_size(out); i++) {
        json_t *o = json_array_get(out, i);

        assert_string_equal(json_string_value(json_object_get(o, "type")), "dns");
        json_array_set(out, i, json_object_get(o, "value"));
    }
    text = json_dumps(out, JSON_COMPACT);
    assert_string_equal(text, names);
    free(text);
    json_decref(out);
}

/* T-F-03. */
static void a_request_names_its_domains_in_lower_case(void **state)
{
    struct chy_ctx *cx = *state;

    check_csr(cx, "", "DNS:a.example,DNS:b.example", "[\"a.example\",\"b.example\"]");
    check_csr(cx, "", "DNS:A.Example,DNS:a.example", "[\"a.example\",\"a.example\"]");
    check_csr(cx, "/CN=A.example", NULL, "[\"a.example\"]");
    check_csr(cx, "/CN=c.example", "DNS:a.example", "[\"a.example\",\"c.example\"]");
    check_csr(cx, "/CN=a.example/O=x", "DNS:a.example,DNS:*.a.example",
              "[\"a.example\",\"*.a.example\",\"a.example\"]");
    check_csr(cx, "/O=x", "IP:192.0.2.1,email:a@b.example", "[]");
    check_csr(cx, "/CN=192.0.2.1", "IP:192.0.2.1", "[]"); /* uacme */
    check_csr(cx, "/CN=2001:db8::1", "DNS:a.example,IP:2001:db8::1", "[\"a.example\"]");
    check_csr(cx, "", NULL, "[]");
}

static void a_request_with_unusable_names_is_refused(void **state)
{
    static const struct {
        const char *subject, *san, *reason;
    } cases[] = {
        {"", "DNS:a.example.", "dNSName: no usable domain name: it ends with a dot"},
        {"", "DNS:a b.example", "dNSName: no usable domain name: it has characters"},
        {"", "DNS:_a.example", "dNSName: no usable domain name: it has characters"},
        {"", "DNS:192.0.2.1", "dNSName: no usable domain name: it is an IP address"},
        {"/CN=192.0.2.1", NULL, "common name: no usable domain name: it is an IP address"},
        {"/CN=192.0.2.1", "DNS:192.0.2.1", "no usable domain name: it is an IP address"},
        {"/CN=192.0.2.1", "IP:192.0.2.2",
         "common name: no usable domain name: it is an IP address"},
        {"/CN=192.0.2.1", "IP:::ffff:192.0.2.1", "common name: no usable domain name"},
        {"/CN=Example Company", NULL, "common name: no usable domain name: it has characters"},
        {"/CN=a.example/CN=b.example", NULL, "more than one common name"},
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *out = json_array();

        fake_stage(cx, CHY_STAGE_REQUEST);
        assert_int_equal(dns_ident.from_csr(cx, fake_csr(cx, cases[i].subject, cases[i].san), out),
                         CHY_ERR);
        assert_true(fake_failed_with(cx, "badCSR", cases[i].reason));
        json_decref(out);
    }
}

/* T-F-07: "example.org\0.evil.test" is not example.org. */
static void a_request_with_a_nul_in_a_name_is_refused(void **state)
{
    struct chy_ctx *cx = *state;
    X509_REQ *csr = X509_REQ_new();
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *gn = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    json_t *out = json_array();

    ASN1_STRING_set(text, "example.org\0.evil.test", 22);
    GENERAL_NAME_set0_value(gn, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, gn);
    X509V3_add1_i2d(&list, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
    X509_REQ_add_extensions(csr, list);
    assert_int_equal(dns_ident.from_csr(cx, csr, out), CHY_ERR);
    assert_true(fake_failed_with(cx, "badCSR", "characters"));
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    GENERAL_NAMES_free(names);
    X509_REQ_free(csr);
    json_decref(out);
}

static void a_certificate_gets_the_name_as_dnsname(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id;
    const json_t *call;

    assert_int_equal(parse(cx, "*.A.example", &id), CHY_OK);
    fake_stage(cx, CHY_STAGE_ISSUE);
    assert_int_equal(dns_ident.contribute(cx, &id, NULL, NULL, fake_plan(cx)), CHY_OK);
    assert_int_equal(fake_count(cx, "plan_san"), 1);
    call = json_array_get(fake_calls(cx), 0);
    assert_string_equal(json_string_value(json_array_get(call, 1)), "DNS:*.a.example");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(names_are_written_in_one_form),
        T(bad_names_are_refused_with_their_reason),
        T(a_value_that_is_no_plain_string_is_refused),
        T(a_profile_permits_only_what_its_patterns_say),
        T(patterns_that_are_no_names_are_mistakes_of_the_policy),
        T(names_of_special_use_must_be_spelt_out),
        T(a_wildcard_needs_an_authorization_of_its_base),
        T(a_request_names_its_domains_in_lower_case),
        T(a_request_with_unusable_names_is_refused),
        T(a_request_with_a_nul_in_a_name_is_refused),
        T(a_certificate_gets_the_name_as_dnsname),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
