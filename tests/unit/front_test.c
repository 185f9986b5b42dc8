/* SPDX-License-Identifier: Apache-2.0 */
/* A front in this process, over real sockets and TLS: answers, deadlines, caps, draining (core.md H-01,
 * H-08, T-H-05). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <openssl/err.h>
#include <signal.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "tests/support/frontserver.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST(path, n) "POST " path " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " n "\r\n"

/* ---- tests ------------------------------------------------------------- */

static void a_connection_carries_many_requests(void **state)
{
    struct front_server *s = *state;
    struct front_client c;
    const char *body;

    front_server_start(s);
    front_client_tls(&c, s);
    for (unsigned i = 0; i < 3; i++) {
        front_client_say(&c, POST("/echo", "5") "\r\nhello");
        assert_null(strstr(front_client_answer(&c, 200, &body), "Connection: close"));
        assert_string_equal(body, "hello");
    }
    front_client_say(&c, GET("/peer"));
    front_client_answer(&c, 200, &body);
    assert_string_equal(body, "127.0.0.1 1");
    front_client_close(&c);
    front_client_plain(&c, s, 1);
    front_client_say(&c, GET("/peer"));
    front_client_answer(&c, 200, &body);
    assert_string_equal(body, "127.0.0.1 2");
    front_client_say(&c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(front_client_answer(&c, 200, &body), "Connection: close"));
    front_client_expect_end(&c);
    front_client_close(&c);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct front_server *s = *state;
    struct front_client c;
    const char *body;

    front_server_start(s);
    front_client_tls(&c, s);
    front_client_say(&c, POST("/a", "1") "\r\nx" POST("/b", "1") "\r\ny" GET(
                             "/peer") "OPTIONS * HTTP/1.1\r\n"
                                      "Host: a\r\n\r\n" GET("/z"));
    front_client_answer(&c, 200, &body);
    assert_string_equal(body, "x");
    front_client_answer(&c, 200, &body);
    assert_string_equal(body, "y");
    front_client_answer(&c, 200, &body);
    assert_non_null(strstr(front_client_answer(&c, 204, NULL), "Allow: "));
    front_client_answer(&c, 200, &body);
    assert_int_equal(front_server_runs(s), 4);
    front_client_close(&c);
}

static void tls_is_bound_and_speaks_only_http1(void **state)
{
    struct front_server *s = *state;
    struct front_client c;
    uint8_t mine[32];
    const char *body;

    front_server_start(s);
    front_client_tls(&c, s);
    assert_int_equal(SSL_export_keying_material(c.ssl, mine, 32, "EXPORTER-Channel-Binding", 24,
                                                (const uint8_t *)"", 0, 1),
                     1);
    front_client_say(&c, GET("/binding"));
    front_client_answer(&c, 200, &body);
    assert_memory_equal(body, mine, 32);
    front_client_close(&c);

    front_client_plain(&c, s, 0);
    front_client_add_tls(&c);
    SSL_set_alpn_protos(c.ssl, (const uint8_t *)"\x02h2", 3);
    assert_int_not_equal(SSL_connect(c.ssl), 1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
    ERR_clear_error();
    front_client_close(&c);

    front_client_plain(&c, s, 0);
    front_client_add_tls(&c);
    SSL_set_alpn_protos(c.ssl, (const uint8_t *)"\x02h2\x08http/1.1", 12);
    SSL_set_max_proto_version(c.ssl, TLS1_2_VERSION);
    assert_int_equal(SSL_connect(c.ssl), 1);
    front_client_say(&c, GET("/binding"));
    front_client_answer(&c, 200, &body);
    assert_string_equal(body, "");
    front_client_close(&c);
}

/* The answer must reach a client that is still sending. */
static void a_body_over_the_limit_is_refused_readably(void **state)
{
    struct front_server *s = *state;
    struct front_client c;
    char piece[16384];
    const char *body;

    front_server_start(s);
    memset(piece, 'a', sizeof piece);
    for (unsigned i = 0; i < 2; i++) {
        if (i == 0)
            front_client_tls(&c, s);
        else
            front_client_plain(&c, s, 1);
        front_client_say(&c, POST("/echo", "1048576") "\r\n");
        for (unsigned k = 0; k < 32 && front_client_try(&c, piece, sizeof piece); k++)
            continue;
        front_client_answer(&c, 413, &body);
        assert_non_null(strstr(body, "urn:ietf:params:acme:error:malformed"));
        front_client_expect_end(&c);
        ERR_clear_error();
        front_client_close(&c);
    }
    assert_int_equal(front_server_runs(s), 0);
}

static void what_the_codec_refuses_ends_the_connection(void **state)
{
    struct front_server *s = *state;
    struct front_client c;
    const char *body;

    front_server_start(s);
    front_client_tls(&c, s);
    front_client_say(&c,
                     POST("/", "4") "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/smuggled"));
    assert_non_null(
        strstr(front_client_answer(&c, 400, &body), "Content-Type: application/problem+json"));
    front_client_expect_end(&c);
    front_client_close(&c);
    assert_int_equal(front_server_runs(s), 0);
    front_client_tls(&c, s);
    front_client_say(&c, GET("/nothing"));
    front_client_answer(&c, 500, &body);
    front_client_expect_end(&c);
    front_client_close(&c);
}

static void continue_comes_before_the_body_is_sent(void **state)
{
    struct front_server *s = *state;
    struct front_client c;
    const char *body;

    front_server_start(s);
    front_client_tls(&c, s);
    front_client_say(&c, POST("/echo", "5") "Expect: 100-continue\r\n\r\n");
    front_client_answer(&c, 100, NULL);
    front_client_say(&c, "hello");
    front_client_answer(&c, 200, &body);
    assert_string_equal(body, "hello");
    front_client_close(&c);
}

static void a_late_answer_to_a_closed_connection_is_dropped(void **state)
{
    struct front_server *s = *state;
    struct front_client c, others[8];

    front_server_start(s);
    front_client_tls(&c, s);
    front_client_say(&c, GET("/slow"));
    front_server_wait(s, 1);
    front_client_reset(&c);
    /* New connections, likely in the memory of the old one. */
    for (unsigned i = 0; i < 8; i++)
        front_client_tls(&others[i], s);
    front_server_open(s);
    for (unsigned i = 0; i < 8; i++) {
        front_client_say(&others[i], GET("/"));
        front_client_answer(&others[i], 200, NULL);
        assert_int_equal(others[i].n, 0);
        front_client_close(&others[i]);
    }
}

static void a_request_that_nobody_waits_for_is_not_begun(void **state)
{
    struct front_server *s = *state;
    struct front_client busy, gone, c;

    s->config.worker_threads = 1;
    s->config.io_threads = 1;
    front_server_start(s);
    front_client_tls(&busy, s);
    front_client_say(&busy, GET("/slow"));
    front_server_wait(s, 1);
    front_client_plain(&gone, s, 1);
    front_client_say(&gone, GET("/gone"));
    usleep(100000);
    front_client_reset(&gone); /* a mere close could be that of one half */
    front_client_tls(&c, s);   /* a round trip through the same loop: the end has been seen */
    front_server_open(s);
    front_client_answer(&busy, 200, NULL);
    front_client_say(&c, GET("/"));
    front_client_answer(&c, 200, NULL);
    assert_int_equal(front_server_runs(s), 2);
    front_client_close(&busy);
    front_client_close(&c);
}

/* RFC 9112 section 9.6. */
static void a_client_that_closes_its_half_gets_its_answer(void **state)
{
    struct front_server *s = *state;
    struct front_client c[2], round;

    s->config.worker_threads = 2;
    front_server_start(s);
    front_client_plain(&c[0], s, 1);
    front_client_tls(&c[1], s);
    for (unsigned i = 0; i < 2; i++)
        front_client_say(&c[i], GET("/slow"));
    front_server_wait(s, 2);
    assert_int_equal(shutdown(c[0].fd, SHUT_WR), 0);
    assert_int_equal(SSL_shutdown(c[1].ssl), 0);
    assert_int_equal(shutdown(c[1].fd, SHUT_WR), 0);
    usleep(100000);
    front_server_open(s);
    for (unsigned i = 0; i < 2; i++) {
        front_client_answer(&c[i], 200, NULL);
        front_client_expect_end(&c[i]);
        front_client_close(&c[i]);
    }
    front_client_tls(&round, s);
    front_client_close(&round);
}

static void a_full_queue_answers_503(void **state)
{
    struct front_server *s = *state;
    struct front_client c[3];

    s->config.worker_threads = 1;
    s->config.limits.queue = 1;
    front_server_start(s);
    for (unsigned i = 0; i < 3; i++) {
        front_client_tls(&c[i], s);
        front_client_say(&c[i], GET("/slow"));
        if (i == 0)
            front_server_wait(s, 1);
        usleep(100000);
    }
    assert_non_null(strstr(front_client_answer(&c[2], 503, NULL), "Retry-After: 1"));
    front_client_expect_end(&c[2]);
    front_server_open(s);
    front_client_answer(&c[0], 200, NULL);
    front_client_answer(&c[1], 200, NULL);
    for (unsigned i = 0; i < 3; i++)
        front_client_close(&c[i]);
}

/* Octets that drip in do not move the deadline; they come until the server has enough. */
static int64_t drip(struct front_client *c, const char *begin, const char *drop)
{
    int64_t began = chy_clock_ms();

    front_client_say(c, begin);
    while (chy_clock_ms() - began < 5000 && front_client_try(c, drop, strlen(drop))) {
        const struct timeval wait = {.tv_usec = 20000};
        setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        if (front_client_read(c))
            break;
        ERR_clear_error();
    }
    return chy_clock_ms() - began;
}

static void dripping_clients_are_cut_at_absolute_deadlines(void **state)
{
    struct front_server *s = *state;
    struct front_client c;
    int64_t ms;

    s->config.limits.head_ms = 300;
    s->config.limits.body_ms = 300;
    front_server_start(s);
    front_client_tls(&c, s);
    ms = drip(&c, "GET / HTTP/1.1\r\n", "X: y\r\n");
    assert_in_range(ms, 250, 2000);
    front_client_answer(&c, 408, NULL);
    front_client_close(&c);
    front_client_plain(&c, s, 1);
    ms = drip(&c, POST("/", "60000") "\r\n", "a");
    assert_in_range(ms, 250, 2000);
    front_client_answer(&c, 408, NULL);
    front_client_close(&c);
    /* Chunked without end (T-H-05). */
    front_client_tls(&c, s);
    ms = drip(&c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n");
    assert_in_range(ms, 250, 2000);
    front_client_answer(&c, 408, NULL);
    front_client_close(&c);
    assert_int_equal(front_server_runs(s), 0);
}

static void silent_clients_are_closed_without_a_word(void **state)
{
    struct front_server *s = *state;
    struct front_client handshake, head, idle;

    s->config.limits.handshake_ms = 300;
    s->config.limits.head_ms = 300;
    s->config.limits.idle_ms = 300;
    front_server_start(s);
    front_client_plain(&handshake, s, 0);
    front_client_plain(&head, s, 1);
    front_client_tls(&idle, s);
    front_client_say(&idle, GET("/"));
    front_client_answer(&idle, 200, NULL);
    front_client_expect_end(&handshake);
    front_client_expect_end(&head);
    front_client_expect_end(&idle);
    assert_int_equal(SSL_get_shutdown(idle.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    front_client_close(&handshake);
    front_client_close(&head);
    front_client_close(&idle);
}

static void connections_are_capped_by_address_and_freed_again(void **state)
{
    struct front_server *s = *state;
    struct front_client c[3];

    s->config.limits.connections_per_address = 2;
    front_server_start(s);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 2; i++) {
            front_client_tls(&c[i], s);
            front_client_say(&c[i], GET("/"));
            front_client_answer(&c[i], 200, NULL);
        }
        front_client_plain(&c[2], s, 1);
        front_client_expect_end(&c[2]);
        for (unsigned i = 0; i < 3; i++)
            front_client_close(&c[i]);
        usleep(100000); /* the server sees the end */
    }
}

static void the_last_request_of_a_connection_is_announced(void **state)
{
    struct front_server *s = *state;
    struct front_client c;

    s->config.limits.requests_per_connection = 2;
    front_server_start(s);
    front_client_tls(&c, s);
    front_client_say(&c, GET("/") GET("/") GET("/"));
    assert_null(strstr(front_client_answer(&c, 200, NULL), "Connection: close"));
    assert_non_null(strstr(front_client_answer(&c, 200, NULL), "Connection: close"));
    front_client_expect_end(&c);
    front_client_close(&c);
    assert_int_equal(front_server_runs(s), 2);
}

static void *open_later(void *arg)
{
    usleep(300000);
    front_server_open(arg);
    return NULL;
}

static void draining_finishes_what_was_begun(void **state)
{
    struct front_server *s = *state;
    struct front_client busy, idle, late;
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pthread_t opener;

    front_server_start(s);
    sin.sin_port = htons(chy_front_port(s->front, 1));
    front_client_tls(&idle, s);
    front_client_say(&idle, GET("/"));
    front_client_answer(&idle, 200, NULL);
    front_client_tls(&busy, s);
    front_client_say(&busy, GET("/slow"));
    front_server_wait(s, 1);
    chy_front_stop(s->front);
    front_client_expect_end(&idle);
    usleep(50000);
    late.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_not_equal(connect(late.fd, (struct sockaddr *)&sin, sizeof sin), 0);
    close(late.fd);
    pthread_create(&opener, NULL, open_later, s);
    assert_non_null(strstr(front_client_answer(&busy, 200, NULL), "Connection: close"));
    front_client_expect_end(&busy);
    front_client_close(&busy);
    front_client_close(&idle);
    pthread_join(opener, NULL);
    front_server_stop(s);
}

/* On a kept connection, sent before the stop and not looked at yet. */
static void draining_answers_what_has_come(void **state)
{
    struct front_server *s = *state;
    struct front_client c;

    for (unsigned i = 0; i < 40; i++) {
        front_server_start(s);
        front_client_tls(&c, s);
        front_client_say(&c, GET("/"));
        front_client_answer(&c, 200, NULL);
        usleep(i % 4 * 500);
        front_client_say(&c, GET("/"));
        chy_front_stop(s->front);
        assert_non_null(front_client_answer(&c, 200, NULL));
        front_client_close(&c);
        front_server_stop(s);
    }
}

/* Far below every other deadline that could end it: only the drain's own can be what did. */
static void draining_has_a_deadline(void **state)
{
    struct front_server *s = *state;
    struct front_client c;
    int64_t began;

    s->config.limits.drain_ms = 300;
    s->config.limits.head_ms = 600000;
    front_server_start(s);
    front_client_plain(&c, s, 1);
    front_client_say(&c, "GET / HT");
    usleep(50000);
    began = chy_clock_ms();
    front_server_stop(s);
    assert_in_range(chy_clock_ms() - began, 250, 60000);
    front_client_expect_end(&c);
    front_client_close(&c);
}

/* The deadline is for handlers: a machine that is slow to end idle threads is no fault. */
static void idle_threads_do_not_miss_the_drain_deadline(void **state)
{
    struct front_server *s = *state;
    struct front_client c;

    s->config.limits.drain_ms = 1;
    s->config.worker_threads = 64;
    for (unsigned i = 0; i < 8; i++) {
        front_server_start(s);
        front_client_plain(&c, s, 1);
        front_client_say(&c, "GET / HT");
        front_server_stop(s);
        front_client_close(&c);
        assert_int_equal(s->rc, CHY_OK);
    }
}

static void expect_name(const struct front_server *s, const char *name)
{
    struct front_client c;
    char got[64] = "";

    front_client_tls(&c, s);
    chy_auto(X509) *crt = SSL_get1_peer_certificate(c.ssl);

    X509_NAME_get_text_by_NID(X509_get_subject_name(crt), NID_commonName, got, sizeof got);
    assert_string_equal(got, name);
    front_client_close(&c);
}

static void certificates_are_read_again_when_they_are_good(void **state)
{
    struct front_server *s = *state;
    struct front_client old;
    FILE *f;

    front_server_start(s);
    front_client_tls(&old, s);
    expect_name(s, "first");
    front_server_certificate(s, "second");
    chy_front_reload(s->front);
    usleep(200000);
    expect_name(s, "second");
    f = fopen(s->crt, "w");
    fputs("nonsense\n", f);
    fclose(f);
    chy_front_reload(s->front);
    usleep(200000);
    expect_name(s, "second");
    front_client_say(&old, GET("/"));
    front_client_answer(&old, 200, NULL);
    front_client_close(&old);
}

static void expect_no_front(struct front_server *s, const char *detail)
{
    struct chy_front *f = NULL;

    assert_int_equal(chy_front_new(s->cx, &s->config, &f), CHY_ERR);
    assert_null(f);
    if (strstr(s->cx->problem.detail, detail) == NULL)
        fail_msg("%s", s->cx->problem.detail);
    chy_ctx_reset(s->cx);
}

static void settings_that_cannot_work_are_named(void **state)
{
    struct front_server *s = *state;

    s->listeners[1].address = "localhost";
    expect_no_front(s, "localhost");
    s->listeners[1].address = "192.0.2.1";
    expect_no_front(s, "192.0.2.1");
    s->listeners[1].address = "127.0.0.1";
    s->listeners[0].certificate = "/nowhere/crt.pem";
    expect_no_front(s, "/nowhere/crt.pem: certificate");
    s->listeners[0].certificate = s->crt;
    s->listeners[0].key = s->crt;
    expect_no_front(s, "crt.pem: private key");
}

static void signals_stop_and_reload(void **state)
{
    struct front_server *s = *state;
    pid_t child;
    int status;

    s->config.signals = true;
    assert_int_equal(chy_front_new(s->cx, &s->config, &s->front), CHY_OK);
    child = fork();
    if (child == 0) {
        enum chy_rc rc = chy_front_run(s->cx, s->front);

        chy_front_free(s->front);
        _exit(rc == CHY_OK ? 0 : 1);
    }
    expect_name(s, "first"); /* it serves */
    front_server_certificate(s, "second");
    kill(child, SIGHUP);
    usleep(300000);
    expect_name(s, "second");
    kill(child, SIGTERM);
    assert_int_equal(waitpid(child, &status, 0), child);
    chy_front_free(s->front);
    s->front = NULL;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, front_server_setup, front_server_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_carries_many_requests),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(tls_is_bound_and_speaks_only_http1),
        TEST(a_body_over_the_limit_is_refused_readably),
        TEST(what_the_codec_refuses_ends_the_connection),
        TEST(continue_comes_before_the_body_is_sent),
        TEST(a_late_answer_to_a_closed_connection_is_dropped),
        TEST(a_request_that_nobody_waits_for_is_not_begun),
        TEST(a_full_queue_answers_503),
        TEST(a_client_that_closes_its_half_gets_its_answer),
        TEST(dripping_clients_are_cut_at_absolute_deadlines),
        TEST(silent_clients_are_closed_without_a_word),
        TEST(connections_are_capped_by_address_and_freed_again),
        TEST(the_last_request_of_a_connection_is_announced),
        TEST(draining_finishes_what_was_begun),
        TEST(draining_answers_what_has_come),
        TEST(draining_has_a_deadline),
        TEST(idle_threads_do_not_miss_the_drain_deadline),
        TEST(certificates_are_read_again_when_they_are_good),
        TEST(settings_that_cannot_work_are_named),
        TEST(signals_stop_and_reload),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
