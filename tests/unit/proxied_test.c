/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that come through a load balancer: the PROXY header in front of them, over real sockets
 * (core.md H-08: limits are per client, not per balancer). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <openssl/err.h>
#include <signal.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "tests/support/frontserver.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define CLIENT(last) SIGNATURE "\x21\x11\0\x0c\xc0\x00\x02" last "\x7f\0\0\1\x9c\x40\x01\xbb"
#define HEADER_N 28
#define CLIENT_IPV6                                                                                \
    SIGNATURE "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0"   \
              "\0\0\0\x01\x9c\x40\x01\xbb"
#define HEADER_IPV6_N 52
#define LOCAL SIGNATURE "\x20\0\0\0"
#define LOCAL_N 16

static const struct chy_prefix loopback = {AF_INET, {127, 0, 0, 1}, 32};
static const struct chy_prefix elsewhere = {AF_INET, {192, 0, 2}, 24};

static void start(struct front_server *s, const struct chy_prefix *proxies)
{
    for (unsigned i = 0; i < 2; i++) {
        s->listeners[i].proxies = proxies;
        s->listeners[i].n_proxies = 1;
    }
    front_server_start(s);
}

static void say_header(struct front_client *c, const char *header, size_t n)
{
    assert_int_equal(send(c->fd, header, n, MSG_NOSIGNAL), n);
}

static void come_by_tls(struct front_client *c, const struct front_server *s, const char *header,
                        size_t n)
{
    front_client_plain(c, s, 0);
    say_header(c, header, n);
    front_client_add_tls(c);
    assert_int_equal(SSL_connect(c->ssl), 1);
}

static void expect_peer(struct front_client *c, const char *peer)
{
    const char *body;

    front_client_say(c, GET("/peer"));
    front_client_answer(c, 200, &body);
    assert_string_equal(body, peer);
}

static void a_connection_is_its_client_s(void **state)
{
    struct front_server *s = *state;
    struct front_client c;

    start(s, &loopback);
    come_by_tls(&c, s, CLIENT("\x07"), HEADER_N);
    expect_peer(&c, "192.0.2.7 1");
    expect_peer(&c, "192.0.2.7 1");
    front_client_close(&c);
    come_by_tls(&c, s, CLIENT_IPV6, HEADER_IPV6_N);
    expect_peer(&c, "2001:db8::7 1");
    front_client_close(&c);
    front_client_plain(&c, s, 1);
    say_header(&c, CLIENT("\x08"), HEADER_N);
    expect_peer(&c, "192.0.2.8 2");
    front_client_close(&c);
    come_by_tls(&c, s, LOCAL, LOCAL_N);
    expect_peer(&c, "127.0.0.1 1");
    front_client_close(&c);
}

static void the_header_may_come_in_any_pieces(void **state)
{
    struct front_server *s = *state;
    struct front_client c;
    char all[HEADER_N + sizeof GET("/peer")];
    const char *body;

    start(s, &loopback);
    front_client_plain(&c, s, 1);
    for (size_t i = 0; i < HEADER_N; i++) {
        say_header(&c, &CLIENT("\x07")[i], 1);
        usleep(2000);
    }
    expect_peer(&c, "192.0.2.7 2");
    front_client_close(&c);
    memcpy(all, CLIENT("\x09"), HEADER_N);
    memcpy(all + HEADER_N, GET("/peer"), sizeof GET("/peer"));
    front_client_plain(&c, s, 1);
    say_header(&c, all, sizeof all - 1);
    front_client_answer(&c, 200, &body);
    assert_string_equal(body, "192.0.2.9 2");
    front_client_close(&c);
}

static void expect_no_handshake(struct front_client *c)
{
    front_client_add_tls(c);
    assert_int_not_equal(SSL_connect(c->ssl), 1);
    ERR_clear_error();
    front_client_close(c);
}

static void a_balancer_without_the_header_is_refused(void **state)
{
    struct front_server *s = *state;
    struct front_client c;

    start(s, &loopback);
    front_client_plain(&c, s, 1);
    front_client_say(&c, GET("/"));
    front_client_expect_end(&c);
    front_client_close(&c);
    front_client_plain(&c, s, 1);
    front_client_say(&c, "PROXY TCP4 192.0.2.7 127.0.0.1 40000 443\r\n" GET("/"));
    front_client_expect_end(&c);
    front_client_close(&c);
    front_client_plain(&c, s, 0);
    expect_no_handshake(&c);
    front_client_plain(&c, s, 1);
    say_header(&c, CLIENT("\x07"), 20);
    assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
    front_client_expect_end(&c);
    front_client_close(&c);
    assert_int_equal(front_server_runs(s), 0);
}

static void nobody_else_may_say_who_the_client_is(void **state)
{
    struct front_server *s = *state;
    struct front_client c;

    start(s, &elsewhere);
    front_client_plain(&c, s, 0);
    say_header(&c, CLIENT("\x07"), HEADER_N);
    expect_no_handshake(&c);
    front_client_plain(&c, s, 1);
    say_header(&c, CLIENT("\x07"), HEADER_N);
    front_client_say(&c, GET("/peer"));
    front_client_answer(&c, 400, NULL);
    front_client_expect_end(&c);
    front_client_close(&c);
    assert_int_equal(front_server_runs(s), 0);
    front_client_tls(&c, s);
    expect_peer(&c, "127.0.0.1 1");
    front_client_close(&c);
}

/* On a connection of its own client, a second header is no more than what it is: no HTTP. */
static void the_header_comes_once(void **state)
{
    struct front_server *s = *state;
    struct front_client c;

    start(s, &loopback);
    front_client_plain(&c, s, 1);
    say_header(&c, CLIENT("\x07"), HEADER_N);
    say_header(&c, CLIENT("\x08"), HEADER_N);
    front_client_say(&c, GET("/peer"));
    front_client_answer(&c, 400, NULL);
    front_client_expect_end(&c);
    front_client_close(&c);
    assert_int_equal(front_server_runs(s), 0);
}

static void a_dripping_header_is_cut(void **state)
{
    struct front_server *s = *state;
    struct front_client c;
    int64_t began;
    size_t i = 0;

    s->config.limits.handshake_ms = 300;
    s->config.limits.head_ms = 600000;
    start(s, &loopback);
    front_client_plain(&c, s, 1);
    began = chy_clock_ms();
    while (i < HEADER_N - 1 && chy_clock_ms() - began < 60000) {
        if (!front_client_try(&c, &CLIENT("\x07")[i++], 1))
            break;
        usleep(50000);
    }
    front_client_expect_end(&c);
    assert_in_range(chy_clock_ms() - began, 250, 60000);
    assert_true(i < HEADER_N - 1);
    front_client_close(&c);
}

static void the_cap_is_the_client_s_and_not_the_balancer_s(void **state)
{
    struct front_server *s = *state;
    struct front_client c[2], others[4], extra;

    s->config.limits.connections_per_address = 2;
    start(s, &loopback);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 2; i++) {
            come_by_tls(&c[i], s, CLIENT("\x07"), HEADER_N);
            expect_peer(&c[i], "192.0.2.7 1");
        }
        front_client_plain(&extra, s, 1);
        say_header(&extra, CLIENT("\x07"), HEADER_N);
        front_client_expect_end(&extra);
        front_client_close(&extra);
        for (unsigned i = 0; i < 4; i++) {
            char header[HEADER_N];

            memcpy(header, CLIENT("\x10"), HEADER_N);
            header[19] = (char)(0x10 + i);
            come_by_tls(&others[i], s, header, HEADER_N);
            front_client_say(&others[i], GET("/"));
            front_client_answer(&others[i], 200, NULL);
        }
        for (unsigned i = 0; i < 4; i++)
            front_client_close(&others[i]);
        for (unsigned i = 0; i < 2; i++)
            front_client_close(&c[i]);
        usleep(200000); /* the server sees the end */
    }
}

static void those_that_say_nothing_count_among_all(void **state)
{
    struct front_server *s = *state;
    struct front_client silent[2], c;

    s->config.limits.connections = 2;
    start(s, &loopback);
    for (unsigned i = 0; i < 2; i++) {
        front_client_plain(&silent[i], s, 1);
        say_header(&silent[i], CLIENT("\x07"), 3);
    }
    usleep(200000); /* accepted */
    front_client_plain(&c, s, 1);
    front_client_expect_end(&c);
    front_client_close(&c);
    for (unsigned i = 0; i < 2; i++)
        front_client_close(&silent[i]);
    usleep(200000);
    come_by_tls(&c, s, CLIENT("\x07"), HEADER_N);
    expect_peer(&c, "192.0.2.7 1");
    front_client_close(&c);
}

static void a_drain_waits_for_a_header_but_not_long(void **state)
{
    struct front_server *s = *state;
    struct front_client late, silent;
    int64_t began;

    s->config.limits.handshake_ms = 600000;
    s->config.limits.drain_ms = 600000;
    start(s, &loopback);
    front_client_plain(&late, s, 1);
    front_client_plain(&silent, s, 0);
    say_header(&late, CLIENT("\x07"), 5);
    began = chy_clock_ms();
    chy_front_stop(s->front);
    usleep(100000);
    say_header(&late, &CLIENT("\x07")[5], HEADER_N - 5);
    front_client_say(&late, GET("/"));
    assert_non_null(strstr(front_client_answer(&late, 200, NULL), "Connection: close"));
    front_client_expect_end(&late);
    front_client_expect_end(&silent);
    front_server_stop(s);
    assert_true(chy_clock_ms() - began < 60000);
    front_client_close(&late);
    front_client_close(&silent);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, front_server_setup, front_server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_is_its_client_s),
        TEST(the_header_may_come_in_any_pieces),
        TEST(a_balancer_without_the_header_is_refused),
        TEST(nobody_else_may_say_who_the_client_is),
        TEST(the_header_comes_once),
        TEST(a_dripping_header_is_cut),
        TEST(the_cap_is_the_client_s_and_not_the_balancer_s),
        TEST(those_that_say_nothing_count_among_all),
        TEST(a_drain_waits_for_a_header_but_not_long),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("proxied", tests, NULL, NULL);
}
