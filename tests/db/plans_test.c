/* SPDX-License-Identifier: Apache-2.0 */
/* No statement of the store reads a growing table but by an index, with the plan that its session makes
 * once and keeps.  Every statement is run, with arguments that find nothing, and then explained. */
#include <setjmp.h>
#include <stdarg.h>
#include <glob.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hex.h"
#include "core/base/id.h"
#include "core/base/problem.h"
#include "core/base/random.h"
#include "core/store/accounts.h"
#include "core/store/authorizations.h"
#include "core/store/certificates.h"
#include "core/store/challenges.h"
#include "core/store/nonces.h"
#include "core/store/orders.h"
#include "tests/support/fakehost.h"
#include "tests/support/testdb.h"

struct fixture {
    struct testdb t;
    struct chy_ctx *cx;
    unsigned bad;
};

static void ok(struct chy_ctx *cx, enum chy_rc rc)
{
    if (rc != CHY_OK)
        fail_msg("%s", cx->problem.note != NULL ? cx->problem.note : cx->problem.detail);
}

static int setup(void **state)
{
    static struct fixture f;

    testdb_open(&f.t, true);
    f.cx = fake_cx_new(CHY_STAGE_REQUEST);
    f.cx->db = f.t.db;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fake_cx_free(f->cx);
    testdb_close(&f->t);
    return 0;
}

/* ---- run all ---- */

/* That it is prepared is enough; what became of it is store_test.c's. */
static void ran(struct chy_ctx *cx, enum chy_rc rc)
{
    (void)rc;
    chy_problem_clear(cx);
}

struct things {
    struct chy_guard guard;
    struct chy_account account;
    struct chy_order order;
    struct chy_authz_wish wish;
    struct chy_challenge challenge;
    struct chy_claimed claimed;
    struct chy_cert_record record;
    json_t *object;
    uint8_t digest[32];
};

static void run_accounts(struct chy_ctx *cx, struct things *t)
{
    struct chy_account *a;
    uint8_t key[32];
    int32_t epoch;
    bool yes;

    ran(cx, chy_store_upkeep(cx));
    ran(cx, chy_nonce_key_read(cx, &epoch, key));
    ran(cx, chy_nonce_spend(cx, &t->guard));
    ran(cx, chy_guard_spend(cx, &t->guard));
    ran(cx, chy_account_create(cx, &t->guard, &t->account, t->digest, t->digest, true, &a, &yes));
    ran(cx, chy_account_read(cx, &t->account.id, &a));
    ran(cx, chy_account_read_own(cx, &t->guard, &a));
    ran(cx, chy_account_set_contact(cx, &t->guard, t->object, &a));
}

static void run_orders(struct chy_ctx *cx, struct things *t)
{
    const struct chy_reuse reuse = {.granted_since = chy_now(cx), .valid_until = chy_now(cx)};
    const struct chy_authz *list;
    struct chy_authz *authz;
    struct chy_order *o;
    bool yes;
    size_t n;

    ran(cx, chy_order_create(cx, &t->guard, &t->order, &t->wish, 1, &reuse, chy_now(cx)));
    t->order.authzs = &t->order.id;
    t->order.n_authzs = 1;
    ran(cx, chy_order_read(cx, &t->guard, &t->order.id, &o));
    ran(cx, chy_order_load(cx, &t->order.id, &o));
    ran(cx, chy_order_park(cx, &t->order, t->digest, sizeof t->digest, &yes));
    ran(cx, chy_order_fail(cx, &t->order, t->object));
    ran(cx, chy_order_claim(cx, 60, &o));
    ran(cx, chy_order_release(cx, &t->order, chy_now(cx)));
    ran(cx, chy_order_authzs_load(cx, &t->order, &list, &n));
    ran(cx, chy_authz_read(cx, &t->guard, &t->order.id, &authz));
    ran(cx, chy_finalize_read(cx, &t->guard, &t->order.id, t->digest, &o, &list, &n, &yes));
}

static void run_work(struct chy_ctx *cx, struct things *t)
{
    struct chy_claimed *claimed;
    const uint8_t *der;
    const char *chain;
    bool yes;
    size_t n;

    ran(cx, chy_challenge_respond(cx, &t->challenge, "x", t->object, true, &yes));
    ran(cx, chy_challenges_claim(cx, 1, 60, t->object, 1, &claimed, &n));
    ran(cx, chy_challenge_prove(cx, &t->claimed, t->object, chy_now(cx), &yes));
    ran(cx, chy_challenge_postpone(cx, &t->claimed, true, t->object, chy_now(cx), &yes));
    ran(cx, chy_challenge_refuse(cx, &t->claimed, t->object, &yes));
    ran(cx, chy_certificate_record(cx, &t->order, &t->record, t->digest, 32, 60, &yes));
    ran(cx, chy_certificate_record_again(cx, &t->order, &t->record, 60, &yes));
    ran(cx, chy_certificate_store(cx, &t->order, &t->record.id, t->digest, 32, "pem", &yes));
    ran(cx, chy_certificate_read(cx, &t->guard, &t->record.id, &der, &n, &chain));
    ran(cx, chy_certificate_void(cx, &t->order, &t->record.id, chy_now(cx)));
}

static void run_all(struct chy_ctx *cx)
{
    static const char *const types[] = {"x"};
    static struct chy_ident ident = {"x", "x", "x"};
    struct things t = {.object = chy_keep_json(cx, json_object())};

    chy_id_new(cx, &t.order.id);
    t.account = (struct chy_account){.id = t.order.id, .jwk = t.object, .contact = t.object};
    t.guard = (struct chy_guard){.quarter = INT32_MAX, .account = t.order.id};
    t.challenge = (struct chy_challenge){
        .authz = t.order.id, .ident = ident, .shown = t.object, .secret = t.object};
    t.claimed.challenge = t.challenge;
    t.wish = (struct chy_authz_wish){.id = t.order.id,
                                     .subject = ident,
                                     .n_challenges = 1,
                                     .challenges = &t.challenge,
                                     .types = types,
                                     .methods = t.object};
    t.order.idents = &ident;
    t.order.n_idents = 1;
    t.order.profile = t.order.policy_revision = "x";
    t.order.ext = t.object;
    t.record = (struct chy_cert_record){
        .id = t.order.id, .profile = "x", .issuer = "x", .policy_revision = "x", .names = t.object};
    run_accounts(cx, &t);
    run_orders(cx, &t);
    run_work(cx, &t);
}

/* Statements in the sources of core/store. */
static size_t count_sources(struct chy_ctx *cx)
{
    const char *here = strrchr(__FILE__, '/');
    size_t n = 0;
    glob_t files;

    assert_non_null(here);
    assert_int_equal(
        glob(chy_fmt(cx, "%.*s/../../core/store/*.c", (int)(here - __FILE__), __FILE__), 0, NULL,
             &files),
        0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        FILE *file = fopen(files.gl_pathv[i], "re");
        char line[512];

        assert_non_null(file);
        while (fgets(line, sizeof line, file) != NULL)
            n += strstr(line, "struct chy_sql q_") != NULL;
        fclose(file);
    }
    globfree(&files);
    return n;
}

/* ---- explain all ---- */

static bool grows(const char *table)
{
    static const char *const growing[] = {"orders",     "authorizations", "order_authorizations",
                                          "challenges", "certificates",   "events"};

    for (size_t i = 0; i < sizeof growing / sizeof *growing; i++) {
        size_t n = strlen(growing[i]);

        /* itself, or one of its months */
        if (strncmp(table, growing[i], n) == 0 &&
            (table[n] == '\0' || (table[n] == '_' && table[n + 1] == '2')))
            return true;
    }
    return false;
}

static const char *member(const json_t *node, const char *name)
{
    const char *text = json_string_value(json_object_get(node, name));

    return text != NULL ? text : "";
}

static void check_node(struct fixture *f, const char *statement, const json_t *node)
{
    const char *type = member(node, "Node Type"), *table = member(node, "Relation Name");
    const json_t *plans = json_object_get(node, "Plans");
    bool scan = strstr(type, "Scan") != NULL && strcmp(type, "Bitmap Heap Scan") != 0;
    bool by_index = json_object_get(node, "Index Cond") != NULL;

    if (strcmp(type, "Bitmap Index Scan") == 0)
        table = member(node, "Index Name");
    if (scan && grows(table) && !by_index) {
        print_error("%s: %s of %s without Index Cond; filter: %s\n", statement, type, table,
                    member(node, "Filter"));
        f->bad++;
    }
    for (size_t i = 0; i < json_array_size(plans); i++)
        check_node(f, statement, json_array_get(plans, i));
}

static void explain(struct fixture *f, const char *name, const char *arguments)
{
    struct chy_sql q = {chy_fmt(f->cx, "test_%s", name),
                        chy_fmt(f->cx, "EXPLAIN (FORMAT JSON) EXECUTE %s%s", name, arguments)};
    struct chy_rows *r;
    const json_t *plan;

    ok(f->cx, chy_db_run(f->cx, &q, NULL, 0, &r));
    plan = json_object_get(json_array_get(chy_row_json(f->cx, r, 0, 0), 0), "Plan");
    assert_non_null(plan);
    check_node(f, name, plan);
}

/* Arguments that leave one partition, so that what is read in it is shown. */
static const struct chy_sql q_prepared = {
    "test_prepared",
    "SELECT p.name, COALESCE('(' || (SELECT string_agg(CASE t.type WHEN 'bytea' THEN"
    "   quote_literal($1) WHEN 'bytea[]' THEN quote_literal('{\"\\' || $1 || '\"}')"
    "   WHEN 'jsonb' THEN quote_literal('{}') WHEN 'text' THEN quote_literal('x')"
    "   WHEN 'boolean' THEN 'true' ELSE '1' END, ', ' ORDER BY t.n)"
    "   FROM unnest(p.parameter_types::text[]) WITH ORDINALITY t(type, n)) || ')', '')"
    " FROM pg_prepared_statements p WHERE p.name !~ '^(test|migrations)_' ORDER BY 1"};

static void no_statement_scans_a_growing_table(void **state)
{
    struct fixture *f = *state;
    const char *id;
    struct chy_id now;
    struct chy_rows *r;

    run_all(f->cx);
    chy_id_new(f->cx, &now);
    id = chy_fmt(f->cx, "\\x%s", chy_hex(f->cx, now.b, sizeof now.b));
    ok(f->cx, chy_db_query(f->cx, &q_prepared, &r, CHY_ARG_TEXT(id)));
    assert_int_equal(chy_rows_count(r), count_sources(f->cx));
    for (size_t i = 0; i < chy_rows_count(r); i++)
        explain(f, chy_row_text(r, i, 0), chy_row_text(r, i, 1));
    assert_int_equal(f->bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_statement_scans_a_growing_table, setup, teardown),
    };

    return cmocka_run_group_tests_name("plans", tests, NULL, NULL);
}
