/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer would find at its start.  The keys are loaded by the code that loads them for good,
 * each issuer by itself so that one fault does not hide another. */
#include "services/signer/check.h"

#include <string.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "services/signer/keyring.h"

/* NULL, or why this issuer cannot be used. */
static const char *try_issuer(struct chy_ctx *cx, struct chy_ceiling *c, time_t *ret_not_after)
{
    struct chy_ceilings one = {.issuers = c, .n_issuers = 1};
    struct chy_keyring ring;
    const char *why;

    if (chy_keyring_load(cx, &one, &ring) == CHY_OK) {
        *ret_not_after = ring.keys[0].not_after;
        return NULL;
    }
    why = cx->problem.note != NULL ? cx->problem.note : cx->problem.detail;
    chy_problem_clear(cx);
    return why;
}

static bool tell_issuer(struct chy_ctx *cx, struct chy_ceiling *c, FILE *out)
{
    time_t not_after = 0;
    const char *why = try_issuer(cx, c, &not_after);
    chy_auto(json_t) *line = json_pack("{s:s, s:s, s:s, s:I, s:s*}", "issuer", c->name, "key",
                                       c->key_path, "certificate", c->cert_path, "max-lifetime",
                                       (json_int_t)c->max_lifetime_s, "error", why);

    if (why == NULL)
        json_object_set_new(line, "not-after", json_integer(not_after));
    json_dumpf(line, out, JSON_COMPACT | JSON_ENSURE_ASCII);
    fputc('\n', out);
    return why == NULL;
}

enum chy_rc chy_signer_check(struct chy_ctx *cx, const char *ceilings, struct chy_report *report,
                             FILE *out)
{
    struct chy_ceilings *c;
    size_t wrong = 0;

    if (chy_ceilings_read(cx, ceilings, report, &c) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < c->n_issuers; i++)
        wrong += !tell_issuer(cx, &c->issuers[i], out);
    if (fflush(out) != 0)
        return chy_fault_internal(cx, "what was found cannot be written");
    if (wrong > 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: %zu of %zu issuers cannot be used",
                        ceilings, wrong, c->n_issuers);
    return CHY_OK;
}
