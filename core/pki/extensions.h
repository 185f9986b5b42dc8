/* SPDX-License-Identifier: Apache-2.0 */
/* Making the extensions that core itself puts into certificates (RFC 5280 section 4.2). */
#ifndef CHY_PKI_EXTENSIONS_H
#define CHY_PKI_EXTENSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509v3.h>

/* Each appends one extension; false only when memory is out or an argument is no OID. */
bool chy_add_authority_key(X509 *cert, const X509 *issuer);
bool chy_add_subject_key(X509 *cert);
bool chy_add_key_usage(X509 *cert, unsigned bits);
bool chy_add_purposes(X509 *cert, const char *const *oids, size_t n);
bool chy_add_basic_constraints(X509 *cert, int path_len);
bool chy_add_names(X509 *cert, const GENERAL_NAMES *names, bool critical);
bool chy_add_crl_url(X509 *cert, const char *url);
bool chy_add_issuer_url(X509 *cert, const char *url);
bool chy_add_extension(X509 *cert, const char *oid, bool critical, const uint8_t *der, size_t n);

#endif
