/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the envelope of a POST.  Nothing of the payload is looked at before the signature holds. */
#include "core/acme/envelope.h"

#include <string.h>
#include <strings.h>

#include "core/base/b64.h"
#include "core/base/id.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/store/accounts.h"

static enum chy_rc check_content_type(struct chy_acme *a)
{
    static const char wanted[] = "application/jose+json";
    const char *given = chy_request_header(a->rq, "Content-Type");
    size_t n = given == NULL ? 0 : strcspn(given, "; \t");

    if (given != NULL && n == sizeof wanted - 1 && strncasecmp(given, wanted, n) == 0)
        return CHY_OK;
    if (chy_fail(a->cx, &CHY_P_malformed, "Content-Type must be %s (RFC 8555 section 6.2)",
                 wanted) != CHY_OK)
        a->cx->problem.status = 415;
    return CHY_ERR;
}

/* The URL this resource was handed out under, compared as text (core.md U-01, U-02). */
static enum chy_rc check_url(struct chy_acme *a)
{
    const char *expected = chy_fmt(a->cx, "%s%s", a->server->origin, a->rq->target);

    if (strcmp(a->jws.url, expected) == 0)
        return CHY_OK;
    if (chy_fail(a->cx, &CHY_P_unauthorized,
                 "the JWS was signed for another url than this one (RFC 8555 section 6.4)") !=
        CHY_OK)
        a->cx->problem.status = 401;
    return CHY_ERR;
}

static enum chy_rc unknown_account(struct chy_acme *a)
{
    return chy_fail(a->cx, &CHY_P_accountDoesNotExist,
                    "no account has the URL in \"kid\" (RFC 8555 section 6.2)");
}

static void release_key(void *key)
{
    EVP_PKEY_free(key);
}

static void take_account(struct chy_acme *a, const uint8_t thumbprint[32], const char *text)
{
    memcpy(a->guard.thumbprint, thumbprint, sizeof a->guard.thumbprint);
    memcpy(a->account.thumbprint, text, sizeof a->account.thumbprint);
}

static bool cached_key(struct chy_acme *a, EVP_PKEY **ret)
{
    struct chy_cached_key cached;

    if (!chy_keycache_get(a->server->keys, &a->account.id, &cached))
        return false;
    chy_arena_defer(a->cx->arena, release_key, cached.key);
    take_account(a, cached.thumbprint, cached.thumbprint_text);
    *ret = cached.key;
    return true;
}

static enum chy_rc stored_key(struct chy_acme *a, EVP_PKEY **ret)
{
    struct chy_account *account;
    uint8_t thumbprint[33];

    if (chy_account_read(a->cx, &a->account.id, &account) != CHY_OK)
        return CHY_ERR;
    if (account == NULL)
        return unknown_account(a);
    if (chy_jwk_load(a->cx, account->jwk, ret) != CHY_OK)
        return CHY_ERR;
    if (chy_b64u_read(thumbprint, account->thumbprint, 43) != 32)
        return chy_fault_internal(a->cx, "ill-formed thumbprint in an account's row");
    take_account(a, thumbprint, account->thumbprint);
    chy_keycache_put(a->server->keys, &a->account.id, *ret, thumbprint);
    return CHY_OK;
}

/* kid is exactly the URL that newAccount gave out (core.md J-14). */
static enum chy_rc find_account(struct chy_acme *a)
{
    const char *prefix = chy_acme_url(a->cx, "/account/");
    size_t n = strlen(prefix);

    if (strncmp(a->jws.kid, prefix, n) != 0 ||
        !chy_id_read(&a->account.id, a->jws.kid + n, strlen(a->jws.kid + n)))
        return unknown_account(a);
    a->account.url = a->jws.kid;
    a->guard.account = a->account.id;
    return CHY_OK;
}

static enum chy_rc check_form(struct chy_acme *a, enum chy_route_auth auth)
{
    if (auth == CHY_ROUTE_JWK && a->jws.jwk == NULL)
        return chy_fail(a->cx, &CHY_P_malformed,
                        "this resource wants \"jwk\", not \"kid\" (RFC 8555 section 6.2)");
    if ((auth == CHY_ROUTE_KID || auth == CHY_ROUTE_OPEN) && a->jws.kid == NULL)
        return chy_fail(a->cx, &CHY_P_malformed,
                        "this resource wants \"kid\", not \"jwk\" (RFC 8555 section 6.2)");
    return CHY_OK;
}

static enum chy_rc verify_with(struct chy_acme *a, EVP_PKEY *key)
{
    return chy_jws_alg_fits(a->cx, &a->jws, key) != CHY_OK ? CHY_ERR
                                                           : chy_jws_verify(a->cx, &a->jws, key);
}

/* A key remembered from before the account's key changed on another front must not refuse the new
 * one: what it refuses is judged once more with the key of the database. */
static enum chy_rc verify_by_account(struct chy_acme *a)
{
    EVP_PKEY *key = NULL;

    if (find_account(a) != CHY_OK)
        return CHY_ERR;
    if (cached_key(a, &key)) {
        if (verify_with(a, key) == CHY_OK)
            return CHY_OK;
        chy_problem_clear(a->cx);
    }
    return stored_key(a, &key) != CHY_OK ? CHY_ERR : verify_with(a, key);
}

static enum chy_rc verify(struct chy_acme *a)
{
    if (a->jws.kid != NULL)
        return verify_by_account(a);
    return chy_jwk_read(a->cx, a->jws.jwk, &a->jwk) != CHY_OK ? CHY_ERR
                                                              : verify_with(a, a->jwk.key);
}

static enum chy_rc read_payload(struct chy_acme *a)
{
    if (a->jws.payload_len == 0)
        return CHY_OK; /* POST-as-GET */
    return chy_json_object(a->cx, "payload", a->jws.payload, a->jws.payload_len, &a->payload);
}

/* The nonce is looked at even in a JWS that is refused: it has appeared in a request. */
static enum chy_rc read_jws(struct chy_acme *a)
{
    struct chy_problem refusal;

    if (chy_jws_read(a->cx, a->rq->body, a->rq->body_len, &a->jws) == CHY_OK) {
        a->has_nonce = chy_nonce_check(a->cx, a->server->nonces, a->jws.nonce, &a->guard) == CHY_OK;
        return a->has_nonce ? CHY_OK : CHY_ERR;
    }
    refusal = a->cx->problem;
    chy_problem_clear(a->cx);
    a->has_nonce = a->jws.nonce != NULL &&
                   chy_nonce_check(a->cx, a->server->nonces, a->jws.nonce, &a->guard) == CHY_OK;
    a->cx->problem = refusal;
    return CHY_ERR;
}

enum chy_rc chy_envelope_open(struct chy_acme *a, enum chy_route_auth auth)
{
    if (check_content_type(a) != CHY_OK || read_jws(a) != CHY_OK || check_url(a) != CHY_OK ||
        check_form(a, auth) != CHY_OK || verify(a) != CHY_OK)
        return CHY_ERR;
    a->authentic = true;
    return read_payload(a);
}

void chy_envelope_spend(struct chy_acme *a)
{
    struct chy_problem before = a->cx->problem;

    /* Spending twice for one request is harmless: the second finds the request's own mark. */
    if (!a->has_nonce || before.status == 503)
        return;
    chy_problem_clear(a->cx);
    if (chy_acme_admit(a) != CHY_OK && a->cx->problem.status < 500)
        return;
    if (chy_failed(a->cx))
        chy_log_problem(a->cx, LOG_WARNING, "nonce of a refused request was not spent");
    a->cx->problem = before;
}
