/* SPDX-License-Identifier: Apache-2.0 */
/* What chancery-signer --check says of a node's issuers. */
#ifndef CHY_CLI_ISSUERS_H
#define CHY_CLI_ISSUERS_H

#include "core/policy/node.h"
#include "services/chancery/identity.h"

struct chy_issuer_state {
    const char *name, *key, *certificate; /* paths as the ceilings name them      */
    int64_t max_lifetime_s;               /* its ceiling                          */
    time_t not_after;                     /* of its certificate; 0: not known     */
    const char *error;                    /* why it cannot be used; NULL: it can  */
};

struct chy_issuer_states {
    struct chy_issuer_state *v; /* arena */
    size_t n;
};

/* Ask the signer's program, run as who.  Issuers that cannot be used are states, too; fails when the
 * ceilings themselves cannot be used, or the program is not there. */
enum chy_rc CHY_CHECK chy_issuers_read(struct chy_ctx *cx, const struct chy_node *node,
                                       const char *libexec, const struct chy_identity *who,
                                       struct chy_issuer_states *ret);

#endif
