/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP exchange with its redirects (core.md W-01 to W-11; RFC 8555 section 8.3).  Each hop is
 * parsed, looked up, filtered and connected to afresh.  Whether the final status and body prove
 * anything is for the caller to judge. */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/net/internal.h"

#define REDIRECTS_MAX 10
#define VALIDATION_MS 20000 /* W-07: the whole exchange */
#define OTHER_MS 60000
#define BODY_MAX (16u * 1024 * 1024)
#define URL_NOTED 512 /* octets of a URL kept as evidence */

static int64_t exchange_deadline(const struct chy_ctx *cx, const struct chy_http_query *q)
{
    unsigned most = q->validation ? VALIDATION_MS : OTHER_MS;
    unsigned ms = q->timeout_ms == 0 || q->timeout_ms > most ? most : q->timeout_ms;

    return chy_net_until(cx, chy_clock_ms() + (q->timeout_ms == 0 ? VALIDATION_MS : ms));
}

/* IPv6 first, then one fallback to IPv4, and only if no connection came about (W-03). */
static enum chy_rc try_addresses(struct chy_ctx *cx, const struct chy_http_query *q,
                                 const struct chy_url *url, const struct chy_addresses *addresses,
                                 int64_t deadline, struct chy_exchange *ret)
{
    for (size_t i = 0; i < addresses->n; i++) {
        struct chy_exchange x = {.net = cx->net,
                                 .q = q,
                                 .url = url,
                                 .address = addresses->try[i],
                                 .last = i + 1 == addresses->n,
                                 .deadline = deadline};

        if (chy_exchange_run(cx, &x) == CHY_OK) {
            *ret = x;
            return CHY_OK;
        }
        if (!x.unreached || x.last)
            return CHY_ERR;
        chy_problem_clear(cx);
    }
    return chy_fault_internal(cx, "no address was tried");
}

static void note_hop(struct chy_ctx *cx, json_t *hops, const struct chy_addresses *addresses,
                     const struct chy_exchange *x)
{
    json_array_append_new(
        hops, json_pack("{s:s, s:s, s:I, s:O, s:I, s:s}", "url",
                        chy_fmt(cx, "%.*s", URL_NOTED, x->url->text), "address",
                        chy_address_text(cx, &x->address), "status", (json_int_t)x->status,
                        "resolved", addresses->all, "addresses", (json_int_t)addresses->found,
                        "dnssec", addresses->dnssec == CHY_DNSSEC_SECURE ? "secure" : "insecure"));
}

static bool was_visited(const char *const *visited, size_t n, const char *url)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(visited[i], url) == 0)
            return true;
    return false;
}

static enum chy_rc check_query(struct chy_ctx *cx, const struct chy_http_query *q)
{
    if (cx->net == NULL || q->url == NULL || q->max_body > BODY_MAX)
        return chy_fault_internal(cx, "HTTP query without network or URL, or body limit too large");
    if (q->method != NULL && strcmp(q->method, "GET") != 0 && strcmp(q->method, "POST") != 0)
        return chy_fault_internal(cx, "HTTP method %s is not supported", q->method);
    return CHY_OK;
}

static void fill_answer(const struct chy_exchange *x, const json_t *hops,
                        struct chy_http_answer *ret)
{
    *ret = (struct chy_http_answer){.status = x->status,
                                    .content_type = x->content_type,
                                    .body = x->body != NULL ? x->body : (const uint8_t *)"",
                                    .body_len = x->body_len,
                                    .truncated = x->truncated,
                                    .hops = hops};
}

enum chy_rc chy_net_http(struct chy_ctx *cx, const struct chy_http_query *q,
                         struct chy_http_answer *ret)
{
    int64_t deadline = exchange_deadline(cx, q);
    json_t *hops = chy_keep_json(cx, json_array());
    unsigned most = q->max_redirects < REDIRECTS_MAX ? q->max_redirects : REDIRECTS_MAX;
    const char *visited[REDIRECTS_MAX + 1];
    struct chy_url url, next;

    if (check_query(cx, q) != CHY_OK ||
        chy_url_read(cx, cx->net, q->url, q->validation, &url) != CHY_OK)
        return CHY_ERR;
    for (unsigned redirects = 0;; redirects++) {
        struct chy_addresses addresses;
        struct chy_exchange x;

        if (chy_addresses_find(cx, cx->net, url.host, url.port, deadline, &addresses) != CHY_OK ||
            try_addresses(cx, q, &url, &addresses, deadline, &x) != CHY_OK)
            return CHY_ERR;
        note_hop(cx, hops, &addresses, &x);
        visited[redirects] = url.text;
        if (!chy_http_follows(q, x.status)) {
            fill_answer(&x, hops, ret);
            return CHY_OK;
        }
        if (redirects == most)
            return chy_fail(cx, &CHY_P_incorrectResponse, "more than %u redirects", most);
        if (chy_url_follow(cx, cx->net, &url, x.location, q->validation, &next) != CHY_OK)
            return CHY_ERR;
        if (was_visited(visited, redirects + 1, next.text))
            return chy_fail(cx, &CHY_P_incorrectResponse, "redirect loop: a URL came twice");
        url = next;
    }
}
