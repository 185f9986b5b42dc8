/* SPDX-License-Identifier: Apache-2.0 */
/* Making, writing and reading ids. */
#include "core/base/id.h"

#include <string.h>

#include "core/base/b64.h"
#include "core/base/random.h"

void chy_id_new(struct chy_ctx *cx, struct chy_id *ret)
{
    uint32_t minutes = (uint32_t)(chy_now(cx) / 60);

    for (int i = 0; i < 4; i++)
        ret->b[i] = (uint8_t)(minutes >> (24 - 8 * i));
    chy_random(ret->b + 4, sizeof ret->b - 4);
}

void chy_id_write(char out[CHY_ID_TEXT + 1], const struct chy_id *id)
{
    chy_b64u_write(out, id->b, sizeof id->b);
}

char *chy_id_text(struct chy_ctx *cx, const struct chy_id *id)
{
    return chy_b64u(cx, id->b, sizeof id->b);
}

bool chy_id_read(struct chy_id *ret, const char *s, size_t n)
{
    uint8_t raw[CHY_ID_TEXT]; /* more than the 20 that fit, for the decoder's bound */

    if (n != CHY_ID_TEXT || chy_b64u_read(raw, s, n) != (ssize_t)sizeof ret->b)
        return false;
    memcpy(ret->b, raw, sizeof ret->b);
    return true;
}

bool chy_id_equal(const struct chy_id *a, const struct chy_id *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}
