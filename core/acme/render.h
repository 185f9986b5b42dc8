/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as clients see them. */
#ifndef CHY_ACME_RENDER_H
#define CHY_ACME_RENDER_H

#include "core/acme/request.h"

/* Order object (RFC 8555 section 7.1.3) as the body, all required members always there; Location and,
 * while processing, Retry-After. */
enum chy_rc CHY_CHECK chy_render_order(struct chy_acme *a, const struct chy_order *o, int status);
/* Challenge object (section 7.1.5), a new reference. */
json_t *chy_render_challenge(struct chy_ctx *cx, const struct chy_authz *authz,
                             const struct chy_challenge_row *c);

#endif
