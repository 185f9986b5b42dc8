/* SPDX-License-Identifier: Apache-2.0 */
/* Who signed a request (RFC 8555 section 6.2). */
#ifndef CHY_ACME_ENVELOPE_H
#define CHY_ACME_ENVELOPE_H

#include "core/acme/request.h"

/* Take the JWS apart and verify it: content type, form, nonce, url, key, signature, payload, in that
 * order (core.md J-17). */
enum chy_rc CHY_CHECK chy_envelope_open(struct chy_acme *a, enum chy_route_auth auth);
/* End of a refused request: make sure that a nonce that appeared in it is no longer good (RFC 8555
 * section 6.5), wherever the refusal came from.  A nonce fault, and an account that is not valid, are
 * told instead of any other refusal: clients repeat only what is badNonce. */
void chy_envelope_spend(struct chy_acme *a);

#endif
