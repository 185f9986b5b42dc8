/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of clients and ranges of policy: what is taken is the one text of its octets, and a range
 * has its own first address. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "extensions/ip/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool yes)
{
    if (!yes)
        abort();
}

static void check_range(const char *text)
{
    struct ip_range r;
    char why[IP_WHY_MAX];

    if (!ip_range_read(text, &r, why)) {
        must(why[0] != '\0');
        return;
    }
    must(r.bits <= 8 * r.first.n);
    must(ip_range_has(&r, &r.first) && ip_range_covers(&r, &r));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[IP_TEXT_MAX + 1], why[IP_WHY_MAX] = "", *copy = malloc(size + 1);
    struct ip_address a = {.n = 0};
    uint8_t octets[16];

    must(copy != NULL);
    memcpy(copy, data, size);
    copy[size] = '\0';
    if (ip_read((const char *)data, size, &a, why)) {
        must(a.n == 4 || a.n == 16);
        ip_text(&a, text);
        must(strcmp(text, copy) == 0 && !ip_embeds_ipv4(&a));
        must(inet_pton(a.n == 4 ? AF_INET : AF_INET6, text, octets) == 1 &&
             memcmp(octets, a.b, a.n) == 0);
    } else {
        must(why[0] != '\0');
    }
    check_range(copy);
    free(copy);
    return 0;
}
