/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate request from outside: decoded strictly, checked, its claims listed. */
#ifndef CHY_PKI_CSR_H
#define CHY_PKI_CSR_H

#include "core/base/cx.h"

#define CHY_CSR_MAX 65536 /* octets of DER */

struct chy_csr {
    X509_REQ *req; /* freed with the arena */
    const uint8_t *der;
    size_t der_len;
    const uint8_t *spki; /* SubjectPublicKeyInfo DER, inside der */
    size_t spki_len;
    uint8_t spki_sha256[32];
    EVP_PKEY *key; /* borrowed from req */
    /* Every name and extension the request asks for, as claim names: "san:dNSName",
     * "san:otherName:1.3.6.1.5.5.7.8.11", "subject:CN", "ext:2.5.29.15"; in order of appearance. */
    const char *const *claims;
    size_t n_claims;
};

/* Decode DER: strict (no trailing octets, version 0, definite lengths: re-encoding gives the same
 * octets), self-signature verified, signature algorithm from the allow-list (core.md F-04), at most
 * one extensionRequest with no duplicates (F-10), CA:TRUE refused, no empty SAN or ill-formed name
 * (F-08).  Fails: badCSR, naming the check. */
enum chy_rc CHY_CHECK chy_csr_read(struct chy_ctx *cx, const uint8_t *der, size_t n,
                                   struct chy_csr *ret);

#endif
