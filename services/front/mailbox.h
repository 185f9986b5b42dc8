/* SPDX-License-Identifier: Apache-2.0 */
/* Answers on their way from worker threads to one I/O thread. */
#ifndef CHY_FRONT_MAILBOX_H
#define CHY_FRONT_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>

struct chy_work;

/* fd becomes readable when there is something to take: many answers, one wake-up. */
struct chy_mailbox {
    int fd;
    pthread_mutex_t lock;
    struct chy_work *first, **last;
};

/* False: no eventfd, see errno. */
bool chy_mailbox_init(struct chy_mailbox *m);
void chy_mailbox_close(struct chy_mailbox *m);
/* Any thread. */
void chy_mailbox_put(struct chy_mailbox *m, struct chy_work *w);
/* Wake the reader without an answer.  Any thread or signal handler. */
void chy_mailbox_wake(struct chy_mailbox *m);
/* Everything in it, oldest first, linked by next; only the reading thread. */
struct chy_work *chy_mailbox_take(struct chy_mailbox *m);

#endif
