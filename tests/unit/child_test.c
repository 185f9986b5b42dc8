/* SPDX-License-Identifier: Apache-2.0 */
/* services/chancery/child and options: back-off, how an end is told, command lines. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "services/chancery/child.h"
#include "services/chancery/options.h"
#include "services/chancery/state.h"

static int set_up(void **state)
{
    struct chy_ctx *cx = calloc(1, sizeof *cx);

    cx->arena = chy_arena_new();
    *state = cx;
    return 0;
}

static int tear_down(void **state)
{
    struct chy_ctx *cx = *state;

    chy_arena_free(cx->arena);
    free(cx);
    return 0;
}

static void back_off_doubles_up_to_ten_seconds(void **state)
{
    static const int expected[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    struct chy_child c = {.name = "front-1"};

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        int64_t now = chy_clock_ms();

        c.started_ms = now;
        chy_child_ended(&c, W_EXITCODE(0, SIGKILL));
        assert_in_range(c.restart_ms - now, expected[i], expected[i] + 50);
    }
    assert_int_equal(c.state, CHY_CHILD_WAITING);
}

static void back_off_begins_again_after_thirty_seconds_of_life(void **state)
{
    int64_t now = chy_clock_ms();
    struct chy_child c = {.name = "front-1", .backoff_ms = 6400, .started_ms = now - 30000};

    (void)state;
    chy_child_ended(&c, W_EXITCODE(0, SIGSEGV));
    assert_in_range(c.restart_ms - now, 100, 150);
}

static void an_orderly_end_is_not_waited_after_longer_each_time(void **state)
{
    int64_t now = chy_clock_ms();
    struct chy_child c = {.name = "front-1", .backoff_ms = 6400, .started_ms = now - 1000};

    (void)state;
    chy_child_ended(&c, W_EXITCODE(0, 0));
    assert_in_range(c.restart_ms - now, 100, 150);
    c.started_ms = chy_clock_ms(); /* but it does not spin */
    c.backoff_ms = 6400;
    chy_child_ended(&c, W_EXITCODE(0, 0));
    assert_in_range(c.restart_ms - now, 6400, 6550);
}

static void an_end_is_told_by_signal_or_exit_code(void **state)
{
    struct chy_child c = {.name = "front-1"};

    (void)state;
    chy_child_ended(&c, W_EXITCODE(0, SIGKILL));
    assert_string_equal(c.last_end, "signal 9 (Killed)");
    chy_child_ended(&c, W_EXITCODE(3, 0));
    assert_string_equal(c.last_end, "exit code 3");
}

static void a_child_dies_with_the_process_that_started_it(void **state)
{
    struct chy_ctx *cx = *state;
    const char *const argv[] = {"/bin/sleep", "60", NULL};
    int ends[2];
    char c;
    pid_t parent;

    /* The pipe's last writer is the child, by its standard error. */
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    parent = fork();
    if (parent == 0) {
        struct chy_child child = {.name = "front-1", .argv = argv};

        dup2(ends[1], STDERR_FILENO);
        close(ends[1]);
        if (chy_identity_find(cx, NULL, &child.id) != CHY_OK ||
            chy_child_start(cx, &child) != CHY_OK)
            _exit(1);
        usleep(200000);
        kill(getpid(), SIGKILL);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &c, 1), 0); /* well before its 60 seconds, or the test hangs */
    close(ends[0]);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
}

static void last_words_are_the_last_lines_since_the_start(void **state)
{
    struct chy_ctx *cx = *state;
    char path[] = "/tmp/child.XXXXXX", *text = chy_fmt(cx, "of an earlier life\n");
    struct chy_child c = {.name = "front-1", .log = path, .log_start = (off_t)strlen(text)};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(chy_file_write(cx, path, text, strlen(text), 0600), CHY_OK);
    assert_string_equal(chy_child_last_words(cx, &c), "");
    for (int i = 1; i <= 12; i++)
        text = chy_fmt(cx, "%sline %d%s", text, i, i < 12 ? "\n" : "");
    assert_int_equal(chy_file_write(cx, path, text, strlen(text), 0600), CHY_OK);
    text = chy_child_last_words(cx, &c);
    assert_int_equal(strncmp(text, "line 3\n", 7), 0);
    assert_string_equal(text + strlen(text) - 8, "line 12\n");
    unlink(path);
}

static void the_reason_among_last_words_is_found(void **state)
{
    static const struct {
        const char *words, *reason; /* NULL: there is none */
    } cases[] = {
        {"", NULL},
        {"chancery-front: x.key: cannot be read\n", "x.key: cannot be read"},
        {"chancery policy check: x: y\n", "chancery policy check: x: y"}, /* no program's name */
        {"a.yaml:1:1: error: b\n1 error\n\nchancery-worker: policy has mistakes\n\n",
         "policy has mistakes"},
        {"{\"level\":\"notice\",\"event\":\"ready\"}\n", NULL},
        {"{\"level\":\"error\",\"event\":\"not started\",\"detail\":\"for "
         "clients\",\"note\":\"disk "
         "full\"}\n",
         "disk full"},
        {"{\"level\":\"error\",\"event\":\"socket gone\"}\n", "socket gone"},
        {"{no json\n", NULL},
        {"2026-11-24 [7]  LOG:  starting\n2026-11-24 [7]  FATAL:  no pg_control\n"
         "2026-11-24 [7]  HINT:  restore it\n2026-11-24 [7]  LOG:  database system is shut down\n",
         "no pg_control"},
        {"2026-11-24 [7]  LOG:  starting\n", NULL},
        {"runtime error: \033[31mred\n", "runtime error: ?[31mred"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *reason = chy_child_reason(*state, cases[i].words);

        if (cases[i].reason == NULL)
            assert_null(reason);
        else
            assert_string_equal(reason, cases[i].reason);
    }
}

static bool becomes_ready(struct chy_ctx *cx, struct chy_child *c)
{
    int status;
    bool ready;

    assert_int_equal(chy_identity_find(cx, NULL, &c->id), CHY_OK);
    assert_int_equal(chy_child_start(cx, c), CHY_OK);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    ready = chy_child_is_ready(c);
    assert_int_equal(WEXITSTATUS(status), 0);
    chy_child_ended(c, status);
    assert_int_equal(c->ready_fd, 0);
    assert_false(chy_child_is_ready(c));
    return ready;
}

static void a_child_is_ready_when_it_has_said_so(void **state)
{
    static const char tell[] = "test \"$CHY_READY\" = 3 && echo >&3";
    const char *const says[] = {"/bin/sh", "-c", tell, NULL};
    const char *const silent[] = {"/bin/true", NULL};
    const char *const not_asked[] = {"/bin/sh", "-c", "test -z \"$CHY_READY\"", NULL};
    struct chy_child c = {.name = "worker-1", .argv = says, .announces = true};

    assert_true(becomes_ready(*state, &c));
    assert_true(becomes_ready(*state, &c)); /* started again, it is asked again */
    c.argv = silent;
    assert_false(becomes_ready(*state, &c));
    c.argv = not_asked;
    c.announces = false;
    assert_false(becomes_ready(*state, &c));
}

static pid_t fork_asking(struct chy_ctx *cx, const char *dir)
{
    pid_t pid = fork(), held = 0;
    int fd = -1;

    if (pid != 0)
        return pid;
    if (chy_state_lock(cx, dir, &fd, &held) != CHY_OK)
        _exit(3);
    _exit(fd >= 0 ? 0 : held == getppid() ? 1 : 2);
}

static int code_of(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

static void a_lock_is_held_by_who_can_write_it_and_asking_takes_none(void **state)
{
    struct chy_ctx *cx = *state;
    char dir[] = "/tmp/child.XXXXXX", *path;
    pid_t pid = 0;
    int fd, reader, asker;
    struct stat st;

    assert_non_null(mkdtemp(dir));
    path = chy_fmt(cx, "%s/supervisor.pid", dir);
    assert_false(chy_state_running(cx, dir, &pid));
    assert_int_equal(chy_file_write(cx, path, "1\n", 2, 0644), CHY_OK); /* of an earlier one */
    assert_false(chy_state_running(cx, dir, &pid));
    reader = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(reader, LOCK_EX), 0); /* is nothing to it */
    assert_false(chy_state_running(cx, dir, &pid));
    assert_int_equal(chy_state_lock(cx, dir, &fd, &pid), CHY_OK);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(chy_state_write_pid(cx, fd, getpid()), CHY_OK);
    assert_true(chy_state_running(cx, dir, &pid));
    assert_int_equal(pid, getpid());
    assert_int_equal(code_of(fork_asking(cx, dir)), 1);
    chy_state_forget_pid(fd);
    close(fd);
    assert_false(chy_state_running(cx, dir, &pid));
    asker = code_of(fork_asking(cx, dir));
    assert_int_equal(asker, 0);
    close(reader);
    unlink(path);
    rmdir(dir);
}

static void a_process_is_told_by_its_start_and_not_by_its_number(void **state)
{
    struct chy_ctx *cx = *state;
    char dir[] = "/tmp/child.XXXXXX";
    int64_t start = chy_state_start_time(cx, getpid());
    const char *name;
    pid_t pid = 0;

    assert_non_null(mkdtemp(dir));
    assert_true(start > 0);
    assert_int_equal(chy_state_start_time(cx, 0), 0);
    for (int wrong = 0; wrong < 2; wrong++) {
        json_t *s = json_pack("{s:i, s:I, s:[{s:s, s:i, s:I}]}", "pid", (int)getpid(), "start",
                              (json_int_t)start + wrong, "processes", "name", "front-1", "pid",
                              (int)getpid(), "start", (json_int_t)start + wrong);

        assert_int_equal(chy_state_write(cx, dir, s), CHY_OK);
        json_decref(s);
        assert_int_equal(chy_state_is_supervisor(cx, dir, getpid()), wrong == 0);
        assert_int_equal(chy_state_leftover(cx, dir, &name, &pid), wrong == 0);
    }
    assert_false(chy_state_is_supervisor(cx, dir, 1));
    unlink(chy_fmt(cx, "%s/state.json", dir));
    rmdir(dir);
}

static const struct chy_command command = {.name = "try", .help = "nothing"};

static void command_lines_are_read_by_table(void **state)
{
    static const struct {
        const char *words[5];
        int code; /* -1: right */
    } cases[] = {
        {{"--port", "80", "x"}, -1},
        {{"--port=80", "--force", "x"}, -1},
        {{"--name", "a", "--name=b"}, -1},
        {{"--help"}, 0},
        {{"--port"}, 2},          /* no value      */
        {{"--port", "0"}, 2},     /* below min     */
        {{"--port", "65536"}, 2}, /* over max      */
        {{"--port", "8o"}, 2},    /* no number     */
        {{"--port="}, 2},         /* empty         */
        {{"--force=yes"}, 2},     /* flag          */
        {{"--prt", "1"}, 2},      /* unknown       */
        {{"x", "y"}, 2},          /* one too many  */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned port = 0;
        bool force = false;
        const char *plain = NULL;
        struct chy_strings names = {0};
        const struct chy_option options[] = {
            {"port", CHY_O_COUNT, "N", "a port", &port, 1, 65535},
            {"force", CHY_O_FLAG, NULL, "do it", &force},
            {"name", CHY_O_LIST, "NAME", "a name", &names},
            {"what", CHY_O_PLAIN, "WHAT", NULL, &plain},
            {NULL},
        };
        char *argv[6] = {(char *)"try"};
        int argc = 1, code = -1;

        while (argc < 6 && cases[i].words[argc - 1] != NULL) {
            argv[argc] = (char *)cases[i].words[argc - 1];
            argc++;
        }
        assert_int_equal(chy_options_read(*state, &command, options, argc, argv, &code),
                         cases[i].code == -1);
        assert_int_equal(code, cases[i].code);
        if (i < 2)
            assert_true(port == 80 && force == (i == 1) && strcmp(plain, "x") == 0);
        if (i == 2)
            assert_true(names.n == 2 && strcmp(names.v[1], "b") == 0);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(back_off_doubles_up_to_ten_seconds),
        T(back_off_begins_again_after_thirty_seconds_of_life),
        T(an_orderly_end_is_not_waited_after_longer_each_time),
        T(an_end_is_told_by_signal_or_exit_code),
        T(a_child_dies_with_the_process_that_started_it),
        T(last_words_are_the_last_lines_since_the_start),
        T(the_reason_among_last_words_is_found),
        T(a_child_is_ready_when_it_has_said_so),
        T(a_lock_is_held_by_who_can_write_it_and_asking_takes_none),
        T(a_process_is_told_by_its_start_and_not_by_its_number),
        T(command_lines_are_read_by_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
