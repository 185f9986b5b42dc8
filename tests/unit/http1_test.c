/* SPDX-License-Identifier: Apache-2.0 */
/* The front's codec: what RFC 9112 says to refuse is refused, whole and octet by octet; what is right
 * is read right (core.md H-08, T-H-05, T-E2E-12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/front/http1.h"

#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

/* Texts with a NUL inside carry their length. */
#define T(text) text, sizeof text - 1

static const struct refusal {
    const char *what;
    const char *text;
    size_t n;
    int status;
    const char *reason; /* part of it */
} refusals[] = {
    {"two Content-Length", T(POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"), 400,
     "twice"},
    {"equal Content-Length", T(POST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"), 400,
     "twice"},
    {"listed Content-Length", T(POST "Content-Length: 4, 4\r\n\r\nabcd"), 400, "decimal"},
    {"signed Content-Length", T(POST "Content-Length: +4\r\n\r\nabcd"), 400, "decimal"},
    {"negative Content-Length", T(POST "Content-Length: -4\r\n\r\nabcd"), 400, "decimal"},
    {"hexadecimal Content-Length", T(POST "Content-Length: 0x4\r\n\r\nabcd"), 400, "decimal"},
    {"empty Content-Length", T(POST "Content-Length:\r\n\r\n"), 400, "decimal"},
    {"Content-Length with a space", T(POST "Content-Length: 4 4\r\n\r\nabcd"), 400, "decimal"},
    {"huge Content-Length", T(POST "Content-Length: 18446744073709551620\r\n\r\nabcd"), 413,
     "large"},
    {"large Content-Length", T(POST "Content-Length: 65537\r\n\r\n"), 413, "large"},
    {"body of 1 MiB", T(POST "Content-Length: 1048576\r\n\r\nabcd"), 413, "large"},
    {"length and chunked",
     T(POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, "beside"},
    {"chunked and length",
     T(POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"), 400, "beside"},
    {"unknown coding", T(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), 501, "chunked"},
    {"two codings", T(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501, "chunked"},
    {"chunked twice in a line", T(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"), 501,
     "chunked"},
    {"identity coding", T(POST "Transfer-Encoding: identity\r\nContent-Length: 4\r\n\r\nabcd"), 501,
     "chunked"},
    {"two coding lines",
     T(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400,
     "twice"},
    {"vertical tab before chunked", T(POST "Transfer-Encoding: \vchunked\r\n\r\n"), 400, "control"},
    {"chunk size 0x4", T(CHUNKED "0x4\r\nabcd\r\n0\r\n\r\n"), 400, "hexadecimal"},
    {"chunk size -0", T(CHUNKED "-0\r\n\r\n"), 400, "hexadecimal"},
    {"chunk size +4", T(CHUNKED "+4\r\nabcd\r\n0\r\n\r\n"), 400, "hexadecimal"},
    {"chunk size with space", T(CHUNKED "4 \r\nabcd\r\n0\r\n\r\n"), 400, "hexadecimal"},
    {"chunk size empty", T(CHUNKED "\r\nabcd\r\n0\r\n\r\n"), 400, "hexadecimal"},
    {"chunk size too long", T(CHUNKED "000000004\r\nabcd\r\n0\r\n\r\n"), 400, "too many digits"},
    {"chunk size over all bounds", T(CHUNKED "FFFFFFFF\r\nabcd"), 413, "large"},
    {"chunks over the limit", T(CHUNKED "4\r\nabcd\r\nFFFD\r\n"), 413, "large"},
    {"chunk extension", T(CHUNKED "4;a=b\r\nabcd\r\n0\r\n\r\n"), 400, "extensions"},
    {"bare LF after a chunk size", T(CHUNKED "4\nabcd\r\n0\r\n\r\n"), 400, "hexadecimal"},
    {"bare LF after a chunk", T(CHUNKED "4\r\nabcd\n0\r\n\r\n"), 400, "longer"},
    {"bare CR after a chunk size", T(CHUNKED "4\rabcd\r\n0\r\n\r\n"), 400, "CR"},
    {"chunk longer than it says", T(CHUNKED "4\r\nabcde\r\n0\r\n\r\n"), 400, "longer"},
    {"trailer", T(CHUNKED "4\r\nabcd\r\n0\r\nX: y\r\n\r\n"), 400, "trailers"},
    {"bare LF lines", T("GET / HTTP/1.1\nHost: a\n\n"), 400, "LF without CR"},
    {"bare LF after a header", T(GET "Host: a\n\r\n"), 400, "LF without CR"},
    {"bare CR in a value", T(GET "Host: a\r\nX: a\rb\r\n\r\n"), 400, "CR without LF"},
    {"two CR", T(GET "Host: a\r\r\n\r\n"), 400, "CR without LF"},
    {"NUL in a value", T(GET "Host: a\r\nX: a\0b\r\n\r\n"), 400, "control"},
    {"NUL in the target", T("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "control"},
    {"DEL in a value", T(GET "Host: a\r\nX: \x7f\r\n\r\n"), 400, "control"},
    {"space before the colon", T(GET "Host: a\r\nX : b\r\n\r\n"), 400, "name is not a token"},
    {"obs-fold", T(GET "Host: a\r\nX: a\r\n b\r\n\r\n"), 400, "folded"},
    {"obs-fold by tab", T(GET "Host: a\r\nX: a\r\n\tb\r\n\r\n"), 400, "folded"},
    {"space before the first header", T(GET " Host: a\r\n\r\n"), 400, "folded"},
    {"illegal octet in a name", T(GET "Host: a\r\nX\xff: b\r\n\r\n"), 400, "name is not a token"},
    {"parenthesis in a name", T(GET "Host: a\r\nX(: b\r\n\r\n"), 400, "name is not a token"},
    {"empty name", T(GET "Host: a\r\n: b\r\n\r\n"), 400, "name is not a token"},
    {"no colon", T(GET "Host: a\r\nnothing\r\n\r\n"), 400, "colon"},
    {"no Host", T(GET "\r\n"), 400, "Host is missing"},
    {"two Host", T(GET "Host: a\r\nHost: b\r\n\r\n"), 400, "twice"},
    {"equal Host twice", T(GET "Host: a\r\nhost: a\r\n\r\n"), 400, "twice"},
    {"empty Host", T(GET "Host:\r\n\r\n"), 400, "Host is not"},
    {"list of Hosts", T(GET "Host: a, b\r\n\r\n"), 400, "Host is not"},
    {"user in Host", T(GET "Host: u@a\r\n\r\n"), 400, "Host is not"},
    {"path in Host", T(GET "Host: a/b\r\n\r\n"), 400, "Host is not"},
    {"port not a number", T(GET "Host: a:b\r\n\r\n"), 400, "Host is not"},
    {"port empty", T(GET "Host: a:\r\n\r\n"), 400, "Host is not"},
    {"port too long", T(GET "Host: a:123456\r\n\r\n"), 400, "Host is not"},
    {"open IPv6 literal", T(GET "Host: [::1\r\n\r\n"), 400, "Host is not"},
    {"octets after IPv6 literal", T(GET "Host: [::1]a\r\n\r\n"), 400, "Host is not"},
    {"two Content-Type",
     T(POST "Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 0\r\n\r\n"), 400, "twice"},
    {"gzip body", T(POST "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"), 415,
     "Encoding"},
    {"unknown expectation", T(POST "Expect: 200-ok\r\nContent-Length: 4\r\n\r\nabcd"), 417,
     "Expect"},
    {"POST without length", T(POST "\r\n"), 411, "Content-Length"},
    {"absolute form", T("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "origin form"},
    {"authority form", T("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "origin form"},
    {"asterisk with GET", T("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "OPTIONS"},
    {"fragment", T("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "RFC 3986"},
    {"quote in the target", T("GET /\" HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "RFC 3986"},
    {"backslash in the target", T("GET /\\ HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "RFC 3986"},
    {"raw UTF-8 in the target", T("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "RFC 3986"},
    {"half an escape", T("GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "RFC 3986"},
    {"wrong escape", T("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "RFC 3986"},
    {"two spaces", T("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "request line"},
    {"space at the end", T("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 400, "request line"},
    {"tab for space", T("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "method"},
    {"space first", T(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "method"},
    {"two empty lines first", T("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "method"},
    {"no version", T("GET /\r\nHost: a\r\n\r\n"), 400, "request line"},
    {"HTTP/1.0", T("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), 505, "HTTP/1.1"},
    {"HTTP/1.2", T("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505, "HTTP/1.1"},
    {"method in small letters", T("get / HTTP/1.1\r\nHost: a\r\n\r\n"), 501, "small letters"},
    {"method with a small letter", T("GEt / HTTP/1.1\r\nHost: a\r\n\r\n"), 501, "small letters"},
    {"small http", T("GET / http/1.1\r\nHost: a\r\n\r\n"), 400, "request line"},
    {"HTTP/1.10", T("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), 400, "request line"},
    {"HTTP/2 preface", T("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, "HTTP/1.1"},
    {"illegal method", T("G(T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "method"},
    {"long method", T("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ / HTTP/1.1\r\nHost: a\r\n\r\n"), 501,
     "method"},
    {"TLS hello", T("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400, "control"},
};

/* Feed pieces of the given size; stops at DONE or REFUSED. */
static struct chy_http1 *feed(const char *text, size_t n, size_t piece, size_t *ret_used)
{
    struct chy_http1 *p = chy_http1_new(&CHY_HTTP1_LIMITS);
    size_t at = 0, used;

    while (at < n && chy_http1_state(p) < CHY_HTTP1_DONE) {
        chy_http1_feed(p, (const uint8_t *)text + at, n - at < piece ? n - at : piece, &used);
        at += used;
    }
    if (ret_used != NULL)
        *ret_used = at;
    return p;
}

static void expect_refusal(const char *what, const char *text, size_t n, int status,
                           const char *reason)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 3};

    for (size_t i = 0; i < 3; i++) {
        struct chy_http1 *p = feed(text, n, pieces[i], NULL);

        if (chy_http1_state(p) != CHY_HTTP1_REFUSED || chy_http1_status(p) != status ||
            strstr(chy_http1_reason(p), reason) == NULL)
            fail_msg("%s: state %d, status %d, reason %s", what, (int)chy_http1_state(p),
                     chy_http1_status(p), chy_http1_reason(p) ? chy_http1_reason(p) : "-");
        chy_http1_free(p);
    }
}

static void what_rfc9112_says_to_refuse_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];

        expect_refusal(r->what, r->text, r->n, r->status, r->reason);
    }
}

/* n octets c between two texts. */
static char *stuffed(const char *before, char c, size_t n, const char *after)
{
    size_t a = strlen(before), b = strlen(after);
    char *text = malloc(a + n + b + 1);

    assert_non_null(text);
    memcpy(text, before, a);
    memset(text + a, c, n);
    memcpy(text + a + n, after, b + 1);
    return text;
}

static void sizes_are_bounded(void **state)
{
    char many[4096] = GET "Host: a\r\n";
    char *text;

    (void)state;
    text = stuffed("GET /", 'a', 8192, " HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_refusal("long target", text, strlen(text), 414, "request line");
    free(text);
    text = stuffed("", 'A', 10000, "");
    expect_refusal("endless method", text, strlen(text), 501, "method");
    free(text);
    text = stuffed(GET "Host: a\r\nX: ", 'a', 16384, "\r\n\r\n");
    expect_refusal("long header", text, strlen(text), 431, "large");
    free(text);
    text = stuffed(GET "Host: ", 'a', 262, "\r\n\r\n");
    expect_refusal("long Host", text, strlen(text), 400, "Host is not");
    free(text);
    for (size_t i = 0; i < 64; i++)
        strncpy(many + strlen(many), "X: y\r\n", sizeof many - strlen(many) - 1);
    expect_refusal("65 headers", many, strlen(many), 431, "too many");
}

/* T-H-05: a chunked body without end takes no memory beyond the limit. */
static void endless_body_is_refused_in_flat_memory(void **state)
{
    struct chy_http1 *p = feed(CHUNKED, strlen(CHUNKED), SIZE_MAX, NULL);
    size_t used, fed = 0;

    (void)state;
    while (chy_http1_state(p) == CHY_HTTP1_BODY && fed < 10u << 20) {
        chy_http1_feed(p, (const uint8_t *)"8\r\nabcdefgh\r\n", 13, &used);
        fed += used;
        assert_true(chy_http1_memory(p) < 3 * 65536);
    }
    assert_int_equal(chy_http1_status(p), 413);
    chy_http1_free(p);
}

static const struct accepted {
    const char *text;
    const char *method, *target, *path, *query, *body;
    bool keep_alive;
} accepted[] = {
    {GET "Host: a\r\n\r\n", "GET", "/", "/", NULL, "", true},
    {"\r\n" GET "Host: a:14000\r\n\r\n", "GET", "/", "/", NULL, "", true},
    {"HEAD /a?b?c=%2F HTTP/1.1\r\nhOST:[2001:db8::1]:443 \t\r\nConnection: x, Close\r\n\r\n",
     "HEAD", "/a?b?c=%2F", "/a", "b?c=%2F", "", false},
    {"GET /? HTTP/1.1\r\nHost: A-b_c.example\r\nX:\r\nY:  \r\n\r\n", "GET", "/?", "/", "", "",
     true},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", "*", "*", NULL, "", true},
    /* Not normalised: what is signed is compared with what came (T-E2E-12). */
    {"GET //a/./b/%2e/../ HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "//a/./b/%2e/../", "//a/./b/%2e/../",
     NULL, "", true},
    {POST "Content-Length: 4\r\n\r\nabcd", "POST", "/", "/", NULL, "abcd", true},
    {POST "Content-Length: 0\r\n\r\n", "POST", "/", "/", NULL, "", true},
    {POST "Content-Length: 0000000004\r\n\r\n\r\n\r\n", "POST", "/", "/", NULL, "\r\n\r\n", true},
    {POST "Content-Encoding: Identity\r\nTransfer-Encoding: Chunked\r\n\r\n"
          "4\r\nabcd\r\n0a\r\n0123456789\r\n000\r\n\r\n",
     "POST", "/", "/", NULL, "abcd0123456789", true},
    {CHUNKED "0\r\n\r\n", "POST", "/", "/", NULL, "", true},
};

static void what_is_right_is_read_right(void **state)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 5};

    (void)state;
    for (size_t i = 0; i < 3 * sizeof accepted / sizeof accepted[0]; i++) {
        const struct accepted *a = &accepted[i / 3];
        size_t used, n = strlen(a->text);
        struct chy_http1 *p = feed(a->text, n, pieces[i % 3], &used);
        struct chy_request rq = {0};

        if (chy_http1_state(p) != CHY_HTTP1_DONE)
            fail_msg("%s: %s", a->text, chy_http1_reason(p));
        chy_http1_request(p, &rq);
        assert_int_equal(used, n);
        assert_string_equal(rq.method, a->method);
        assert_string_equal(rq.target, a->target);
        assert_string_equal(rq.path, a->path);
        if (a->query == NULL)
            assert_null(rq.query);
        else
            assert_string_equal(rq.query, a->query);
        assert_int_equal(rq.body_len, strlen(a->body));
        if (rq.body_len > 0)
            assert_memory_equal(rq.body, a->body, rq.body_len);
        assert_int_equal(chy_http1_keep_alive(p), a->keep_alive);
        chy_http1_free(p);
    }
}

static void headers_come_in_order_and_trimmed(void **state)
{
    const char *text = GET "Host: a\r\nA: \t b c \t\r\nb:\r\nA: \xe9\r\n\r\n";
    struct chy_http1 *p = feed(text, strlen(text), 1, NULL);
    struct chy_request rq = {0};

    (void)state;
    chy_http1_request(p, &rq);
    assert_int_equal(rq.n_headers, 4);
    assert_string_equal(rq.headers[1].name, "A");
    assert_string_equal(rq.headers[1].value, "b c");
    assert_string_equal(rq.headers[2].name, "b");
    assert_string_equal(rq.headers[2].value, "");
    assert_string_equal(rq.headers[3].value, "\xe9");
    assert_string_equal(chy_request_header(&rq, "a"), "b c");
    chy_http1_free(p);
}

static void pipelined_requests_do_not_eat_each_other(void **state)
{
    const char *text =
        POST "Content-Length: 2\r\n\r\nab" CHUNKED "1\r\nc\r\n0\r\n\r\n" GET "Host: a\r\n\r\nGET";
    static const char *const bodies[] = {"ab", "c", ""};
    size_t n = strlen(text), used;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct chy_http1 *p = feed(text, n, SIZE_MAX, &used);
        struct chy_request rq = {0};

        assert_int_equal(chy_http1_state(p), CHY_HTTP1_DONE);
        chy_http1_request(p, &rq);
        assert_int_equal(rq.body_len, strlen(bodies[i]));
        text += used;
        n -= used;
        chy_http1_free(p);
    }
    assert_string_equal(text, "GET");
}

static void continue_is_known_before_the_body(void **state)
{
    const char *text = POST "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
    struct chy_http1 *p = feed(text, strlen(text), SIZE_MAX, NULL);

    (void)state;
    assert_int_equal(chy_http1_state(p), CHY_HTTP1_BODY);
    assert_true(chy_http1_expects_continue(p));
    chy_http1_free(p);
    p = feed(text, strlen(text) - 1, SIZE_MAX, NULL);
    assert_int_equal(chy_http1_state(p), CHY_HTTP1_HEAD);
    assert_true(chy_http1_started(p));
    chy_http1_free(p);
}

static void expect_answer(const struct chy_reply *rp, bool head_only, bool close, const char *want)
{
    size_t n;
    uint8_t *b = chy_http1_answer(rp, head_only, close, 784111777, &n);

    if (n != strlen(want) || memcmp(b, want, n) != 0)
        fail_msg("got %.*s", (int)n, (const char *)b);
    free(b);
}

static void answers_are_one_buffer_with_length_and_date(void **state)
{
    struct chy_reply rp = {
        .status = 200, .content_type = "application/json", .body = "{}", .body_len = 2};

    (void)state;
    chy_reply_header(&rp, "Replay-Nonce", "abc");
#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nReplay-Nonce: abc\r\n"              \
    "Content-Type: application/json\r\nContent-Length: 2\r\n"
    expect_answer(&rp, false, false, HEAD "\r\n{}");
    expect_answer(&rp, true, false, HEAD "\r\n");
    expect_answer(&rp, false, true, HEAD "Connection: close\r\n\r\n{}");
    rp = (struct chy_reply){.status = 201};
    expect_answer(&rp, false, false,
                  "HTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                  "Content-Length: 0\r\n\r\n");
    rp = (struct chy_reply){.status = 204};
    expect_answer(&rp, false, false,
                  "HTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
}

static void refusals_are_problem_documents_that_close(void **state)
{
    size_t n;
    const struct chy_header headers[] = {{"Link", "<d>;rel=\"index\""}};
    struct chy_http1_refusal r = {.status = 413, .reason = "body is too large"};
    uint8_t *b = chy_http1_refuse(&r, 784111777, &n);
    const char *want = "HTTP/1.1 413 Content Too Large\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                       "Content-Type: application/problem+json\r\nContent-Length: 89\r\n"
                       "Connection: close\r\n\r\n"
                       "{\"type\":\"urn:ietf:params:acme:error:malformed\","
                       "\"detail\":\"body is too large\",\"status\":413}";

    (void)state;
    assert_int_equal(n, strlen(want));
    assert_memory_equal(b, want, n);
    free(b);
    r = (struct chy_http1_refusal){503, "busy", 2, true, headers, 1};
    b = chy_http1_refuse(&r, 784111777, &n);
    assert_non_null(memmem(b, n, "\r\nLink: <d>;rel=\"index\"\r\n", 25));
    assert_non_null(memmem(b, n, "\r\nRetry-After: 2\r\n", 18));
    assert_memory_equal(b + n - 4, "\r\n\r\n", 4);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_rfc9112_says_to_refuse_is_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(endless_body_is_refused_in_flat_memory),
        cmocka_unit_test(what_is_right_is_read_right),
        cmocka_unit_test(headers_come_in_order_and_trimmed),
        cmocka_unit_test(pipelined_requests_do_not_eat_each_other),
        cmocka_unit_test(continue_is_known_before_the_body),
        cmocka_unit_test(answers_are_one_buffer_with_length_and_date),
        cmocka_unit_test(refusals_are_problem_documents_that_close),
    };

    return cmocka_run_group_tests_name("http1", tests, NULL, NULL);
}
