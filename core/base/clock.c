/* SPDX-License-Identifier: Apache-2.0 */
/* Wall clock, monotonic clock, and the offset file of test builds. */
#include "core/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef CHY_TESTING
static time_t test_offset(void)
{
    const char *path = getenv("CHY_CLOCK_FILE");
    long long offset = 0;
    FILE *f;

    if (path == NULL)
        return 0;
    f = fopen(path, "re");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%lld", &offset) != 1)
        offset = 0;
    fclose(f);
    return (time_t)offset;
}
#endif

time_t chy_clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
#ifdef CHY_TESTING
    return t.tv_sec + test_offset();
#else
    return t.tv_sec;
#endif
}

int64_t chy_clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

char *chy_clock_rfc3339(time_t t, char buf[21])
{
    struct tm tm;

    gmtime_r(&t, &tm);
    if (strftime(buf, 21, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        buf[0] = '\0';
    return buf;
}
