/* SPDX-License-Identifier: Apache-2.0 */
/* A set of issuer and serial in memory: open addressing over the first 16 octets of their SHA-256,
 * so that a hostile serial can neither collide nor cluster.  32 MiB hold a million. */
#include "services/signer/serials.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define ROOM_FIRST 1024 /* a power of two */

struct key {
    uint64_t a, b; /* both 0: an empty place */
};

struct chy_serials {
    pthread_mutex_t lock;
    EVP_MD *sha256; /* fetched once */
    struct key *places;
    size_t room, used;
};

struct chy_serials *chy_serials_new(void)
{
    struct chy_serials *s = calloc(1, sizeof *s);

    if (s == NULL)
        abort();
    s->room = ROOM_FIRST;
    s->places = calloc(s->room, sizeof *s->places);
    s->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (s->places == NULL || s->sha256 == NULL || pthread_mutex_init(&s->lock, NULL) != 0)
        abort();
    return s;
}

void chy_serials_free(struct chy_serials *s)
{
    if (s == NULL)
        return;
    pthread_mutex_destroy(&s->lock);
    EVP_MD_free(s->sha256);
    free(s->places);
    free(s);
}

static struct key key_of(struct chy_serials *s, const char *issuer, const uint8_t *serial, size_t n)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    uint8_t digest[32];
    struct key k;

    /* The NUL after the name keeps ("ab", "c") and ("a", "bc") apart. */
    if (md == NULL || EVP_DigestInit_ex2(md, s->sha256, NULL) != 1 ||
        EVP_DigestUpdate(md, issuer, strlen(issuer) + 1) != 1 ||
        EVP_DigestUpdate(md, serial, n) != 1 || EVP_DigestFinal_ex(md, digest, NULL) != 1)
        abort();
    EVP_MD_CTX_free(md);
    memcpy(&k.a, digest, sizeof k.a);
    memcpy(&k.b, digest + sizeof k.a, sizeof k.b);
    k.a |= 1; /* never empty */
    return k;
}

/* The place where k is or would be. */
static struct key *find(struct key *places, size_t room, struct key k)
{
    for (size_t at = k.b & (room - 1);; at = (at + 1) & (room - 1)) {
        struct key *p = &places[at];

        if (p->a == 0 || (p->a == k.a && p->b == k.b))
            return p;
    }
}

static void grow(struct chy_serials *s)
{
    size_t room = s->room * 2;
    struct key *places = calloc(room, sizeof *places);

    if (places == NULL)
        abort();
    for (size_t i = 0; i < s->room; i++)
        if (s->places[i].a != 0)
            *find(places, room, s->places[i]) = s->places[i];
    free(s->places);
    s->places = places;
    s->room = room;
}

bool chy_serials_reserve(struct chy_serials *s, const char *issuer, const uint8_t *serial, size_t n)
{
    struct key k = key_of(s, issuer, serial, n), *place;
    bool is_new;

    pthread_mutex_lock(&s->lock);
    if (s->used >= s->room / 2)
        grow(s);
    place = find(s->places, s->room, k);
    is_new = place->a == 0;
    if (is_new) {
        *place = k;
        s->used++;
    }
    pthread_mutex_unlock(&s->lock);
    return is_new;
}

size_t chy_serials_count(struct chy_serials *s)
{
    size_t n;

    pthread_mutex_lock(&s->lock);
    n = s->used;
    pthread_mutex_unlock(&s->lock);
    return n;
}
