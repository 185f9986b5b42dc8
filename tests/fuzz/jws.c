/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of requests: refused for a reason of the client's, or taken apart into what the rules of
 * core/acme/jws.h say.  A request with its own key is verified, too. */
#include <stdlib.h>
#include <string.h>

#include "core/acme/jws.h"
#include "tests/support/fakehost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void check_taken(struct chy_ctx *cx, const struct chy_jws *jws)
{
    struct chy_jwk jwk;

    must(jws->url != NULL && (jws->kid == NULL) != (jws->jwk == NULL));
    must(strlen(jws->signing_input) == jws->signing_input_len);
    must(strchr(jws->signing_input, '.') != NULL && jws->payload[jws->payload_len] == '\0');
    if (jws->jwk == NULL)
        return;
    if (chy_jwk_parse(cx, jws->jwk, &jwk) == CHY_OK &&
        chy_jws_alg_fits(cx, jws, jwk.key) == CHY_OK && chy_jws_verify(cx, jws, jwk.key) == CHY_OK)
        must(jws->signature_len >= 64);
    else
        must(cx->problem.status == 400);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_REQUEST);
    struct chy_jws jws;

    if (chy_jws_read(cx, data, size, &jws) == CHY_OK)
        check_taken(cx, &jws);
    else
        must(cx->problem.status == 400 && cx->problem.detail != NULL);
    fake_cx_free(cx);
    return 0;
}
