/* SPDX-License-Identifier: Apache-2.0 */
/* chy_arg -> libpq parameters. */
#include "core/db/args.h"

#include <string.h>

#include "core/base/hex.h"
#include "core/base/json.h"

/* bytea[] in its text form: {"\\x01..","\\x02.."} */
static const char *ids_text(struct chy_ctx *cx, const struct chy_id *ids, size_t n)
{
    const size_t each = 2 + 3 + 2 * sizeof ids->b + 1; /* quotes, \\x, digits, comma */
    char *text = chy_alloc(cx, n * each + 3), *p = text;

    *p++ = '{';
    for (size_t i = 0; i < n; i++) {
        memcpy(p, i == 0 ? "\"\\\\x" : ",\"\\\\x", i == 0 ? 4 : 5);
        p += i == 0 ? 4 : 5;
        chy_hex_write(p, ids[i].b, sizeof ids->b);
        p += 2 * sizeof ids->b;
        *p++ = '"';
    }
    *p++ = '}';
    return text;
}

static const char *text_of(struct chy_ctx *cx, const struct chy_arg *a)
{
    switch (a->kind) {
    case CHY_A_NULL:
        return NULL;
    case CHY_A_TEXT:
    case CHY_A_BYTES:
        return a->p;
    case CHY_A_INT:
    case CHY_A_TIME:
        return chy_fmt(cx, "%lld", (long long)a->i);
    case CHY_A_BOOL:
        return a->i ? "t" : "f";
    case CHY_A_JSON:
        return a->p == NULL ? NULL : chy_json_text(cx, a->p, NULL);
    case CHY_A_IDS:
        return ids_text(cx, a->p, a->n);
    }
    return NULL;
}

void chy_wire_make(struct chy_ctx *cx, const struct chy_arg *args, size_t n, struct chy_wire *ret)
{
    ret->n = n;
    ret->values = chy_alloc(cx, (n + 1) * sizeof *ret->values);
    ret->lengths = chy_alloc(cx, (n + 1) * sizeof *ret->lengths);
    ret->formats = chy_alloc(cx, (n + 1) * sizeof *ret->formats);
    for (size_t i = 0; i < n; i++) {
        bool binary = args[i].kind == CHY_A_BYTES && args[i].p != NULL;

        ret->values[i] = text_of(cx, &args[i]);
        ret->lengths[i] = binary ? (int)args[i].n : 0;
        ret->formats[i] = binary;
    }
}
