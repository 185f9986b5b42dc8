/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions that this version does not serve: each refuses, so that a module that needs one
 * learns it at once and nothing is issued on a promise. */
#include "core/ext/host_part.h"

enum chy_rc chy_host_unserved(struct chy_ctx *cx, const char *function)
{
    enum chy_rc rc =
        chy_fault_internal(cx, "module %s called %s, which is not served by this version",
                           chy_host_module(cx), function);

    cx->problem.status = 501;
    return rc;
}

enum chy_rc chy_host_order_create(struct chy_ctx *cx, const struct chy_id *account,
                                  const json_t *request, struct chy_order **ret)
{
    (void)account;
    (void)request;
    (void)ret;
    return chy_host_unserved(cx, "order_create");
}

enum chy_rc chy_host_order_reissue(struct chy_ctx *cx, const struct chy_id *orders,
                                   const time_t (*periods)[2], size_t n)
{
    (void)orders;
    (void)periods;
    (void)n;
    return chy_host_unserved(cx, "order_reissue");
}

enum chy_rc chy_host_order_use_issuer(struct chy_ctx *cx, struct chy_order *o, const char *issuer,
                                      json_t *params)
{
    (void)o;
    (void)issuer;
    chy_keep_json(cx, params);
    return chy_host_unserved(cx, "order_use_issuer");
}

enum chy_rc chy_host_order_public(struct chy_ctx *cx, struct chy_order *o, bool on)
{
    (void)o;
    (void)on;
    return chy_host_unserved(cx, "order_public");
}

enum chy_rc chy_host_authz_grant(struct chy_ctx *cx, struct chy_order *o,
                                 const struct chy_ident *id, json_t *grant)
{
    (void)o;
    (void)id;
    chy_keep_json(cx, grant);
    return chy_host_unserved(cx, "authz_grant");
}

enum chy_rc chy_host_outbox(struct chy_ctx *cx, const char *gateway, const json_t *msg)
{
    (void)gateway;
    (void)msg;
    return chy_host_unserved(cx, "outbox");
}

enum chy_rc chy_host_challenge_wake(struct chy_ctx *cx, const char *lookup_key, const char *source,
                                    const json_t *payload)
{
    (void)lookup_key;
    (void)source;
    (void)payload;
    return chy_host_unserved(cx, "challenge_wake");
}

enum chy_rc chy_host_sign_with(struct chy_ctx *cx, const char *key_reference, const uint8_t *tbs,
                               size_t n, const uint8_t **ret_sig, size_t *ret_n)
{
    (void)key_reference;
    (void)tbs;
    (void)n;
    (void)ret_sig;
    (void)ret_n;
    return chy_host_unserved(cx, "sign_with");
}
