/* SPDX-License-Identifier: Apache-2.0 */
/* Account keys: any JSON is refused for a reason of the client's, or gives a key whose canonical form
 * is that of the same key. */
#include <stdlib.h>
#include <string.h>

#include "core/acme/jwk.h"
#include "core/base/json.h"
#include "tests/support/fakehost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void check_taken(struct chy_ctx *cx, const struct chy_jwk *jwk)
{
    struct chy_jwk again;
    EVP_PKEY *loaded = NULL;

    must(jwk->key != NULL && strlen(jwk->thumbprint) == 43);
    must(chy_jwk_parse(cx, jwk->canonical, &again) == CHY_OK);
    must(strcmp(again.thumbprint, jwk->thumbprint) == 0);
    must(memcmp(again.spki_sha256, jwk->spki_sha256, 32) == 0);
    must(chy_jwk_load(cx, jwk->canonical, &loaded) == CHY_OK);
    must(EVP_PKEY_eq(loaded, jwk->key) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_REQUEST);
    struct chy_jwk jwk;
    json_t *j;

    if (chy_json_value(cx, "input", data, size, &j) == CHY_OK) {
        if (chy_jwk_parse(cx, j, &jwk) == CHY_OK)
            check_taken(cx, &jwk);
        else
            must(cx->problem.status == 400);
    }
    fake_cx_free(cx);
    return 0;
}
