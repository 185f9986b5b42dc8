/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers of the other kind that these challenges prove: IP addresses (RFC 8738). */
#include <arpa/inet.h>

#include "dns.h"

size_t dns_address(const char *value, uint8_t out[16])
{
    if (inet_pton(AF_INET, value, out) == 1)
        return 4;
    return inet_pton(AF_INET6, value, out) == 1 ? 16 : 0;
}

const char *dns_server_name(struct chy_ctx *cx, const char *value)
{
    const char *name = "";
    uint8_t b[16];
    size_t n = dns_address(value, b);

    if (n == 0)
        return value;
    if (n == 4)
        return dns_host->fmt(cx, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
    while (n-- > 0)
        name = dns_host->fmt(cx, "%s%x.%x.", name, b[n] & 15u, b[n] >> 4);
    return dns_host->fmt(cx, "%sip6.arpa", name);
}
