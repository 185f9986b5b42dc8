/* SPDX-License-Identifier: Apache-2.0 */
/* A fixed table of account keys: an id's random octets choose the place, a newcomer evicts. */
#include "core/acme/keycache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/b64.h"
#include "core/base/id.h"

#define PLACES 8192 /* about 2 KiB each when filled with P-256 keys */

struct place {
    struct chy_id account;
    EVP_PKEY *key; /* NULL: empty */
    uint8_t thumbprint[32];
};

struct chy_keycache {
    pthread_mutex_t lock;
    struct place places[PLACES];
};

struct chy_keycache *chy_keycache_new(void)
{
    struct chy_keycache *c = calloc(1, sizeof *c);

    if (c == NULL || pthread_mutex_init(&c->lock, NULL) != 0)
        abort();
    return c;
}

void chy_keycache_free(struct chy_keycache *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < PLACES; i++)
        EVP_PKEY_free(c->places[i].key);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct place *place_of(struct chy_keycache *c, const struct chy_id *account)
{
    uint32_t random;

    memcpy(&random, account->b + 4, sizeof random);
    return &c->places[random % PLACES];
}

bool chy_keycache_get(struct chy_keycache *c, const struct chy_id *account,
                      struct chy_cached_key *ret)
{
    struct place *p = place_of(c, account);
    bool found;

    pthread_mutex_lock(&c->lock);
    found = p->key != NULL && chy_id_equal(&p->account, account) && EVP_PKEY_up_ref(p->key) == 1;
    if (found) {
        ret->key = p->key;
        memcpy(ret->thumbprint, p->thumbprint, sizeof ret->thumbprint);
    }
    pthread_mutex_unlock(&c->lock);
    if (found)
        chy_b64u_write(ret->thumbprint_text, ret->thumbprint, sizeof ret->thumbprint);
    return found;
}

void chy_keycache_put(struct chy_keycache *c, const struct chy_id *account, EVP_PKEY *key,
                      const uint8_t thumbprint[32])
{
    struct place *p = place_of(c, account);
    EVP_PKEY *old;

    if (EVP_PKEY_up_ref(key) != 1)
        return;
    pthread_mutex_lock(&c->lock);
    old = p->key;
    p->account = *account;
    p->key = key;
    memcpy(p->thumbprint, thumbprint, sizeof p->thumbprint);
    pthread_mutex_unlock(&c->lock);
    EVP_PKEY_free(old);
}

void chy_keycache_drop(struct chy_keycache *c, const struct chy_id *account)
{
    struct place *p = place_of(c, account);
    EVP_PKEY *old = NULL;

    pthread_mutex_lock(&c->lock);
    if (p->key != NULL && chy_id_equal(&p->account, account)) {
        old = p->key;
        p->key = NULL;
    }
    pthread_mutex_unlock(&c->lock);
    EVP_PKEY_free(old);
}
