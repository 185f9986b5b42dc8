/* SPDX-License-Identifier: Apache-2.0 */
/* The fake host's network: scripted answers. */
#include <string.h>

#include "core/base/problem.h"
#include "tests/support/fakehost_state.h"

static struct fake_script *find_script(struct chy_ctx *cx, const char *key)
{
    struct fake_script *s = fake_of(cx)->scripts;

    while (s != NULL && strcmp(s->key, key) != 0)
        s = s->next;
    return s;
}

/* A new script; it hides an older one of the same key. */
static struct fake_script *new_script(struct chy_ctx *cx, const char *key)
{
    struct fake_script *s = chy_alloc(cx, sizeof *s);

    s->key = key;
    s->next = fake_of(cx)->scripts;
    fake_of(cx)->scripts = s;
    return s;
}

static void *copy(struct chy_ctx *cx, const void *b, size_t n)
{
    char *c = chy_alloc(cx, n + 1);

    if (n > 0)
        memcpy(c, b, n);
    return c;
}

static const char *dns_key(struct chy_ctx *cx, const char *name, uint16_t rrtype)
{
    return chy_fmt(cx, "dns %u %s", rrtype, name);
}

void fake_dns(struct chy_ctx *cx, const char *name, uint16_t rrtype, int rcode,
              enum chy_dnssec dnssec, const char *canonical)
{
    struct fake_script *s = new_script(cx, dns_key(cx, name, rrtype));

    s->dns.rcode = rcode;
    s->dns.dnssec = dnssec;
    s->dns.canonical = chy_fmt(cx, "%s", canonical != NULL ? canonical : name);
    s->dns.ttl_s = 60;
}

void fake_dns_record(struct chy_ctx *cx, const char *name, uint16_t rrtype, const void *rdata,
                     size_t n)
{
    struct fake_script *s = find_script(cx, dns_key(cx, name, rrtype));
    struct chy_rdata *records;

    if (s == NULL) {
        fake_dns(cx, name, rrtype, 0, CHY_DNSSEC_SECURE, NULL);
        s = fake_of(cx)->scripts;
    }
    records = chy_alloc(cx, (s->dns.n + 1) * sizeof *records);
    if (s->dns.n > 0)
        memcpy(records, s->dns.rdata, s->dns.n * sizeof *records);
    records[s->dns.n++] = (struct chy_rdata){.b = copy(cx, rdata, n), .n = n};
    s->dns.rdata = records;
}

void fake_dns_txt(struct chy_ctx *cx, const char *name, const char *const *strings)
{
    uint8_t rdata[4096];
    size_t n = 0;

    for (; *strings != NULL; strings++) {
        size_t length = strlen(*strings);

        if (length > 255 || n + 1 + length > sizeof rdata)
            abort();
        rdata[n++] = (uint8_t)length;
        memcpy(rdata + n, *strings, length);
        n += length;
    }
    fake_dns_record(cx, name, 16, rdata, n);
}

void fake_dns_fails(struct chy_ctx *cx, const char *name, uint16_t rrtype,
                    const struct chy_problem_type *type, const char *detail)
{
    struct fake_script *s = new_script(cx, dns_key(cx, name, rrtype));

    s->fails = type;
    s->detail = detail;
}

void fake_http_octets(struct chy_ctx *cx, const char *url, long status, const void *body, size_t n)
{
    struct fake_script *s = new_script(cx, chy_fmt(cx, "http %s", url));

    s->http.status = status;
    s->http.body = copy(cx, body, n);
    s->http.body_len = n;
    s->http.hops = chy_keep_json(cx, json_pack("[{s:s, s:s, s:I, s:[s], s:s}]", "url", url,
                                               "address", "192.0.2.1", "status", (json_int_t)status,
                                               "resolved", "192.0.2.1", "dnssec", "secure"));
}

void fake_http(struct chy_ctx *cx, const char *url, long status, const char *body)
{
    fake_http_octets(cx, url, status, body, strlen(body));
}

void fake_http_fails(struct chy_ctx *cx, const char *url, const struct chy_problem_type *type,
                     const char *detail)
{
    struct fake_script *s = new_script(cx, chy_fmt(cx, "http %s", url));

    s->fails = type;
    s->detail = detail;
}

const struct chy_http_query *fake_http_query(struct chy_ctx *cx)
{
    return fake_of(cx)->http_query;
}

void fake_tls(struct chy_ctx *cx, const char *host, const char *alpn, X509 *peer)
{
    struct fake_script *s = new_script(cx, chy_fmt(cx, "tls %s", host));

    s->tls = (struct chy_tls_answer){
        .alpn = alpn,
        .address = "192.0.2.1",
        .peer = peer,
        .hop = chy_keep_json(cx, json_pack("{s:s, s:s, s:i, s:[s], s:i, s:s}", "host", host,
                                           "address", "192.0.2.1", "port", 443, "resolved",
                                           "192.0.2.1", "addresses", 1, "dnssec", "secure"))};
}

void fake_tls_fails(struct chy_ctx *cx, const char *host, const struct chy_problem_type *type,
                    const char *detail)
{
    struct fake_script *s = new_script(cx, chy_fmt(cx, "tls %s", host));

    s->fails = type;
    s->detail = detail;
}

const struct chy_tls_query *fake_tls_query(struct chy_ctx *cx)
{
    return fake_of(cx)->tls_query;
}

/* ---- what the module calls ------------------------------------------------- */

enum chy_rc fake_host_dns(struct chy_ctx *cx, const char *name, uint16_t rrtype,
                          struct chy_dns_answer *ret)
{
    struct fake_script *s = find_script(cx, dns_key(cx, name, rrtype));

    fake_note(cx, "dns_query", name, chy_fmt(cx, "%u", rrtype), NULL);
    if (fake_in_stage(cx, "dns_query", cx->stage == CHY_STAGE_PROBE) != CHY_OK)
        return CHY_ERR;
    if (s == NULL) {
        *ret = (struct chy_dns_answer){.rcode = 3, .canonical = chy_fmt(cx, "%s", name)};
        return CHY_OK;
    }
    if (s->fails != NULL)
        return chy_fail(cx, s->fails, "%s", s->detail);
    *ret = s->dns;
    return CHY_OK;
}

enum chy_rc fake_host_http(struct chy_ctx *cx, const struct chy_http_query *q,
                           struct chy_http_answer *ret)
{
    struct fake_script *s = find_script(cx, chy_fmt(cx, "http %s", q->url));

    fake_of(cx)->http_query = copy(cx, q, sizeof *q);
    fake_note(cx, "http", q->url, NULL);
    if (fake_in_stage(cx, "http", cx->stage == CHY_STAGE_PROBE) != CHY_OK)
        return CHY_ERR;
    if (s == NULL)
        return chy_fail(cx, &CHY_P_connection, "%s: connection refused", q->url);
    if (s->fails != NULL)
        return chy_fail(cx, s->fails, "%s", s->detail);
    if (s->http.body_len > q->max_body && !q->truncate)
        return chy_fail(cx, &CHY_P_incorrectResponse, "%s: body too large", q->url);
    *ret = s->http;
    if (ret->body_len > q->max_body) {
        ret->body_len = q->max_body;
        ret->truncated = true;
    }
    return CHY_OK;
}

enum chy_rc fake_host_tls(struct chy_ctx *cx, const struct chy_tls_query *q,
                          struct chy_tls_answer *ret)
{
    struct fake_script *s = find_script(cx, chy_fmt(cx, "tls %s", q->host));

    fake_of(cx)->tls_query = copy(cx, q, sizeof *q);
    fake_note(cx, "tls_dial", q->host, q->alpn, NULL);
    if (fake_in_stage(cx, "tls_dial", cx->stage == CHY_STAGE_PROBE) != CHY_OK)
        return CHY_ERR;
    if (s == NULL)
        return chy_fail(cx, &CHY_P_connection, "%s: connection refused", q->host);
    if (s->fails != NULL)
        return chy_fail(cx, s->fails, "%s", s->detail);
    *ret = s->tls;
    return CHY_OK;
}
