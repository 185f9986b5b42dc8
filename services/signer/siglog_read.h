/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and proving the signature log; used by siglog.c. */
#ifndef CHY_SIGNER_SIGLOG_READ_H
#define CHY_SIGNER_SIGLOG_READ_H

#include "services/signer/siglog.h"

struct chy_siglog_reader {
    const char *path;
    void (*visit)(void *arg, const char *issuer, const uint8_t *serial, size_t n);
    void *arg;
    uint8_t prev[32]; /* out: SHA-256 of the last line; zeros before the first */
    uint64_t lines;   /* out */
};

/* Open the file for appending, lock it, read it through.  *ret_fd: the caller's to close. */
enum chy_rc CHY_CHECK chy_siglog_read(struct chy_ctx *cx, struct chy_siglog_reader *r, int *ret_fd);
char *chy_siglog_hex(struct chy_ctx *cx, const uint8_t *b, size_t n);

#endif
