/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one HTTP/1.1 request, strictly: RFC 9112 for messages, RFC 9110 sections 5 and 10 for
 * headers, RFC 3986 for the target.  What this file does not understand it refuses, because whatever
 * two parsers read differently is a way to smuggle.  Not here: absolute-form targets, HTTP/1.0,
 * trailers, chunk extensions, content codings (all refused), connections and time (conn.c). */
#include "services/front/http1.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "services/front/http1_text.h"

#define METHOD_MAX 32        /* longer than any registered method            */
#define LENGTH_DIGITS_MAX 10 /* of Content-Length                            */
#define CHUNK_DIGITS_MAX 8   /* hexadecimal digits of a chunk size           */

enum step { STEP_LINE, STEP_FIELDS, STEP_SIZE, STEP_DATA, STEP_DATA_END, STEP_LAST, STEP_DONE };

struct chy_http1 {
    struct chy_http1_limits limits;
    enum step step;
    bool cr;      /* the octet before was CR                               */
    bool skipped; /* an empty line before the request line was passed over */
    bool chunked, keep_alive, expects_continue;
    int status;         /* of the refusal; 0: none */
    const char *reason; /* a literal               */

    char *text; /* the head's lines, a NUL in place of each CRLF; then a copy of the path */
    size_t text_len, text_size;
    size_t line_at;   /* start of the unfinished line in text */
    size_t head_seen; /* octets of the head so far            */
    size_t target_at, fields_at, path_at;
    size_t n_lines; /* header lines */
    struct chy_header *headers;
    unsigned seen; /* bit i: single_headers[i] was there */

    uint8_t *body;
    size_t body_len, body_size;
    size_t wanted; /* octets still to come of the body or of the chunk */
    unsigned digits;
};

/* Each refusal names what was wrong; the text goes to the client, so it is never the client's. */
static bool refuse(struct chy_http1 *p, int status, const char *reason)
{
    p->status = status;
    p->reason = reason;
    return false;
}

/* ---- octets ------------------------------------------------------------ */

/* Room for n more octets and a NUL.  Aborts when memory is out: n is bounded by the limits. */
static void make_room(void **b, size_t *size, size_t used, size_t n)
{
    size_t bigger = *size != 0 ? *size : 512;

    if (used + n + 1 <= *size)
        return;
    while (bigger < used + n + 1)
        bigger *= 2;
    *b = realloc(*b, bigger);
    if (*b == NULL)
        abort();
    *size = bigger;
}

static void make_text_room(struct chy_http1 *p, size_t n)
{
    void *b = p->text;

    make_room(&b, &p->text_size, p->text_len, n);
    p->text = b;
}

static void add_text(struct chy_http1 *p, const char *s, size_t n)
{
    make_text_room(p, n);
    memcpy(p->text + p->text_len, s, n);
    p->text_len += n;
}

/* ---- request line ------------------------------------------------------ */

/* origin-form of RFC 9112 section 3.2.1, in the octets of RFC 3986; n octets, then a space. */
static bool check_target(struct chy_http1 *p, const char *method, const char *s, size_t n)
{
    if (n == 1 && s[0] == '*')
        return strcmp(method, "OPTIONS") == 0 ||
               refuse(p, 400, "target '*' is for OPTIONS only (RFC 9112 section 3.2.4)");
    if (n == 0 || s[0] != '/')
        return refuse(p, 400, "target is not in origin form (RFC 9112 section 3.2.1)");
    return chy_http1_is_origin(s, n) ||
           refuse(p, 400, "target has an octet that RFC 3986 does not allow");
}

static bool check_version(struct chy_http1 *p, const char *s)
{
    if (strcmp(s, "HTTP/1.1") == 0)
        return true;
    if (strlen(s) == 8 && memcmp(s, "HTTP/", 5) == 0 && chy_http1_is_digit(s[5]) && s[6] == '.' &&
        chy_http1_is_digit(s[7]))
        return refuse(p, 505, "only HTTP/1.1 is spoken here");
    return refuse(p, 400, "request line is not: method, target, HTTP/1.1 (RFC 9112 section 3)");
}

static bool check_method(struct chy_http1 *p, const char *s)
{
    size_t n = strcspn(s, " ");

    if (n > METHOD_MAX)
        return refuse(p, 501, "method is longer than any known one (RFC 9112 section 3)");
    if (!chy_http1_is_token(s, n))
        return refuse(p, 400, "method is not a token (RFC 9110 section 9.1)");
    /* Whoever stands before us may take "get" for GET. */
    return strcspn(s, "abcdefghijklmnopqrstuvwxyz") >= n ||
           refuse(p, 501,
                  "method has small letters, which no known one has (RFC 9110 section 9.1)");
}

static bool take_request_line(struct chy_http1 *p)
{
    char *method = p->text, *target, *version;

    if (!check_method(p, method))
        return false;
    target = strchr(method, ' ');
    version = target != NULL ? strchr(target + 1, ' ') : NULL;
    if (version == NULL)
        return refuse(p, 400, "request line is not: method, target, HTTP/1.1 (RFC 9112 section 3)");
    *target++ = '\0';
    if (!check_version(p, version + 1) ||
        !check_target(p, method, target, (size_t)(version - target)))
        return false;
    *version = '\0';
    p->target_at = (size_t)(target - p->text);
    return true;
}

/* ---- headers ----------------------------------------------------------- */

static bool take_host(struct chy_http1 *p, const char *s)
{
    return chy_http1_is_host(s) ||
           refuse(p, 400, "Host is not a host and port (RFC 9110 section 7.2)");
}

static bool take_length(struct chy_http1 *p, const char *s)
{
    unsigned long long n = 0;
    size_t digits = strspn(s, "0123456789");

    if (digits == 0 || s[digits] != '\0')
        return refuse(p, 400, "Content-Length is not one decimal number (RFC 9112 section 6.3)");
    if (digits > LENGTH_DIGITS_MAX)
        return refuse(p, 413, "body is too large");
    for (; *s != '\0'; s++)
        n = n * 10 + (unsigned)(*s - '0');
    if (n > p->limits.body)
        return refuse(p, 413, "body is too large");
    p->wanted = (size_t)n;
    return true;
}

static bool take_transfer_coding(struct chy_http1 *p, const char *s)
{
    if (strcasecmp(s, "chunked") != 0)
        return refuse(p, 501, "Transfer-Encoding is not exactly chunked (RFC 9112 section 6.1)");
    p->chunked = true;
    return true;
}

static bool take_content_coding(struct chy_http1 *p, const char *s)
{
    return strcasecmp(s, "identity") == 0 ||
           refuse(p, 415, "Content-Encoding is not supported in requests");
}

static bool take_expect(struct chy_http1 *p, const char *s)
{
    if (strcasecmp(s, "100-continue") != 0)
        return refuse(p, 417, "Expect is not 100-continue (RFC 9110 section 10.1.1)");
    p->expects_continue = true;
    return true;
}

/* Headers of which a second one would leave open which counts. */
static const struct {
    const char *name;
    bool (*take)(struct chy_http1 *p, const char *value); /* NULL: only counted */
} single_headers[] = {
    {"host", take_host},
    {"content-length", take_length},
    {"transfer-encoding", take_transfer_coding},
    {"content-encoding", take_content_coding},
    {"expect", take_expect},
    {"content-type", NULL},
    {"authorization", NULL},
};
#define N_SINGLE (sizeof single_headers / sizeof single_headers[0])
enum { SEEN_HOST = 1u << 0, SEEN_LENGTH = 1u << 1, SEEN_TRANSFER_CODING = 1u << 2 };

/* Connection is a list (RFC 9110 section 7.6.1); only "close" means something here. */
static void take_connection(struct chy_http1 *p, const char *s)
{
    while (*s != '\0') {
        size_t n;

        s += strspn(s, ", \t");
        n = strcspn(s, ", \t");
        if (n == 5 && strncasecmp(s, "close", 5) == 0)
            p->keep_alive = false;
        s += n;
    }
}

static bool take_known(struct chy_http1 *p, const struct chy_header *h)
{
    if (strcasecmp(h->name, "connection") == 0)
        take_connection(p, h->value);
    for (size_t i = 0; i < N_SINGLE; i++) {
        if (strcasecmp(h->name, single_headers[i].name) != 0)
            continue;
        if ((p->seen & 1u << i) != 0)
            return refuse(p, 400, "a header that must stand once stands twice");
        p->seen |= 1u << i;
        return single_headers[i].take == NULL || single_headers[i].take(p, h->value);
    }
    return true;
}

/* field-line of RFC 9112 section 5; cuts the line into name and value. */
static bool take_field(struct chy_http1 *p, char *line, struct chy_header *h)
{
    char *colon = strchr(line, ':'), *end;

    if (line[0] == ' ' || line[0] == '\t')
        return refuse(p, 400, "header is folded (RFC 9112 section 5.2)");
    if (colon == NULL)
        return refuse(p, 400, "header has no colon (RFC 9112 section 5)");
    if (!chy_http1_is_token(line, (size_t)(colon - line)))
        return refuse(p, 400, "header name is not a token (RFC 9112 section 5.1)");
    end = colon + strlen(colon);
    *colon++ = '\0';
    colon += strspn(colon, " \t");
    while (end > colon && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    h->name = line;
    h->value = colon;
    return take_known(p, h);
}

/* Message body length, RFC 9112 section 6.3: the one place that decides where a request ends. */
static bool settle_body(struct chy_http1 *p)
{
    bool length = (p->seen & SEEN_LENGTH) != 0;

    if ((p->seen & SEEN_HOST) == 0)
        return refuse(p, 400, "Host is missing (RFC 9112 section 3.2)");
    if (length && p->chunked)
        return refuse(p, 400, "Content-Length beside Transfer-Encoding (RFC 9112 section 6.3)");
    if (!length && !p->chunked && strcmp(p->text, "POST") == 0)
        return refuse(p, 411, "POST needs Content-Length or chunked (RFC 9112 section 6.3)");
    if (p->chunked)
        p->step = STEP_SIZE;
    else
        p->step = p->wanted > 0 ? STEP_DATA : STEP_DONE;
    return true;
}

static bool end_head(struct chy_http1 *p)
{
    const char *target = p->text + p->target_at;
    size_t path_len = strcspn(target, "?");
    char *line;

    p->path_at = p->text_len;
    make_text_room(p, path_len);
    /* From here on the text does not move, so that pointers into it are good. */
    memcpy(p->text + p->path_at, p->text + p->target_at, path_len);
    p->text[p->path_at + path_len] = '\0';
    p->headers = calloc(p->n_lines + 1, sizeof *p->headers);
    if (p->headers == NULL)
        abort();
    line = p->text + p->fields_at;
    for (size_t i = 0; i < p->n_lines; i++) {
        size_t n = strlen(line);

        if (!take_field(p, line, &p->headers[i]))
            return false;
        line += n + 1;
    }
    return settle_body(p);
}

static bool end_line(struct chy_http1 *p)
{
    bool empty = p->text_len == p->line_at;

    if (p->step == STEP_LINE && empty && !p->skipped) {
        p->skipped = true; /* RFC 9112 section 2.2: one empty line is passed over */
        return true;
    }
    if (p->step == STEP_FIELDS && empty)
        return end_head(p);
    add_text(p, "", 1);
    p->line_at = p->text_len;
    if (p->step == STEP_LINE) {
        p->step = STEP_FIELDS;
        p->fields_at = p->line_at;
        return take_request_line(p);
    }
    p->n_lines++;
    return p->n_lines <= p->limits.headers || refuse(p, 431, "too many headers");
}

/* How many octets from b on may stand inside a line. */
static size_t count_plain(const char *b, size_t n)
{
    size_t i = 0;

    while (i < n && (((unsigned char)b[i] >= 0x20 && b[i] != 0x7f) || b[i] == '\t'))
        i++;
    return i;
}

static size_t take_plain(struct chy_http1 *p, const char *b, size_t n)
{
    size_t room = p->limits.head > p->head_seen ? p->limits.head - p->head_seen : 0;

    if (p->step == STEP_LINE && p->text_len >= p->limits.line) {
        add_text(p, "", 1);
        return check_method(p, p->text) && refuse(p, 414, "request line is too long");
    }
    if (room == 0)
        return refuse(p, 431, "headers are too large");
    if (p->step == STEP_LINE && room > p->limits.line - p->text_len)
        room = p->limits.line - p->text_len;
    n = n < room ? n : room;
    add_text(p, b, n);
    p->head_seen += n;
    return n;
}

static size_t take_head(struct chy_http1 *p, const char *b, size_t n)
{
    size_t plain = p->cr ? 0 : count_plain(b, n);

    if (plain > 0)
        return take_plain(p, b, plain);
    p->head_seen++;
    if (p->cr) {
        p->cr = false;
        return *b == '\n' ? end_line(p) : refuse(p, 400, "CR without LF (RFC 9112 section 2.2)");
    }
    if (*b == '\r') {
        p->cr = true;
        return true;
    }
    if (*b == '\n')
        return refuse(p, 400, "LF without CR (RFC 9112 section 2.2)");
    return refuse(p, 400, "control octet in the head (RFC 9110 section 5.5)");
}

/* ---- body -------------------------------------------------------------- */

static bool end_size(struct chy_http1 *p)
{
    if (p->wanted > p->limits.body - p->body_len)
        return refuse(p, 413, "body is too large");
    p->step = p->wanted > 0 ? STEP_DATA : STEP_LAST;
    p->digits = 0;
    return true;
}

/* chunk-size of RFC 9112 section 7.1: hexadecimal digits and nothing else. */
static bool take_size_octet(struct chy_http1 *p, char c)
{
    int v = chy_http1_hex(c);

    if (p->cr) {
        p->cr = false;
        return c == '\n' ? end_size(p) : refuse(p, 400, "CR without LF in a chunk size");
    }
    if (c == '\r' && p->digits > 0) {
        p->cr = true;
        return true;
    }
    if (c == ';' && p->digits > 0)
        return refuse(p, 400, "chunk extensions are not accepted");
    if (v < 0)
        return refuse(p, 400, "chunk size is not hexadecimal digits (RFC 9112 section 7.1)");
    if (++p->digits > CHUNK_DIGITS_MAX)
        return refuse(p, 400, "chunk size has too many digits");
    p->wanted = p->wanted * 16 + (size_t)v;
    return true;
}

/* The CRLF after a chunk, and the one after the last chunk, where trailers would stand. */
static bool take_crlf_octet(struct chy_http1 *p, char c)
{
    if (c != (p->cr ? '\n' : '\r'))
        return refuse(p, 400,
                      p->step == STEP_LAST ? "trailers are not accepted"
                                           : "chunk is longer than its size says");
    if (p->cr)
        p->step = p->step == STEP_LAST ? STEP_DONE : STEP_SIZE;
    p->cr = !p->cr;
    return true;
}

static size_t take_data(struct chy_http1 *p, const uint8_t *b, size_t n)
{
    void *body = p->body;

    if (n > p->wanted)
        n = p->wanted;
    make_room(&body, &p->body_size, p->body_len, n);
    p->body = body;
    memcpy(p->body + p->body_len, b, n);
    p->body_len += n;
    p->body[p->body_len] = 0;
    p->wanted -= n;
    if (p->wanted == 0)
        p->step = p->chunked ? STEP_DATA_END : STEP_DONE;
    return n;
}

/* ---- public ------------------------------------------------------------ */

struct chy_http1 *chy_http1_new(const struct chy_http1_limits *limits)
{
    struct chy_http1 *p = calloc(1, sizeof *p);

    if (p == NULL)
        abort();
    p->limits = *limits;
    p->keep_alive = true;
    return p;
}

void chy_http1_free(struct chy_http1 *p)
{
    if (p == NULL)
        return;
    free(p->text);
    free(p->headers);
    free(p->body);
    free(p);
}

enum chy_http1_state chy_http1_state(const struct chy_http1 *p)
{
    if (p->status != 0)
        return CHY_HTTP1_REFUSED;
    switch (p->step) {
    case STEP_LINE:
    case STEP_FIELDS:
        return CHY_HTTP1_HEAD;
    case STEP_SIZE:
    case STEP_DATA:
    case STEP_DATA_END:
    case STEP_LAST:
        return CHY_HTTP1_BODY;
    case STEP_DONE:
        break;
    }
    return CHY_HTTP1_DONE;
}

/* One octet, or a run of them; returns how many it took, 0: refused. */
static size_t take(struct chy_http1 *p, const uint8_t *b, size_t n)
{
    switch (p->step) {
    case STEP_LINE:
    case STEP_FIELDS:
        return take_head(p, (const char *)b, n);
    case STEP_SIZE:
        return take_size_octet(p, (char)*b);
    case STEP_DATA:
        return take_data(p, b, n);
    case STEP_DATA_END:
    case STEP_LAST:
        return take_crlf_octet(p, (char)*b);
    case STEP_DONE:
        break;
    }
    return 0;
}

enum chy_http1_state chy_http1_feed(struct chy_http1 *p, const uint8_t *b, size_t n,
                                    size_t *ret_used)
{
    *ret_used = 0;
    while (*ret_used < n && p->status == 0 && p->step != STEP_DONE)
        *ret_used += take(p, b + *ret_used, n - *ret_used);
    return chy_http1_state(p);
}

bool chy_http1_started(const struct chy_http1 *p)
{
    return p->text_len > 0;
}

int chy_http1_status(const struct chy_http1 *p)
{
    return p->status;
}

const char *chy_http1_reason(const struct chy_http1 *p)
{
    return p->reason;
}

bool chy_http1_expects_continue(const struct chy_http1 *p)
{
    return p->expects_continue;
}

void chy_http1_request(const struct chy_http1 *p, struct chy_request *rq)
{
    const char *query;

    assert(chy_http1_state(p) == CHY_HTTP1_DONE);
    rq->method = p->text;
    rq->target = p->text + p->target_at;
    rq->path = p->text + p->path_at;
    query = strchr(rq->target, '?');
    rq->query = query != NULL ? query + 1 : NULL;
    rq->headers = p->headers;
    rq->n_headers = p->n_lines;
    rq->body = p->body;
    rq->body_len = p->body_len;
}

bool chy_http1_keep_alive(const struct chy_http1 *p)
{
    return p->keep_alive;
}

size_t chy_http1_memory(const struct chy_http1 *p)
{
    size_t headers = p->headers != NULL ? (p->n_lines + 1) * sizeof *p->headers : 0;

    return sizeof *p + p->text_size + p->body_size + headers;
}
