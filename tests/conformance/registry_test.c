/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every identifier and challenge type of every module, whatever it is about: it loads
 * all modules in $CHY_TEST_MODULES and knows none of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "core/client/requests.h"
#include "core/ext/dispatch.h"
#include "core/pki/csr.h"
#include "tests/support/fakehost.h"

#define MODULES_MAX 64
#define TYPES_MAX 256
#define THUMBPRINT "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

/* Values that some type may take.  A type that takes none of them needs one here. */
static const char *const candidates[] = {
    "www.example.org",    "WWW.Example.ORG",   "*.example.org",   "xn--bcher-kva.example",
    "192.0.2.1",          "2001:db8::1",       "2001:DB8:0:0::1", "toy:ball",
    "alexey@example.com", "F83n2a...avn27DN3", "dtn://node1/",    "ipn:977000.1.1",
};
#define CANDIDATES (sizeof candidates / sizeof *candidates)

static struct chy_registry *registry;
static const struct chy_ident_type *idents[TYPES_MAX + 1];
static const struct chy_challenge_type *challenges[TYPES_MAX + 1];

static int setup(void **state)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_REQUEST);

    cx->registry = registry;
    *state = cx;
    return 0;
}

static int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

/* Over all types of all modules. */
#define EACH_IDENT(t)                                                                              \
    for (const struct chy_ident_type *const *t##_p = idents, *t; (t = *t##_p) != NULL; t##_p++)
#define EACH_CHALLENGE(t)                                                                          \
    for (const struct chy_challenge_type *const *t##_p = challenges, *t; (t = *t##_p) != NULL;     \
         t##_p++)

static bool parses(struct chy_ctx *cx, const char *type, const char *value, struct chy_ident *ret)
{
    json_t *o = chy_keep_json(cx, json_pack("{s:s, s:s}", "type", type, "value", value));
    enum chy_rc rc = chy_ident_parse(cx, o, ret);

    chy_problem_clear(cx);
    return rc == CHY_OK;
}

static bool same(const struct chy_ident *a, const struct chy_ident *b)
{
    return strcmp(a->type, b->type) == 0 && strcmp(a->value, b->value) == 0;
}

/* ---- identifier types ---- */

static void what_is_shown_parses_to_the_same_identifier(void **state)
{
    struct chy_ctx *cx = *state;

    EACH_IDENT(t)
    {
        size_t taken = 0;

        for (size_t i = 0; i < CANDIDATES; i++) {
            struct chy_ident id, again;

            if (!parses(cx, t->name, candidates[i], &id))
                continue;
            taken++;
            if (!parses(cx, t->name, id.shown, &again) || !same(&id, &again))
                fail_msg("%s: shown '%s' is not '%s'", t->name, id.shown, id.value);
            if (!parses(cx, t->name, id.value, &again) || !same(&id, &again))
                fail_msg("%s: canonical '%s' is not its own", t->name, id.value);
        }
        if (taken == 0)
            fail_msg("%s takes no candidate; add one", t->name);
    }
}

/* What a client puts into its request is what the server finds there. */
static void a_request_names_what_its_client_asked_for(void **state)
{
    struct chy_ctx *cx = *state;

    EACH_IDENT(t)
    {
        if (t->to_csr == NULL && t->option == NULL)
            continue; /* no client of ours asks for it */
        for (size_t i = 0; i < CANDIDATES; i++) {
            const uint8_t *der;
            struct chy_ident id;
            struct chy_csr csr;
            X509_REQ *req;
            EVP_PKEY *key;
            json_t *found;
            size_t n;

            if (!parses(cx, t->name, candidates[i], &id))
                continue;
            assert_int_equal(chy_client_key_make(cx, "ec-p256", &key), CHY_OK);
            assert_int_equal(chy_client_csr(cx, key, &id, 1, &req, &der, &n), CHY_OK);
            assert_int_equal(chy_csr_read(cx, der, n, &csr), CHY_OK);
            assert_int_equal(chy_csr_idents(cx, csr.req, csr.claims, csr.n_claims, &found), CHY_OK);
            if (t->csr_may_omit && json_array_size(found) == 0)
                continue;
            assert_int_equal(json_array_size(found), 1);
            if (strcmp(json_string_value(json_object_get(json_array_get(found, 0), "value")),
                       id.value) != 0)
                fail_msg("%s: '%s' is not what its request names", t->name, id.value);
        }
    }
}

static void an_identifier_is_covered_by_what_must_be_authorized_for_it(void **state)
{
    struct chy_ctx *cx = *state;

    EACH_IDENT(t)
    {
        for (size_t i = 0; i < CANDIDATES; i++) {
            struct chy_ident id, subject, twice;
            bool wildcard, again, yes;

            if (!parses(cx, t->name, candidates[i], &id))
                continue;
            assert_int_equal(chy_ident_subject(cx, &id, &subject, &wildcard), CHY_OK);
            assert_int_equal(chy_ident_covers(cx, &subject, wildcard, &id, &yes), CHY_OK);
            if (!yes)
                fail_msg("%s: '%s' does not cover '%s'", t->name, subject.value, id.value);
            /* What is authorized stands for itself. */
            assert_int_equal(chy_ident_subject(cx, &subject, &twice, &again), CHY_OK);
            assert_true(same(&subject, &twice));
            assert_false(again);
        }
    }
}

static void identifiers_of_strangers_are_not_covered(void **state)
{
    struct chy_ctx *cx = *state;

    EACH_IDENT(t)
    {
        for (size_t i = 0; i < CANDIDATES * CANDIDATES; i++) {
            struct chy_ident a, b, subject, other;
            bool wildcard, other_wildcard, yes;

            if (t->covers != NULL || !parses(cx, t->name, candidates[i / CANDIDATES], &a) ||
                !parses(cx, t->name, candidates[i % CANDIDATES], &b))
                continue;
            assert_int_equal(chy_ident_subject(cx, &a, &subject, &wildcard), CHY_OK);
            assert_int_equal(chy_ident_subject(cx, &b, &other, &other_wildcard), CHY_OK);
            assert_int_equal(chy_ident_covers(cx, &subject, wildcard, &b, &yes), CHY_OK);
            assert_int_equal(yes, same(&subject, &other) && wildcard == other_wildcard);
        }
    }
}

/* Whatever a client sends is the client's fault, not the server's. */
static void hostile_identifiers_are_refused_as_the_clients_fault(void **state)
{
    struct chy_ctx *cx = *state;
    char *huge = chy_alloc(cx, 100001);
    json_t *bad;

    memset(huge, 'a', 100000);
    bad = chy_keep_json(cx, json_pack("[n, i, b, o, o, s, s, s, s, o, s, s]", 1, 1, json_array(),
                                      json_object(), "", " ", "\n", huge,
                                      json_stringn("www.example.org\0", 16), "\xe2\x80\xae.org",
                                      "../../etc/passwd"));
    EACH_IDENT(t)
    {
        for (size_t i = 0; i <= json_array_size(bad); i++) {
            json_t *o = chy_keep_json(cx, json_pack("{s:s}", "type", t->name));
            struct chy_ident id;

            if (i < json_array_size(bad))
                json_object_set(o, "value", json_array_get(bad, i));
            if (chy_ident_parse(cx, o, &id) == CHY_OK)
                fail_msg("%s takes hostile value %zu", t->name, i);
            if (cx->problem.status >= 500)
                fail_msg("%s, hostile value %zu: %s", t->name, i, cx->problem.note);
            chy_problem_clear(cx);
        }
    }
}

/* ---- CSR ---- */

static X509_REQ *empty_csr(struct chy_ctx *cx)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *csr = X509_REQ_new();

    assert_int_equal(X509_REQ_set_pubkey(csr, key), 1);
    assert_true(X509_REQ_sign(csr, key, EVP_sha256()) > 0);
    EVP_PKEY_free(key);
    chy_arena_defer(cx->arena, (void (*)(void *))X509_REQ_free, csr);
    return csr;
}

static void a_csr_without_names_asks_for_nobody(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *got = NULL;

    if (chy_csr_idents(cx, empty_csr(cx), NULL, 0, &got) != CHY_OK)
        fail_msg("%s", cx->problem.note != NULL ? cx->problem.note : cx->problem.detail);
    assert_int_equal(json_array_size(got), 0);
}

static void a_claim_that_nobody_owns_is_refused(void **state)
{
    static const char *const claims[] = {"san:otherName:1.3.6.1.4.1.99999.1", "san:registeredID",
                                         "ext:1.3.6.1.4.1.99999.2"};
    struct chy_ctx *cx = *state;
    X509_REQ *csr = empty_csr(cx);
    json_t *got;

    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        assert_int_equal(chy_csr_idents(cx, csr, &claims[i], 1, &got), CHY_ERR);
        assert_string_equal(cx->problem.type->urn, CHY_P_badCSR.urn);
        assert_non_null(strstr(cx->problem.detail, claims[i]));
        chy_problem_clear(cx);
    }
}

/* ---- challenge types ---- */

/* An offered challenge for the first candidate that one of t's identifier types takes. */
static bool offered(struct chy_ctx *cx, const struct chy_challenge_type *t,
                    struct chy_challenge *ret)
{
    for (size_t i = 0; t->ident_types[i] != NULL; i++) {
        for (size_t k = 0; k < CANDIDATES; k++) {
            bool yes = false;

            *ret = (struct chy_challenge){.account_url = "https://localhost:14000/account/x",
                                          .account_thumbprint = THUMBPRINT,
                                          .deadline = chy_now(cx) + 3600};
            if (chy_registry_ident(registry, t->ident_types[i]) == NULL ||
                !parses(cx, t->ident_types[i], candidates[k], &ret->ident))
                continue;
            if (chy_challenge_offer(cx, t, ret, &yes) != CHY_OK)
                fail_msg("%s: %s", t->name, cx->problem.note);
            if (yes)
                return true;
        }
    }
    return false;
}

static const char *token_of(const struct chy_challenge *ch)
{
    return json_string_value(json_object_get(ch->shown, "token"));
}

static void offers_differ_and_show_a_token_where_one_is_needed(void **state)
{
    struct chy_ctx *cx = *state;

    EACH_CHALLENGE(t)
    {
        struct chy_challenge a, b;

        if (!offered(cx, t, &a) || !offered(cx, t, &b))
            fail_msg("%s is offered for no candidate", t->name);
        if (t->binding != CHY_BIND_KEY_AUTHORIZATION)
            continue;
        assert_non_null(token_of(&a));
        assert_string_not_equal(token_of(&a), token_of(&b));
    }
}

static void every_challenge_type_says_what_its_evidence_is_worth(void **state)
{
    (void)state;
    EACH_CHALLENGE(t)
    {
        if (t->max_evidence_age_s == 0 || t->max_evidence_age_s > 398u * 86400)
            fail_msg("%s: evidence of %u seconds", t->name, t->max_evidence_age_s);
        if (t->attempts == 0 || t->attempts > 100 || (t->attempts > 1 && t->interval_s == 0))
            fail_msg("%s: %u attempts every %u s", t->name, t->attempts, t->interval_s);
        assert_int_equal(t->probe != NULL, t->network == CHY_NET_OUTBOUND);
        assert_non_null(t->fallback);
        assert_non_null(chy_registry_owner(registry, t));
    }
}

static void an_empty_response_is_taken_or_refused_as_malformed(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *empty = chy_keep_json(cx, json_object());

    EACH_CHALLENGE(t)
    {
        struct chy_challenge ch;

        if (!offered(cx, t, &ch))
            continue;
        if (chy_challenge_accept(cx, t, &ch, empty) != CHY_OK)
            assert_in_range(cx->problem.status, 400, 499);
        chy_problem_clear(cx);
    }
}

/* Fail closed: nothing seen, or seen by too few, proves nothing. */
static void without_evidence_nothing_is_valid(void **state)
{
    struct chy_ctx *cx = *state;
    json_t *empty = chy_keep_json(cx, json_object());
    const struct chy_event events[] = {
        {.kind = CHY_EV_START, .quorum = false},
        {.kind = CHY_EV_START, .quorum = true},
        {.kind = CHY_EV_START, .quorum = true, .evidence = empty},
        {.kind = CHY_EV_TIMER, .quorum = true, .evidence = empty},
        {.kind = CHY_EV_INBOUND, .quorum = true, .source = "nobody", .payload = empty},
    };

    EACH_CHALLENGE(t)
    {
        for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
            struct chy_verdict v = {.state = CHY_V_PENDING};
            struct chy_challenge ch;

            if (!offered(cx, t, &ch))
                continue;
            ch.response = empty;
            ch.attempts = 1;
            ch.key_authorization =
                token_of(&ch) == NULL ? NULL : chy_fmt(cx, "%s.%s", token_of(&ch), THUMBPRINT);
            if (chy_challenge_step(cx, t, &ch, &events[i], &v) == CHY_OK && v.state == CHY_V_VALID)
                fail_msg("%s: event %zu without evidence is valid", t->name, i);
            chy_problem_clear(cx);
        }
    }
}

static void a_probe_without_network_fails_and_gives_no_evidence(void **state)
{
    struct chy_ctx *cx = *state;

    EACH_CHALLENGE(t)
    {
        struct chy_challenge ch;
        json_t *evidence = NULL;

        if (t->probe == NULL || !offered(cx, t, &ch))
            continue;
        ch.key_authorization = chy_fmt(cx, "%s.%s", token_of(&ch), THUMBPRINT);
        assert_int_equal(chy_challenge_probe(cx, t, &ch, &evidence), CHY_ERR);
        assert_null(evidence);
        assert_non_null(cx->problem.note);
        chy_problem_clear(cx);
    }
}

/* ---- loading ---- */

static void list_types(void)
{
    size_t n_idents = 0, n_challenges = 0;

    for (size_t i = 0; i < chy_registry_count(registry); i++) {
        const struct chy_module *m = chy_registry_module(registry, i);

        for (size_t k = 0; m->ident_types != NULL && m->ident_types[k] != NULL; k++) {
            assert_true(n_idents < TYPES_MAX);
            idents[n_idents++] = m->ident_types[k];
        }
        for (size_t k = 0; m->challenge_types != NULL && m->challenge_types[k] != NULL; k++) {
            assert_true(n_challenges < TYPES_MAX);
            challenges[n_challenges++] = m->challenge_types[k];
        }
    }
}

static void load_all(const char *dir)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_REQUEST);
    const char *names[MODULES_MAX];
    const struct dirent *e;
    DIR *d = opendir(dir);
    size_t n = 0;

    while (d != NULL && n < MODULES_MAX && (e = readdir(d)) != NULL) {
        size_t len = strlen(e->d_name);

        if (len > 3 && strcmp(e->d_name + len - 3, ".so") == 0)
            names[n++] = chy_fmt(cx, "%.*s", (int)(len - 3), e->d_name);
    }
    if (d != NULL)
        closedir(d);
    if (n == 0)
        printf("not ok modules are loaded: there is none in %s\n", dir);
    else if (chy_registry_load(cx, &dir, 1, names, n, &registry) != CHY_OK)
        printf("not ok modules are loaded: %s\n", cx->problem.detail);
    fake_cx_free(cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(what_is_shown_parses_to_the_same_identifier),
        T(a_request_names_what_its_client_asked_for),
        T(an_identifier_is_covered_by_what_must_be_authorized_for_it),
        T(identifiers_of_strangers_are_not_covered),
        T(hostile_identifiers_are_refused_as_the_clients_fault),
        T(a_csr_without_names_asks_for_nobody),
        T(a_claim_that_nobody_owns_is_refused),
        T(offers_differ_and_show_a_token_where_one_is_needed),
        T(every_challenge_type_says_what_its_evidence_is_worth),
        T(an_empty_response_is_taken_or_refused_as_malformed),
        T(without_evidence_nothing_is_valid),
        T(a_probe_without_network_fails_and_gives_no_evidence),
    };
    const char *dir = getenv("CHY_TEST_MODULES");
    int failed;

    if (dir == NULL) {
        printf("ok every module # SKIP CHY_TEST_MODULES names no directory of modules\n");
        return 0;
    }
    load_all(dir);
    if (registry == NULL)
        return 1;
    list_types();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    chy_registry_free(registry);
    return failed;
}
