/* SPDX-License-Identifier: Apache-2.0 */
/* Which name servers the resolver does not ask (core.md W-20 to W-23).  A zone is whose it is, and so
 * is its choice of name servers: one that names 10.0.0.5 or 169.254.169.254 would make us talk to a
 * neighbour.  libunbound knows ranges not to ask, but no exceptions from them, so the exceptions are
 * cut out here.  ISATAP addresses under public prefixes are no range and stay reachable; servers there
 * get DNS questions and nothing else. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"
#include "core/net/internal.h"

#define RANGES_MAX 10000

struct ranges {
    struct chy_prefix *p;
    size_t n, size;
};

static void add_range(struct chy_ctx *cx, struct ranges *r, const struct chy_prefix *p)
{
    if (r->n == r->size) {
        struct chy_prefix *larger = chy_alloc(cx, (r->size * 2 + 64) * sizeof *larger);

        if (r->n > 0)
            memcpy(larger, r->p, r->n * sizeof *larger);
        r->p = larger;
        r->size = r->size * 2 + 64;
    }
    r->p[r->n++] = *p;
}

/* Add p without hole, which lies within it: of every halving, the half without the hole. */
static void add_around(struct chy_ctx *cx, struct ranges *r, struct chy_prefix p,
                       const struct chy_prefix *hole)
{
    while (p.bits < hole->bits) {
        unsigned octet = p.bits / 8;
        uint8_t bit = (uint8_t)(0x80u >> (p.bits % 8));
        struct chy_prefix other;

        p.bits++;
        p.b[octet] |= hole->b[octet] & bit;
        other = p;
        other.b[octet] ^= bit;
        add_range(cx, r, &other);
    }
}

static struct ranges cut_out(struct chy_ctx *cx, const struct ranges *from,
                             const struct chy_prefix *hole)
{
    struct ranges left = {0};

    for (size_t i = 0; i < from->n; i++) {
        if (chy_prefix_covers(hole, &from->p[i]))
            continue;
        if (chy_prefix_covers(&from->p[i], hole))
            add_around(cx, &left, from->p[i], hole);
        else
            add_range(cx, &left, &from->p[i]);
    }
    return left;
}

/* A server's address, "192.0.2.53" or "127.0.0.1@5353".  What cannot be read libunbound refuses. */
static void cut_server(struct chy_ctx *cx, struct ranges *r, const char *address)
{
    size_t n = strcspn(address, "@#");
    struct chy_prefix hole;

    if (n < INET6_ADDRSTRLEN && chy_prefix_read(&hole, chy_fmt(cx, "%.*s", (int)n, address)))
        *r = cut_out(cx, r, &hole);
}

static void add_builtin(struct chy_ctx *cx, struct ranges *r, bool want_final)
{
    const struct chy_prefix *p;
    bool final;

    for (size_t i = 0; (p = chy_prefix_denied(i, &final)) != NULL; i++)
        if (final == want_final)
            add_range(cx, r, p);
}

/* In the order of the filter: what is allowed opens the built-in list, not what config denies. */
static struct ranges collect(struct chy_ctx *cx, const struct chy_net_config *config)
{
    static const char *const loopback[] = {"127.0.0.0/8", "::1/128"};
    struct ranges r = {0};

    add_builtin(cx, &r, false);
    for (size_t i = 0; i < config->n_allow && r.n <= RANGES_MAX; i++)
        r = cut_out(cx, &r, &config->allow[i]);
    for (size_t i = 0; config->query_localhost && i < 2; i++)
        cut_server(cx, &r, loopback[i]);
    add_builtin(cx, &r, true);
    for (size_t i = 0; i < config->n_deny; i++)
        add_range(cx, &r, &config->deny[i]);
    for (size_t i = 0; i < config->n_forwarders && r.n <= RANGES_MAX; i++)
        cut_server(cx, &r, config->forwarders[i]);
    for (size_t i = 0; i < config->n_stubs && r.n <= RANGES_MAX; i++)
        cut_server(cx, &r, config->stubs[i].address);
    return r;
}

static const char *range_text(struct chy_ctx *cx, const struct chy_prefix *p)
{
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(p->family, p->b, text, sizeof text);
    return chy_fmt(cx, "%s/%u", text, p->bits);
}

enum chy_rc chy_servers_denied(struct chy_ctx *cx, const struct chy_net_config *config,
                               const char *const **ret, size_t *ret_n)
{
    struct ranges r = collect(cx, config);
    const char **texts;

    if (r.n > RANGES_MAX)
        return chy_fail(cx, &CHY_P_malformed, "validation: allow: too many ranges");
    texts = chy_alloc(cx, (r.n + 1) * sizeof *texts);
    for (size_t i = 0; i < r.n; i++)
        texts[i] = range_text(cx, &r.p[i]);
    *ret = texts;
    *ret_n = r.n;
    return CHY_OK;
}
