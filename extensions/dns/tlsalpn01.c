/* SPDX-License-Identifier: Apache-2.0 */
/* The tls-alpn-01 challenge (RFC 8737; RFC 8738 section 6 for addresses; core.md TA-01 to TA-05, I-04).
 * probe shakes hands, step judges the certificate.  Address filter, TLS 1.2 at least, deadlines and the
 * size of what is read are the host's. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "dns.h"

#define PROTOCOL "acme-tls/1"
#define TIMEOUT_MS 20000 /* W-07 */
#define REUSE_S (200 * 86400)
#define BASE64_MAX ((DNS_ALPN_CERT_MAX + 2) / 3 * 4)
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

static enum chy_rc offer(struct chy_ctx *cx, struct chy_challenge *ch, bool *ret_offer)
{
    *ret_offer = !ch->wildcard; /* TA-05 */
    if (*ret_offer)
        dns_offer_token(cx, ch);
    return CHY_OK;
}

/* Base64 of the certificate; NULL where it is too large to be one that was made for this. */
static char *encoded(struct chy_ctx *cx, X509 *cert, int *ret_n)
{
    unsigned char *der = NULL;
    char *text = NULL;

    *ret_n = i2d_X509(cert, &der);
    if (*ret_n > 0 && *ret_n <= DNS_ALPN_CERT_MAX) {
        text = dns_host->alloc(cx, BASE64_MAX + 1);
        EVP_EncodeBlock((unsigned char *)text, der, *ret_n);
    }
    OPENSSL_free(der);
    return text;
}

static enum chy_rc probe(struct chy_ctx *cx, const struct chy_challenge *ch, json_t **ret_evidence)
{
    struct chy_tls_query q = {.host = ch->ident.value,
                              .sni = dns_server_name(cx, ch->ident.value),
                              .alpn = PROTOCOL,
                              .timeout_ms = TIMEOUT_MS};
    struct chy_tls_answer a;
    const char *certificate;
    int size;

    if (dns_host->tls_dial(cx, &q, &a) != CHY_OK)
        return CHY_ERR;
    certificate = encoded(cx, a.peer, &size);
    if (size <= 0)
        return DNS_FAIL(cx, &CHY_P_serverInternal, "certificate cannot be encoded");
    *ret_evidence = json_pack("{s:b, s:I, s:s?, s:O?}", "spoken",
                              a.alpn != NULL && strcmp(a.alpn, PROTOCOL) == 0, "octets",
                              (json_int_t)size, "certificate", certificate, "hop", a.hop);
    if (*ret_evidence == NULL)
        return DNS_FAIL(cx, &CHY_P_serverInternal, "evidence cannot be written");
    return CHY_OK;
}

/* Perspectives are other hosts, so what they send is decoded as strictly as what servers show. */
static const char *judge(const json_t *certificate, const struct chy_challenge *ch)
{
    const char *text = json_string_value(certificate);
    size_t n = json_string_length(certificate), padding = 0;
    uint8_t der[BASE64_MAX / 4 * 3];
    int size;

    if (text == NULL)
        return "it is larger than any made for this";
    if (n == 0 || n > BASE64_MAX || n % 4 != 0)
        return "it cannot be decoded";
    while (padding < 2 && text[n - 1 - padding] == '=')
        padding++;
    /* The decoder passes over white space and takes padding anywhere. */
    if (strspn(text, BASE64) != n - padding)
        return "it cannot be decoded";
    size = EVP_DecodeBlock(der, (const unsigned char *)text, (int)n);
    if (size < (int)padding)
        return "it cannot be decoded";
    return dns_alpn_fault(der, (size_t)size - padding, ch->ident.value, ch->key_authorization);
}

/* A wrong answer is a failed attempt, not yet a verdict: the server may not be ready (core.md C-08). */
static enum chy_rc step(struct chy_ctx *cx, struct chy_challenge *ch, const struct chy_event *ev,
                        struct chy_verdict *out)
{
    const char *wrong;

    if (ev->kind == CHY_EV_INBOUND)
        return CHY_OK; /* nobody sends us anything for it */
    if (ev->evidence == NULL || ch->key_authorization == NULL)
        return DNS_FAIL(cx, &CHY_P_serverInternal, "nothing to judge");
    if (!ev->quorum)
        return DNS_INVALID(cx, out, "%s: too few network perspectives saw the same",
                           ch->ident.value);
    if (!json_is_true(json_object_get(ev->evidence, "spoken")))
        return DNS_FAIL(cx, &CHY_P_tls,
                        "%s: the server does not speak " PROTOCOL " (RFC 8737 section 3)",
                        ch->ident.value);
    wrong = judge(json_object_get(ev->evidence, "certificate"), ch);
    if (wrong != NULL)
        return DNS_FAIL(cx, &CHY_P_incorrectResponse,
                        "%s: the certificate of " PROTOCOL ": %s (RFC 8737 section 3)",
                        ch->ident.value, wrong);
    out->grant = json_pack("{s:s, s:O?}", "method", dns_tlsalpn01.name, "hop",
                           json_object_get(ev->evidence, "hop"));
    if (out->grant == NULL)
        return DNS_FAIL(cx, &CHY_P_serverInternal, "grant cannot be written");
    out->state = CHY_V_VALID;
    return CHY_OK;
}

static const char *const ident_types[] = {"dns", "ip", NULL};

const struct chy_challenge_type dns_tlsalpn01 = {
    .name = "tls-alpn-01",
    .ident_types = ident_types,
    .fallback = &CHY_P_incorrectResponse,
    .binding = CHY_BIND_KEY_AUTHORIZATION,
    .network = CHY_NET_OUTBOUND,
    .perspectives = CHY_MP_NEEDED,
    .wildcard = CHY_YN_NO,
    .subdomain = CHY_YN_NO,
    .caa_method = "tls-alpn-01",
    .max_evidence_age_s = REUSE_S,
    .attempts = 3,
    .interval_s = 5,
    .offer = offer,
    .probe = probe,
    .step = step,
};
