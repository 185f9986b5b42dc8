/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS handshake with whoever answers, to look at its certificate (RFC 8737 section 3; core.md TA-01,
 * TA-04).  The certificate is not verified here: the caller judges it.  No application data. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/net/internal.h"

#define TLS_MS 20000
#define FIRST_CONNECT_MS 5000
#define CERT_LIST_MAX 65536 /* octets of the peer's certificates */

CHY_AUTO_DEFINE(SSL, SSL_free)
CHY_AUTO_DEFINE(SSL_CTX, SSL_CTX_free)

static void release_x509(void *crt)
{
    X509_free(crt);
}

/* Wait until fd is ready for events; false when the deadline passes first. */
static bool wait_for(int fd, short events, int64_t deadline)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int64_t left = deadline - chy_clock_ms();
        int n = left > 0 ? poll(&p, 1, (int)left) : 0;

        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

/* 0, or the errno of the failure. */
static int connect_socket(int fd, const struct sockaddr_storage *sa, int64_t deadline)
{
    int e = 0;
    socklen_t n = sizeof e;

    if (connect(fd, (const struct sockaddr *)sa, chy_address_size(sa)) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    if (!wait_for(fd, POLLOUT, deadline))
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) == 0 ? e : errno;
}

/* A connected socket to the first address that takes the connection. */
static enum chy_rc dial(struct chy_ctx *cx, const struct chy_addresses *a, unsigned port,
                        int64_t deadline, int *ret_fd, const char **ret_address)
{
    int e = 0;
    const char *where = "";

    for (size_t i = 0; i < a->n; i++) {
        int64_t until = chy_clock_ms() + FIRST_CONNECT_MS;
        chy_auto_fd int fd =
            socket(a->try[i].ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        where = chy_address_text(cx, &a->try[i]);
        if (i + 1 == a->n || until > deadline)
            until = deadline;
        e = fd < 0 ? errno : connect_socket(fd, &a->try[i], until);
        if (e != 0)
            continue;
        *ret_fd = fd;
        *ret_address = where;
        fd = -1;
        return CHY_OK;
    }
    return chy_fail(cx, &CHY_P_connection, "connection to %s port %u failed: %s", where, port,
                    strerrordesc_np(e));
}

static SSL_CTX *context_new(const char *alpn)
{
    size_t n = strlen(alpn);
    uint8_t protocols[256];
    chy_auto(SSL_CTX) *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL || n < 1 || n > 255)
        return NULL;
    protocols[0] = (uint8_t)n;
    memcpy(protocols + 1, alpn, n);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_max_cert_list(ctx, CERT_LIST_MAX);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(ctx, protocols, (unsigned)n + 1) != 0)
        return NULL;
    return CHY_TAKE(ctx);
}

static enum chy_rc shake_hands(struct chy_ctx *cx, SSL *ssl, int fd, const char *where,
                               int64_t deadline)
{
    for (;;) {
        int rc, e;

        ERR_clear_error();
        rc = SSL_connect(ssl);
        if (rc == 1)
            return CHY_OK;
        e = SSL_get_error(ssl, rc);
        if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE) {
            ERR_clear_error();
            return chy_fail(cx, &CHY_P_tls, "%s: TLS handshake failed", where);
        }
        if (!wait_for(fd, e == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline))
            return chy_fail(cx, &CHY_P_connection, "%s: TLS handshake timed out", where);
    }
}

/* One protocol was offered: another answer breaks RFC 7301 section 3.2.  OpenSSL refuses it in the
 * handshake since its fixes of 2024 only.  Octets are compared, for a NUL would end a text too early. */
static enum chy_rc take_alpn(struct chy_ctx *cx, SSL *ssl, const char *offered, const char *where,
                             const char **ret)
{
    const uint8_t *alpn = NULL;
    unsigned n = 0;

    SSL_get0_alpn_selected(ssl, &alpn, &n);
    if (n > 0 && (n != strlen(offered) || memcmp(alpn, offered, n) != 0))
        return chy_fail(cx, &CHY_P_tls, "%s: the server chose a protocol that was not offered",
                        where);
    *ret = n > 0 ? chy_arena_strdup(cx->arena, offered) : NULL;
    return CHY_OK;
}

static enum chy_rc take_peer(struct chy_ctx *cx, SSL *ssl, const char *offered, const char *where,
                             struct chy_tls_answer *ret)
{
    X509 *peer = SSL_get1_peer_certificate(ssl);
    const char *alpn;

    if (peer == NULL)
        return chy_fail(cx, &CHY_P_tls, "%s: no certificate was shown", where);
    chy_arena_defer(cx->arena, release_x509, peer);
    if (take_alpn(cx, ssl, offered, where, &alpn) != CHY_OK)
        return CHY_ERR;
    *ret = (struct chy_tls_answer){.alpn = alpn, .address = where, .peer = peer};
    return CHY_OK;
}

static enum chy_rc look_at_peer(struct chy_ctx *cx, const struct chy_tls_query *q, int fd,
                                const char *where, int64_t deadline, struct chy_tls_answer *ret)
{
    const char *sni = q->sni != NULL ? q->sni : q->host;
    struct sockaddr_storage literal;
    chy_auto(SSL_CTX) *ctx = context_new(q->alpn);
    chy_auto(SSL) *ssl = ctx != NULL ? SSL_new(ctx) : NULL;

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        return chy_fault_internal(cx, "OpenSSL gives no connection");
    /* RFC 6066 section 3: a literal address is not a server name. */
    if (!chy_address_read(sni, &literal) && SSL_set_tlsext_host_name(ssl, sni) != 1)
        return chy_fault_internal(cx, "OpenSSL does not take the server name");
    if (shake_hands(cx, ssl, fd, where, deadline) != CHY_OK ||
        take_peer(cx, ssl, q->alpn, where, ret) != CHY_OK)
        return CHY_ERR;
    (void)SSL_shutdown(ssl); /* close_notify; the peer's is not waited for */
    ERR_clear_error();
    return CHY_OK;
}

enum chy_rc chy_net_tls(struct chy_ctx *cx, const struct chy_tls_query *q,
                        struct chy_tls_answer *ret)
{
    unsigned ms = q->timeout_ms == 0 || q->timeout_ms > TLS_MS ? TLS_MS : q->timeout_ms;
    int64_t deadline = chy_net_until(cx, chy_clock_ms() + ms);
    struct chy_addresses addresses;
    const char *where;
    chy_auto_fd int fd = -1;
    unsigned port;

    if (cx->net == NULL || q->host == NULL || q->alpn == NULL)
        return chy_fault_internal(cx, "TLS query without network, host or protocol");
    port = q->port != 0 ? q->port : cx->net->https_port;
    if (chy_addresses_find(cx, cx->net, q->host, port, deadline, &addresses) != CHY_OK ||
        dial(cx, &addresses, port, deadline, &fd, &where) != CHY_OK)
        return CHY_ERR;
    if (look_at_peer(cx, q, fd, where, deadline, ret) != CHY_OK)
        return CHY_ERR;
    ret->hop =
        chy_keep_json(cx, json_pack("{s:s, s:s, s:I, s:O, s:I, s:s}", "host", q->host, "address",
                                    where, "port", (json_int_t)port, "resolved", addresses.all,
                                    "addresses", (json_int_t)addresses.found, "dnssec",
                                    addresses.dnssec == CHY_DNSSEC_SECURE ? "secure" : "insecure"));
    return CHY_OK;
}
