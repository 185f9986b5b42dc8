/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the chancery program, and what they share. */
#ifndef CHY_CLI_COMMANDS_H
#define CHY_CLI_COMMANDS_H

#include "core/base/cx.h"
#include "core/policy/node.h"

extern const struct chy_command chy_cmd_init;
extern const struct chy_command chy_cmd_up;
extern const struct chy_command chy_cmd_down;
extern const struct chy_command chy_cmd_status;
extern const struct chy_command chy_cmd_doctor;
extern const struct chy_command chy_cmd_issuer;
extern const struct chy_command chy_cmd_listener;
extern const struct chy_command chy_cmd_migrate;
extern const struct chy_command chy_cmd_policy;
extern const struct chy_command chy_cmd_request;
extern const struct chy_command chy_cmd_version;
#ifdef CHY_TESTING
extern const struct chy_command chy_cmd_clock;
#endif

/* Say why on one line ("chancery NAME: reason") and give the exit code of a refusal, 1. */
int chy_cli_refuse(const struct chy_ctx *cx, const struct chy_command *command);
/* The reason alone: what is meant for the person at the terminal. */
const char *chy_cli_reason(const struct chy_ctx *cx);

/* s as one word of a shell. */
char *chy_cli_word(struct chy_ctx *cx, const char *s);
/* A command as a person is to type it: "chancery WORDS", and --node FILE unless that is node's usual
 * place. */
char *chy_cli_line(struct chy_ctx *cx, const struct chy_node *node, const char *words);

/* Read node.yaml: path, or the default place where it is NULL.  All its mistakes are printed; the
 * refusal then says how many there are. */
enum chy_rc CHY_CHECK chy_cli_node(struct chy_ctx *cx, const char *path, struct chy_node **ret);
/* Print the mistakes of a file or directory and refuse with how many there are. */
enum chy_rc chy_cli_mistakes(struct chy_ctx *cx, const char *path, const struct chy_report *report);
/* Root becomes the node's service user, for good: database roles go by operating system user, and
 * modules' code has no business running as root. */
enum chy_rc CHY_CHECK chy_cli_drop(struct chy_ctx *cx, const struct chy_node *node);
/* Load the node's modules and set cx->registry. */
enum chy_rc CHY_CHECK chy_cli_modules(struct chy_ctx *cx, const struct chy_node *node,
                                      struct chy_registry **ret);
/* The root certificate that clients are to trust: beside node.yaml, else in the data directory. */
const char *chy_cli_root(struct chy_ctx *cx, const struct chy_node *node);

#endif
