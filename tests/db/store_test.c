/* SPDX-License-Identifier: Apache-2.0 */
/* The statements of core/store against a real PostgreSQL: what core.md section 35 demands of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

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
    int32_t epoch;
    struct chy_account *account;
    uint8_t thumbprint[32];
};

static void ok(struct chy_ctx *cx, enum chy_rc rc)
{
    if (rc != CHY_OK)
        fail_msg("%s", cx->problem.note != NULL ? cx->problem.note : cx->problem.detail);
}

static struct chy_guard fresh_guard(const struct fixture *f)
{
    struct chy_guard g = {.quarter = INT32_MAX, .epoch = f->epoch};

    chy_random(g.nonce, sizeof g.nonce);
    chy_random(g.request, sizeof g.request);
    if (f->account != NULL) {
        g.account = f->account->id;
        memcpy(g.thumbprint, f->thumbprint, sizeof g.thumbprint);
    }
    return g;
}

static int setup(void **state)
{
    static struct fixture f;
    struct chy_account wanted = {0};
    struct chy_guard g;
    uint8_t key[32], spki[32];
    bool created = false;

    memset(&f, 0, sizeof f);
    testdb_open(&f.t, true);
    f.cx = fake_cx_new(CHY_STAGE_REQUEST);
    f.cx->db = f.t.db;
    ok(f.cx, chy_store_upkeep(f.cx));
    ok(f.cx, chy_nonce_key_read(f.cx, &f.epoch, key));
    chy_random(f.thumbprint, 32);
    chy_random(spki, 32);
    chy_id_new(f.cx, &wanted.id);
    wanted.jwk = chy_keep_json(f.cx, json_pack("{s:s}", "kty", "EC"));
    wanted.contact = chy_keep_json(f.cx, json_array());
    g = fresh_guard(&f);
    ok(f.cx,
       chy_account_create(f.cx, &g, &wanted, f.thumbprint, spki, false, &f.account, &created));
    assert_true(created);
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

/* An order for n identifiers "n0", "n1", ...; each with one challenge. */
static struct chy_order *make_order(struct fixture *f, size_t n)
{
    static const char *const types[] = {"some-01"};
    struct chy_order *o = chy_alloc(f->cx, sizeof *o);
    struct chy_authz_wish *wishes = chy_alloc(f->cx, n * sizeof *wishes);
    json_t *methods = chy_keep_json(f->cx, json_pack("[s]", "some-01"));
    struct chy_reuse reuse;
    time_t now = chy_now(f->cx);
    struct chy_guard g = fresh_guard(f);

    o->n_idents = n;
    o->idents = chy_alloc(f->cx, n * sizeof *o->idents);
    for (size_t i = 0; i < n; i++) {
        struct chy_challenge *ch = chy_alloc(f->cx, sizeof *ch);

        o->idents[i] = (struct chy_ident){"some", chy_fmt(f->cx, "n%zu", i), NULL};
        ch->shown = chy_keep_json(f->cx, json_pack("{s:s}", "token", "t"));
        ch->secret = chy_keep_json(f->cx, json_object());
        ch->deadline = now + 86400;
        wishes[i] = (struct chy_authz_wish){.subject = o->idents[i],
                                            .n_challenges = 1,
                                            .challenges = ch,
                                            .types = types,
                                            .methods = methods};
        chy_id_new(f->cx, &wishes[i].id);
    }
    chy_id_new(f->cx, &o->id);
    o->account_id = f->account->id;
    o->profile = "web";
    o->policy_revision = "r1";
    o->ext = chy_keep_json(f->cx, json_object());
    o->expires = now + 604800;
    reuse = (struct chy_reuse){.granted_since = now - 30 * 86400,
                               .valid_until = now + 3600,
                               .made_since = now - 37 * 86400};
    ok(f->cx, chy_order_create(f->cx, &g, o, wishes, n, &reuse, now + 604800));
    return o;
}

static struct chy_order *reload(struct fixture *f, const struct chy_order *o)
{
    struct chy_order *again = NULL;

    ok(f->cx, chy_order_load(f->cx, &o->id, &again));
    assert_non_null(again);
    return again;
}

static struct chy_challenge challenge(struct fixture *f, const struct chy_id *authz, unsigned n)
{
    json_t *shown = chy_keep_json(f->cx, json_pack("{s:s}", "token", "t"));

    return (struct chy_challenge){
        .authz = *authz, .n = n, .shown = shown, .secret = chy_keep_json(f->cx, json_object())};
}

static void respond(struct fixture *f, const struct chy_id *authz)
{
    struct chy_challenge ch = challenge(f, authz, 0);
    bool taken = false;

    ok(f->cx, chy_challenge_respond(f->cx, &ch, "token.print", chy_keep_json(f->cx, json_object()),
                                    true, &taken));
    assert_true(taken);
}

static enum chy_rc claim(struct fixture *f, unsigned limit, struct chy_claimed **ret, size_t *ret_n)
{
    return chy_challenges_claim(f->cx, limit, 60, chy_keep_json(f->cx, json_pack("[s]", "some-01")),
                                100, ret, ret_n);
}

static void prove_all(struct fixture *f)
{
    struct chy_claimed *claimed;
    bool done;
    size_t n;

    ok(f->cx, claim(f, 100, &claimed, &n));
    for (size_t i = 0; i < n; i++) {
        ok(f->cx, chy_challenge_prove(f->cx, &claimed[i],
                                      chy_keep_json(f->cx, json_pack("{s:s}", "fact", "x")),
                                      chy_now(f->cx) + 86400, &done));
        assert_true(done);
    }
}

/* core.md N-02 */
static void a_nonce_is_good_once(void **state)
{
    struct fixture *f = *state;
    struct chy_guard g = fresh_guard(f), replay = g;

    chy_random(replay.request, sizeof replay.request);
    ok(f->cx, chy_nonce_spend(f->cx, &g));
    ok(f->cx, chy_nonce_spend(f->cx, &g)); /* the same request sent again after a lost connection */
    assert_int_equal(chy_nonce_spend(f->cx, &replay), CHY_ERR);
    assert_string_equal(f->cx->problem.type->urn, CHY_P_badNonce.urn);
    chy_problem_clear(f->cx);
}

static void a_nonce_of_a_voided_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct chy_guard g = fresh_guard(f);

    g.epoch++;
    assert_int_equal(chy_nonce_spend(f->cx, &g), CHY_ERR);
    assert_string_equal(f->cx->problem.type->urn, CHY_P_badNonce.urn);
    chy_problem_clear(f->cx);
}

/* Whatever a front's clock says: the slot of that quarter is emptied, or will be. */
static void a_nonce_from_before_the_sweep_is_refused(void **state)
{
    struct fixture *f = *state;
    struct chy_guard g = fresh_guard(f);

    ok(f->cx, chy_db_script(f->cx, f->t.db, "UPDATE nonce_key SET swept = 1000"));
    g.quarter = 1000;
    ok(f->cx, chy_nonce_spend(f->cx, &g));
    g = fresh_guard(f);
    g.quarter = 999;
    assert_int_equal(chy_nonce_spend(f->cx, &g), CHY_ERR);
    assert_string_equal(f->cx->problem.type->urn, CHY_P_badNonce.urn);
    chy_problem_clear(f->cx);
}

static void an_account_with_another_key_is_let_in_nowhere(void **state)
{
    struct fixture *f = *state;
    struct chy_guard g = fresh_guard(f);
    struct chy_account *a;

    g.thumbprint[0] ^= 1;
    assert_int_equal(chy_account_read_own(f->cx, &g, &a), CHY_ERR);
    assert_int_equal(f->cx->problem.status, 401);
    chy_problem_clear(f->cx);
}

/* core.md A-10: the loser of a race, or a second request, finds the first's account. */
static void one_key_is_one_account(void **state)
{
    struct fixture *f = *state;
    struct chy_account wanted = {.jwk = f->account->jwk, .contact = f->account->contact}, *found;
    struct chy_guard g = fresh_guard(f);
    uint8_t spki[32] = {0};
    bool created = true;

    chy_id_new(f->cx, &wanted.id);
    ok(f->cx, chy_account_create(f->cx, &g, &wanted, f->thumbprint, spki, false, &found, &created));
    assert_false(created);
    assert_true(chy_id_equal(&found->id, &f->account->id));
}

/* Section 35, 5: ready exactly once, with the last authorization. */
static void an_order_is_ready_with_its_last_authorization(void **state)
{
    struct fixture *f = *state;
    struct chy_order *o = make_order(f, 2);

    assert_string_equal(o->status, "pending");
    assert_int_equal(o->n_authzs, 2);
    respond(f, &o->authzs[0]);
    prove_all(f);
    assert_string_equal(reload(f, o)->status, "pending");
    respond(f, &o->authzs[1]);
    prove_all(f);
    assert_string_equal(reload(f, o)->status, "ready");
}

static void a_valid_authorization_is_reused(void **state)
{
    struct fixture *f = *state;
    struct chy_order *first = make_order(f, 2), *second, *third;

    respond(f, &first->authzs[0]);
    respond(f, &first->authzs[1]);
    prove_all(f);
    second = make_order(f, 2);
    assert_string_equal(second->status, "ready");
    assert_true(chy_id_equal(&first->authzs[0], &second->authzs[0]));
    third = make_order(f, 3);
    assert_string_equal(third->status, "pending");
    assert_true(chy_id_equal(&first->authzs[1], &third->authzs[1]));
}

/* core.md C-08 */
static void a_refused_challenge_fails_authorization_and_order(void **state)
{
    struct fixture *f = *state;
    struct chy_order *o = make_order(f, 2);
    struct chy_claimed *claimed;
    struct chy_authz *authz;
    struct chy_guard g;
    bool done = false;
    size_t n;

    respond(f, &o->authzs[0]);
    ok(f->cx, claim(f, 1, &claimed, &n));
    assert_int_equal(n, 1);
    ok(f->cx, chy_challenge_refuse(f->cx, claimed,
                                   chy_keep_json(f->cx, json_pack("{s:s,s:s,s:i}", "type", "t",
                                                                  "detail", "why", "status", 400)),
                                   &done));
    assert_true(done);
    o = reload(f, o);
    assert_string_equal(o->status, "invalid");
    assert_non_null(strstr(json_string_value(json_object_get(o->error, "detail")), "why"));
    g = fresh_guard(f);
    ok(f->cx, chy_authz_read(f->cx, &g, &o->authzs[0], &authz));
    assert_string_equal(authz->status, "invalid");
    assert_string_equal(authz->challenges[0].status, "invalid");
}

/* Section 35, 15: a lease keeps others away until it ends, then a late verdict counts no more. */
static void a_lease_ends_and_its_verdict_with_it(void **state)
{
    struct fixture *f = *state;
    struct chy_order *o = make_order(f, 1);
    struct chy_claimed *first, *second;
    bool done = true;
    size_t n;

    respond(f, &o->authzs[0]);
    ok(f->cx, claim(f, 10, &first, &n));
    assert_int_equal(n, 1);
    ok(f->cx, claim(f, 10, &second, &n));
    assert_int_equal(n, 0);
    f->cx->fixed_now += 61;
    ok(f->cx, claim(f, 10, &second, &n));
    assert_int_equal(n, 1);
    assert_int_equal(second->claims, 2);
    assert_int_equal(second->challenge.attempts, 0); /* nothing has failed */
    ok(f->cx, chy_challenge_prove(f->cx, first, chy_keep_json(f->cx, json_object()),
                                  chy_now(f->cx) + 100, &done));
    assert_false(done);
    ok(f->cx, chy_challenge_prove(f->cx, second, chy_keep_json(f->cx, json_object()),
                                  chy_now(f->cx) + 100, &done));
    assert_true(done);
}

/* core.md C-07 */
static void only_one_challenge_is_attempted(void **state)
{
    struct fixture *f = *state;
    struct chy_order *o = make_order(f, 1);
    struct chy_challenge other = challenge(f, &o->authzs[0], 1);
    bool taken = true;

    respond(f, &o->authzs[0]);
    respond(f, &o->authzs[0]); /* the same one again changes nothing (core.md C-06) */
    ok(f->cx, chy_challenge_respond(f->cx, &other, "x", chy_keep_json(f->cx, json_object()), false,
                                    &taken));
    assert_false(taken);
}

static struct chy_cert_record make_record(struct fixture *f)
{
    struct chy_cert_record r = {.profile = "web",
                                .issuer = "web-1",
                                .policy_revision = "r1",
                                .names = chy_keep_json(f->cx, json_pack("[s]", "dNSName:n0")),
                                .not_before = chy_now(f->cx),
                                .not_after = chy_now(f->cx) + 86400};

    chy_id_new(f->cx, &r.id);
    return r;
}

static struct chy_order *ready_order(struct fixture *f)
{
    struct chy_order *o = make_order(f, 1);

    if (strcmp(o->status, "ready") == 0)
        return o;
    respond(f, &o->authzs[0]);
    prove_all(f);
    return reload(f, o);
}

/* core.md F-03: of two finalize requests one records; sending its statement again is no second. */
static void an_order_is_recorded_once(void **state)
{
    struct fixture *f = *state;
    struct chy_order *o = ready_order(f);
    struct chy_cert_record one = make_record(f), two = make_record(f);
    const uint8_t csr[] = {1, 2, 3};
    bool taken = false;

    ok(f->cx, chy_certificate_record(f->cx, o, &one, csr, sizeof csr, 60, &taken));
    assert_true(taken);
    ok(f->cx, chy_certificate_record(f->cx, o, &one, csr, sizeof csr, 60, &taken));
    assert_true(taken);
    ok(f->cx, chy_certificate_record(f->cx, o, &two, csr, sizeof csr, 60, &taken));
    assert_false(taken);
}

/* A record whose signature was not stored is lost, its serial revoked, and cannot be stored later. */
static void a_lost_record_is_revoked_and_never_stored(void **state)
{
    static const struct chy_sql q = {
        "test_lost", "SELECT (SELECT status FROM certificates WHERE id = $1::bytea),"
                     " EXISTS (SELECT 1 FROM revocations WHERE serial = $1::bytea)"};
    struct fixture *f = *state;
    struct chy_order *o = ready_order(f), *claimed = o;
    struct chy_cert_record one = make_record(f), two = make_record(f);
    const uint8_t csr[] = {1, 2, 3}, der[] = {9};
    struct chy_rows *rows;
    bool yes = false;

    ok(f->cx, chy_certificate_record(f->cx, o, &one, csr, sizeof csr, 60, &yes));
    assert_true(yes);
    ok(f->cx, chy_order_claim(f->cx, 60, &claimed));
    assert_null(claimed); /* its front is still at it */
    f->cx->fixed_now += 61;
    ok(f->cx, chy_order_claim(f->cx, 60, &claimed));
    assert_non_null(claimed);
    assert_memory_equal(claimed->csr, csr, sizeof csr);
    ok(f->cx, chy_certificate_record_again(f->cx, claimed, &two, 60, &yes));
    assert_true(yes);
    ok(f->cx, chy_certificate_store(f->cx, o, &one.id, der, sizeof der, "chain", &yes));
    assert_false(yes);
    ok(f->cx, chy_certificate_store(f->cx, o, &two.id, der, sizeof der, "chain", &yes));
    assert_true(yes);
    assert_string_equal(reload(f, o)->status, "valid");
    ok(f->cx, chy_db_query(f->cx, &q, &rows, CHY_ARG_ID(&one.id)));
    assert_string_equal(chy_row_text(rows, 0, 0), "lost");
    assert_true(chy_row_bool(rows, 0, 1));
}

/* A signer that is away costs no revocation. */
static void an_unsigned_record_is_void_and_the_order_comes_back(void **state)
{
    static const struct chy_sql q = {
        "test_void", "SELECT (SELECT status FROM certificates WHERE id = $1::bytea),"
                     " EXISTS (SELECT 1 FROM revocations WHERE serial = $1::bytea)"};
    struct fixture *f = *state;
    struct chy_order *o = ready_order(f), *claimed;
    struct chy_cert_record r = make_record(f);
    const uint8_t csr[] = {1, 2, 3};
    struct chy_rows *rows;
    bool yes = false;

    ok(f->cx, chy_certificate_record(f->cx, o, &r, csr, sizeof csr, 60, &yes));
    ok(f->cx, chy_certificate_void(f->cx, o, &r.id, chy_now(f->cx)));
    ok(f->cx, chy_db_query(f->cx, &q, &rows, CHY_ARG_ID(&r.id)));
    assert_string_equal(chy_row_text(rows, 0, 0), "void");
    assert_false(chy_row_bool(rows, 0, 1));
    ok(f->cx, chy_order_claim(f->cx, 60, &claimed));
    assert_non_null(claimed);
    assert_false(claimed->has_certificate);
}

/* core.md F-11: what was checked before must still hold when the record is made. */
static void nothing_is_recorded_for_an_account_that_is_no_longer_valid(void **state)
{
    static const struct chy_sql off = {"test_off", "UPDATE accounts SET status = 'deactivated'"};
    struct fixture *f = *state;
    struct chy_order *o = ready_order(f);
    struct chy_cert_record r = make_record(f);
    const uint8_t csr[] = {1, 2, 3};
    bool yes = true;

    ok(f->cx, chy_db_run(f->cx, &off, NULL, 0, NULL));
    ok(f->cx, chy_certificate_record(f->cx, o, &r, csr, sizeof csr, 60, &yes));
    assert_false(yes);
}

static void nothing_is_recorded_on_an_authorization_that_has_ended(void **state)
{
    struct fixture *f = *state;
    struct chy_order *o = ready_order(f);
    struct chy_cert_record r = make_record(f);
    const uint8_t csr[] = {1, 2, 3};
    bool yes = true;

    f->cx->fixed_now += 86401; /* prove_all gave it a day */
    ok(f->cx, chy_certificate_record(f->cx, o, &r, csr, sizeof csr, 60, &yes));
    assert_false(yes);
}

/* One account's names do not take every thread. */
static void an_account_has_only_so_many_in_hands(void **state)
{
    struct fixture *f = *state;
    struct chy_order *o = make_order(f, 3);
    json_t *types = chy_keep_json(f->cx, json_pack("[s]", "some-01"));
    struct chy_claimed *c;
    size_t n;

    for (size_t i = 0; i < 3; i++)
        respond(f, &o->authzs[i]);
    for (size_t i = 0; i < 3; i++) {
        ok(f->cx, chy_challenges_claim(f->cx, 1, 60, types, 2, &c, &n));
        assert_int_equal(n, i < 2);
    }
}

static void a_challenge_of_a_module_that_is_not_here_waits_until_its_deadline(void **state)
{
    struct fixture *f = *state;
    struct chy_order *o = make_order(f, 1);
    json_t *types = chy_keep_json(f->cx, json_pack("[s]", "other-01"));
    struct chy_claimed *c;
    size_t n;

    respond(f, &o->authzs[0]);
    ok(f->cx, chy_challenges_claim(f->cx, 1, 60, types, 2, &c, &n));
    assert_int_equal(n, 0);
    f->cx->fixed_now += 86401;
    ok(f->cx, chy_challenges_claim(f->cx, 1, 60, types, 2, &c, &n));
    assert_int_equal(n, 1);
}

/* core.md NO-09 */
static void an_order_whose_time_is_over_reads_as_invalid(void **state)
{
    struct fixture *f = *state;
    struct chy_order *o = make_order(f, 1);

    f->cx->fixed_now += 8 * 86400;
    assert_string_equal(reload(f, o)->status, "invalid");
}

static void an_order_of_another_account_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct chy_order *o = make_order(f, 1), *found = o;
    struct chy_account wanted = {.jwk = f->account->jwk, .contact = f->account->contact}, *other;
    struct chy_guard g = fresh_guard(f);
    uint8_t thumbprint[32], spki[32];
    bool created;

    chy_random(thumbprint, 32);
    chy_random(spki, 32);
    chy_id_new(f->cx, &wanted.id);
    ok(f->cx, chy_account_create(f->cx, &g, &wanted, thumbprint, spki, false, &other, &created));
    g = fresh_guard(f);
    g.account = other->id;
    memcpy(g.thumbprint, thumbprint, 32);
    ok(f->cx, chy_order_read(f->cx, &g, &o->id, &found));
    assert_null(found);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_nonce_is_good_once),
        TEST(a_nonce_of_a_voided_key_is_refused),
        TEST(a_nonce_from_before_the_sweep_is_refused),
        TEST(an_account_with_another_key_is_let_in_nowhere),
        TEST(one_key_is_one_account),
        TEST(an_order_is_ready_with_its_last_authorization),
        TEST(a_valid_authorization_is_reused),
        TEST(a_refused_challenge_fails_authorization_and_order),
        TEST(a_lease_ends_and_its_verdict_with_it),
        TEST(only_one_challenge_is_attempted),
        TEST(an_order_is_recorded_once),
        TEST(a_lost_record_is_revoked_and_never_stored),
        TEST(an_unsigned_record_is_void_and_the_order_comes_back),
        TEST(nothing_is_recorded_for_an_account_that_is_no_longer_valid),
        TEST(nothing_is_recorded_on_an_authorization_that_has_ended),
        TEST(an_account_has_only_so_many_in_hands),
        TEST(a_challenge_of_a_module_that_is_not_here_waits_until_its_deadline),
        TEST(an_order_whose_time_is_over_reads_as_invalid),
        TEST(an_order_of_another_account_is_not_there),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
