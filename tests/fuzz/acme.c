/* SPDX-License-Identifier: Apache-2.0 */
/* What an ACME server answers a client: the first octet chooses the object, the rest is the answer.
 * Any octets are refused with a reason, or give an object that is within its bounds. */
#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"
#include "core/client/objects.h"
#include "tests/support/fakehost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void check_text(const char *text)
{
    must(text == NULL || strlen(text) <= 1000);
    must(text == NULL || strpbrk(text, "\r\n\033") == NULL);
}

static void check_problem(const struct chy_client_problem *p, unsigned depth)
{
    if (p == NULL)
        return;
    check_text(p->type);
    check_text(p->detail);
    check_text(p->ident_value);
    must(p->n_sub <= (depth == 0 ? CHY_CLIENT_SUBPROBLEMS : 0));
    for (size_t i = 0; i < p->n_sub; i++)
        check_problem(&p->sub[i], depth + 1);
}

static void check_order(const struct chy_client_order *o)
{
    must(chy_client_url_ok(o->finalize, false));
    must(o->n_authorizations <= CHY_CLIENT_AUTHZ_MAX);
    for (size_t i = 0; i < o->n_authorizations; i++)
        must(chy_client_url_ok(o->authorizations[i], false));
    must(o->status != CHY_ST_VALID || o->certificate != NULL);
    check_problem(o->error, 0);
}

static void check_authz(const struct chy_client_authz *a)
{
    must(a->n_challenges <= CHY_CLIENT_CHALLENGES && a->ident_type != NULL);
    for (size_t i = 0; i < a->n_challenges; i++) {
        const struct chy_client_challenge *ch = &a->challenges[i];

        must(chy_client_url_ok(ch->url, false) && ch->type != NULL);
        must(ch->token == NULL || strpbrk(ch->token, "/.\r\n ") == NULL);
        check_problem(ch->error, 0);
    }
}

/* Refused with a reason, or true. */
static bool taken(struct chy_ctx *cx, enum chy_rc rc)
{
    must((rc == CHY_OK) == !chy_failed(cx));
    return rc == CHY_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_CLIENT);
    struct chy_client_directory directory;
    struct chy_client_problem problem;
    struct chy_client_order order;
    struct chy_client_authz authz;
    struct chy_chain chain;

    if (size > 0) {
        const uint8_t *body = data + 1;
        size_t n = size - 1;

        if (data[0] == 'd' && taken(cx, chy_client_parse_directory(cx, body, n, false, &directory)))
            must(chy_client_url_ok(directory.new_nonce, false));
        if (data[0] == 'o' && taken(cx, chy_client_parse_order(cx, body, n, false, &order)))
            check_order(&order);
        if (data[0] == 'a' && taken(cx, chy_client_parse_authz(cx, body, n, false, &authz)))
            check_authz(&authz);
        if (data[0] == 'p' && chy_client_parse_problem(cx, body, n, &problem))
            check_problem(&problem, 0);
        if (data[0] == 'c' && taken(cx, chy_chain_read(cx, body, n, &chain)))
            must(chain.n > 0 && chain.n <= CHY_CHAIN_MAX);
        if (data[0] == 'r')
            must(chy_client_retry_after(chy_arena_strndup(cx->arena, (const char *)body, n),
                                        FAKE_NOW) <= CHY_CLIENT_WAIT_MAX);
    }
    fake_cx_free(cx);
    return 0;
}
