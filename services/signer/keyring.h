/* SPDX-License-Identifier: Apache-2.0 */
/* Issuer keys in memory, each bound to its certificate and its ceiling. */
#ifndef CHY_SIGNER_KEYRING_H
#define CHY_SIGNER_KEYRING_H

#include "services/signer/ceilings.h"

struct chy_signing_key {
    const struct chy_ceiling *ceiling;
    X509 *cert;
    time_t not_after; /* of cert */
    int nid;          /* what it signs with */
    EVP_PKEY *key;
    EVP_MD_CTX *ready; /* initialised: copied for each signature, never used itself */
};

struct chy_keyring {
    struct chy_signing_key *keys;
    size_t n;
};

/* Load every issuer's key and certificate.  Refuses a key file that others than its owner may read,
 * a key that is not the certificate's, a certificate that is no CA's.  Freed with the arena. */
enum chy_rc CHY_CHECK chy_keyring_load(struct chy_ctx *cx, const struct chy_ceilings *ceilings,
                                       struct chy_keyring *ret);
/* NULL if there is no such issuer. */
const struct chy_signing_key *chy_keyring_find(const struct chy_keyring *ring, const char *issuer);
/* Signature over octets.  Any thread. */
enum chy_rc CHY_CHECK chy_keyring_sign(struct chy_ctx *cx, const struct chy_signing_key *k,
                                       const uint8_t *tbs, size_t n, const uint8_t **ret_sig,
                                       size_t *ret_n);

#endif
