/* SPDX-License-Identifier: Apache-2.0 */
/* chancery version. */
#include <stdio.h>

#include <openssl/crypto.h>

#include "services/chancery/commands.h"
#include "services/chancery/options.h"

static int run(struct chy_ctx *cx, int argc, char **argv)
{
    const struct chy_option options[] = {{NULL}};
    int code;

    if (!chy_options_read(cx, &chy_cmd_version, options, argc, argv, &code))
        return code;
    printf("chancery %s, modules' interface %d.%d, %s\n", CHY_VERSION, CHY_ABI_MAJOR, CHY_ABI_MINOR,
           OpenSSL_version(OPENSSL_VERSION));
#ifdef CHY_TESTING
    printf("test build: its clock can be moved; never for production\n");
#endif
    return 0;
}

const struct chy_command chy_cmd_version = {
    .name = "version",
    .help = "this program's version",
    .run = run,
};
