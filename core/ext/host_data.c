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
    if (chy_host_allow(cx, CHY_AT_DATABASE, "db") != CHY_OK)
        return CHY_ERR;
    if (cx->db == NULL)
        return chy_fault_internal(cx, "module %s called db where there is no database",
                                  chy_host_module(cx));
    return chy_db_run(cx, q, args, n_args, ret);
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
