/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: what is taken, found again and started, and in which order.  Each single fault of a
 * descriptor is in registry_faults_test.c; faults of files that need a compiler are in
 * tests/e2e/modules_test.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/registry_parts.h"

/* ---- what is taken ---- */

static void a_whole_module_is_taken_and_found_again(void **state)
{
    struct chy_ctx *cx = *state;
    const struct chy_challenge_type *const *list;
    const struct chy_policy_schema *s;
    struct chy_registry *r;
    const char *module;
    struct parts p;

    fill(&p, "plates");
    if (build(cx, &p, 1, &r) != CHY_OK)
        fail_msg("%s", cx->problem.detail);
    assert_int_equal(chy_registry_count(r), 1);
    assert_ptr_equal(chy_registry_module(r, 0), &p.module);
    assert_null(chy_registry_module(r, 1));
    assert_ptr_equal(chy_registry_ident(r, "plate"), &p.ident);
    assert_null(chy_registry_ident(r, "Plate"));
    assert_ptr_equal(chy_registry_challenge(r, "plate-01"), &p.challenge);
    assert_int_equal(chy_registry_challenges_for(r, "plate", &list), 1);
    assert_ptr_equal(list[0], &p.challenge);
    assert_null(list[1]);
    assert_int_equal(chy_registry_challenges_for(r, "unknown", &list), 0);
    assert_null(list[0]);
    assert_ptr_equal(chy_registry_claim(r, "san:x400Address"), &p.ident);
    assert_null(chy_registry_claim(r, "san:x400"));
    assert_ptr_equal(chy_registry_shape(r, "plate-sign"), &p.profile);
    assert_true(chy_registry_member_known(r, "road-tax"));
    assert_false(chy_registry_member_known(r, "identifiers"));
    assert_false(chy_registry_member_refused(r, "road-tax", &module));
    s = chy_registry_policy_schema(r);
    assert_ptr_equal(s->kinds[0], &p.kind);
    assert_null(s->kinds[1]);
    assert_int_equal(s->n_rules, 1);
    assert_string_equal(s->rules[0].ident_type, "plate");
    assert_ptr_equal(s->rules[0].items, p.rule);
    assert_string_equal(s->challenges[0], "plate-01");
    assert_null(s->challenges[1]);
    assert_string_equal(s->shapes[0], "plate-sign");
    chy_registry_free(r);
}

static void every_table_entry_has_its_owner(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_registry *r;
    struct parts p;

    fill(&p, "plates");
    assert_int_equal(build(cx, &p, 1, &r), CHY_OK);
    const void *const entries[] = {&p.module,  &p.ident, &p.challenge, &p.order,   &p.object,
                                   &p.profile, &p.route, &p.job,       &p.command, &p.kind};
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        assert_ptr_equal(chy_registry_owner(r, entries[i]), &p.module);
    assert_null(chy_registry_owner(r, &r));
    assert_null(chy_registry_owner(r, NULL));
    chy_registry_free(r);
}

static void no_module_at_all_is_an_empty_registry(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_registry *r;

    assert_int_equal(chy_registry_build(cx, NULL, 0, &r), CHY_OK);
    assert_int_equal(chy_registry_count(r), 0);
    assert_null(chy_registry_policy_schema(r)->kinds[0]);
    chy_registry_free(r);
}

static void routes_on_different_listeners_may_share_a_path(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_registry *r;
    struct parts p[2];

    fill(&p[0], "plates");
    fill_other(&p[1]);
    p[1].route.path = "/plates/{other}";
    p[1].route.listeners = CHY_LISTEN_PUBLIC;
    assert_int_equal(build(cx, p, 2, &r), CHY_OK);
    chy_registry_free(r);
}

static void a_challenge_may_also_serve_types_of_modules_not_loaded(void **state)
{
    struct chy_ctx *cx = *state;
    const struct chy_challenge_type *const *list;
    struct chy_registry *r;
    struct parts p[2];

    fill(&p[0], "plates");
    p[0].applies[0] = "hull";
    p[0].applies[1] = "plate";
    assert_int_equal(build(cx, p, 1, &r), CHY_OK);
    assert_int_equal(chy_registry_challenges_for(r, "plate", &list), 1);
    chy_registry_free(r);
    fill_other(&p[1]);
    assert_int_equal(build(cx, p, 2, &r), CHY_OK);
    assert_int_equal(chy_registry_challenges_for(r, "hull", &list), 2);
    assert_ptr_equal(list[0], &p[0].challenge);
    chy_registry_free(r);
}

/* ---- order of loading ---- */

static char started[64];
static const char *failing;

static enum chy_rc start(const struct chy_host *host, const char *name)
{
    assert_int_equal(host->size, sizeof *host);
    snprintf(started + strlen(started), sizeof started - strlen(started), "+%s", name);
    return failing != NULL && strcmp(failing, name) == 0 ? CHY_ERR : CHY_OK;
}
static void stop(const char *name)
{
    snprintf(started + strlen(started), sizeof started - strlen(started), "-%s", name);
}
static enum chy_rc init_a(const struct chy_host *host)
{
    return start(host, "a");
}
static enum chy_rc init_b(const struct chy_host *host)
{
    return start(host, "b");
}
static enum chy_rc init_c(const struct chy_host *host)
{
    return start(host, "c");
}
static void fini_a(void)
{
    stop("a");
}
static void fini_b(void)
{
    stop("b");
}
static void fini_c(void)
{
    stop("c");
}

static const char *needs[3][3];
static struct chy_module chain[3];
static const struct chy_module *const chain_list[] = {&chain[0], &chain[1], &chain[2]};

static void fill_chain(void)
{
    const struct chy_module fresh[3] = {
        {CHY_MODULE("a", "1"), .needs = needs[0], .init = init_a, .fini = fini_a},
        {CHY_MODULE("b", "1"), .needs = needs[1], .init = init_b, .fini = fini_b},
        {CHY_MODULE("c", "1"), .needs = needs[2], .init = init_c, .fini = fini_c},
    };

    memcpy(chain, fresh, sizeof chain);
    memset(needs, 0, sizeof needs);
    started[0] = '\0';
    failing = NULL;
}

static void modules_start_after_what_they_need_and_stop_before_it(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_registry *r;

    fill_chain();
    needs[0][0] = "c";
    needs[2][0] = "b";
    assert_int_equal(chy_registry_build(cx, chain_list, 3, &r), CHY_OK);
    assert_string_equal(chy_registry_module(r, 0)->name, "b");
    assert_string_equal(chy_registry_module(r, 1)->name, "c");
    assert_string_equal(chy_registry_module(r, 2)->name, "a");
    chy_registry_free(r);
    assert_string_equal(started, "+b+c+a-a-c-b");
}

static void modules_that_need_nothing_keep_the_order_of_the_administrator(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_registry *r;

    fill_chain();
    assert_int_equal(chy_registry_build(cx, chain_list, 3, &r), CHY_OK);
    chy_registry_free(r);
    assert_string_equal(started, "+a+b+c-c-b-a");
}

static void a_circle_of_needs_is_shown_whole(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_registry *r;

    fill_chain();
    needs[0][0] = "b";
    needs[1][0] = "c";
    needs[2][0] = "b";
    assert_refused(cx, chy_registry_build(cx, chain_list, 3, &r), "circle: b -> c -> b");
    assert_string_equal(started, "");
}

static void a_failed_init_is_refused_and_the_started_ones_are_stopped(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_registry *r;

    fill_chain();
    failing = "b";
    assert_refused(cx, chy_registry_build(cx, chain_list, 3, &r), "module b: init failed");
    assert_string_equal(started, "+a+b-a");
}

/* ---- files ---- */

struct dir {
    char path[128], file[160];
};

static void make_dir(struct dir *d)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(d->path, sizeof d->path, "%s/registry-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(d->path));
    snprintf(d->file, sizeof d->file, "%s/plates.so", d->path);
}

static void put_text(const struct dir *d, mode_t mode)
{
    FILE *f = fopen(d->file, "w");

    assert_non_null(f);
    fputs("this is not a shared object\n", f);
    fclose(f);
    assert_int_equal(chmod(d->file, mode), 0);
}

static enum chy_rc load(struct chy_ctx *cx, const struct dir *d, const char *name)
{
    const char *dirs[] = {"/nonexistent", d->path};
    struct chy_registry *r = NULL;

    return chy_registry_load(cx, dirs, 2, &name, 1, &r);
}

static void a_file_that_cannot_be_a_module_is_refused_before_it_is_opened(void **state)
{
    struct chy_ctx *cx = *state;
    struct dir d;

    make_dir(&d);
    assert_refused(cx, load(cx, &d, "plates"), "there is no plates.so in /nonexistent, ");
    chy_ctx_reset(cx);
    assert_refused(cx, load(cx, &d, "x/../plates"), "this is no module name");
    chy_ctx_reset(cx);
    assert_refused(cx, load(cx, &d, "/etc/passwd"), "this is no module name");
    chy_ctx_reset(cx);
    put_text(&d, 0666);
    assert_refused(cx, load(cx, &d, "plates"), "may be written by everybody; chmod o-w");
    chy_ctx_reset(cx);
    put_text(&d, 0664);
    assert_refused(cx, load(cx, &d, "plates"),
                   geteuid() == 0 ? "may be written by its group" : "cannot be loaded");
    chy_ctx_reset(cx);
    put_text(&d, 0644);
    assert_refused(cx, load(cx, &d, "plates"), "cannot be loaded");
    assert_int_equal(unlink(d.file), 0);
    chy_ctx_reset(cx);
    assert_int_equal(symlink("/etc/hostname", d.file), 0);
    assert_refused(cx, load(cx, &d, "plates"), "is not a regular file");
    assert_int_equal(unlink(d.file), 0);
    chy_ctx_reset(cx);
    assert_int_equal(mkdir(d.file, 0755), 0);
    assert_refused(cx, load(cx, &d, "plates"), "is not a regular file");
    assert_int_equal(rmdir(d.file), 0);
    assert_int_equal(rmdir(d.path), 0);
}

static void without_directories_nothing_is_found(void **state)
{
    struct chy_ctx *cx = *state;
    const char *name = "plates";
    struct chy_registry *r = NULL;

    assert_refused(cx, chy_registry_load(cx, NULL, 0, &name, 1, &r),
                   "there is no plates.so in no directory at all");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(a_whole_module_is_taken_and_found_again),
        T(every_table_entry_has_its_owner),
        T(no_module_at_all_is_an_empty_registry),
        T(routes_on_different_listeners_may_share_a_path),
        T(a_challenge_may_also_serve_types_of_modules_not_loaded),
        T(modules_start_after_what_they_need_and_stop_before_it),
        T(modules_that_need_nothing_keep_the_order_of_the_administrator),
        T(a_circle_of_needs_is_shown_whole),
        T(a_failed_init_is_refused_and_the_started_ones_are_stopped),
        T(a_file_that_cannot_be_a_module_is_refused_before_it_is_opened),
        T(without_directories_nothing_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
