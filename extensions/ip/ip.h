/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this module share. */
#ifndef CHY_IP_IP_H
#define CHY_IP_IP_H

#include <chancery/extension.h>

#define IP_TEXT_MAX 45 /* octets of the longest text form */
#define IP_WHY_MAX 256

/* The host table, kept by init. */
extern const struct chy_host *ip_host;

#define IP_FAIL(cx, type, ...) CHY_FAIL(ip_host, cx, type, __VA_ARGS__)

/* ---- address.c ----------------------------------------------------------- */

struct ip_address {
    uint8_t b[16];
    size_t n; /* 4 or 16: octets, as an iPAddress has them (RFC 5280 section 4.2.1.6) */
};

/* Read the canonical text of an address: dotted decimal (RFC 1123 section 2.1) or RFC 5952.  in: n
 * octets, untrusted.  False, with why in words for a client, if it is none, or not canonical. */
bool ip_read(const char *in, size_t n, struct ip_address *ret, char why[IP_WHY_MAX]);
/* Its canonical text. */
void ip_text(const struct ip_address *a, char out[IP_TEXT_MAX + 1]);
/* Does it carry an IPv4 address in the form of another (RFC 4291 section 2.5.5)? */
bool ip_embeds_ipv4(const struct ip_address *a);

/* ---- range.c ------------------------------------------------------------- */

struct ip_range {
    struct ip_address first;
    unsigned bits;
};

/* Read "10.0.0.0/8", "2001:db8::/32" or an address, which is the range of itself alone.  False, with
 * why, if it is neither or has bits set behind the prefix. */
bool ip_range_read(const char *text, struct ip_range *ret, char why[IP_WHY_MAX]);
bool ip_range_has(const struct ip_range *r, const struct ip_address *a);
/* Is inner within r, or r itself? */
bool ip_range_covers(const struct ip_range *r, const struct ip_range *inner);

/* ---- special.c ----------------------------------------------------------- */

/* The range of special use (IANA's registries, RFC 6890) that has the address, and what it is for in
 * *ret_use; NULL if it is one that is somebody's alone. */
const struct ip_range *ip_special(const struct ip_address *a, const char **ret_use);
/* Can nobody hold it: this network, multicast, reserved, broadcast, an IPv4 address in disguise? */
bool ip_is_no_host(const struct ip_address *a);

/* ---- rule.c -------------------------------------------------------------- */

extern const struct chy_policy_item ip_rule[];
void ip_check_rule(const struct chy_policy_report *r, const json_t *rule);
enum chy_rc CHY_CHECK ip_permitted(struct chy_ctx *cx, const struct chy_ident *id,
                                   const json_t *rule);
enum chy_rc CHY_CHECK ip_permitted_publicly(struct chy_ctx *cx, const struct chy_ident *id);

/* ---- ident.c ------------------------------------------------------------- */

extern const struct chy_ident_type ip_ident;

#endif
