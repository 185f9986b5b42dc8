/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of core/net share; not for other folders. */
#ifndef CHY_NET_INTERNAL_H
#define CHY_NET_INTERNAL_H

#include <netinet/in.h>

#include <curl/curl.h>

#include "core/net/net.h"

struct chy_resolver;
struct chy_lookup;

struct chy_net {
    struct chy_resolver *resolver;
    struct chy_prefix *allow, *deny;
    size_t n_allow, n_deny;
    unsigned http_port, https_port;
    unsigned dns_timeout_ms;
    char *user_agent;
};

/* The earlier of deadline and what is left to the whole unit of work (cx->net_until_ms). */
static inline int64_t chy_net_until(const struct chy_ctx *cx, int64_t deadline)
{
    return cx->net_until_ms != 0 && cx->net_until_ms < deadline ? cx->net_until_ms : deadline;
}

/* ---- filter.c ------------------------------------------------------------ */

/* The built-in deny list, one range after the other; NULL at its end.  *ret_final: no allow-list opens
 * it (core.md W-21). */
const struct chy_prefix *chy_prefix_denied(size_t i, bool *ret_final);

/* ---- servers.c ----------------------------------------------------------- */

/* The ranges in which no name server is asked, as the text that libunbound reads: what the address
 * filter denies, without what config allows and without the forwarders and stubs that it names.
 * Arena.  Fails: malformed, when config opens so many places that the list would have no end. */
enum chy_rc CHY_CHECK chy_servers_denied(struct chy_ctx *cx, const struct chy_net_config *config,
                                         const char *const **ret, size_t *ret_n);

/* ---- resolver.c ---------------------------------------------------------- */

enum chy_rc CHY_CHECK chy_resolver_new(struct chy_ctx *cx, const struct chy_net_config *config,
                                       struct chy_resolver **ret);
void chy_resolver_free(struct chy_resolver *r);

/* Ask, without waiting.  name: LDH and '_', 1..253 octets.  Every lookup that was started must be
 * waited for exactly once.  Fails: dns. */
enum chy_rc CHY_CHECK chy_lookup_start(struct chy_ctx *cx, struct chy_resolver *r, const char *name,
                                       uint16_t rrtype, struct chy_lookup **ret);
/* The answer, or dns when there is none until deadline (of chy_clock_ms).  *ret_bogus, if not NULL,
 * says on CHY_ERR whether DNSSEC validation was what failed. */
enum chy_rc CHY_CHECK chy_lookup_wait(struct chy_ctx *cx, struct chy_lookup *l, int64_t deadline,
                                      struct chy_dns_answer *ret, bool *ret_bogus);

/* ---- address.c ----------------------------------------------------------- */

/* Where a host may be reached: one address a family, because one fallback is all that is tried
 * (core.md W-03).  try[0] is IPv6 if there is one. */
struct chy_addresses {
    struct sockaddr_storage try[2];
    size_t n; /* 1 or 2 */
    enum chy_dnssec dnssec;
    json_t *all;  /* the addresses that the host has, also refused ones; of many the first; arena */
    size_t found; /* how many it has */
};

/* Is it an IPv4 or IPv6 address in text form?  Sets the address with port 0. */
bool chy_address_read(const char *host, struct sockaddr_storage *ret);
void chy_address_set_port(struct sockaddr_storage *sa, unsigned port);
socklen_t chy_address_size(const struct sockaddr_storage *sa);
/* Numeric text without port, without brackets. */
char *chy_address_text(struct chy_ctx *cx, const struct sockaddr_storage *sa);
bool chy_address_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* Addresses of a host (name or address) that the filter lets through, with port set.  Fails: dns
 * where it has none, connection where it has none that may be used. */
enum chy_rc CHY_CHECK chy_addresses_find(struct chy_ctx *cx, const struct chy_net *net,
                                         const char *host, unsigned port, int64_t deadline,
                                         struct chy_addresses *ret);

/* ---- url.c --------------------------------------------------------------- */

struct chy_url {
    CURLU *handle; /* what the request is made of: the same parts that were checked; arena */
    const char *text;
    const char *host; /* lower case, without brackets */
    bool https;
    bool literal;  /* host is an address */
    unsigned port; /* to connect to */
};

/* The first URL of an exchange, from a module: a mistake in it is an internal fault. */
enum chy_rc CHY_CHECK chy_url_read(struct chy_ctx *cx, const struct chy_net *net, const char *text,
                                   bool validation, struct chy_url *ret);
/* Where a Location header (NULL: there was none) leads from a URL.  Fails: incorrectResponse where
 * the header breaks the rules, connection where it leads to a place that is never connected to. */
enum chy_rc CHY_CHECK chy_url_follow(struct chy_ctx *cx, const struct chy_net *net,
                                     const struct chy_url *from, const char *location,
                                     bool validation, struct chy_url *ret);

/* ---- exchange.c ---------------------------------------------------------- */

/* One request and its answer. */
struct chy_exchange {
    const struct chy_net *net;
    const struct chy_http_query *q;
    const struct chy_url *url;
    struct sockaddr_storage address;
    bool last; /* no other address is left to try */
    int64_t deadline;

    /* filled in */
    long status;
    const char *location; /* NULL: none */
    const char *content_type;
    uint8_t *body;
    size_t body_len, body_size;
    bool truncated;
    bool unreached; /* on CHY_ERR: no connection came about, another address may do */

    /* of the callbacks */
    struct chy_ctx *cx;
    CURL *curl;
    size_t header_octets;
    bool headers_too_big, body_too_big, stopped, refused;
};

/* Is this a redirect that is followed under the query's rules? */
bool chy_http_follows(const struct chy_http_query *q, long status);
enum chy_rc CHY_CHECK chy_exchange_run(struct chy_ctx *cx, struct chy_exchange *x);

#endif
