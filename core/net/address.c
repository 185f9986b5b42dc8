/* SPDX-License-Identifier: Apache-2.0 */
/* From a host to the addresses that may be connected to (core.md W-03, W-11, W-20).  Looks up A and
 * AAAA at once; does not connect. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/net/internal.h"

#define TYPE_A 1
#define TYPE_AAAA 28
#define NOTED_MAX 16 /* addresses kept as evidence: a zone may have hundreds */

bool chy_address_read(const char *host, struct sockaddr_storage *ret)
{
    struct sockaddr_storage sa = {0};

    if (inet_pton(AF_INET, host, &((struct sockaddr_in *)&sa)->sin_addr) == 1)
        sa.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &((struct sockaddr_in6 *)&sa)->sin6_addr) == 1)
        sa.ss_family = AF_INET6;
    else
        return false;
    *ret = sa;
    return true;
}

void chy_address_set_port(struct sockaddr_storage *sa, unsigned port)
{
    if (sa->ss_family == AF_INET)
        ((struct sockaddr_in *)sa)->sin_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in6 *)sa)->sin6_port = htons((uint16_t)port);
}

socklen_t chy_address_size(const struct sockaddr_storage *sa)
{
    return sa->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

char *chy_address_text(struct chy_ctx *cx, const struct sockaddr_storage *sa)
{
    char text[INET6_ADDRSTRLEN] = "";

    if (sa->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)sa)->sin_addr, text, sizeof text);
    else
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)sa)->sin6_addr, text, sizeof text);
    return chy_arena_strdup(cx->arena, text);
}

bool chy_address_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *x = (const void *)a, *y = (const void *)b;

        return x->sin_addr.s_addr == y->sin_addr.s_addr && x->sin_port == y->sin_port;
    }
    const struct sockaddr_in6 *x = (const void *)a, *y = (const void *)b;

    return memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0 &&
           x->sin6_port == y->sin6_port && x->sin6_scope_id == y->sin6_scope_id;
}

/* Take the first address of an answer that the filter lets through; note those that come first. */
static void pick_address(struct chy_ctx *cx, const struct chy_net *net,
                         const struct chy_dns_answer *answer, sa_family_t family,
                         struct chy_addresses *a)
{
    size_t size = family == AF_INET ? 4 : 16;
    bool picked = false;

    for (size_t i = 0; i < answer->n; i++) {
        struct sockaddr_storage sa = {.ss_family = family};
        void *octets = family == AF_INET ? (void *)&((struct sockaddr_in *)&sa)->sin_addr
                                         : (void *)&((struct sockaddr_in6 *)&sa)->sin6_addr;

        if (answer->rdata[i].n != size)
            continue;
        memcpy(octets, answer->rdata[i].b, size);
        if (a->found++ < NOTED_MAX)
            json_array_append_new(a->all, json_string(chy_address_text(cx, &sa)));
        if (picked || !chy_net_may_connect(net, (const struct sockaddr *)&sa))
            continue;
        a->try[a->n++] = sa;
        picked = true;
    }
}

/* Ask for AAAA and A at the same time.  One of the two may fail, as servers exist that break on AAAA;
 * but not for a reason that smells of an attack. */
static enum chy_rc look_up(struct chy_ctx *cx, const struct chy_net *net, const char *host,
                           int64_t deadline, struct chy_dns_answer answers[2])
{
    static const uint16_t types[2] = {TYPE_AAAA, TYPE_A};
    struct chy_lookup *lookups[2];
    struct chy_problem first = {0};
    unsigned good = 0;
    bool any_bogus = false;

    if (chy_lookup_start(cx, net->resolver, host, types[0], &lookups[0]) != CHY_OK)
        return CHY_ERR;
    if (chy_lookup_start(cx, net->resolver, host, types[1], &lookups[1]) != CHY_OK)
        lookups[1] = NULL;
    for (unsigned i = 0; i < 2; i++) {
        bool bogus = false;

        if (lookups[i] != NULL &&
            chy_lookup_wait(cx, lookups[i], deadline, &answers[i], &bogus) == CHY_OK)
            good++;
        if (!chy_failed(cx))
            continue;
        if (first.type == NULL || (bogus && !any_bogus))
            first = cx->problem;
        any_bogus |= bogus;
        chy_problem_clear(cx);
    }
    if (good > 0 && !any_bogus)
        return CHY_OK;
    cx->problem = first;
    return CHY_ERR;
}

static enum chy_rc find_by_name(struct chy_ctx *cx, const struct chy_net *net, const char *host,
                                int64_t deadline, struct chy_addresses *a)
{
    struct chy_dns_answer answers[2] = {0};
    int64_t own = chy_clock_ms() + net->dns_timeout_ms;

    if (look_up(cx, net, host, own < deadline ? own : deadline, answers) != CHY_OK)
        return CHY_ERR;
    pick_address(cx, net, &answers[0], AF_INET6, a);
    pick_address(cx, net, &answers[1], AF_INET, a);
    /* An answer that was never had does not make the other one less secure, nor more. */
    a->dnssec = CHY_DNSSEC_SECURE;
    for (unsigned i = 0; i < 2; i++)
        if (answers[i].canonical != NULL && answers[i].dnssec != CHY_DNSSEC_SECURE)
            a->dnssec = CHY_DNSSEC_INSECURE;
    if (json_array_size(a->all) > 0)
        return CHY_OK;
    if (answers[0].rcode == 3 || answers[1].rcode == 3)
        return chy_fail(cx, &CHY_P_dns, "%s: no such name (NXDOMAIN)", host);
    return chy_fail(cx, &CHY_P_dns, "%s: no A or AAAA record", host);
}

enum chy_rc chy_addresses_find(struct chy_ctx *cx, const struct chy_net *net, const char *host,
                               unsigned port, int64_t deadline, struct chy_addresses *ret)
{
    struct chy_addresses a = {.all = chy_keep_json(cx, json_array())};
    struct sockaddr_storage literal;

    if (chy_address_read(host, &literal)) {
        json_array_append_new(a.all, json_string(host));
        a.found = 1;
        if (chy_net_may_connect(net, (const struct sockaddr *)&literal))
            a.try[a.n++] = literal;
    } else if (find_by_name(cx, net, host, deadline, &a) != CHY_OK) {
        return CHY_ERR;
    }
    if (a.n == 0)
        return chy_fail(cx, &CHY_P_connection,
                        "%s: every address of it is in a reserved or refused range", host);
    for (size_t i = 0; i < a.n; i++)
        chy_address_set_port(&a.try[i], port);
    *ret = a;
    return CHY_OK;
}
