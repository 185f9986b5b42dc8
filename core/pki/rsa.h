/* SPDX-License-Identifier: Apache-2.0 */
/* Weaknesses of RSA moduli that generators are known to have made (core.md KY-01 to KY-03). */
#ifndef CHY_PKI_RSA_H
#define CHY_PKI_RSA_H

#include <openssl/bn.h>

/* Why n must not be used, or NULL.  n: odd or even, of a bounded size.  Bounded time: less than
 * a signature takes. */
const char *chy_rsa_weakness(const BIGNUM *n);

#endif
