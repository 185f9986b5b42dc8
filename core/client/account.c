/* SPDX-License-Identifier: Apache-2.0 */
/* The directory (RFC 8555 section 7.1.1), accounts (7.3), revocation (7.6). */
#include <string.h>

#include "core/base/b64.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/client/internal.h"

/* ---- directory ---- */

static void keep_directory(struct chy_client *c, const struct chy_client_directory *d)
{
    const char **urls[] = {&c->directory.new_nonce,  &c->directory.new_account,
                           &c->directory.new_order,  &c->directory.revoke_cert,
                           &c->directory.key_change, &c->directory.renewal_info,
                           &c->directory.terms};

    c->directory = *d;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        if (*urls[i] != NULL)
            *urls[i] = chy_arena_strdup(c->arena, *urls[i]);
    if (d->profiles != NULL)
        c->directory.profiles = chy_arena_keep_json(c->arena, json_deep_copy(d->profiles));
}

enum chy_rc chy_client_directory(struct chy_ctx *cx, struct chy_client *c,
                                 const struct chy_client_directory **ret)
{
    struct chy_client_directory d;
    struct chy_answer a;

    if (chy_transport(cx, c, CHY_CS_DIRECTORY, CHY_M_GET, c->config.directory, 0, &a) != CHY_OK ||
        chy_answer_check(cx, c, CHY_CS_DIRECTORY, &a) != CHY_OK ||
        chy_client_parse_directory(cx, a.body, a.n, c->config.allow_http, &d) != CHY_OK)
        return CHY_ERR;
    keep_directory(c, &d);
    if (ret != NULL)
        *ret = &c->directory;
    return CHY_OK;
}

/* ---- newAccount ---- */

/* Section 7.3.4: the account's key, signed by the key that the operator gave. */
static enum chy_rc bind_external(struct chy_ctx *cx, struct chy_client *c,
                                 const struct chy_client_registration *r, json_t *payload)
{
    json_t *header, *binding;

    if (r->eab_kid == NULL)
        return CHY_OK;
    header = chy_keep_json(cx, json_pack("{s:s, s:s, s:s}", "alg", "HS256", "kid", r->eab_kid,
                                         "url", c->directory.new_account));
    if (header == NULL)
        return CHY_STEP_FAIL(cx, CHY_CS_ACCOUNT, "the external account's key id is no UTF-8");
    if (chy_jws_mac(cx, chy_json_text(cx, header, NULL), c->signing.jwk, r->eab_key, r->eab_key_n,
                    &binding) != CHY_OK)
        return CHY_ERR;
    json_object_set(payload, "externalAccountBinding", binding);
    return CHY_OK;
}

static enum chy_rc add_contacts(struct chy_ctx *cx, const struct chy_client_registration *r,
                                json_t *payload)
{
    json_t *list;

    if (r->n_contacts == 0)
        return CHY_OK;
    list = json_array();
    json_object_set_new(payload, "contact", list);
    for (size_t i = 0; i < r->n_contacts; i++)
        if (json_array_append_new(list, json_string(r->contacts[i])) != 0)
            return CHY_STEP_FAIL(cx, CHY_CS_ACCOUNT, "a contact is no UTF-8");
    return CHY_OK;
}

enum chy_rc chy_client_register(struct chy_ctx *cx, struct chy_client *c,
                                const struct chy_client_registration *r)
{
    json_t *payload = chy_keep_json(cx, json_object());
    struct chy_answer a;

    if (chy_resource(cx, c, CHY_CS_ACCOUNT, c->directory.new_account) != CHY_OK)
        return CHY_ERR;
    if (c->signing.key == NULL)
        return CHY_STEP_FAIL(cx, CHY_CS_ACCOUNT, "the account has no key yet");
    if (r->agree)
        json_object_set_new(payload, "termsOfServiceAgreed", json_true());
    if (r->only_existing)
        json_object_set_new(payload, "onlyReturnExisting", json_true());
    if (add_contacts(cx, r, payload) != CHY_OK || bind_external(cx, c, r, payload) != CHY_OK ||
        chy_post_json(cx, c, CHY_CS_ACCOUNT, c->directory.new_account, payload, &a) != CHY_OK)
        return CHY_ERR;
    if (a.location == NULL || !chy_client_url_ok(a.location, c->config.allow_http))
        return CHY_STEP_FAIL(cx, CHY_CS_ACCOUNT, "the server names no account in Location");
    c->account = chy_arena_strdup(c->arena, a.location);
    return CHY_OK;
}

/* ---- ends ---- */

enum chy_rc chy_client_revoke(struct chy_ctx *cx, struct chy_client *c, X509 *cert, int reason)
{
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    struct chy_answer a;
    json_t *payload;

    if (n <= 0)
        return chy_fault_internal(cx, "the certificate cannot be written");
    payload = json_pack("{s:s}", "certificate", chy_b64u(cx, der, (size_t)n));
    OPENSSL_free(der);
    if (reason >= 0)
        json_object_set_new(payload, "reason", json_integer(reason));
    chy_keep_json(cx, payload);
    if (chy_resource(cx, c, CHY_CS_REVOKE, c->directory.revoke_cert) != CHY_OK)
        return CHY_ERR;
    return chy_post_json(cx, c, CHY_CS_REVOKE, c->directory.revoke_cert, payload, &a);
}

enum chy_rc chy_client_deactivate(struct chy_ctx *cx, struct chy_client *c, const char *url)
{
    struct chy_answer a;

    return chy_post(cx, c, CHY_CS_DEACTIVATE, url, "{\"status\":\"deactivated\"}", &a);
}

/* Section 7.3.5: the new key signs that it takes over, the old one signs the request. */
enum chy_rc chy_client_change_key(struct chy_ctx *cx, struct chy_client *c, EVP_PKEY *key)
{
    struct chy_buffer inner = {0};
    struct chy_signing s;
    struct chy_answer a;
    const char *header, *payload;
    enum chy_rc rc;

    if (chy_resource(cx, c, CHY_CS_KEY_CHANGE, c->directory.key_change) != CHY_OK)
        return CHY_ERR;
    if (c->account == NULL)
        return CHY_STEP_FAIL(cx, CHY_CS_KEY_CHANGE, "the account is not known yet");
    if (chy_signing_of(cx, c->arena, key, &s) != CHY_OK)
        return CHY_ERR;
    header = chy_fmt(cx, "{\"alg\":\"%s\",\"jwk\":%s,\"url\":\"%s\"}", s.alg, s.jwk,
                     c->directory.key_change);
    payload = chy_fmt(cx, "{\"account\":\"%s\",\"oldKey\":%s}", c->account, c->signing.jwk);
    rc = chy_jws_write(cx, &s, header, payload, strlen(payload), &inner);
    if (rc == CHY_OK)
        rc = chy_post(cx, c, CHY_CS_KEY_CHANGE, c->directory.key_change, inner.b, &a);
    chy_buffer_free(&inner);
    if (rc != CHY_OK)
        return CHY_ERR;
    if (EVP_PKEY_up_ref(key) != 1)
        return chy_fault_internal(cx, "no further reference to a key");
    EVP_PKEY_free(c->signing.key);
    c->signing = s;
    return CHY_OK;
}
