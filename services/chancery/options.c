/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: --name VALUE, --name=VALUE, --flag, and -x VALUE where an option has a letter.  No
 * abbreviations: what is written in a unit file must mean the same in the next version. */
#include "services/chancery/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy/diagnostics.h"

#define OPTIONS_MAX 200
#define VALUES_MAX 256 /* of one list */

static void print_help(const struct chy_command *command, const struct chy_option *options)
{
    const struct chy_option *o;

    printf("chancery %s", command->name);
    for (o = options; o->name != NULL; o++)
        if (o->kind == CHY_O_PLAIN)
            printf(" [%s]", o->value);
    printf(" [options]: %s\n\n", command->help);
    for (o = options; o->name != NULL; o++) {
        char left[96], letter[8];

        if (o->kind == CHY_O_PLAIN)
            continue;
        if (o->letter != '\0')
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s%s", o->letter != '\0' ? letter : "", o->name,
                 o->value != NULL ? " " : "", o->value != NULL ? o->value : "",
                 o->kind == CHY_O_LIST ? " ..." : "");
        printf("  %-28s %s\n", left, o->help);
    }
    printf("  %-28s %s\n", "--help", "this text");
}

static const struct chy_option *find_option(const struct chy_option *options, const char *name,
                                            size_t n)
{
    for (; options->name != NULL; options++)
        if (options->kind != CHY_O_PLAIN && strlen(options->name) == n &&
            memcmp(options->name, name, n) == 0)
            return options;
    return NULL;
}

static const char *nearest(const struct chy_option *options, const char *name)
{
    const char *names[OPTIONS_MAX];
    size_t n = 0;

    for (; options->name != NULL && n < OPTIONS_MAX; options++)
        if (options->kind != CHY_O_PLAIN)
            names[n++] = options->name;
    return chy_did_you_mean(name, names, n);
}

static bool read_count(const struct chy_option *o, const char *value)
{
    char *end;
    unsigned long number;

    if (value[0] < '0' || value[0] > '9' || strlen(value) > 9)
        return false;
    number = strtoul(value, &end, 10);
    if (*end != '\0' || number < o->min || number > o->max)
        return false;
    *(unsigned *)o->target = (unsigned)number;
    return true;
}

static bool append(struct chy_ctx *cx, struct chy_strings *list, const char *value)
{
    if (list->v == NULL)
        list->v = chy_alloc(cx, VALUES_MAX * sizeof *list->v);
    if (list->n == VALUES_MAX)
        return false;
    list->v[list->n++] = value;
    return true;
}

/* NULL, or what is wrong. */
static const char *take(struct chy_ctx *cx, const struct chy_option *o, const char *value)
{
    switch (o->kind) {
    case CHY_O_FLAG:
        *(bool *)o->target = true;
        return NULL;
    case CHY_O_TEXT:
    case CHY_O_PLAIN:
        *(const char **)o->target = value;
        return NULL;
    case CHY_O_LIST:
        return append(cx, o->target, value) ? NULL : "is given too often";
    case CHY_O_COUNT:
        if (read_count(o, value))
            return NULL;
        return chy_fmt(cx, "takes a number from %u to %u, not '%.40s'", o->min, o->max, value);
    }
    return "is of an unknown kind";
}

static bool wrong(const struct chy_command *command, const char *prefix, const char *thing,
                  const char *what, int *ret_code)
{
    fprintf(stderr, "chancery %s: %s%.80s: %s; see 'chancery %s --help'\n", command->name, prefix,
            thing, what, command->name);
    *ret_code = 2;
    return false;
}

/* The option whose letter a word "-x" is; NULL if it is none. */
static const struct chy_option *find_letter(const struct chy_option *options, const char *word)
{
    for (; options->name != NULL; options++)
        if (options->letter != '\0' && word[0] == '-' && word[1] == options->letter &&
            word[2] == '\0')
            return options;
    return NULL;
}

/* One argument without a name. */
static bool read_plain(struct chy_ctx *cx, const struct chy_command *command,
                       const struct chy_option *options, const char *word, int *ret_code)
{
    for (; options->name != NULL; options++) {
        if (options->kind != CHY_O_PLAIN || *(const char **)options->target != NULL)
            continue;
        return take(cx, options, word) == NULL;
    }
    return wrong(command, "", word, "not expected here", ret_code);
}

static bool read_letter(struct chy_ctx *cx, const struct chy_command *command,
                        const struct chy_option *o, int argc, char **argv, int *i, int *ret_code)
{
    const char *fault;

    if (*i + 1 >= argc || argv[*i + 1][0] == '\0')
        return wrong(command, "", argv[*i], chy_fmt(cx, "needs a value (%s)", o->value), ret_code);
    fault = take(cx, o, argv[++*i]);
    return fault == NULL || wrong(command, "--", o->name, fault, ret_code);
}

/* One option; *i moves on if its value is the next word. */
static bool read_option(struct chy_ctx *cx, const struct chy_command *command,
                        const struct chy_option *options, int argc, char **argv, int *i,
                        int *ret_code)
{
    const char *name = argv[*i] + 2, *equals = strchr(name, '='), *value = NULL, *fault;
    const struct chy_option *o =
        find_option(options, name, equals != NULL ? (size_t)(equals - name) : strlen(name));

    if (o == NULL) {
        const char *near = nearest(options, name);

        return wrong(command, "--", name,
                     near != NULL ? chy_fmt(cx, "no such option; did you mean --%s?", near)
                                  : "no such option",
                     ret_code);
    }
    if (o->kind == CHY_O_FLAG && equals != NULL)
        return wrong(command, "--", o->name, "takes no value", ret_code);
    if (o->kind != CHY_O_FLAG) {
        if (equals == NULL && *i + 1 >= argc)
            return wrong(command, "--", o->name, chy_fmt(cx, "needs a value (%s)", o->value),
                         ret_code);
        value = equals != NULL ? equals + 1 : argv[++*i];
        if (*value == '\0')
            return wrong(command, "--", o->name, "its value is empty", ret_code);
    }
    fault = take(cx, o, value);
    return fault == NULL || wrong(command, "--", o->name, fault, ret_code);
}

bool chy_options_read(struct chy_ctx *cx, const struct chy_command *command,
                      const struct chy_option *options, int argc, char **argv, int *ret_code)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help(command, options);
            *ret_code = 0;
            return false;
        }
        const struct chy_option *lettered = find_letter(options, argv[i]);

        if (lettered != NULL) {
            if (!read_letter(cx, command, lettered, argc, argv, &i, ret_code))
                return false;
            continue;
        }
        if (strncmp(argv[i], "--", 2) != 0) {
            if (!read_plain(cx, command, options, argv[i], ret_code))
                return false;
            continue;
        }
        if (!read_option(cx, command, options, argc, argv, &i, ret_code))
            return false;
    }
    return true;
}
