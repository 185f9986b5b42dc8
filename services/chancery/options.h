/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: one table says what a command takes, and is its help too. */
#ifndef CHY_CLI_OPTIONS_H
#define CHY_CLI_OPTIONS_H

#include "core/base/cx.h"

struct chy_strings {
    const char **v; /* arena */
    size_t n;
};

enum chy_option_kind {
    CHY_O_FLAG,  /* bool *                 */
    CHY_O_TEXT,  /* const char **          */
    CHY_O_COUNT, /* unsigned *; min..max   */
    CHY_O_LIST,  /* struct chy_strings *; may be given again and again */
    CHY_O_PLAIN, /* const char **: the one argument without a name     */
};

struct chy_option {
    const char *name; /* "port" is written --port N; NULL ends a table */
    enum chy_option_kind kind;
    const char *value; /* how the value is called in help              */
    const char *help;
    void *target;
    unsigned min, max; /* COUNT */
    char letter;       /* 'd': also -d VALUE; 0: none */
};

/* Read argv[1..] into the targets.  False: the command is over, *ret_code is its exit code: 0 after
 * --help (printed to standard output), 2 after a mistake (one line on standard error). */
bool chy_options_read(struct chy_ctx *cx, const struct chy_command *command,
                      const struct chy_option *options, int argc, char **argv, int *ret_code);

#endif
