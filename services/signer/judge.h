/* SPDX-License-Identifier: Apache-2.0 */
/* May this be signed?  The signer's own answer, which trusts nobody who asks. */
#ifndef CHY_SIGNER_JUDGE_H
#define CHY_SIGNER_JUDGE_H

#include "core/pki/cert.h"
#include "services/signer/keyring.h"

/* Decode a to-be-signed certificate and hold it against the issuer's ceiling.  Fails: unauthorized
 * or serverInternal with the reason. */
enum chy_rc CHY_CHECK chy_judge(struct chy_ctx *cx, const struct chy_signing_key *k,
                                const uint8_t *tbs, size_t n,
                                uint8_t ret_serial[CHY_SERIAL_OCTETS]);

#endif
