/* SPDX-License-Identifier: Apache-2.0 */
/* A front in this process, over real sockets and TLS: answers, deadlines, caps, draining (core.md H-01,
 * H-08, T-H-05). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "services/front/front.h"
#include "tests/support/fakehost.h"

/* ---- the server under test --------------------------------------------- */

struct server {
    struct chy_ctx *cx;
    struct chy_front_listener listeners[2]; /* 0: TLS, 1: plain */
    struct chy_front_config config;
    struct chy_front *front;
    pthread_t thread;
    enum chy_rc rc;
    char dir[64], crt[96], key[96];

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;                      /* lets "/slow" go on */
    unsigned entered, runs, states; /* in "/slow" now or before; of any handler; thread states */
    unsigned fds;                   /* open before */
};

static void handle(void *state, struct chy_ctx *cx, struct chy_request *rq, struct chy_reply *rp)
{
    struct server *s = state;

    pthread_mutex_lock(&s->lock);
    s->runs++;
    if (strcmp(rq->path, "/slow") == 0) {
        s->entered++;
        pthread_cond_broadcast(&s->changed);
        while (!s->open)
            pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    rp->status = 200;
    rp->content_type = "text/plain";
    if (strcmp(rq->path, "/peer") == 0) {
        rp->body = chy_fmt(cx, "%s %d", rq->peer, (int)rq->listener);
        rp->body_len = strlen(rp->body);
    } else if (strcmp(rq->path, "/binding") == 0) {
        rp->body = rq->tls_exporter;
        rp->body_len = rq->tls_exporter != NULL ? 32 : 0;
    } else if (strcmp(rq->path, "/nothing") == 0) {
        rp->status = 0;
    } else {
        rp->body = rq->body;
        rp->body_len = rq->body_len;
    }
}

static void *new_state(void *owner)
{
    struct server *s = owner;

    s->states++;
    return s;
}

static void free_state(void *state)
{
    struct server *s = state;

    s->states--;
}

static void write_certificate(const struct server *s, const char *name)
{
    chy_auto(EVP_PKEY) *key = EVP_EC_gen("P-256");
    chy_auto(X509) *crt = X509_new();
    chy_auto_file FILE *f = fopen(s->crt, "w");
    chy_auto_file FILE *g = fopen(s->key, "w");

    assert_non_null(key);
    assert_non_null(f);
    assert_non_null(g);
    X509_set_version(crt, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(crt), 1);
    X509_gmtime_adj(X509_getm_notBefore(crt), -3600);
    X509_gmtime_adj(X509_getm_notAfter(crt), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(crt), "CN", MBSTRING_ASC,
                               (const uint8_t *)name, -1, -1, 0);
    X509_set_issuer_name(crt, X509_get_subject_name(crt));
    X509_set_pubkey(crt, key);
    assert_true(X509_sign(crt, key, EVP_sha256()) > 0);
    PEM_write_X509(f, crt);
    PEM_write_PrivateKey(g, key, NULL, NULL, 0, NULL, NULL);
}

static unsigned count_fds(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) != -1;
    return n;
}

static int setup(void **state)
{
    struct server *s = calloc(1, sizeof *s);

    chy_log_start("front-test", LOG_EMERG);
    s->fds = count_fds();
    s->cx = fake_cx_new(CHY_STAGE_REQUEST);
    snprintf(s->dir, sizeof s->dir, "/tmp/chy-front-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->crt, sizeof s->crt, "%s/crt.pem", s->dir);
    snprintf(s->key, sizeof s->key, "%s/key.pem", s->dir);
    write_certificate(s, "first");
    s->listeners[0] = (struct chy_front_listener){CHY_LISTEN_ACME, "127.0.0.1", 0, s->crt, s->key};
    s->listeners[1] = (struct chy_front_listener){CHY_LISTEN_PUBLIC, "127.0.0.1", 0, NULL, NULL};
    s->config = (struct chy_front_config){
        .listeners = s->listeners,
        .n_listeners = 2,
        .io_threads = 2,
        .worker_threads = 2,
        .limits = CHY_FRONT_LIMITS,
        .handler = handle,
        .thread_new = new_state,
        .thread_free = free_state,
        .owner = s,
    };
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    *state = s;
    return 0;
}

static void *run(void *arg)
{
    struct server *s = arg;

    s->rc = chy_front_run(s->cx, s->front);
    return NULL;
}

static void start(struct server *s)
{
    assert_int_equal(chy_front_new(s->cx, &s->config, &s->front), CHY_OK);
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
}

static void stop(struct server *s)
{
    chy_front_stop(s->front);
    pthread_join(s->thread, NULL);
    chy_front_free(s->front);
    s->front = NULL;
}

static void open_gate(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    s->open = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void wait_entered(struct server *s, unsigned n)
{
    pthread_mutex_lock(&s->lock);
    while (s->entered < n)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static unsigned runs(struct server *s)
{
    unsigned n;

    pthread_mutex_lock(&s->lock);
    n = s->runs;
    pthread_mutex_unlock(&s->lock);
    return n;
}

static int teardown(void **state)
{
    struct server *s = *state;

    if (s->front != NULL) {
        open_gate(s);
        stop(s);
    }
    assert_int_equal(s->rc, CHY_OK);
    assert_int_equal(s->states, 0);
    assert_int_equal(count_fds(), s->fds);
    unlink(s->crt);
    unlink(s->key);
    rmdir(s->dir);
    fake_cx_free(s->cx);
    free(s);
    return 0;
}

/* ---- a client ---------------------------------------------------------- */

struct client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    char got[8192]; /* what has come and was not taken yet */
    size_t n;
};

static void connect_plain(struct client *c, const struct server *s, size_t listener)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_port = htons(chy_front_port(s->front, listener)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = 10};
    const int on = 1;

    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&sin, sizeof sin), 0);
}

static void add_tls(struct client *c)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    c->ssl = SSL_new(c->ctx);
    SSL_set_fd(c->ssl, c->fd);
}

static void connect_tls(struct client *c, const struct server *s)
{
    connect_plain(c, s, 0);
    add_tls(c);
    assert_int_equal(SSL_connect(c->ssl), 1);
}

static void disconnect(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

static void reset(struct client *c)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    disconnect(c);
}

static bool try_send(struct client *c, const void *b, size_t n)
{
    if (c->ssl != NULL)
        return SSL_write(c->ssl, b, (int)n) == (int)n;
    return send(c->fd, b, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void say(struct client *c, const char *text)
{
    assert_true(try_send(c, text, strlen(text)));
}

/* False: the server has closed. */
static bool read_more(struct client *c)
{
    size_t room = sizeof c->got - 1 - c->n;
    ssize_t n = c->ssl != NULL ? SSL_read(c->ssl, c->got + c->n, (int)room)
                               : recv(c->fd, c->got + c->n, room, 0);

    if (n <= 0)
        return false;
    c->n += (size_t)n;
    c->got[c->n] = '\0';
    return true;
}

/* One whole answer with the given status; returns its head, ret_body its body.  Static buffers. */
static const char *answer(struct client *c, int status, const char **ret_body)
{
    static char head[8192], body[8192];
    char *end, *length;
    size_t n = 0, whole;

    while ((end = strstr(c->got, "\r\n\r\n")) == NULL)
        if (!read_more(c))
            fail_msg("closed before the head: %s", c->got);
    length = strstr(c->got, "Content-Length: ");
    if (length != NULL && length < end)
        n = strtoul(length + 16, NULL, 10);
    whole = (size_t)(end - c->got) + 4 + n;
    while (c->n < whole)
        if (!read_more(c))
            fail_msg("closed before the body");
    snprintf(head, sizeof head, "%.*s", (int)(end + 2 - c->got), c->got);
    memcpy(body, end + 4, n);
    body[n] = '\0';
    if (ret_body != NULL)
        *ret_body = body;
    memmove(c->got, c->got + whole, c->n - whole + 1);
    c->n -= whole;
    if (strncmp(head, "HTTP/1.1 ", 9) != 0 || strtol(head + 9, NULL, 10) != status)
        fail_msg("wanted %d, got %s%s", status, head, body);
    return head;
}

static void expect_closed(struct client *c)
{
    if (read_more(c))
        fail_msg("more came: %s", c->got);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST(path, n) "POST " path " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " n "\r\n"

/* ---- tests ------------------------------------------------------------- */

static void a_connection_carries_many_requests(void **state)
{
    struct server *s = *state;
    struct client c;
    const char *body;

    start(s);
    connect_tls(&c, s);
    for (unsigned i = 0; i < 3; i++) {
        say(&c, POST("/echo", "5") "\r\nhello");
        assert_null(strstr(answer(&c, 200, &body), "Connection: close"));
        assert_string_equal(body, "hello");
    }
    say(&c, GET("/peer"));
    answer(&c, 200, &body);
    assert_string_equal(body, "127.0.0.1 1");
    disconnect(&c);
    connect_plain(&c, s, 1);
    say(&c, GET("/peer"));
    answer(&c, 200, &body);
    assert_string_equal(body, "127.0.0.1 2");
    say(&c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(answer(&c, 200, &body), "Connection: close"));
    expect_closed(&c);
    disconnect(&c);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct server *s = *state;
    struct client c;
    const char *body;

    start(s);
    connect_tls(&c, s);
    say(&c,
        POST("/a", "1") "\r\nx" POST("/b", "1") "\r\ny" GET("/peer") "OPTIONS * HTTP/1.1\r\n"
                                                                     "Host: a\r\n\r\n" GET("/z"));
    answer(&c, 200, &body);
    assert_string_equal(body, "x");
    answer(&c, 200, &body);
    assert_string_equal(body, "y");
    answer(&c, 200, &body);
    assert_non_null(strstr(answer(&c, 204, NULL), "Allow: "));
    answer(&c, 200, &body);
    assert_int_equal(runs(s), 4);
    disconnect(&c);
}

static void tls_is_bound_and_speaks_only_http1(void **state)
{
    struct server *s = *state;
    struct client c;
    uint8_t mine[32];
    const char *body;

    start(s);
    connect_tls(&c, s);
    assert_int_equal(SSL_export_keying_material(c.ssl, mine, 32, "EXPORTER-Channel-Binding", 24,
                                                (const uint8_t *)"", 0, 1),
                     1);
    say(&c, GET("/binding"));
    answer(&c, 200, &body);
    assert_memory_equal(body, mine, 32);
    disconnect(&c);

    connect_plain(&c, s, 0);
    add_tls(&c);
    SSL_set_alpn_protos(c.ssl, (const uint8_t *)"\x02h2", 3);
    assert_int_not_equal(SSL_connect(c.ssl), 1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
    ERR_clear_error();
    disconnect(&c);

    connect_plain(&c, s, 0);
    add_tls(&c);
    SSL_set_alpn_protos(c.ssl, (const uint8_t *)"\x02h2\x08http/1.1", 12);
    SSL_set_max_proto_version(c.ssl, TLS1_2_VERSION);
    assert_int_equal(SSL_connect(c.ssl), 1);
    say(&c, GET("/binding"));
    answer(&c, 200, &body);
    assert_string_equal(body, "");
    disconnect(&c);
}

/* The answer must reach a client that is still sending. */
static void a_body_over_the_limit_is_refused_readably(void **state)
{
    struct server *s = *state;
    struct client c;
    char piece[16384];
    const char *body;

    start(s);
    memset(piece, 'a', sizeof piece);
    for (unsigned i = 0; i < 2; i++) {
        if (i == 0)
            connect_tls(&c, s);
        else
            connect_plain(&c, s, 1);
        say(&c, POST("/echo", "1048576") "\r\n");
        for (unsigned k = 0; k < 32 && try_send(&c, piece, sizeof piece); k++)
            continue;
        answer(&c, 413, &body);
        assert_non_null(strstr(body, "urn:ietf:params:acme:error:malformed"));
        expect_closed(&c);
        ERR_clear_error();
        disconnect(&c);
    }
    assert_int_equal(runs(s), 0);
}

static void what_the_codec_refuses_ends_the_connection(void **state)
{
    struct server *s = *state;
    struct client c;
    const char *body;

    start(s);
    connect_tls(&c, s);
    say(&c, POST("/", "4") "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/smuggled"));
    assert_non_null(strstr(answer(&c, 400, &body), "Content-Type: application/problem+json"));
    expect_closed(&c);
    disconnect(&c);
    assert_int_equal(runs(s), 0);
    connect_tls(&c, s);
    say(&c, GET("/nothing"));
    answer(&c, 500, &body);
    expect_closed(&c);
    disconnect(&c);
}

static void continue_comes_before_the_body_is_sent(void **state)
{
    struct server *s = *state;
    struct client c;
    const char *body;

    start(s);
    connect_tls(&c, s);
    say(&c, POST("/echo", "5") "Expect: 100-continue\r\n\r\n");
    answer(&c, 100, NULL);
    say(&c, "hello");
    answer(&c, 200, &body);
    assert_string_equal(body, "hello");
    disconnect(&c);
}

static void a_late_answer_to_a_closed_connection_is_dropped(void **state)
{
    struct server *s = *state;
    struct client c, others[8];

    start(s);
    connect_tls(&c, s);
    say(&c, GET("/slow"));
    wait_entered(s, 1);
    reset(&c);
    /* New connections, likely in the memory of the old one. */
    for (unsigned i = 0; i < 8; i++)
        connect_tls(&others[i], s);
    open_gate(s);
    for (unsigned i = 0; i < 8; i++) {
        say(&others[i], GET("/"));
        answer(&others[i], 200, NULL);
        assert_int_equal(others[i].n, 0);
        disconnect(&others[i]);
    }
}

static void a_request_that_nobody_waits_for_is_not_begun(void **state)
{
    struct server *s = *state;
    struct client busy, gone, c;

    s->config.worker_threads = 1;
    s->config.io_threads = 1;
    start(s);
    connect_tls(&busy, s);
    say(&busy, GET("/slow"));
    wait_entered(s, 1);
    connect_plain(&gone, s, 1);
    say(&gone, GET("/gone"));
    usleep(100000);
    disconnect(&gone);
    connect_tls(&c, s); /* a round trip through the same loop: the end has been seen */
    open_gate(s);
    answer(&busy, 200, NULL);
    say(&c, GET("/"));
    answer(&c, 200, NULL);
    assert_int_equal(runs(s), 2);
    disconnect(&busy);
    disconnect(&c);
}

static void a_full_queue_answers_503(void **state)
{
    struct server *s = *state;
    struct client c[3];

    s->config.worker_threads = 1;
    s->config.limits.queue = 1;
    start(s);
    for (unsigned i = 0; i < 3; i++) {
        connect_tls(&c[i], s);
        say(&c[i], GET("/slow"));
        if (i == 0)
            wait_entered(s, 1);
        usleep(100000);
    }
    assert_non_null(strstr(answer(&c[2], 503, NULL), "Retry-After: 1"));
    expect_closed(&c[2]);
    open_gate(s);
    answer(&c[0], 200, NULL);
    answer(&c[1], 200, NULL);
    for (unsigned i = 0; i < 3; i++)
        disconnect(&c[i]);
}

/* Octets that drip in do not move the deadline; they come until the server has enough. */
static int64_t drip(struct client *c, const char *begin, const char *drop)
{
    int64_t began = chy_clock_ms();

    say(c, begin);
    while (chy_clock_ms() - began < 5000 && try_send(c, drop, strlen(drop))) {
        const struct timeval wait = {.tv_usec = 20000};
        setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        if (read_more(c))
            break;
        ERR_clear_error();
    }
    return chy_clock_ms() - began;
}

static void dripping_clients_are_cut_at_absolute_deadlines(void **state)
{
    struct server *s = *state;
    struct client c;
    int64_t ms;

    s->config.limits.head_ms = 300;
    s->config.limits.body_ms = 300;
    start(s);
    connect_tls(&c, s);
    ms = drip(&c, "GET / HTTP/1.1\r\n", "X: y\r\n");
    assert_in_range(ms, 250, 2000);
    answer(&c, 408, NULL);
    disconnect(&c);
    connect_plain(&c, s, 1);
    ms = drip(&c, POST("/", "60000") "\r\n", "a");
    assert_in_range(ms, 250, 2000);
    answer(&c, 408, NULL);
    disconnect(&c);
    /* Chunked without end (T-H-05). */
    connect_tls(&c, s);
    ms = drip(&c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n");
    assert_in_range(ms, 250, 2000);
    answer(&c, 408, NULL);
    disconnect(&c);
    assert_int_equal(runs(s), 0);
}

static void silent_clients_are_closed_without_a_word(void **state)
{
    struct server *s = *state;
    struct client handshake, head, idle;

    s->config.limits.handshake_ms = 300;
    s->config.limits.head_ms = 300;
    s->config.limits.idle_ms = 300;
    start(s);
    connect_plain(&handshake, s, 0);
    connect_plain(&head, s, 1);
    connect_tls(&idle, s);
    say(&idle, GET("/"));
    answer(&idle, 200, NULL);
    expect_closed(&handshake);
    expect_closed(&head);
    expect_closed(&idle);
    assert_int_equal(SSL_get_shutdown(idle.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    disconnect(&handshake);
    disconnect(&head);
    disconnect(&idle);
}

static void connections_are_capped_by_address_and_freed_again(void **state)
{
    struct server *s = *state;
    struct client c[3];

    s->config.limits.connections_per_address = 2;
    start(s);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 2; i++) {
            connect_tls(&c[i], s);
            say(&c[i], GET("/"));
            answer(&c[i], 200, NULL);
        }
        connect_plain(&c[2], s, 1);
        expect_closed(&c[2]);
        for (unsigned i = 0; i < 3; i++)
            disconnect(&c[i]);
        usleep(100000); /* the server sees the end */
    }
}

static void the_last_request_of_a_connection_is_announced(void **state)
{
    struct server *s = *state;
    struct client c;

    s->config.limits.requests_per_connection = 2;
    start(s);
    connect_tls(&c, s);
    say(&c, GET("/") GET("/") GET("/"));
    assert_null(strstr(answer(&c, 200, NULL), "Connection: close"));
    assert_non_null(strstr(answer(&c, 200, NULL), "Connection: close"));
    expect_closed(&c);
    disconnect(&c);
    assert_int_equal(runs(s), 2);
}

static void *open_later(void *arg)
{
    usleep(300000);
    open_gate(arg);
    return NULL;
}

static void draining_finishes_what_was_begun(void **state)
{
    struct server *s = *state;
    struct client busy, idle, late;
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pthread_t opener;

    start(s);
    sin.sin_port = htons(chy_front_port(s->front, 1));
    connect_tls(&idle, s);
    say(&idle, GET("/"));
    answer(&idle, 200, NULL);
    connect_tls(&busy, s);
    say(&busy, GET("/slow"));
    wait_entered(s, 1);
    chy_front_stop(s->front);
    expect_closed(&idle);
    usleep(50000);
    late.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_not_equal(connect(late.fd, (struct sockaddr *)&sin, sizeof sin), 0);
    close(late.fd);
    pthread_create(&opener, NULL, open_later, s);
    assert_non_null(strstr(answer(&busy, 200, NULL), "Connection: close"));
    expect_closed(&busy);
    disconnect(&busy);
    disconnect(&idle);
    pthread_join(opener, NULL);
    stop(s);
}

static void draining_has_a_deadline(void **state)
{
    struct server *s = *state;
    struct client c;
    int64_t began = chy_clock_ms();

    s->config.limits.drain_ms = 300;
    start(s);
    connect_plain(&c, s, 1);
    say(&c, "GET / HT");
    usleep(50000);
    stop(s);
    assert_in_range(chy_clock_ms() - began, 250, 3000);
    expect_closed(&c);
    disconnect(&c);
}

static void expect_name(const struct server *s, const char *name)
{
    struct client c;
    char got[64] = "";

    connect_tls(&c, s);
    chy_auto(X509) *crt = SSL_get1_peer_certificate(c.ssl);

    X509_NAME_get_text_by_NID(X509_get_subject_name(crt), NID_commonName, got, sizeof got);
    assert_string_equal(got, name);
    disconnect(&c);
}

static void certificates_are_read_again_when_they_are_good(void **state)
{
    struct server *s = *state;
    struct client old;
    FILE *f;

    start(s);
    connect_tls(&old, s);
    expect_name(s, "first");
    write_certificate(s, "second");
    chy_front_reload(s->front);
    usleep(200000);
    expect_name(s, "second");
    f = fopen(s->crt, "w");
    fputs("nonsense\n", f);
    fclose(f);
    chy_front_reload(s->front);
    usleep(200000);
    expect_name(s, "second");
    say(&old, GET("/"));
    answer(&old, 200, NULL);
    disconnect(&old);
}

static void expect_no_front(struct server *s, const char *detail)
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
    struct server *s = *state;

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
    struct server *s = *state;
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
    write_certificate(s, "second");
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        TEST(dripping_clients_are_cut_at_absolute_deadlines),
        TEST(silent_clients_are_closed_without_a_word),
        TEST(connections_are_capped_by_address_and_freed_again),
        TEST(the_last_request_of_a_connection_is_announced),
        TEST(draining_finishes_what_was_begun),
        TEST(draining_has_a_deadline),
        TEST(certificates_are_read_again_when_they_are_good),
        TEST(settings_that_cannot_work_are_named),
        TEST(signals_stop_and_reload),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
