/* SPDX-License-Identifier: Apache-2.0 */
/* What the challenges have in common (RFC 8555 section 8.1). */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "dns.h"

void dns_offer_token(struct chy_ctx *cx, struct chy_challenge *ch)
{
    ch->shown = json_pack("{s:s}", "token", dns_host->token(cx));
}

bool dns_same(const char *a, size_t a_n, const char *b, size_t b_n)
{
    return a_n == b_n && CRYPTO_memcmp(a, b, a_n) == 0;
}

bool dns_digest(const char *text, char out[44])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t d[33] = {0}; /* one octet of zero bits behind the digest */
    unsigned n = 0;

    if (EVP_Digest(text, strlen(text), d, &n, EVP_sha256(), NULL) != 1 || n != 32)
        return false;
    for (unsigned i = 0; i < 43; i++) {
        unsigned bit = i * 6, two = (unsigned)d[bit / 8] << 8;

        if (bit / 8 + 1 < sizeof d)
            two |= d[bit / 8 + 1];
        out[i] = digits[two >> (10 - bit % 8) & 63];
    }
    out[43] = '\0';
    return true;
}

enum chy_rc dns_invalid(struct chy_verdict *verdict, enum chy_rc recorded)
{
    (void)recorded; /* CHY_ERR, by which fail says that it took the reason down */
    verdict->state = CHY_V_INVALID;
    return CHY_OK;
}
