/* SPDX-License-Identifier: Apache-2.0 */
/* services/chancery/doctor and listener: how checks are run, what findings are made of, what makes a
 * client refuse the listener's certificate. */
#include "tests/unit/pki_fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/policy/diagnostics.h"
#include "services/chancery/commands.h"
#include "services/chancery/doctor.h"
#include "services/chancery/listener.h"

static int setup(void **state)
{
    *state = fake_cx_new(CHY_STAGE_COMMAND);
    return 0;
}

static int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

/* ---- how checks are run ---------------------------------------------------------- */

static void says_two_things(struct chy_look *l)
{
    chy_found(l, CHY_D_WARN, "do", "%s", "this\nor\033 that");
    chy_found(l, CHY_D_OK, NULL, "all \"well\" in %s", l->node->run_dir);
}

static void refuses_with_a_way_out(struct chy_look *l)
{
    (void)!chy_fail(l->cx, &CHY_P_serverInternal, "x.key: is away; put it back; or buy another");
    chy_found_refusal(l, CHY_D_FAIL, NULL);
    chy_found(l, CHY_D_OK, NULL, "%s", chy_failed(l->cx) ? "still failed" : "cleared");
}

static void hangs(struct chy_look *l)
{
    chy_found(l, CHY_D_OK, NULL, "begun");
    for (;;)
        pause();
}

static void hangs_in_a_child(struct chy_look *l)
{
    (void)l;
    if (fork() == 0)
        for (;;)
            pause();
    _exit(0);
}

static void dies(struct chy_look *l)
{
    (void)l;
    raise(SIGKILL);
}

static void writes_to_the_terminal(struct chy_look *l)
{
    if (write(STDOUT_FILENO, "not ok\n", 7) < 0 || write(STDERR_FILENO, "not ok\n", 7) < 0)
        return;
    chy_found(l, CHY_D_SKIP, NULL, "nothing");
}

static const char *member(const json_t *all, size_t i, const char *key)
{
    return json_string_value(json_object_get(json_array_get(all, i), key));
}

static void checks_run_in_their_time_and_report_in_order(void **state)
{
    static const struct chy_check checks[] = {
        {"hangs", CHY_AS_CALLER, 700, "it never ends", hangs},
        {"two", CHY_AS_CALLER, 5000, "slow", says_two_things},
        {"refused", CHY_AS_CALLER, 5000, "slow", refuses_with_a_way_out},
        {"dies", CHY_AS_CALLER, 5000, "slow", dies},
        {"quiet", CHY_AS_CALLER, 5000, "slow", writes_to_the_terminal},
        {"child", CHY_AS_CALLER, 700, "a child holds it up", hangs_in_a_child},
    };
    static const char *const expected[][4] = {
        {"hangs", "ok", "begun", NULL},
        {"hangs", "FAIL", "no answer in 0 s: it never ends", NULL},
        {"two", "warn", "this?or? that", "do"},
        {"two", "ok", "all \"well\" in /nowhere", NULL},
        {"refused", "FAIL", "x.key: is away", "put it back; or buy another"},
        {"refused", "ok", "cleared", NULL},
        {"dies", "FAIL", "the check itself ended before it was done", NULL},
        {"quiet", "skip", "nothing", NULL},
        {"child", "FAIL", "no answer in 0 s: a child holds it up", NULL},
    };
    struct chy_ctx *cx = *state;
    struct chy_node node = {.path = "/nowhere/node.yaml", .run_dir = "/nowhere"};
    int64_t began = chy_clock_ms();
    const json_t *all = chy_doctor_run(cx, &node, NULL, checks, sizeof checks / sizeof checks[0]);

    assert_in_range(chy_clock_ms() - began, 0, 4000); /* the times run together */
    assert_int_equal(json_array_size(all), sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < json_array_size(all); i++) {
        assert_string_equal(member(all, i, "name"), expected[i][0]);
        assert_string_equal(member(all, i, "verdict"), expected[i][1]);
        if (strncmp(member(all, i, "text"), expected[i][2], strlen(expected[i][2])) != 0)
            fail_msg("expected '%s', not '%s'", expected[i][2], member(all, i, "text"));
        if (expected[i][3] == NULL)
            assert_null(member(all, i, "mend"));
        else
            assert_non_null(strstr(member(all, i, "mend"), expected[i][3]));
    }
}

static void a_check_for_a_user_that_is_not_there_says_why_it_is_skipped(void **state)
{
    static const struct chy_check check = {"signer", CHY_AS_SIGNER, 5000, "slow", dies};
    struct chy_node node = {
        .path = "/nowhere/node.yaml", .run_dir = "/nowhere", .signer_user = "no-such-user"};
    const json_t *all = chy_doctor_run(*state, &node, NULL, &check, 1);

    assert_int_equal(json_array_size(all), 1);
    assert_string_equal(member(all, 0, "verdict"), "skip");
    assert_non_null(strstr(member(all, 0, "text"), "user no-such-user: there is no such user"));
}

/* ---- what findings are made of ----------------------------------------------------- */

static void settings_are_found_at_their_line(void **state)
{
    static const char text[] = "version: 1\n"
                               "# stubs: are below\n"
                               "public-url: x\n"
                               "listeners: { acme: { certificate: a, key: b } }\n"
                               "validation:\n"
                               "  resolver:\n"
                               "    stubs: []     # servers: none\n"
                               "url: y\n";
    static const struct {
        const char *key;
        unsigned line; /* 0: nowhere */
    } cases[] = {{"version", 1}, {"stubs", 7},    {"key", 4},     {"certificate", 4},
                 {"url", 8},     {"resolver", 6}, {"servers", 0}, {"ver", 0}};
    struct chy_ctx *cx = *state;
    char path[] = "/tmp/doctor.XXXXXX";
    struct chy_node node = {.path = path};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(chy_file_write(cx, path, text, strlen(text), 0600), CHY_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(chy_doctor_place(cx, &node, cases[i].key),
                            cases[i].line == 0 ? path : chy_fmt(cx, "%s:%u", path, cases[i].line));
    unlink(path);
    assert_string_equal(chy_doctor_place(cx, &node, "version"), path);
}

static void a_refusal_is_cut_where_its_way_out_begins(void **state)
{
    static const char *const cases[][3] = {
        {"a: is away; put it back", "a: is away", "put it back"},
        {"a: is away", "a: is away", NULL},
        {"a;b: is away; x; y", "a;b: is away", "x; y"},
        {"", "", NULL},
    };
    const char *sentence, *mend;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        chy_doctor_split(*state, cases[i][0], &sentence, &mend);
        assert_string_equal(sentence, cases[i][1]);
        if (cases[i][2] == NULL)
            assert_null(mend);
        else
            assert_string_equal(mend, cases[i][2]);
    }
}

static void mistakes_are_counted_and_the_first_is_shown(void **state)
{
    struct chy_report *r = chy_report_new(*state);

    chy_report_error(r, "profiles/web.yaml", 7, 3, "  x: 1", "unknown key 'x'");
    assert_string_equal(chy_doctor_mistakes(*state, r),
                        "1 mistake: profiles/web.yaml:7:3: error: unknown key 'x'");
    assert_string_equal(chy_doctor_mistake_place(*state, r), "profiles/web.yaml:7");
    chy_report_error(r, "a.pem", 0, 0, NULL, "is no certificate");
    assert_string_equal(chy_doctor_mistakes(*state, r),
                        "2 mistakes: a.pem: error: is no certificate");
    assert_string_equal(chy_doctor_mistake_place(*state, r), "a.pem");
}

static void commands_are_written_for_a_shell(void **state)
{
    struct chy_node node = {.path = "/a b/it's.yaml"};

    assert_string_equal(chy_cli_word(*state, "/x/y-z.pem"), "/x/y-z.pem");
    assert_string_equal(chy_cli_word(*state, ""), "''");
    assert_string_equal(chy_cli_word(*state, "$(rm)"), "'$(rm)'");
    assert_string_equal(chy_cli_line(*state, &node, "up"),
                        "chancery up --node '/a b/it'\\''s.yaml'");
}

/* ---- the listener's certificate ------------------------------------------------------ */

static void a_client_refuses_a_listener_for_the_reason_that_is_said(void **state)
{
    static const struct {
        const char *base_url, *made_for;
        int days; /* from now */
        bool other_key;
        const char *fault; /* NULL: none */
    } cases[] = {
        {"https://ca.example:14000", "ca.example", 0, false, NULL},
        {"https://ca.example", "ca.example", 364, false, NULL},
        {"https://ca.example", "ca.example", 366, false, "ended at "},
        {"https://ca.example", "ca.example", -2, false, "begins only at "},
        {"https://ca.example", "ca.example", 0, true, "is not of the listener's key"},
        {"https://www.ca.example", "ca.example", 0, false,
         "does not name www.ca.example, the host"},
        {"https://192.0.2.7:443", "192.0.2.7", 0, false, NULL},
        {"https://192.0.2.8:443", "192.0.2.7", 0, false, "does not name 192.0.2.8"},
        {"https://[2001:db8::1]:443", "2001:db8::1", 0, false, NULL},
        {"https://localhost:14000/base", "localhost", 0, false, NULL},
    };
    struct chy_ctx *cx = *state;
    struct chy_authority a;

    assert_int_equal(chy_authority_make(cx, "Example CA", &a), CHY_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chy_node node = {.base_url = cases[i].base_url};
        char *key_pem, *pem;
        const char *why;
        EVP_PKEY *key;
        X509 *cert;

        assert_int_equal(chy_listener_make(cx, &a, cases[i].made_for, &key_pem, &pem), CHY_OK);
        assert_non_null(strstr(strstr(pem, "BEGIN") + 1, "BEGIN")); /* its issuer follows */
        cert = cert_from_pem(pem);
        key = cases[i].other_key ? ec_key("P-256") : key_from_pem(key_pem);
        why = chy_listener_fault(cx, cert, key, chy_listener_host(cx, &node),
                                 chy_now(cx) + cases[i].days * (time_t)86400);
        if (cases[i].fault == NULL)
            assert_null(why);
        else if (why == NULL || strncmp(why, cases[i].fault, strlen(cases[i].fault)) != 0)
            fail_msg("case %zu: expected '%s', not '%s'", i, cases[i].fault, why);
        assert_string_equal(chy_listener_issuer(cx, cert), "CN=Example CA Issuing 1");
        X509_free(cert);
        EVP_PKEY_free(key);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(checks_run_in_their_time_and_report_in_order),
        TEST(a_check_for_a_user_that_is_not_there_says_why_it_is_skipped),
        TEST(settings_are_found_at_their_line),
        TEST(a_refusal_is_cut_where_its_way_out_begins),
        TEST(mistakes_are_counted_and_the_first_is_shown),
        TEST(commands_are_written_for_a_shell),
        TEST(a_client_refuses_a_listener_for_the_reason_that_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
