/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys of Ed25519 that prove nothing. */
#ifndef CHY_PKI_ED25519_H
#define CHY_PKI_ED25519_H

#include <stdint.h>

#define CHY_ED25519_OCTETS 32

/* What is wrong with the 32 octets of a public key (RFC 8032 section 5.1.5), as a sentence for its owner;
 * NULL if nothing is. */
const char *chy_ed25519_weakness(const uint8_t key[CHY_ED25519_OCTETS]);

#endif
