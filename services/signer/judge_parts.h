/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of judge.c that lie in other files.  Each fails: unauthorized with the reason. */
#ifndef CHY_SIGNER_JUDGE_PARTS_H
#define CHY_SIGNER_JUDGE_PARTS_H

#include "services/signer/keyring.h"

/* The refusal of all of them. */
enum chy_rc CHY_CHECK chy_judge_over(struct chy_ctx *cx, const char *what);
/* Is text one of a JSON array's strings? */
bool chy_judge_listed(const char *text, const json_t *list);
/* Alternative and common names (RFC 5280 section 4.2.1.6), permitted-dns, permitted-ip. */
enum chy_rc CHY_CHECK chy_judge_names(struct chy_ctx *cx, const struct chy_signing_key *k,
                                      X509 *cert);
/* Name constraints of a CA below an issuer whose names are bounded (section 4.2.1.10). */
enum chy_rc CHY_CHECK chy_judge_constraints(struct chy_ctx *cx, const struct chy_signing_key *k,
                                            X509 *cert);
/* basicConstraints, keyUsage, extKeyUsage, authorityKeyIdentifier. */
enum chy_rc CHY_CHECK chy_judge_extensions(struct chy_ctx *cx, const struct chy_signing_key *k,
                                           X509 *cert);

#endif
