/* SPDX-License-Identifier: Apache-2.0 */
/* The signer told to end, and started anew, while somebody asks: nobody is left in doubt. */
#include "tests/unit/signer_fixture.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/b64.h"
#include "core/pki/frame.h"

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

/* In the kernel's queue, asked already, not accepted yet: closing over it would leave a doubt. */
static void stopping_answers_who_is_in_the_queue(void **state)
{
    static const char ping[] = "{\"op\":\"ping\",\"issuer\":\"web-1\"}";
    struct signer_world *w = *state;
    uint8_t frame[CHY_FRAME_MAX];
    struct sockaddr_un at;
    int fds[4];
    size_t n;

    ok(w->cx, open_signer(w));
    ok(w->cx, chy_signer_listen(w->cx, w->socket, w->state.ceilings, &w->listen_fd));
    w->stop_fd = eventfd(1, EFD_CLOEXEC);
    for (int i = 0; i < 4; i++) {
        fds[i] = chy_frame_socket(w->socket, &at);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&at, sizeof at), 0);
        if (i < 3) /* the last one says nothing */
            assert_int_equal(chy_frame_write(fds[i], 1000, ping, sizeof ping - 1), CHY_FRAME_WHOLE);
    }
    chy_signer_serve(&w->state, w->listen_fd, w->stop_fd);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(chy_frame_read(fds[i], 1000, 1000, frame, &n), CHY_FRAME_WHOLE);
        assert_memory_equal(frame, "{\"ok\":true", 10);
    }
    assert_int_equal(chy_frame_write(fds[3], 1000, ping, sizeof ping - 1), CHY_FRAME_BROKEN);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    fds[0] = chy_frame_socket(w->socket, &at);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&at, sizeof at), -1);
    close(fds[0]);
    close(w->stop_fd);
    close(w->listen_fd);
}

static void *start_later(void *arg)
{
    usleep(300 * 1000);
    start_signer(arg);
    return NULL;
}

static void signer_that_is_started_anew_is_waited_for(void **state)
{
    struct signer_world *w = *state;
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_ISSUE);
    struct signature s;
    pthread_t later;
    struct tbs t;

    start_signer(w);
    t = tbs_of(w, good_plan(w));
    ok(w->cx, chy_signer_ping(w->cx, w->client, "web-1"));
    stop_signer(w);
    assert_int_equal(chy_signer_ping(w->cx, w->client, "web-1"),
                     CHY_ERR); /* nobody waits for that */
    assert_refused(w->cx, &CHY_P_serverInternal, "cannot be reached");
    assert_int_equal(pthread_create(&later, NULL, start_later, w), 0);
    ok(cx, chy_signer_sign(cx, w->client, "web-1", t.b, t.n, &s.b, &s.n, &s.maybe));
    assert_true(s.maybe);
    pthread_join(later, NULL);
    fake_cx_free(cx);
}

static void absent_signer_is_known_before_anything_is_recorded(void **state)
{
    struct signer_world *w = *state;
    int64_t began = chy_clock_ms();

    assert_int_equal(chy_signer_reach(w->cx, w->client), CHY_ERR);
    assert_refused(w->cx, &CHY_P_serverInternal, "cannot be reached");
    assert_in_range(chy_clock_ms() - began, CHY_SIGNER_WAIT_MS - 200, CHY_SIGNER_WAIT_MS + 500);
    start_signer(w);
    ok(w->cx, chy_signer_reach(w->cx, w->client));
}

static int dial(struct signer_world *w)
{
    struct sockaddr_un to;
    int fd = chy_frame_socket(w->socket, &to);

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void silent_clients_give_their_place_to_the_next(void **state)
{
    enum { MANY = 256 };
    struct signer_world *w = *state;
    struct signature s;
    char b;
    int fds[MANY];

    start_signer(w);
    for (int i = 0; i < MANY; i++)
        fds[i] = dial(w);
    ok(w->cx, ask_signer(w, tbs_of(w, good_plan(w)), &s));
    assert_int_equal(recv(fds[0], &b, 1, MSG_DONTWAIT), 0); /* the first is out */
    assert_int_equal(recv(fds[MANY - 1], &b, 1, MSG_DONTWAIT), -1);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
}

static void serial_of_one_who_hung_up_is_not_spent(void **state)
{
    struct signer_world *w = *state;
    struct tbs t = tbs_of(w, good_plan(w));
    char *text = chy_fmt(w->cx, "{\"op\":\"sign\",\"issuer\":\"web-1\",\"tbs\":\"%s\"}",
                         chy_b64u(w->cx, t.b, t.n));
    int fd;

    ok(w->cx, open_signer(w));
    ok(w->cx, chy_signer_listen(w->cx, w->socket, w->state.ceilings, &w->listen_fd));
    w->stop_fd = eventfd(1, EFD_CLOEXEC);
    fd = dial(w);
    assert_int_equal(chy_frame_write(fd, 1000, text, strlen(text)), CHY_FRAME_WHOLE);
    close(fd);
    chy_signer_serve(&w->state, w->listen_fd, w->stop_fd);
    close(w->stop_fd);
    close(w->listen_fd);
    assert_int_equal(log_lines(w), 0);
    assert_int_equal(chy_serials_count(w->state.serials), 0);
}

static void socket_of_a_successor_stays(void **state)
{
    struct signer_world *w = *state;
    struct stat mine, st;
    int other = -1, fd = -1;

    ok(w->cx, open_signer(w));
    ok(w->cx, chy_signer_listen(w->cx, w->socket, w->state.ceilings, &fd));
    assert_int_equal(lstat(w->socket, &mine), 0);
    unlink(w->socket);
    ok(w->cx, chy_signer_listen(w->cx, w->socket, w->state.ceilings, &other));
    chy_signer_unlisten(w->socket, &mine);
    assert_int_equal(lstat(w->socket, &st), 0);
    chy_signer_unlisten(w->socket, &st);
    assert_int_equal(lstat(w->socket, &st), -1);
    close(fd);
    close(other);
}

static void clients_out_of_reach_are_known(void **state)
{
    (void)state;
    assert_true(chy_signer_in_reach(0, 54321));
    assert_true(chy_signer_in_reach(geteuid(), 54321));
    assert_false(chy_signer_in_reach(54321, 54321)); /* nobody has that number */
    assert_false(chy_signer_in_reach(1, 54321));
    assert_true(chy_signer_in_reach(1, 1)); /* daemon's own group */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stopping_answers_who_is_in_the_queue),
        TEST(signer_that_is_started_anew_is_waited_for),
        TEST(absent_signer_is_known_before_anything_is_recorded),
        TEST(silent_clients_give_their_place_to_the_next),
        TEST(serial_of_one_who_hung_up_is_not_spent),
        TEST(socket_of_a_successor_stays),
        TEST(clients_out_of_reach_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
