/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into identifier types, orders and objects: what a module answers is looked at, a failure has
 * always a reason, and the context is as before afterwards.  Challenges: dispatch_challenge_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/ext/dispatch.h"
#include "tests/support/fakehost.h"
#include "tests/unit/dispatch_actor.h"

static struct chy_ident made(const char *value)
{
    return (struct chy_ident){.type = "actor", .value = value, .shown = value};
}

/* ---- parse ---- */

static enum chy_rc parse_with(struct chy_ctx *cx, const char *type, const char *value,
                              struct chy_ident *ret)
{
    json_t *o = chy_keep_json(cx, json_pack("{s:s*, s:s}", "type", type, "value", "v"));

    actor.ident = (struct chy_ident){.type = "actor", .value = value};
    return chy_ident_parse(cx, o, ret);
}

static void parse_gives_what_the_module_made_in_the_registrys_own_words(void **state)
{
    struct chy_ctx *cx = *state;
    char type[] = "actor";
    struct chy_ident id;

    actor.stage = CHY_STAGE_REQUEST;
    assert_int_equal(parse_with(cx, type, "abc", &id), CHY_OK);
    assert_string_equal(id.type, "actor");
    assert_ptr_equal(id.type, chy_registry_ident(cx->registry, "actor")->name);
    assert_string_equal(id.value, "abc");
    assert_string_equal(id.shown, "abc");
    assert_int_equal(actor.calls, 1);
}

/* core.md and RFC 8555 section 7.1.3: unknown types have a problem of their own. */
static void parse_refuses_unknown_types_and_what_is_no_identifier(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id;

    assert_int_equal(parse_with(cx, "unheard\n-of", "abc", &id), CHY_ERR);
    assert_problem(cx, &CHY_P_unsupportedIdentifier, "'unheard?-of' is not supported");
    chy_problem_clear(cx);
    assert_int_equal(parse_with(cx, NULL, "abc", &id), CHY_ERR);
    assert_problem(cx, &CHY_P_malformed, "type");
    chy_problem_clear(cx);
    assert_int_equal(chy_ident_parse(cx, chy_keep_json(cx, json_array()), &id), CHY_ERR);
    assert_problem(cx, &CHY_P_malformed, "must be an object");
    chy_problem_clear(cx);
    assert_int_equal(chy_ident_parse(cx, NULL, &id), CHY_ERR);
    assert_problem(cx, &CHY_P_malformed, "must be an object");
    assert_int_equal(actor.calls, 0);
}

static void parse_refuses_identifiers_that_could_not_be_kept(void **state)
{
    struct chy_ctx *cx = *state;
    char *huge = chy_alloc(cx, 4098);
    struct chy_ident id;

    memset(huge, 'a', 4097);
    const char *const bad[] = {NULL, "", huge, "\xff", "a\xc0\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(parse_with(cx, "actor", bad[i], &id), CHY_ERR);
        assert_note(cx, "parse of identifier type actor gave a value that is no UTF-8");
        chy_problem_clear(cx);
    }
    huge[4096] = '\0';
    assert_int_equal(parse_with(cx, "actor", huge, &id), CHY_OK);
}

static void parse_refuses_an_identifier_of_another_type(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *o = chy_keep_json(cx, json_pack("{s:s}", "type", "actor"));
    struct chy_ident id;

    actor.ident = (struct chy_ident){.type = "other", .value = "abc"};
    assert_int_equal(chy_ident_parse(cx, o, &id), CHY_ERR);
    assert_note(cx, "gave an identifier of type other");
    chy_problem_clear(cx);
    actor.ident.type = NULL;
    assert_int_equal(chy_ident_parse(cx, o, &id), CHY_ERR);
    assert_note(cx, "gave an identifier of type (none)");
}

/* ---- the frame ---- */

static void a_failure_without_a_reason_gets_one(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id = made("abc");

    actor.rc = CHY_ERR;
    assert_int_equal(parse_with(cx, "actor", "abc", &id), CHY_ERR);
    assert_note(cx, "module actors failed without a reason: parse of actor");
    chy_problem_clear(cx);
    assert_int_equal(chy_ident_permitted(cx, &id, NULL, false), CHY_ERR);
    assert_note(cx, "module actors failed without a reason: permitted of actor");
}

static void success_after_a_recorded_failure_is_failure(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id = made("abc");

    actor.fails = &CHY_P_caa;
    assert_int_equal(chy_ident_permitted(cx, &id, NULL, false), CHY_ERR);
    assert_problem(cx, &CHY_P_caa, "the actor says no");
}

static void a_unit_that_has_failed_calls_no_module(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id = made("abc");

    assert_int_equal(chy_fail(cx, &CHY_P_badCSR, "earlier"), CHY_ERR);
    assert_int_equal(chy_ident_permitted(cx, &id, NULL, false), CHY_ERR);
    assert_int_equal(actor.calls, 0);
    assert_problem(cx, &CHY_P_badCSR, "earlier");
}

static void module_and_stage_are_set_inside_and_restored_after(void **state)
{
    static const struct chy_module outer = {CHY_MODULE("outer", "1")};
    struct chy_ctx *cx = *state;
    struct chy_ident id = made("abc");

    cx->module = &outer;
    cx->stage = CHY_STAGE_JOB;
    actor.stage = CHY_STAGE_ISSUE; /* pure: neither database nor network */
    assert_int_equal(chy_ident_permitted(cx, &id, NULL, false), CHY_OK);
    assert_int_equal(chy_ident_contribute(cx, &id, NULL, NULL, NULL), CHY_OK);
    actor.stage = CHY_STAGE_PROBE;
    assert_int_equal(chy_ident_recheck(cx, &id, false, NULL), CHY_OK);
    assert_int_equal(actor.calls, 3);
    assert_ptr_equal(cx->module, &outer);
    assert_int_equal(cx->stage, CHY_STAGE_JOB);
    actor.rc = CHY_ERR;
    assert_int_equal(chy_ident_recheck(cx, &id, false, NULL), CHY_ERR);
    assert_ptr_equal(cx->module, &outer);
    assert_int_equal(cx->stage, CHY_STAGE_JOB);
}

static void a_public_profile_asks_the_types_further_rules_and_refuses_types_without(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id = made("internal"), plain = {.type = "plain", .value = "x", .shown = "x"};

    actor.stage = CHY_STAGE_ISSUE;
    assert_int_equal(chy_ident_permitted(cx, &id, NULL, false), CHY_OK);
    assert_int_equal(chy_ident_permitted(cx, &plain, NULL, false), CHY_OK);
    assert_int_equal(actor.calls, 2);
    assert_int_equal(chy_ident_permitted(cx, &id, NULL, true), CHY_ERR);
    assert_problem(cx, &CHY_P_rejectedIdentifier, "nobody's in public");
    chy_problem_clear(cx);
    assert_int_equal(chy_ident_permitted(cx, &plain, NULL, true), CHY_ERR);
    assert_problem(cx, &CHY_P_rejectedIdentifier, "type plain are not issued under public");
    chy_problem_clear(cx);
    id = made("abc");
    assert_int_equal(chy_ident_permitted(cx, &id, NULL, true), CHY_OK);
    assert_int_equal(actor.calls, 6); /* permitted thrice more, permitted_publicly once */
    actor.rc = CHY_ERR;               /* the profile's own rule comes first */
    assert_int_equal(chy_ident_permitted(cx, &id, NULL, true), CHY_ERR);
    assert_int_equal(actor.calls, 7);
}

static void an_identifier_of_a_type_not_loaded_is_an_internal_fault(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id = {.type = "gone", .value = "x"};

    assert_int_equal(chy_ident_contribute(cx, &id, NULL, NULL, NULL), CHY_ERR);
    assert_note(cx, "no loaded module has the identifier type gone");
}

/* ---- subject and covers ---- */

static void without_authz_subject_an_identifier_stands_for_itself(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id = {.type = "plain", .value = "abc", .shown = "ABC"}, subject;
    bool wildcard = true, yes;

    assert_int_equal(chy_ident_subject(cx, &id, &subject, &wildcard), CHY_OK);
    assert_string_equal(subject.value, "abc");
    assert_false(wildcard);
    assert_int_equal(chy_ident_covers(cx, &id, false, &id, &yes), CHY_OK);
    assert_true(yes);
    assert_int_equal(chy_ident_covers(cx, &id, true, &id, &yes), CHY_OK);
    assert_false(yes);
}

static void authz_subject_and_covers_are_the_modules_where_it_has_them(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident id = made("*.abc"), subject;
    bool wildcard = false, yes = false;

    actor.ident = made("abc");
    actor.flag = true;
    assert_int_equal(chy_ident_subject(cx, &id, &subject, &wildcard), CHY_OK);
    assert_string_equal(subject.value, "abc");
    assert_true(wildcard);
    assert_int_equal(chy_ident_covers(cx, &subject, true, &id, &yes), CHY_OK);
    assert_true(yes);
    actor.ident = (struct chy_ident){0};
    assert_int_equal(chy_ident_subject(cx, &id, &subject, &wildcard), CHY_ERR);
    assert_note(cx, "authz_subject of identifier type actor gave an identifier of type (none)");
}

static void no_type_covers_anothers_identifiers(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_ident a = made("abc"), p = {.type = "plain", .value = "abc"};
    bool yes = true;

    actor.flag = true;
    assert_int_equal(chy_ident_covers(cx, &p, false, &a, &yes), CHY_OK);
    assert_false(yes);
    assert_int_equal(actor.calls, 0);
}

/* ---- CSR ---- */

static void csr_claims_without_an_owner_are_refused(void **state)
{
    static const char *const bad[] = {"san:dNSName",   "san:otherName:1.3.6.1.5.5.7.8.9",
                                      "ext:2.5.29.30", "ext:2.5.29.17x",
                                      "nonsense",      "attribute:1.2.3"};
    struct chy_ctx *cx = *state;
    json_t *got;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *const claims[] = {"san:actor", bad[i]};

        assert_int_equal(chy_csr_idents(cx, NULL, claims, 2, &got), CHY_ERR);
        assert_problem(cx, &CHY_P_badCSR, bad[i]);
        chy_problem_clear(cx);
    }
    assert_int_equal(actor.calls, 0);
}

/* core.md F-10: compared with the profile, never copied. */
static void csr_claims_that_name_nobody_are_passed_over(void **state)
{
    static const char *const claims[] = {
        "ext:2.5.29.15",          "ext:2.5.29.37", "ext:2.5.29.19", "ext:2.5.29.14",
        "ext:1.3.6.1.5.5.7.1.24", "subject:O",     "subject:CN",    "san:actor"};
    struct chy_ctx *cx = *state;
    json_t *got = NULL;

    assert_int_equal(chy_csr_idents(cx, NULL, claims, sizeof claims / sizeof *claims, &got),
                     CHY_OK);
    assert_int_equal(json_array_size(got), 0);
    assert_int_equal(actor.calls, 1);
}

static void csr_identifiers_come_sorted_and_once(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *got, *want;

    actor.found = chy_keep_json(cx, json_pack("[{s:s,s:s},{s:s,s:s,s:s},{s:s,s:s}]", "type",
                                              "actor", "value", "b", "type", "actor", "value", "a",
                                              "more", "x", "type", "actor", "value", "b"));
    assert_int_equal(chy_csr_idents(cx, NULL, NULL, 0, &got), CHY_OK);
    want = chy_keep_json(cx, json_pack("[{s:s,s:s},{s:s,s:s}]", "type", "actor", "value", "a",
                                       "type", "actor", "value", "b"));
    assert_true(json_equal(got, want));
}

static void csr_identifiers_of_another_type_are_refused(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *got;

    actor.found = chy_keep_json(cx, json_pack("[{s:s,s:s}]", "type", "plain", "value", "stolen"));
    assert_int_equal(chy_csr_idents(cx, NULL, NULL, 0, &got), CHY_ERR);
    assert_note(cx, "from_csr of identifier type actor gave what is no identifier of that type");
    chy_problem_clear(cx);
    actor.found = chy_keep_json(cx, json_pack("[s]", "actor"));
    assert_int_equal(chy_csr_idents(cx, NULL, NULL, 0, &got), CHY_ERR);
    assert_note(cx, "gave what is no identifier");
}

static void csr_identifiers_are_counted(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *got;

    actor.found = chy_keep_json(cx, json_array());
    for (int i = 0; i < 1001; i++)
        json_array_append_new(actor.found, json_pack("{s:s,s:s}", "type", "actor", "value", "a"));
    assert_int_equal(chy_csr_idents(cx, NULL, NULL, 0, &got), CHY_ERR);
    assert_problem(cx, &CHY_P_badCSR, "more than 1000 identifiers");
}

/* ---- orders, objects, shapes ---- */

static void one_waiver_waives_and_none_requires(void **state)
{
    struct chy_ctx *cx = *state;
    enum chy_authz_need need = CHY_AUTHZ_WAIVED;

    actor.stage = CHY_STAGE_REQUEST;
    assert_int_equal(chy_order_on_new(cx, NULL, NULL, &need), CHY_OK);
    assert_int_equal(need, CHY_AUTHZ_REQUIRED);
    actor.flag = true;
    assert_int_equal(chy_order_on_new(cx, NULL, NULL, &need), CHY_OK);
    assert_int_equal(need, CHY_AUTHZ_WAIVED);
    actor.rc = CHY_ERR;
    assert_int_equal(chy_order_on_new(cx, NULL, NULL, &need), CHY_ERR);
}

static void a_module_may_forbid_a_certificate(void **state)
{
    struct chy_ctx *cx = *state;

    actor.stage = CHY_STAGE_ISSUE;
    assert_int_equal(chy_order_on_finalize(cx, NULL, NULL, NULL), CHY_OK);
    actor.fails = &CHY_P_unauthorized;
    assert_int_equal(chy_order_on_finalize(cx, NULL, NULL, NULL), CHY_ERR);
    assert_problem(cx, &CHY_P_unauthorized, "the actor says no");
}

static void rendering_adds_and_never_replaces(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *dir = chy_keep_json(cx, json_pack("{s:s}", "newOrder", "here"));
    json_t *meta = chy_keep_json(cx, json_object());

    actor.member = "newThing";
    assert_int_equal(chy_directory_extend(cx, dir, meta), CHY_OK);
    assert_string_equal(json_string_value(json_object_get(dir, "newThing")), "actor");
    assert_string_equal(json_string_value(json_object_get(meta, "newThing")), "actor");
    actor.member = "newOrder";
    assert_int_equal(chy_directory_extend(cx, dir, meta), CHY_ERR);
    assert_note(cx, "module actors renders the member newOrder, which is there already");
    assert_string_equal(json_string_value(json_object_get(dir, "newOrder")), "here");
    chy_problem_clear(cx);
    actor.member = "status";
    json_object_set_new(dir, "status", json_string("valid"));
    assert_int_equal(chy_order_render_extend(cx, NULL, dir), CHY_ERR);
    assert_note(cx, "renders the member status");
}

static void a_shape_is_called_by_name_in_the_issue_stage(void **state)
{
    struct chy_ctx *cx = *state;

    actor.stage = CHY_STAGE_ISSUE;
    assert_int_equal(chy_profile_shape(cx, "actor-shape", NULL, NULL, NULL), CHY_OK);
    assert_int_equal(actor.calls, 1);
    assert_int_equal(chy_profile_shape(cx, "unknown", NULL, NULL, NULL), CHY_ERR);
    assert_note(cx, "no loaded module has the profile shape unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, actor_setup, actor_teardown)
        T(parse_gives_what_the_module_made_in_the_registrys_own_words),
        T(parse_refuses_unknown_types_and_what_is_no_identifier),
        T(parse_refuses_identifiers_that_could_not_be_kept),
        T(parse_refuses_an_identifier_of_another_type),
        T(a_failure_without_a_reason_gets_one),
        T(success_after_a_recorded_failure_is_failure),
        T(a_unit_that_has_failed_calls_no_module),
        T(module_and_stage_are_set_inside_and_restored_after),
        T(a_public_profile_asks_the_types_further_rules_and_refuses_types_without),
        T(an_identifier_of_a_type_not_loaded_is_an_internal_fault),
        T(without_authz_subject_an_identifier_stands_for_itself),
        T(authz_subject_and_covers_are_the_modules_where_it_has_them),
        T(no_type_covers_anothers_identifiers),
        T(csr_claims_without_an_owner_are_refused),
        T(csr_claims_that_name_nobody_are_passed_over),
        T(csr_identifiers_come_sorted_and_once),
        T(csr_identifiers_of_another_type_are_refused),
        T(csr_identifiers_are_counted),
        T(one_waiver_waives_and_none_requires),
        T(a_module_may_forbid_a_certificate),
        T(rendering_adds_and_never_replaces),
        T(a_shape_is_called_by_name_in_the_issue_stage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
