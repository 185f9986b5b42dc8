/* SPDX-License-Identifier: Apache-2.0 */
/* Can a client on this very host prove a name to this very CA?  Asked of the code that validation
 * itself uses, so that what is suggested works and what cannot work is said. */
#include "services/chancery/trial.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/net/config.h"
#include "services/chancery/commands.h"
#include "services/chancery/probe.h"

#define LOOKUP_MS 3000
#define RR_A 1
#define RR_AAAA 28

struct address {
    struct sockaddr_storage sa;
    char text[INET6_ADDRSTRLEN];
};

static bool read_address(const struct chy_rdata *r, struct address *ret)
{
    struct sockaddr_in *four = (struct sockaddr_in *)&ret->sa;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&ret->sa;

    memset(ret, 0, sizeof *ret);
    if (r->n == sizeof four->sin_addr) {
        four->sin_family = AF_INET;
        memcpy(&four->sin_addr, r->b, r->n);
        return inet_ntop(AF_INET, r->b, ret->text, sizeof ret->text) != NULL;
    }
    if (r->n != sizeof six->sin6_addr)
        return false;
    six->sin6_family = AF_INET6;
    memcpy(&six->sin6_addr, r->b, r->n);
    return inet_ntop(AF_INET6, r->b, ret->text, sizeof ret->text) != NULL;
}

/* Whom validation asks, in words. */
static const char *resolver_text(struct chy_ctx *cx, const struct chy_net_config *config)
{
    char *text = chy_fmt(cx, "%s", "");

    for (size_t i = 0; i < config->n_stubs; i++)
        text = chy_fmt(cx, "%s%s for %s, ", text, config->stubs[i].address, config->stubs[i].zone);
    for (size_t i = 0; i < config->n_forwarders; i++)
        text = chy_fmt(cx, "%s%s, ", text, config->forwarders[i]);
    if (config->n_forwarders == 0)
        text = chy_fmt(cx, "%sthe Internet's name servers%s, ", text,
                       config->n_stubs > 0 ? " for all else" : "");
    text[strlen(text) - 2] = '\0';
    return text;
}

/* The first address of the name: fewer than validation tries, but each of those must do. */
static const char *find_address(struct chy_ctx *cx, const struct chy_node *node,
                                const struct chy_net_config *config, const char *name,
                                struct address *ret)
{
    static const uint16_t types[] = {RR_AAAA, RR_A}; /* in the order in which validation connects */
    const char *why = "it has no address";

    cx->net_until_ms = chy_clock_ms() + LOOKUP_MS;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct chy_dns_answer answer;

        if (chy_net_dns(cx, name, types[i], &answer) != CHY_OK) {
            why = chy_cli_reason(cx);
            chy_problem_clear(cx);
        } else if (answer.n > 0 && read_address(&answer.rdata[0], ret)) {
            return NULL;
        }
    }
    return chy_fmt(cx,
                   "a name that resolves to this host.  %s does not: %s (validation asks %s).  "
                   "Serve its zone and name the server in validation.resolver.stubs of %s, or "
                   "certify a domain of yours: chancery init --dns-suffix YOUR.DOMAIN",
                   name, why, resolver_text(cx, config), node->path);
}

static const char *judge_address(struct chy_ctx *cx, const struct chy_node *node, const char *name,
                                 const struct address *a, bool privileged)
{
    json_t *port = json_object_get(node->validation, "http-port");
    unsigned number = port != NULL ? (unsigned)json_integer_value(port) : 80;
    const char *why;

    if (!chy_net_may_connect(cx->net, (const struct sockaddr *)&a->sa))
        return chy_fmt(cx,
                       "leave to connect to %s, the address of %s: add its network to "
                       "validation.allow in %s, then restart",
                       a->text, name, node->path);
    if (!chy_probe_local(a->text))
        return chy_fmt(cx, "a client on the host with the address %s: %s resolves to it", a->text,
                       name);
    if (chy_probe_port(cx, a->text, number, privileged, "validation.http-port") == CHY_OK)
        return NULL;
    why = chy_cli_reason(cx);
    chy_problem_clear(cx);
    return chy_fmt(cx, "a port for the client, who is asked at %s", why);
}

const char *chy_trial_obstacle(struct chy_ctx *cx, const struct chy_node *node, const char *name,
                               bool privileged)
{
    struct chy_net_config config = {0};
    struct address address;
    const char *why;

    if (chy_net_config_read(cx, node->validation, &config) != CHY_OK ||
        chy_net_new(cx, &config, &cx->net) != CHY_OK) {
        why = chy_cli_reason(cx);
        chy_problem_clear(cx);
        return why;
    }
    why = find_address(cx, node, &config, name, &address);
    if (why == NULL)
        why = judge_address(cx, node, name, &address, privileged);
    chy_net_free(cx->net);
    cx->net = NULL;
    return why;
}
