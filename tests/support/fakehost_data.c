/* SPDX-License-Identifier: Apache-2.0 */
/* The fake host's policy, secrets, database, accounts and orders. */
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/store/objects.h"
#include "tests/support/fakehost_state.h"

/* ---- policy and secrets ---------------------------------------------------- */

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *j = json_loads(text, JSON_DECODE_ANY, &e);

    if (j == NULL) {
        fprintf(stderr, "not JSON: %s: %s\n", e.text, text);
        abort();
    }
    return j;
}

void fake_policy(struct chy_ctx *cx, const char *kind, const char *name, const char *json)
{
    json_t *policy = fake_of(cx)->policy;

    if (json_object_get(policy, kind) == NULL)
        json_object_set_new(policy, kind, json_object());
    json_object_set_new(json_object_get(policy, kind), name, parse(json));
}

const json_t *fake_host_policy_get(struct chy_ctx *cx, const char *kind, const char *name)
{
    return json_object_get(json_object_get(fake_of(cx)->policy, kind), name);
}

void fake_host_policy_each(struct chy_ctx *cx, const char *kind,
                           void (*visit)(void *arg, const char *name, const json_t *doc), void *arg)
{
    const char *name;
    json_t *doc;

    json_object_foreach(json_object_get(fake_of(cx)->policy, kind), name, doc)
    {
        visit(arg, name, doc);
    }
}

const char *fake_host_policy_revision(struct chy_ctx *cx)
{
    (void)cx;
    return "fake";
}

void fake_secret(struct chy_ctx *cx, const char *reference, const char *text)
{
    json_object_set_new(fake_of(cx)->secrets, reference, json_string(text));
}

enum chy_rc fake_host_secret(struct chy_ctx *cx, const char *reference, const uint8_t **ret,
                             size_t *ret_n)
{
    const json_t *text = json_object_get(fake_of(cx)->secrets, reference);

    if (text == NULL)
        return chy_fault_internal(cx, "no secret %s", reference);
    *ret = (const uint8_t *)json_string_value(text);
    *ret_n = json_string_length(text);
    return CHY_OK;
}

/* ---- database: rows are JSON arrays ---------------------------------------- */

void fake_db(struct chy_ctx *cx, const char *statement, const char *rows)
{
    json_object_set_new(fake_of(cx)->db, statement, parse(rows));
}

static const char *arg_text(struct chy_ctx *cx, const struct chy_arg *a)
{
    switch (a->kind) {
    case CHY_A_NULL:
        return "null";
    case CHY_A_TEXT:
        return a->p;
    case CHY_A_INT:
    case CHY_A_BOOL:
    case CHY_A_TIME:
        return chy_fmt(cx, "%lld", (long long)a->i);
    case CHY_A_JSON:
        return chy_json_text(cx, a->p, NULL);
    case CHY_A_BYTES:
    case CHY_A_IDS:
        break;
    }
    return chy_fmt(cx, "(%zu)", a->n);
}

enum chy_rc fake_host_db(struct chy_ctx *cx, const struct chy_sql *q, const struct chy_arg *args,
                         size_t n_args, struct chy_rows **ret)
{
    json_t *call = json_pack("[s, s]", "db", q->name);
    json_t *rows = json_object_get(fake_of(cx)->db, q->name);

    for (size_t i = 0; i < n_args; i++)
        json_array_append_new(call, json_string(arg_text(cx, &args[i])));
    json_array_append_new(fake_of(cx)->calls, call);
    if (fake_in_stage(cx, "db", cx->stage != CHY_STAGE_PROBE && cx->stage != CHY_STAGE_ISSUE) !=
        CHY_OK)
        return CHY_ERR;
    if (rows == NULL)
        rows = chy_keep_json(cx, json_array());
    *ret = (struct chy_rows *)rows;
    return CHY_OK;
}

static const json_t *cell(const struct chy_rows *r, size_t row, size_t col)
{
    const json_t *j = json_array_get(json_array_get((const json_t *)r, row), col);

    if (j == NULL)
        abort();
    return j;
}

size_t fake_host_rows_count(const struct chy_rows *r)
{
    return json_array_size((const json_t *)r);
}

bool fake_host_row_null(const struct chy_rows *r, size_t row, size_t col)
{
    return json_is_null(cell(r, row, col));
}

const char *fake_host_row_text(const struct chy_rows *r, size_t row, size_t col)
{
    return json_string_value(cell(r, row, col));
}

int64_t fake_host_row_int(const struct chy_rows *r, size_t row, size_t col)
{
    const json_t *j = cell(r, row, col);

    return json_is_boolean(j) ? json_is_true(j) : json_integer_value(j);
}

const uint8_t *fake_host_row_bytes(const struct chy_rows *r, size_t row, size_t col, size_t *ret_n)
{
    const json_t *j = cell(r, row, col);

    *ret_n = json_string_length(j);
    return (const uint8_t *)json_string_value(j);
}

json_t *fake_host_row_json(struct chy_ctx *cx, const struct chy_rows *r, size_t row, size_t col)
{
    return chy_keep_json(cx, json_deep_copy(cell(r, row, col)));
}

/* ---- accounts and orders --------------------------------------------------- */

struct chy_account *fake_account(struct chy_ctx *cx)
{
    struct chy_account *a = chy_alloc(cx, sizeof *a);

    chy_id_new(cx, &a->id);
    a->status = "valid";
    a->url = chy_fmt(cx, "%s/account/%s", cx->base_url, chy_id_text(cx, &a->id));
    snprintf(a->thumbprint, sizeof a->thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    return a;
}

struct chy_order *fake_order(struct chy_ctx *cx, const char *ident_type, const char *ident_value)
{
    struct chy_order *o = chy_alloc(cx, sizeof *o);
    const struct chy_account *a = fake_account(cx);

    chy_id_new(cx, &o->id);
    o->account = a;
    o->account_id = a->id;
    o->status = "pending";
    o->profile = "web";
    o->expires = cx->fixed_now + 7 * 86400;
    o->n_idents = 1;
    o->idents = chy_alloc(cx, sizeof *o->idents);
    *o->idents = (struct chy_ident){ident_type, ident_value, ident_value};
    return o;
}

enum chy_rc fake_host_order_use_issuer(struct chy_ctx *cx, struct chy_order *o, const char *issuer,
                                       json_t *params)
{
    (void)o;
    fake_note(cx, "order_use_issuer", issuer, chy_json_text(cx, params, NULL), NULL);
    chy_keep_json(cx, params);
    return CHY_OK;
}

enum chy_rc fake_host_order_public(struct chy_ctx *cx, struct chy_order *o, bool on)
{
    (void)o;
    fake_note(cx, "order_public", on ? "true" : "false", NULL);
    return CHY_OK;
}

enum chy_rc fake_host_order_reissue(struct chy_ctx *cx, const struct chy_id *orders,
                                    const time_t (*periods)[2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        fake_note(cx, "order_reissue", chy_id_text(cx, &orders[i]),
                  chy_fmt(cx, "%lld", (long long)periods[i][0]),
                  chy_fmt(cx, "%lld", (long long)periods[i][1]), NULL);
    return CHY_OK;
}

enum chy_rc fake_host_order_create(struct chy_ctx *cx, const struct chy_id *account,
                                   const json_t *request, struct chy_order **ret)
{
    fake_note(cx, "order_create", chy_id_text(cx, account), chy_json_text(cx, request, NULL), NULL);
    *ret = fake_order(cx, "", "");
    return CHY_OK;
}

enum chy_rc fake_host_authz_grant(struct chy_ctx *cx, struct chy_order *o,
                                  const struct chy_ident *id, json_t *grant)
{
    (void)o;
    fake_note(cx, "authz_grant", id->value, chy_json_text(cx, grant, NULL), NULL);
    chy_keep_json(cx, grant);
    return CHY_OK;
}

enum chy_rc fake_host_outbox(struct chy_ctx *cx, const char *gateway, const json_t *msg)
{
    fake_note(cx, "outbox", gateway, chy_json_text(cx, msg, NULL), NULL);
    return CHY_OK;
}

enum chy_rc fake_host_challenge_wake(struct chy_ctx *cx, const char *lookup_key, const char *source,
                                     const json_t *payload)
{
    fake_note(cx, "challenge_wake", lookup_key, source, chy_json_text(cx, payload, NULL), NULL);
    return CHY_OK;
}
