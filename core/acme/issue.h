/* SPDX-License-Identifier: Apache-2.0 */
/* From a proved order and its CSR to a stored certificate: used by finalize inside the request, and
 * by the worker that takes over what a dead front left behind. */
#ifndef CHY_ACME_ISSUE_H
#define CHY_ACME_ISSUE_H

#include "core/acme/rulebook.h"
#include "core/pki/signer.h"
#include "core/store/certificates.h"

#define CHY_ISSUE_LEASE_S 15 /* record to stored takes milliseconds; after this a worker looks */

struct chy_issuance {
    const struct chy_rulebook *rules;
    const struct chy_registry *registry;
    struct chy_signer *signer;
    struct chy_order *order;
    const struct chy_authz *authzs; /* the order's, all of them */
    size_t n_authzs;
    struct chy_csr csr;

    /* Filled by chy_issue_check and chy_issue_plan. */
    const json_t *profile;
    const struct chy_issuer_cert *issuer;
    /* For each identifier of the order the authorizations that cover it: one, or one by each method
     * that the profile requires, in that order (n_ways each). */
    const struct chy_authz **proofs;
    size_t n_ways;
    struct chy_cert_plan *plan;
    struct chy_cert_record record;
    const uint8_t *tbs;
    size_t tbs_n;
};

/* Everything that must hold before signing (core.md F-05..F-11) that can be said without looking at
 * the world: the CSR's key and names, the profile, each identifier's authorization valid, unexpired,
 * by a challenge that the profile still takes.  Fails: badCSR, unauthorized, invalidProfile, ... */
enum chy_rc CHY_CHECK chy_issue_check(struct chy_ctx *cx, struct chy_issuance *is);
/* Must some grant be looked at again first (a type's recheck)?  Then only a worker may go on. */
bool chy_issue_is_stale(struct chy_ctx *cx, const struct chy_issuance *is);
/* The world looked at again, where a grant is older than its type allows.  Stage: probe. */
enum chy_rc CHY_CHECK chy_issue_recheck(struct chy_ctx *cx, const struct chy_issuance *is);
/* A new serial, the plan filled by profile and modules, the TBS, and the record of it. */
enum chy_rc CHY_CHECK chy_issue_plan(struct chy_ctx *cx, struct chy_issuance *is);
/* After the record is committed: sign, compare with the plan, store.  *ret_stored false: a worker had
 * given the record up meanwhile.  Where the signer certainly did not sign, the record is void and the
 * order due again soon. */
enum chy_rc CHY_CHECK chy_issue_sign(struct chy_ctx *cx, struct chy_issuance *is, bool *ret_stored);

#endif
