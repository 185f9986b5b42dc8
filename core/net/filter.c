/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses may be connected to (core.md W-20 to W-22).  The ranges come from the IANA
 * special-purpose registries; nothing here knows about names or ports. */
#include <string.h>

#include "core/net/internal.h"

/* W-20 for IPv4.  255.255.255.255 is inside 240.0.0.0/4. */
static const struct chy_prefix denied_v4[] = {
    {AF_INET, {0}, 8},             /* "this network"; Linux connects it to itself */
    {AF_INET, {10}, 8},            /* private                      */
    {AF_INET, {100, 64}, 10},      /* carrier-grade NAT            */
    {AF_INET, {127}, 8},           /* loopback                     */
    {AF_INET, {169, 254}, 16},     /* link-local; cloud metadata   */
    {AF_INET, {172, 16}, 12},      /* private                      */
    {AF_INET, {192, 0, 0}, 24},    /* IETF protocol assignments    */
    {AF_INET, {192, 0, 2}, 24},    /* documentation                */
    {AF_INET, {192, 31, 196}, 24}, /* AS112                        */
    {AF_INET, {192, 52, 193}, 24}, /* AMT                          */
    {AF_INET, {192, 88, 99}, 24},  /* 6to4 relays                  */
    {AF_INET, {192, 168}, 16},     /* private                      */
    {AF_INET, {192, 175, 48}, 24}, /* AS112                        */
    {AF_INET, {198, 18}, 15},      /* benchmarks                   */
    {AF_INET, {198, 51, 100}, 24}, /* documentation                */
    {AF_INET, {203, 0, 113}, 24},  /* documentation                */
    {AF_INET, {224}, 4},           /* multicast                    */
    {AF_INET, {240}, 4},           /* reserved, limited broadcast  */
};

/* W-20 for IPv6: only global unicast, without these parts of it. */
static const struct chy_prefix global_v6 = {AF_INET6, {0x20}, 3};
static const struct chy_prefix denied_v6[] = {
    {AF_INET6, {0x20, 0x01}, 23},                         /* protocol assignments, Teredo */
    {AF_INET6, {0x20, 0x01, 0x0d, 0xb8}, 32},             /* documentation                */
    {AF_INET6, {0x20, 0x02}, 16},                         /* 6to4                         */
    {AF_INET6, {0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48}, /* AS112                        */
    {AF_INET6, {0x3f, 0xff}, 20},                         /* documentation                */
};

/* W-21: addresses that carry an IPv4 address, behind which anything may lie.  No allow-list opens
 * these: the plain IPv4 address is what an administrator allows. */
static const struct chy_prefix embedding_v6[] = {
    {AF_INET6, {[10] = 0xff, [11] = 0xff}, 96},           /* ::ffff:0:0/96 mapped         */
    {AF_INET6, {0x00, 0x64, 0xff, 0x9b}, 96},             /* NAT64                        */
    {AF_INET6, {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48}, /* NAT64, local use             */
    {AF_INET6, {0x20, 0x01}, 32},                         /* Teredo                       */
    {AF_INET6, {0x20, 0x02}, 16},                         /* 6to4                         */
};

const struct chy_prefix *chy_prefix_denied(size_t i, bool *ret_final)
{
    /* What is not 2000::/3. */
    static const struct chy_prefix not_global_v6[] = {
        {AF_INET6, {0x00}, 3}, {AF_INET6, {0x40}, 2}, {AF_INET6, {0x80}, 1}};
    static const struct {
        const struct chy_prefix *list;
        size_t n;
        bool final;
    } tables[] = {{denied_v4, sizeof denied_v4 / sizeof *denied_v4, false},
                  {not_global_v6, sizeof not_global_v6 / sizeof *not_global_v6, false},
                  {denied_v6, sizeof denied_v6 / sizeof *denied_v6, false},
                  {embedding_v6, sizeof embedding_v6 / sizeof *embedding_v6, true}};

    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        if (i < tables[t].n) {
            *ret_final = tables[t].final;
            return &tables[t].list[i];
        }
        i -= tables[t].n;
    }
    return NULL;
}

static bool in_any(const struct chy_prefix *list, size_t n, const struct sockaddr *sa)
{
    for (size_t i = 0; i < n; i++)
        if (chy_prefix_has(&list[i], sa))
            return true;
    return false;
}

static bool embeds_ipv4(const struct sockaddr *sa)
{
    static const uint8_t zeros[12];
    const uint8_t *b = chy_sockaddr_octets(sa);

    if (sa->sa_family != AF_INET6)
        return false;
    if (in_any(embedding_v6, sizeof embedding_v6 / sizeof *embedding_v6, sa))
        return true;
    /* ISATAP (RFC 5214 section 6.1) under any prefix. */
    if ((b[8] & ~0x02) == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe)
        return true;
    /* ::/96 IPv4-compatible; :: and ::1 are in it but are addresses of their own. */
    return memcmp(b, zeros, 12) == 0 && (b[12] != 0 || b[13] != 0 || b[14] != 0 || b[15] > 1);
}

static bool denied_by_default(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return in_any(denied_v4, sizeof denied_v4 / sizeof *denied_v4, sa);
    return !chy_prefix_has(&global_v6, sa) ||
           in_any(denied_v6, sizeof denied_v6 / sizeof *denied_v6, sa);
}

bool chy_net_may_connect(const struct chy_net *net, const struct sockaddr *sa)
{
    if (chy_sockaddr_octets(sa) == NULL || embeds_ipv4(sa))
        return false;
    if (in_any(net->deny, net->n_deny, sa))
        return false;
    return in_any(net->allow, net->n_allow, sa) || !denied_by_default(sa);
}
