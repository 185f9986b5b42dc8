/* SPDX-License-Identifier: Apache-2.0 */
/* Looking whether a database is fit to work with; changes nothing. */
#ifndef CHY_DB_HEALTH_H
#define CHY_DB_HEALTH_H

#include "core/db/db.h"

/* The database's clock, in milliseconds since the epoch, on cx->db. */
enum chy_rc CHY_CHECK chy_db_clock(struct chy_ctx *cx, int64_t *ret_ms);

struct chy_db_rights {
    const char *role;    /* who asks                                                 */
    const char *schema;  /* the first where something is missing; NULL: nothing is   */
    const char *missing; /* "INSERT, UPDATE on orders", or "USAGE"; arena            */
};
/* May this connection's role read and write every table that migrations made (schema public and
 * modules' schemas)? */
enum chy_rc CHY_CHECK chy_db_rights(struct chy_ctx *cx, struct chy_db_rights *ret);
/* What the owner says to give them all. */
const char *chy_db_rights_grant(struct chy_ctx *cx, const struct chy_db_rights *r);
/* May this connection's role make tables there?  That is the owner's. */
enum chy_rc CHY_CHECK chy_db_may_create(struct chy_ctx *cx, bool *ret);

#endif
