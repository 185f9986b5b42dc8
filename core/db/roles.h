/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what in a database of Chancery's own, and what is in it. */
#ifndef CHY_DB_ROLES_H
#define CHY_DB_ROLES_H

#include "core/db/db.h"

/* For PostgreSQL's single-user mode as superuser, one command a line.  First in any database: the
 * roles chancery_owner (migrations) and chancery_service (rows only), and the database chancery; then
 * in that database: what the services get of everything that migrations make. */
extern const char chy_db_roles_sql[];
extern const char chy_db_grants_sql[];

/* Refuses what libpq cannot read, and a connection string that holds a secret: it would be seen in
 * lists of processes and in every copy of the settings.  option: what to call it.  The refusal does
 * not repeat the string. */
enum chy_rc CHY_CHECK chy_db_check_conninfo(struct chy_ctx *cx, const char *option,
                                            const char *conninfo);

/* "PostgreSQL 15.20, schema core 3, dns 1", and the versions as {"core": 3, ...}; both in the
 * arena. */
enum chy_rc CHY_CHECK chy_db_versions(struct chy_ctx *cx, const char **ret_text,
                                      json_t **ret_versions);

#endif
