/* SPDX-License-Identifier: Apache-2.0 */
/* chancery policy check: reads a policy directory as a front would and prints every mistake. */
#include <stdio.h>
#include <string.h>

#include "core/base/problem.h"
#include "core/ext/registry.h"
#include "core/policy/policy.h"
#include "services/chancery/commands.h"
#include "services/chancery/options.h"

static void count(void *arg, const char *name, const json_t *doc)
{
    (void)name;
    (void)doc;
    ++*(unsigned *)arg;
}

static enum chy_rc check(struct chy_ctx *cx, const char *node_path, const char *dir)
{
    struct chy_report *report = chy_report_new(cx);
    unsigned issuers = 0, profiles = 0;
    struct chy_registry *registry;
    struct chy_policy *policy;
    struct chy_node *node;
    enum chy_rc rc;

    if (chy_cli_node(cx, node_path, &node) != CHY_OK ||
        chy_cli_modules(cx, node, &registry) != CHY_OK)
        return CHY_ERR;
    if (dir == NULL)
        dir = node->policy_dir;
    rc = chy_policy_load(cx, dir, chy_registry_policy_schema(registry), report, &policy);
    if (chy_report_count(report) > 0) {
        fflush(stdout);
        chy_report_print(report, stderr);
        chy_problem_clear(cx);
        return chy_fail(cx, &CHY_P_serverInternal, "%s: %zu mistake%s; a server would not take it",
                        dir, chy_report_count(report), chy_report_count(report) == 1 ? "" : "s");
    }
    if (rc != CHY_OK)
        return CHY_ERR;
    chy_policy_each(policy, "issuers", count, &issuers);
    chy_policy_each(policy, "profiles", count, &profiles);
    printf("%s: right; %u issuers, %u profiles, revision %.12s\n", dir, issuers, profiles,
           chy_policy_revision(policy));
    chy_policy_drop(policy);
    return CHY_OK;
}

static int run(struct chy_ctx *cx, int argc, char **argv)
{
    const char *node_path = NULL, *dir = NULL, *what = NULL;
    const struct chy_option options[] = {
        {"check", CHY_O_PLAIN, "check", NULL, &what},
        {"dir", CHY_O_PLAIN, "DIR", NULL, &dir},
        {"node", CHY_O_TEXT, "FILE", "node.yaml, which says what modules are loaded", &node_path},
        {NULL},
    };
    int code;

    if (!chy_options_read(cx, &chy_cmd_policy, options, argc, argv, &code))
        return code;
    if (what == NULL || strcmp(what, "check") != 0) {
        fprintf(stderr, "chancery policy: %s: write 'chancery policy check [DIR]'\n",
                what != NULL ? what : "what to do is missing");
        return 2;
    }
    if (check(cx, node_path, dir) != CHY_OK)
        return chy_cli_refuse(cx, &chy_cmd_policy);
    return 0;
}

const struct chy_command chy_cmd_policy = {
    .name = "policy",
    .help = "policy check DIR: print every mistake of a policy directory",
    .run = run,
};
