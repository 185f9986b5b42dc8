/* SPDX-License-Identifier: Apache-2.0 */
/* The process's view of the network: settings, resolver, filter.  The work is in resolver.c, http.c
 * and tls.c. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"
#include "core/net/internal.h"

#define DNS_TIMEOUT_MS 10000

static struct chy_prefix *copy_prefixes(const struct chy_prefix *from, size_t n)
{
    struct chy_prefix *p = calloc(n + 1, sizeof *p);

    if (p == NULL)
        abort();
    if (n > 0)
        memcpy(p, from, n * sizeof *p);
    return p;
}

/* A peer that goes away must not end the process; libcurl and OpenSSL write to closed sockets. */
static void ignore_sigpipe(void)
{
    struct sigaction now;

    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

enum chy_rc chy_net_new(struct chy_ctx *cx, const struct chy_net_config *config,
                        struct chy_net **ret)
{
    struct chy_resolver *resolver;
    struct chy_net *net;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return chy_fault_internal(cx, "libcurl does not start");
    if (chy_resolver_new(cx, config, &resolver) != CHY_OK) {
        curl_global_cleanup();
        return CHY_ERR;
    }
    ignore_sigpipe();
    net = calloc(1, sizeof *net);
    if (net == NULL)
        abort();
    net->resolver = resolver;
    net->allow = copy_prefixes(config->allow, config->n_allow);
    net->n_allow = config->n_allow;
    net->deny = copy_prefixes(config->deny, config->n_deny);
    net->n_deny = config->n_deny;
    net->http_port = config->http_port != 0 ? config->http_port : 80;
    net->https_port = config->https_port != 0 ? config->https_port : 443;
    net->dns_timeout_ms = config->dns_timeout_ms != 0 ? config->dns_timeout_ms : DNS_TIMEOUT_MS;
    net->user_agent =
        strdup(config->user_agent != NULL ? config->user_agent : "Chancery/" CHY_VERSION);
    if (net->user_agent == NULL)
        abort();
    *ret = net;
    return CHY_OK;
}

void chy_net_free(struct chy_net *net)
{
    if (net == NULL)
        return;
    chy_resolver_free(net->resolver);
    free(net->allow);
    free(net->deny);
    free(net->user_agent);
    free(net);
    curl_global_cleanup();
}
