/* SPDX-License-Identifier: Apache-2.0 */
/* chancery migrate: brings the database to the newest version, core first, then each loaded module.
 * 'up' does it by itself; an operator of an own PostgreSQL may do it before. */
#include <stdio.h>

#include "core/base/problem.h"
#include "core/db/migrate.h"
#include "core/ext/registry.h"
#include "services/chancery/commands.h"
#include "services/chancery/options.h"

#define CONNECT_MS 10000

struct migrated {
    const char *text; /* "core 3 (2 new), dns 1" */
    unsigned applied;
};

static enum chy_rc migrate_one(struct chy_ctx *cx, const char *module,
                               const struct chy_migration *list, struct migrated *m)
{
    unsigned newest = 0, applied;

    if (list == NULL)
        return CHY_OK;
    while (list[newest].sql != NULL)
        newest++;
    if (chy_migrate(cx, cx->db, module, list, &applied) != CHY_OK)
        return CHY_ERR;
    m->applied += applied;
    m->text = chy_fmt(cx, "%s%s%s %u", m->text, *m->text != '\0' ? ", " : "", module, newest);
    if (applied > 0)
        m->text = chy_fmt(cx, "%s (%u new)", m->text, applied);
    return CHY_OK;
}

static enum chy_rc migrate(struct chy_ctx *cx, const char *node_path, struct migrated *m)
{
    struct chy_registry *registry;
    struct chy_node *node;

    if (chy_cli_node(cx, node_path, &node) != CHY_OK || chy_cli_drop(cx, node) != CHY_OK ||
        chy_cli_modules(cx, node, &registry) != CHY_OK)
        return CHY_ERR;
    cx->db = chy_db_new(node->owner_database, "chancery migrate");
    if (chy_db_connect(cx, cx->db, CONNECT_MS) != CHY_OK ||
        migrate_one(cx, "core", chy_core_migrations, m) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < chy_registry_count(registry); i++) {
        const struct chy_module *module = chy_registry_module(registry, i);

        if (migrate_one(cx, module->name, module->migrations, m) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

static int run(struct chy_ctx *cx, int argc, char **argv)
{
    const char *node_path = NULL;
    const struct chy_option options[] = {
        {"node", CHY_O_TEXT, "FILE", "node.yaml", &node_path},
        {NULL},
    };
    struct migrated m = {.text = ""};
    int code;

    if (!chy_options_read(cx, &chy_cmd_migrate, options, argc, argv, &code))
        return code;
    if (migrate(cx, node_path, &m) != CHY_OK)
        return chy_cli_refuse(cx, &chy_cmd_migrate);
    printf("database    schema %s: %s\n", m.text,
           m.applied > 0 ? "brought to the newest version" : "is the newest version");
    return 0;
}

const struct chy_command chy_cmd_migrate = {
    .name = "migrate",
    .help = "bring the database to the newest version",
    .run = run,
};
