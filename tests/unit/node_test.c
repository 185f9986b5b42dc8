/* SPDX-License-Identifier: Apache-2.0 */
/* node.yaml: defaults, derived values, and every refusal with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/policy/node.h"
#include "tests/support/fakehost.h"
#include "tests/support/golden.h"

static int setup(void **state)
{
    *state = fake_cx_new(CHY_STAGE_REQUEST);
    return 0;
}

static int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

static struct chy_node *read_good(struct chy_ctx *cx, const char *name)
{
    struct chy_report *report = chy_report_new(cx);
    struct chy_node *n = NULL;

    if (chy_node_read(cx, golden_path(cx, name), report, &n) != CHY_OK)
        fail_msg("%s", chy_report_text(report));
    assert_int_equal(chy_report_count(report), 0);
    return n;
}

static void everything_written_is_read(void **state)
{
    struct chy_node *n = read_good(*state, "policy/node-good/full.yaml");

    assert_string_equal(n->base_url, "https://localhost:14000");
    assert_string_equal(n->public_url, "http://[::1]:14001");
    assert_string_equal(n->acme.address, "127.0.0.1");
    assert_int_equal(n->acme.port, 14000);
    assert_string_equal(n->acme.certificate, "/abs/listener.pem");
    assert_string_equal(n->acme.key, "/abs/listener.key");
    assert_string_equal(n->public.address, "::1");
    assert_int_equal(n->public.port, 14001);
    assert_null(n->public.certificate);
    assert_int_equal(n->acme.n_proxies, 2);
    assert_int_equal(n->acme.proxies[0].family, AF_INET);
    assert_int_equal(n->acme.proxies[0].bits, 31);
    assert_int_equal(n->acme.proxies[1].family, AF_INET6);
    assert_int_equal(n->acme.proxies[1].bits, 128);
    assert_int_equal(n->public.n_proxies, 1);
    assert_int_equal(n->public.proxies[0].bits, 32);
    assert_string_equal(n->data_dir, "/var/lib/chancery");
    assert_string_equal(n->run_dir, "/run/chancery");
    assert_string_equal(n->log_dir, "/var/log/chancery");
    assert_string_equal(n->policy_dir, "/var/lib/chancery/policy");
    assert_false(n->private_database);
    assert_string_equal(n->database, "host=db dbname=chancery user=s");
    assert_string_equal(n->owner_database, "host=db dbname=chancery user=o");
    assert_string_equal(n->signer_socket, "/run/chancery/signer.sock");
    assert_string_equal(n->ceilings, "/etc/chancery/ceilings.yaml");
    assert_string_equal(n->signer_log, "/var/lib/chancery-signer/signatures.log");
    assert_string_equal(n->service_user, "chancery");
    assert_string_equal(n->signer_user, "chancery-signer");
    assert_int_equal(n->n_module_dirs, 2);
    assert_string_equal(n->module_dirs[1], "/opt/modules");
    assert_int_equal(n->n_modules, 2);
    assert_string_equal(n->modules[0], "one");
    assert_int_equal(n->fronts, 2);
    assert_int_equal(n->workers, 3);
    assert_int_equal(n->io_threads, 5);
    assert_int_equal(n->worker_threads, 6);
    assert_int_equal(n->validation_threads, 7);
    assert_int_equal(json_integer_value(json_object_get(n->validation, "http-port")), 5002);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(n->validation, "resolver"), "timeout")),
        3);
}

static void what_is_not_written_has_its_default(void **state)
{
    struct chy_node *n = read_good(*state, "policy/node-good/minimal.yaml");
    const json_t *resolver = json_object_get(n->validation, "resolver");

    assert_true(n->private_database);
    assert_string_equal(n->database, "host=/run/chancery/pg dbname=chancery user=chancery_service");
    assert_string_equal(n->owner_database,
                        "host=/run/chancery/pg dbname=chancery user=chancery_owner");
    assert_null(n->public.address);
    assert_int_equal(n->public.port, 0);
    assert_int_equal(n->acme.n_proxies, 0);
    assert_int_equal(n->public.n_proxies, 0);
    assert_null(n->service_user);
    assert_null(n->signer_user);
    assert_int_equal(n->fronts, 1);
    assert_int_equal(n->workers, 1);
    assert_int_equal(n->io_threads, 1);
    assert_int_equal(n->worker_threads, 4);
    assert_int_equal(n->validation_threads, 8);
    assert_int_equal(json_integer_value(json_object_get(n->validation, "http-port")), 80);
    assert_int_equal(json_integer_value(json_object_get(n->validation, "https-port")), 443);
    assert_int_equal(json_array_size(json_object_get(n->validation, "allow")), 0);
    assert_int_equal(json_integer_value(json_object_get(resolver, "timeout")), 10);
    assert_null(json_object_get(resolver, "root-anchor"));
    assert_true(json_is_false(json_object_get(resolver, "query-localhost")));
}

static void bad_file(struct chy_ctx *cx, const char *folder, const char *name)
{
    struct chy_report *report = chy_report_new(cx);
    struct chy_node *n = NULL;
    char here[4096];

    /* Relative, so that the file's name in the messages is the same everywhere. */
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(golden_path(cx, folder)), 0);
    if (chy_node_read(cx, chy_fmt(cx, "%s.yaml", name), report, &n) == CHY_OK)
        fail_msg("%s is accepted", name);
    assert_int_equal(chdir(here), 0);
    assert_null(n);
    assert_true(cx->problem.type != NULL);
    memset(&cx->problem, 0, sizeof cx->problem);
    golden_compare(cx, chy_fmt(cx, "%s/%s.expected", folder, name), chy_report_text(report));
}

static void every_mistake_is_refused_with_its_place(void **state)
{
    golden_each(*state, "policy/node-bad", ".yaml", bad_file);
}

static void a_missing_file_says_what_to_do(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_report *report = chy_report_new(cx);
    struct chy_node *n = NULL;

    assert_int_equal(chy_node_read(cx, "/nonexistent/node.yaml", report, &n), CHY_ERR);
    assert_string_equal(chy_report_text(report),
                        "/nonexistent/node.yaml: error: cannot be read: No such file or directory; "
                        "run 'chancery init' first or give --node FILE\n1 error\n");
    assert_non_null(strstr(cx->problem.detail, "/nonexistent/node.yaml cannot be read"));
}

static void what_is_not_a_file_is_not_read(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_report *report = chy_report_new(cx);
    struct chy_node *n = NULL;

    assert_int_equal(chy_node_read(cx, "/dev/zero", report, &n), CHY_ERR);
    assert_int_equal(chy_node_read(cx, "/tmp", report, &n), CHY_ERR);
    assert_non_null(strstr(chy_report_text(report), "/dev/zero: error: is not a regular file"));
    assert_non_null(strstr(chy_report_text(report), "/tmp: error: is not a regular file"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(everything_written_is_read),
        TEST(what_is_not_written_has_its_default),
        TEST(every_mistake_is_refused_with_its_place),
        TEST(a_missing_file_says_what_to_do),
        TEST(what_is_not_a_file_is_not_read),
    };

    return cmocka_run_group_tests_name("node", tests, NULL, NULL);
}
