/* SPDX-License-Identifier: Apache-2.0 */
/* The signature log after crashes and under hands that do not belong there. */
#include "tests/unit/signer_fixture.h"

#include <signal.h>
#include <sys/wait.h>

static int setup(void **state)
{
    *state = signer_world_new();
    return 0;
}

static int teardown(void **state)
{
    signer_world_free(*state);
    return 0;
}

#define REFUSED(call, words)                                                                       \
    do {                                                                                           \
        assert_int_equal(call, CHY_ERR);                                                           \
        assert_refused(w->cx, &CHY_P_serverInternal, words);                                       \
    } while (0)

/* A closed log of n signatures; the last one's request. */
static struct tbs fill_log(struct signer_world *w, int n)
{
    struct tbs t = {0};
    struct signature s;

    start_signer(w);
    for (int i = 0; i < n; i++) {
        t = tbs_of(w, good_plan(w));
        ok(w->cx, ask_signer(w, t, &s));
    }
    stop_signer(w);
    return t;
}

static void append(struct signer_world *w, const char *text, size_t n)
{
    int fd = open(w->log, O_WRONLY | O_APPEND);

    assert_int_equal(write(fd, text, n), n);
    close(fd);
}

static void torn_last_line_is_put_aside(void **state)
{
    static const char torn[] = "{\"time\":\"2026-11-24T10:00:00Z\",\"issuer\":\"we";
    struct signer_world *w = *state;
    struct tbs t = fill_log(w, 3);
    struct signature s;
    size_t n;
    char *aside;

    append(w, torn, sizeof torn - 1);
    start_signer(w);
    assert_int_equal(log_lines(w), 3);
    ok(w->cx, chy_file_read(w->cx, in_dir(w, "signatures.log.torn"), 4096, &aside, &n));
    assert_memory_equal(aside, torn, sizeof torn - 1);
    REFUSED(ask_signer(w, t, &s), "signed before"); /* the lines before it still count */
    ok(w->cx, ask_signer(w, tbs_of(w, good_plan(w)), &s));
    stop_signer(w);
    ok(w->cx, open_signer(w)); /* and the chain goes on */
    assert_int_equal(log_lines(w), 4);
}

static void log_cut_at_any_octet_opens_again(void **state)
{
    struct signer_world *w = *state;
    size_t n, at, lines;
    char *text;

    fill_log(w, 2);
    text = log_text(w, &n);
    for (size_t cut = 0; cut <= n; cut += cut + 7 < n ? 7 : 1) {
        ok(w->cx, chy_file_write(w->cx, w->log, text, cut, 0640));
        for (at = lines = 0; at < cut; at++)
            lines += text[at] == '\n';
        ok(w->cx, open_signer(w));
        assert_int_equal(chy_serials_count(w->state.serials), lines);
        stop_signer(w);
    }
}

static void zeros_after_the_last_line_are_put_aside(void **state)
{
    struct signer_world *w = *state;
    static const char zeros[300];

    fill_log(w, 1);
    append(w, zeros, sizeof zeros); /* what some file systems leave of an unsynced write */
    ok(w->cx, open_signer(w));
    assert_int_equal(chy_serials_count(w->state.serials), 1);
}

static void zeros_within_the_last_lines_are_put_aside(void **state)
{
    static const char torn[] = "{\"time\":\0\0\0\0\n\0\0\0\"pid\":1}\n\0\0\n";
    struct signer_world *w = *state;
    struct signature s;
    size_t n;
    char *aside;

    fill_log(w, 2);
    append(w, torn, sizeof torn - 1);
    start_signer(w);
    assert_int_equal(chy_serials_count(w->state.serials), 2);
    assert_int_equal(log_lines(w), 2);
    ok(w->cx, chy_file_read(w->cx, in_dir(w, "signatures.log.torn"), 4096, &aside, &n));
    assert_int_equal(n, sizeof torn);
    assert_memory_equal(aside, torn, sizeof torn - 1);
    ok(w->cx, ask_signer(w, tbs_of(w, good_plan(w)), &s));
    stop_signer(w);
    ok(w->cx, open_signer(w));
    assert_int_equal(chy_serials_count(w->state.serials), 3);
}

/* A hole is no torn end: what stands behind it was signed. */
static void zeros_before_good_lines_stop_the_start(void **state)
{
    struct signer_world *w = *state;
    size_t n;
    char *text;

    fill_log(w, 3);
    text = log_text(w, &n);
    memset(strchr(text, '\n') + 10, 0, 20);
    ok(w->cx, chy_file_write(w->cx, w->log, text, n, 0640));
    REFUSED(open_signer(w), "signatures.log:2: is torn, but lines of the log follow");
    assert_int_equal(log_lines(w), 3);
}

static void changed_logs_stop_the_start(void **state)
{
    struct signer_world *w = *state;
    size_t n, first, second;
    char *text, *copy, *at;

    fill_log(w, 3);
    text = log_text(w, &n);
    first = (size_t)(strchr(text, '\n') + 1 - text);
    second = (size_t)(strchr(text + first, '\n') + 1 - text);
    copy = chy_alloc(w->cx, n + 1);

    memcpy(copy, text, n); /* one digit of a serial */
    at = strstr(copy, "\"serial\":\"") + 20;
    *at = *at == '0' ? '1' : '0';
    ok(w->cx, chy_file_write(w->cx, w->log, copy, n, 0640));
    REFUSED(open_signer(w), "signatures.log:2: does not follow the line before");

    memcpy(copy, text, first); /* a line is gone */
    memcpy(copy + first, text + second, n - second);
    ok(w->cx, chy_file_write(w->cx, w->log, copy, n - (second - first), 0640));
    REFUSED(open_signer(w), "signatures.log:2: does not follow the line before");

    ok(w->cx, chy_file_write(w->cx, w->log, text + first, n - first, 0640)); /* the first is */
    REFUSED(open_signer(w), "signatures.log:1: does not follow the line before");

    ok(w->cx, chy_file_write(w->cx, w->log, text, n, 0640));
    append(w, "nonsense\n", 9);
    REFUSED(open_signer(w), "signatures.log:4: is not a line of the signature log");

    ok(w->cx, chy_file_write(w->cx, w->log, text, n, 0640));
    for (int i = 0; i < 100; i++)
        append(w, "0123456789012345678901234567890123456789012345678901234567890", 60);
    append(w, "\n", 1);
    REFUSED(open_signer(w), "signatures.log:4: is too long");

    ok(w->cx, chy_file_write(w->cx, w->log, text, n, 0640));
    ok(w->cx, open_signer(w));
}

static void log_has_one_writer(void **state)
{
    struct signer_world *w = *state;
    struct chy_signer_state other;
    struct chy_report *report = chy_report_new(w->cx);

    ok(w->cx, open_signer(w));
    REFUSED(chy_signer_open(w->cx, w->ceilings, w->log, report, &other),
            "another signer writes this log");
    REFUSED(chy_signer_open(w->cx, w->ceilings, w->dir, report, &other), "cannot be opened");
    REFUSED(chy_signer_open(w->cx, w->ceilings, "/dev/null", report, &other),
            "is not a regular file");
}

/* A full disk: the signature is not given out, and nothing more is signed. */
static void unwritable_log_stops_all_signing(void **state)
{
    struct signer_world *w = *state;
    static const char ping[] = "{\"op\":\"ping\",\"issuer\":\"web-1\"}";
    struct chy_signer_peer peer = {getuid(), getpid(), -1};
    struct signature s = {.maybe = false};
    const char *said;
    size_t n;
    int fd;

    start_signer(w);
    ok(w->cx, ask_signer(w, tbs_of(w, good_plan(w)), &s));
    /* Its descriptor becomes one that cannot be written. */
    fd = open("/dev/full", O_WRONLY);
    for (int i = 3; i < 256; i++) {
        char link[64], path[512];
        ssize_t got;

        snprintf(link, sizeof link, "/proc/self/fd/%d", i);
        got = readlink(link, path, sizeof path - 1);
        if (got > 0) {
            path[got] = '\0';
            if (strcmp(path, w->log) == 0)
                dup2(fd, i);
        }
    }
    close(fd);
    REFUSED(ask_signer(w, tbs_of(w, good_plan(w)), &s), "signature log cannot be written");
    assert_true(s.maybe);
    pthread_join(w->thread, NULL); /* it ends by itself */
    w->serving = false;
    close(w->stop_fd);
    close(w->listen_fd);
    assert_true(chy_siglog_broken(w->state.log));
    said = chy_signer_answer(w->cx, &w->state, &peer, ping, sizeof ping - 1, &n);
    assert_non_null(strstr(said, "signature log cannot be written"));
    assert_non_null(strstr(said, "\"ok\":false"));
    chy_problem_clear(w->cx);
    assert_int_equal(log_lines(w), 1);
}

/* ---- power cuts ---- */

static pid_t start_child(struct signer_world *w)
{
    pid_t child = fork();

    if (child == 0) {
        int stop = eventfd(0, EFD_CLOEXEC), fd;

        setenv("CHY_FAULT_DIR", w->dir, 1);
        if (open_signer(w) != CHY_OK ||
            chy_signer_listen(w->cx, w->socket, w->state.ceilings, &fd) != CHY_OK)
            _exit(1);
        chy_signer_serve(&w->state, fd, stop);
        _exit(0);
    }
    for (int i = 0; i < 2000; i++) {
        if (chy_signer_ping(w->cx, w->client, "web-1") == CHY_OK)
            return child;
        chy_problem_clear(w->cx);
        usleep(5000);
    }
    fail_msg("the signer does not start");
    return child;
}

static void cut_power_at(struct signer_world *w, const char *point, struct tbs t)
{
    struct signature s = {.maybe = false};
    pid_t child = start_child(w);
    int status;

    put_file(w, point, "", 0600);
    assert_int_equal(ask_signer(w, t, &s), CHY_ERR);
    assert_int_equal(w->cx->problem.status, 503);
    chy_problem_clear(w->cx);
    assert_true(s.maybe); /* from outside nobody can tell */
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void serial_unlogged_at_the_cut_may_be_used(void **state)
{
#ifdef CHY_TESTING
    struct signer_world *w = *state;
    struct tbs t = tbs_of(w, good_plan(w));
    struct signature s;

    cut_power_at(w, "signer.before-log", t);
    start_signer(w);
    assert_int_equal(log_lines(w), 0);
    ok(w->cx, ask_signer(w, t, &s));
#else
    (void)state;
    skip();
#endif
}

static void serial_logged_at_the_cut_is_never_signed_again(void **state)
{
#ifdef CHY_TESTING
    static const char *const points[] = {"signer.after-log", "signer.after-sign"};
    struct signer_world *w = *state;

    for (size_t i = 0; i < 2; i++) {
        struct tbs t = tbs_of(w, good_plan(w));
        struct signature s;

        cut_power_at(w, points[i], t);
        start_signer(w);
        assert_int_equal(log_lines(w), i + 1);
        REFUSED(ask_signer(w, t, &s), "signed before");
        assert_true(s.maybe);
        stop_signer(w);
    }
#else
    (void)state;
    skip();
#endif
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(torn_last_line_is_put_aside),
        TEST(log_cut_at_any_octet_opens_again),
        TEST(zeros_after_the_last_line_are_put_aside),
        TEST(zeros_within_the_last_lines_are_put_aside),
        TEST(zeros_before_good_lines_stop_the_start),
        TEST(changed_logs_stop_the_start),
        TEST(log_has_one_writer),
        TEST(unwritable_log_stops_all_signing),
        TEST(serial_unlogged_at_the_cut_may_be_used),
        TEST(serial_logged_at_the_cut_is_never_signed_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
