/* SPDX-License-Identifier: Apache-2.0 */
/* Network settings out of node.yaml. */
#ifndef CHY_NET_CONFIG_H
#define CHY_NET_CONFIG_H

#include "core/net/net.h"

/* Read the member "validation" of node.yaml:
 *   { resolver: { forwarders, stubs: [{ zone, address }], trust-anchors, root-anchor,
 *                 query-localhost, timeout }, allow, deny, http-port, https-port }
 * validation: may be NULL (all defaults: full recursion, no trust anchor, nothing allowed beyond the
 * public Internet).  timeout: seconds, or text such as "10s".  ret: strings in cx's arena.
 * Fails: malformed, naming the setting. */
enum chy_rc CHY_CHECK chy_net_config_read(struct chy_ctx *cx, const json_t *validation,
                                          struct chy_net_config *ret);

#endif
