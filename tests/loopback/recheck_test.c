/* SPDX-License-Identifier: Apache-2.0 */
/* An identifier type whose grants age: finalize parks the order, a worker looks at the world again and
 * issues, or ends the order (core.md F-11, F-12).  The type is the toy module's with a recheck added;
 * server and worker are given a registry in memory. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOY_HIDDEN        /* no descriptor that a loader would find */
#define accept toy_accept /* is taken by sockets */
#include "tests/toy/toy.c"
#undef accept

#define WORD "toy:ball"
#define RECHECK_AFTER_S 3600

static _Atomic unsigned looked;
static _Atomic bool world_says_no;

static enum chy_rc look_again(struct chy_ctx *cx, const struct chy_ident *id, bool wildcard,
                              const json_t *grant)
{
    (void)wildcard;
    looked++;
    if (json_object_get(grant, "how") == NULL)
        return FAIL(cx, &CHY_P_serverInternal, "no grant");
    if (world_says_no)
        return FAIL(cx, &CHY_P_caa, "toy: %s must not be had any more", id->value);
    return CHY_OK;
}

#include <cmocka.h> /* here: its macro fail() would be seen in the module */

#include "core/acme/request.h"
#include "core/base/problem.h"
#include "core/work/thread.h"
#include "tests/support/loopback.h"

struct world {
    struct loopback *lb;
    struct loop_client *client;
    struct chy_registry *first[2];
    struct chy_worker *worker;
    bool running;
};

static struct chy_registry *toy_registry(struct chy_ctx *cx)
{
    static struct chy_ident_type aging;
    static const struct chy_ident_type *const types[] = {&aging, NULL};
    static struct chy_module with_recheck;
    const struct chy_module *list[] = {&with_recheck};
    struct chy_registry *r;

    aging = toy_ident;
    aging.recheck = look_again;
    aging.recheck_after_s = RECHECK_AFTER_S;
    with_recheck = hidden;
    with_recheck.ident_types = types;
    if (chy_registry_build(cx, list, 1, &r) != CHY_OK)
        fail_msg("%s", cx->problem.note != NULL ? cx->problem.note : cx->problem.detail);
    return r;
}

static int setup(void **state)
{
    static struct world w;
    struct chy_ctx *cx;

    w = (struct world){.lb = loopback_open(NULL)};
    cx = w.lb->cx;
    if (chy_worker_new(cx, &w.lb->node, &w.worker) != CHY_OK)
        fail_msg("%s", cx->problem.note);
    w.first[0] = w.lb->server->registry;
    w.first[1] = w.worker->registry;
    w.lb->server->registry = toy_registry(cx);
    w.worker->registry = toy_registry(cx);
    loop_policy(w.lb, "profiles/short.yaml", NULL);
    loop_policy(w.lb, "profiles/web.yaml",
                "issuer: web-1\n"
                "identifiers: { toy: { words: [ball, kite] } }\n"
                "challenges: [toy-01]\n"
                "keys: [ec-p256]\n"
                "lifetime: { default: 90d, max: 90d }\n"
                "key-usage: [digitalSignature]\n"
                "extended-key-usage: [serverAuth]\n");
    loop_reload(w.lb);
    assert_int_equal(chy_worker_reload(cx, w.worker), CHY_OK);
    w.client = loop_account(w.lb);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    chy_worker_free(w->worker);
    loopback_close(w->lb);
    chy_registry_free(w->first[0]);
    chy_registry_free(w->first[1]);
    return 0;
}

/* A worker works until the SQL condition about the order holds. */
static void work_until(struct world *w, const char *order, const char *condition)
{
    int tries = 150;

    w->worker->stopping = false;
    chy_problem_clear(w->lb->cx);
    assert_int_equal(chy_worker_start(w->lb->cx, w->worker), CHY_OK);
    while (loop_sql_int(w->lb, "SELECT count(*) FROM orders WHERE id = %s AND %s",
                        loop_id(w->lb, order), condition) == 0 &&
           tries-- > 0)
        usleep(100000);
    chy_worker_stop(w->worker);
    if (tries <= 0)
        fail_msg("never: %s", condition);
}

/* An order of a name not yet proved by this account, proved by the worker itself. */
static const char *ready_order(struct world *w)
{
    struct loop_client *c = w->client = loop_account(w->lb);
    struct loop_reply *r =
        loop_ok(loop_post(c, LOOP_BASE "/new-order",
                          "{\"identifiers\":[{\"type\":\"toy\",\"value\":\"" WORD "\"}]}"),
                201);
    const char *order = loop_header(r, "Location"), *token, *url;
    const json_t *ch;
    char *backwards;
    size_t n;

    r = loop_ok(
        loop_post(c,
                  json_string_value(json_array_get(json_object_get(r->json, "authorizations"), 0)),
                  ""),
        200);
    ch = json_array_get(json_object_get(r->json, "challenges"), 0);
    token = json_string_value(json_object_get(ch, "token"));
    url = json_string_value(json_object_get(ch, "url"));
    n = strlen(token);
    backwards = chy_fmt(c->cx, "%s", token);
    for (size_t i = 0; i < n; i++)
        backwards[i] = token[n - 1 - i];
    loop_ok(loop_post(c, url, chy_fmt(c->cx, "{\"answer\":\"%s\"}", backwards)), 200);
    work_until(w, order, "status = 'ready'");
    return order;
}

static struct loop_reply *finalize(struct world *w, const char *order)
{
    struct loop_csr csr = {.san = "URI:" WORD};

    return loop_finalize_with(w->client, order, loop_csr(w->client, &csr));
}

static void a_fresh_grant_is_issued_on_at_once(void **state)
{
    struct world *w = *state;
    const char *order = ready_order(w);
    unsigned before = looked;

    assert_string_equal(loop_text(loop_ok(finalize(w, order), 200), "status"), "valid");
    assert_int_equal(looked, before);
}

static void F11_an_old_grant_parks_the_order_and_a_worker_looks_again(void **state)
{
    struct world *w = *state;
    const char *order = ready_order(w);
    unsigned before = looked;
    struct loop_reply *r;

    loop_clock(w->lb, RECHECK_AFTER_S + 60);
    r = loop_ok(finalize(w, order), 200);
    assert_string_equal(loop_text(r, "status"), "processing");
    assert_non_null(loop_header(r, "Retry-After"));
    assert_int_equal(looked, before);
    assert_int_equal(loop_sql_int(w->lb, "SELECT count(*) FROM certificates WHERE order_id = %s",
                                  loop_id(w->lb, order)),
                     0);
    loop_refused(finalize(w, order), 403, "orderNotReady", "processing");
    work_until(w, order, "status = 'valid'");
    assert_int_equal(looked, before + 1);
    r = loop_read(w->client, order);
    loop_ok(loop_post(w->client, loop_text(r, "certificate"), ""), 200);
    loop_clock(w->lb, 0);
}

static void T_F_10_what_no_longer_holds_ends_the_order_with_its_reason(void **state)
{
    struct world *w = *state;
    const char *order = ready_order(w);
    struct loop_reply *r;

    loop_clock(w->lb, RECHECK_AFTER_S + 60);
    world_says_no = true;
    loop_ok(finalize(w, order), 200);
    work_until(w, order, "status = 'invalid'");
    r = loop_read(w->client, order);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(r->json, "error"), "type")),
        CHY_ACME_ERROR("caa"));
    assert_int_equal(loop_sql_int(w->lb, "SELECT count(*) FROM certificates WHERE order_id = %s",
                                  loop_id(w->lb, order)),
                     0);
    world_says_no = false;
    loop_clock(w->lb, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_grant_is_issued_on_at_once),
        cmocka_unit_test(F11_an_old_grant_parks_the_order_and_a_worker_looks_again),
        cmocka_unit_test(T_F_10_what_no_longer_holds_ends_the_order_with_its_reason),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
