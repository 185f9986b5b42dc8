/* SPDX-License-Identifier: Apache-2.0 */
/* Who signed a request (RFC 8555 section 6.2). */
#ifndef CHY_ACME_ENVELOPE_H
#define CHY_ACME_ENVELOPE_H

#include "core/acme/request.h"

/* Take the JWS apart and verify it: content type, form, nonce, url, key, signature, payload, in that
 * order (core.md J-17).  want_jwk: newAccount; else kid. */
enum chy_rc CHY_CHECK chy_envelope_open(struct chy_acme *a, bool want_jwk);
/* End of a refused request: make sure that a nonce that appeared in it is no longer good (RFC 8555
 * section 6.5), wherever the refusal came from. */
void chy_envelope_spend(struct chy_acme *a);

#endif
