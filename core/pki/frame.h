/* SPDX-License-Identifier: Apache-2.0 */
/* The wire between signer and clients: a 4-octet big-endian length, then that many octets of
 * JSON. */
#ifndef CHY_PKI_FRAME_H
#define CHY_PKI_FRAME_H

#include "core/base/cx.h"

#define CHY_FRAME_MAX (128 * 1024)

enum chy_frame_end {
    CHY_FRAME_WHOLE,
    CHY_FRAME_NONE,    /* the peer has closed between two frames    */
    CHY_FRAME_LATE,    /* the deadline passed                       */
    CHY_FRAME_BROKEN,  /* closed or failed in the middle; see errno */
    CHY_FRAME_TOO_BIG, /* more than CHY_FRAME_MAX, or empty         */
};

/* Read one frame.  wait_ms: for its first octet (-1: for ever); then the rest must come within
 * rest_ms.  ret: room for CHY_FRAME_MAX octets.  Works on blocking and non-blocking descriptors. */
enum chy_frame_end chy_frame_read(int fd, int wait_ms, int rest_ms, uint8_t *ret, size_t *ret_n);
/* Write one frame within ms.  No SIGPIPE. */
enum chy_frame_end chy_frame_write(int fd, int ms, const void *b, size_t n);
/* A new stream socket and its address; -1 with errno (ENAMETOOLONG if path is over 107 octets). */
struct sockaddr_un;
int chy_frame_socket(const char *path, struct sockaddr_un *ret);

#endif
