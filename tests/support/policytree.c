/* SPDX-License-Identifier: Apache-2.0 */
/* Policy trees for tests. */
#include "tests/support/policytree.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "tests/support/fakehost.h"
#include "tests/support/golden.h"
#include "tests/support/policytable.h"

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
/* The word "wrong" is wrong. */
static void check_alpha(const struct chy_policy_report *r, const json_t *rule)
{
    const json_t *names = json_object_get(rule, "names"), *name;
    char path[40];
    size_t i;

    json_array_foreach(names, i, name)
    {
        snprintf(path, sizeof path, "/names/%zu", i);
        if (strcmp(json_string_value(name), "wrong") == 0)
            r->error(r, path, "'%s' is no name", json_string_value(name));
    }
}
static const struct chy_policy_rule rules[] = {{"alpha", rich_alpha, check_alpha}, {"beta", NULL}};
const struct chy_policy_schema tree_schema = {kinds, rules, 2, challenges, shapes, challenge_types};

struct text_file {
    const char *path, *text;
};

static const struct text_file good_tree[] = {
    {"chancery.yaml", TREE_CHANCERY},
    {"issuers/web-1.yaml", TREE_ISSUER},
    {"profiles/web.yaml", TREE_PROFILE},
};

int tree_setup(void **state)
{
    struct tree *s = calloc(1, sizeof *s);

    s->cx = fake_cx_new(CHY_STAGE_REQUEST);
    s->report = chy_report_new(s->cx);
    snprintf(s->dir, sizeof s->dir, "/tmp/chancery-policy-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    *state = s;
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

int tree_teardown(void **state)
{
    struct tree *s = *state;

    assert_true(strncmp(s->dir, "/tmp/chancery-policy-", 21) == 0);
    assert_int_equal(nftw(s->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
    fake_cx_free(s->cx);
    free(s);
    return 0;
}

char *tree_path(struct tree *s, const char *path)
{
    return chy_fmt(s->cx, "%s/%s", s->dir, path);
}

void tree_put(struct tree *s, const char *path, const char *text, size_t n)
{
    char *full = tree_path(s, path), *slash = strrchr(full, '/');

    *slash = '\0';
    assert_int_equal(chy_file_mkdirs(s->cx, full, 0755), CHY_OK);
    *slash = '/';
    assert_int_equal(chy_file_write(s->cx, full, text, n, 0644), CHY_OK);
}

void tree_put_text(struct tree *s, const char *path, const char *text)
{
    tree_put(s, path, text, strlen(text));
}

void tree_put_pem(struct tree *s, const char *name)
{
    size_t n;
    char *text = golden_read(s->cx, chy_fmt(s->cx, "policy/pem/%s", name), &n);

    tree_put(s, chy_fmt(s->cx, "issuers/%s", name), text, n);
}

void tree_put_good(struct tree *s, const char *path, const char *text)
{
    tree_put_pem(s, "root.pem");
    tree_put_pem(s, "web-1.pem");
    for (size_t i = 0; i < sizeof good_tree / sizeof *good_tree; i++)
        if (path == NULL || strcmp(good_tree[i].path, path) != 0)
            tree_put_text(s, good_tree[i].path, good_tree[i].text);
    if (path != NULL && text != NULL)
        tree_put(s, path, text, strlen(text));
}

struct chy_policy *tree_load(struct tree *s)
{
    struct chy_policy *p = NULL;

    s->report = chy_report_new(s->cx);
    if (chy_policy_load(s->cx, s->dir, &tree_schema, s->report, &p) != CHY_OK)
        fail_msg("%s", chy_report_text(s->report));
    assert_int_equal(chy_report_count(s->report), 0);
    return p;
}

void tree_refused(struct tree *s, const char *const *says)
{
    struct chy_policy *p = NULL;
    const char *text;

    memset(&s->cx->problem, 0, sizeof s->cx->problem);
    s->report = chy_report_new(s->cx);
    assert_int_equal(chy_policy_load(s->cx, s->dir, &tree_schema, s->report, &p), CHY_ERR);
    assert_null(p);
    assert_non_null(s->cx->problem.type);
    text = chy_report_text(s->report);
    for (; *says != NULL; says++)
        if (strstr(text, *says) == NULL)
            fail_msg("not said: %s\n%s", *says, text);
}

void tree_refused_only(struct tree *s, const char *says)
{
    const char *const list[] = {says, NULL};

    tree_refused(s, list);
    if (chy_report_count(s->report) != 1)
        fail_msg("%s", chy_report_text(s->report));
}
