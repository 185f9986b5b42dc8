/* SPDX-License-Identifier: Apache-2.0 */
/* dns-01: what is asked for, and how an answer is judged: T-Q-01 to 04, 06 to 08, 11, Q-04, NO-25. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/dns/dns.h"
#include "tests/support/fakehost.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define KEY_AUTH TOKEN ".NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
#define DIGEST                                                                                     \
    "ZTRx1Ckl1-tM05o5zaizTTA0yUy5AGereMgSNWC6Ll8" /* by openssl dgst -sha256 and base64 */
#define DIGEST_A "ZTRx1Ckl1-tM05o5zaiz"
#define DIGEST_B "TTA0yUy5AGereMgSNWC6Ll8"
#define OTHER "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define NAME "_acme-challenge.a.example"

struct world {
    struct chy_ctx *cx;
    struct chy_challenge ch;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    bool offered = false;

    w->cx = fake_cx_new(CHY_STAGE_REQUEST);
    fake_module(w->cx, &chy_module);
    fake_token(w->cx, TOKEN);
    w->ch.ident = (struct chy_ident){"dns", "a.example", "a.example"};
    w->ch.wildcard = true;
    if (dns_dns01.offer(w->cx, &w->ch, &offered) != CHY_OK || !offered)
        return -1;
    w->ch.key_authorization = KEY_AUTH;
    w->ch.attempts = 1;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    json_decref(w->ch.shown);
    fake_cx_free(w->cx);
    free(w);
    return 0;
}

/* Probe and judge.  A step that fails gives no verdict: the attempt is made again, by core. */
static struct chy_verdict run(struct world *w)
{
    struct chy_verdict v = {0};
    struct chy_event ev = {.kind = CHY_EV_START, .quorum = true};
    json_t *evidence = NULL;
    char *text;

    fake_stage(w->cx, CHY_STAGE_PROBE);
    assert_int_equal(dns_dns01.probe(w->cx, &w->ch, &evidence), CHY_OK);
    text = json_dumps(evidence, JSON_COMPACT);
    assert_non_null(text);
    assert_true(strlen(text) < 8192);
    free(text);
    ev.evidence = evidence;
    w->cx->stage = CHY_STAGE_STEP;
    if (dns_dns01.step(w->cx, &w->ch, &ev, &v) != CHY_OK)
        assert_int_equal(v.state, CHY_V_PENDING);
    json_decref(evidence);
    if (v.grant != NULL)
        chy_keep_json(w->cx, v.grant);
    return v;
}

static void txt(struct world *w, const char *a, const char *b)
{
    const char *strings[] = {a, b, NULL};

    fake_dns_txt(w->cx, NAME, strings);
}

static void fresh(struct world *w)
{
    fake_dns(w->cx, NAME, 16, 0, CHY_DNSSEC_SECURE, NULL);
}

static void the_digest_is_the_one_of_rfc_8555(void **state)
{
    char digest[44];

    (void)state;
    assert_true(dns_digest(KEY_AUTH, digest));
    assert_string_equal(digest, DIGEST);
}

/* T-Q-01. */
static void the_digest_in_a_txt_record_is_valid(void **state)
{
    struct world *w = *state;
    struct chy_verdict v;

    txt(w, DIGEST, NULL);
    v = run(w);
    assert_int_equal(v.state, CHY_V_VALID);
    assert_string_equal(json_string_value(json_object_get(v.grant, "method")), "dns-01");
    assert_string_equal(json_string_value(json_object_get(v.grant, "dnssec")), "secure");
    assert_string_equal(json_string_value(json_object_get(v.grant, "name")), NAME);
}

/* T-Q-02, Q-04. */
static void one_right_record_among_wrong_ones_is_valid(void **state)
{
    struct world *w = *state;

    for (unsigned i = 0; i < 10; i++)
        txt(w, i % 2 ? OTHER : "v=spf1 -all", NULL);
    txt(w, DIGEST, NULL);
    assert_int_equal(run(w).state, CHY_V_VALID);
}

/* T-Q-03. */
static void a_value_split_into_strings_is_joined(void **state)
{
    struct world *w = *state;
    static const char *const strings[] = {"", DIGEST_A, "", DIGEST_B, "", NULL};

    txt(w, DIGEST_A, DIGEST_B);
    assert_int_equal(run(w).state, CHY_V_VALID);
    fresh(w);
    fake_dns_txt(w->cx, NAME, strings);
    assert_int_equal(run(w).state, CHY_V_VALID);
}

/* T-Q-04: the resolver follows; the evidence says where to. */
static void a_value_behind_a_cname_is_valid_and_the_target_is_kept(void **state)
{
    struct world *w = *state;
    struct chy_verdict v;

    fake_dns(w->cx, NAME, 16, 0, CHY_DNSSEC_INSECURE, "x.validation.example");
    txt(w, DIGEST, NULL);
    v = run(w);
    assert_int_equal(v.state, CHY_V_VALID);
    assert_string_equal(json_string_value(json_object_get(v.grant, "canonical")),
                        "x.validation.example");
    assert_string_equal(json_string_value(json_object_get(v.grant, "dnssec")), "insecure");
}

/* T-Q-06, 07, 08 and their like. */
static void any_other_value_fails_the_attempt(void **state)
{
    char upper[44], standard[45];
    const char *bad[] = {upper,         standard, KEY_AUTH,         TOKEN,      DIGEST "=",
                         DIGEST " ",    OTHER,    "\"" DIGEST "\"", " " DIGEST, DIGEST "\n",
                         DIGEST DIGEST, "",       DIGEST_A};
    struct world *w = *state;

    for (size_t i = 0; i <= 43; i++) {
        char c = DIGEST[i];

        upper[i] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
        standard[i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
    }
    memcpy(standard + 43, "=", 2);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fresh(w);
        txt(w, bad[i], NULL);
        assert_int_equal(run(w).state, CHY_V_PENDING);
        assert_true(fake_failed_with(w->cx, "incorrectResponse", "none of 1 TXT records"));
    }
}

/* T-Q-11: nothing of a foreign record is repeated. */
static void malformed_and_binary_records_are_no_danger(void **state)
{
    static const struct {
        const char *b;
        size_t n;
    } bad[] = {{"", 0},
               {"\xff", 1},
               {"\x05"
                "abc",
                4},
               {"\x02\xff\xfe", 3},
               {"\x00", 1},
               {"\x00\x00\x00", 3},
               {"\x03"
                "a\0b",
                4},
               {"\x2b" DIGEST "\x01", 45},
               {"\x2c" DIGEST, 44}};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fresh(w);
        fake_dns_record(w->cx, NAME, 16, bad[i].b, bad[i].n);
        assert_int_equal(run(w).state, CHY_V_PENDING);
        assert_true(fake_failed_with(w->cx, "incorrectResponse", "none of 1"));
    }
}

/* T-Q-10: evidence is bounded (run() asserts it). */
static void many_records_are_bounded(void **state)
{
    struct world *w = *state;

    for (unsigned i = 0; i < 300; i++)
        txt(w, OTHER, NULL);
    assert_int_equal(run(w).state, CHY_V_PENDING);
    assert_true(fake_failed_with(w->cx, "incorrectResponse", "none of 300"));
}

static void check_probe_fails(struct world *w, const char *type, const char *reason)
{
    json_t *evidence = NULL;

    fake_stage(w->cx, CHY_STAGE_PROBE);
    assert_int_equal(dns_dns01.probe(w->cx, &w->ch, &evidence), CHY_ERR);
    assert_true(fake_failed_with(w->cx, type, reason));
    assert_null(evidence);
}

/* Q-02, T-Q-05, T-Q-09 as the host reports them. */
static void no_answer_is_the_failure_of_the_probe(void **state)
{
    struct world *w = *state;

    check_probe_fails(w, "dns", "NXDOMAIN");
    fresh(w);
    check_probe_fails(w, "incorrectResponse", "no TXT record");
    fake_dns_fails(w->cx, NAME, 16, &CHY_P_dns, "DNSSEC validation failed");
    check_probe_fails(w, "dns", "DNSSEC validation failed");
}

/* NO-25. */
static void a_name_without_room_for_the_prefix_is_not_offered(void **state)
{
    struct world *w = *state;
    char name[254];
    struct chy_challenge ch = {.ident = {"dns", name, name}};
    bool offered = true;

    memset(name, 'a', 238);
    name[238] = '\0';
    assert_int_equal(dns_dns01.offer(w->cx, &ch, &offered), CHY_OK);
    assert_false(offered);
    name[237] = '\0';
    assert_int_equal(dns_dns01.offer(w->cx, &ch, &offered), CHY_OK);
    assert_true(offered);
    assert_int_equal(strlen(json_string_value(json_object_get(ch.shown, "token"))), 43);
    json_decref(ch.shown);
}

static void evidence_of_another_shape_proves_nothing(void **state)
{
    static const char *const bad[] = {"{}", "{\"values\":\"" DIGEST "\"}", "{\"values\":[1,null]}",
                                      "[]"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *evidence = json_loads(bad[i], 0, NULL);
        struct chy_event ev = {.kind = CHY_EV_TIMER, .quorum = true, .evidence = evidence};
        struct chy_verdict v = {0};

        fake_stage(w->cx, CHY_STAGE_STEP);
        assert_int_equal(dns_dns01.step(w->cx, &w->ch, &ev, &v), CHY_ERR);
        assert_true(fake_failed_with(w->cx, "incorrectResponse", "none of 0"));
        json_decref(evidence);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_digest_is_the_one_of_rfc_8555),
        T(the_digest_in_a_txt_record_is_valid),
        T(one_right_record_among_wrong_ones_is_valid),
        T(a_value_split_into_strings_is_joined),
        T(a_value_behind_a_cname_is_valid_and_the_target_is_kept),
        T(any_other_value_fails_the_attempt),
        T(malformed_and_binary_records_are_no_danger),
        T(many_records_are_bounded),
        T(no_answer_is_the_failure_of_the_probe),
        T(a_name_without_room_for_the_prefix_is_not_offered),
        T(evidence_of_another_shape_proves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
