/* SPDX-License-Identifier: Apache-2.0 */
/* A locked list beside an eventfd.  The eventfd is written only when the list was empty, and the
 * reader empties the list after reading it, so that a burst of answers costs one system call. */
#include "services/front/mailbox.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "services/front/pool.h"

bool chy_mailbox_init(struct chy_mailbox *m)
{
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&m->lock, NULL);
    m->first = NULL;
    m->last = &m->first;
    return m->fd >= 0;
}

void chy_mailbox_close(struct chy_mailbox *m)
{
    if (m->fd >= 0)
        close(m->fd);
    pthread_mutex_destroy(&m->lock);
}

void chy_mailbox_wake(struct chy_mailbox *m)
{
    const uint64_t one = 1;
    ssize_t ignored = write(m->fd, &one, sizeof one);

    (void)ignored; /* fails only when it is readable anyway */
}

void chy_mailbox_put(struct chy_mailbox *m, struct chy_work *w)
{
    bool was_empty;

    w->next = NULL;
    pthread_mutex_lock(&m->lock);
    was_empty = m->first == NULL;
    *m->last = w;
    m->last = &w->next;
    pthread_mutex_unlock(&m->lock);
    if (was_empty)
        chy_mailbox_wake(m);
}

struct chy_work *chy_mailbox_take(struct chy_mailbox *m)
{
    struct chy_work *all;
    uint64_t count;
    ssize_t ignored = read(m->fd, &count, sizeof count);

    (void)ignored;
    pthread_mutex_lock(&m->lock);
    all = m->first;
    m->first = NULL;
    m->last = &m->first;
    pthread_mutex_unlock(&m->lock);
    return all;
}
