/* SPDX-License-Identifier: Apache-2.0 */
/* tls-alpn-01: what is dialled, and how a certificate is judged: TA-01 to TA-05, T-TA-01 to T-TA-03,
 * T-TA-05, T-TA-07, T-I-05. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/dns/dns.h"
#include "extensions/dns/tests/alpn_parts.h"
#include "tests/support/fakehost.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define KEY_AUTH TOKEN ".NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
#define OTHER TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define ALPN "acme-tls/1"

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
    if (dns_tlsalpn01.offer(w->cx, &w->ch, &offered) != CHY_OK || !offered)
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
    dns_suffixes_drop();
    fake_cx_free(w->cx);
    free(w);
    return 0;
}

static void identify(struct world *w, const char *type, const char *value)
{
    w->ch.ident = (struct chy_ident){type, value, value};
}

/* Probe and judge a server that shows cert; the verdict's grant stays with the context. */
static struct chy_verdict judge(struct world *w, const char *alpn, X509 *cert, enum chy_rc expected)
{
    struct chy_verdict v = {0};
    struct chy_event ev = {.kind = CHY_EV_START, .quorum = true};
    json_t *evidence = NULL;

    fake_tls(w->cx, w->ch.ident.value, alpn, cert);
    fake_stage(w->cx, CHY_STAGE_PROBE);
    assert_int_equal(dns_tlsalpn01.probe(w->cx, &w->ch, &evidence), CHY_OK);
    ev.evidence = evidence;
    w->cx->stage = CHY_STAGE_STEP;
    if (dns_tlsalpn01.step(w->cx, &w->ch, &ev, &v) != expected)
        fail_msg("%s", w->cx->problem.detail != NULL ? w->cx->problem.detail : "valid");
    json_decref(evidence);
    if (v.grant != NULL)
        chy_keep_json(w->cx, v.grant);
    return v;
}

static void proves(struct world *w, const struct recipe *r)
{
    X509 *cert = make_cert(r);
    struct chy_verdict v = judge(w, ALPN, cert, CHY_OK);

    assert_int_equal(v.state, CHY_V_VALID);
    assert_string_equal(json_string_value(json_object_get(v.grant, "method")), "tls-alpn-01");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(v.grant, "hop"), "address")),
        "192.0.2.1");
    X509_free(cert);
}

/* A failed attempt, of which nothing that the server sent is told. */
static void fails(struct world *w, const struct recipe *r, const char *why)
{
    X509 *cert = make_cert(r);
    struct chy_verdict v = judge(w, ALPN, cert, CHY_ERR);

    assert_int_equal(v.state, CHY_V_PENDING);
    assert_null(v.grant);
    if (!fake_failed_with(w->cx, "incorrectResponse", why))
        fail_msg("%s: %s", why, w->cx->problem.detail);
    X509_free(cert);
}

static void offered_with_a_token_but_not_for_wildcards(void **state)
{
    struct world *w = *state;
    struct chy_challenge ch = {.ident = w->ch.ident, .wildcard = true};
    bool offered = true;

    assert_string_equal(json_string_value(json_object_get(w->ch.shown, "token")), TOKEN);
    assert_int_equal(json_object_size(w->ch.shown), 1);
    assert_int_equal(dns_tlsalpn01.offer(w->cx, &ch, &offered), CHY_OK);
    assert_false(offered);
    assert_int_equal(dns_tlsalpn01.wildcard, CHY_YN_NO);
    assert_int_equal(dns_tlsalpn01.subdomain, CHY_YN_NO);
}

/* T-TA-05, T-I-05, I-04: one protocol, and the reverse name where a server name cannot be. */
static void the_server_name_is_the_domain_or_the_reverse_name_of_the_address(void **state)
{
    static const struct {
        const char *type, *value, *sni;
    } cases[] = {
        {"dns", "a.example", "a.example"},
        {"ip", "192.0.2.1", "1.2.0.192.in-addr.arpa"},
        {"ip", "1.2.3.4", "4.3.2.1.in-addr.arpa"},
        {"ip", "2001:db8::1",
         "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
        {"ip", "::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"},
        {"ip", "fd12:3456:789a:bcde:f012:3456:789a:bcde",
         "e.d.c.b.a.9.8.7.6.5.4.3.2.1.0.f.e.d.c.b.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct chy_tls_query *q;
        json_t *evidence = NULL;

        identify(w, cases[i].type, cases[i].value);
        fake_stage(w->cx, CHY_STAGE_PROBE);
        assert_int_equal(dns_tlsalpn01.probe(w->cx, &w->ch, &evidence), CHY_ERR);
        assert_true(fake_failed_with(w->cx, "connection", "refused"));
        assert_null(evidence);
        q = fake_tls_query(w->cx);
        assert_string_equal(q->host, cases[i].value);
        assert_string_equal(q->sni, cases[i].sni);
        assert_string_equal(q->alpn, ALPN);
        assert_int_equal(q->port, 0);
        assert_int_equal(q->timeout_ms, 20000);
    }
}

/* T-TA-01, T-TA-02 (upper case). */
static void the_right_certificate_is_valid_whatever_its_key_and_dates(void **state)
{
    struct world *w = *state;

    proves(w, &(struct recipe){.san = "DNS:a.example", .text = KEY_AUTH});
    proves(w, &(struct recipe){.san = "DNS:a.example", .text = KEY_AUTH, .rsa = true});
    proves(w, &(struct recipe){.san = "DNS:A.Example", .text = KEY_AUTH});
    proves(w, &(struct recipe){.san = "DNS:a.example", .text = KEY_AUTH, .padding = 7000});
}

/* T-TA-02. */
static void a_certificate_wrong_in_one_thing_is_not(void **state)
{
    static const struct {
        struct recipe r;
        const char *why;
    } cases[] = {
        {{.san = "DNS:a.example", .text = KEY_AUTH, .not_critical = true}, "is not critical"},
        {{.san = "DNS:a.example", .text = OTHER}, "is not the digest"},
        {{.san = "DNS:a.example", .text = TOKEN}, "is not the digest"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .raw_digest = true}, "is not the digest"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .grow = 1, .digest_size = 33},
         "is not the digest"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .grow = 1}, "is not the digest"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .grow = -1, .digest_size = 31},
         "is not the digest"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .grow = -34}, "is not the digest"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .oid = ALPN_OID ".1"}, "no acmeIdentifier"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .oid = "1.3.6.1.5.5.7.1.30.1"},
         "no acmeIdentifier"},
        {{.san = "DNS:a.example", .oid = ""}, "no acmeIdentifier"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .twice = true}, "an extension twice"},
        {{.san = "DNS:a.example,DNS:b.example", .text = KEY_AUTH}, "more or less than one"},
        {{.san = "DNS:a.example,DNS:a.example", .text = KEY_AUTH}, "more or less than one"},
        {{.san = "DNS:a.example,IP:192.0.2.1", .text = KEY_AUTH}, "more or less than one"},
        {{.san = "", .text = KEY_AUTH}, "no subject alternative name"},
        {{.san = "DNS:b.example", .text = KEY_AUTH}, "is not the identifier"},
        {{.san = "DNS:a.example.org", .text = KEY_AUTH}, "is not the identifier"},
        {{.san = "DNS:*.example", .text = KEY_AUTH}, "is not the identifier"},
        {{.san = "email:a.example", .text = KEY_AUTH}, "is not the identifier"},
        {{.san = "URI:a.example", .text = KEY_AUTH}, "is not the identifier"},
        {{.san = "IP:192.0.2.1", .text = KEY_AUTH}, "is not the identifier"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .san_tail = true}, "cannot be read"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .version_1 = true}, "version 3"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .other_issuer = true}, "not self-signed"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .other_key = true}, "not self-signed"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .padding = 8000}, "larger than any"},
        {{.san = "DNS:a.example", .text = KEY_AUTH, .padding = 60000}, "larger than any"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fails(w, &cases[i].r, cases[i].why);
}

/* I-04. */
static void an_address_is_proved_by_its_octets_as_iPAddress(void **state)
{
    struct world *w = *state;

    identify(w, "ip", "192.0.2.1");
    proves(w, &(struct recipe){.san = "IP:192.0.2.1", .text = KEY_AUTH});
    fails(w, &(struct recipe){.san = "IP:192.0.2.2", .text = KEY_AUTH}, "is not the identifier");
    fails(w, &(struct recipe){.san = "DNS:192.0.2.1", .text = KEY_AUTH}, "is not the identifier");
    fails(w, &(struct recipe){.san = "DNS:1.2.0.192.in-addr.arpa", .text = KEY_AUTH},
          "is not the identifier");
    fails(w, &(struct recipe){.san = "IP:::ffff:192.0.2.1", .text = KEY_AUTH},
          "is not the identifier");
    fails(w, &(struct recipe){.san = "IP:192.0.2.1,DNS:a.example", .text = KEY_AUTH},
          "more or less than one");
    identify(w, "ip", "2001:db8::1");
    proves(w, &(struct recipe){.san = "IP:2001:db8::1", .text = KEY_AUTH});
    fails(w, &(struct recipe){.san = "IP:2001:db8::2", .text = KEY_AUTH}, "is not the identifier");
    fails(w, &(struct recipe){.san = "IP:192.0.2.1", .text = KEY_AUTH}, "is not the identifier");
}

/* T-TA-03: the right certificate does not help a server that means something else by it. */
static void without_the_protocol_it_is_a_tls_problem(void **state)
{
    struct world *w = *state;
    X509 *cert = make_cert(&(struct recipe){.san = "DNS:a.example", .text = KEY_AUTH});

    assert_int_equal(judge(w, NULL, cert, CHY_ERR).state, CHY_V_PENDING);
    assert_true(fake_failed_with(w->cx, "tls", "does not speak acme-tls/1"));
    assert_int_equal(judge(w, "http/1.1", cert, CHY_ERR).state, CHY_V_PENDING);
    assert_true(fake_failed_with(w->cx, "tls", "does not speak acme-tls/1"));
    X509_free(cert);
}

static void a_failure_of_the_handshake_is_the_failure_of_the_probe(void **state)
{
    struct world *w = *state;
    json_t *evidence = NULL;

    fake_tls_fails(w->cx, "a.example", &CHY_P_tls, "handshake failed");
    fake_stage(w->cx, CHY_STAGE_PROBE);
    assert_int_equal(dns_tlsalpn01.probe(w->cx, &w->ch, &evidence), CHY_ERR);
    assert_true(fake_failed_with(w->cx, "tls", "handshake failed"));
    assert_null(evidence);
}

/* Perspectives are other hosts: what they call evidence proves nothing by itself. */
static void evidence_of_another_shape_proves_nothing(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"spoken\":true}",
        "{\"spoken\":true,\"certificate\":null}",
        "{\"spoken\":true,\"certificate\":1}",
        "{\"spoken\":true,\"certificate\":\"\"}",
        "{\"spoken\":true,\"certificate\":\"=\"}",
        "{\"spoken\":true,\"certificate\":\"====\"}",
        "{\"spoken\":true,\"certificate\":\"MIIB\"}",
        "{\"spoken\":true,\"certificate\":\"!!!!\"}",
        "{\"spoken\":true,\"certificate\":\" MIIB\"}",
        "{\"spoken\":true,\"certificate\":\"MI=B\"}",
        "{\"spoken\":\"true\",\"certificate\":\"MIIB\"}",
        "{\"spoken\":false,\"certificate\":\"MIIB\"}",
    };
    struct world *w = *state;
    struct chy_verdict v = {0};
    char *huge = chy_alloc(w->cx, 20001);

    memset(huge, 'A', 20000);
    for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
        json_t *e = i < sizeof bad / sizeof *bad
                        ? json_loads(bad[i], 0, NULL)
                        : json_pack("{s:b, s:s}", "spoken", 1, "certificate", huge);
        struct chy_event ev = {.kind = CHY_EV_START, .quorum = true, .evidence = e};

        fake_stage(w->cx, CHY_STAGE_STEP);
        assert_int_equal(dns_tlsalpn01.step(w->cx, &w->ch, &ev, &v), CHY_ERR);
        assert_int_equal(v.state, CHY_V_PENDING);
        json_decref(e);
    }
}

static void without_quorum_or_evidence_nothing_is_valid(void **state)
{
    struct world *w = *state;
    X509 *cert = make_cert(&(struct recipe){.san = "DNS:a.example", .text = KEY_AUTH});
    struct chy_event ev = {.kind = CHY_EV_START, .quorum = false};
    struct chy_verdict v = {0};
    json_t *evidence = NULL;

    fake_tls(w->cx, "a.example", ALPN, cert);
    fake_stage(w->cx, CHY_STAGE_PROBE);
    assert_int_equal(dns_tlsalpn01.probe(w->cx, &w->ch, &evidence), CHY_OK);
    ev.evidence = evidence;
    assert_int_equal(dns_tlsalpn01.step(w->cx, &w->ch, &ev, &v), CHY_OK);
    assert_int_equal(v.state, CHY_V_INVALID);
    assert_true(fake_failed_with(w->cx, "incorrectResponse", "perspectives"));
    json_decref(evidence);
    X509_free(cert);
    fake_stage(w->cx, CHY_STAGE_STEP);
    ev = (struct chy_event){.kind = CHY_EV_START, .quorum = true};
    v = (struct chy_verdict){0};
    assert_int_equal(dns_tlsalpn01.step(w->cx, &w->ch, &ev, &v), CHY_ERR);
    fake_stage(w->cx, CHY_STAGE_STEP);
    ev.kind = CHY_EV_INBOUND;
    assert_int_equal(dns_tlsalpn01.step(w->cx, &w->ch, &ev, &v), CHY_OK);
    assert_int_equal(v.state, CHY_V_PENDING);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(offered_with_a_token_but_not_for_wildcards),
        T(the_server_name_is_the_domain_or_the_reverse_name_of_the_address),
        T(the_right_certificate_is_valid_whatever_its_key_and_dates),
        T(a_certificate_wrong_in_one_thing_is_not),
        T(an_address_is_proved_by_its_octets_as_iPAddress),
        T(without_the_protocol_it_is_a_tls_problem),
        T(a_failure_of_the_handshake_is_the_failure_of_the_probe),
        T(evidence_of_another_shape_proves_nothing),
        T(without_quorum_or_evidence_nothing_is_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
