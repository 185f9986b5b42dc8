/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: recorded before they are signed, stored once signed, lost if neither worked. */
#ifndef CHY_STORE_CERTIFICATES_H
#define CHY_STORE_CERTIFICATES_H

#include "core/store/guard.h"
#include "core/store/objects.h"

/* What is about to be signed. */
struct chy_cert_record {
    struct chy_id id; /* the serial */
    const char *profile, *issuer, *policy_revision;
    const json_t *names;
    uint8_t spki_sha256[32], tbs_sha256[32];
    time_t not_before, not_after;
};

/* ready -> processing with the record, in one statement, if the account and all authorizations are
 * still valid; the order comes due for a worker after
 * lease_s, should whoever signs die.  *ret_taken false: not so, or the order was not ready or its time over. */
enum chy_rc CHY_CHECK chy_certificate_record(struct chy_ctx *cx, const struct chy_order *o,
                                             const struct chy_cert_record *r, const uint8_t *csr,
                                             size_t csr_n, unsigned lease_s, bool *ret_taken);
/* For a worker: the order's earlier record, whose signature was never stored, becomes lost and its
 * serial revoked; the new record takes its place. */
enum chy_rc CHY_CHECK chy_certificate_record_again(struct chy_ctx *cx, const struct chy_order *o,
                                                   const struct chy_cert_record *r,
                                                   unsigned lease_s, bool *ret_taken);
/* A record that the signer certainly never signed: void, and the order due again at due_at. */
enum chy_rc CHY_CHECK chy_certificate_void(struct chy_ctx *cx, const struct chy_order *o,
                                           const struct chy_id *id, time_t due_at);
/* Record -> issued, order -> valid.  *ret_stored false: the record had been given up. */
enum chy_rc CHY_CHECK chy_certificate_store(struct chy_ctx *cx, const struct chy_order *o,
                                            const struct chy_id *id, const uint8_t *der, size_t n,
                                            const char *chain_pem, bool *ret_stored);
/* Issued certificate of the caller, guarded; *ret_der NULL if there is none or it is another's. */
enum chy_rc CHY_CHECK chy_certificate_read(struct chy_ctx *cx, const struct chy_guard *g,
                                           const struct chy_id *id, const uint8_t **ret_der,
                                           size_t *ret_n, const char **ret_chain_pem);

/* One order in processing whose time has come (its front died between record and store, or its
 * grants must be looked at again), for lease_s; *ret NULL: none. */
enum chy_rc CHY_CHECK chy_order_claim(struct chy_ctx *cx, unsigned lease_s, struct chy_order **ret);
/* Give the claim back: due again at due_at. */
enum chy_rc CHY_CHECK chy_order_release(struct chy_ctx *cx, const struct chy_order *o,
                                        time_t due_at);

#endif
