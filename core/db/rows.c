/* SPDX-License-Identifier: Apache-2.0 */
/* Reading rows: text form of PostgreSQL into C values. */
#include "core/db/rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/db/db.h"

struct chy_rows {
    PGresult *res;
    struct chy_ctx *cx;
};

static void release_result(void *res)
{
    PQclear(res);
}

struct chy_rows *chy_rows_new(struct chy_ctx *cx, PGresult *res)
{
    struct chy_rows *r = chy_alloc(cx, sizeof *r);

    r->res = res;
    r->cx = cx;
    chy_arena_defer(cx->arena, release_result, res);
    return r;
}

size_t chy_rows_count(const struct chy_rows *r)
{
    return (size_t)PQntuples(r->res);
}

bool chy_rows_have(const struct chy_rows *r, size_t row, size_t col)
{
    return row < (size_t)PQntuples(r->res) && col < (size_t)PQnfields(r->res);
}

struct chy_ctx *chy_rows_cx(const struct chy_rows *r)
{
    return r->cx;
}

bool chy_row_null(const struct chy_rows *r, size_t row, size_t col)
{
    assert(chy_rows_have(r, row, col));
    return PQgetisnull(r->res, (int)row, (int)col) != 0;
}

const char *chy_row_text(const struct chy_rows *r, size_t row, size_t col)
{
    return chy_row_null(r, row, col) ? NULL : PQgetvalue(r->res, (int)row, (int)col);
}

int64_t chy_row_int(const struct chy_rows *r, size_t row, size_t col)
{
    const char *text = chy_row_text(r, row, col);

    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

bool chy_row_bool(const struct chy_rows *r, size_t row, size_t col)
{
    const char *text = chy_row_text(r, row, col);

    return text != NULL && text[0] == 't';
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\x0123" of n characters; octets into out, -1 if it is not that. */
static ssize_t hex_read(uint8_t *out, const char *text, size_t n)
{
    if (n < 2 || n % 2 != 0 || text[0] != '\\' || text[1] != 'x')
        return -1;
    for (size_t i = 2; i < n; i += 2) {
        int hi = nibble(text[i]), lo = nibble(text[i + 1]);

        if (hi < 0 || lo < 0)
            return -1;
        out[i / 2 - 1] = (uint8_t)(hi << 4 | lo);
    }
    return (ssize_t)(n / 2 - 1);
}

const uint8_t *chy_row_bytes(const struct chy_rows *r, size_t row, size_t col, size_t *ret_n)
{
    const char *text = chy_row_text(r, row, col);
    uint8_t *out;
    ssize_t n;

    if (text == NULL)
        return NULL;
    out = chy_arena_alloc(r->cx->arena, strlen(text) / 2 + 1);
    n = hex_read(out, text, strlen(text));
    if (n < 0)
        return NULL;
    *ret_n = (size_t)n;
    return out;
}

bool chy_row_id(const struct chy_rows *r, size_t row, size_t col, struct chy_id *ret)
{
    size_t n = 0;
    const uint8_t *b = chy_row_bytes(r, row, col, &n);

    if (b == NULL || n != sizeof ret->b)
        return false;
    memcpy(ret->b, b, n);
    return true;
}

bool chy_row_ids(const struct chy_rows *r, size_t row, size_t col, const struct chy_id **ret,
                 size_t *ret_n)
{
    const size_t each = 2 + 2 * sizeof(struct chy_id); /* \x and digits, after "\\ */
    const char *p = chy_row_text(r, row, col);
    struct chy_id *ids;
    size_t n = 0;

    if (p == NULL || *p++ != '{')
        return false;
    ids = chy_arena_alloc(r->cx->arena, (strlen(p) / each + 1) * sizeof *ids);
    /* {"\\x01..","\\x02.."}: in array text the backslash is itself escaped */
    while (*p == '"') {
        if (strlen(p) < each + 3 || p[1] != '\\' ||
            hex_read(ids[n].b, p + 2, each) != (ssize_t)sizeof ids->b)
            return false;
        n++;
        p += each + 3;
        if (*p == ',')
            p++;
    }
    if (strcmp(p, "}") != 0)
        return false;
    *ret = ids;
    *ret_n = n;
    return true;
}

json_t *chy_row_json(struct chy_ctx *cx, const struct chy_rows *r, size_t row, size_t col)
{
    const char *text = chy_row_text(r, row, col);

    /* Our own database, still bounded by jansson; a broken value reads as absent. */
    return text == NULL ? NULL : chy_keep_json(cx, json_loads(text, JSON_DECODE_ANY, NULL));
}
