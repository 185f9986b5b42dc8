/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in the database. */
#ifndef CHY_STORE_ACCOUNTS_H
#define CHY_STORE_ACCOUNTS_H

#include "core/store/guard.h"
#include "core/store/objects.h"

/* Create the account, or find the one that has its key (RFC 8555 section 7.3.1); nothing of an
 * existing one changes.  a: id, jwk, contact, terms_agreed are given.  Only the nonce of g counts.
 * *ret is NULL when only_existing and there is none. */
enum chy_rc CHY_CHECK chy_account_create(struct chy_ctx *cx, const struct chy_guard *g,
                                         const struct chy_account *a, const uint8_t thumbprint[32],
                                         const uint8_t spki_sha256[32], bool only_existing,
                                         struct chy_account **ret, bool *ret_created);
/* By id, any status; *ret NULL if there is none. */
enum chy_rc CHY_CHECK chy_account_read(struct chy_ctx *cx, const struct chy_id *id,
                                       struct chy_account **ret);
/* The caller's own account, guarded. */
enum chy_rc CHY_CHECK chy_account_read_own(struct chy_ctx *cx, const struct chy_guard *g,
                                           struct chy_account **ret);
/* Replace the contacts (RFC 8555 section 7.3.2), guarded. */
enum chy_rc CHY_CHECK chy_account_set_contact(struct chy_ctx *cx, const struct chy_guard *g,
                                              const json_t *contact, struct chy_account **ret);

#endif
