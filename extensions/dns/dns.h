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

/* Read a domain name, with or without "*." in front, and write it in canonical form: lower case.
 * in: n octets, untrusted.  Returns NULL, or what is wrong with it in words for a client; then
 * *ret_type is malformed, or rejectedIdentifier for an IP address. */
const char *dns_name_read(const char *in, size_t n, char out[DNS_NAME_MAX + 1],
                          const struct chy_problem_type **ret_type);
bool dns_is_wildcard(const char *name);
/* The name without "*.". */
const char *dns_base(const char *name);

/* ---- punycode.c ---------------------------------------------------------- */

/* Is this what may follow "xn--" in an A-label (RFC 5891 section 4.2.1)?  in: n lower-case LDH octets.
 * Checks that it decodes (RFC 3492) to characters of which none is ruled out by its block; not yet
 * the tables of IDNA2008. */
bool dns_punycode_valid(const char *in, size_t n);

/* ---- rule.c -------------------------------------------------------------- */

extern const struct chy_policy_item dns_rule[];
enum chy_rc CHY_CHECK dns_permitted(struct chy_ctx *cx, const struct chy_ident *id,
                                    const json_t *rule);

/* ---- csr.c --------------------------------------------------------------- */

enum chy_rc CHY_CHECK dns_from_csr(struct chy_ctx *cx, X509_REQ *csr, json_t *out);

/* ---- ident.c, http01.c, dns01.c ------------------------------------------ */

extern const struct chy_ident_type dns_ident;
extern const struct chy_challenge_type dns_http01, dns_dns01;

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
