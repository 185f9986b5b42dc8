/* SPDX-License-Identifier: Apache-2.0 */
/* Digests that live as long as the process. */
#include "core/acme/digest.h"

#include <pthread.h>
#include <stdlib.h>

/* Written once before any reader returns from pthread_once; constant from then on. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256, *sha384;

static void fetch_digests(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    sha384 = EVP_MD_fetch(NULL, "SHA2-384", NULL);
    if (sha256 == NULL || sha384 == NULL)
        abort();
}

const EVP_MD *chy_digest_sha256(void)
{
    pthread_once(&once, fetch_digests);
    return sha256;
}

const EVP_MD *chy_digest_sha384(void)
{
    pthread_once(&once, fetch_digests);
    return sha384;
}

void chy_sha256(uint8_t out[32], const void *octets, size_t n)
{
    if (EVP_Digest(octets, n, out, NULL, chy_digest_sha256(), NULL) != 1)
        abort();
}
