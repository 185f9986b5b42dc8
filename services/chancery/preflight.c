/* SPDX-License-Identifier: Apache-2.0 */
/* What the services would refuse at their start, found before anything runs.  Modules' code has no
 * business in a process of root's, so it all happens in a child that has become the services' user. */
#include "services/chancery/preflight.h"

#include "core/acme/rulebook.h"
#include "core/base/problem.h"
#include "core/net/config.h"
#include "services/chancery/commands.h"

static enum chy_rc read_policy(struct chy_ctx *cx, const struct chy_node *node,
                               const struct chy_registry *registry)
{
    struct chy_report *report = chy_report_new(cx);

    if (chy_rulebook_check(cx, node, registry, report) == CHY_OK)
        return CHY_OK;
    return chy_report_count(report) == 0 ? CHY_ERR : chy_cli_mistakes(cx, node->policy_dir, report);
}

static enum chy_rc read_network(struct chy_ctx *cx, const struct chy_node *node)
{
    struct chy_net_config config = {0};
    struct chy_net *net;

    if (chy_net_config_read(cx, node->validation, &config) != CHY_OK ||
        chy_net_new(cx, &config, &net) != CHY_OK) {
        const char *why = chy_cli_reason(cx);

        chy_problem_clear(cx);
        return chy_fail(cx, &CHY_P_serverInternal, "%s: %s; correct it there and start again",
                        node->path, why);
    }
    chy_net_free(net);
    return CHY_OK;
}

static enum chy_rc read_all(struct chy_ctx *cx, void *arg)
{
    const struct chy_node *node = arg;
    struct chy_registry *registry;

    if (chy_cli_modules(cx, node, &registry) != CHY_OK || read_policy(cx, node, registry) != CHY_OK)
        return CHY_ERR;
    return read_network(cx, node);
}

enum chy_rc chy_preflight_policy(struct chy_ctx *cx, const struct chy_node *node,
                                 const struct chy_identity *who)
{
    return chy_identity_work(cx, who, read_all, (void *)node);
}
