/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of a new installation: node.yaml, ceilings.yaml and the policy directory. */
#ifndef CHY_CLI_SETUP_H
#define CHY_CLI_SETUP_H

#include "services/chancery/install.h"
#include "services/chancery/layout.h"
#include "services/chancery/options.h"

/* What the person said to init; checked by chy_setup_check. */
struct chy_setup {
    const char *host, *listen, *ca_name, *policy_sample;
    const char *root_kind, *issuer_kind;   /* of keys: "ec-p384" */
    const char *database, *owner_database; /* both or none: not a private one */
    unsigned port, public_port, http_port, https_port, fronts, workers;
    struct chy_strings suffixes, stubs, trust_anchors, allow, load;
    struct chy_strings modules_dirs;        /* searched in order; the installed one is added last */
    const char *service_user, *signer_user; /* NULL: as ourselves */
};

/* Every value is fit to be written, or a refusal names the option.  Fills in what was left out. */
enum chy_rc CHY_CHECK chy_setup_check(struct chy_ctx *cx, struct chy_setup *s);
char *chy_setup_node(struct chy_ctx *cx, const struct chy_setup *s, const struct chy_layout *l);
char *chy_setup_ceilings(struct chy_ctx *cx, const struct chy_setup *s, const struct chy_layout *l);
/* The sample policy's files and those of the modules that are loaded, their example names replaced by
 * the suffixes, into in. */
enum chy_rc CHY_CHECK chy_setup_policy(struct chy_ctx *cx, const struct chy_setup *s,
                                       const struct chy_layout *l, struct chy_install *in);
/* "https://localhost:14000", the scheme's own port left out. */
char *chy_setup_url(struct chy_ctx *cx, const char *scheme, const char *host, unsigned port,
                    unsigned usual_port);

#endif
