/* SPDX-License-Identifier: Apache-2.0 */
/* A result, kept until its unit of work ends. */
#ifndef CHY_DB_ROWS_H
#define CHY_DB_ROWS_H

#include <libpq-fe.h>

#include "core/base/cx.h"

/* Takes res over. */
struct chy_rows *chy_rows_new(struct chy_ctx *cx, PGresult *res);

#endif
