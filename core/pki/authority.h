/* SPDX-License-Identifier: Apache-2.0 */
/* Making a root and an issuing CA: what chancery init does. */
#ifndef CHY_PKI_AUTHORITY_H
#define CHY_PKI_AUTHORITY_H

#include "core/base/cx.h"

struct chy_authority {
    char *root_key_pem, *root_pem;       /* the root's key leaves the machine in production */
    char *issuing_key_pem, *issuing_pem; /* signed by the root, pathlen 0                   */
};

/* The kinds of keys that a CA may be made with, as policy names them. */
#define CHY_AUTHORITY_KINDS "ec-p256, ec-p384, rsa-2048, rsa-3072, rsa-4096, ed25519"
bool chy_authority_kind_known(const char *kind);

/* Root (20 years, self-signed, CA, keyCertSign and cRLSign) and issuing CA (5 years) with keys of
 * these kinds.  common_name: "Example CA"; the certificates are named "<it> Root" and "<it> Issuing
 * 1".  Fails: serverInternal, also for a kind that is not known. */
enum chy_rc CHY_CHECK chy_authority_make_of(struct chy_ctx *cx, const char *common_name,
                                            const char *root_kind, const char *issuing_kind,
                                            struct chy_authority *ret);
/* The same with P-256 keys. */
enum chy_rc CHY_CHECK chy_authority_make(struct chy_ctx *cx, const char *common_name,
                                         struct chy_authority *ret);

/* A certificate of the issuing CA for the ACME listener itself: host is a DNS name or an address;
 * also names localhost and loopback addresses when host is "localhost". */
enum chy_rc CHY_CHECK chy_authority_listener(struct chy_ctx *cx, const struct chy_authority *a,
                                             const char *host, unsigned days, char **ret_key_pem,
                                             char **ret_cert_pem);
/* The issuing CA's certificate anew: the same name, key and extensions, signed by the root for another
 * 5 years, or as long as the root lives.  Refuses a key that is not the root's, and a certificate that
 * is not the root's work. */
enum chy_rc CHY_CHECK chy_authority_renew(struct chy_ctx *cx, const char *root_pem,
                                          const char *root_key_pem, const char *issuing_pem,
                                          char **ret_pem);

#endif
