/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificate requests of a client, and whether what came back is what was asked for. */
#ifndef CHY_CLIENT_REQUESTS_H
#define CHY_CLIENT_REQUESTS_H

#include "core/client/objects.h"

/* Kinds that can be made, for help and messages. */
#define CHY_CLIENT_KEY_KINDS "ec-p256, ec-p384, ec-p521, ed25519, rsa-2048, rsa-3072, rsa-4096"

/* A new key; freed with the arena.  Fails: a kind that is none of the above. */
enum chy_rc CHY_CHECK chy_client_key_make(struct chy_ctx *cx, const char *kind, EVP_PKEY **ret);
/* PKCS#8 in PEM; the text is wiped with the arena. */
enum chy_rc CHY_CHECK chy_client_key_pem(struct chy_ctx *cx, EVP_PKEY *key, const char **ret,
                                         size_t *ret_n);
/* A private key of a PEM file; fails if others than its owner may read it. */
enum chy_rc CHY_CHECK chy_client_key_load(struct chy_ctx *cx, const char *path, EVP_PKEY **ret);

/* A certificate request for identifiers (RFC 8555 section 7.4): their modules put in what names them;
 * the subject is empty.  cx->registry must be set. */
enum chy_rc CHY_CHECK chy_client_csr(struct chy_ctx *cx, EVP_PKEY *key,
                                     const struct chy_ident *idents, size_t n, X509_REQ **ret,
                                     const uint8_t **ret_der, size_t *ret_n);

/* Is the chain what the request asked for: the request's key, exactly its names, every extension it
 * asked for with that value, valid at now, each certificate signed by the next?  Fails naming the
 * check. */
enum chy_rc CHY_CHECK chy_chain_check(struct chy_ctx *cx, const struct chy_chain *chain,
                                      X509_REQ *request, time_t now);

#endif
