/* SPDX-License-Identifier: Apache-2.0 */
/* Strings that break things, in every string a client may send: the answer is a well-formed problem or
 * a success, and the database is what it was (core.md T-E2E-11, T-H-08, T-B-05, T-B-07, T-E-04). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/jose.h"
#include "tests/support/loopback.h"

/* As they stand between the quotes of JSON. */
static const char *const strings[] = {
    "\\u0000",
    "a\\u0000b.shop.example",
    "\x7f",
    "\\u007f",
    ("\xe2\x80\xae"
     "moc.shop.example"),
    "\\u202e",
    "\xef\xbf\xbe",
    "\\ufffe",
    "\\ud800",
    "\\udfff\\ud800",
    "\xed\xa0\x80",
    "\xff\xfe",
    "\xc0\x80",
    "'; DROP TABLE orders; --",
    "\\\"},{\\\"type\\\":\\\"dns\\\"",
    "%n%s%n%s%x%1000000d",
    "../../../etc/passwd",
    "<script>alert(1)</script>",
    "a\\r\\nSet-Cookie: x=y",
    "\\n\\n",
    "\\\\",
    "{\\\"$ne\\\":1}",
    "$1::text",
    "{1,2}",
    " ",
};
#define STRINGS (sizeof strings / sizeof *strings)

/* %s is where the string goes. */
static const struct {
    const char *url, *before, *after;
} fields[] = {
    {"/new-account", "{\"contact\":[\"", "\"]}"},
    {"/new-account", "{\"contact\":[\"mailto:", "@shop.example\"]}"},
    {"/new-account", "{\"termsOfServiceAgreed\":\"", "\"}"},
    {"/new-account", "{\"", "\":true}"},
    {"/new-order", "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"", "\"}]}"},
    {"/new-order", "{\"identifiers\":[{\"type\":\"", "\",\"value\":\"www.shop.example\"}]}"},
    {"/new-order", "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"*.", ".shop.example\"}]}"},
    {"/new-order",
     "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"www.shop.example\"}],\"profile\":\"", "\"}"},
    {"/new-order",
     "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"www.shop.example\"}],\"notAfter\":\"", "\"}"},
    {"/new-order", "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"www.shop.example\"}],\"",
     "\":1}"},
    {"", "{\"contact\":[\"mailto:", "\"]}"},
    {"", "{\"status\":\"", "\"}"},
    {"/finalize", "{\"csr\":\"", "\"}"},
    {"/challenge", "{\"x\":\"", "\"}"},
    {"/authz", "{\"status\":\"", "\"}"},
};

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

static void well_formed(const struct loop_reply *r, const char *what, const char *text)
{
    const char *detail = loop_text(r, "detail");

    if (r->json == NULL || r->status >= 500 || r->status == 0 ||
        (r->status >= 400 && (loop_text(r, "type") == NULL || detail == NULL)))
        fail_msg("%s with %s: %d %s", what, text, r->status, r->body);
    for (; detail != NULL && *detail != '\0'; detail++)
        if ((unsigned char)*detail < 0x20 || *detail == 0x7f)
            fail_msg("%s with %s: control character in %s", what, text, r->body);
    for (size_t i = 0; i < r->n_headers; i++)
        if (strpbrk(r->headers[i].value, "\r\n") != NULL)
            fail_msg("%s with %s: line end in %s", what, text, r->headers[i].name);
}

static void T_E2E_11_hostile_strings_in_payloads(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb), *raw = loop_client_new(lb, "ES256");
    struct loop_reply *o = loop_order(c, "pending.shop.example");
    const char *order = loop_ready(c, "ready.shop.example");
    const char *authz =
        strrchr(json_string_value(json_array_get(json_object_get(o->json, "authorizations"), 0)),
                '/') +
        1;

    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        const char *where = fields[f].url;
        bool is_new = strcmp(where, "/new-account") == 0;
        const char *url =
            *where == '\0'                     ? c->kid
            : strcmp(where, "/finalize") == 0  ? chy_fmt(c->cx, "%s/finalize", order)
            : strcmp(where, "/challenge") == 0 ? chy_fmt(c->cx, LOOP_BASE "/challenge/%s/0", authz)
            : strcmp(where, "/authz") == 0     ? chy_fmt(c->cx, LOOP_BASE "/authz/%s", authz)
                                               : chy_fmt(c->cx, LOOP_BASE "%s", where);

        for (size_t i = 0; i < STRINGS; i++)
            well_formed(
                loop_post(is_new ? raw : c, url,
                          chy_fmt(c->cx, "%s%s%s", fields[f].before, strings[i], fields[f].after)),
                fields[f].before, strings[i]);
    }
    loop_status(c, order, "ready");
    loop_ok(loop_finalize(c, order, "ready.shop.example"), 200);
    assert_int_equal(loop_sql_int(lb, "SELECT count(*) FROM orders WHERE status NOT IN "
                                      "('pending', 'ready', 'valid')"),
                     0);
}

static void T_E2E_11_hostile_strings_in_headers(void **state)
{
    static const char *const members[] = {"alg", "nonce", "url", "kid", "jwk", "typ"};
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);

    for (size_t m = 0; m < sizeof members / sizeof *members; m++)
        for (size_t i = 0; i < STRINGS; i++) {
            const char *nonce = loop_nonce(c);
            char *head = chy_fmt(c->cx, "{\"%s\":\"%s\"", members[m], strings[i]);
            const char *rest[][2] = {
                {"alg", "ES256"}, {"nonce", nonce}, {"url", c->kid}, {"kid", c->kid}};

            for (size_t k = 0; k < 4; k++)
                if (strcmp(rest[k][0], members[m]) != 0)
                    head = chy_fmt(c->cx, "%s,\"%s\":\"%s\"", head, rest[k][0], rest[k][1]);
            well_formed(loop_send(c, "POST", c->kid, "application/jose+json",
                                  jose_sign_text(c->cx, c->key, chy_fmt(c->cx, "%s}", head), "")),
                        members[m], strings[i]);
        }
}

static void T_E2E_11_64_kib_in_every_field(void **state)
{
    struct loopback *lb = *state;
    struct loop_client *c = loop_account(lb);
    char *text = chy_alloc(c->cx, 65536 + 1);

    memset(text, 'a', 65536);
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
        char *payload = chy_fmt(c->cx, "%s%s%s", fields[f].before, text, fields[f].after);
        struct loop_reply *r = loop_post(c, LOOP_BASE "/new-order", payload);

        assert_true(r->status >= 400 && r->status < 500);
        well_formed(r, fields[f].before, "64 KiB");
        assert_true(r->body_len < 4096);
    }
}

static void T_B_05_what_is_no_jws_is_refused(void **state)
{
    static const char *const bodies[] = {
        "",
        "{",
        "{}",
        "[]",
        "null",
        "1",
        "\"x\"",
        "eyJ9.e30.AAAA",
        "{\"protected\":\"e30\",\"payload\":\"\"}",
        "{\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"\"}",
        "{\"protected\":\"e30=\",\"payload\":\"\",\"signature\":\"\"}",
        "{\"protected\":\"e30\\n\",\"payload\":\"\",\"signature\":\"\"}",
        "{\"protected\":\"W10\",\"payload\":\"\",\"signature\":\"\"}",
        "{\"protected\":\"\",\"payload\":\"\",\"signature\":\"\"}",
        "{\"protected\":1,\"payload\":\"\",\"signature\":\"\"}",
        "{\"protected\":\"e30\",\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"\"}",
        "{\"protected\":\"e30\",\"payload\":\"\",\"signature\":\"\"} x",
        "{\"signatures\":[]}",
        "{\"protected\":\"e30\",\"header\":{},\"payload\":\"\",\"signature\":\"\"}",
        "\xef\xbb\xbf{}",
        "{\"a\":\"\xff\"}",
    };
    struct loop_client *c = loop_account(*state);
    char *deep = chy_alloc(c->cx, 40001);

    memset(deep, '[', 40000);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        loop_refused(loop_send(c, "POST", c->kid, "application/jose+json", bodies[i]), 400,
                     "malformed", "");
    loop_refused(loop_send(c, "POST", c->kid, "application/jose+json", deep), 400, "malformed",
                 "nested");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T_E2E_11_hostile_strings_in_payloads),
        cmocka_unit_test(T_E2E_11_hostile_strings_in_headers),
        cmocka_unit_test(T_E2E_11_64_kib_in_every_field),
        cmocka_unit_test(T_B_05_what_is_no_jws_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
