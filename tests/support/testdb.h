/* SPDX-License-Identifier: Apache-2.0 */
/* A fresh migrated database in the throw-away cluster of CHY_TEST_PG. */
#ifndef CHY_TESTS_TESTDB_H
#define CHY_TESTS_TESTDB_H

#include "core/db/db.h"

struct testdb {
    char name[40];
    char conninfo[512];
    struct chy_db *db; /* one connection */
};

/* Creates it; with migrated, core migrations are applied.  Aborts with a message if CHY_TEST_PG is
 * not set or the cluster does not answer. */
void testdb_open(struct testdb *t, bool migrated);
void testdb_close(struct testdb *t);

#endif
