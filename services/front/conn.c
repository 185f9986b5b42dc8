/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's life: handshake, head, body, busy (a worker has the request), answer, idle, and
 * lingering at the end (RFC 9112 sections 9.3 to 9.6).  One timer holds the absolute deadline of the
 * present state.  One request at a time: pipelined octets wait in the input buffer, which is bounded.
 *
 * A late answer: while a worker has the request, connection and work point to each other, and only this
 * thread reads or writes those two pointers.  A connection that goes clears the work's; the answer that
 * comes then finds no connection.  No memory of a gone connection is ever compared or counted. */
#include "services/front/conn.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event_struct.h>
#include <openssl/err.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/log.h"

#define INPUT_MAX (16u * 1024)       /* octets taken from the kernel before they are used */
#define LINGER_OCTETS (1024u * 1024) /* read and dropped after a refusal, then cut        */

enum conn_state {
    CONN_HANDSHAKE,
    CONN_HEAD, /* a new connection, or some octets of a request have come */
    CONN_BODY,
    CONN_BUSY,
    CONN_ANSWER,
    CONN_IDLE,
    CONN_LINGER,
};

struct chy_conn {
    struct chy_conn *next, *prev;
    struct chy_io *io;
    struct bufferevent *bev;
    struct event timer;
    enum conn_state state;
    const struct chy_front_listener *listener;
    struct chy_http1 *request; /* on its way in                   */
    struct chy_work *work;     /* with a worker                   */
    unsigned n_requests;
    bool closing;   /* ends after the answer being sent */
    bool heard_end; /* the client sends nothing more    */
    bool has_exporter;
    uint8_t exporter[32];
    size_t lingered;
    struct sockaddr_storage peer;
};

static void arm(struct chy_conn *c, enum conn_state state, unsigned ms)
{
    const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

    c->state = state;
    evtimer_add(&c->timer, &tv);
}

/* ---- the end ----------------------------------------------------------- */

static void conn_free(struct chy_conn *c)
{
    struct chy_io *io = c->io;

    if (c->work != NULL) {
        c->work->conn = NULL;
        atomic_store(&c->work->abandoned, true);
    }
    event_del(&c->timer);
    chy_http1_free(c->request);
    bufferevent_free(c->bev);
    ERR_clear_error();
    chy_peers_leave(io->peers, (struct sockaddr *)&c->peer);
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        io->conns = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    free(c);
    chy_io_conn_gone(io);
}

/* Tell the client that nothing more comes.  RFC 8446 section 6.1: close_notify before the end. */
static void shut_down(struct chy_conn *c)
{
    SSL *ssl = bufferevent_openssl_get_ssl(c->bev);

    if (ssl != NULL && SSL_is_init_finished(ssl)) {
        ERR_clear_error();
        (void)SSL_shutdown(ssl);
        ERR_clear_error();
    }
    (void)shutdown(bufferevent_getfd(c->bev), SHUT_WR);
}

static void close_idle(struct chy_conn *c)
{
    shut_down(c);
    conn_free(c);
}

static void drop_input(struct chy_conn *c)
{
    struct evbuffer *input = bufferevent_get_input(c->bev);
    size_t n = evbuffer_get_length(input);

    c->lingered += n;
    evbuffer_drain(input, n);
    if (c->lingered > LINGER_OCTETS)
        conn_free(c);
}

/* RFC 9112 section 9.6: closing with unread input would reset the connection and could take the answer
 * from a client that has not read it yet, so keep reading for a while. */
static void linger(struct chy_conn *c)
{
    shut_down(c);
    arm(c, CONN_LINGER, c->io->limits->linger_ms);
    drop_input(c);
}

/* ---- answers ----------------------------------------------------------- */

static void free_answer(const void *b, size_t n, void *arg)
{
    (void)n;
    (void)arg;
    free((void *)(uintptr_t)b);
}

/* One buffer, one piece in the output, one TLS record if it fits, one write. */
static void send_answer(struct chy_conn *c, uint8_t *b, size_t n, bool closing)
{
    c->closing = closing || c->heard_end || c->io->draining;
    arm(c, CONN_ANSWER, c->io->limits->write_ms);
    if (evbuffer_add_reference(bufferevent_get_output(c->bev), b, n, free_answer, NULL) != 0)
        abort();
}

static void send_refusal(struct chy_conn *c, struct chy_http1_refusal r)
{
    char peer[INET6_ADDRSTRLEN];
    uint8_t *b;
    size_t n;

    chy_peers_text((struct sockaddr *)&c->peer, peer);
    chy_log_event(
        NULL, LOG_INFO, "refused before any handler",
        json_pack("{s:s, s:i, s:s}", "peer", peer, "status", r.status, "detail", r.reason));
    r.headers = c->listener->refusal_headers;
    r.n_headers = c->listener->n_refusal_headers;
    b = chy_http1_refuse(&r, chy_clock_now(), &n);
    chy_http1_free(c->request);
    c->request = NULL;
    send_answer(c, b, n, true);
}

/* The codec's refusal, or a deadline's. */
static void refuse(struct chy_conn *c, int status, const char *reason)
{
    send_refusal(c, (struct chy_http1_refusal){.status = status, .reason = reason});
}

static void refuse_busy(struct chy_conn *c, bool head_only)
{
    send_refusal(c, (struct chy_http1_refusal){.status = 503,
                                               .reason = "the server is busy; try again",
                                               .retry_after_s = 1,
                                               .head_only = head_only});
}

/* RFC 9110 section 9.3.7: "OPTIONS *" asks about the server, not about a resource. */
static void answer_server_options(struct chy_conn *c)
{
    bool closing = !chy_http1_keep_alive(c->request) || c->io->draining;
    struct chy_reply rp = {.status = 204};
    uint8_t *b;
    size_t n;

    chy_reply_header(&rp, "Allow", "GET, HEAD, OPTIONS, POST");
    b = chy_http1_answer(&rp, false, closing, chy_clock_now(), &n);
    chy_http1_free(c->request);
    c->request = NULL;
    send_answer(c, b, n, closing);
}

/* ---- requests ---------------------------------------------------------- */

static void submit(struct chy_conn *c)
{
    struct chy_request rq = {0};
    struct chy_work *w;

    c->n_requests++;
    chy_http1_request(c->request, &rq);
    if (rq.target[0] == '*') {
        answer_server_options(c);
        return;
    }
    w = calloc(1, sizeof *w);
    if (w == NULL)
        abort();
    w->home = &c->io->mailbox;
    w->conn = c;
    w->listener = c->listener->kind;
    w->request = c->request;
    w->close = !chy_http1_keep_alive(c->request) || c->io->draining ||
               c->n_requests >= c->io->limits->requests_per_connection;
    w->has_exporter = c->has_exporter;
    memcpy(w->exporter, c->exporter, sizeof w->exporter);
    chy_peers_text((struct sockaddr *)&c->peer, w->peer);
    if (!chy_pool_submit(c->io->pool, w)) {
        w->request = NULL;
        chy_work_free(w);
        refuse_busy(c, strcmp(rq.method, "HEAD") == 0);
        return;
    }
    c->request = NULL;
    c->work = w;
    c->state = CONN_BUSY;
    evtimer_del(&c->timer); /* the handler bounds its own time */
}

/* The head is complete and the body is not. */
static void begin_body(struct chy_conn *c)
{
    if (c->state == CONN_BODY)
        return;
    arm(c, CONN_BODY, c->io->limits->body_ms);
    if (chy_http1_expects_continue(c->request))
        bufferevent_write(c->bev, CHY_HTTP1_CONTINUE, strlen(CHY_HTTP1_CONTINUE));
}

/* Give the codec what has come, until it has a request, refuses, or wants more. */
static void read_request(struct chy_conn *c)
{
    struct evbuffer *input = bufferevent_get_input(c->bev);
    struct evbuffer_iovec piece;

    while (c->state == CONN_HEAD || c->state == CONN_BODY || c->state == CONN_IDLE) {
        size_t used;

        if (evbuffer_peek(input, -1, NULL, &piece, 1) < 1 || piece.iov_len == 0)
            return;
        if (c->request == NULL)
            c->request = chy_http1_new(&c->io->limits->http1);
        if (c->state == CONN_IDLE)
            arm(c, CONN_HEAD, c->io->limits->head_ms);
        enum chy_http1_state s = chy_http1_feed(c->request, piece.iov_base, piece.iov_len, &used);

        evbuffer_drain(input, used);
        switch (s) {
        case CHY_HTTP1_HEAD:
            break;
        case CHY_HTTP1_BODY:
            begin_body(c);
            break;
        case CHY_HTTP1_DONE:
            submit(c);
            break;
        case CHY_HTTP1_REFUSED:
            refuse(c, chy_http1_status(c->request), chy_http1_reason(c->request));
            break;
        }
    }
}

/* ---- events ------------------------------------------------------------ */

static void on_read(struct bufferevent *bev, void *arg)
{
    struct chy_conn *c = arg;

    (void)bev;
    if (c->state == CONN_LINGER)
        drop_input(c);
    else
        read_request(c);
}

/* The output is empty: the answer, or "100 Continue", is with the kernel. */
static void on_written(struct bufferevent *bev, void *arg)
{
    struct chy_conn *c = arg;

    (void)bev;
    if (c->state != CONN_ANSWER)
        return;
    if (c->heard_end) {
        close_idle(c);
        return;
    }
    if (c->closing) {
        linger(c);
        return;
    }
    arm(c, CONN_IDLE, c->io->limits->idle_ms);
    read_request(c);
}

/* RFC 9112 section 9.6: a client may close its half after its last request, and reads the answer.  If it
 * is gone altogether, writing will show. */
static void take_half_close(struct chy_conn *c)
{
    c->heard_end = true;
    c->closing = true;
    bufferevent_disable(c->bev, EV_READ);
    /* libevent stops writing too when TLS ends on the other side. */
    if (c->state == CONN_ANSWER)
        bufferevent_enable(c->bev, EV_WRITE);
}

/* Silent where the client only went away. */
static void log_failed_handshake(const struct chy_conn *c)
{
    unsigned long e = bufferevent_get_openssl_error(c->bev);
    const char *reason = ERR_reason_error_string(e);
    char peer[INET6_ADDRSTRLEN];

    if (e == 0)
        return;
    chy_peers_text((const struct sockaddr *)&c->peer, peer);
    chy_log_event(NULL, LOG_INFO, "refused before any handler",
                  json_pack("{s:s, s:s, s:s}", "peer", peer, "detail", "no TLS handshake", "reason",
                            reason != NULL ? reason : "unknown"));
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct chy_conn *c = arg;

    if ((what & BEV_EVENT_CONNECTED) != 0) {
        c->has_exporter = chy_tls_exporter(bufferevent_openssl_get_ssl(bev), c->exporter);
        arm(c, CONN_HEAD, c->io->draining ? CHY_DRAIN_FRESH_MS : c->io->limits->head_ms);
        return;
    }
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_READING)) == (BEV_EVENT_EOF | BEV_EVENT_READING) &&
        (c->state == CONN_BUSY || c->state == CONN_ANSWER)) {
        take_half_close(c);
        return;
    }
    if (c->state == CONN_HANDSHAKE)
        log_failed_handshake(c);
    /* Nobody is there to read an answer: a request still in the queue need not be begun. */
    conn_free(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct chy_conn *c = arg;

    (void)fd;
    (void)what;
    switch (c->state) {
    case CONN_HEAD:
        if (c->request != NULL && chy_http1_started(c->request))
            refuse(c, 408, "the headers took too long");
        else
            close_idle(c);
        return;
    case CONN_BODY:
        refuse(c, 408, "the body took too long");
        return;
    case CONN_IDLE:
        close_idle(c);
        return;
    case CONN_HANDSHAKE:
    case CONN_BUSY:
    case CONN_ANSWER:
    case CONN_LINGER:
        conn_free(c);
        return;
    }
}

/* ---- public ------------------------------------------------------------ */

/* NULL: memory is out; fd is then still the caller's.  An SSL given to libevent with
 * BEV_OPT_CLOSE_ON_FREE is libevent's, which frees it also when it fails. */
static struct bufferevent *make_bufferevent(struct chy_io *io, struct chy_listen *listen, int fd)
{
    SSL *ssl;

    if (listen->config->certificate == NULL)
        return bufferevent_socket_new(io->base, fd, BEV_OPT_CLOSE_ON_FREE);
    ssl = chy_listen_ssl(listen);
    if (ssl == NULL)
        return NULL;
    return bufferevent_openssl_socket_new(io->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
}

static void add_conn(struct chy_io *io, struct chy_listen *listen, struct bufferevent *bev,
                     const struct sockaddr *sa)
{
    struct chy_conn *c = calloc(1, sizeof *c);
    bool tls = listen->config->certificate != NULL;
    /* A balancer's header may come while the front drains already. */
    unsigned head_ms = io->draining ? CHY_DRAIN_FRESH_MS : io->limits->head_ms;

    if (c == NULL)
        abort();
    c->io = io;
    c->bev = bev;
    c->listener = listen->config;
    memcpy(&c->peer, sa,
           sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    c->next = io->conns;
    if (c->next != NULL)
        c->next->prev = c;
    io->conns = c;
    evtimer_assign(&c->timer, io->base, on_deadline, c);
    bufferevent_setcb(bev, on_read, on_written, on_event, c);
    bufferevent_setwatermark(bev, EV_READ, 0, INPUT_MAX);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    arm(c, tls ? CONN_HANDSHAKE : CONN_HEAD, tls ? io->limits->handshake_ms : head_ms);
}

void chy_conn_new(struct chy_io *io, struct chy_listen *listen, int fd, const struct sockaddr *sa)
{
    struct bufferevent *bev;
    const int on = 1;

    if (!chy_peers_enter(io->peers, sa)) {
        close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bev = make_bufferevent(io, listen, fd);
    if (bev == NULL) {
        chy_peers_leave(io->peers, sa);
        close(fd);
        return;
    }
    add_conn(io, listen, bev, sa);
}

void chy_conn_answer(struct chy_work *w)
{
    struct chy_conn *c = w->conn;

    if (c != NULL) {
        c->work = NULL;
        send_answer(c, CHY_TAKE(w->answer), w->answer_n, w->close);
    }
    chy_work_free(w);
}

/* The next request is there, only nobody has looked yet: closing would throw it away. */
static bool has_pending(const struct chy_conn *c)
{
    char octet;

    return recv(bufferevent_getfd(c->bev), &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void chy_conn_drain_all(struct chy_io *io)
{
    struct chy_conn *next;

    for (struct chy_conn *c = io->conns; c != NULL; c = next) {
        next = c->next;
        if (c->state == CONN_IDLE && !has_pending(c))
            close_idle(c);
        else if (c->state == CONN_IDLE || (c->state == CONN_HEAD && c->request == NULL))
            arm(c, c->state, CHY_DRAIN_FRESH_MS);
    }
}

void chy_conn_free_all(struct chy_io *io)
{
    while (io->conns != NULL)
        conn_free(io->conns);
}
