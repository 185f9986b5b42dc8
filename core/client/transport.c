/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP exchange of a client, with libcurl.  A client has one easy handle and waits for its answer:
 * the handle keeps the connection and the TLS session, nothing of it is shared, so that N clients in N
 * threads take no lock of each other's.  A multi handle would drive more connections from one thread,
 * but every step here signs with the account's key between two exchanges, and straight code that
 * blocks is what a person can read. */
#include <string.h>
#include <strings.h>

#include <openssl/x509_vfy.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/client/internal.h"

#define HEADERS_MAX 32768 /* octets of all header blocks */
#define TIMEOUT_MS 30000
#define CONNECT_MS 10000
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* ---- what comes back ---- */

struct exchange {
    struct chy_ctx *cx;
    struct chy_client *c;
    struct chy_answer *answer;
    char *retry_after;
    size_t header_octets;
    bool headers_too_big, body_too_big, stopped;
};

static size_t take_body(char *b, size_t one, size_t n, void *arg)
{
    struct exchange *x = arg;

    n *= one;
    if (n > CHY_CLIENT_BODY_MAX - x->c->in.n) {
        x->body_too_big = true;
        return 0;
    }
    chy_buffer_add(&x->c->in, b, n);
    return n;
}

/* The value of header name in a line, without white space around it; false if it is another's. */
static bool value_of(const char *line, size_t n, const char *name, const char **ret, size_t *ret_n)
{
    size_t at = strlen(name);

    if (n <= at || strncasecmp(line, name, at) != 0 || line[at] != ':')
        return false;
    for (at++; at < n && (line[at] == ' ' || line[at] == '\t'); at++)
        continue;
    while (n > at && strchr(" \t\r\n", line[n - 1]) != NULL)
        n--;
    *ret = line + at;
    *ret_n = n - at;
    return memchr(line, '\0', n) == NULL;
}

/* Section 6.5.1: a nonce is base64url; one that is not is none. */
static void keep_nonce(struct chy_client *c, const char *value, size_t n)
{
    if (n == 0 || n > CHY_CLIENT_NONCE_MAX)
        return;
    memcpy(c->nonce, value, n);
    c->nonce[n] = '\0';
    if (strspn(c->nonce, BASE64URL) != n)
        c->nonce[0] = '\0';
}

static char *media_type(struct chy_ctx *cx, const char *value, size_t n)
{
    char *text = chy_arena_strndup(cx->arena, value, n < 100 ? n : 100);

    text[strcspn(text, "; \t")] = '\0';
    for (char *p = text; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return text;
}

static size_t take_header(char *line, size_t one, size_t n, void *arg)
{
    struct exchange *x = arg;
    const char *value;
    size_t value_n;

    n *= one;
    x->header_octets += n;
    if (x->header_octets > HEADERS_MAX) {
        x->headers_too_big = true;
        return 0;
    }
    if (value_of(line, n, "Replay-Nonce", &value, &value_n))
        keep_nonce(x->c, value, value_n);
    else if (value_of(line, n, "Location", &value, &value_n))
        x->answer->location = chy_arena_strndup(x->cx->arena, value, value_n);
    else if (value_of(line, n, "Content-Type", &value, &value_n))
        x->answer->content_type = media_type(x->cx, value, value_n);
    else if (value_of(line, n, "Retry-After", &value, &value_n))
        x->retry_after = chy_arena_strndup(x->cx->arena, value, value_n);
    return n;
}

static int look_up_from_work(void *arg, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
    struct exchange *x = arg;

    (void)a, (void)b, (void)d, (void)e;
    x->stopped = x->c->config.stopped(x->c->config.arg);
    return x->stopped ? 1 : 0;
}

/* ---- the handle, made once ---- */

#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(c->curl, option, value) != CURLE_OK)                                  \
            return false;                                                                          \
    } while (0)

static bool set_http(struct chy_client *c)
{
    unsigned timeout = c->config.timeout_ms != 0 ? c->config.timeout_ms : TIMEOUT_MS;

    SET(CURLOPT_PROTOCOLS_STR, c->config.allow_http ? "http,https" : "https");
    SET(CURLOPT_ERRORBUFFER, c->reason);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's are not the server's */
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_ACCEPT_ENCODING, NULL);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long)timeout);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(timeout < CONNECT_MS ? timeout : CONNECT_MS));
    SET(CURLOPT_USERAGENT, c->config.user_agent);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    if (c->config.stopped != NULL) {
        SET(CURLOPT_XFERINFOFUNCTION, look_up_from_work);
        SET(CURLOPT_NOPROGRESS, 0L);
    }
    return true;
}

static bool set_tls(struct chy_client *c)
{
    const char *pem = c->config.roots_pem;
    struct curl_blob blob = {.data = (void *)(uintptr_t)pem, .flags = CURL_BLOB_COPY};

    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (pem == NULL)
        return true;
    blob.len = strlen(pem);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    return curl_easy_setopt(c->curl, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK;
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

bool chy_transport_open(struct chy_ctx *cx, struct chy_client *c)
{
    static const char type[] = "Content-Type: application/jose+json", expect[] = "Expect:";

    (void)cx;
    c->curl = curl_easy_init();
    return c->curl != NULL && set_http(c) && set_tls(c) && add_line(&c->headers_json, type) &&
           add_line(&c->headers_json, expect) &&
           add_line(&c->headers_json, "Accept: application/json, application/problem+json") &&
           add_line(&c->headers_chain, type) && add_line(&c->headers_chain, expect) &&
           add_line(&c->headers_chain, "Accept: application/pem-certificate-chain");
}

/* ---- one exchange ---- */

static bool set_request(struct chy_client *c, struct exchange *x, enum chy_client_step step,
                        enum chy_method method, const char *url)
{
    SET(CURLOPT_URL, url);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_WRITEDATA, x);
    SET(CURLOPT_XFERINFODATA, x);
    SET(CURLOPT_HTTPHEADER, step == CHY_CS_CERTIFICATE ? c->headers_chain : c->headers_json);
    switch (method) {
    case CHY_M_GET:
        SET(CURLOPT_HTTPGET, 1L);
        break;
    case CHY_M_HEAD:
        SET(CURLOPT_NOBODY, 1L);
        break;
    case CHY_M_POST:
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->out.n);
        SET(CURLOPT_POSTFIELDS, c->out.b);
        break;
    }
    return true;
}

static void tell_timing(struct chy_client *c, enum chy_client_step step, enum chy_method method,
                        unsigned attempt)
{
    struct chy_client_timing t = {.step = step, .attempt = attempt, .received = c->in.n};
    curl_off_t total = 0, app = 0;
    long connections = 0;

    if (c->config.timed == NULL)
        return;
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &t.status);
    curl_easy_getinfo(c->curl, CURLINFO_TOTAL_TIME_T, &total);
    curl_easy_getinfo(c->curl, CURLINFO_APPCONNECT_TIME_T, &app);
    curl_easy_getinfo(c->curl, CURLINFO_NUM_CONNECTS, &connections);
    t.total_us = total;
    t.connect_us = connections > 0 ? app : 0;
    t.sent = method == CHY_M_POST ? c->out.n : 0;
    c->config.timed(c->config.arg, &t);
}

/* Not so for a wrong name, or an end that has passed. */
static bool ended_at_root(CURL *curl)
{
    long result = 0;

    curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &result);
    return result == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           result == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           result == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

bool chy_client_root_unknown(const struct chy_client *c)
{
    return c->root_unknown;
}

static enum chy_rc explain(const struct exchange *x, enum chy_client_step step, const char *url,
                           CURLcode e)
{
    struct chy_ctx *cx = x->cx;

    if (x->stopped)
        return CHY_STEP_FAIL(cx, step, "interrupted");
    if (x->headers_too_big)
        return CHY_STEP_FAIL(cx, step, "%s: more than %d octets of headers", url, HEADERS_MAX);
    if (x->body_too_big)
        return CHY_STEP_FAIL(cx, step, "%s: more than %u octets of body", url, CHY_CLIENT_BODY_MAX);
    if (e == CURLE_PEER_FAILED_VERIFICATION)
        return CHY_STEP_FAIL(cx, step, "%s: the server's TLS certificate is refused: %s", url,
                             *x->c->reason != '\0' ? x->c->reason : curl_easy_strerror(e));
    if (e == CURLE_COULDNT_CONNECT)
        return CHY_STEP_FAIL(cx, step, "%s: nothing answers there; does the server run?", url);
    return CHY_STEP_FAIL(cx, step, "%s: %s", url, curl_easy_strerror(e));
}

enum chy_rc chy_transport(struct chy_ctx *cx, struct chy_client *c, enum chy_client_step step,
                          enum chy_method method, const char *url, unsigned attempt,
                          struct chy_answer *ret)
{
    struct chy_answer answer = {0};
    struct exchange x = {.cx = cx, .c = c, .answer = &answer};
    CURLcode e;

    c->in.n = 0;
    chy_buffer_grow(&c->in, 0);
    c->refusal = NULL;
    if (!set_request(c, &x, step, method, url))
        return chy_fault_internal(cx, "libcurl refuses an option for %s", url);
    c->reason[0] = '\0';
    e = curl_easy_perform(c->curl);
    tell_timing(c, step, method, attempt);
    c->root_unknown = e == CURLE_PEER_FAILED_VERIFICATION && ended_at_root(c->curl);
    if (e != CURLE_OK)
        return explain(&x, step, url, e);
    if (curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &answer.status) != CURLE_OK)
        return chy_fault_internal(cx, "libcurl gives no status");
    answer.body = c->in.b;
    answer.n = c->in.n;
    if (x.retry_after != NULL)
        answer.retry_after_s = chy_client_retry_after(x.retry_after, chy_now(cx));
    *ret = answer;
    return CHY_OK;
}
