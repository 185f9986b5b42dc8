/* SPDX-License-Identifier: Apache-2.0 */
/* Start of the signer: ceilings, keys, log.  The log last, because opening it may repair it. */
#include "services/signer/signerd.h"

#include <string.h>

#include "core/base/log.h"

static void learn(void *serials, const char *issuer, const uint8_t *serial, size_t n)
{
    (void)chy_serials_reserve(serials, issuer, serial, n);
}

enum chy_rc chy_signer_open(struct chy_ctx *cx, const char *ceilings, const char *log,
                            struct chy_report *report, struct chy_signer_state *ret)
{
    struct chy_signer_state s = {0};
    struct chy_ceilings *c;

    if (chy_ceilings_read(cx, ceilings, report, &c) != CHY_OK ||
        chy_keyring_load(cx, c, &s.ring) != CHY_OK)
        return CHY_ERR;
    s.ceilings = c;
    s.serials = chy_serials_new();
    if (chy_siglog_open(cx, log, learn, s.serials, &s.log) != CHY_OK) {
        chy_serials_free(s.serials);
        return CHY_ERR;
    }
    chy_log(cx, LOG_INFO, "%zu issuers, %zu serials in the log", s.ring.n,
            chy_serials_count(s.serials));
    *ret = s;
    return CHY_OK;
}

void chy_signer_close(struct chy_signer_state *s)
{
    chy_siglog_close(s->log);
    chy_serials_free(s->serials);
    memset(s, 0, sizeof *s);
}
