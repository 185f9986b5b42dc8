/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: certificate requests.  Nothing crashes, and whatever is accepted is DER in OpenSSL's
 * eyes, too: it encodes again to the same octets.  Keys that are accepted are judged as well. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"
#include "core/pki/csr_requested.h"
#include "core/pki/der.h"
#include "core/pki/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_or_bug)
{
    if (!true_or_bug)
        abort();
}

static void check_accepted(struct chy_ctx *cx, const struct chy_csr *csr, const uint8_t *data,
                           size_t size)
{
    const unsigned char *p = data;
    X509_REQ *again = d2i_X509_REQ(NULL, &p, (long)size);
    unsigned char *der = NULL;
    int n;

    require(again != NULL && p == data + size && chy_der_valid(data, size));
    i2d_re_X509_REQ_tbs(again, NULL);
    n = i2d_X509_REQ(again, &der);
    require(n > 0 && (size_t)n == size && memcmp(der, data, size) == 0);
    require(csr->spki > data && csr->spki + csr->spki_len < data + size);
    require(X509_REQ_verify(again, X509_REQ_get0_pubkey(again)) == 1);
    for (size_t i = 0; i < csr->n_claims; i++)
        require(strchr(csr->claims[i], ':') != NULL);
    if (chy_key_check(cx, csr->key, &CHY_P_badCSR) == CHY_OK)
        require(chy_key_kind(cx, csr->key) != NULL);
    OPENSSL_free(der);
    X509_REQ_free(again);
}

/* A mutation breaks the self-signature; what comes behind it must stand, too. */
static void look_behind_the_signature(struct chy_ctx *cx, const uint8_t *data, size_t size)
{
    const unsigned char *p = data;
    struct chy_csr csr = {.req = d2i_X509_REQ(NULL, &p, (long)size)};

    chy_problem_clear(cx);
    if (csr.req != NULL && chy_csr_requested(cx, &csr) != CHY_OK)
        require(strcmp(cx->problem.type->urn, CHY_P_badCSR.urn) == 0);
    X509_REQ_free(csr.req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chy_ctx cx = {.arena = chy_arena_new(), .stage = CHY_STAGE_REQUEST};
    struct chy_csr csr;

    if (chy_csr_read(&cx, data, size, &csr) == CHY_OK)
        check_accepted(&cx, &csr, data, size);
    else
        require(strcmp(cx.problem.type->urn, CHY_P_badCSR.urn) == 0);
    look_behind_the_signature(&cx, data, size);
    chy_arena_free(cx.arena);
    return 0;
}
