/* SPDX-License-Identifier: Apache-2.0 */
/* services/chancery/install: all files of an installation or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "services/chancery/install.h"

struct world {
    struct chy_ctx cx;
    char dir[64];
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    w->cx.arena = chy_arena_new();
    strncpy(w->dir, "/tmp/install.XXXXXX", sizeof w->dir - 1);
    assert_non_null(mkdtemp(w->dir));
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    const char *const argv[] = {"/bin/rm", "-rf", w->dir, NULL};
    struct chy_identity self;

    if (chy_identity_find(&w->cx, NULL, &self) != CHY_OK ||
        chy_identity_run(&w->cx, &self, argv, NULL) != CHY_OK)
        return 1;
    chy_arena_free(w->cx.arena);
    free(w);
    return 0;
}

static char *at(struct world *w, const char *name)
{
    return chy_fmt(&w->cx, "%s/%s", w->dir, name);
}

static struct chy_install *plan(struct world *w, const char *text)
{
    struct chy_install *in = chy_install_new(&w->cx);

    chy_install_dir(in, at(w, "keys"), 0755, NULL);
    chy_install_file(in, at(w, "keys/a.key"), text, 0600, NULL);
    chy_install_tree(in, at(w, "policy"));
    chy_install_file(in, at(w, "policy/web.yaml"), text, 0644, NULL);
    chy_install_file(in, at(w, "policy/issuers/one.yaml"), text, 0644, NULL);
    return in;
}

static void assert_holds(struct world *w, const char *name, const char *text)
{
    char *found;

    assert_int_equal(chy_file_read(&w->cx, at(w, name), 100, &found, NULL), CHY_OK);
    assert_string_equal(found, text);
}

static bool is_there(struct world *w, const char *name)
{
    return access(at(w, name), F_OK) == 0;
}

static void everything_is_put_in_place(void **state)
{
    struct world *w = *state;
    struct chy_install *in = plan(w, "new");
    struct stat st;

    assert_null(chy_install_existing(in));
    assert_int_equal(chy_install_commit(&w->cx, in), CHY_OK);
    assert_holds(w, "keys/a.key", "new");
    assert_holds(w, "policy/issuers/one.yaml", "new");
    assert_int_equal(stat(at(w, "keys/a.key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_false(is_there(w, "policy.init"));
    assert_non_null(chy_install_existing(plan(w, "again")));
}

static void what_was_there_is_set_aside(void **state)
{
    struct world *w = *state;

    w->cx.fixed_now = 1000000000;
    assert_int_equal(chy_install_commit(&w->cx, plan(w, "old")), CHY_OK);
    assert_int_equal(chy_install_commit(&w->cx, plan(w, "new")), CHY_OK);
    assert_holds(w, "keys/a.key", "new");
    assert_holds(w, "keys/a.key.replaced-2001-09-09T01:46:40Z", "old");
    assert_holds(w, "policy.replaced-2001-09-09T01:46:40Z/web.yaml", "old");
    assert_false(is_there(w, "policy.replaced-2001-09-09T01:46:40Z.init"));
}

static void a_failure_takes_everything_back(void **state)
{
    struct world *w = *state;
    struct chy_install *in = plan(w, "new");

    chy_install_file(in, at(w, "nowhere/b"), "new", 0644, NULL); /* no such directory */
    assert_int_equal(chy_install_commit(&w->cx, in), CHY_ERR);
    assert_non_null(strstr(w->cx.problem.detail, "nowhere/b.init"));
    assert_false(is_there(w, "keys"));
    assert_false(is_there(w, "policy"));
    assert_false(is_there(w, "policy.init"));
}

static void a_failure_leaves_the_old_files_alone(void **state)
{
    struct world *w = *state;
    struct chy_install *in = plan(w, "new");

    assert_int_equal(chy_install_commit(&w->cx, plan(w, "old")), CHY_OK);
    chy_install_file(in, at(w, "nowhere/b"), "new", 0644, NULL);
    assert_int_equal(chy_install_commit(&w->cx, in), CHY_ERR);
    assert_holds(w, "keys/a.key", "old");
    assert_holds(w, "policy/web.yaml", "old");
    assert_false(is_there(w, "keys/a.key.init"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(everything_is_put_in_place),
        T(what_was_there_is_set_aside),
        T(a_failure_takes_everything_back),
        T(a_failure_leaves_the_old_files_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
