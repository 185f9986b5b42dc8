/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the PROXY header.  Every input is read in pieces of several sizes, as the socket might
 * give them, and must give the same outcome each time, with no octet asked for beyond its end. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/front/proxy2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_or_bug, const char *what)
{
    if (true_or_bug)
        return;
    fprintf(stderr, "proxy2: %s\n", what);
    abort();
}

static void read_all(struct chy_proxy2 *p, const uint8_t *data, size_t size, size_t most)
{
    size_t used = 0, n;

    *p = (struct chy_proxy2){0};
    while (used < size && (n = chy_proxy2_wanted(p)) > 0) {
        require(n <= CHY_PROXY2_MAX - p->n, "wants more than a header can have");
        n = n < most ? n : most;
        n = n < size - used ? n : size - used;
        (void)chy_proxy2_feed(p, data + used, n);
        used += n;
    }
}

static void check(const struct chy_proxy2 *p)
{
    size_t said = p->n >= 16 ? (size_t)p->b[14] << 8 | p->b[15] : 0;

    require((p->state == CHY_PROXY2_REFUSED) == (p->reason != NULL), "refusal without a reason");
    if (p->state != CHY_PROXY2_DONE)
        return;
    require(p->n == 16 + said && p->n <= CHY_PROXY2_MAX, "not as long as the header says");
    require(memcmp(p->b, "\r\n\r\n\0\r\nQUIT\n", 12) == 0, "wrong signature");
    require(p->local == (p->b[12] == 0x20), "wrong command");
    require(p->local || p->client.ss_family == (p->b[13] == 0x11 ? AF_INET : AF_INET6),
            "no address for a client");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chy_proxy2 whole, other;

    read_all(&whole, data, size, CHY_PROXY2_MAX);
    check(&whole);
    for (size_t most = 1; most <= 17; most += 4) {
        read_all(&other, data, size, most);
        check(&other);
        /* A refusal comes as early as it can, so how much was read before it may differ. */
        require(other.state == whole.state && other.reason == whole.reason,
                "the outcome depends on how the input is cut");
        require(other.state != CHY_PROXY2_DONE || memcmp(&other, &whole, sizeof other) == 0,
                "what was read depends on how the input is cut");
    }
    return 0;
}
