/* SPDX-License-Identifier: Apache-2.0 */
/* getrandom(2), whole or not at all. */
#include "core/base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void chy_random(void *out, size_t n)
{
    char *p = out;

    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        p += got;
        n -= (size_t)got;
    }
}
