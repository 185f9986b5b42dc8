/* SPDX-License-Identifier: Apache-2.0 */
/* chancery clock +30d: moves the clock of a test build's processes through the file that
 * CHY_CLOCK_FILE names.  A production build has no such command. */
#include "services/chancery/commands.h"

#ifdef CHY_TESTING
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/env.h"
#include "core/base/file.h"
#include "core/base/problem.h"
#include "core/policy/yaml.h"
#include "services/chancery/options.h"

static enum chy_rc move(struct chy_ctx *cx, const char *by)
{
    const char *path = chy_env("CHY_CLOCK_FILE");
    struct chy_ctx own = {.arena = cx->arena};
    char *text = NULL, now[21];
    int64_t step = 0;
    long long offset = 0;

    if (path == NULL)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "CHY_CLOCK_FILE: is not set; it names the file that holds the offset, for "
                        "this command and for the servers");
    if (by != NULL && strcmp(by, "reset") != 0) {
        if ((by[0] != '+' && by[0] != '-') || !chy_duration_read(by + 1, &step))
            return chy_fail(cx, &CHY_P_malformed,
                            "%s: write +30d, -10s or reset (units: s, m, h, d, w)", by);
        if (chy_file_read(&own, path, 64, &text, NULL) == CHY_OK)
            offset = strtoll(text, NULL, 10);
        offset += by[0] == '-' ? -step : step;
    }
    if (by != NULL) {
        text = chy_fmt(cx, "%lld\n", offset);
        if (chy_file_write(cx, path, text, strlen(text), 0644) != CHY_OK)
            return CHY_ERR;
    }
    printf("it is %s for processes with this CHY_CLOCK_FILE\n",
           chy_clock_rfc3339(chy_clock_now(), now));
    return CHY_OK;
}

static int run(struct chy_ctx *cx, int argc, char **argv)
{
    const char *by = NULL;
    const struct chy_option options[] = {
        {"by", CHY_O_PLAIN, "+30d", NULL, &by},
        {NULL},
    };
    int code;

    if (!chy_options_read(cx, &chy_cmd_clock, options, argc, argv, &code))
        return code;
    if (move(cx, by) != CHY_OK)
        return chy_cli_refuse(cx, &chy_cmd_clock);
    return 0;
}

const struct chy_command chy_cmd_clock = {
    .name = "clock",
    .help = "move a test build's clock: +30d, -10s, reset",
    .run = run,
};
#endif
