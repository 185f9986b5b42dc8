/* SPDX-License-Identifier: Apache-2.0 */
/* Where an installation's files are. */
#ifndef CHY_CLI_LAYOUT_H
#define CHY_CLI_LAYOUT_H

#include "core/base/cx.h"

/* Absolute paths in the arena. */
struct chy_layout {
    const char *config; /* directory of node.yaml and ceilings.yaml */
    const char *keys, *policy, *data, *run, *logs;
    const char *signer_data; /* the signer's own directory: its log of signatures */
    const char *node, *ceilings, *root_pem;
    const char *root_key, *issuer_key, *listener_key, *listener_pem;
    const char *signer_socket, *signer_log;
};

/* dir: everything below it; NULL: the system's places for root, the XDG base directories for an
 * ordinary user. */
enum chy_rc CHY_CHECK chy_layout_make(struct chy_ctx *cx, const char *dir, struct chy_layout *ret);
/* Unix sockets have 107 octets for their names; PostgreSQL's is the longest below run.  Refuses
 * naming the path that is too long. */
enum chy_rc CHY_CHECK chy_layout_sockets(struct chy_ctx *cx, const char *run,
                                         const char *signer_socket);

/* The program called name ("chancery-front"): in libexec if given, else where this program was
 * installed with it or built beside it. */
enum chy_rc CHY_CHECK chy_layout_program(struct chy_ctx *cx, const char *libexec, const char *name,
                                         const char **ret);
/* The installed file or directory of that name (policy-sample, try-next); NULL if there is none. */
const char *chy_layout_share(struct chy_ctx *cx, const char *name);
/* What a module adds to the sample policy; NULL: nothing. */
const char *chy_layout_module_sample(struct chy_ctx *cx, const char *module);
/* Where modules are by default. */
const char *chy_layout_modules(struct chy_ctx *cx);

#endif
