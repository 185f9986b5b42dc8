/* SPDX-License-Identifier: Apache-2.0 */
/* One ACME request on its way through the handlers. */
#ifndef CHY_ACME_REQUEST_H
#define CHY_ACME_REQUEST_H

#include <pthread.h>

#include "core/acme/jws.h"
#include "core/acme/keycache.h"
#include "core/acme/nonce.h"
#include "core/acme/serve.h"
#include "core/db/db.h"
#include "core/pki/signer.h"
#include "core/store/objects.h"

struct chy_server {
    const struct chy_node *node;
    const char *base_path; /* path of base_url, "" for none                       */
    const char *origin;    /* base_url without it                                 */
    struct chy_ctx cx;     /* its arena lives as long as the server               */
    struct chy_registry *registry;
    struct chy_nonces *nonces;
    struct chy_keycache *keys;
    struct chy_rulebook *rules; /* guarded by rules_lock: hold a reference to use it  */
    pthread_mutex_t rules_lock;
    _Atomic int64_t notified_ms; /* when the workers were last woken                  */
    struct chy_db_outage outage; /* of the database, as all threads see it            */
};

struct chy_acme {
    struct chy_server *server;
    struct chy_signer *signer;
    struct chy_ctx *cx;
    struct chy_request *rq;
    struct chy_reply *rp;
    const struct chy_rulebook *rules;
    struct chy_jws jws;
    struct chy_jwk jwk;         /* newAccount: the key in the request                */
    struct chy_account account; /* kid requests: id, url, thumbprint                 */
    struct chy_guard guard;
    bool has_nonce;    /* the request's nonce is well-formed and one of ours            */
    bool authentic;    /* the signature holds                                           */
    const char *allow; /* Allow header of the answer, or NULL                         */
    json_t *payload;   /* NULL: POST-as-GET                                             */
};

typedef enum chy_rc chy_acme_handler(struct chy_acme *a);

/* Who may call a resource. */
enum chy_route_auth {
    CHY_ROUTE_OPEN,   /* GET and HEAD; POST-as-GET by an account too, where POST is allowed */
    CHY_ROUTE_JWK,    /* POST signed by the key in the request (newAccount)        */
    CHY_ROUTE_KID,    /* POST signed by an account's key                           */
    CHY_ROUTE_EITHER, /* POST signed by either (revokeCert)                        */
};

/* Spend the nonce, and check the account of a kid request: for what has no guarded statement of its
 * own.  Nothing to do for a request without JWS. */
enum chy_rc CHY_CHECK chy_acme_admit(struct chy_acme *a);
/* Path variable by name; never NULL for one that the route has. */
const char *chy_acme_var(const struct chy_acme *a, const char *name);
/* The id in a path variable.  Fails like an object that is not there (core.md E-04). */
enum chy_rc CHY_CHECK chy_acme_id(struct chy_acme *a, const char *var, struct chy_id *ret);
/* 404, the same for what is not there and for what is another account's. */
enum chy_rc chy_acme_not_found(struct chy_acme *a);
/* Refuse a payload: the resource is only read (core.md G-02). */
enum chy_rc CHY_CHECK chy_acme_only_read(struct chy_acme *a);
/* Refuse an empty payload: the resource is an action (core.md G-03). */
enum chy_rc CHY_CHECK chy_acme_only_act(struct chy_acme *a);
/* Absolute URL below the base. */
char *chy_acme_url(struct chy_ctx *cx, const char *f, ...) __attribute__((format(printf, 2, 3)));

/* Handlers, one file each. */
chy_acme_handler chy_directory_get, chy_new_nonce, chy_new_account, chy_account_post, chy_new_order,
    chy_order_get, chy_authz_get, chy_challenge_post, chy_finalize, chy_certificate_get,
    chy_not_served_yet, chy_issuer_certificate_get;

#endif
