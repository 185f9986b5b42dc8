/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of a statement in the form that libpq sends. */
#ifndef CHY_DB_ARGS_H
#define CHY_DB_ARGS_H

#include "core/base/cx.h"

struct chy_wire {
    size_t n;
    const char **values;
    int *lengths, *formats;
};

/* Octets go as binary, everything else as text.  Arena. */
void chy_wire_make(struct chy_ctx *cx, const struct chy_arg *args, size_t n, struct chy_wire *ret);

#endif
