/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: do the name servers that validation asks answer, and are signatures checked?
 *
 * What is asked is what is configured: each stub's zone, and, where the root's anchor is trusted or
 * forwarders are named, a top-level domain that is signed. */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/net/config.h"
#include "services/chancery/commands.h"
#include "services/chancery/doctor.h"

#define RR_SOA 6
#define ASK_MS 4000
#define SIGNED_DOMAIN "org" /* signed since 2009 */
#define ROOT_ANCHOR "/usr/share/dns/root.key"

/* Is there an anchor for the zone or one above it? */
static bool anchored(const struct chy_net_config *c, const char *zone)
{
    size_t z = strlen(zone);

    if (c->root_anchor_file != NULL)
        return true;
    if (z > 0 && zone[z - 1] == '.')
        z--;
    for (size_t i = 0; i < c->n_trust_anchors; i++) {
        const char *owner = c->trust_anchors[i];
        size_t n = strcspn(owner, " \t");

        if (n > 0 && owner[n - 1] == '.')
            n--;
        if (n <= z && strncasecmp(zone + z - n, owner, n) == 0 &&
            (n == z || n == 0 || zone[z - n - 1] == '.'))
            return true;
    }
    return false;
}

static const char *resolver_place(struct chy_look *l, const char *key)
{
    return chy_doctor_place(l->cx, l->node, key);
}

/* False: a finding says why not. */
static bool ask(struct chy_look *l, const struct chy_net_config *c, const char *zone,
                const char *server, const char *key)
{
    struct chy_dns_answer answer;

    l->cx->net_until_ms = chy_clock_ms() + ASK_MS;
    if (chy_net_dns(l->cx, zone, RR_SOA, &answer) != CHY_OK) {
        bool bogus = strstr(chy_cli_reason(l->cx), "DNSSEC") != NULL;

        chy_found_refusal(
            l, CHY_D_FAIL,
            bogus ? chy_fmt(l->cx, "take the zone's present DS record into trust-anchors (%s)",
                            resolver_place(l, "trust-anchors"))
                  : chy_fmt(l->cx,
                            "start the name server %s, or name another in "
                            "validation.resolver.%s (%s)",
                            server, key, resolver_place(l, key)));
        return false;
    }
    if (!anchored(c, zone) || answer.dnssec == CHY_DNSSEC_SECURE)
        return true;
    chy_found(l, CHY_D_FAIL,
              chy_fmt(l->cx,
                      "have %s pass signatures on (DNSSEC), or sign %s; or take its anchor out "
                      "(%s)",
                      server, zone, resolver_place(l, "trust-anchors")),
              "%s: answered without a signature, though there is a trust anchor for it", zone);
    return false;
}

static const char *servers_text(struct chy_ctx *cx, const struct chy_net_config *c)
{
    return c->n_forwarders > 0 ? c->forwarders[0] : chy_fmt(cx, "%s", "of the root");
}

static void look(struct chy_look *l, const struct chy_net_config *c)
{
    bool open = c->n_forwarders > 0 || c->root_anchor_file != NULL, well = true;
    bool checked = c->root_anchor_file != NULL || c->n_trust_anchors > 0;

    for (size_t i = 0; i < c->n_stubs; i++)
        well = ask(l, c, c->stubs[i].zone, c->stubs[i].address, "stubs") && well;
    if (open)
        well = ask(l, c, SIGNED_DOMAIN, servers_text(l->cx, c), "forwarders") && well;
    if (!well)
        return;
    if (!checked)
        chy_found(
            l, CHY_D_WARN,
            chy_fmt(l->cx,
                    "add 'root-anchor: " ROOT_ANCHOR "' below resolver: (%s); apt-get install "
                    "dns-root-data",
                    resolver_place(l, "resolver")),
            "no trust anchor: signatures of zones (DNSSEC) are not checked, answers about names "
            "could be forged");
    else if (c->n_stubs == 0 && !open)
        chy_found(l, CHY_D_SKIP, NULL,
                  "neither stubs nor forwarders nor the root's anchor are set, so that there is no "
                  "zone to try");
    else
        chy_found(l, CHY_D_OK, NULL, "%zu zone%s asked for, signatures checked", c->n_stubs + open,
                  c->n_stubs + open == 1 ? "" : "s");
}

void chy_look_resolver(struct chy_look *l)
{
    struct chy_net_config config = {0};

    if (chy_net_config_read(l->cx, l->node->validation, &config) != CHY_OK ||
        chy_net_new(l->cx, &config, &l->cx->net) != CHY_OK) {
        chy_found_refusal(l, CHY_D_FAIL,
                          chy_fmt(l->cx, "correct it (%s)", resolver_place(l, "validation")));
        return;
    }
    look(l, &config);
}
