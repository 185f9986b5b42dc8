/* SPDX-License-Identifier: Apache-2.0 */
/* Contacts of accounts (RFC 8555 section 7.3). */
#ifndef CHY_ACME_CONTACT_H
#define CHY_ACME_CONTACT_H

#include "core/base/cx.h"

#define CHY_CONTACTS_MAX 10

/* Check the member "contact" of newAccount or of an account update (core.md A-07): mailto only, one
 * address each, nothing that could become a mail header.  contact NULL (member absent) gives NULL;
 * an empty array gives an empty one; JSON null is malformed, and where it may stand for "absent" the
 * caller says NULL.  *ret: new array in the arena, scheme and domain in lower case.
 * Fails: unsupportedContact, invalidContact, malformed. */
enum chy_rc CHY_CHECK chy_contacts_read(struct chy_ctx *cx, const json_t *contact, json_t **ret);

#endif
