/* SPDX-License-Identifier: Apache-2.0 */
/* How policy names kinds of public keys: ec-p256, ec-p384, ec-p521, ed25519, rsa-BITS, rsa-BITS..BITS. */
#ifndef CHY_POLICY_KEYPATTERN_H
#define CHY_POLICY_KEYPATTERN_H

#include <stdbool.h>

#define CHY_RSA_BITS_MIN 2048
#define CHY_RSA_BITS_MAX 8192

/* RSA sizes are multiples of 8 from CHY_RSA_BITS_MIN to CHY_RSA_BITS_MAX, the lower one first. */
bool chy_policy_key_pattern_valid(const char *pattern);
/* "rsa-2048" gives 2048 and 2048, "rsa-2048..4096" 2048 and 4096.  False: not an RSA pattern. */
bool chy_policy_rsa_pattern_read(const char *pattern, unsigned *ret_least, unsigned *ret_most);

#endif
