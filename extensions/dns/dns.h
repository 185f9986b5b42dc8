/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this module share. */
#ifndef CHY_DNS_DNS_H
#define CHY_DNS_DNS_H

#include <chancery/extension.h>

#define DNS_NAME_MAX 253

/* The host table, kept by init. */
extern const struct chy_host *dns_host;

#define DNS_FAIL(cx, type, ...) CHY_FAIL(dns_host, cx, type, __VA_ARGS__)

/* ---- name.c -------------------------------------------------------------- */

#define DNS_WHY_MAX 512

/* What became of a text that should be a domain name. */
struct dns_name {
    char text[DNS_NAME_MAX + 1];            /* canonical: lower case, A-labels            */
    const struct chy_problem_type *problem; /* malformed, or rejectedIdentifier for an IP address */
    char why[DNS_WHY_MAX];                  /* in words for a client; of the text itself at most
                                             * the A-labels that it should have been */
};

/* Read a domain name, with or without "*." in front.  in: n octets, untrusted.  False, with problem and
 * why set, if it is none. */
bool dns_name_read(const char *in, size_t n, struct dns_name *ret);
bool dns_is_wildcard(const char *name);
/* The name without "*.". */
const char *dns_base(const char *name);

/* ---- idna.c ------------------------------------------------------------- */

/* What is wrong with a label that begins with "xn--" (RFC 5891 section 4), or NULL.  label: at most 63
 * lower-case LDH characters. */
const char *dns_alabel_fault(const char *label);
/* A UTF-8 name in A-labels, as UTS 46 maps it for those who type it; false if it has no such form. */
bool dns_to_alabels(const char *in, char out[DNS_NAME_MAX + 1]);

/* ---- rule.c -------------------------------------------------------------- */

extern const struct chy_policy_item dns_rule[];
enum chy_rc CHY_CHECK dns_permitted(struct chy_ctx *cx, const struct chy_ident *id,
                                    const json_t *rule);
void dns_check_rule(const struct chy_policy_report *r, const json_t *rule);
/* The name of special use that name, without "*.", is or is below (core.md NO-22); else NULL. */
const char *dns_special_suffix(const char *name);

/* ---- suffix.c ------------------------------------------------------------ */

/* The public suffix list; path NULL: Debian's.  One that cannot be read leaves none. */
void dns_suffixes_load(const char *path);
void dns_suffixes_drop(void);
enum chy_rc CHY_CHECK dns_permitted_publicly(struct chy_ctx *cx, const struct chy_ident *id);

/* ---- csr.c --------------------------------------------------------------- */

enum chy_rc CHY_CHECK dns_from_csr(struct chy_ctx *cx, X509_REQ *csr, json_t *out);

/* ---- ident.c, http01.c, dns01.c, tlsalpn01.c ----------------------------- */

extern const struct chy_ident_type dns_ident;
extern const struct chy_challenge_type dns_http01, dns_dns01, dns_tlsalpn01;

/* ---- alpn_cert.c --------------------------------------------------------- */

#define DNS_ALPN_CERT_MAX 8192 /* octets of a certificate that is kept and judged */

/* What is wrong with a certificate that should prove value (a domain name or an address), or NULL.
 * der: n octets, untrusted. */
const char *dns_alpn_fault(const uint8_t *der, size_t n, const char *value,
                           const char *key_authorization);
/* The value of its acmeIdentifier: SHA-256 of the key authorization as a DER OCTET STRING (RFC 8737
 * section 3). */
#define DNS_ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31" /* not the drafts' .30.1 */
#define DNS_ALPN_DIGEST 34
bool dns_alpn_digest(const char *key_authorization, uint8_t out[DNS_ALPN_DIGEST]);

/* ---- address.c ----------------------------------------------------------- */

/* The octets of an IPv4 or IPv6 address, 4 or 16 of them; 0 if value is none. */
size_t dns_address(const char *value, uint8_t out[16]);
/* The name by which a TLS server is asked for value: itself, or of an address the name under which it
 * is looked up backwards (RFC 8738 section 6). */
const char *dns_server_name(struct chy_ctx *cx, const char *value);

/* ---- proof.c: what the challenges have in common ------------------------- */

/* Put a fresh token into what the client sees. */
void dns_offer_token(struct chy_ctx *cx, struct chy_challenge *ch);
/* Compare in a time that depends on the lengths only. */
bool dns_same(const char *a, size_t a_n, const char *b, size_t b_n);
/* base64url of SHA-256, 43 characters (RFC 8555 section 8.4). */
bool dns_digest(const char *text, char out[44]);
/* Say that a proof failed: the reason is recorded, the verdict is final. */
#define DNS_INVALID(cx, verdict, ...)                                                              \
    dns_invalid((verdict), DNS_FAIL(cx, &CHY_P_incorrectResponse, __VA_ARGS__))
enum chy_rc dns_invalid(struct chy_verdict *verdict, enum chy_rc recorded);

#endif
