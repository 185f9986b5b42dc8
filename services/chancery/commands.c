/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands share: refusals, node.yaml, privileges, modules. */
#include "services/chancery/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/env.h"
#include "core/base/problem.h"
#include "core/ext/registry.h"
#include "services/chancery/identity.h"

#define SHELL_SAFE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/:@%+=,"

const char *chy_cli_reason(const struct chy_ctx *cx)
{
    /* An internal fault's detail is for clients. */
    const char *why = cx->problem.note != NULL ? cx->problem.note : cx->problem.detail;
    char *line;
    size_t n = 0;

    if (why == NULL)
        return "failed without a reason";
    line = chy_arena_strdup(cx->arena, why);
    for (const char *p = why; *p != '\0'; p++) { /* libpq speaks in several lines */
        bool space = *p == '\n' || *p == '\t' || *p == ' ';

        if (!space)
            line[n++] = *p;
        else if (n > 0 && line[n - 1] != ' ')
            line[n++] = ' ';
    }
    while (n > 0 && line[n - 1] == ' ')
        n--;
    line[n] = '\0';
    return line;
}

int chy_cli_refuse(const struct chy_ctx *cx, const struct chy_command *command)
{
    fflush(stdout);
    fprintf(stderr, "chancery %s: %s\n", command->name, chy_cli_reason(cx));
    return 1;
}

char *chy_cli_word(struct chy_ctx *cx, const char *s)
{
    char *out = chy_fmt(cx, "'");

    if (*s != '\0' && strspn(s, SHELL_SAFE) == strlen(s))
        return chy_fmt(cx, "%s", s);
    for (; *s != '\0'; s++)
        out = *s == '\'' ? chy_fmt(cx, "%s'\\''", out) : chy_fmt(cx, "%s%c", out, *s);
    return chy_fmt(cx, "%s'", out);
}

char *chy_cli_line(struct chy_ctx *cx, const struct chy_node *node, const char *words)
{
    char usual[PATH_MAX];

    if (realpath(chy_env_node_path(cx), usual) != NULL && strcmp(usual, node->path) == 0)
        return chy_fmt(cx, "chancery %s", words);
    return chy_fmt(cx, "chancery %s --node %s", words, chy_cli_word(cx, node->path));
}

enum chy_rc chy_cli_node(struct chy_ctx *cx, const char *path, struct chy_node **ret)
{
    struct chy_report *report = chy_report_new(cx);
    char absolute[PATH_MAX];
    enum chy_rc rc;

    if (path == NULL)
        path = chy_env_node_path(cx);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: there is no such file; 'chancery init' makes one, --node FILE names "
                        "another",
                        path);
    if (realpath(path, absolute) == NULL || access(absolute, R_OK) != 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: cannot be read: %s; run this as the user who made it", path,
                        strerror(errno));
    rc = chy_node_read(cx, chy_fmt(cx, "%s", absolute), report, ret);
    if (chy_report_count(report) > 0)
        return chy_cli_mistakes(cx, path, report);
    return rc;
}

enum chy_rc chy_cli_mistakes(struct chy_ctx *cx, const char *path, const struct chy_report *report)
{
    size_t n = chy_report_count(report);

    fflush(stdout);
    chy_report_print(report, stderr);
    chy_problem_clear(cx);
    return chy_fail(cx, &CHY_P_serverInternal,
                    n == 1 ? "%s: %zu mistake, shown above; mend it and start again"
                           : "%s: %zu mistakes, shown above; mend them and start again",
                    path, n);
}

enum chy_rc chy_cli_drop(struct chy_ctx *cx, const struct chy_node *node)
{
    struct chy_identity id;

    if (chy_identity_find(cx, node->service_user, &id) != CHY_OK)
        return CHY_ERR;
    if (!chy_identity_assume(&id))
        return chy_fail(cx, &CHY_P_serverInternal, "user %s: cannot become it: %s", id.name,
                        strerror(errno));
    return CHY_OK;
}

static void release_registry(void *registry)
{
    chy_registry_free(registry);
}

enum chy_rc chy_cli_modules(struct chy_ctx *cx, const struct chy_node *node,
                            struct chy_registry **ret)
{
    if (chy_registry_load(cx, node->module_dirs, node->n_module_dirs, node->modules,
                          node->n_modules, ret) != CHY_OK)
        return CHY_ERR;
    chy_arena_defer(cx->arena, release_registry, *ret);
    cx->registry = *ret;
    return CHY_OK;
}

const char *chy_cli_root(struct chy_ctx *cx, const struct chy_node *node)
{
    const char *slash = strrchr(node->path, '/');
    char *beside = chy_fmt(cx, "%.*s/root.pem", (int)(slash - node->path), node->path);

    return access(beside, F_OK) == 0 ? beside : chy_fmt(cx, "%s/root.pem", node->data_dir);
}
