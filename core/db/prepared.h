/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection has prepared: only files of this folder include it. */
#ifndef CHY_DB_PREPARED_H
#define CHY_DB_PREPARED_H

#include <chancery/extension.h>

/* A set that grows, by name.  Zeroed is empty. */
struct chy_prepared {
    struct chy_prepared_one {
        char *name, *text;
    } * slots;
    size_t n, room;
};

enum chy_prepared_state { CHY_PREPARED_NOT, CHY_PREPARED_YES, CHY_PREPARED_OTHER };

/* Is q prepared, or another text under its name? */
enum chy_prepared_state chy_prepared_state(const struct chy_prepared *p, const struct chy_sql *q);
/* q is prepared now, and was not.  Copied: a module may make its statements where it likes. */
void chy_prepared_add(struct chy_prepared *p, const struct chy_sql *q);
/* The connection is gone. */
void chy_prepared_clear(struct chy_prepared *p);

#endif
