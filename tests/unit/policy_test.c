/* SPDX-License-Identifier: Apache-2.0 */
/* Policy trees: what a good one becomes, and every refusal with the place it points at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/policy/keypattern.h"
#include "core/policy/policy.h"
#include "tests/support/fakehost.h"
#include "tests/support/golden.h"
#include "tests/support/policytable.h"

/* ---- what modules bring ---- */

static const char *const alpha_only[] = {"alpha", NULL}, *const beta_only[] = {"beta", NULL};
static const struct chy_challenge_type chal_a = {.name = "chal-01", .ident_types = alpha_only};
static const struct chy_challenge_type chal_b = {.name = "chal-02", .ident_types = beta_only};
static const struct chy_challenge_type *const challenge_types[] = {&chal_a, &chal_b, NULL};
static const char *const challenges[] = {"chal-01", "chal-02", NULL};
static const char *const shapes[] = {"round", NULL};

static const struct chy_policy_item widget_items[] = {
    {.name = "parts", .type = CHY_T_LIST, .element = &rich_word, .required = true},
    {.name = "size", .type = CHY_T_INT, .min = 1, .dflt = "3"},
    {NULL},
};

static void check_widget(const struct chy_policy_report *r, const char *name, const json_t *doc)
{
    size_t n = json_array_size(json_object_get(doc, "parts"));

    /* Would crash on a document that is not clean. */
    assert_true(json_is_integer(json_object_get(doc, "size")));
    if (n != (size_t)json_integer_value(json_object_get(doc, "size")))
        r->error(r, "/size", "widget %s has %zu parts", name, n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(json_string_value(json_array_get(json_object_get(doc, "parts"), i)), "no") == 0)
            r->error(r, i == 0 ? "/parts/0" : "/parts/1", "no 'no'");
}

static const struct chy_policy_kind widgets = {"widgets", widget_items, check_widget};
static const struct chy_policy_kind *const kinds[] = {&widgets, NULL};
static const struct chy_policy_rule rules[] = {{"alpha", rich_alpha}, {"beta", NULL}};
static const struct chy_policy_schema schema = {kinds,      rules,  2,
                                                challenges, shapes, challenge_types};

/* ---- trees ---- */

struct text_file {
    const char *path, *text; /* text NULL: the file is left out */
};

#define CHANCERY "version: 1\ndefault-profile: web\n"
#define ISSUER "chain: [web-1.pem, root.pem]\nmax-lifetime: 200d\n"
#define PROFILE                                                                                    \
    "issuer: web-1\n"                                                                              \
    "identifiers: { alpha: { names: [\"*.a.example\"], wildcard: true } }\n"                       \
    "challenges: [chal-01]\n"                                                                      \
    "keys: [ec-p256, rsa-2048..4096]\n"                                                            \
    "lifetime: { default: 90d, max: 90d }\n"                                                       \
    "key-usage: [digitalSignature]\n"                                                              \
    "extended-key-usage: [serverAuth]\n"

static const struct text_file good_tree[] = {
    {"chancery.yaml", CHANCERY},
    {"issuers/web-1.yaml", ISSUER},
    {"profiles/web.yaml", PROFILE},
};

struct state {
    struct chy_ctx *cx;
    struct chy_report *report;
    char dir[64];
};

static int setup(void **state)
{
    struct state *s = calloc(1, sizeof *s);

    s->cx = fake_cx_new(CHY_STAGE_REQUEST);
    s->report = chy_report_new(s->cx);
    snprintf(s->dir, sizeof s->dir, "/tmp/chancery-policy-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    *state = s;
    return 0;
}

static void remove_tree(int at, const char *name)
{
    char command[128];

    (void)at;
    assert_true(strncmp(name, "/tmp/chancery-policy-", 21) == 0);
    snprintf(command, sizeof command, "rm -rf -- %s", name);
    assert_int_equal(system(command), 0);
}

static int teardown(void **state)
{
    struct state *s = *state;

    remove_tree(AT_FDCWD, s->dir);
    fake_cx_free(s->cx);
    free(s);
    return 0;
}

static char *path_in(struct state *s, const char *path)
{
    return chy_fmt(s->cx, "%s/%s", s->dir, path);
}

static void put(struct state *s, const char *path, const char *text, size_t n)
{
    char *full = path_in(s, path), *slash = strrchr(full, '/');

    *slash = '\0';
    assert_int_equal(chy_file_mkdirs(s->cx, full, 0755), CHY_OK);
    *slash = '/';
    assert_int_equal(chy_file_write(s->cx, full, text, n, 0644), CHY_OK);
}

static void put_pem(struct state *s, const char *name)
{
    size_t n;
    char *text = golden_read(s->cx, chy_fmt(s->cx, "policy/pem/%s", name), &n);

    put(s, chy_fmt(s->cx, "issuers/%s", name), text, n);
}

/* The good tree, with one file instead or besides. */
static void put_tree(struct state *s, const char *path, const char *text)
{
    put_pem(s, "root.pem");
    put_pem(s, "web-1.pem");
    for (size_t i = 0; i < sizeof good_tree / sizeof *good_tree; i++)
        if (path == NULL || strcmp(good_tree[i].path, path) != 0)
            put(s, good_tree[i].path, good_tree[i].text, strlen(good_tree[i].text));
    if (path != NULL && text != NULL)
        put(s, path, text, strlen(text));
}

static struct chy_policy *load_good(struct state *s)
{
    struct chy_policy *p = NULL;

    s->report = chy_report_new(s->cx);
    if (chy_policy_load(s->cx, s->dir, &schema, s->report, &p) != CHY_OK)
        fail_msg("%s", chy_report_text(s->report));
    assert_int_equal(chy_report_count(s->report), 0);
    return p;
}

/* The tree is refused, and the report's text has each of says (NULL-terminated) in it. */
static void expect_refused(struct state *s, const char *const *says)
{
    struct chy_policy *p = NULL;
    const char *text;

    memset(&s->cx->problem, 0, sizeof s->cx->problem);
    s->report = chy_report_new(s->cx);
    assert_int_equal(chy_policy_load(s->cx, s->dir, &schema, s->report, &p), CHY_ERR);
    assert_null(p);
    assert_non_null(s->cx->problem.type);
    text = chy_report_text(s->report);
    for (; *says != NULL; says++)
        if (strstr(text, *says) == NULL)
            fail_msg("not said: %s\n%s", *says, text);
}

static void expect_only(struct state *s, const char *says)
{
    const char *const list[] = {says, NULL};

    expect_refused(s, list);
    if (chy_report_count(s->report) != 1)
        fail_msg("%s", chy_report_text(s->report));
}

/* ---- what a good tree becomes ---- */

static void a_good_tree_becomes_a_snapshot_that_outlives_its_context(void **state)
{
    struct state *s = *state;
    struct chy_ctx *own = fake_cx_new(CHY_STAGE_REQUEST);
    struct chy_policy *p = NULL;
    const json_t *j;

    put_tree(s, "widgets/w-1.yaml", "parts: [a, b, c]\n");
    assert_int_equal(chy_policy_load(own, s->dir, &schema, chy_report_new(own), &p), CHY_OK);
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
    struct state *s = *state;
    struct chy_policy *p;
    const json_t *chain;
    const char *text;
    size_t n;

    put_pem(s, "commented.pem");
    put_tree(s, "issuers/web-1.yaml", "chain: [commented.pem, root.pem]\nmax-lifetime: 200d\n");
    p = load_good(s);
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
    strncat(seen, name, 20);
    strncat(seen, " ", 2);
}

static void each_visits_one_kind_in_order_of_name(void **state)
{
    struct state *s = *state;
    struct chy_policy *p;
    char seen[100] = "";

    put_tree(s, "profiles/short.yaml", PROFILE);
    put(s, "profiles/a-1.yaml", PROFILE, strlen(PROFILE));
    p = load_good(s);
    chy_policy_each(p, "profiles", count_visit, seen);
    assert_string_equal(seen, "a-1 short web ");
    chy_policy_drop(p);
}

static void the_revision_names_the_contents_only(void **state)
{
    struct state *s = *state;
    struct chy_policy *p;
    char first[65];

    put_tree(s, NULL, NULL);
    p = load_good(s);
    snprintf(first, sizeof first, "%s", chy_policy_revision(p));
    chy_policy_drop(p);
    put(s, "README.md", "text", 4);
    put(s, "profiles/README.md", "text", 4);
    put(s, ".gitignore", "x", 1);
    put(s, ".git/config", "x", 1);
    p = load_good(s);
    assert_string_equal(chy_policy_revision(p), first);
    chy_policy_drop(p);
    put(s, "profiles/web.yaml", PROFILE "#\n", strlen(PROFILE) + 2);
    p = load_good(s);
    assert_string_not_equal(chy_policy_revision(p), first);
    chy_policy_drop(p);
}

static void everything_optional_may_be_written(void **state)
{
    struct state *s = *state;

    put_tree(s, "profiles/web.yaml",
             PROFILE "description: x\nbackdate: 48h\nshape: round\npublic: true\n");
    put(s, "profiles/other.yaml",
        "issuer: web-1\nidentifiers: { alpha: { names: [x] }, beta: {} }\n"
        "challenges: [chal-02, chal-01]\nkeys: [ed25519, rsa-3072, ec-p384, ec-p521]\n"
        "lifetime: { default: 1s, max: 200d }\nkey-usage: [keyAgreement]\n"
        "extended-key-usage: [1.3.6.1.5.5.7.3.17, clientAuth]\n",
        strlen("issuer: web-1\nidentifiers: { alpha: { names: [x] }, beta: {} }\n"
               "challenges: [chal-02, chal-01]\nkeys: [ed25519, rsa-3072, ec-p384, ec-p521]\n"
               "lifetime: { default: 1s, max: 200d }\nkey-usage: [keyAgreement]\n"
               "extended-key-usage: [1.3.6.1.5.5.7.3.17, clientAuth]\n"));
    put(s, "chancery.yaml", "", 0);
    put_tree(s, "chancery.yaml",
             CHANCERY
             "directory: { website: \"https://a.example\", terms: \"https://a.example/t\", "
             "caa-identities: [ca.example.org] }\n");
    put(s, "profiles/web.yaml", PROFILE, strlen(PROFILE));
    chy_policy_drop(load_good(s));
}

/* deploy/policy-sample is what 'chancery init' begins with: valid as it stands but for certificates. */
static void the_sample_tree_is_good(void **state)
{
    static const char *const files[] = {"chancery.yaml", "issuers/web-1.yaml", "profiles/web.yaml",
                                        "profiles/short-lived.yaml", "README.md"};
    static const char *const types[] = {"dns", NULL}, *const names[] = {"http-01", "dns-01", NULL};
    static const struct chy_challenge_type http = {.name = "http-01", .ident_types = types};
    static const struct chy_challenge_type dns = {.name = "dns-01", .ident_types = types};
    static const struct chy_challenge_type *const all[] = {&http, &dns, NULL};
    static const struct chy_policy_rule rule = {"dns", rich_alpha};
    static const struct chy_policy_schema real = {NULL, &rule, 1, names, NULL, all};
    struct state *s = *state;
    struct chy_policy *p = NULL;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t n;
        char *text =
            golden_read(s->cx, chy_fmt(s->cx, "../../deploy/policy-sample/%s", files[i]), &n);

        put(s, files[i], text, n);
    }
    put_pem(s, "root.pem");
    put_pem(s, "web-1.pem");
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
        {"chancery.yaml", CHANCERY "directory: { website: \"javascript:x\" }\n",
         "chancery.yaml:3:23: error: 'javascript:x' must be a URL"},
        {"chancery.yaml", CHANCERY "directory: { terms: \"https://a b\" }\n",
         "chancery.yaml:3:21: error: 'https://a b' must be a URL"},
        {"chancery.yaml", CHANCERY "directory: { caa-identities: [a.example, B.example] }\n",
         "chancery.yaml:3:42: error: 'B.example' must be a domain name in lower case"},
        {"chancery.yaml", CHANCERY "orders: { lifetime: 0s }\n",
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
    struct state *s = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const says[] = {cases[i].says, NULL};

        put_tree(s, cases[i].path, cases[i].text);
        expect_refused(s, says);
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
    struct state *s = *state;

    put_tree(s, NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *start = PROFILE, *end;
        char *text;

        for (unsigned line = 1; line < cases[i].line; line++)
            start = strchr(start, '\n') + 1;
        end = *start == '\0' ? start : strchr(start, '\n') + 1;
        text = chy_fmt(s->cx, "%.*s%s\n%s", (int)(strlen(PROFILE) - strlen(start)), PROFILE,
                       cases[i].text, end);
        put(s, "profiles/web.yaml", text, strlen(text));
        expect_only(s, cases[i].says);
    }
}

static void mistakes_of_all_files_come_in_one_report(void **state)
{
    static const char *const says[] = {"chancery.yaml:2:18: error: there is no profile",
                                       "issuers/web-1.yaml:1:1: error: required key 'chain'",
                                       "profiles/web.yaml:1:1: error: unknown key 'isuer'",
                                       "widgets/w.yaml:1:1: error: unknown key 'part'",
                                       "4 errors\n",
                                       NULL};
    struct state *s = *state;
    const char *profile = chy_fmt(s->cx, "isuer%s", &PROFILE[strlen("issuer")]);

    put_tree(s, "chancery.yaml", "version: 1\ndefault-profile: none\n");
    put(s, "issuers/web-1.yaml", "max-lifetime: 200d\n", 19);
    put(s, "profiles/web.yaml", profile, strlen(profile));
    put(s, "widgets/w.yaml", "part: [x]\n", 10);
    expect_refused(s, says);
}

static void a_file_that_cannot_be_parsed_is_one_mistake(void **state)
{
    struct state *s = *state;

    put_tree(s, "issuers/web-1.yaml", "chain: [\n");
    expect_only(s, "issuers/web-1.yaml:2:1: error: flow sequence without a closing bracket");
}

static void a_module_checks_its_clean_documents_and_points_into_them(void **state)
{
    static const char *const says[] = {
        "widgets/w.yaml:2:7: error: widget w has 2 parts\n    2 | size: 4\n      |       ^\n",
        "widgets/w.yaml:1:12: error: no 'no'", NULL};
    struct state *s = *state;

    put_tree(s, "widgets/w.yaml", "parts: [a, \"no\"]\nsize: 4\n");
    expect_refused(s, says);
    put(s, "widgets/w.yaml", "parts: [a]\nsize: many\n", 22);
    expect_only(s, "widgets/w.yaml:2:7: error: 'size' must be a whole number");
    /* A value that was not written: the nearest written parent. */
    put(s, "widgets/w.yaml", "parts: [a]\n", 11);
    expect_only(s, "widgets/w.yaml:1:1: error: widget w has 1 parts");
}

/* ---- certificates ---- */

static void each_bad_chain_is_refused_at_its_entry(void **state)
{
    static const struct {
        const char *chain, *says;
    } cases[] = {
        {"leaf.pem, root.pem", ":1:9: error: 'leaf.pem' is not the certificate of an authority"},
        {"web-1.pem, stranger.pem", ":1:20: error: 'stranger.pem' has another subject than the"},
        {"web-1.pem, impostor.pem",
         ":1:20: error: 'impostor.pem' may not certify the one before it"},
        {"web-1.pem, web-1.pem", ":1:20: error: 'web-1.pem' has another subject"},
        {"two.pem", ":1:9: error: 'two.pem' holds more than one PEM block"},
        {"empty.pem", ":1:9: error: 'empty.pem' holds no PEM block"},
        {"request.pem", ":1:9: error: 'request.pem' holds a PEM block CERTIFICATE REQUEST"},
        {"garbage.pem", ":1:9: error: 'garbage.pem' does not hold a certificate in DER"},
    };
    struct state *s = *state;

    put_tree(s, NULL, NULL);
    put_pem(s, "leaf.pem");
    put_pem(s, "stranger.pem");
    put_pem(s, "impostor.pem");
    put_pem(s, "two.pem");
    put(s, "issuers/empty.pem", "", 0);
    put(s, "issuers/request.pem",
        "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n", 75);
    put(s, "issuers/garbage.pem", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        59);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = chy_fmt(s->cx, "chain: [%s]\nmax-lifetime: 200d\n", cases[i].chain);

        put(s, "issuers/web-1.yaml", text, strlen(text));
        expect_only(s, cases[i].says);
    }
}

static void a_private_key_in_policy_is_refused(void **state)
{
    static const char key[] = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    struct state *s = *state;

    put_tree(s, NULL, NULL);
    put(s, "issuers/unused.pem", key, sizeof key - 1);
    expect_only(s,
                "issuers/unused.pem: error: holds a private key; policy holds certificates only");
}

/* ---- what stands in the directory ---- */

static void what_does_not_belong_in_the_tree_is_refused(void **state)
{
    static const struct {
        const char *path, *says;
    } cases[] = {
        {"notes.txt", "notes.txt: error: is not read: at the top of a policy stands only"},
        {"chancery.yml", "chancery.yml: error: is not read: at the top"},
        {"profile/x.yaml", "profile: error: is no kind of policy that is loaded; did you mean "
                           "'profiles'?"},
        {"other/x.yaml", "other: error: is no kind of policy that is loaded; there are: issuers, "
                         "profiles, widgets"},
        {"profiles/web.yml", "profiles/web.yml: error: is not read: policy files end in .yaml"},
        {"profiles/Web.yaml", "profiles/Web.yaml: error: is not read: policy files are named"},
        {"profiles/-x.yaml", "profiles/-x.yaml: error: is not read"},
        {"profiles/a.b.yaml", "profiles/a.b.yaml: error: is not read"},
        {"profiles/root.pem", "profiles/root.pem: error: is not read"},
        {"profiles/web.yaml~", "profiles/web.yaml~: error: is not read"},
        {"profiles/x\x1b[2Jy.yaml", "profiles/x?[2Jy.yaml: error: is not read"},
        {"profiles/"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.yaml",
         "is not read"},
        {"issuers/-x.pem", "issuers/-x.pem: error: is not read"},
        {"profiles/sub/x.yaml",
         "profiles/sub: error: is a directory; folders of policy hold files"},
    };
    struct state *s = *state;

    put_tree(s, NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *full = path_in(s, cases[i].path), *slash;

        put(s, cases[i].path, PROFILE, strlen(PROFILE));
        expect_only(s, cases[i].says);
        assert_int_equal(unlink(full), 0);
        slash = strrchr(full, '/');
        *slash = '\0';
        (void)rmdir(full); /* only empty ones go */
    }
    chy_policy_drop(load_good(s));
}

static void links_and_special_files_are_refused(void **state)
{
    struct state *s = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    put_tree(s, NULL, NULL);
    assert_int_equal(symlink("web.yaml", path_in(s, "profiles/link.yaml")), 0);
    expect_only(s, "profiles/link.yaml: error: is a symbolic link");
    assert_int_equal(unlink(path_in(s, "profiles/link.yaml")), 0);

    assert_int_equal(symlink("profiles", path_in(s, "widgets")), 0);
    expect_only(s, "widgets: error: is a symbolic link");
    assert_int_equal(unlink(path_in(s, "widgets")), 0);

    assert_int_equal(symlink("/etc/hostname", path_in(s, "issuers/x.pem")), 0);
    expect_only(s, "issuers/x.pem: error: is a symbolic link");
    assert_int_equal(unlink(path_in(s, "issuers/x.pem")), 0);

    assert_int_equal(mkfifo(path_in(s, "profiles/pipe.yaml"), 0600), 0);
    expect_only(s, "profiles/pipe.yaml: error: is not a regular file");
    assert_int_equal(unlink(path_in(s, "profiles/pipe.yaml")), 0);

    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path_in(s, "profiles/s.yaml"));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    expect_only(s, "profiles/s.yaml: error: is not a regular file");
}

static void a_file_over_its_size_is_not_read(void **state)
{
    struct state *s = *state;

    put_tree(s, "widgets/w.yaml", "parts: []\n");
    assert_int_equal(truncate(path_in(s, "widgets/w.yaml"), 1024 * 1024 + 1), 0);
    expect_only(s, "widgets/w.yaml: error: has 1048577 octets; the most is 1048576");
}

static void a_tree_over_its_size_is_not_read(void **state)
{
    struct state *s = *state;
    const char *says[] = {"makes the policy larger than 64 MiB", NULL};
    char *text = chy_alloc(s->cx, 1024 * 1024 + 1);

    memset(text, '#', 1024 * 1024);
    put_tree(s, NULL, NULL);
    for (unsigned i = 0; i < 66; i++)
        put(s, chy_fmt(s->cx, "widgets/w%u.yaml", i), text, 1024 * 1024);
    expect_refused(s, says);
}

static void a_missing_tree_and_a_missing_top_file_are_told_apart(void **state)
{
    struct state *s = *state;
    const char *says[] = {"chancery.yaml: error: is missing; every policy has one", NULL};
    struct chy_policy *p = NULL;

    expect_refused(s, says);
    assert_int_equal(chy_policy_load(s->cx, "/nonexistent", &schema, s->report, &p), CHY_ERR);
    assert_non_null(strstr(chy_report_text(s->report),
                           "/nonexistent: error: policy cannot be read: No such file"));
}

/* ---- key patterns ---- */

static void key_patterns_have_a_closed_grammar(void **state)
{
    static const char *const good[] = {"ec-p256",  "ec-p384",        "ec-p521",        "ed25519",
                                       "rsa-2048", "rsa-2048..4096", "rsa-3072..3072", "rsa-8192"};
    static const char *const bad[] = {"",
                                      "rsa",
                                      "rsa-",
                                      "rsa-1024",
                                      "rsa-02048",
                                      "rsa-2049",
                                      "rsa-16384",
                                      "rsa-4096..2048",
                                      "rsa-2048..",
                                      "rsa-2048...4096",
                                      "rsa-2048-4096",
                                      "rsa-2048..4096 ",
                                      "RSA-2048",
                                      "ec-p192",
                                      "ec-p256 ",
                                      "ed448",
                                      "ec",
                                      "rsa-+048",
                                      "rsa-2048..1e4",
                                      "rsa-99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!chy_policy_key_pattern_valid(good[i]))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (chy_policy_key_pattern_valid(bad[i]))
            fail_msg("%s is accepted", bad[i]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_good_tree_becomes_a_snapshot_that_outlives_its_context),
        TEST(the_chain_is_given_as_clean_pem),
        TEST(each_visits_one_kind_in_order_of_name),
        TEST(the_revision_names_the_contents_only),
        TEST(everything_optional_may_be_written),
        TEST(the_sample_tree_is_good),
        TEST(each_mistake_in_a_file_is_refused_at_its_place),
        TEST(each_mistake_in_a_profile_is_refused_at_its_place),
        TEST(mistakes_of_all_files_come_in_one_report),
        TEST(a_file_that_cannot_be_parsed_is_one_mistake),
        TEST(a_module_checks_its_clean_documents_and_points_into_them),
        TEST(each_bad_chain_is_refused_at_its_entry),
        TEST(a_private_key_in_policy_is_refused),
        TEST(what_does_not_belong_in_the_tree_is_refused),
        TEST(links_and_special_files_are_refused),
        TEST(a_file_over_its_size_is_not_read),
        TEST(a_tree_over_its_size_is_not_read),
        TEST(a_missing_tree_and_a_missing_top_file_are_told_apart),
        TEST(key_patterns_have_a_closed_grammar),
    };

    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
