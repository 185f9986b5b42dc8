/* SPDX-License-Identifier: Apache-2.0 */
/* Fault points of test builds. */
#include "core/base/fault.h"

#ifdef CHY_TESTING
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void chy_fault_point(const char *name)
{
    const char *dir = getenv("CHY_FAULT_DIR");
    char path[PATH_MAX];

    if (dir == NULL || snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return;
    if (unlink(path) == 0) /* atomic: exactly one process wins it */
        raise(SIGKILL);
}
#else
typedef int chy_no_fault_points; /* an empty unit is not C */
#endif
