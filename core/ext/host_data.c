/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions that read from elsewhere: policy snapshot, secrets, database, network.  The issue
 * stage gets none of the last three: a plan is filled from what is already known. */
#include <string.h>

#include "core/base/file.h"
#include "core/db/db.h"
#include "core/ext/host_part.h"
#include "core/net/net.h"
#include "core/policy/policy.h"

#define SECRET_MAX 65536

const json_t *chy_host_policy_get(struct chy_ctx *cx, const char *kind, const char *name)
{
    return cx->policy != NULL ? chy_policy_get(cx->policy, kind, name) : NULL;
}

void chy_host_policy_each(struct chy_ctx *cx, const char *kind,
                          void (*visit)(void *arg, const char *name, const json_t *doc), void *arg)
{
    if (cx->policy != NULL)
        chy_policy_each(cx->policy, kind, visit, arg);
}

const char *chy_host_policy_revision(struct chy_ctx *cx)
{
    return cx->policy != NULL ? chy_policy_revision(cx->policy) : NULL;
}

struct secret {
    void *octets;
    size_t n;
};

static void cleanse(void *object)
{
    struct secret *s = object;

    OPENSSL_cleanse(s->octets, s->n);
}

enum chy_rc chy_host_secret(struct chy_ctx *cx, const char *reference, const uint8_t **ret,
                            size_t *ret_n)
{
    struct secret *s = chy_alloc(cx, sizeof *s);
    char *octets;

    if (chy_host_allow(cx, ~CHY_AT(ISSUE), "secret") != CHY_OK)
        return CHY_ERR;
    if (strncmp(reference, "file:/", 6) != 0)
        return chy_fault_internal(cx, "module %s: secret reference '%s' does not begin with file:/",
                                  chy_host_module(cx), reference);
    if (chy_file_read(cx, reference + strlen("file:"), SECRET_MAX, &octets, &s->n) != CHY_OK) {
        const char *why = cx->problem.detail;

        /* Where secrets lie is for the log, not for the client. */
        chy_problem_clear(cx);
        return chy_fault_internal(cx, "module %s: secret %s", chy_host_module(cx), why);
    }
    s->octets = octets;
    chy_arena_defer(cx->arena, cleanse, s);
    *ret = (const uint8_t *)octets;
    *ret_n = s->n;
    return CHY_OK;
}

enum chy_rc chy_host_db(struct chy_ctx *cx, const struct chy_sql *q, const struct chy_arg *args,
                        size_t n_args, struct chy_rows **ret)
{
    struct chy_sql own;

    if (chy_host_allow(cx, CHY_AT_DATABASE, "db") != CHY_OK)
        return CHY_ERR;
    if (cx->db == NULL)
        return chy_fault_internal(cx, "module %s called db where there is no database",
                                  chy_host_module(cx));
    if (q == NULL || q->name == NULL || q->text == NULL || (args == NULL && n_args > 0))
        return chy_fault_internal(cx, "module %s called db without a statement or its parameters",
                                  chy_host_module(cx));
    /* On the connection every module has its own names; core's have no dot. */
    own.name = chy_fmt(cx, "%s.%s", chy_host_module(cx), q->name);
    own.text = q->text;
    return chy_db_run(cx, &own, args, n_args, ret);
}

/* Is there such a value?  If not, the unit of work fails, and the module reads NULL. */
static bool has(const struct chy_rows *r, size_t row, size_t col)
{
    struct chy_ctx *cx;

    if (r == NULL)
        return false;
    if (chy_rows_have(r, row, col))
        return true;
    cx = chy_rows_cx(r);
    (void)!chy_fault_internal(cx, "module %s reads row %zu, column %zu, which its rows do not have",
                              chy_host_module(cx), row, col);
    return false;
}

size_t chy_host_rows_count(const struct chy_rows *r)
{
    return r == NULL ? 0 : chy_rows_count(r);
}

bool chy_host_row_null(const struct chy_rows *r, size_t row, size_t col)
{
    return !has(r, row, col) || chy_row_null(r, row, col);
}

const char *chy_host_row_text(const struct chy_rows *r, size_t row, size_t col)
{
    return has(r, row, col) ? chy_row_text(r, row, col) : NULL;
}

int64_t chy_host_row_int(const struct chy_rows *r, size_t row, size_t col)
{
    return has(r, row, col) ? chy_row_int(r, row, col) : 0;
}

const uint8_t *chy_host_row_bytes(const struct chy_rows *r, size_t row, size_t col, size_t *ret_n)
{
    *ret_n = 0;
    return has(r, row, col) ? chy_row_bytes(r, row, col, ret_n) : NULL;
}

json_t *chy_host_row_json(struct chy_ctx *cx, const struct chy_rows *r, size_t row, size_t col)
{
    return has(r, row, col) ? chy_row_json(cx, r, row, col) : NULL;
}

static enum chy_rc allow_network(struct chy_ctx *cx, const char *function)
{
    if (chy_host_allow(cx, CHY_AT_NETWORK, function) != CHY_OK)
        return CHY_ERR;
    if (cx->net == NULL)
        return chy_fault_internal(cx, "module %s called %s where there is no network",
                                  chy_host_module(cx), function);
    return CHY_OK;
}

enum chy_rc chy_host_dns_query(struct chy_ctx *cx, const char *name, uint16_t rrtype,
                               struct chy_dns_answer *ret)
{
    if (allow_network(cx, "dns_query") != CHY_OK)
        return CHY_ERR;
    return chy_net_dns(cx, name, rrtype, ret);
}

enum chy_rc chy_host_http(struct chy_ctx *cx, const struct chy_http_query *q,
                          struct chy_http_answer *ret)
{
    if (allow_network(cx, "http") != CHY_OK)
        return CHY_ERR;
    return chy_net_http(cx, q, ret);
}

enum chy_rc chy_host_tls_dial(struct chy_ctx *cx, const struct chy_tls_query *q,
                              struct chy_tls_answer *ret)
{
    if (allow_network(cx, "tls_dial") != CHY_OK)
        return CHY_ERR;
    return chy_net_tls(cx, q, ret);
}
