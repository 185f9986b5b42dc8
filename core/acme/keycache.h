/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of accounts that were seen lately, ready to verify with. */
#ifndef CHY_ACME_KEYCACHE_H
#define CHY_ACME_KEYCACHE_H

#include "core/base/cx.h"

struct chy_keycache;

struct chy_cached_key {
    EVP_PKEY *key; /* one reference for the taker */
    uint8_t thumbprint[32];
    char thumbprint_text[44];
};

struct chy_keycache *chy_keycache_new(void);
void chy_keycache_free(struct chy_keycache *c);

/* False if it is not here.  What is here may be out of date: every guarded statement checks status
 * and thumbprint again, and its refusal drops the entry. */
bool chy_keycache_get(struct chy_keycache *c, const struct chy_id *account,
                      struct chy_cached_key *ret);
void chy_keycache_put(struct chy_keycache *c, const struct chy_id *account, EVP_PKEY *key,
                      const uint8_t thumbprint[32]);
void chy_keycache_drop(struct chy_keycache *c, const struct chy_id *account);

#endif
