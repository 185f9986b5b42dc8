/* SPDX-License-Identifier: Apache-2.0 */
/* A nonce is base64url(minutes[4] epoch[4] random[16] mac[16]); the MAC is HMAC-SHA-256 cut to 16
 * octets.  A forged one is refused without the database, but for ten looks at the key a second when its
 * epoch is unknown: another front may have made a key that this one has not read.  Who comes while one
 * looks waits for what it finds, so that a change of key turns nobody's good nonce away. */
#include "core/acme/nonce.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "core/acme/digest.h"
#include "core/base/b64.h"
#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/base/random.h"

#define QUARTER_S 900
#define CLOCK_SKEW_S 60 /* between fronts */
#define LOOK_EVERY_MS 100
#define RETRY_AFTER_S 2

struct raw_nonce {
    uint8_t minutes[4], epoch[4], random[16], mac[16];
};
_Static_assert(sizeof(struct raw_nonce) == 40, "octets only");

struct chy_nonces {
    pthread_rwlock_t lock;
    pthread_mutex_t looking; /* held while the database is asked about an unknown epoch */
    int64_t looked_ms;       /* when that was answered, 0: never asked */
    bool look_failed;
    bool known;
    int32_t epoch;
    uint8_t key[32];
};

struct chy_nonces *chy_nonces_new(void)
{
    struct chy_nonces *n = calloc(1, sizeof *n);

    if (n == NULL || pthread_rwlock_init(&n->lock, NULL) != 0 ||
        pthread_mutex_init(&n->looking, NULL) != 0)
        abort();
    return n;
}

void chy_nonces_free(struct chy_nonces *n)
{
    if (n == NULL)
        return;
    pthread_rwlock_destroy(&n->lock);
    pthread_mutex_destroy(&n->looking);
    OPENSSL_cleanse(n->key, sizeof n->key);
    free(n);
}

enum chy_rc chy_nonces_reload(struct chy_ctx *cx, struct chy_nonces *n)
{
    uint8_t key[32];
    int32_t epoch;

    if (chy_nonce_key_read(cx, &epoch, key) != CHY_OK)
        return CHY_ERR;
    pthread_rwlock_wrlock(&n->lock);
    n->epoch = epoch;
    memcpy(n->key, key, sizeof key);
    n->known = true;
    pthread_rwlock_unlock(&n->lock);
    OPENSSL_cleanse(key, sizeof key);
    return CHY_OK;
}

static bool current(struct chy_nonces *n, int32_t *ret_epoch, uint8_t ret_key[32])
{
    bool known;

    pthread_rwlock_rdlock(&n->lock);
    known = n->known;
    *ret_epoch = n->epoch;
    memcpy(ret_key, n->key, 32);
    pthread_rwlock_unlock(&n->lock);
    return known;
}

static void put32(uint8_t out[4], uint32_t v)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t in[4])
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static void mac(const uint8_t key[32], const struct raw_nonce *raw, uint8_t out[16])
{
    uint8_t full[32];
    unsigned n;

    if (HMAC(chy_digest_sha256(), key, 32, (const uint8_t *)raw, offsetof(struct raw_nonce, mac),
             full, &n) == NULL)
        abort();
    memcpy(out, full, 16);
}

enum chy_rc chy_nonce_make(struct chy_ctx *cx, struct chy_nonces *n, char ret[CHY_NONCE_TEXT + 1])
{
    struct raw_nonce raw;
    uint8_t key[32];
    int32_t epoch;

    if (!current(n, &epoch, key)) {
        if (chy_nonces_reload(cx, n) != CHY_OK)
            return CHY_ERR;
        (void)current(n, &epoch, key);
    }
    put32(raw.minutes, (uint32_t)(chy_now(cx) / 60));
    put32(raw.epoch, (uint32_t)epoch);
    chy_random(raw.random, sizeof raw.random);
    mac(key, &raw, raw.mac);
    OPENSSL_cleanse(key, sizeof key);
    chy_b64u_write(ret, &raw, sizeof raw);
    return CHY_OK;
}

static enum chy_rc refuse(struct chy_ctx *cx, const char *why)
{
    return chy_fail(cx, &CHY_P_badNonce, "the nonce %s (RFC 8555 section 6.5)", why);
}

static bool has_epoch(struct chy_nonces *n, int32_t epoch, uint8_t key[32])
{
    int32_t mine;

    return current(n, &mine, key) && mine == epoch;
}

/* Under n->looking: is the last look young enough to speak for this one? */
static enum chy_rc look(struct chy_ctx *cx, struct chy_nonces *n)
{
    if (n->looked_ms != 0 && chy_clock_ms() - n->looked_ms < LOOK_EVERY_MS)
        return n->look_failed
                   ? chy_fault_busy(cx, RETRY_AFTER_S, "the nonce key could not be read just now")
                   : CHY_OK;
    n->look_failed = chy_nonces_reload(cx, n) != CHY_OK;
    n->looked_ms = chy_clock_ms();
    return n->look_failed ? CHY_ERR : CHY_OK;
}

/* Fails: badNonce, or 503 when the database cannot say. */
static enum chy_rc key_of_epoch(struct chy_ctx *cx, struct chy_nonces *n, int32_t epoch,
                                uint8_t key[32])
{
    enum chy_rc rc;

    if (has_epoch(n, epoch, key))
        return CHY_OK;
    pthread_mutex_lock(&n->looking);
    rc = has_epoch(n, epoch, key) ? CHY_OK : look(cx, n);
    pthread_mutex_unlock(&n->looking);
    if (rc != CHY_OK)
        return CHY_ERR;
    return has_epoch(n, epoch, key) ? CHY_OK : refuse(cx, "is not one of this server's");
}

enum chy_rc chy_nonce_check(struct chy_ctx *cx, struct chy_nonces *n, const char *text,
                            struct chy_guard *g)
{
    uint8_t octets[CHY_NONCE_TEXT], key[32], expected[16];
    struct raw_nonce raw;
    time_t made, now = chy_now(cx);
    bool genuine;

    if (text == NULL || text[0] == '\0')
        return refuse(cx, "is missing");
    if (strlen(text) != CHY_NONCE_TEXT ||
        chy_b64u_read(octets, text, CHY_NONCE_TEXT) != (ssize_t)sizeof raw)
        return refuse(cx, "is not one of this server's");
    memcpy(&raw, octets, sizeof raw);
    made = (time_t)get32(raw.minutes) * 60;
    if (made + CHY_NONCE_LIFE_S <= now || made > now + CLOCK_SKEW_S)
        return refuse(cx, "is not of this hour");
    if (key_of_epoch(cx, n, (int32_t)get32(raw.epoch), key) != CHY_OK)
        return CHY_ERR;
    mac(key, &raw, expected);
    OPENSSL_cleanse(key, sizeof key);
    genuine = CRYPTO_memcmp(expected, raw.mac, sizeof expected) == 0;
    if (!genuine)
        return refuse(cx, "is not one of this server's");
    g->quarter = (int32_t)(made / QUARTER_S);
    g->epoch = (int32_t)get32(raw.epoch);
    memcpy(g->nonce, raw.random, sizeof g->nonce);
    chy_random(g->request, sizeof g->request);
    return CHY_OK;
}
