/* SPDX-License-Identifier: Apache-2.0 */
/* Policy trees: what a good one becomes, and the mistakes inside files with the place each points at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fakehost.h"
#include "tests/support/golden.h"
#include "tests/support/policytable.h"
#include "tests/support/policytree.h"

/* ---- what a good tree becomes ---- */

static void a_good_tree_becomes_a_snapshot_that_outlives_its_context(void **state)
{
    struct tree *s = *state;
    struct chy_ctx *own = fake_cx_new(CHY_STAGE_REQUEST);
    struct chy_policy *p = NULL;
    const json_t *j;

    tree_put_good(s, "widgets/w-1.yaml", "parts: [a, b, c]\n");
    assert_int_equal(chy_policy_load(own, s->dir, &tree_schema, chy_report_new(own), &p), CHY_OK);
    fake_cx_free(own);
    assert_int_equal(strlen(chy_policy_revision(p)), 64);
    j = chy_policy_get(p, "", "chancery");
    assert_string_equal(json_string_value(json_object_get(j, "default-profile")), "web");
    j = json_object_get(j, "orders");
    assert_int_equal(json_integer_value(json_object_get(j, "lifetime")), 7 * 86400);
    assert_int_equal(json_integer_value(json_object_get(j, "max-identifiers")), 100);
    j = json_object_get(chy_policy_get(p, "", "chancery"), "authorizations");
    assert_int_equal(json_integer_value(json_object_get(j, "pending-lifetime")), 7 * 86400);
    assert_int_equal(json_integer_value(json_object_get(j, "reuse")), 30 * 86400);
    j = chy_policy_get(p, "profiles", "web");
    assert_int_equal(json_integer_value(json_object_get(j, "backdate")), 60);
    assert_true(json_is_false(json_object_get(j, "public")));
    assert_null(json_object_get(j, "shape"));
    j = json_object_get(j, "identifiers");
    assert_int_equal(json_object_size(j), 1); /* not beta by default */
    assert_true(json_is_true(json_object_get(json_object_get(j, "alpha"), "wildcard")));
    j = chy_policy_get(p, "widgets", "w-1");
    assert_int_equal(json_integer_value(json_object_get(j, "size")), 3);
    assert_null(chy_policy_get(p, "profiles", "webb"));
    assert_null(chy_policy_get(p, "profile", "web"));
    assert_null(chy_policy_get(p, "issuers", "root.pem"));
    chy_policy_drop(chy_policy_hold(p));
    assert_non_null(chy_policy_get(p, "profiles", "web"));
    chy_policy_drop(p);
    chy_policy_drop(NULL);
}

static void the_chain_is_given_as_clean_pem(void **state)
{
    struct tree *s = *state;
    struct chy_policy *p;
    const json_t *chain;
    const char *text;
    size_t n;

    tree_put_pem(s, "commented.pem");
    tree_put_good(s, "issuers/web-1.yaml",
                  "chain: [commented.pem, root.pem]\nmax-lifetime: 200d\n");
    p = tree_load(s);
    chain = json_object_get(chy_policy_get(p, "issuers", "web-1"), "chain-pem");
    assert_int_equal(json_array_size(chain), 2);
    text = json_string_value(json_array_get(chain, 0));
    assert_string_equal(text, golden_read(s->cx, "policy/pem/web-1.pem", &n));
    chy_policy_drop(p);
}

static void count_visit(void *arg, const char *name, const json_t *doc)
{
    char *seen = arg;

    assert_true(json_is_object(doc));
    snprintf(seen + strlen(seen), 30, "%s ", name);
}

static void each_visits_one_kind_in_order_of_name(void **state)
{
    struct tree *s = *state;
    struct chy_policy *p;
    char seen[100] = "";

    tree_put_good(s, "profiles/short.yaml", TREE_PROFILE);
    tree_put(s, "profiles/a-1.yaml", TREE_PROFILE, strlen(TREE_PROFILE));
    p = tree_load(s);
    chy_policy_each(p, "profiles", count_visit, seen);
    assert_string_equal(seen, "a-1 short web ");
    chy_policy_drop(p);
}

static void the_revision_names_the_contents_only(void **state)
{
    struct tree *s = *state;
    struct chy_policy *p;
    char first[65];

    tree_put_good(s, NULL, NULL);
    p = tree_load(s);
    snprintf(first, sizeof first, "%s", chy_policy_revision(p));
    chy_policy_drop(p);
    tree_put(s, "README.md", "text", 4);
    tree_put(s, "profiles/README.md", "text", 4);
    tree_put(s, ".gitignore", "x", 1);
    tree_put(s, ".git/config", "x", 1);
    p = tree_load(s);
    assert_string_equal(chy_policy_revision(p), first);
    chy_policy_drop(p);
    tree_put(s, "profiles/web.yaml", TREE_PROFILE "#\n", strlen(TREE_PROFILE) + 2);
    p = tree_load(s);
    assert_string_not_equal(chy_policy_revision(p), first);
    chy_policy_drop(p);
}

static void everything_optional_may_be_written(void **state)
{
    struct tree *s = *state;

    tree_put_good(s, "profiles/web.yaml",
                  TREE_PROFILE "description: x\nbackdate: 48h\nshape: round\npublic: true\n");
    tree_put(s, "profiles/other.yaml",
             "issuer: web-1\nidentifiers: { alpha: { names: [x] }, beta: {} }\n"
             "challenges: [chal-02, chal-01]\nkeys: [ed25519, rsa-3072, ec-p384, ec-p521]\n"
             "lifetime: { default: 1s, max: 200d }\nkey-usage: [keyAgreement]\n"
             "extended-key-usage: [1.3.6.1.5.5.7.3.17, clientAuth]\n",
             strlen("issuer: web-1\nidentifiers: { alpha: { names: [x] }, beta: {} }\n"
                    "challenges: [chal-02, chal-01]\nkeys: [ed25519, rsa-3072, ec-p384, ec-p521]\n"
                    "lifetime: { default: 1s, max: 200d }\nkey-usage: [keyAgreement]\n"
                    "extended-key-usage: [1.3.6.1.5.5.7.3.17, clientAuth]\n"));
    tree_put(s, "chancery.yaml", "", 0);
    tree_put_good(s, "chancery.yaml",
                  TREE_CHANCERY
                  "directory: { website: \"https://a.example\", terms: \"https://a.example/t\", "
                  "caa-identities: [ca.example.org] }\n");
    tree_put(s, "profiles/web.yaml", TREE_PROFILE, strlen(TREE_PROFILE));
    chy_policy_drop(tree_load(s));
}

/* deploy/policy-sample is what 'chancery init' begins with: valid as it stands but for certificates. */
static void the_sample_tree_is_good(void **state)
{
    static const char *const files[] = {"chancery.yaml", "issuers/web-1.yaml", "profiles/web.yaml",
                                        "profiles/short-lived.yaml", "README.md"};
    static const char *const types[] = {"dns", NULL}, *const names[] = {"http-01", "dns-01",
                                                                        "tls-alpn-01", NULL};
    static const struct chy_challenge_type http = {.name = "http-01", .ident_types = types};
    static const struct chy_challenge_type dns = {.name = "dns-01", .ident_types = types};
    static const struct chy_challenge_type tls = {.name = "tls-alpn-01", .ident_types = types};
    static const struct chy_challenge_type *const all[] = {&http, &dns, &tls, NULL};
    static const struct chy_policy_rule rule = {"dns", rich_alpha};
    static const struct chy_policy_schema real = {NULL, &rule, 1, names, NULL, all};
    struct tree *s = *state;
    struct chy_policy *p = NULL;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t n;
        char *text =
            golden_read(s->cx, chy_fmt(s->cx, "../../deploy/policy-sample/%s", files[i]), &n);

        tree_put(s, files[i], text, n);
    }
    tree_put_pem(s, "root.pem");
    tree_put_pem(s, "web-1.pem");
    if (chy_policy_load(s->cx, s->dir, &real, s->report, &p) != CHY_OK)
        fail_msg("%s", chy_report_text(s->report));
    assert_non_null(chy_policy_get(p, "profiles", "short-lived"));
    chy_policy_drop(p);
}

/* ---- mistakes inside files ---- */

struct bad_file {
    const char *path, *text, *says;
};

static void each_mistake_in_a_file_is_refused_at_its_place(void **state)
{
    static const struct bad_file cases[] = {
        {"chancery.yaml", "version: 1\ndefault-profile: missing\n",
         "chancery.yaml:2:18: error: there is no profile 'missing' (profiles/missing.yaml); there "
         "are: "
         "web"},
        {"chancery.yaml", "version: 1\ndefault-profile: webb\n", "did you mean 'web'?"},
        {"chancery.yaml", "version: 1\ndefault-profile: ../issuers/web-1\n",
         "there is no profile '../issuers/web-1'"},
        {"chancery.yaml", "version: 1\n",
         "chancery.yaml:1:1: error: required key 'default-profile' is missing in chancery.yaml"},
        {"chancery.yaml", TREE_CHANCERY "directory: { website: \"javascript:x\" }\n",
         "chancery.yaml:3:23: error: 'javascript:x' must be a URL"},
        {"chancery.yaml", TREE_CHANCERY "directory: { terms: \"https://a b\" }\n",
         "chancery.yaml:3:21: error: 'https://a b' must be a URL"},
        {"chancery.yaml", TREE_CHANCERY "directory: { caa-identities: [a.example, B.example] }\n",
         "chancery.yaml:3:42: error: 'B.example' must be a domain name in lower case"},
        {"chancery.yaml", TREE_CHANCERY "orders: { lifetime: 0s }\n",
         "chancery.yaml:3:21: error: 'lifetime' is 0s; the least is 1s"},
        {"issuers/web-1.yaml", "chain: [web-1.pem, root.pem]\nmax-lifetime: 37000d\n",
         "issuers/web-1.yaml:2:15: error: 'max-lifetime' is 37000d; the most is 36500d"},
        {"issuers/web-1.yaml", "chain: []\nmax-lifetime: 200d\n",
         "issuers/web-1.yaml:1:8: error: 'chain' has 0 entries; the least is 1"},
        {"issuers/web-1.yaml", "chain: [web-2.pem]\nmax-lifetime: 200d\n",
         "issuers/web-1.yaml:1:9: error: 'web-2.pem' is no PEM file beside this one; did you mean "
         "'web-1.pem'?"},
        {"issuers/web-1.yaml", "chain: [../issuers/web-1.pem]\nmax-lifetime: 200d\n",
         "issuers/web-1.yaml:1:9: error: '../issuers/web-1.pem' is no PEM file beside this one"},
        {"issuers/web-1.yaml", "chain: [/etc/passwd]\nmax-lifetime: 200d\n",
         "'/etc/passwd' is no PEM file beside this one"},
        {"issuers/web-1.yaml", "chain: [web-1.yaml]\nmax-lifetime: 200d\n",
         "'web-1.yaml' is no PEM file beside this one"},
        {"issuers/web-1.yaml", "chain: [root.pem, web-1.pem]\nmax-lifetime: 200d\n",
         "issuers/web-1.yaml:1:19: error: 'web-1.pem' has another subject than the issuer that the "
         "certificate before it names"},
        {"profiles/web.yaml", "issuer: web-2\n",
         "profiles/web.yaml:1:9: error: there is no issuer 'web-2' (issuers/web-2.yaml); did you "
         "mean 'web-1'?"},
    };
    struct tree *s = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const says[] = {cases[i].says, NULL};

        tree_put_good(s, cases[i].path, cases[i].text);
        tree_refused(s, says);
    }
}

/* A profile with one line replaced: the line number says which. */
static void each_mistake_in_a_profile_is_refused_at_its_place(void **state)
{
    static const struct {
        unsigned line;
        const char *text, *says;
    } cases[] = {
        {2, "identifiers: { alhpa: { names: [x] } }",
         "profiles/web.yaml:2:16: error: unknown key 'alhpa' in identifiers; did you mean "
         "'alpha'?"},
        {2, "identifiers: {}", ":2:14: error: 'identifiers' has 0 entries; the least is 1"},
        {2, "identifiers: { alpha: {} }", ":2:23: error: required key 'names' is missing in alpha"},
        {2, "identifiers: { alpha: { names: [x] }, beta: { x: 1 } }",
         ":2:47: error: unknown key 'x' in beta"},
        {3, "challenges: [chal-1]",
         ":3:14: error: no loaded module has a challenge 'chal-1'; did you mean 'chal-01'?"},
        {3, "challenges: [chal-01, chal-02]",
         ":3:23: error: challenge 'chal-02' applies to none of this profile's identifiers"},
        {3, "challenges: [chal-01, chal-01]",
         ":3:23: error: 'chal-01' is listed twice in 'challenges'"},
        {4, "keys: [ec-p256, rsa-1024]", ":4:17: error: 'rsa-1024' is no kind of key"},
        {4, "keys: []", ":4:7: error: 'keys' has 0 entries; the least is 1"},
        {5, "lifetime: { default: 91d, max: 90d }",
         ":5:22: error: default lifetime 91d is over the maximum of 90d"},
        {5, "lifetime: { default: 90d, max: 400d }",
         "profiles/web.yaml:5:32: error: lifetime 400d is over issuer 'web-1' maximum of 200d "
         "(issuers/web-1.yaml:2)\n    5 | lifetime: { default: 90d, max: 400d }\n      |"
         "                                ^\n"},
        {6, "key-usage: [keyCertSign]", ":6:13: error: entry 1 of 'key-usage' cannot be"},
        {6, "key-usage: [digitalSignature, digitalSignature]",
         ":6:31: error: 'digitalSignature' is listed twice"},
        {7, "extended-key-usage: [servrAuth]",
         ":7:22: error: 'servrAuth' is no extended key usage; did you mean 'serverAuth'?"},
        {7, "extended-key-usage: [1.2.x]", ":7:22: error: '1.2.x' is no extended key usage"},
        {8, "shape: square",
         ":8:8: error: no loaded module has a profile 'square'; there are: round"},
        {8, "backdate: 49h", ":8:11: error: 'backdate' is 49h; the most is 2d"},
    };
    struct tree *s = *state;

    tree_put_good(s, NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *start = TREE_PROFILE, *end;
        char *text;

        for (unsigned line = 1; line < cases[i].line; line++)
            start = strchr(start, '\n') + 1;
        end = *start == '\0' ? start : strchr(start, '\n') + 1;
        text = chy_fmt(s->cx, "%.*s%s\n%s", (int)(strlen(TREE_PROFILE) - strlen(start)),
                       TREE_PROFILE, cases[i].text, end);
        tree_put(s, "profiles/web.yaml", text, strlen(text));
        tree_refused_only(s, cases[i].says);
    }
}

static void KY_05_a_public_profile_certifies_no_ed25519_key(void **state)
{
    static const char *const says[] = {
        "profiles/web.yaml:4:17: error: 'ed25519' is not for publicly trusted certificates",
        "profiles/web.yaml:6:9: error: this version does not serve public profiles", "2 errors\n",
        NULL};
    struct tree *s = *state;
    const char *text = "issuer: web-1\nidentifiers: { alpha: { names: [x] } }\n"
                       "challenges: [chal-01]\nkeys: [ec-p256, ed25519]\n"
                       "lifetime: { default: 30d, max: 90d }\npublic: true\n"
                       "key-usage: [digitalSignature]\nextended-key-usage: [serverAuth]\n";

    tree_put_good(s, NULL, NULL);
    tree_put(s, "profiles/web.yaml", text, strlen(text));
    tree_refused(s, says);
}

static void mistakes_of_all_files_come_in_one_report(void **state)
{
    static const char *const says[] = {"chancery.yaml:2:18: error: there is no profile",
                                       "issuers/web-1.yaml:1:1: error: required key 'chain'",
                                       "profiles/web.yaml:1:1: error: unknown key 'isuer'",
                                       "widgets/w.yaml:1:1: error: unknown key 'part'",
                                       "4 errors\n",
                                       NULL};
    struct tree *s = *state;
    const char *profile = chy_fmt(s->cx, "isuer%s", &TREE_PROFILE[strlen("issuer")]);

    tree_put_good(s, "chancery.yaml", "version: 1\ndefault-profile: none\n");
    tree_put(s, "issuers/web-1.yaml", "max-lifetime: 200d\n", 19);
    tree_put(s, "profiles/web.yaml", profile, strlen(profile));
    tree_put(s, "widgets/w.yaml", "part: [x]\n", 10);
    tree_refused(s, says);
}

static void a_file_that_cannot_be_parsed_is_one_mistake(void **state)
{
    struct tree *s = *state;

    tree_put_good(s, "issuers/web-1.yaml", "chain: [\n");
    tree_refused_only(s, "issuers/web-1.yaml:2:1: error: flow sequence without a closing bracket");
}

static void a_module_checks_its_clean_documents_and_points_into_them(void **state)
{
    static const char *const says[] = {
        "widgets/w.yaml:2:7: error: widget w has 2 parts\n    2 | size: 4\n      |       ^\n",
        "widgets/w.yaml:1:12: error: no 'no'", NULL};
    struct tree *s = *state;

    tree_put_good(s, "widgets/w.yaml", "parts: [a, \"no\"]\nsize: 4\n");
    tree_refused(s, says);
    tree_put(s, "widgets/w.yaml", "parts: [a]\nsize: many\n", 22);
    tree_refused_only(s, "widgets/w.yaml:2:7: error: 'size' must be a whole number");
    /* A value that was not written: the nearest written parent. */
    tree_put(s, "widgets/w.yaml", "parts: [a]\n", 11);
    tree_refused_only(s, "widgets/w.yaml:1:1: error: widget w has 1 parts");
}

static void a_module_checks_the_values_of_its_rule_in_a_profile(void **state)
{
    static const char profile[] = "issuer: web-1\n"
                                  "identifiers:\n"
                                  "  alpha:\n"
                                  "    names: [x, wrong]\n"
                                  "challenges: [chal-01]\nkeys: [ec-p256]\n"
                                  "lifetime: { default: 90d, max: 90d }\n"
                                  "key-usage: [digitalSignature]\nextended-key-usage: []\n";
    struct tree *s = *state;

    tree_put_good(s, "profiles/web.yaml", profile);
    tree_refused_only(s, "profiles/web.yaml:4:16: error: 'wrong' is no name\n"
                         "    4 |     names: [x, wrong]\n"
                         "      |                ^");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, tree_setup, tree_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_good_tree_becomes_a_snapshot_that_outlives_its_context),
        TEST(a_module_checks_the_values_of_its_rule_in_a_profile),
        TEST(the_chain_is_given_as_clean_pem),
        TEST(each_visits_one_kind_in_order_of_name),
        TEST(the_revision_names_the_contents_only),
        TEST(everything_optional_may_be_written),
        TEST(the_sample_tree_is_good),
        TEST(each_mistake_in_a_file_is_refused_at_its_place),
        TEST(each_mistake_in_a_profile_is_refused_at_its_place),
        TEST(KY_05_a_public_profile_certifies_no_ed25519_key),
        TEST(mistakes_of_all_files_come_in_one_report),
        TEST(a_file_that_cannot_be_parsed_is_one_mistake),
        TEST(a_module_checks_its_clean_documents_and_points_into_them),
    };

    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
