/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table of client addresses.  One entry stands for an IPv4 address or an IPv6 /64, the smallest
 * block a site gets.  Never larger than the number of connections. */
#include "services/front/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
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

static const uint8_t *mapped_ipv4(const struct sockaddr_in6 *sin6)
{
    return IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr) ? sin6->sin6_addr.s6_addr + 12 : NULL;
}

static uint64_t key_of(const struct sockaddr *sa, bool *ret_v6)
{
    const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)(const void *)sa;
    const uint8_t *v4 = sa->sa_family == AF_INET6 ? mapped_ipv4(sin6) : NULL;
    uint64_t key = 0;

    *ret_v6 = sa->sa_family == AF_INET6 && v4 == NULL;
    if (*ret_v6)
        memcpy(&key, sin6->sin6_addr.s6_addr, 8);
    else if (v4 != NULL)
        memcpy(&key, v4, 4);
    else
        memcpy(&key, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
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

bool chy_peers_enter(struct chy_peers *p, const struct sockaddr *sa)
{
    bool v6, in;
    uint64_t key = key_of(sa, &v6);

    pthread_mutex_lock(&p->lock);
    in = count_one(p, key, v6);
    pthread_mutex_unlock(&p->lock);
    return in;
}

void chy_peers_leave(struct chy_peers *p, const struct sockaddr *sa)
{
    bool v6;
    uint64_t key = key_of(sa, &v6);
    struct peer **at, *gone = NULL;

    pthread_mutex_lock(&p->lock);
    at = find(p, key, v6);
    p->n--;
    if (--(*at)->n == 0) {
        gone = *at;
        *at = gone->next;
        p->addresses--;
    }
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
    const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)(const void *)sa;
    const void *address = &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
    int family = AF_INET;

    if (sa->sa_family == AF_INET6) {
        address = mapped_ipv4(sin6);
        if (address == NULL) {
            family = AF_INET6;
            address = &sin6->sin6_addr;
        }
    }
    if (inet_ntop(family, address, buf, INET6_ADDRSTRLEN) == NULL)
        buf[0] = '\0';
}
