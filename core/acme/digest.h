/* SPDX-License-Identifier: Apache-2.0 */
/* The digests of JOSE, fetched once a process: an implicit fetch costs three times the hash of a
 * short text and takes the provider's locks. */
#ifndef CHY_ACME_DIGEST_H
#define CHY_ACME_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

/* Borrowed; never NULL: the process aborts if OpenSSL has no SHA-2. */
const EVP_MD *chy_digest_sha256(void);
const EVP_MD *chy_digest_sha384(void);

/* SHA-256 of n octets.  Aborts if OpenSSL cannot: nothing may go on with a hash that is not one. */
void chy_sha256(uint8_t out[32], const void *octets, size_t n);

#endif
