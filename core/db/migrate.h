/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations: numbered SQL per module, forward only, recorded with checksums. */
#ifndef CHY_DB_MIGRATE_H
#define CHY_DB_MIGRATE_H

#include "core/db/db.h"

/* Bring module ("core", "dns", ...) to its newest version.  list ends with sql == NULL and is
 * numbered 1, 2, 3 without holes.  Each runs in one transaction together with its record in
 * chy_migration(module, version, name, sha256, applied_at), under one advisory lock, so that several
 * processes may call it at once.  Refuses, with one clear line: a hole, a recorded migration whose
 * text has changed, a database newer than this program.  ret_applied: how many ran. */
enum chy_rc CHY_CHECK chy_migrate(struct chy_ctx *cx, struct chy_db *db, const char *module,
                                  const struct chy_migration *list, unsigned *ret_applied);

/* Look on cx->db, which needs no more than to read chy_migration, how many of the list a database
 * lacks.  Refuses what chy_migrate refuses; changes nothing. */
enum chy_rc CHY_CHECK chy_migrate_look(struct chy_ctx *cx, const char *module,
                                       const struct chy_migration *list, unsigned *ret_behind);

/* The core's own list, embedded at build from migrations/NNNN_what.sql. */
extern const struct chy_migration chy_core_migrations[];

#endif
