/* SPDX-License-Identifier: Apache-2.0 */
/* Making a root and an issuing CA: what chancery init does. */
#ifndef CHY_PKI_AUTHORITY_H
#define CHY_PKI_AUTHORITY_H

#include "core/base/cx.h"

struct chy_authority {
    char *root_key_pem, *root_pem;       /* the root's key leaves the machine in production */
    char *issuing_key_pem, *issuing_pem; /* signed by the root, pathlen 0                   */
};

/* P-256 root (20 years, self-signed, CA, keyCertSign and cRLSign) and issuing CA (5 years).
 * common_name: "Example CA"; the certificates are named "<it> Root" and "<it> Issuing 1". */
enum chy_rc CHY_CHECK chy_authority_make(struct chy_ctx *cx, const char *common_name,
                                         struct chy_authority *ret);

/* A certificate of the issuing CA for the ACME listener itself: host is a DNS name or an address;
 * also names localhost and loopback addresses when host is "localhost". */
enum chy_rc CHY_CHECK chy_authority_listener(struct chy_ctx *cx, const struct chy_authority *a,
                                             const char *host, unsigned days, char **ret_key_pem,
                                             char **ret_cert_pem);

#endif
