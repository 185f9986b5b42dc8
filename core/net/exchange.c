/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request to one address, with libcurl (core.md W-04 to W-09, W-23, W-24).  libcurl looks up
 * nothing and follows nothing: it connects to the address it is given, and the socket callback lets
 * no other connection come about. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/net/internal.h"

#define HEADERS_MAX 16384     /* octets of all header blocks, interim ones too */
#define CONNECT_MS 10000      /* for the only or last address */
#define FIRST_CONNECT_MS 5000 /* while another address is left */

bool chy_http_follows(const struct chy_http_query *q, long status)
{
    if (q->max_redirects == 0 || (q->method != NULL && strcmp(q->method, "GET") != 0))
        return false;
    if (status == 303)
        return !q->validation;
    return status == 301 || status == 302 || status == 307 || status == 308;
}

/* ---- callbacks of libcurl -------------------------------------------------- */

/* The last line of the address filter: sees every connection that is about to be made. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct chy_exchange *x = arg;
    struct sockaddr_storage sa = {0};

    if (purpose == CURLSOCKTYPE_IPCXN && to->addrlen <= sizeof sa) {
        memcpy(&sa, &to->addr, to->addrlen);
        if (chy_address_same(&sa, &x->address) &&
            chy_net_may_connect(x->net, (const struct sockaddr *)&sa))
            return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    }
    x->refused = true;
    return CURL_SOCKET_BAD;
}

/* A header's value without the white space around it, or NULL if the line is of another header. */
static char *header_value(struct chy_exchange *x, const char *line, size_t n, const char *name)
{
    size_t skip = strlen(name);

    if (n <= skip || strncasecmp(line, name, skip) != 0 || line[skip] != ':')
        return NULL;
    for (skip++; skip < n && (line[skip] == ' ' || line[skip] == '\t'); skip++)
        continue;
    while (n > skip && strchr(" \t\r\n", line[n - 1]) != NULL)
        n--;
    if (memchr(line + skip, '\0', n - skip) != NULL)
        return chy_arena_strdup(x->cx->arena, "");
    return chy_arena_strndup(x->cx->arena, line + skip, n - skip);
}

static size_t take_header(char *line, size_t one, size_t n, void *arg)
{
    struct chy_exchange *x = arg;
    char *value;

    n *= one;
    x->header_octets += n;
    if (x->header_octets > HEADERS_MAX) {
        x->headers_too_big = true;
        return 0;
    }
    if (n > 5 && memcmp(line, "HTTP/", 5) == 0) { /* a further block: forget the interim one */
        x->location = NULL;
        x->content_type = NULL;
        return n;
    }
    value = header_value(x, line, n, "Location");
    if (value != NULL)
        x->location = value;
    value = header_value(x, line, n, "Content-Type");
    if (value != NULL)
        x->content_type = chy_printable(x->cx, value, strlen(value), 255);
    return n;
}

/* Room for n more octets, up to the query's limit. */
static void grow_body(struct chy_exchange *x, size_t n)
{
    size_t size = x->body_size > 0 ? x->body_size : 1024;
    uint8_t *b;

    while (size < x->body_len + n)
        size *= 2;
    if (size == x->body_size)
        return;
    b = chy_alloc(x->cx, size);
    if (x->body_len > 0)
        memcpy(b, x->body, x->body_len);
    x->body = b;
    x->body_size = size;
}

static size_t take_body(char *b, size_t one, size_t n, void *arg)
{
    struct chy_exchange *x = arg;
    size_t room = x->q->max_body - x->body_len, keep;
    long status = 0;

    n *= one;
    keep = n < room ? n : room;
    if (curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
        chy_http_follows(x->q, status)) {
        x->stopped = true; /* nobody reads what a redirect says */
        return 0;
    }
    grow_body(x, keep);
    memcpy(x->body + x->body_len, b, keep);
    x->body_len += keep;
    if (keep == n)
        return n;
    x->truncated = x->q->truncate;
    x->stopped = x->q->truncate;
    x->body_too_big = !x->q->truncate;
    return 0;
}

/* ---- setting it up --------------------------------------------------------- */

#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(x->curl, option, value) != CURLE_OK)                                  \
            return false;                                                                          \
    } while (0)

static bool set_transport(struct chy_exchange *x, struct curl_slist *connect_to)
{
    int64_t left = x->deadline - chy_clock_ms();
    int64_t connect_ms = x->last ? CONNECT_MS : FIRST_CONNECT_MS;

    SET(CURLOPT_CONNECT_TO, connect_to);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, x);
    SET(CURLOPT_PROTOCOLS_STR, x->url->https ? "https" : "http");
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    SET(CURLOPT_TIMEOUT_MS, (long)left);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(left < connect_ms ? left : connect_ms));
    return true;
}

static bool set_blob(struct chy_exchange *x, CURLoption option, const char *pem)
{
    struct curl_blob blob = {
        .data = (void *)(uintptr_t)pem, .len = strlen(pem), .flags = CURL_BLOB_COPY};

    return curl_easy_setopt(x->curl, option, &blob) == CURLE_OK;
}

/* Pinned roots replace the system's. */
static bool set_roots(struct chy_exchange *x)
{
    char *all = chy_fmt(x->cx, "%s", "");

    if (x->q->roots_pem == NULL)
        return true;
    for (const char *const *pem = x->q->roots_pem; *pem != NULL; pem++)
        all = chy_fmt(x->cx, "%s%s\n", all, *pem);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    return set_blob(x, CURLOPT_CAINFO_BLOB, all);
}

static bool set_tls(struct chy_exchange *x)
{
    bool verify = !x->q->validation; /* W-04: a hop's certificate proves nothing here */

    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_ENABLE_ALPN, 1L);
    SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    SET(CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    SET(CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    if (!verify)
        return true;
    if (x->q->client_cert_pem != NULL) {
        SET(CURLOPT_SSLCERTTYPE, "PEM");
        SET(CURLOPT_SSLKEYTYPE, "PEM");
        if (!set_blob(x, CURLOPT_SSLCERT_BLOB, x->q->client_cert_pem) ||
            x->q->client_key_pem == NULL || !set_blob(x, CURLOPT_SSLKEY_BLOB, x->q->client_key_pem))
            return false;
    }
    return set_roots(x);
}

static bool set_http(struct chy_exchange *x, struct curl_slist *headers)
{
    SET(CURLOPT_CURLU, x->url->handle);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_ACCEPT_ENCODING, NULL);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_UNRESTRICTED_AUTH, 0L);
    SET(CURLOPT_USERAGENT, x->net->user_agent);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, x);
    if (x->q->method != NULL && strcmp(x->q->method, "POST") == 0) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->q->body_len);
        SET(CURLOPT_POSTFIELDS, x->q->body != NULL ? (const char *)x->q->body : "");
    }
    return true;
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

static bool make_headers(struct chy_exchange *x, struct curl_slist **headers)
{
    const struct chy_http_query *q = x->q;

    return add_line(headers, chy_fmt(x->cx, "Accept: %s", q->accept != NULL ? q->accept : "*/*")) &&
           add_line(headers, "Connection: close") && add_line(headers, "Expect:") &&
           (q->content_type == NULL ||
            add_line(headers, chy_fmt(x->cx, "Content-Type: %s", q->content_type)));
}

/* ---- running it ------------------------------------------------------------ */

/* What went wrong, in words of our own: nothing that the other side sent (W-08). */
static enum chy_rc explain(struct chy_ctx *cx, struct chy_exchange *x, CURLcode e)
{
    const char *where = chy_address_text(cx, &x->address);
    const char *url = x->url->text;
    long os_error = 0;

    curl_easy_getinfo(x->curl, CURLINFO_OS_ERRNO, &os_error);
    if (x->refused)
        return chy_fail(cx, &CHY_P_connection, "%s: connection to %s is not allowed", url, where);
    if (x->headers_too_big)
        return chy_fail(cx, &CHY_P_incorrectResponse, "%s at %s: more than %d octets of headers",
                        url, where, HEADERS_MAX);
    if (x->body_too_big)
        return chy_fail(cx, &CHY_P_incorrectResponse, "%s at %s: body of more than %zu octets", url,
                        where, x->q->max_body);
    switch ((int)e) {
    case CURLE_OPERATION_TIMEDOUT:
        return chy_fail(cx, &CHY_P_connection, "%s at %s: timed out", url, where);
    case CURLE_COULDNT_CONNECT:
        return chy_fail(cx, &CHY_P_connection, "%s: connection to %s port %u failed: %s", url,
                        where, x->url->port,
                        os_error == ECONNREFUSED ? "refused"
                        : os_error == 0          ? "timed out"
                                                 : strerrordesc_np((int)os_error));
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return chy_fail(cx, &CHY_P_tls, "%s at %s: TLS handshake failed%s", url, where,
                        e == CURLE_PEER_FAILED_VERIFICATION ? ": certificate not accepted" : "");
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return chy_fail(cx, &CHY_P_incorrectResponse, "%s at %s: the answer is not HTTP/1.1", url,
                        where);
    case CURLE_GOT_NOTHING:
        return chy_fail(cx, &CHY_P_connection, "%s at %s: closed without an answer", url, where);
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        return chy_fail(cx, &CHY_P_connection, "%s at %s: broken off during the answer", url,
                        where);
    }
    return chy_fail(cx, &CHY_P_connection, "%s at %s: request failed (%d)", url, where, (int)e);
}

/* Was there never a connection, so that the other address may have more luck (W-03)? */
static bool never_connected(struct chy_exchange *x, CURLcode e)
{
    curl_off_t connected = 0;

    if (x->refused || (e != CURLE_COULDNT_CONNECT && e != CURLE_OPERATION_TIMEDOUT))
        return false;
    return curl_easy_getinfo(x->curl, CURLINFO_CONNECT_TIME_T, &connected) == CURLE_OK &&
           connected == 0;
}

static enum chy_rc perform(struct chy_ctx *cx, struct chy_exchange *x, struct curl_slist *headers,
                           struct curl_slist *connect_to)
{
    CURLcode e;

    if (x->deadline <= chy_clock_ms())
        return chy_fail(cx, &CHY_P_connection, "%s: timed out before connecting", x->url->text);
    if (!set_transport(x, connect_to) || !set_tls(x) || !set_http(x, headers))
        return chy_fault_internal(cx, "libcurl refuses an option for %s", x->url->text);
    e = curl_easy_perform(x->curl);
    if (e != CURLE_OK && !(x->stopped && e == CURLE_WRITE_ERROR)) {
        x->unreached = never_connected(x, e);
        return explain(cx, x, e);
    }
    if (curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->status) != CURLE_OK)
        return chy_fault_internal(cx, "libcurl gives no status");
    return CHY_OK;
}

enum chy_rc chy_exchange_run(struct chy_ctx *cx, struct chy_exchange *x)
{
    struct curl_slist *headers = NULL, *connect_to = NULL;
    const char *where = chy_address_text(cx, &x->address);
    enum chy_rc rc;

    x->cx = cx;
    x->curl = curl_easy_init();
    if (x->curl == NULL)
        abort();
    if (make_headers(x, &headers) &&
        add_line(&connect_to,
                 chy_fmt(cx, x->address.ss_family == AF_INET6 ? "::[%s]:%u" : "::%s:%u", where,
                         x->url->port)))
        rc = perform(cx, x, headers, connect_to);
    else
        rc = chy_fault_internal(cx, "no memory for a request");
    curl_easy_cleanup(x->curl);
    x->curl = NULL;
    curl_slist_free_all(headers);
    curl_slist_free_all(connect_to);
    return rc;
}
