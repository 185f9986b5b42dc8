/* SPDX-License-Identifier: Apache-2.0 */
/* Subject and extensions of a certificate request: the second half of chy_csr_read. */
#ifndef CHY_PKI_CSR_REQUESTED_H
#define CHY_PKI_CSR_REQUESTED_H

#include "core/pki/csr.h"

/* Judge what csr->req asks for and list it in csr->claims.  Fails: badCSR. */
enum chy_rc CHY_CHECK chy_csr_requested(struct chy_ctx *cx, struct chy_csr *csr);

#endif
