/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of RFC 8555 section 7.1 and problem documents (RFC 7807) from hostile octets.  A member that
 * is there with a wrong type, a URL that may not be asked, a list that is too long: the whole answer
 * is refused.  Unknown members are ignored, unknown status values are not. */
#include "core/client/objects.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "core/base/json.h"
#include "core/base/problem.h"

#define TEXT_MAX 1000
#define TOKEN_MIN 22 /* 128 bits (RFC 8555 section 8.1) */
#define TOKEN_MAX 512
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

#define HOSTILE(cx, ...) chy_fail((cx), &CHY_P_serverInternal, __VA_ARGS__)

static const char *const status_names[] = {
    [CHY_ST_PENDING] = "pending",       [CHY_ST_READY] = "ready",
    [CHY_ST_PROCESSING] = "processing", [CHY_ST_VALID] = "valid",
    [CHY_ST_INVALID] = "invalid",       [CHY_ST_DEACTIVATED] = "deactivated",
    [CHY_ST_EXPIRED] = "expired",       [CHY_ST_REVOKED] = "revoked",
};

const char *chy_client_status_name(enum chy_client_status status)
{
    return status_names[status];
}

/* ---- URLs and waiting times ---- */

bool chy_client_url_ok(const char *url, bool allow_http)
{
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-._~:/?[]@!$&'()*+,;=%";
    const char *host;
    size_t n;

    if (strnlen(url, CHY_CLIENT_URL_MAX + 1) > CHY_CLIENT_URL_MAX)
        return false;
    if (strncmp(url, "https://", 8) == 0)
        host = url + 8;
    else if (allow_http && strncmp(url, "http://", 7) == 0)
        host = url + 7;
    else
        return false;
    n = strcspn(host, "/?");
    return n > 0 && host[0] != ':' && memchr(host, '@', n) == NULL &&
           host[strspn(host, legal)] == '\0';
}

unsigned chy_client_retry_after(const char *value, time_t now)
{
    size_t digits = strspn(value, "0123456789");
    time_t at;

    if (digits > 0 && value[digits] == '\0')
        return digits > 5 || strtoul(value, NULL, 10) > CHY_CLIENT_WAIT_MAX
                   ? CHY_CLIENT_WAIT_MAX
                   : (unsigned)strtoul(value, NULL, 10);
    at = curl_getdate(value, NULL);
    if (at <= now)
        return 0;
    return at - now > CHY_CLIENT_WAIT_MAX ? CHY_CLIENT_WAIT_MAX : (unsigned)(at - now);
}

/* ---- members ---- */

/* Text of a member for people; NULL where it is not text. */
static const char *text_of(struct chy_ctx *cx, const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);

    if (!json_is_string(v))
        return NULL;
    return chy_printable(cx, json_string_value(v), json_string_length(v), TEXT_MAX);
}

static enum chy_rc read_url(struct chy_ctx *cx, const json_t *o, const char *what, const char *name,
                            bool required, bool allow_http, const char **ret)
{
    const json_t *v = json_object_get(o, name);

    *ret = NULL;
    if (v == NULL || json_is_null(v))
        return required ? HOSTILE(cx, "the server's %s has no %s", what, name) : CHY_OK;
    if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v) ||
        !chy_client_url_ok(json_string_value(v), allow_http))
        return HOSTILE(cx, "the server's %s has a %s that is no https URL of at most %d octets",
                       what, name, CHY_CLIENT_URL_MAX);
    *ret = json_string_value(v);
    return CHY_OK;
}

static enum chy_rc read_status(struct chy_ctx *cx, const json_t *o, const char *what,
                               enum chy_client_status *ret)
{
    const char *s = json_string_value(json_object_get(o, "status"));

    for (size_t i = 0; s != NULL && i < sizeof status_names / sizeof *status_names; i++) {
        if (strcmp(s, status_names[i]) == 0) {
            *ret = (enum chy_client_status)i;
            return CHY_OK;
        }
    }
    return HOSTILE(cx, "the server's %s has %s%.40s", what,
                   s != NULL ? "the unknown status " : "no status", s != NULL ? s : "");
}

static enum chy_rc parse(struct chy_ctx *cx, const char *what, const void *body, size_t n,
                         json_t **ret)
{
    if (n > CHY_CLIENT_BODY_MAX)
        return HOSTILE(cx, "the server's %s has more than %u octets", what, CHY_CLIENT_BODY_MAX);
    return chy_json_object(cx, chy_fmt(cx, "the server's %s", what), body, n, ret);
}

/* ---- problem documents ---- */

static void read_problem(struct chy_ctx *cx, const json_t *o, bool deep,
                         struct chy_client_problem *ret)
{
    const json_t *ident = json_object_get(o, "identifier"), *list, *sub;
    size_t n;

    *ret = (struct chy_client_problem){
        .status = (long)json_integer_value(json_object_get(o, "status")),
        .type = text_of(cx, o, "type"),
        .detail = text_of(cx, o, "detail"),
        .instance = text_of(cx, o, "instance"),
        .ident_type = text_of(cx, ident, "type"),
        .ident_value = text_of(cx, ident, "value"),
    };
    list = json_object_get(o, "subproblems");
    n = json_array_size(list);
    if (!deep || n == 0)
        return;
    ret->n_sub = n < CHY_CLIENT_SUBPROBLEMS ? n : CHY_CLIENT_SUBPROBLEMS;
    ret->n_sub_left_out = n - ret->n_sub;
    ret->sub = chy_alloc(cx, ret->n_sub * sizeof *ret->sub);
    for (size_t i = 0; i < ret->n_sub; i++) {
        sub = json_array_get(list, i);
        read_problem(cx, sub, false, &ret->sub[i]);
    }
}

bool chy_client_parse_problem(struct chy_ctx *cx, const void *body, size_t n,
                              struct chy_client_problem *ret)
{
    struct chy_ctx own = {.arena = cx->arena};
    json_t *o;

    if (parse(&own, "problem", body, n, &o) != CHY_OK)
        return false;
    read_problem(cx, o, true, ret);
    return ret->type != NULL || ret->detail != NULL;
}

static const struct chy_client_problem *error_of(struct chy_ctx *cx, const json_t *o)
{
    const json_t *error = json_object_get(o, "error");
    struct chy_client_problem *p;

    if (!json_is_object(error))
        return NULL;
    p = chy_alloc(cx, sizeof *p);
    read_problem(cx, error, true, p);
    return p;
}

/* ---- directory (section 7.1.1) ---- */

enum chy_rc chy_client_parse_directory(struct chy_ctx *cx, const void *body, size_t n,
                                       bool allow_http, struct chy_client_directory *ret)
{
    struct chy_client_directory d = {0};
    const struct {
        const char *name;
        bool required;
        const char **url;
    } resources[] = {
        {"newNonce", true, &d.new_nonce},    {"newAccount", true, &d.new_account},
        {"newOrder", true, &d.new_order},    {"revokeCert", false, &d.revoke_cert},
        {"keyChange", false, &d.key_change}, {"renewalInfo", false, &d.renewal_info},
    };
    const json_t *meta, *profiles;
    json_t *o;

    if (parse(cx, "directory", body, n, &o) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < sizeof resources / sizeof *resources; i++)
        if (read_url(cx, o, "directory", resources[i].name, resources[i].required, allow_http,
                     resources[i].url) != CHY_OK)
            return CHY_ERR;
    meta = json_object_get(o, "meta");
    d.terms = text_of(cx, meta, "termsOfService");
    d.external_account_required = json_is_true(json_object_get(meta, "externalAccountRequired"));
    profiles = json_object_get(meta, "profiles");
    d.profiles = json_is_object(profiles) ? profiles : NULL;
    *ret = d;
    return CHY_OK;
}

/* ---- order (section 7.1.3) ---- */

static enum chy_rc read_authorizations(struct chy_ctx *cx, const json_t *o, bool allow_http,
                                       struct chy_client_order *order)
{
    const json_t *list = json_object_get(o, "authorizations");
    size_t n = json_array_size(list);

    if (!json_is_array(list))
        return HOSTILE(cx, "the server's order has no list of authorizations");
    if (n > CHY_CLIENT_AUTHZ_MAX)
        return HOSTILE(cx, "the server's order has %zu authorizations; at most %d are read", n,
                       CHY_CLIENT_AUTHZ_MAX);
    order->authorizations = chy_alloc(cx, (n + 1) * sizeof *order->authorizations);
    for (size_t i = 0; i < n; i++) {
        const char *url = json_string_value(json_array_get(list, i));

        if (url == NULL || !chy_client_url_ok(url, allow_http))
            return HOSTILE(cx, "the server's order has an authorization that is no https URL");
        order->authorizations[i] = url;
    }
    order->n_authorizations = n;
    return CHY_OK;
}

enum chy_rc chy_client_parse_order(struct chy_ctx *cx, const void *body, size_t n, bool allow_http,
                                   struct chy_client_order *ret)
{
    struct chy_client_order order = {0};
    json_t *o;

    if (parse(cx, "order", body, n, &o) != CHY_OK ||
        read_status(cx, o, "order", &order.status) != CHY_OK ||
        read_url(cx, o, "order", "finalize", true, allow_http, &order.finalize) != CHY_OK ||
        read_url(cx, o, "order", "certificate", order.status == CHY_ST_VALID, allow_http,
                 &order.certificate) != CHY_OK ||
        read_authorizations(cx, o, allow_http, &order) != CHY_OK)
        return CHY_ERR;
    order.error = error_of(cx, o);
    *ret = order;
    return CHY_OK;
}

/* ---- authorization (section 7.1.4) and challenge (section 8) ---- */

static enum chy_rc read_token(struct chy_ctx *cx, const json_t *o, const char **ret)
{
    const json_t *v = json_object_get(o, "token");
    const char *token = json_string_value(v);
    size_t n = json_string_length(v);

    *ret = NULL;
    if (v == NULL || json_is_null(v))
        return CHY_OK;
    /* It becomes part of file names, of requests and of records. */
    if (token == NULL || n < TOKEN_MIN || n > TOKEN_MAX || strspn(token, BASE64URL) != n)
        return HOSTILE(cx,
                       "the server's challenge has a token that is not base64url of %d to %d "
                       "characters (RFC 8555 section 8.1)",
                       TOKEN_MIN, TOKEN_MAX);
    *ret = token;
    return CHY_OK;
}

static enum chy_rc read_challenge(struct chy_ctx *cx, const json_t *o, bool allow_http,
                                  struct chy_client_challenge *ret)
{
    if (!json_is_object(o) || !json_is_string(json_object_get(o, "type")))
        return HOSTILE(cx, "the server's authorization has a challenge without a type");
    ret->type = text_of(cx, o, "type");
    ret->object = o;
    ret->error = error_of(cx, o);
    if (read_url(cx, o, "challenge", "url", true, allow_http, &ret->url) != CHY_OK ||
        read_status(cx, o, "challenge", &ret->status) != CHY_OK)
        return CHY_ERR;
    return read_token(cx, o, &ret->token);
}

enum chy_rc chy_client_parse_authz(struct chy_ctx *cx, const void *body, size_t n, bool allow_http,
                                   struct chy_client_authz *ret)
{
    const json_t *ident, *list;
    struct chy_client_authz a = {0};
    json_t *o;

    if (parse(cx, "authorization", body, n, &o) != CHY_OK ||
        read_status(cx, o, "authorization", &a.status) != CHY_OK)
        return CHY_ERR;
    ident = json_object_get(o, "identifier");
    a.ident_type = text_of(cx, ident, "type");
    a.ident_value = text_of(cx, ident, "value");
    a.wildcard = json_is_true(json_object_get(o, "wildcard"));
    list = json_object_get(o, "challenges");
    a.n_challenges = json_array_size(list);
    if (a.ident_type == NULL || a.ident_value == NULL || !json_is_array(list))
        return HOSTILE(cx, "the server's authorization has no %s",
                       json_is_array(list) ? "identifier" : "list of challenges");
    if (a.n_challenges > CHY_CLIENT_CHALLENGES)
        return HOSTILE(cx, "the server's authorization has %zu challenges; at most %d are read",
                       a.n_challenges, CHY_CLIENT_CHALLENGES);
    a.challenges = chy_alloc(cx, (a.n_challenges + 1) * sizeof *a.challenges);
    for (size_t i = 0; i < a.n_challenges; i++)
        if (read_challenge(cx, json_array_get(list, i), allow_http, &a.challenges[i]) != CHY_OK)
            return CHY_ERR;
    *ret = a;
    return CHY_OK;
}
