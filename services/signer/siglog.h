/* SPDX-License-Identifier: Apache-2.0 */
/* The signature log: an append-only file of JSON lines, each naming the SHA-256 of the one before.
 *     {"time":..,"issuer":..,"serial":hex,"tbs_sha256":hex,"uid":..,"pid":..,"prev":hex} */
#ifndef CHY_SIGNER_SIGLOG_H
#define CHY_SIGNER_SIGLOG_H

#include <sys/types.h>

#include "core/base/cx.h"

#define CHY_SIGLOG_LINE_MAX 4096

struct chy_siglog;

/* What is to be signed, and for whom. */
struct chy_sigline {
    const char *issuer;
    const uint8_t *serial;
    size_t serial_n;
    uint8_t tbs_sha256[32];
    uid_t uid;
    pid_t pid;
};

/* Open or make the log, alone (a second signer on it is refused), and prove its chain from the
 * first line.  A last line cut short by a crash is moved to path.torn: its signature was never
 * released. visit learns of every line.  Fails when the chain is broken, naming the line. */
enum chy_rc CHY_CHECK chy_siglog_open(struct chy_ctx *cx, const char *path,
                                      void (*visit)(void *arg, const char *issuer,
                                                    const uint8_t *serial, size_t n),
                                      void *arg, struct chy_siglog **ret);
/* Append one line; on return it is on the disk.  Any thread: those that come together share one
 * fdatasync.  After a failed write the log takes no more until it is opened again. */
enum chy_rc CHY_CHECK chy_siglog_append(struct chy_ctx *cx, struct chy_siglog *log,
                                        const struct chy_sigline *line);
/* Has a write failed?  From then on the log takes no more. */
bool chy_siglog_broken(struct chy_siglog *log);
/* A descriptor that can be read once a write has failed; the log's own. */
int chy_siglog_alarm(const struct chy_siglog *log);
void chy_siglog_close(struct chy_siglog *log);

#endif
