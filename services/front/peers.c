/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table of client addresses.  One entry stands for an IPv4 address or an IPv6 /64, the smallest
 * block a site gets.  Never larger than the number of connections. */
#include "services/front/peers.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/random.h"

#define BUCKETS 1024u

struct peer {
    struct peer *next;
    uint64_t key;
    bool v6;
    unsigned n;
};

struct chy_peers {
    pthread_mutex_t lock;
    unsigned n, max, max_per_address, addresses;
    uint64_t seed; /* nobody outside can aim at one bucket */
    struct peer *buckets[BUCKETS];
};

struct chy_peers *chy_peers_new(unsigned max, unsigned max_per_address)
{
    struct chy_peers *p = calloc(1, sizeof *p);

    if (p == NULL)
        abort();
    pthread_mutex_init(&p->lock, NULL);
    p->max = max;
    p->max_per_address = max_per_address;
    chy_random(&p->seed, sizeof p->seed);
    return p;
}

void chy_peers_free(struct chy_peers *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (p->buckets[i] != NULL) {
            struct peer *next = p->buckets[i]->next;

            free(p->buckets[i]);
            p->buckets[i] = next;
        }
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

const struct sockaddr *chy_peers_unmapped(const struct sockaddr *sa, struct sockaddr_in *buf)
{
    const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)(const void *)sa;

    if (sa->sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr))
        return sa;
    *buf = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = sin6->sin6_port};
    memcpy(&buf->sin_addr, sin6->sin6_addr.s6_addr + 12, 4);
    return (const struct sockaddr *)buf;
}

/* The octets of an address of either family. */
static const void *octets_of(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET6)
        return &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    return &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
}

static uint64_t key_of(const struct sockaddr *sa, bool *ret_v6)
{
    struct sockaddr_in plain;
    uint64_t key = 0;

    sa = chy_peers_unmapped(sa, &plain);
    *ret_v6 = sa->sa_family == AF_INET6;
    memcpy(&key, octets_of(sa), *ret_v6 ? 8 : 4);
    return key;
}

/* The place that points, or would point, to the entry. */
static struct peer **find(struct chy_peers *p, uint64_t key, bool v6)
{
    uint64_t h = key ^ p->seed;
    struct peer **at;

    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u ^ p->seed >> 7;
    at = &p->buckets[(h >> 32) % BUCKETS];
    while (*at != NULL && ((*at)->key != key || (*at)->v6 != v6))
        at = &(*at)->next;
    return at;
}

static bool count_one(struct chy_peers *p, uint64_t key, bool v6)
{
    struct peer **at = find(p, key, v6);

    if (p->n >= p->max || (*at != NULL && (*at)->n >= p->max_per_address))
        return false;
    if (*at == NULL) {
        *at = calloc(1, sizeof **at);
        if (*at == NULL)
            abort();
        (*at)->key = key;
        (*at)->v6 = v6;
        p->addresses++;
    }
    (*at)->n++;
    p->n++;
    return true;
}

static bool enter_nameless(struct chy_peers *p)
{
    bool in;

    pthread_mutex_lock(&p->lock);
    in = p->n < p->max;
    p->n += in;
    pthread_mutex_unlock(&p->lock);
    return in;
}

bool chy_peers_enter(struct chy_peers *p, const struct sockaddr *sa)
{
    bool v6, in;
    uint64_t key;

    if (sa == NULL)
        return enter_nameless(p);
    key = key_of(sa, &v6);
    pthread_mutex_lock(&p->lock);
    in = count_one(p, key, v6);
    pthread_mutex_unlock(&p->lock);
    return in;
}

/* The entry, if it stands for nobody any more; NULL otherwise. */
static struct peer *discount_one(struct chy_peers *p, uint64_t key, bool v6)
{
    struct peer **at = find(p, key, v6), *gone = *at;

    if (--gone->n > 0)
        return NULL;
    *at = gone->next;
    p->addresses--;
    return gone;
}

void chy_peers_leave(struct chy_peers *p, const struct sockaddr *sa)
{
    struct peer *gone = NULL;
    uint64_t key = 0;
    bool v6 = false;

    if (sa != NULL)
        key = key_of(sa, &v6);
    pthread_mutex_lock(&p->lock);
    p->n--;
    if (sa != NULL)
        gone = discount_one(p, key, v6);
    pthread_mutex_unlock(&p->lock);
    free(gone);
}

unsigned chy_peers_addresses(struct chy_peers *p)
{
    unsigned n;

    pthread_mutex_lock(&p->lock);
    n = p->addresses;
    pthread_mutex_unlock(&p->lock);
    return n;
}

void chy_peers_text(const struct sockaddr *sa, char *buf)
{
    struct sockaddr_in plain;

    sa = chy_peers_unmapped(sa, &plain);
    if (inet_ntop(sa->sa_family, octets_of(sa), buf, INET6_ADDRSTRLEN) == NULL)
        buf[0] = '\0';
}
