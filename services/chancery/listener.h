/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate that the ACME listener itself shows. */
#ifndef CHY_CLI_LISTENER_H
#define CHY_CLI_LISTENER_H

#include "core/pki/authority.h"
#include "core/policy/node.h"

#define CHY_LISTENER_DAYS 365

/* A key and a certificate of a's issuing CA for host, its issuing certificate appended: clients know
 * the root alone. */
enum chy_rc CHY_CHECK chy_listener_make(struct chy_ctx *cx, const struct chy_authority *a,
                                        const char *host, char **ret_key_pem, char **ret_pem);
/* The host of a node's base-url: a name, or an address without brackets. */
const char *chy_listener_host(struct chy_ctx *cx, const struct chy_node *node);
/* The first certificate of a PEM file, released with the arena. */
enum chy_rc CHY_CHECK chy_listener_read(struct chy_ctx *cx, const char *path, X509 **ret);
/* Why a client would not take it at that time, in words; NULL if it would.  key: NULL: not looked at. */
const char *chy_listener_fault(struct chy_ctx *cx, X509 *cert, EVP_PKEY *key, const char *host,
                               time_t now);
/* Was it issued by a certificate that lies in the policy's issuers/? */
bool chy_listener_is_own(struct chy_ctx *cx, const struct chy_node *node, const X509 *cert);
/* "CN=Example CA Issuing 1"; arena. */
const char *chy_listener_issuer(struct chy_ctx *cx, const X509 *cert);

#endif
