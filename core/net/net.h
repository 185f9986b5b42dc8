/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at the world: DNS, HTTP and TLS for validation, behind one address filter. */
#ifndef CHY_NET_NET_H
#define CHY_NET_NET_H

#include <sys/socket.h>

#include "core/base/cx.h"
#include "core/base/prefix.h"

/* Settings, from node.yaml.  All strings are copied. */
struct chy_net_config {
    const char *const *forwarders; /* "192.0.2.53", "127.0.0.1@5353"; empty: full recursion */
    size_t n_forwarders;
    struct chy_net_stub {
        const char *zone;    /* "chancery.example" */
        const char *address; /* "127.0.0.1@5353"   */
    } const *stubs;
    size_t n_stubs;
    const char *const *trust_anchors; /* DS or DNSKEY lines in zone file form              */
    size_t n_trust_anchors;
    const char *root_anchor_file;   /* NULL: no root anchor                              */
    bool query_localhost;           /* resolver may ask servers on 127.0.0.0/8           */
    const struct chy_prefix *allow; /* ranges allowed in spite of the built-in deny list */
    size_t n_allow;
    const struct chy_prefix *deny; /* own infrastructure; beats allow                   */
    size_t n_deny;
    unsigned http_port, https_port; /* 80, 443; others only for tests                    */
    unsigned dns_timeout_ms;        /* whole query; 0: 10,000                            */
    const char *user_agent;
};

struct chy_net;

/* One per process; safe for use by several threads.  Fails, naming the setting, when the resolver
 * does not take it. */
enum chy_rc CHY_CHECK chy_net_new(struct chy_ctx *cx, const struct chy_net_config *config,
                                  struct chy_net **ret);
void chy_net_free(struct chy_net *net);

/* May this address be connected to (core.md W-20..W-23)? */
bool chy_net_may_connect(const struct chy_net *net, const struct sockaddr *sa);

/* The host table's network functions: same meaning as in extension.h, on cx->net.  Failures are
 * problems of type dns, connection, tls, incorrectResponse. */
enum chy_rc CHY_CHECK chy_net_dns(struct chy_ctx *cx, const char *name, uint16_t rrtype,
                                  struct chy_dns_answer *ret);
enum chy_rc CHY_CHECK chy_net_http(struct chy_ctx *cx, const struct chy_http_query *q,
                                   struct chy_http_answer *ret);
enum chy_rc CHY_CHECK chy_net_tls(struct chy_ctx *cx, const struct chy_tls_query *q,
                                  struct chy_tls_answer *ret);

#endif
