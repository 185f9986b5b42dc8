/* SPDX-License-Identifier: Apache-2.0 */
/* The dns-01 challenge (RFC 8555 section 8.4; core.md ).  probe looks up, step judges.
 * DNSSEC validation, CNAMEs and caching are the host's. */
#include <string.h>

#include "dns.h"

#define PREFIX "_acme-challenge."
#define TYPE_TXT 16
#define VALUE_LENGTH 43    /* base64url of a SHA-256 */
#define CANDIDATES_MAX 100 /* values of that shape that are kept */
#define REUSE_S (200 * 86400)

/* NO-25: the name must have room for the prefix. */
static enum chy_rc offer(struct chy_ctx *cx, struct chy_challenge *ch, bool *ret_offer)
{
    *ret_offer = strlen(ch->ident.value) <= DNS_NAME_MAX - strlen(PREFIX);
    if (*ret_offer)
        dns_offer_token(cx, ch);
    return CHY_OK;
}

/* Join the character-strings of a TXT record (RFC 1035 section 3.3.14).  False if the record is
 * malformed, or the text is not one that a proof could be: exactly 43 base64url characters. */
static bool read_value(const struct chy_rdata *rd, char out[VALUE_LENGTH + 1])
{
    size_t n = 0;

    for (size_t at = 0; at < rd->n;) {
        size_t length = rd->b[at++];

        if (length > rd->n - at || length > VALUE_LENGTH - n)
            return false;
        memcpy(out + n, rd->b + at, length);
        n += length;
        at += length;
    }
    out[n] = '\0';
    return n == VALUE_LENGTH && strspn(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                            "0123456789-_") == VALUE_LENGTH;
}

static json_t *candidates(const struct chy_dns_answer *a)
{
    json_t *values = json_array();

    for (size_t i = 0; i < a->n && json_array_size(values) < CANDIDATES_MAX; i++) {
        char value[VALUE_LENGTH + 1];

        if (read_value(&a->rdata[i], value))
            json_array_append_new(values, json_string(value));
    }
    return values;
}

static enum chy_rc probe(struct chy_ctx *cx, const struct chy_challenge *ch, json_t **ret_evidence)
{
    const char *name = dns_host->fmt(cx, PREFIX "%s", ch->ident.value);
    struct chy_dns_answer a;

    if (dns_host->dns_query(cx, name, TYPE_TXT, &a) != CHY_OK)
        return CHY_ERR;
    if (a.rcode != 0)
        return DNS_FAIL(cx, &CHY_P_dns, "%s TXT: no such name (NXDOMAIN)", name);
    if (a.n == 0)
        return DNS_FAIL(cx, &CHY_P_incorrectResponse, "%s: no TXT record (RFC 8555 section 8.4)",
                        name);
    *ret_evidence =
        json_pack("{s:s, s:s, s:I, s:o, s:s}", "name", name, "canonical",
                  a.canonical != NULL ? a.canonical : name, "records", (json_int_t)a.n, "values",
                  candidates(&a), "dnssec", a.dnssec == CHY_DNSSEC_SECURE ? "secure" : "insecure");
    if (*ret_evidence == NULL)
        return DNS_FAIL(cx, &CHY_P_serverInternal, "evidence cannot be written");
    return CHY_OK;
}

static bool any_is(const json_t *values, const char *expected)
{
    bool found = false;
    size_t i;
    json_t *value;

    json_array_foreach(values, i, value)
    {
        if (json_is_string(value))
            found |= dns_same(json_string_value(value), json_string_length(value), expected,
                              strlen(expected));
    }
    return found;
}

static enum chy_rc step(struct chy_ctx *cx, struct chy_challenge *ch, const struct chy_event *ev,
                        struct chy_verdict *out)
{
    char expected[VALUE_LENGTH + 1];

    if (ev->kind == CHY_EV_INBOUND)
        return CHY_OK; /* nobody sends us anything for it */
    if (ev->evidence == NULL || ch->key_authorization == NULL ||
        !dns_digest(ch->key_authorization, expected))
        return DNS_FAIL(cx, &CHY_P_serverInternal, "nothing to judge");
    if (!ev->quorum)
        return DNS_INVALID(cx, out, PREFIX "%s: too few network perspectives saw the same",
                           ch->ident.value);
    /* Ours may still be on its way to the servers: a failed attempt, not yet a verdict. */
    if (!any_is(json_object_get(ev->evidence, "values"), expected))
        return DNS_FAIL(cx, &CHY_P_incorrectResponse,
                        PREFIX "%s: none of %d TXT records is the digest of the key authorization "
                               "(RFC 8555 section 8.4)",
                        ch->ident.value,
                        (int)json_integer_value(json_object_get(ev->evidence, "records")));
    out->state = CHY_V_VALID;
    out->grant = json_pack("{s:s, s:O?, s:O?, s:O?}", "method", dns_dns01.name, "name",
                           json_object_get(ev->evidence, "name"), "canonical",
                           json_object_get(ev->evidence, "canonical"), "dnssec",
                           json_object_get(ev->evidence, "dnssec"));
    return CHY_OK;
}

static const char *const ident_types[] = {"dns", NULL};

const struct chy_challenge_type dns_dns01 = {
    .name = "dns-01",
    .ident_types = ident_types,
    .fallback = &CHY_P_incorrectResponse,
    .binding = CHY_BIND_KEY_AUTHORIZATION,
    .network = CHY_NET_OUTBOUND,
    .perspectives = CHY_MP_NEEDED,
    .wildcard = CHY_YN_YES,
    .subdomain = CHY_YN_YES,
    .caa_method = "dns-01",
    .max_evidence_age_s = REUSE_S,
    .attempts = 3,
    .interval_s = 5,
    .offer = offer,
    .probe = probe,
    .step = step,
};
