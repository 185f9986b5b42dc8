/* SPDX-License-Identifier: Apache-2.0 */
/* libpq with a time limit: only files of this folder include it. */
#ifndef CHY_DB_LINK_H
#define CHY_DB_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "core/db/args.h"

/* Connect and make the session's settings; conninfo is libpq's, also as postgresql:// URI.  *ret is
 * never NULL; where false is returned, PQerrorMessage of it says why, and it is of no use.  Takes two
 * seconds at most for each address of conninfo, or its own connect_timeout. */
bool chy_link_open(const char *conninfo, const char *application_name, PGconn **ret);

/* Send something and wait for its last result until deadline (chy_clock_ms).  NULL: no answer came in
 * time, and the connection is of no more use.  The caller clears the result. */
PGresult *chy_link_exec(PGconn *conn, const char *sql, int64_t deadline);
PGresult *chy_link_prepare(PGconn *conn, const struct chy_sql *q, int64_t deadline);
PGresult *chy_link_run(PGconn *conn, const char *name, const struct chy_wire *wire,
                       int64_t deadline);

#endif
