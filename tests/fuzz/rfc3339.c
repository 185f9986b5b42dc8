/* SPDX-License-Identifier: Apache-2.0 */
/* Times: what is taken is written back in UTC and read as the same instant. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/acme/rfc3339.h"
#include "core/base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[21];
    time_t t, back = -1;

    if (!chy_time_read((const char *)data, size, &t))
        return 0;
    chy_clock_rfc3339(t, text);
    if (!chy_time_read(text, strlen(text), &back) || back != t)
        abort();
    return 0;
}
