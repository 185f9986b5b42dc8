/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded queue and the threads that empty it.  A thread owns its context, arena and handler state;
 * requests and answers move by pointer.  Not here: connections (conn.c); naming and logging requests,
 * which handlers do. */
#include "services/front/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/problem.h"

struct worker {
    struct chy_pool *pool;
    pthread_t thread;
    void *state;
    bool started;
    bool busy; /* under the pool's lock */
};

struct chy_pool {
    const struct chy_front_config *config;
    pthread_mutex_t lock;
    pthread_cond_t more;  /* work, or the end    */
    pthread_cond_t fewer; /* a thread has come back, and the pool stops */
    struct chy_work *first, **last;
    unsigned queued;
    unsigned busy; /* threads with a request that somebody waits for */
    bool stopping;
    atomic_bool draining;
    struct worker *workers;
};

void chy_work_free(struct chy_work *w)
{
    if (w == NULL)
        return;
    chy_http1_free(w->request);
    free(w->answer);
    free(w);
}

/* ---- one request ------------------------------------------------------- */

static void run_work(struct worker *me, struct chy_ctx *cx, struct chy_work *w)
{
    struct chy_request rq = {.peer = w->peer, .listener = w->listener};
    struct chy_reply rp = {0};
    bool head_only;

    chy_http1_request(w->request, &rq);
    rq.tls_exporter = w->has_exporter ? w->exporter : NULL;
    head_only = strcmp(rq.method, "HEAD") == 0;
    me->pool->config->handler(me->state, cx, &rq, &rp);
    /* Asked after the handler: a stop that came meanwhile is announced with this answer. */
    w->close = w->close || rp.close || atomic_load(&me->pool->draining);
    if (rp.status == 0) {
        chy_log(cx, LOG_ERR, "the handler gave no answer");
        rp.status = 500;
        w->close = true;
        w->answer = chy_http1_refuse(
            &(struct chy_http1_refusal){
                .status = 500, .reason = "the request was not answered", .head_only = head_only},
            chy_clock_now(), &w->answer_n);
    } else {
        w->answer = chy_http1_answer(&rp, head_only, w->close, chy_clock_now(), &w->answer_n);
    }
}

/* ---- the threads ------------------------------------------------------- */

static void be_busy(struct worker *me, bool busy)
{
    struct chy_pool *p = me->pool;

    if (me->busy == busy)
        return;
    me->busy = busy;
    if (busy)
        p->busy++;
    else
        p->busy--;
}

/* NULL: the pool has stopped and nothing is left. */
static struct chy_work *next_work(struct worker *me)
{
    struct chy_pool *p = me->pool;
    struct chy_work *w;

    pthread_mutex_lock(&p->lock);
    be_busy(me, false);
    if (p->stopping)
        pthread_cond_signal(&p->fewer);
    while (p->first == NULL && !p->stopping)
        pthread_cond_wait(&p->more, &p->lock);
    w = p->first;
    if (w != NULL) {
        p->first = w->next;
        if (p->first == NULL)
            p->last = &p->first;
        p->queued--;
        be_busy(me, !atomic_load(&w->abandoned));
    }
    pthread_mutex_unlock(&p->lock);
    return w;
}

static void *run_worker(void *arg)
{
    struct worker *me = arg;
    struct chy_ctx cx = {.arena = chy_arena_new(), .stage = CHY_STAGE_REQUEST};
    struct chy_work *w;

    while ((w = next_work(me)) != NULL) {
        if (!atomic_load(&w->abandoned))
            run_work(me, &cx, w);
        chy_ctx_reset(&cx);
        chy_mailbox_put(w->home, w);
    }
    chy_arena_free(cx.arena);
    return NULL;
}

static enum chy_rc start_worker(struct chy_ctx *cx, struct chy_pool *p, struct worker *me)
{
    const struct chy_front_config *c = p->config;
    int err;

    me->pool = p;
    me->state = c->thread_new != NULL ? c->thread_new(c->owner) : c->owner;
    if (c->thread_new != NULL && me->state == NULL)
        return chy_fault_internal(cx, "the handler's thread state cannot be made");
    err = pthread_create(&me->thread, NULL, run_worker, me);
    me->started = err == 0;
    return err == 0 ? CHY_OK : chy_fault_internal(cx, "thread: %s", strerror(err));
}

enum chy_rc chy_pool_new(struct chy_ctx *cx, const struct chy_front_config *config,
                         struct chy_pool **ret)
{
    struct chy_pool *p = calloc(1, sizeof *p);
    pthread_condattr_t monotonic;

    if (p == NULL)
        abort();
    p->config = config;
    p->last = &p->first;
    p->workers = calloc(config->worker_threads, sizeof *p->workers);
    if (p->workers == NULL)
        abort();
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->more, NULL);
    pthread_cond_init(&p->fewer, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (unsigned i = 0; i < config->worker_threads; i++) {
        if (start_worker(cx, p, &p->workers[i]) == CHY_OK)
            continue;
        (void)chy_pool_stop(p, config->limits.drain_ms);
        chy_pool_free(p);
        return CHY_ERR;
    }
    *ret = p;
    return CHY_OK;
}

bool chy_pool_submit(struct chy_pool *p, struct chy_work *w)
{
    bool room;

    w->next = NULL;
    pthread_mutex_lock(&p->lock);
    room = p->queued < p->config->limits.queue && !p->stopping;
    if (room) {
        *p->last = w;
        p->last = &w->next;
        p->queued++;
        pthread_cond_signal(&p->more);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

void chy_pool_drain(struct chy_pool *p)
{
    atomic_store(&p->draining, true);
}

bool chy_pool_stop(struct chy_pool *p, unsigned ms)
{
    /* chy_clock_ms counts CLOCK_MONOTONIC, like the condition. */
    int64_t end = chy_clock_ms() + ms;
    const struct timespec until = {.tv_sec = (time_t)(end / 1000),
                                   .tv_nsec = (long)(end % 1000) * 1000000};
    bool idle;
    int err = 0;

    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->more);
    while ((p->busy > 0 || p->first != NULL) && err != ETIMEDOUT)
        err = pthread_cond_timedwait(&p->fewer, &p->lock, &until);
    /* Threads that have nothing to do end by themselves, however late the machine lets them: only a
     * handler can hold up the end.  What is left in the queue is abandoned, and passed over. */
    idle = p->busy == 0;
    pthread_mutex_unlock(&p->lock);
    return idle;
}

void chy_pool_free(struct chy_pool *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < p->config->worker_threads; i++) {
        struct worker *me = &p->workers[i];

        if (me->started)
            pthread_join(me->thread, NULL);
        if (me->state != NULL && p->config->thread_free != NULL)
            p->config->thread_free(me->state);
    }
    free(p->workers);
    pthread_cond_destroy(&p->more);
    pthread_cond_destroy(&p->fewer);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
