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
#include "core/base/problem.h"
#include "core/db/roles.h"
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

static void two_replacements_in_one_second_keep_both(void **state)
{
    struct world *w = *state;

    w->cx.fixed_now = 1000000000;
    assert_int_equal(chy_install_commit(&w->cx, plan(w, "one")), CHY_OK);
    assert_int_equal(chy_install_commit(&w->cx, plan(w, "two")), CHY_OK);
    assert_int_equal(chy_install_commit(&w->cx, plan(w, "three")), CHY_OK);
    assert_holds(w, "keys/a.key", "three");
    assert_holds(w, "keys/a.key.replaced-2001-09-09T01:46:40Z", "one");
    assert_holds(w, "keys/a.key.replaced-2001-09-09T01:46:40Z-2", "two");
    assert_holds(w, "policy.replaced-2001-09-09T01:46:40Z-2/web.yaml", "two");
}

static void a_failed_rename_undoes_those_before_it(void **state)
{
    struct world *w = *state;
    struct chy_install *in = plan(w, "new");

    w->cx.fixed_now = 1000000000;
    assert_int_equal(chy_install_commit(&w->cx, plan(w, "old")), CHY_OK);
    /* Twice the same: the first is put in place, the second finds nothing to put there. */
    chy_install_file(in, at(w, "keys/a.key"), "new", 0600, NULL);
    assert_int_equal(chy_install_commit(&w->cx, in), CHY_ERR);
    assert_non_null(strstr(w->cx.problem.detail, "keys/a.key: cannot be put in place"));
    assert_holds(w, "keys/a.key", "old");
    assert_holds(w, "policy/web.yaml", "old");
    assert_false(is_there(w, "keys/a.key.init"));
    assert_false(is_there(w, "policy.init"));
    assert_false(is_there(w, "keys/a.key.replaced-2001-09-09T01:46:40Z"));
    assert_false(is_there(w, "policy.replaced-2001-09-09T01:46:40Z"));
}

static void a_directory_that_others_can_change_is_refused(void **state)
{
    static const struct {
        const char *path;
        mode_t mode;
        uid_t owner;     /* 0: ourselves */
        const char *why; /* NULL: it is taken */
    } cases[] = {
        {"keys", 0775, 0, "keys: others may write in it (mode 0775)"},
        {"keys", 01777, 0, "keys: others may write in it (mode 1777)"},
        {"", 0777, 0, ": others may write in it (mode 0777)"},
        {"", 01777, 0, NULL},
        {"keys", 0755, 12345, "keys: belongs to user id 12345"},
        {"", 0755, 12345, ": belongs to user id 12345"},
    };
    struct world *w = *state;

    assert_int_equal(mkdir(at(w, "keys"), 0755), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *path = *cases[i].path == '\0' ? w->dir : at(w, cases[i].path);

        if (cases[i].owner != 0 && geteuid() != 0)
            continue;
        assert_int_equal(chmod(path, cases[i].mode), 0);
        if (cases[i].owner != 0)
            assert_int_equal(chown(path, cases[i].owner, (gid_t)-1), 0);
        chy_problem_clear(&w->cx);
        assert_int_equal(chy_install_check(&w->cx, plan(w, "new")),
                         cases[i].why == NULL ? CHY_OK : CHY_ERR);
        if (cases[i].why != NULL)
            assert_non_null(strstr(w->cx.problem.detail, cases[i].why));
        assert_int_equal(chmod(path, 0755), 0);
        assert_int_equal(chown(path, geteuid(), (gid_t)-1), 0);
    }
}

static void a_link_planted_under_the_temporary_name_is_not_followed(void **state)
{
    struct world *w = *state;

    assert_int_equal(chy_file_write(&w->cx, at(w, "victim"), "old", 3, 0600), CHY_OK);
    assert_int_equal(link(at(w, "victim"), at(w, "a.new")), 0);
    assert_int_equal(chy_file_write(&w->cx, at(w, "a"), "new", 3, 0600), CHY_OK);
    assert_int_equal(symlink(at(w, "victim"), at(w, "b.new")), 0);
    assert_int_equal(chy_file_write(&w->cx, at(w, "b"), "new", 3, 0600), CHY_OK);
    assert_holds(w, "victim", "old");
    assert_holds(w, "a", "new");
    assert_holds(w, "b", "new");
}

static void a_helper_program_gets_a_clean_environment(void **state)
{
    struct world *w = *state;
    const char *const argv[] = {"/bin/sh", "-c", "echo \"$HOME,$PGPASSWORD\" >&2; exit 1", NULL};
    struct chy_identity self;

    setenv("PGPASSWORD", "secret", 1);
    assert_int_equal(chy_identity_find(&w->cx, NULL, &self), CHY_OK);
    assert_int_equal(chy_identity_run(&w->cx, &self, argv, NULL), CHY_ERR);
    assert_non_null(strstr(w->cx.problem.detail, "/,"));
    assert_null(strstr(w->cx.problem.detail, "secret"));
}

static void a_password_in_a_connection_string_is_refused_and_not_repeated(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"host=db user=x", NULL},
        {"service=chancery", NULL},
        {"host=db passfile=/etc/pgpass", NULL},
        {"host=db password=hunter2", "holds a password"},
        {"host=db sslpassword=hunter2", "holds a sslpassword"},
        {"postgresql://x:hunter2@db/chancery", "holds a password"},
        {"hunter2", "is no connection string"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        chy_problem_clear(&w->cx);
        assert_int_equal(chy_db_check_conninfo(&w->cx, "--database", cases[i].text),
                         cases[i].why == NULL ? CHY_OK : CHY_ERR);
        if (cases[i].why == NULL)
            continue;
        assert_non_null(strstr(w->cx.problem.detail, cases[i].why));
        assert_null(strstr(w->cx.problem.detail, "hunter2"));
    }
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
        T(two_replacements_in_one_second_keep_both),
        T(a_failed_rename_undoes_those_before_it),
        T(a_directory_that_others_can_change_is_refused),
        T(a_link_planted_under_the_temporary_name_is_not_followed),
        T(a_helper_program_gets_a_clean_environment),
        T(a_password_in_a_connection_string_is_refused_and_not_repeated),
        T(a_failure_takes_everything_back),
        T(a_failure_leaves_the_old_files_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
