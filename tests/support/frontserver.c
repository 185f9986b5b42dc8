/* SPDX-License-Identifier: Apache-2.0 */
/* The server under test with a handler of a few paths, and a blocking client. */
#include "tests/support/frontserver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/log.h"
#include "tests/support/fakehost.h"

/* ---- the server under test --------------------------------------------- */

static void handle(void *state, struct chy_ctx *cx, struct chy_request *rq, struct chy_reply *rp)
{
    struct front_server *s = state;

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
    struct front_server *s = owner;

    s->states++;
    return s;
}

static void free_state(void *state)
{
    struct front_server *s = state;

    s->states--;
}

void front_server_certificate(const struct front_server *s, const char *name)
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

int front_server_setup(void **state)
{
    struct front_server *s = calloc(1, sizeof *s);

    chy_log_start("front-test", LOG_EMERG);
    s->fds = count_fds();
    s->cx = fake_cx_new(CHY_STAGE_REQUEST);
    snprintf(s->dir, sizeof s->dir, "/tmp/chy-front-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->crt, sizeof s->crt, "%s/crt.pem", s->dir);
    snprintf(s->key, sizeof s->key, "%s/key.pem", s->dir);
    front_server_certificate(s, "first");
    s->listeners[0] = (struct chy_front_listener){
        .kind = CHY_LISTEN_ACME, .address = "127.0.0.1", .certificate = s->crt, .key = s->key};
    s->listeners[1] =
        (struct chy_front_listener){.kind = CHY_LISTEN_PUBLIC, .address = "127.0.0.1"};
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
    struct front_server *s = arg;

    s->rc = chy_front_run(s->cx, s->front);
    return NULL;
}

void front_server_start(struct front_server *s)
{
    assert_int_equal(chy_front_new(s->cx, &s->config, &s->front), CHY_OK);
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
}

void front_server_stop(struct front_server *s)
{
    chy_front_stop(s->front);
    pthread_join(s->thread, NULL);
    chy_front_free(s->front);
    s->front = NULL;
}

void front_server_open(struct front_server *s)
{
    pthread_mutex_lock(&s->lock);
    s->open = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void front_server_wait(struct front_server *s, unsigned n)
{
    pthread_mutex_lock(&s->lock);
    while (s->entered < n)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

unsigned front_server_runs(struct front_server *s)
{
    unsigned n;

    pthread_mutex_lock(&s->lock);
    n = s->runs;
    pthread_mutex_unlock(&s->lock);
    return n;
}

int front_server_teardown(void **state)
{
    struct front_server *s = *state;

    if (s->front != NULL) {
        front_server_open(s);
        front_server_stop(s);
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

void front_client_plain(struct front_client *c, const struct front_server *s, size_t listener)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_port = htons(chy_front_port(s->front, listener)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = 10};
    const int on = 1;

    *c = (struct front_client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&sin, sizeof sin), 0);
}

void front_client_add_tls(struct front_client *c)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    c->ssl = SSL_new(c->ctx);
    SSL_set_fd(c->ssl, c->fd);
}

void front_client_tls(struct front_client *c, const struct front_server *s)
{
    front_client_plain(c, s, 0);
    front_client_add_tls(c);
    assert_int_equal(SSL_connect(c->ssl), 1);
}

void front_client_close(struct front_client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

void front_client_reset(struct front_client *c)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    front_client_close(c);
}

bool front_client_try(struct front_client *c, const void *b, size_t n)
{
    if (c->ssl != NULL)
        return SSL_write(c->ssl, b, (int)n) == (int)n;
    return send(c->fd, b, n, MSG_NOSIGNAL) == (ssize_t)n;
}

void front_client_say(struct front_client *c, const char *text)
{
    assert_true(front_client_try(c, text, strlen(text)));
}

/* False: the server has closed. */
bool front_client_read(struct front_client *c)
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
const char *front_client_answer(struct front_client *c, int status, const char **ret_body)
{
    static char head[8192], body[8192];
    char *end, *length;
    size_t n = 0, whole;

    while ((end = strstr(c->got, "\r\n\r\n")) == NULL)
        if (!front_client_read(c))
            fail_msg("closed before the head: %s", c->got);
    length = strstr(c->got, "Content-Length: ");
    if (length != NULL && length < end)
        n = strtoul(length + 16, NULL, 10);
    whole = (size_t)(end - c->got) + 4 + n;
    while (c->n < whole)
        if (!front_client_read(c))
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

void front_client_expect_end(struct front_client *c)
{
    if (front_client_read(c))
        fail_msg("more came: %s", c->got);
}
