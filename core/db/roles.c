/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what in a database of Chancery's own.  The services may change rows, never tables: what
 * migrations make as chancery_owner is granted as it is made.
 *
 * In the private database the two roles are no boundary yet: both belong to the operating system user
 * of the services (pg_ident.conf), whom migrations run as.  They keep a mistaken statement of a
 * service from changing tables; a service that was taken over can log in as chancery_owner.  Only a
 * database of one's own, with different credentials for the two, keeps them apart. */
#include "core/db/roles.h"

#include <libpq-fe.h>
#include <string.h>

#include "core/base/problem.h"

const char chy_db_roles_sql[] =
    "CREATE ROLE chancery_owner LOGIN\n"
    "CREATE ROLE chancery_service LOGIN\n"
    "CREATE DATABASE chancery OWNER chancery_owner TEMPLATE template0 ENCODING 'UTF8'\n"
    "REVOKE ALL ON DATABASE chancery FROM PUBLIC\n"
    "GRANT CONNECT ON DATABASE chancery TO chancery_service\n";

const char chy_db_grants_sql[] =
    "REVOKE ALL ON SCHEMA public FROM PUBLIC\n"
    "GRANT USAGE ON SCHEMA public TO chancery_service\n"
    "ALTER DEFAULT PRIVILEGES FOR ROLE chancery_owner GRANT USAGE ON SCHEMAS TO chancery_service\n"
    "ALTER DEFAULT PRIVILEGES FOR ROLE chancery_owner GRANT SELECT, INSERT, UPDATE, DELETE ON "
    "TABLES TO chancery_service\n"
    "ALTER DEFAULT PRIVILEGES FOR ROLE chancery_owner GRANT USAGE ON SEQUENCES TO "
    "chancery_service\n"
    "ALTER DEFAULT PRIVILEGES FOR ROLE chancery_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC\n"
    "ALTER DEFAULT PRIVILEGES FOR ROLE chancery_owner GRANT EXECUTE ON FUNCTIONS TO "
    "chancery_service\n";

static const char *secret_in(const PQconninfoOption *options)
{
    static const char *const secrets[] = {"password", "sslpassword"};

    for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
        for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
            if (o->val != NULL && strcmp(o->keyword, secrets[i]) == 0)
                return secrets[i];
    return NULL;
}

enum chy_rc chy_db_check_conninfo(struct chy_ctx *cx, const char *option, const char *conninfo)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    const char *secret;

    if (options == NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "%s: is no connection string of PostgreSQL; write it as in "
                        "'host=db.example dbname=chancery user=chancery_service'",
                        option);
    secret = secret_in(options);
    PQconninfoFree(options);
    if (secret != NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "%s: holds a %s, which others could read; put it into a file that the "
                        "services alone can read and say passfile=FILE or service=NAME",
                        option, secret);
    return CHY_OK;
}

static const struct chy_sql q_server = {"db_server", "SELECT current_setting('server_version')"};
static const struct chy_sql q_versions = {
    "db_versions", "SELECT module, max(version) FROM chy_migration GROUP BY module ORDER BY 1"};

enum chy_rc chy_db_versions(struct chy_ctx *cx, const char **ret_text, json_t **ret_versions)
{
    struct chy_rows *server, *rows;
    const char *version;
    json_t *versions;
    char *text;

    if (chy_db_run(cx, &q_server, NULL, 0, &server) != CHY_OK ||
        chy_db_run(cx, &q_versions, NULL, 0, &rows) != CHY_OK)
        return CHY_ERR;
    version = chy_row_text(server, 0, 0);
    /* A distribution adds its own name in parentheses. */
    text = chy_fmt(cx, "PostgreSQL %.*s, schema", (int)strcspn(version, " "), version);
    versions = chy_keep_json(cx, json_object());
    for (size_t i = 0; i < chy_rows_count(rows); i++) {
        const char *module = chy_row_text(rows, i, 0);

        text =
            chy_fmt(cx, "%s%s %s %d", text, i > 0 ? "," : "", module, (int)chy_row_int(rows, i, 1));
        json_object_set_new(versions, module, json_integer(chy_row_int(rows, i, 1)));
    }
    *ret_text = text;
    *ret_versions = versions;
    return CHY_OK;
}
