/* SPDX-License-Identifier: Apache-2.0 */
/* The registry refuses each single fault of a module, and each name that two modules share, with a line
 * of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/registry_parts.h"

#define SPOIL(name, change)                                                                        \
    static void name(struct parts *p)                                                              \
    {                                                                                              \
        change;                                                                                    \
    }

/* ---- what is refused in one module ---- */

SPOIL(other_magic, p->module.magic ^= 1)
SPOIL(other_major, p->module.abi_major++)
SPOIL(other_minor, p->module.abi_minor--)
SPOIL(other_size, p->module.size -= sizeof(void *))
SPOIL(bad_name, p->module.name = "../plates")
SPOIL(no_version, p->module.version = NULL)
SPOIL(needs_nobody_has, p->needs[0] = "engines")
SPOIL(needs_itself, p->needs[0] = "plates")
SPOIL(ident_name, p->ident.name = "number plate")
SPOIL(no_parse, p->ident.parse = NULL)
SPOIL(no_permitted, p->ident.permitted = NULL)
SPOIL(no_from_csr, p->ident.from_csr = NULL)
SPOIL(no_contribute, p->ident.contribute = NULL)
SPOIL(recheck_without_age, p->ident.recheck = recheck)
SPOIL(age_without_recheck, p->ident.recheck_after_s = 60)
SPOIL(claims_nothing, p->ident.claims = NULL)
SPOIL(claims_nonsense, p->claims[1] = "dNSName")
SPOIL(claims_twice, p->claims[1] = p->claims[0])
SPOIL(rule_without_items, p->rule[0].type = CHY_T_OBJECT)
SPOIL(rule_without_end, p->rule[0].type = CHY_T_LIST; p->rule[0].element = &p->rule[0])
SPOIL(kind_without_choices, p->items[0].type = CHY_T_ENUM)
SPOIL(challenge_name, p->challenge.name = "")
SPOIL(no_binding, p->challenge.binding = CHY_BIND_UNSAID)
SPOIL(no_network, p->challenge.network = CHY_NET_UNSAID)
SPOIL(no_perspectives, p->challenge.perspectives = CHY_MP_UNSAID)
SPOIL(no_wildcard, p->challenge.wildcard = CHY_YN_UNSAID)
SPOIL(no_subdomain, p->challenge.subdomain = CHY_YN_UNSAID)
SPOIL(no_caa_method, p->challenge.caa_method = NULL)
SPOIL(no_evidence_age, p->challenge.max_evidence_age_s = 0)
SPOIL(no_attempts, p->challenge.attempts = 0)
SPOIL(no_fallback, p->challenge.fallback = NULL)
SPOIL(unknown_binding, p->challenge.binding = 9)
SPOIL(no_offer, p->challenge.offer = NULL)
SPOIL(no_step, p->challenge.step = NULL)
SPOIL(no_probe, p->challenge.probe = NULL)
SPOIL(probe_without_network, p->challenge.network = CHY_NET_NONE;
      p->challenge.perspectives = CHY_MP_NOT_NEEDED)
SPOIL(perspectives_without_network, p->challenge.network = CHY_NET_NONE; p->challenge.probe = NULL)
SPOIL(unknown_ident, p->applies[0] = "number")
SPOIL(no_on_new, p->order.on_new = NULL)
SPOIL(core_member, p->members[0] = "notAfter")
SPOIL(core_status, p->statuses[0] = "ready")
SPOIL(no_shape, p->profile.shape = NULL)
SPOIL(core_kind, p->kind.dir = "issuers")
SPOIL(kind_path, p->kind.dir = "a/b")
SPOIL(core_route, p->route.path = "/new-order")
SPOIL(variable_route, p->route.path = "/{anything}")
SPOIL(broken_route, p->route.path = "/plates//x")
SPOIL(unknown_method, p->route.methods = "GET BREW")
SPOIL(no_auth, p->route.auth = 0)
SPOIL(no_listener, p->route.listeners = 0)
SPOIL(secret_in_clear, p->route.auth = CHY_AUTH_BASIC; p->route.listeners = CHY_LISTEN_PUBLIC)
SPOIL(unserved_auth, p->route.auth = CHY_AUTH_MTLS | CHY_AUTH_JWS)
SPOIL(unserved_listener, p->route.listeners = CHY_LISTEN_CLIENT)
SPOIL(signed_get, p->route.auth = CHY_AUTH_JWS)
SPOIL(large_body, p->route.max_body = UINT32_MAX)
SPOIL(no_handle, p->route.handle = NULL)
SPOIL(same_route_twice, p->routes[1] = &p->route)
SPOIL(no_period, p->job.period_s = 0)
SPOIL(no_job, p->job.run = NULL)
SPOIL(no_help, p->command.help = NULL)
SPOIL(no_command, p->command.run = NULL)
SPOIL(hole, p->migrations[1].version = 3)
SPOIL(disorder, p->migrations[0].version = 2; p->migrations[1].version = 1)
SPOIL(nameless_migration, p->migrations[1].name = NULL)
SPOIL(option_name, p->ident_option.name = "-plate")
SPOIL(option_letter, p->ident_option.letter = '-')
SPOIL(option_help, p->solver_options[0].help = "two\nlines")
SPOIL(option_value, p->solver_options[0].value = NULL)
SPOIL(option_without_csr, p->ident.to_csr = NULL)
SPOIL(solver_name, p->solver.name = "a press")
SPOIL(no_prepare, p->solver.prepare = NULL)
SPOIL(no_clean, p->solver.clean = NULL)
SPOIL(unselectable, p->solver_options[0].selects = false)
SPOIL(option_twice, p->ident_option.name = "plate-press")
SPOIL(has_first_read, p->challenge.on_first_read = on_first_read)
SPOIL(has_update, p->order.on_update = on_update)
SPOIL(has_issued, p->order.on_issued = on_cert)
SPOIL(has_revoke, p->order.on_revoke = on_cert)
SPOIL(has_account, p->object.account = show_account)
SPOIL(has_authz, p->object.authz = show_authz)
static void has_issuers(struct parts *p)
{
    static const struct chy_issuer one;
    static const struct chy_issuer *const list[] = {&one, NULL};

    p->module.issuers = list;
}
static void has_metrics(struct parts *p)
{
    static const struct chy_metric one;
    static const struct chy_metric *const list[] = {&one, NULL};

    p->module.metrics = list;
}

static const struct fault {
    void (*spoil)(struct parts *p);
    const char *says;
} faults[] = {
    {other_magic, "no Chancery module"},
    {other_major, "built for ABI 1."},
    {other_minor, "built for ABI 0."},
    {other_size, "octets where this program has"},
    {bad_name, "name '../plates' is not a lower-case word"},
    {no_version, "has no version"},
    {needs_nobody_has, "needs the module engines, which is not named"},
    {needs_itself, "circle: plates -> plates"},
    {ident_name, "unusable name 'number plate'"},
    {no_parse, "identifier type plate has no function parse"},
    {no_permitted, "identifier type plate has no function permitted"},
    {no_from_csr, "identifier type plate has no function from_csr"},
    {no_contribute, "identifier type plate has no function contribute"},
    {recheck_without_age, "has recheck but no recheck_after_s"},
    {age_without_recheck, "has recheck_after_s but no function recheck"},
    {claims_nothing, "claims nothing of a CSR"},
    {claims_nonsense, "claims 'dNSName'"},
    {claims_twice, "CSR claim 'san:x400Address' stands twice"},
    {rule_without_items, "policy item plate.names is an OBJECT without items"},
    {rule_without_end, "nests deeper than 8"},
    {kind_without_choices, "policy item plates.country is an ENUM without choices"},
    {challenge_name, "challenge type with the unusable name"},
    {no_binding, "plate-01 does not say binding"},
    {no_network, "plate-01 does not say network"},
    {no_perspectives, "plate-01 does not say perspectives"},
    {no_wildcard, "plate-01 does not say wildcard"},
    {no_subdomain, "plate-01 does not say subdomain"},
    {no_caa_method, "plate-01 does not say caa_method"},
    {no_evidence_age, "plate-01 does not say max_evidence_age_s"},
    {no_attempts, "plate-01 does not say attempts"},
    {no_fallback, "plate-01 does not say fallback"},
    {unknown_binding, "binding = 9, which means nothing"},
    {no_offer, "challenge type plate-01 has no function offer"},
    {no_step, "challenge type plate-01 has no function step"},
    {no_probe, "has no function probe, yet its network is OUTBOUND"},
    {probe_without_network, "has a function probe, yet its network is NONE"},
    {perspectives_without_network, "needs perspectives, yet its network is NONE"},
    {unknown_ident, "is for the identifier type 'number', which no loaded module has"},
    {no_on_new, "has no function on_new, so that its member road-tax would be ignored"},
    {core_member, "newOrder member 'notAfter' is core's own"},
    {core_status, "order status 'ready' is core's own"},
    {no_shape, "profile plate-sign has no function shape"},
    {core_kind, "policy directory 'issuers' is core's own"},
    {kind_path, "policy directory with the unusable name 'a/b'"},
    {core_route, "route /new-order begins like core's own paths"},
    {variable_route, "route /{anything} begins like core's own paths"},
    {broken_route, "route '/plates//x' is not a path"},
    {unknown_method, "has the methods 'GET BREW'"},
    {no_auth, "does not say auth"},
    {no_listener, "does not say listeners"},
    {secret_in_clear, "asks for credentials on the plain HTTP listener"},
    {unserved_auth, "asks for an auth or a listener that this version does not serve yet"},
    {unserved_listener, "asks for an auth or a listener that this version does not serve yet"},
    {signed_get, "has auth JWS and methods 'GET HEAD'"},
    {large_body, "takes bodies of 4294967295 octets"},
    {no_handle, "route /plates/{plate} has no function handle"},
    {same_route_twice, "would answer the same requests as '/plates/{plate}'"},
    {no_period, "job plate-renew does not say period_s"},
    {no_job, "job plate-renew has no function run"},
    {no_help, "command plate has no help"},
    {no_command, "command plate has no function run"},
    {hole, "migration 3 stands where 2 is due"},
    {disorder, "migration 2 stands where 1 is due"},
    {nameless_migration, "migration 2 has no name"},
    {option_name, "client option with the unusable name '-plate'"},
    {option_letter, "or letter"},
    {option_help, "client option plate-press has no help or value of one line"},
    {option_value, "client option plate-press has no help or value of one line"},
    {option_without_csr, "has a client option but no function to_csr"},
    {solver_name, "solver with an unusable name 'a press'"},
    {no_prepare, "solver press has no function prepare"},
    {no_clean, "solver press has no function clean"},
    {unselectable, "nobody could use it"},
    {option_twice, "client option 'plate-press' stands twice"},
    {has_issuers, "does not serve capability issuers yet"},
    {has_metrics, "does not serve capability metrics yet"},
    {has_first_read, "does not serve capability on_first_read yet"},
    {has_update, "does not serve capability on_update yet"},
    {has_issued, "does not serve capability on_issued yet"},
    {has_revoke, "does not serve capability on_revoke yet"},
    {has_account, "does not serve capability account yet"},
    {has_authz, "does not serve capability authz yet"},
};

static void every_fault_of_one_module_has_its_own_refusal(void **state)
{
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct chy_registry *r = NULL;
        struct parts p;

        chy_ctx_reset(cx);
        fill(&p, "plates");
        faults[i].spoil(&p);
        assert_refused(cx, build(cx, &p, 1, &r), faults[i].says);
        assert_null(r);
    }
}

/* ---- what is refused between two modules ---- */

SPOIL(same_ident, p->ident.name = p->applies[0] = "plate")
SPOIL(same_claim, p->claims[0] = "san:x400Address")
SPOIL(same_challenge, p->challenge.name = "plate-01")
SPOIL(same_member, p->members[0] = "road-tax")
SPOIL(same_status, p->statuses[0] = "impounded")
SPOIL(same_profile, p->profile.name = "plate-sign")
SPOIL(same_route, p->route.path = "/plates/list")
SPOIL(same_job, p->job.name = "plate-renew")
SPOIL(same_command, p->command.name = "plate")
SPOIL(same_kind, p->kind.dir = "plates")
SPOIL(same_option, p->ident_option.name = "plate-press")
SPOIL(same_letter, p->ident_option.letter = 'p')
SPOIL(same_solver, p->solver.name = "press")
SPOIL(same_module, p->module.name = "plates")

static void names_of_two_modules_may_not_meet(void **state)
{
    static const struct fault meets[] = {
        {same_ident, "identifier type 'plate' is already owned by the module plates"},
        {same_claim, "CSR claim 'san:x400Address' is already owned by the module plates"},
        {same_challenge, "challenge type 'plate-01' is already owned by the module plates"},
        {same_member, "newOrder member 'road-tax' is already owned by the module plates"},
        {same_status, "order status 'impounded' is already owned by the module plates"},
        {same_profile, "profile 'plate-sign' is already owned by the module plates"},
        {same_route, "'/plates/list' would answer the same requests as '/plates/{plate}'"},
        {same_job, "job 'plate-renew' is already owned by the module plates"},
        {same_command, "command 'plate' is already owned by the module plates"},
        {same_kind, "policy directory 'plates' is already owned by the module plates"},
        {same_option, "client option 'plate-press' is already owned by the module plates"},
        {same_letter, "client option '-p' is already owned by the module plates"},
        {same_solver, "solver 'press' is already owned by the module plates"},
        {same_module, "module plates: is named twice"},
    };
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof meets / sizeof *meets; i++) {
        struct chy_registry *r = NULL;
        struct parts p[2];

        chy_ctx_reset(cx);
        fill(&p[0], "plates");
        fill_other(&p[1]);
        meets[i].spoil(&p[1]);
        assert_refused(cx, build(cx, p, 2, &r), meets[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(every_fault_of_one_module_has_its_own_refusal),
        T(names_of_two_modules_may_not_meet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
