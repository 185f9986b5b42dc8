/* SPDX-License-Identifier: Apache-2.0 */
/* What is another account's looks like what is not there, octet for octet (core.md E-04, T-E2E-04). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/loopback.h"

#define NOBODYS "AAAAAAAAAAAAAAAAAAAAAAAAAAA"

struct two {
    struct loopback *lb;
    struct loop_client *owner, *other;
    const char *order, *authz, *certificate, *pending, *pending_authz;
};

static const char *first_authz(const struct loop_reply *r)
{
    return json_string_value(json_array_get(json_object_get(r->json, "authorizations"), 0));
}

static int setup(void **state)
{
    static struct two t;
    struct loop_reply *r;

    t = (struct two){.lb = loopback_open(NULL)};
    t.owner = loop_account(t.lb);
    t.other = loop_account(t.lb);
    t.order = loop_ready(t.owner, "www.shop.example");
    r = loop_ok(loop_finalize(t.owner, t.order, "www.shop.example"), 200);
    t.authz = first_authz(r);
    t.certificate = loop_text(r, "certificate");
    r = loop_order(t.owner, "new.shop.example");
    t.pending = loop_header(r, "Location");
    t.pending_authz = first_authz(r);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    struct two *t = *state;

    loopback_close(t->lb);
    return 0;
}

static void compare(struct two *t, const char *path, const char *mine, const char *suffix,
                    const char *payload)
{
    struct loop_client *c = t->other;
    const char *id = strrchr(mine, '/') + 1;
    struct loop_reply *a =
        loop_post(c, chy_fmt(c->cx, LOOP_BASE "/%s/%s%s", path, id, suffix), payload);
    struct loop_reply *b =
        loop_post(c, chy_fmt(c->cx, LOOP_BASE "/%s/" NOBODYS "%s", path, suffix), payload);

    if (a->status != 404 || a->status != b->status || a->n_headers != b->n_headers ||
        strcmp(a->type, b->type) != 0 || strcmp(a->body, b->body) != 0)
        fail_msg("%s%s with %s: %d %s, nobody's: %d %s", path, suffix, payload, a->status, a->body,
                 b->status, b->body);
    for (size_t i = 0; i < a->n_headers; i++) {
        assert_string_equal(a->headers[i].name, b->headers[i].name);
        if (strcmp(a->headers[i].name, "Replay-Nonce") != 0)
            assert_string_equal(a->headers[i].value, b->headers[i].value);
    }
}

static void T_NO_12_an_order(void **state)
{
    struct two *t = *state;

    compare(t, "order", t->order, "", "");
    compare(t, "order", t->pending, "", "");
}

static void T_E2E_04_finalizing_an_order(void **state)
{
    struct two *t = *state;
    struct loop_csr csr = {.san = "DNS:new.shop.example"};

    compare(t, "order", t->order, "/finalize", loop_csr(t->other, &csr));
    compare(t, "order", t->pending, "/finalize", loop_csr(t->other, &csr));
}

static void E04_an_authorization(void **state)
{
    struct two *t = *state;

    compare(t, "authz", t->authz, "", "");
    compare(t, "authz", t->pending_authz, "", "");
}

static void T_C_05_a_challenge(void **state)
{
    struct two *t = *state;

    compare(t, "challenge", t->pending_authz, "/0", "");
    compare(t, "challenge", t->pending_authz, "/0", "{}");
    compare(t, "challenge", t->pending_authz, "/1", "{}");
    compare(t, "challenge", t->authz, "/0", "{}");
    assert_int_equal(loop_sql_int(t->lb,
                                  "SELECT count(*) FROM challenges WHERE authorization_id = %s "
                                  "AND status <> 'pending'",
                                  loop_id(t->lb, t->pending_authz)),
                     0);
}

static void T_R_02_a_certificate(void **state)
{
    struct two *t = *state;

    compare(t, "cert", t->certificate, "", "");
}

static void A09_an_account(void **state)
{
    struct two *t = *state;

    compare(t, "account", t->owner->kid, "", "");
    compare(t, "account", t->owner->kid, "", "{}");
    compare(t, "account", t->owner->kid, "", "{\"contact\":[\"mailto:a@shop.example\"]}");
}

static void E04_an_id_in_another_spelling_is_nobodys_too(void **state)
{
    struct two *t = *state;
    const char *id = strrchr(t->order, '/') + 1;
    const char *const urls[] = {
        chy_fmt(t->owner->cx, LOOP_BASE "/order/%sA", id),
        chy_fmt(t->owner->cx, LOOP_BASE "/order/%.26s", id),
        chy_fmt(t->owner->cx, LOOP_BASE "/order/%s=", id),
        chy_fmt(t->owner->cx, LOOP_BASE "/order/%%%02x%s", (unsigned)id[0], id + 1),
        LOOP_BASE "/order/..",
        LOOP_BASE "/order/'%20OR%20true",
    };

    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        loop_refused(loop_post(t->owner, urls[i], ""), 404, "malformed", "no such resource");
}

/* An id of one kind of object names nothing of another kind. */
static void E04_ids_do_not_cross_kinds(void **state)
{
    struct two *t = *state;
    struct loop_client *c = t->owner;

    loop_refused(
        loop_post(c, chy_fmt(c->cx, LOOP_BASE "/authz/%s", strrchr(t->order, '/') + 1), ""), 404,
        "malformed", "no such resource");
    loop_refused(loop_post(c, chy_fmt(c->cx, LOOP_BASE "/cert/%s", strrchr(t->order, '/') + 1), ""),
                 404, "malformed", "no such resource");
    loop_refused(
        loop_post(c, chy_fmt(c->cx, LOOP_BASE "/order/%s", strrchr(t->certificate, '/') + 1), ""),
        404, "malformed", "no such resource");
}

static void C04_a_challenge_has_one_spelling(void **state)
{
    static const char *const numbers[] = {"00", "01", "0x0", "-0", "+0", "99", "100", "0%20", " 0"};
    struct two *t = *state;
    struct loop_client *c = t->owner;
    const char *id = strrchr(t->pending_authz, '/') + 1;

    loop_ok(loop_post(c, chy_fmt(c->cx, LOOP_BASE "/challenge/%s/0", id), ""), 200);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        loop_refused(
            loop_post(c, chy_fmt(c->cx, LOOP_BASE "/challenge/%s/%s", id, numbers[i]), "{}"), 404,
            "malformed", "no such resource");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T_NO_12_an_order),
        cmocka_unit_test(T_E2E_04_finalizing_an_order),
        cmocka_unit_test(E04_an_authorization),
        cmocka_unit_test(T_C_05_a_challenge),
        cmocka_unit_test(T_R_02_a_certificate),
        cmocka_unit_test(A09_an_account),
        cmocka_unit_test(E04_an_id_in_another_spelling_is_nobodys_too),
        cmocka_unit_test(E04_ids_do_not_cross_kinds),
        cmocka_unit_test(C04_a_challenge_has_one_spelling),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
