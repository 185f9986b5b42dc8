/* SPDX-License-Identifier: Apache-2.0 */
/* chancery status: what runs, the database's version, the policy, the directory; for people and as
 * JSON.  One JSON object is made first and the table is drawn from it, so that both say the same. */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/db/roles.h"
#include "core/ext/registry.h"
#include "core/policy/policy.h"
#include "services/chancery/commands.h"
#include "services/chancery/options.h"
#include "services/chancery/probe.h"
#include "services/chancery/state.h"

/* Adds {"ok", "text", ...} under key; text is what a person reads. */
static json_t *add_part(json_t *all, const char *key, bool ok, const char *text)
{
    json_t *part = json_pack("{s:b, s:s}", "ok", ok, "text", text);

    json_object_set_new(all, key, part);
    if (!ok)
        json_object_set_new(all, "ok", json_false());
    return part;
}

/* Each part has a failure of its own: what is wrong in one does not hide the others. */
static const char *take_reason(struct chy_ctx *cx)
{
    const char *why = chy_fmt(cx, "%s", chy_cli_reason(cx));

    chy_problem_clear(cx);
    return why;
}

static void look_at_processes(struct chy_ctx *cx, const struct chy_node *node, json_t *all)
{
    const json_t *state = chy_state_read(cx, node->run_dir), *list, *c;
    pid_t pid = 0;
    bool up = chy_state_running(cx, node->run_dir, &pid), well = up;
    const char *word = json_string_value(json_object_get(state, "state"));
    char since[21] = "";
    size_t i;

    if (!up || state == NULL) {
        add_part(all, "supervisor", false, "down; 'chancery up' starts it");
        return;
    }
    list = json_object_get(state, "processes");
    json_array_foreach(list, i, c)
    {
        const char *s = json_string_value(json_object_get(c, "state"));

        well = well && s != NULL && strcmp(s, "running") == 0;
    }
    well = well && word != NULL && strcmp(word, "up") == 0;
    chy_clock_rfc3339((time_t)json_integer_value(json_object_get(state, "since")), since);
    add_part(all, "supervisor", well,
             chy_fmt(cx, "%s, pid %d, since %s", word != NULL ? word : "?", (int)pid, since));
    json_object_set(all, "processes", (json_t *)list);
}

static void look_at_database(struct chy_ctx *cx, const struct chy_node *node, json_t *all)
{
    const char *text = NULL;
    json_t *versions, *part;
    bool ok;

    cx->db = chy_db_new(node->database, "chancery status");
    ok = chy_db_connect(cx, cx->db, 0) == CHY_OK && chy_db_versions(cx, &text, &versions) == CHY_OK;
    part = add_part(all, "database", ok, ok ? text : take_reason(cx));
    if (ok)
        json_object_set(part, "versions", versions);
    chy_db_free(cx->db);
    cx->db = NULL;
}

static void look_at_policy(struct chy_ctx *cx, const struct chy_node *node, json_t *all)
{
    struct chy_report *report = chy_report_new(cx);
    struct chy_registry *registry;
    struct chy_policy *policy;

    if (chy_cli_modules(cx, node, &registry) != CHY_OK) {
        add_part(all, "modules", false, take_reason(cx));
        return;
    }
    if (chy_policy_load(cx, node->policy_dir, chy_registry_policy_schema(registry), report,
                        &policy) != CHY_OK) {
        chy_problem_clear(cx);
        add_part(all, "policy", false,
                 chy_fmt(cx, "%s: %zu mistake%s; 'chancery policy check' prints what is wrong",
                         node->policy_dir, chy_report_count(report),
                         chy_report_count(report) == 1 ? "" : "s"));
        return;
    }
    add_part(
        all, "policy", true,
        chy_fmt(cx, "%s: right, revision %.12s", node->policy_dir, chy_policy_revision(policy)));
    chy_policy_drop(policy);
}

static void look_at_rest(struct chy_ctx *cx, const struct chy_node *node, json_t *all)
{
    const char *root = chy_cli_root(cx, node), *why = "";
    bool answers = chy_probe_directory(cx, node, &why);

    add_part(all, "directory", answers,
             chy_fmt(cx, "%s/directory %s", node->base_url, answers ? "answers" : why));
    add_part(all, "root", true, root);
    add_part(all, "signer", true,
             node->signer_user != NULL && node->service_user != NULL &&
                     strcmp(node->signer_user, node->service_user) != 0
                 ? chy_fmt(cx, "separated: runs as %s", node->signer_user)
                 : "separation is off: the signer runs as the same user as the services");
}

static void look_at_roles(struct chy_ctx *cx, const struct chy_node *node, json_t *all)
{
    json_t *part;

    if (!node->private_database)
        return;
    part = add_part(all, "roles", true,
                    chy_fmt(cx,
                            "not separated: user %s may connect to the private database as "
                            "chancery_owner too",
                            node->service_user != NULL ? node->service_user : "of the services"));
    json_object_set_new(part, "warn", json_true());
}

static const char *mark_of(const json_t *part)
{
    if (!json_is_true(json_object_get(part, "ok")))
        return "FAIL";
    return json_is_true(json_object_get(part, "warn")) ? "warn" : "ok";
}

static json_t *look(struct chy_ctx *cx, const struct chy_node *node)
{
    json_t *all = chy_keep_json(cx, json_pack("{s:b, s:s, s:s, s:[]}", "ok", true, "version",
                                              CHY_VERSION, "node", node->path, "processes"));

    look_at_processes(cx, node, all);
    if (chy_cli_drop(cx, node) != CHY_OK) {
        /* Not root and not the service user: what needs neither is still shown. */
        add_part(all, "database", false, take_reason(cx));
    } else {
        look_at_database(cx, node, all);
    }
    look_at_roles(cx, node, all);
    look_at_policy(cx, node, all);
    look_at_rest(cx, node, all);
    return all;
}

static void print_processes(const json_t *list)
{
    const json_t *c;
    char since[21];
    size_t i;

    if (json_array_size(list) == 0)
        return;
    printf("  %-12s %8s  %-9s %-20s %8s  %s\n", "PROCESS", "PID", "STATE", "SINCE", "RESTARTS",
           "LAST END");
    json_array_foreach(list, i, c)
    {
        const char *end = json_string_value(json_object_get(c, "last-end"));

        chy_clock_rfc3339((time_t)json_integer_value(json_object_get(c, "since")), since);
        printf("  %-12s %8d  %-9s %-20s %8d  %s\n", json_string_value(json_object_get(c, "name")),
               (int)json_integer_value(json_object_get(c, "pid")),
               json_string_value(json_object_get(c, "state")), since,
               (int)json_integer_value(json_object_get(c, "restarts")), end != NULL ? end : "");
    }
}

static void print_table(const json_t *all)
{
    static const char *const parts[] = {"supervisor", "database",  "roles", "modules",
                                        "policy",     "directory", "root",  "signer"};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const json_t *part = json_object_get(all, parts[i]);

        if (part == NULL)
            continue;
        printf("%-4s  %-10s  %s\n", mark_of(part), parts[i],
               json_string_value(json_object_get(part, "text")));
        if (i == 0)
            print_processes(json_object_get(all, "processes"));
    }
}

static int run(struct chy_ctx *cx, int argc, char **argv)
{
    const char *node_path = NULL;
    bool as_json = false;
    const struct chy_option options[] = {
        {"node", CHY_O_TEXT, "FILE", "node.yaml", &node_path},
        {"json", CHY_O_FLAG, NULL, "one JSON object", &as_json},
        {NULL},
    };
    struct chy_node *node;
    const json_t *all;
    int code;

    if (!chy_options_read(cx, &chy_cmd_status, options, argc, argv, &code))
        return code;
    if (chy_cli_node(cx, node_path, &node) != CHY_OK)
        return chy_cli_refuse(cx, &chy_cmd_status);
    all = look(cx, node);
    if (as_json) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        printf("\n");
    } else {
        print_table(all);
    }
    return json_is_true(json_object_get(all, "ok")) ? 0 : 1;
}

const struct chy_command chy_cmd_status = {
    .name = "status",
    .help = "what runs and whether it is well; exit code 0 if all is",
    .run = run,
};
