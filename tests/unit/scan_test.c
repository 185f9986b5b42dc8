/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand in the directory of a policy tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/policytree.h"

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
    struct tree *s = *state;

    tree_put_good(s, NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *full = tree_path(s, cases[i].path), *slash;

        tree_put(s, cases[i].path, TREE_PROFILE, strlen(TREE_PROFILE));
        tree_refused_only(s, cases[i].says);
        assert_int_equal(unlink(full), 0);
        slash = strrchr(full, '/');
        *slash = '\0';
        (void)rmdir(full); /* only empty ones go */
    }
    chy_policy_drop(tree_load(s));
}

static void links_and_special_files_are_refused(void **state)
{
    struct tree *s = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    tree_put_good(s, NULL, NULL);
    assert_int_equal(symlink("web.yaml", tree_path(s, "profiles/link.yaml")), 0);
    tree_refused_only(s, "profiles/link.yaml: error: is a symbolic link");
    assert_int_equal(unlink(tree_path(s, "profiles/link.yaml")), 0);

    assert_int_equal(symlink("profiles", tree_path(s, "widgets")), 0);
    tree_refused_only(s, "widgets: error: is a symbolic link");
    assert_int_equal(unlink(tree_path(s, "widgets")), 0);

    assert_int_equal(symlink("/etc/hostname", tree_path(s, "issuers/x.pem")), 0);
    tree_refused_only(s, "issuers/x.pem: error: is a symbolic link");
    assert_int_equal(unlink(tree_path(s, "issuers/x.pem")), 0);

    assert_int_equal(mkfifo(tree_path(s, "profiles/pipe.yaml"), 0600), 0);
    tree_refused_only(s, "profiles/pipe.yaml: error: is not a regular file");
    assert_int_equal(unlink(tree_path(s, "profiles/pipe.yaml")), 0);

    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", tree_path(s, "profiles/s.yaml"));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    tree_refused_only(s, "profiles/s.yaml: error: is not a regular file");
}

static void a_file_over_its_size_is_not_read(void **state)
{
    struct tree *s = *state;

    tree_put_good(s, "widgets/w.yaml", "parts: []\n");
    assert_int_equal(truncate(tree_path(s, "widgets/w.yaml"), 1024 * 1024 + 1), 0);
    tree_refused_only(s, "widgets/w.yaml: error: has 1048577 octets; the most is 1048576");
}

static void a_tree_over_its_size_is_not_read(void **state)
{
    struct tree *s = *state;
    const char *says[] = {"makes the policy larger than 64 MiB", NULL};
    char *text = chy_alloc(s->cx, 1024 * 1024 + 1);

    memset(text, '#', 1024 * 1024);
    tree_put_good(s, NULL, NULL);
    for (unsigned i = 0; i < 66; i++)
        tree_put(s, chy_fmt(s->cx, "widgets/w%u.yaml", i), text, 1024 * 1024);
    tree_refused(s, says);
}

static void a_missing_tree_and_a_missing_top_file_are_told_apart(void **state)
{
    struct tree *s = *state;
    const char *says[] = {"chancery.yaml: error: is missing; every policy has one", NULL};
    struct chy_policy *p = NULL;

    tree_refused(s, says);
    assert_int_equal(chy_policy_load(s->cx, "/nonexistent", &tree_schema, s->report, &p), CHY_ERR);
    assert_non_null(strstr(chy_report_text(s->report),
                           "/nonexistent: error: policy cannot be read: No such file"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, tree_setup, tree_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_does_not_belong_in_the_tree_is_refused),
        TEST(links_and_special_files_are_refused),
        TEST(a_file_over_its_size_is_not_read),
        TEST(a_tree_over_its_size_is_not_read),
        TEST(a_missing_tree_and_a_missing_top_file_are_told_apart),
    };

    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
