/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the signer, answered. */
#ifndef CHY_SIGNER_ANSWER_H
#define CHY_SIGNER_ANSWER_H

#include "services/signer/keyring.h"
#include "services/signer/serials.h"
#include "services/signer/siglog.h"

/* What answering needs; shared by all threads, unchanged but inside serials and log. */
struct chy_signer_state {
    const struct chy_ceilings *ceilings;
    struct chy_keyring ring;
    struct chy_serials *serials;
    struct chy_siglog *log;
};

struct chy_signer_peer {
    uid_t uid;
    pid_t pid;
    int fd; /* of its connection */
};

/* Answer a frame: JSON text in the arena.  Never fails: a refusal is an answer, {"ok":false,
 * "reason":..}, with "spent":true if the serial has been logged all the same. */
const char *chy_signer_answer(struct chy_ctx *cx, const struct chy_signer_state *s,
                              const struct chy_signer_peer *peer, const void *frame, size_t n,
                              size_t *ret_n);

#endif
