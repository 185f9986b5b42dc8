/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into challenge types: what is shown, what evidence weighs, what a verdict may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/ext/dispatch.h"
#include "tests/support/fakehost.h"
#include "tests/unit/dispatch_actor.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ"

static json_t *with_token(struct chy_ctx *cx, const char *token)
{
    return chy_keep_json(cx, json_pack("{s:s}", "token", token));
}

/* A text of n octets as a JSON string is n + 2. */
static json_t *weighing(struct chy_ctx *cx, size_t n)
{
    char *text = chy_alloc(cx, n + 1);

    memset(text, 'x', n);
    return chy_keep_json(cx, json_pack("{s:s}", "x", text));
}

/* ---- offer ---- */

static void an_offer_shows_its_token_and_keeps_its_secret(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_challenge ch = {0};
    bool offered = false;

    actor.stage = CHY_STAGE_REQUEST;
    actor.flag = true;
    actor.shown = with_token(cx, TOKEN);
    actor.secret = chy_keep_json(cx, json_object());
    assert_int_equal(chy_challenge_offer(cx, &actor_challenge, &ch, &offered), CHY_OK);
    assert_true(offered);
    assert_ptr_equal(ch.shown, actor.shown);
}

static void a_type_may_stay_silent(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_challenge ch = {0};
    bool offered = true;

    assert_int_equal(chy_challenge_offer(cx, &actor_challenge, &ch, &offered), CHY_OK);
    assert_false(offered);
}

/* RFC 8555 section 8.1: at least 128 bits, base64url. */
static void an_offer_bound_by_key_authorization_needs_a_token(void **state)
{
    struct chy_ctx *cx = *state;
    static const char *const bad[] = {
        "", "tooShort", "evaGxfADs6pSRb2LAv9IZf17Dt3juxG=", "evaGxfADs6pSRb2LAv9IZ f17Dt3juxGJ"};
    struct chy_challenge ch = {0};
    bool offered;

    actor.flag = true;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        actor.shown = with_token(cx, bad[i]);
        assert_int_equal(chy_challenge_offer(cx, &actor_challenge, &ch, &offered), CHY_ERR);
        assert_note(cx, "shows no base64url token of at least 22 characters");
        chy_problem_clear(cx);
    }
    actor.shown = NULL;
    assert_int_equal(chy_challenge_offer(cx, &actor_challenge, &ch, &offered), CHY_ERR);
    assert_note(cx, "shows no base64url token");
    chy_problem_clear(cx);
    assert_int_equal(chy_challenge_offer(cx, &plain_challenge, &ch, &offered), CHY_OK);
}

static void an_offer_may_not_show_members_of_core(void **state)
{
    static const char *const core_members[] = {"type", "url", "status", "validated", "error"};
    struct chy_ctx *cx = *state;
    struct chy_challenge ch = {0};
    bool offered;

    actor.flag = true;
    for (size_t i = 0; i < sizeof core_members / sizeof *core_members; i++) {
        actor.shown = with_token(cx, TOKEN);
        json_object_set_new(actor.shown, core_members[i], json_string("valid"));
        assert_int_equal(chy_challenge_offer(cx, &actor_challenge, &ch, &offered), CHY_ERR);
        assert_note(cx, core_members[i]);
        chy_problem_clear(cx);
    }
}

static void what_an_offer_leaves_is_bounded(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_challenge ch = {0};
    char *key = chy_alloc(cx, 258);
    bool offered;

    actor.flag = true;
    actor.shown = with_token(cx, TOKEN);
    actor.secret = weighing(cx, 65536);
    assert_int_equal(chy_challenge_offer(cx, &actor_challenge, &ch, &offered), CHY_ERR);
    assert_note(cx, "secret of challenge type actor-01 is no object of at most 65536 octets");
    chy_problem_clear(cx);
    ch = (struct chy_challenge){0};
    actor.secret = chy_keep_json(cx, json_array());
    assert_int_equal(chy_challenge_offer(cx, &actor_challenge, &ch, &offered), CHY_ERR);
    assert_note(cx, "secret of challenge type");
    chy_problem_clear(cx);
    ch = (struct chy_challenge){0};
    actor.secret = NULL;
    memset(key, 'k', 257);
    actor.lookup_key = key;
    assert_int_equal(chy_challenge_offer(cx, &actor_challenge, &ch, &offered), CHY_ERR);
    assert_note(cx, "lookup key of challenge type actor-01");
    chy_problem_clear(cx);
    ch = (struct chy_challenge){0};
    key[256] = '\0';
    assert_int_equal(chy_challenge_offer(cx, &actor_challenge, &ch, &offered), CHY_OK);
}

/* ---- accept ---- */

/* RFC 8555 section 7.5.1. */
static void a_response_must_be_an_object(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_challenge ch = {.shown = with_token(cx, TOKEN)};
    json_t *array = chy_keep_json(cx, json_array()), *object = chy_keep_json(cx, json_object());

    assert_int_equal(chy_challenge_accept(cx, &actor_challenge, &ch, array), CHY_ERR);
    assert_problem(cx, &CHY_P_malformed, "must be a JSON object");
    chy_problem_clear(cx);
    assert_int_equal(chy_challenge_accept(cx, &plain_challenge, &ch, object), CHY_OK);
    assert_int_equal(actor.calls, 0);
    assert_int_equal(chy_challenge_accept(cx, &actor_challenge, &ch, object), CHY_OK);
    assert_int_equal(actor.calls, 1);
    actor.rc = CHY_ERR;
    assert_int_equal(chy_challenge_accept(cx, &actor_challenge, &ch, object), CHY_ERR);
    assert_note(cx, "module actors failed without a reason: accept of actor-01");
}

/* ---- probe ---- */

static void a_probe_gives_bounded_evidence(void **state)
{
    struct chy_ctx *cx = *state;
    const struct chy_challenge ch = {0};
    json_t *evidence = NULL, *deep = json_object();

    actor.stage = CHY_STAGE_PROBE;
    assert_int_equal(chy_challenge_probe(cx, &actor_challenge, &ch, &evidence), CHY_ERR);
    assert_note(cx, "probe of challenge type actor-01 gave no evidence");
    chy_problem_clear(cx);
    actor.evidence = weighing(cx, 65536);
    assert_int_equal(chy_challenge_probe(cx, &actor_challenge, &ch, &evidence), CHY_ERR);
    assert_note(cx, "gave no evidence of at most 65536 octets");
    chy_problem_clear(cx);
    for (int i = 0; i < 20; i++)
        deep = json_pack("{s:o}", "x", deep);
    actor.evidence = chy_keep_json(cx, deep);
    assert_int_equal(chy_challenge_probe(cx, &actor_challenge, &ch, &evidence), CHY_ERR);
    chy_problem_clear(cx);
    actor.evidence = weighing(cx, 65536 - 8);
    assert_int_equal(chy_challenge_probe(cx, &actor_challenge, &ch, &evidence), CHY_OK);
    assert_ptr_equal(evidence, actor.evidence);
}

static void a_probe_that_fails_untyped_fails_with_the_fallback(void **state)
{
    struct chy_ctx *cx = *state;
    const struct chy_challenge ch = {0};
    json_t *evidence;

    actor.rc = CHY_ERR;
    assert_int_equal(chy_challenge_probe(cx, &actor_challenge, &ch, &evidence), CHY_ERR);
    assert_unexplained(cx, "module actors failed without a reason: probe of actor-01");
}

static void a_type_without_probe_has_no_evidence(void **state)
{
    struct chy_ctx *cx = *state;
    const struct chy_challenge ch = {0};
    json_t *evidence = (json_t *)&ch;

    assert_int_equal(chy_challenge_probe(cx, &plain_challenge, &ch, &evidence), CHY_OK);
    assert_null(evidence);
}

/* ---- step ---- */

static enum chy_rc step(struct chy_ctx *cx, struct chy_verdict *ret)
{
    struct chy_challenge ch = {.shown = with_token(cx, TOKEN)};
    const struct chy_event ev = {.kind = CHY_EV_START, .quorum = true};

    return chy_challenge_step(cx, &actor_challenge, &ch, &ev, ret);
}

static void a_valid_verdict_has_a_grant_that_ends_with_its_evidence(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_verdict v;

    actor.stage = CHY_STAGE_STEP;
    actor.verdict = (struct chy_verdict){.state = CHY_V_VALID};
    assert_int_equal(step(cx, &v), CHY_OK);
    assert_int_equal(v.state, CHY_V_VALID);
    assert_true(json_is_object(v.grant));
    assert_int_equal(v.grant_expires, chy_now(cx) + 3600);
    actor.verdict.grant_expires = chy_now(cx) + 7200;
    assert_int_equal(step(cx, &v), CHY_OK);
    assert_int_equal(v.grant_expires, chy_now(cx) + 3600);
    actor.verdict.grant_expires = chy_now(cx) + 60;
    assert_int_equal(step(cx, &v), CHY_OK);
    assert_int_equal(v.grant_expires, chy_now(cx) + 60);
    actor.verdict.grant_expires = chy_now(cx);
    assert_int_equal(step(cx, &v), CHY_ERR);
    assert_note(cx, "gave a grant that is over already");
}

static void a_grant_is_a_bounded_object(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_verdict v;

    actor.verdict = (struct chy_verdict){.state = CHY_V_VALID, .grant = weighing(cx, 65536)};
    assert_int_equal(step(cx, &v), CHY_ERR);
    assert_note(cx, "grant of challenge type actor-01 is no object of at most");
    chy_problem_clear(cx);
    actor.verdict.grant = chy_keep_json(cx, json_array());
    assert_int_equal(step(cx, &v), CHY_ERR);
    assert_note(cx, "grant of challenge type actor-01");
}

static void a_wake_up_in_the_past_is_moved_forward(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_verdict v;

    actor.verdict = (struct chy_verdict){.state = CHY_V_PENDING, .wake_at = 1};
    assert_int_equal(step(cx, &v), CHY_OK);
    assert_int_equal(v.wake_at, chy_now(cx) + 1);
    actor.verdict.wake_at = chy_now(cx) + 30;
    assert_int_equal(step(cx, &v), CHY_OK);
    assert_int_equal(v.wake_at, chy_now(cx) + 30);
}

static void an_invalid_verdict_always_has_a_reason(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_verdict v;

    actor.verdict = (struct chy_verdict){.state = CHY_V_INVALID};
    assert_int_equal(step(cx, &v), CHY_OK);
    assert_int_equal(v.state, CHY_V_INVALID);
    assert_unexplained(cx, "module actors failed without a reason: the verdict of actor-01");
    chy_problem_clear(cx);
    actor.fails = &CHY_P_dns;
    assert_int_equal(step(cx, &v), CHY_OK);
    assert_int_equal(v.state, CHY_V_INVALID);
    assert_problem(cx, &CHY_P_dns, "the actor says no");
}

static void a_recorded_failure_outweighs_a_valid_verdict(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_verdict v = {.state = CHY_V_PENDING};

    actor.verdict = (struct chy_verdict){.state = CHY_V_VALID};
    actor.fails = &CHY_P_unauthorized;
    assert_int_equal(step(cx, &v), CHY_ERR);
    assert_int_equal(v.state, CHY_V_PENDING);
    assert_problem(cx, &CHY_P_unauthorized, "the actor says no");
}

static void a_step_that_fails_untyped_fails_with_the_fallback(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_verdict v;

    actor.verdict = (struct chy_verdict){.state = CHY_V_VALID};
    actor.rc = CHY_ERR;
    assert_int_equal(step(cx, &v), CHY_ERR);
    assert_unexplained(cx, "module actors failed without a reason: step of actor-01");
}

static void an_unknown_verdict_is_refused(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_verdict v;

    actor.verdict = (struct chy_verdict){.state = (enum chy_verdict_state)7};
    assert_int_equal(step(cx, &v), CHY_ERR);
    assert_note(cx, "gave the verdict 7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, actor_setup, actor_teardown)
        T(an_offer_shows_its_token_and_keeps_its_secret),
        T(a_type_may_stay_silent),
        T(an_offer_bound_by_key_authorization_needs_a_token),
        T(an_offer_may_not_show_members_of_core),
        T(what_an_offer_leaves_is_bounded),
        T(a_response_must_be_an_object),
        T(a_probe_gives_bounded_evidence),
        T(a_probe_that_fails_untyped_fails_with_the_fallback),
        T(a_type_without_probe_has_no_evidence),
        T(a_valid_verdict_has_a_grant_that_ends_with_its_evidence),
        T(a_grant_is_a_bounded_object),
        T(a_wake_up_in_the_past_is_moved_forward),
        T(an_invalid_verdict_always_has_a_reason),
        T(a_recorded_failure_outweighs_a_valid_verdict),
        T(a_step_that_fails_untyped_fails_with_the_fallback),
        T(an_unknown_verdict_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
