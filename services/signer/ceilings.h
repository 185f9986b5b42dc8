/* SPDX-License-Identifier: Apache-2.0 */
/* ceilings.yaml: what the signer will sign at most, whoever asks.  Owned by root (or the signer),
 * read once at start. */
#ifndef CHY_SIGNER_CEILINGS_H
#define CHY_SIGNER_CEILINGS_H

#include <sys/types.h>

#include "core/base/prefix.h"
#include "core/policy/yaml.h"

/* One issuer's; strings in the arena of the context that read it. */
struct chy_ceiling {
    const char *name;
    const char *key_path;            /* PEM, readable by the signer alone                  */
    const char *cert_path;           /* PEM; the first certificate of the file is its own  */
    int64_t max_lifetime_s;          /* notBefore through notAfter                         */
    const json_t *keys;              /* patterns of subject keys (core/pki/keys.h)         */
    const json_t *extensions;        /* OIDs that may stand in a certificate               */
    const json_t *permitted_dns;     /* suffixes of dNSNames                               */
    struct chy_prefix *permitted_ip; /* ranges of iPAddresses                          */
    size_t n_permitted_ip;
    bool bounds_names;      /* one of the two is there: names of other types, and those in
                                  * neither, are not signed.  False: any name of any type   */
    int64_t max_ahead_s;    /* of notBefore                                       */
    const json_t *purposes; /* OIDs that may stand in extKeyUsage                 */
    bool purpose_required;  /* must extKeyUsage be there?                         */
    bool allow_ca;
    int64_t max_path_len; /* of such a CA; its pathLenConstraint is then required */
};

struct chy_ceilings {
    uid_t *clients; /* who may ask, by SO_PEERCRED */
    size_t n_clients;
    bool has_group;
    gid_t group; /* of the first client that is a user name: the socket's */
    struct chy_ceiling *issuers;
    size_t n_issuers;
};

/* Read and check it; mistakes of content go to report, others to cx. */
enum chy_rc CHY_CHECK chy_ceilings_read(struct chy_ctx *cx, const char *path,
                                        struct chy_report *report, struct chy_ceilings **ret);

#endif
