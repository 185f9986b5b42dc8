/* SPDX-License-Identifier: Apache-2.0 */
/* Authorizations with their challenges, read together in one snapshot. */
#ifndef CHY_STORE_AUTHORIZATIONS_H
#define CHY_STORE_AUTHORIZATIONS_H

#include "core/store/guard.h"
#include "core/store/objects.h"

/* SHA-256 over type, NUL, value: values may be too long for an index. */
void chy_ident_digest(struct chy_ctx *cx, const struct chy_ident *id, uint8_t ret[32]);

/* The caller's authorization with its challenges, guarded; *ret NULL if there is none or it is
 * somebody else's.  One whose time is over reads as expired, or invalid if it never was valid
 * (core.md C-13). */
enum chy_rc CHY_CHECK chy_authz_read(struct chy_ctx *cx, const struct chy_guard *g,
                                     const struct chy_id *id, struct chy_authz **ret);

/* What finalize needs, in one guarded statement: the order (NULL if not the caller's), its
 * authorizations without challenges, and whether any account has the key of that digest. */
enum chy_rc CHY_CHECK chy_finalize_read(struct chy_ctx *cx, const struct chy_guard *g,
                                        const struct chy_id *order, const uint8_t spki_sha256[32],
                                        struct chy_order **ret_order,
                                        const struct chy_authz **ret_authzs, size_t *ret_n,
                                        bool *ret_account_key);
/* The same authorizations for a worker, unguarded. */
enum chy_rc CHY_CHECK chy_order_authzs_load(struct chy_ctx *cx, const struct chy_order *o,
                                            const struct chy_authz **ret, size_t *ret_n);

#endif
