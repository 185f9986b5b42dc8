/* SPDX-License-Identifier: Apache-2.0 */
/* The chancery program: finds the command, in its own table or in those of the modules that node.yaml
 * loads, and runs it.  What commands do is in their own files. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "core/base/env.h"
#include "core/base/problem.h"
#include "core/db/db.h"
#include "core/ext/registry.h"
#include "services/chancery/commands.h"

static const struct chy_command *const commands[] = {
    &chy_cmd_init,     &chy_cmd_up,      &chy_cmd_down,    &chy_cmd_status,
    &chy_cmd_doctor,   &chy_cmd_request, &chy_cmd_policy,  &chy_cmd_issuer,
    &chy_cmd_listener, &chy_cmd_migrate, &chy_cmd_version,
#ifdef CHY_TESTING
    &chy_cmd_clock,
#endif
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static const struct chy_command *find_own(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static const struct chy_command *find_in_modules(const struct chy_registry *r, const char *name)
{
    for (size_t i = 0; i < chy_registry_count(r); i++) {
        const struct chy_command *const *c = chy_registry_module(r, i)->commands;

        for (; c != NULL && *c != NULL; c++)
            if (strcmp((*c)->name, name) == 0)
                return *c;
    }
    return NULL;
}

/* The value of --node, wherever it is: it says whose commands there are. */
static const char *node_option(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--node=", 7) == 0)
            return argv[i] + 7;
        if (strcmp(argv[i], "--node") == 0 && i + 1 < argc)
            return argv[i + 1];
    }
    return NULL;
}

/* Set up what a module's command works with; NULL without a node.yaml or with one that is wrong. */
static struct chy_registry *open_modules(struct chy_ctx *cx, const char *node_path)
{
    struct chy_registry *registry;
    struct chy_node *node;

    if (node_path == NULL && access(chy_env_node_path(cx), R_OK) != 0)
        return NULL;
    if (chy_cli_node(cx, node_path, &node) != CHY_OK || chy_cli_drop(cx, node) != CHY_OK ||
        chy_cli_modules(cx, node, &registry) != CHY_OK) {
        fprintf(stderr, "chancery: modules' commands are not there: %s\n", chy_cli_reason(cx));
        chy_problem_clear(cx);
        return NULL;
    }
    cx->base_url = node->base_url;
    cx->db = chy_db_new(node->database, "chancery");
    return registry;
}

static int help(struct chy_ctx *cx, const char *node_path)
{
    const struct chy_registry *r = open_modules(cx, node_path);

    printf("chancery COMMAND [options]: an issuing CA for ACME\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->help);
    printf("  %-10s %s\n", "help", "this text; 'chancery COMMAND --help' has a command's options");
    for (size_t i = 0; r != NULL && i < chy_registry_count(r); i++) {
        const struct chy_module *m = chy_registry_module(r, i);

        for (const struct chy_command *const *c = m->commands; c != NULL && *c != NULL; c++)
            printf("  %-10s %s (module %s)\n", (*c)->name, (*c)->help, m->name);
    }
    printf("\nTry first   chancery init && chancery up\n");
    return 0;
}

static int dispatch(struct chy_ctx *cx, int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help", *names[COMMANDS], *near;
    const struct chy_command *command = find_own(name);
    const struct chy_registry *r;

    if (command != NULL)
        return command->run(cx, argc - 1, argv + 1);
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(cx, node_option(argc, argv));
    if (strcmp(name, "--version") == 0)
        return chy_cmd_version.run(cx, 1, argv);
    r = open_modules(cx, node_option(argc, argv));
    command = r != NULL ? find_in_modules(r, name) : NULL;
    if (command != NULL)
        return command->run(cx, argc - 1, argv + 1);
    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i]->name;
    near = chy_did_you_mean(name, names, COMMANDS);
    fprintf(stderr, "chancery: %.40s: there is no such command%s%s%s; 'chancery help' lists them\n",
            name, near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
            near != NULL ? "'?" : "");
    return 2;
}

/* "chancery --node FILE up" is "chancery up --node FILE". */
static char **node_last(struct chy_ctx *cx, int argc, char **argv)
{
    int n = argc > 1 && strncmp(argv[1], "--node=", 7) == 0 ? 1
            : argc > 2 && strcmp(argv[1], "--node") == 0    ? 2
                                                            : 0;
    char **moved = chy_alloc(cx, ((size_t)argc + 1) * sizeof *moved);

    moved[0] = argv[0];
    for (int i = 1; i < argc; i++)
        moved[i <= n ? argc - 1 - n + i : i - n] = argv[i];
    return moved;
}

int main(int argc, char **argv)
{
    struct chy_ctx cx = {.arena = chy_arena_new(), .stage = CHY_STAGE_COMMAND};
    int code;

    signal(SIGPIPE, SIG_IGN);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return 1;
    code = dispatch(&cx, argc, node_last(&cx, argc, argv));
    chy_db_free(cx.db);
    chy_arena_free(cx.arena);
    curl_global_cleanup();
    return code;
}
