/* SPDX-License-Identifier: Apache-2.0 */
/* The http-01 challenge (RFC 8555 section 8.3; core.md W-01 to W-11).  probe fetches, step judges.
 * Redirects, address filter and deadlines are the host's. */
#include <string.h>

#include "dns.h"

#define BODY_MAX 4096    /* octets read (W-06) */
#define EVIDENCE_MAX 512 /* octets kept: a key authorization has 87 */
#define REDIRECTS_MAX 10 /* W-02 */
#define TIMEOUT_MS 20000 /* W-07 */
#define REUSE_S (200 * 86400)

static enum chy_rc offer(struct chy_ctx *cx, struct chy_challenge *ch, bool *ret_offer)
{
    *ret_offer = !ch->wildcard; /* W-10 */
    if (*ret_offer)
        dns_offer_token(cx, ch);
    return CHY_OK;
}

/* The body's text without the white space at its end (section 8.3: trailing white space is ignored);
 * NULL where it is not text that a key authorization could be, so that nothing else is kept. */
static char *body_text(struct chy_ctx *cx, const struct chy_http_answer *a)
{
    size_t n = a->body_len;

    while (n > 0 && memchr(" \t\r\n", a->body[n - 1], 4) != NULL)
        n--;
    if (a->truncated || n > EVIDENCE_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (a->body[i] <= ' ' || a->body[i] > '~')
            return NULL;
    return dns_host->fmt(cx, "%.*s", (int)n, (const char *)a->body);
}

static enum chy_rc probe(struct chy_ctx *cx, const struct chy_challenge *ch, json_t **ret_evidence)
{
    const char *token = json_string_value(json_object_get(ch->shown, "token"));
    bool bare_v6 = strchr(ch->ident.value, ':') != NULL; /* an ip identifier (RFC 8738) */
    struct chy_http_query q = {.max_body = BODY_MAX,
                               .truncate = true,
                               .max_redirects = REDIRECTS_MAX,
                               .timeout_ms = TIMEOUT_MS,
                               .validation = true};
    struct chy_http_answer a;
    const char *text;

    if (token == NULL)
        return DNS_FAIL(cx, &CHY_P_serverInternal, "challenge has no token");
    q.url = dns_host->fmt(cx,
                          bare_v6 ? "http://[%s]/.well-known/acme-challenge/%s"
                                  : "http://%s/.well-known/acme-challenge/%s",
                          ch->ident.value, token);
    if (dns_host->http(cx, &q, &a) != CHY_OK)
        return CHY_ERR;
    text = body_text(cx, &a);
    *ret_evidence =
        json_pack("{s:I, s:I, s:b, s:s?, s:O?}", "status", (json_int_t)a.status, "octets",
                  (json_int_t)a.body_len, "truncated", a.truncated, "text", text, "hops", a.hops);
    if (*ret_evidence == NULL)
        return DNS_FAIL(cx, &CHY_P_serverInternal, "evidence cannot be written");
    return CHY_OK;
}

/* Of the way here, where it began and where it ended: the grant stays as long as the authorization. */
static json_t *first_and_last(const json_t *hops)
{
    size_t n = json_array_size(hops);
    json_t *ends = json_array();

    if (n > 0)
        json_array_append(ends, json_array_get(hops, 0));
    if (n > 1)
        json_array_append(ends, json_array_get(hops, n - 1));
    return ends;
}

/* A wrong answer is a failed attempt, not yet a verdict: the server may not be ready (core.md C-08). */
static enum chy_rc step(struct chy_ctx *cx, struct chy_challenge *ch, const struct chy_event *ev,
                        struct chy_verdict *out)
{
    json_int_t status = json_integer_value(json_object_get(ev->evidence, "status"));
    const json_t *text = json_object_get(ev->evidence, "text");
    const json_t *hops = json_object_get(ev->evidence, "hops");
    json_t *grant;

    if (ev->kind == CHY_EV_INBOUND)
        return CHY_OK; /* nobody sends us anything for it */
    if (ev->evidence == NULL || ch->key_authorization == NULL)
        return DNS_FAIL(cx, &CHY_P_serverInternal, "nothing to judge");
    if (!ev->quorum)
        return DNS_INVALID(cx, out, "%s: too few network perspectives saw the same",
                           ch->ident.value);
    if (status != 200)
        return DNS_FAIL(cx, &CHY_P_incorrectResponse,
                        "%s: HTTP status %d instead of 200 (RFC 8555 section 8.3)", ch->ident.value,
                        (int)status);
    if (!json_is_string(text) || !dns_same(json_string_value(text), json_string_length(text),
                                           ch->key_authorization, strlen(ch->key_authorization)))
        return DNS_FAIL(cx, &CHY_P_incorrectResponse,
                        "%s: the body is not the key authorization (RFC 8555 section 8.3)",
                        ch->ident.value);
    grant = json_pack("{s:s, s:o}", "method", dns_http01.name, "hops", first_and_last(hops));
    if (grant == NULL)
        return DNS_FAIL(cx, &CHY_P_serverInternal, "grant cannot be written");
    out->grant = grant;
    out->state = CHY_V_VALID;
    return CHY_OK;
}

static const char *const ident_types[] = {"dns", "ip", NULL};

const struct chy_challenge_type dns_http01 = {
    .name = "http-01",
    .ident_types = ident_types,
    .fallback = &CHY_P_incorrectResponse,
    .binding = CHY_BIND_KEY_AUTHORIZATION,
    .network = CHY_NET_OUTBOUND,
    .perspectives = CHY_MP_NEEDED,
    .wildcard = CHY_YN_NO,
    .subdomain = CHY_YN_NO,
    .caa_method = "http-01",
    .max_evidence_age_s = REUSE_S,
    .attempts = 3,
    .interval_s = 5,
    .offer = offer,
    .probe = probe,
    .step = step,
};
