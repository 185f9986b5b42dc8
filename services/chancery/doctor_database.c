/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: the private cluster, the connection, the schema, the roles' rights, the clock. */
#include <string.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/db/health.h"
#include "core/db/migrate.h"
#include "core/db/roles.h"
#include "core/ext/registry.h"
#include "services/chancery/cluster.h"
#include "services/chancery/commands.h"
#include "services/chancery/doctor.h"

#define SKEW_S 5 /* allowed between this host and the database */

void chy_look_cluster(struct chy_look *l)
{
    const struct chy_node *node = l->node;
    const char *damage, *loss, *version, *bin;
    bool there;

    if (!node->private_database) {
        chy_found(l, CHY_D_SKIP, NULL, "the database is not a private one");
        return;
    }
    damage = chy_cluster_damage(l->cx, node, &there);
    if (damage != NULL) {
        chy_found(
            l, CHY_D_FAIL,
            chy_fmt(l->cx, "%s%s",
                    l->running ? chy_fmt(l->cx, "%s; ", chy_cli_line(l->cx, node, "down")) : "",
                    chy_cluster_renewal(l->cx, node)),
            "%s (a backup put back is better than the empty database that this makes)", damage);
        return;
    }
    loss = chy_cluster_loss(l->cx, node);
    if (loss != NULL) {
        chy_found(l, CHY_D_FAIL,
                  chy_fmt(l->cx,
                          "mount its disk, put it back, or correct %s; to begin with an empty "
                          "database: %s",
                          chy_doctor_place(l->cx, node, "data"),
                          chy_cli_line(l->cx, node, "up --new-database")),
                  "%s", loss);
        return;
    }
    version = there ? chy_cluster_version(l->cx, node) : NULL;
    if (chy_cluster_find(l->cx, version, &bin) != CHY_OK)
        chy_found_refusal(l, CHY_D_FAIL, NULL);
    else if (there)
        chy_found(l, CHY_D_OK, NULL, "%s/pg is whole, its programs are in %s", node->data_dir, bin);
    else
        chy_found(l, CHY_D_OK, NULL, "no data yet; 'up' makes them with %s", bin);
}

/* ---- the connection --------------------------------------------------------------- */

/* False, and a finding, where there can be none. */
static bool expected(struct chy_look *l)
{
    if (!l->node->private_database || l->running)
        return true;
    chy_found(l, CHY_D_SKIP, NULL, "the private database does not run; '%s' starts it",
              chy_cli_line(l->cx, l->node, "up"));
    return false;
}

static void unreachable(struct chy_look *l, const char *setting)
{
    const struct chy_node *node = l->node;

    if (node->private_database)
        chy_found_refusal(l, CHY_D_FAIL,
                          chy_fmt(l->cx, "%s && %s   # its log is %s/postgres.log",
                                  chy_cli_line(l->cx, node, "down"),
                                  chy_cli_line(l->cx, node, "up"), node->log_dir));
    else
        chy_found_refusal(l, CHY_D_FAIL,
                          chy_fmt(l->cx, "start that server, or correct %s (%s)", setting,
                                  chy_doctor_place(l->cx, node, "database")));
}

static bool connect_as(struct chy_look *l, const char *conninfo, const char *setting)
{
    chy_db_free(l->cx->db);
    l->cx->db = chy_db_new(conninfo, "chancery doctor");
    if (chy_db_connect(l->cx, l->cx->db, 0) == CHY_OK)
        return true;
    unreachable(l, setting);
    return false;
}

/* ---- schema -------------------------------------------------------------------------- */

/* False, and a finding, for a module whose part of the schema is not this program's. */
static bool look_at_schema(struct chy_look *l, const char *module, const struct chy_migration *list)
{
    unsigned behind;

    if (list == NULL)
        return true;
    if (chy_migrate_look(l->cx, module, list, &behind) != CHY_OK) {
        const char *reason = chy_cli_reason(l->cx);

        chy_problem_clear(l->cx);
        chy_found(
            l, CHY_D_FAIL,
            "install the version of chancery that this database was last used with, or a later "
            "one",
            "schema: %s", reason);
        return false;
    }
    if (behind == 0)
        return true;
    chy_found(l, CHY_D_FAIL, chy_cli_line(l->cx, l->node, "migrate"),
              "schema: the database lacks %u migration%s of %s that this program needs", behind,
              behind == 1 ? "" : "s", module);
    return false;
}

static bool look_at_schemas(struct chy_look *l)
{
    struct chy_registry *registry;
    bool well = look_at_schema(l, "core", chy_core_migrations);

    if (chy_cli_modules(l->cx, l->node, &registry) != CHY_OK) {
        chy_problem_clear(l->cx); /* another check tells */
        return well;
    }
    for (size_t i = 0; i < chy_registry_count(registry); i++) {
        const struct chy_module *m = chy_registry_module(registry, i);

        well = look_at_schema(l, m->name, m->migrations) && well;
    }
    return well;
}

/* ---- roles ---------------------------------------------------------------------------- */

static const char *grant(struct chy_look *l, const struct chy_db_rights *r)
{
    return chy_fmt(l->cx, "%spsql %s -c %s", chy_doctor_as(l, l->node->service_user),
                   chy_cli_word(l->cx, l->node->owner_database),
                   chy_cli_word(l->cx, chy_db_rights_grant(l->cx, r)));
}

static bool look_at_rights(struct chy_look *l)
{
    struct chy_db_rights r;

    if (chy_db_rights(l->cx, &r) != CHY_OK) {
        chy_found_refusal(l, CHY_D_FAIL, NULL);
        return false;
    }
    if (r.schema != NULL) {
        chy_found(l, CHY_D_FAIL, grant(l, &r), "roles: %s lacks %s in schema %s", r.role, r.missing,
                  r.schema);
        return false;
    }
    return true;
}

static bool look_at_owner(struct chy_look *l)
{
    bool may;

    if (!connect_as(l, l->node->owner_database, "database.owner"))
        return false;
    if (chy_db_may_create(l->cx, &may) == CHY_OK && may)
        return true;
    if (chy_failed(l->cx))
        chy_found_refusal(l, CHY_D_FAIL, NULL);
    else
        chy_found(l, CHY_D_FAIL,
                  chy_fmt(l->cx,
                          "as the database's owner: GRANT ALL ON SCHEMA public TO the role of "
                          "database.owner (%s)",
                          chy_doctor_place(l->cx, l->node, "database")),
                  "roles: the owner's role may not make tables, so that 'chancery migrate' cannot");
    return false;
}

void chy_look_database(struct chy_look *l)
{
    int64_t began = chy_clock_ms();
    json_t *versions;
    const char *text;
    int ms;

    if (!expected(l) || !connect_as(l, l->node->database, "database.services"))
        return;
    ms = (int)(chy_clock_ms() - began);
    /* Rights first: who may not enter a schema sees no tables in it. */
    if (!look_at_rights(l) || !look_at_schemas(l))
        return;
    if (chy_db_versions(l->cx, &text, &versions) != CHY_OK)
        chy_found_refusal(l, CHY_D_FAIL, NULL);
    else if (look_at_owner(l))
        chy_found(l, CHY_D_OK, NULL, "%s, %d ms, both roles have their rights", text, ms);
}

/* ---- clock ------------------------------------------------------------------------------ */

/* Whatever keeps this host's time. */
static const char *clock_mend(struct chy_look *l)
{
    static const char *const units[] = {"chrony", "ntpsec", "ntp", "systemd-timesyncd"};
    static const char *const dirs[] = {"/lib/systemd/system", "/etc/systemd/system"};
    struct stat st;

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        for (size_t d = 0; d < sizeof dirs / sizeof dirs[0]; d++)
            if (stat(chy_fmt(l->cx, "%s/%s.service", dirs[d], units[i]), &st) == 0)
                return chy_fmt(l->cx, "systemctl restart %s   # allowed: %d s", units[i], SKEW_S);
    return chy_fmt(l->cx, "apt-get install chrony   # allowed: %d s", SKEW_S);
}

void chy_look_clock(struct chy_look *l)
{
    int64_t theirs, off;
    time_t before, after;

    if (!expected(l))
        return;
    l->cx->db = chy_db_new(l->node->database, "chancery doctor");
    if (chy_db_connect(l->cx, l->cx->db, 0) != CHY_OK) {
        chy_found(l, CHY_D_SKIP, NULL, "cannot be compared with that of a database out of reach");
        return;
    }
    before = chy_clock_now();
    if (chy_db_clock(l->cx, &theirs) != CHY_OK) {
        chy_found_refusal(l, CHY_D_FAIL, NULL);
        return;
    }
    after = chy_clock_now();
    off = theirs / 1000 < before  ? before - theirs / 1000
          : theirs / 1000 > after ? after - theirs / 1000
                                  : 0;
    if (off >= -SKEW_S && off <= SKEW_S)
        chy_found(l, CHY_D_OK, NULL, "this host and the database agree within %d s", SKEW_S);
    else
        chy_found(l, CHY_D_FAIL, clock_mend(l), "this host is %lld s %s the database: %s",
                  (long long)(off > 0 ? off : -off), off > 0 ? "ahead of" : "behind",
                  off > 0 ? "certificates would start in the future"
                          : "certificates would start, and end, too early");
}
