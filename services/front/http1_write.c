/* SPDX-License-Identifier: Apache-2.0 */
/* Writing one HTTP/1.1 reply into one buffer (RFC 9112 sections 4 and 6, RFC 9110 sections 6.6.1 and
 * 8.6).  Not here: chunked replies, trailers, ranges; every body is known whole. */
#include "services/front/http1.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"

static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return ""; /* RFC 9112 section 4: may be empty */
}

/* IMF-fixdate.  Not strftime: its names follow the locale. */
static void format_date(time_t now, char *buf, size_t n)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;

    gmtime_r(&now, &tm);
    snprintf(buf, n, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
             months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* An answer under construction: first measured with b NULL, then written. */
struct sink {
    char *b;
    size_t n;
};

static void put_n(struct sink *s, const void *text, size_t n)
{
    if (s->b != NULL && n > 0)
        memcpy(s->b + s->n, text, n);
    s->n += n;
}

static void put(struct sink *s, const char *text)
{
    put_n(s, text, strlen(text));
}

static void put_header(struct sink *s, const char *name, const char *value)
{
    put(s, name);
    put(s, ": ");
    put(s, value);
    put(s, "\r\n");
}

static void put_answer(struct sink *s, const struct chy_reply *rp, bool head_only, bool close,
                       time_t now)
{
    /* RFC 9110 sections 8.6 and 15.3.5: a 204 has neither body nor length. */
    bool bodiless = rp->status == 204 || rp->status == 304;
    char line[64];

    snprintf(line, sizeof line, "HTTP/1.1 %03d ", rp->status);
    put(s, line);
    put(s, reason_phrase(rp->status));
    put(s, "\r\n");
    format_date(now, line, sizeof line);
    put_header(s, "Date", line);
    for (size_t i = 0; i < rp->n_headers; i++)
        put_header(s, rp->headers[i].name, rp->headers[i].value);
    if (rp->content_type != NULL && !bodiless)
        put_header(s, "Content-Type", rp->content_type);
    if (!bodiless) {
        snprintf(line, sizeof line, "%zu", rp->body_len);
        put_header(s, "Content-Length", line);
    }
    if (close)
        put_header(s, "Connection", "close");
    put(s, "\r\n");
    if (!head_only && !bodiless)
        put_n(s, rp->body, rp->body_len);
}

uint8_t *chy_http1_answer(const struct chy_reply *rp, bool head_only, bool close, time_t now,
                          size_t *ret_n)
{
    struct sink s = {NULL, 0};

    assert(rp->status >= 200 && rp->status <= 599);
    put_answer(&s, rp, head_only, close, now);
    s.b = malloc(s.n);
    if (s.b == NULL)
        abort();
    s.n = 0;
    put_answer(&s, rp, head_only, close, now);
    *ret_n = s.n;
    return (uint8_t *)s.b;
}

uint8_t *chy_http1_refuse(const struct chy_http1_refusal *r, time_t now, size_t *ret_n)
{
    bool ours = r->status == 500 || r->status == 503;
    struct chy_reply rp = {.status = r->status, .content_type = "application/problem+json"};
    char body[512], wait[16];
    int n = snprintf(body, sizeof body, "{\"type\":\"%s\",\"detail\":\"%s\",\"status\":%d}",
                     ours ? CHY_P_serverInternal.urn : CHY_P_malformed.urn, r->reason, r->status);

    assert(n > 0 && (size_t)n < sizeof body && r->reason[strcspn(r->reason, "\"\\\r\n")] == '\0');
    rp.body = body;
    rp.body_len = (size_t)n;
    for (size_t i = 0; i < r->n_headers; i++)
        chy_reply_header(&rp, r->headers[i].name, r->headers[i].value);
    if (r->retry_after_s > 0) {
        snprintf(wait, sizeof wait, "%u", r->retry_after_s);
        chy_reply_header(&rp, "Retry-After", wait);
    }
    return chy_http1_answer(&rp, r->head_only, true, now, ret_n);
}
