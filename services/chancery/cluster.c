/* SPDX-License-Identifier: Apache-2.0 */
/* The private PostgreSQL.
 *
 * Everything here that writes runs as the cluster's owner, never as root (initdb refuses root too).
 * Roles and the database are made in single-user mode before the server ever listens; nobody can log
 * in as the superuser over the socket, for no operating system user is mapped to it.  What must hold
 * (no TCP, the socket's place, who may connect) is given on each start and so cannot be edited away by
 * accident; what may be tuned is in <data>/pg/chancery.conf. */
#include "services/chancery/cluster.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/env.h"
#include "core/base/file.h"
#include "core/base/problem.h"
#include "core/db/roles.h"
#include "services/chancery/commands.h"

static const char tuning[] = "# Chancery's settings; yours to tune.\n"
                             "max_connections = 100\n"
                             "shared_buffers = 64MB\n"
                             "fsync = on\n"
                             "jit = off                      # short queries only\n"
                             "timezone = 'UTC'\n"
                             "log_timezone = 'UTC'\n"
                             "log_line_prefix = '%m [%p] %u '\n";

static const char host_based[] = "# Unix socket only; who may be whom: pg_ident.conf.\n"
                                 "local chancery chancery_service peer map=chancery\n"
                                 "local chancery chancery_owner   peer map=chancery\n";

static bool has_programs(struct chy_ctx *cx, const char *dir)
{
    return access(chy_fmt(cx, "%s/initdb", dir), X_OK) == 0 &&
           access(chy_fmt(cx, "%s/postgres", dir), X_OK) == 0;
}

/* /usr/lib/postgresql/15/bin: the number, or 0. */
static long version_of(const char *dir)
{
    long v = strtol(dir + strlen("/usr/lib/postgresql/"), NULL, 10);

    return v > 0 ? v : 0;
}

static const char *find_packaged(struct chy_ctx *cx, const char *version)
{
    const char *best = NULL;
    glob_t g;

    if (glob("/usr/lib/postgresql/*/bin", GLOB_NOSORT, NULL, &g) != 0)
        return NULL;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        const char *dir = g.gl_pathv[i];

        if (!has_programs(cx, dir) ||
            (version != NULL && version_of(dir) != strtol(version, NULL, 10)))
            continue;
        if (best == NULL || version_of(dir) > version_of(best))
            best = chy_fmt(cx, "%s", dir);
    }
    globfree(&g);
    return best;
}

static const char *find_in_path(struct chy_ctx *cx)
{
    const char *path = chy_env("PATH");

    while (path != NULL && *path != '\0') {
        size_t n = strcspn(path, ":");
        const char *dir = chy_fmt(cx, "%.*s", (int)n, path);
        char resolved[PATH_MAX];

        /* initdb may be a link into the directory where postgres is. */
        if (*dir == '/' && realpath(chy_fmt(cx, "%s/initdb", dir), resolved) != NULL) {
            *strrchr(resolved, '/') = '\0';
            if (has_programs(cx, resolved))
                return chy_fmt(cx, "%s", resolved);
        }
        path += n + (path[n] == ':' ? 1 : 0);
    }
    return NULL;
}

enum chy_rc chy_cluster_find(struct chy_ctx *cx, const char *version, const char **ret)
{
    const char *found = find_packaged(cx, version);

    if (found == NULL)
        found = find_in_path(cx);
    if (found == NULL && version != NULL)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "PostgreSQL: the data are of version %s, whose programs are not in "
                        "/usr/lib/postgresql nor in PATH; apt install postgresql-%s",
                        version, version);
    if (found == NULL)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "PostgreSQL: no initdb and postgres in /usr/lib/postgresql/*/bin nor in "
                        "PATH; apt install postgresql, or give database: in node.yaml");
    *ret = found;
    return CHY_OK;
}

/* ---- making, as the owner -------------------------------------------------- */

struct making {
    const char *bin, *dir;
    const struct chy_identity *owner;
    bool made;
};

static enum chy_rc run_initdb(struct chy_ctx *cx, const struct making *m, const char *dir)
{
    const char *const argv[] = {chy_fmt(cx, "%s/initdb", m->bin),
                                "--pgdata",
                                dir,
                                "--username=postgres",
                                "--auth=reject",
                                "--encoding=UTF8",
                                "--locale=C",
                                "--data-checksums",
                                "--no-instructions",
                                NULL};
    struct chy_identity self = *m->owner;

    self.change = false; /* we are the owner by now */
    return chy_identity_run(cx, &self, argv, NULL);
}

static enum chy_rc run_single(struct chy_ctx *cx, const struct making *m, const char *dir,
                              const char *database, const char *sql)
{
    const char *const argv[] = {
        chy_fmt(cx, "%s/postgres", m->bin), "--single", "-D", dir, "-c", "exit_on_error=true", "-c",
        "log_min_messages=error",           database,   NULL};
    struct chy_identity self = *m->owner;

    self.change = false;
    return chy_identity_run(cx, &self, argv, sql);
}

static enum chy_rc append_include(struct chy_ctx *cx, const char *dir)
{
    char *path = chy_fmt(cx, "%s/postgresql.conf", dir), *text;
    size_t n;

    if (chy_file_read(cx, path, 1u << 20, &text, &n) != CHY_OK)
        return CHY_ERR;
    text = chy_fmt(cx, "%s\ninclude 'chancery.conf'\n", text);
    return chy_file_write(cx, path, text, strlen(text), 0600);
}

/* What an earlier attempt left in the temporary directory is worth nothing. */
static enum chy_rc remove_leftover(struct chy_ctx *cx, const struct making *m, const char *dir)
{
    const char *const argv[] = {"/bin/rm", "-rf", "--", dir, NULL};
    struct chy_identity self = *m->owner;

    self.change = false;
    return chy_identity_run(cx, &self, argv, NULL);
}

static enum chy_rc make_cluster(struct chy_ctx *cx, const struct making *m)
{
    /* The owner may write in <data>/pg only; a cluster is <data>/pg/main or it is not there. */
    char *temporary = chy_fmt(cx, "%s.new", m->dir);

    if (remove_leftover(cx, m, temporary) != CHY_OK || run_initdb(cx, m, temporary) != CHY_OK ||
        chy_file_write(cx, chy_fmt(cx, "%s/chancery.conf", temporary), tuning, strlen(tuning),
                       0600) != CHY_OK ||
        append_include(cx, temporary) != CHY_OK ||
        run_single(cx, m, temporary, "template1", chy_db_roles_sql) != CHY_OK ||
        run_single(cx, m, temporary, "chancery", chy_db_grants_sql) != CHY_OK)
        return CHY_ERR;
    if (rename(temporary, m->dir) != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be put in place: %s", m->dir,
                        strerror(errno));
    return CHY_OK;
}

/* Who may connect follows node.yaml at each start. */
static enum chy_rc write_access(struct chy_ctx *cx, const struct making *m)
{
    char *ident = chy_fmt(cx,
                          "# Written at each start.\n"
                          "chancery \"%s\" chancery_service\n"
                          "chancery \"%s\" chancery_owner\n",
                          m->owner->name, m->owner->name);

    if (chy_file_write(cx, chy_fmt(cx, "%s/pg_ident.conf", m->dir), ident, strlen(ident), 0600) !=
        CHY_OK)
        return CHY_ERR;
    return chy_file_write(cx, chy_fmt(cx, "%s/pg_hba.conf", m->dir), host_based, strlen(host_based),
                          0600);
}

static enum chy_rc prepare_as_owner(struct chy_ctx *cx, void *arg)
{
    struct making *m = arg;

    if (!m->made)
        return write_access(cx, m);
    if (make_cluster(cx, m) != CHY_OK)
        return CHY_ERR;
    return write_access(cx, m);
}

/* ---- as whoever starts it --------------------------------------------------- */

static enum chy_rc owned_dir(struct chy_ctx *cx, const char *path, const struct chy_identity *owner)
{
    struct stat st;

    if (mkdir(path, 0700) == 0 && owner->change && lchown(path, owner->uid, owner->gid) != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be given to user %s: %s", path,
                        owner->name, strerror(errno));
    if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be made: %s", path, strerror(errno));
    if (st.st_uid != owner->uid)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: belongs to user id %u, not to %s; chown -R %s %s", path,
                        (unsigned)st.st_uid, owner->name, owner->name, path);
    return CHY_OK;
}

static const char *data_version(struct chy_ctx *cx, const char *dir)
{
    struct chy_ctx own = {.arena = cx->arena}; /* a cluster that is not there is no failure */
    char *text;

    if (chy_file_read(&own, chy_fmt(cx, "%s/PG_VERSION", dir), 16, &text, NULL) != CHY_OK)
        return NULL;
    text[strspn(text, "0123456789")] = '\0';
    return text;
}

/* Without one of these PostgreSQL does not start; initdb makes them all. */
static const struct {
    const char *name;
    bool directory;
} parts[] = {{"PG_VERSION", false},  {"global", true},    {"global/pg_control", false},
             {"base", true},         {"pg_wal", true},    {"pg_xact", true},
             {"pg_multixact", true}, {"pg_tblspc", true}, {"postgresql.conf", false}};

static const char *fault_of_part(struct chy_ctx *cx, const char *path, bool directory)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ? "is missing" : chy_fmt(cx, "cannot be seen: %s", strerror(errno));
    if (directory && S_ISLNK(st.st_mode))
        return NULL; /* an administrator may move pg_wal to another disk */
    if (directory ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
        return directory ? "is not a directory" : "is not a file";
    return !directory && st.st_size == 0 ? "is empty" : NULL;
}

static bool is_empty(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    bool empty = d != NULL;

    while (d != NULL && empty && (e = readdir(d)) != NULL)
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    if (d != NULL)
        closedir(d);
    return empty;
}

static const char *data_dir(struct chy_ctx *cx, const struct chy_node *node)
{
    return chy_fmt(cx, "%s/pg/main", node->data_dir);
}

const char *chy_cluster_damage(struct chy_ctx *cx, const struct chy_node *node, bool *ret_there)
{
    const char *dir = data_dir(cx, node), *version;
    struct stat st;

    *ret_there = lstat(dir, &st) == 0 && !(S_ISDIR(st.st_mode) && is_empty(dir));
    if (!*ret_there)
        return NULL;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char *fault =
            fault_of_part(cx, chy_fmt(cx, "%s/%s", dir, parts[i].name), parts[i].directory);

        if (fault != NULL)
            return chy_fmt(cx, "%s: the data of the private PostgreSQL are damaged: %s %s", dir,
                           parts[i].name, fault);
    }
    version = data_version(cx, dir);
    if (version == NULL || *version == '\0')
        return chy_fmt(cx,
                       "%s: the data of the private PostgreSQL are damaged: PG_VERSION holds no "
                       "version",
                       dir);
    return NULL;
}

const char *chy_cluster_loss(struct chy_ctx *cx, const struct chy_node *node)
{
    bool there;

    if (!node->private_database || chy_cluster_damage(cx, node, &there) != NULL || there ||
        access(node->signer_log, F_OK) != 0)
        return NULL;
    return chy_fmt(cx, "%s: holds no database, though this CA has run before (%s is there)",
                   data_dir(cx, node), node->signer_log);
}

const char *chy_cluster_version(struct chy_ctx *cx, const struct chy_node *node)
{
    return data_version(cx, data_dir(cx, node));
}

const char *chy_cluster_renewal(struct chy_ctx *cx, const struct chy_node *node)
{
    const char *dir = data_dir(cx, node);
    char *aside = chy_fmt(cx, "%s.damaged", dir);
    struct stat st;

    for (unsigned i = 2; lstat(aside, &st) == 0; i++)
        aside = chy_fmt(cx, "%s.damaged-%u", dir, i);
    return chy_fmt(cx, "mv %s %s && %s", chy_cli_word(cx, dir), chy_cli_word(cx, aside),
                   chy_cli_line(cx, node, "up --new-database"));
}

static const char *const *server_argv(struct chy_ctx *cx, const struct chy_node *node,
                                      const struct making *m)
{
    const char **argv = chy_alloc(cx, 16 * sizeof *argv);
    size_t n = 0;

    argv[n++] = chy_fmt(cx, "%s/postgres", m->bin);
    argv[n++] = "-D";
    argv[n++] = m->dir;
    argv[n++] = "-c";
    argv[n++] = "listen_addresses=";
    argv[n++] = "-c";
    argv[n++] = chy_fmt(cx, "unix_socket_directories=%s/pg", node->run_dir);
    argv[n++] = "-c";
    argv[n++] = "port=5432"; /* part of the socket's name */
    argv[n++] = "-c";
    argv[n++] = "logging_collector=off";
    argv[n++] = "-c";
    argv[n++] = "log_destination=stderr";
    argv[n] = NULL;
    return argv;
}

enum chy_rc chy_cluster_prepare(struct chy_ctx *cx, const struct chy_node *node,
                                const struct chy_identity *owner, bool *ret_made,
                                const char *const **ret_argv)
{
    struct making m = {.dir = data_dir(cx, node), .owner = owner};
    const char *damage;
    bool there;

    if (owner->uid == 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: PostgreSQL does not run as root; name users: in node.yaml as "
                        "'chancery init' does for root",
                        node->path);
    if (strpbrk(node->run_dir, ",\"") != NULL || strpbrk(owner->name, "\"\n") != NULL)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: a comma or a quotation mark in its name; choose another run directory",
                        node->run_dir);
    if (owned_dir(cx, chy_fmt(cx, "%s/pg", node->data_dir), owner) != CHY_OK ||
        owned_dir(cx, chy_fmt(cx, "%s/pg", node->run_dir), owner) != CHY_OK)
        return CHY_ERR;
    damage = chy_cluster_damage(cx, node, &there);
    if (damage != NULL)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s; put them back from a backup, or begin with an empty database: %s",
                        damage, chy_cluster_renewal(cx, node));
    if (chy_cluster_find(cx, there ? data_version(cx, m.dir) : NULL, &m.bin) != CHY_OK)
        return CHY_ERR;
    m.made = !there;
    if (chy_identity_work(cx, owner, prepare_as_owner, &m) != CHY_OK)
        return CHY_ERR;
    *ret_made = m.made;
    *ret_argv = server_argv(cx, node, &m);
    return CHY_OK;
}

bool chy_cluster_ready(struct chy_ctx *cx, const struct chy_node *node, pid_t pid)
{
    struct chy_ctx own = {.arena = cx->arena};
    char *text, *line;
    unsigned n = 0;

    /* As pg_ctl does it: postmaster.pid's first line is the process, its eighth the state.  Asking
     * over the socket would leave a failed login in the log. */
    if (chy_file_read(&own, chy_fmt(cx, "%s/pg/main/postmaster.pid", node->data_dir), 4096, &text,
                      NULL) != CHY_OK)
        return false;
    for (line = text; line != NULL && *line != '\0'; n++) {
        if (n == 0 && strtol(line, NULL, 10) != (long)pid)
            return false;
        if (n == 7)
            return strncmp(line, "ready", 5) == 0;
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return false;
}
