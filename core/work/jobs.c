/* SPDX-License-Identifier: Apache-2.0 */
/* Periodic work: the store's upkeep, and modules' jobs in a thread of their own, so that no module's job
 * delays the partitions and the nonces that every request needs. */
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/ext/dispatch.h"
#include "core/store/nonces.h"
#include "core/work/thread.h"

#define TICK_MS 1000
#define UPKEEP_EVERY_S 60

struct schedule {
    const struct chy_job *job;
    time_t due;
};

static size_t count_jobs(const struct chy_registry *r)
{
    size_t n = 0;

    for (size_t i = 0; i < chy_registry_count(r); i++) {
        const struct chy_job *const *jobs = chy_registry_module(r, i)->jobs;

        for (; jobs != NULL && *jobs != NULL; jobs++)
            n++;
    }
    return n;
}

static struct schedule *collect(const struct chy_registry *r, size_t *ret_n)
{
    struct schedule *list = calloc(count_jobs(r) + 1, sizeof *list);
    size_t n = 0;

    if (list == NULL)
        abort();
    for (size_t i = 0; i < chy_registry_count(r); i++) {
        const struct chy_job *const *jobs = chy_registry_module(r, i)->jobs;

        for (; jobs != NULL && *jobs != NULL; jobs++)
            list[n++].job = *jobs;
    }
    *ret_n = n;
    return list;
}

static uint32_t run_job(struct chy_worker_thread *t, const struct chy_job *job)
{
    uint32_t done = 0;

    chy_unit_begin(t, CHY_STAGE_JOB);
    if (chy_job_call(&t->cx, job, &done) != CHY_OK)
        chy_log_problem(&t->cx, LOG_ERR, job->name);
    chy_unit_end(t);
    return done;
}

void chy_jobs_loop(struct chy_worker_thread *t)
{
    size_t n;
    struct schedule *list = collect(t->worker->registry, &n);

    while (!t->worker->stopping) {
        time_t now = chy_clock_now();

        for (size_t i = 0; i < n && !t->worker->stopping; i++) {
            const struct chy_job *job = list[i].job;

            /* A full batch means there is more: come back at the next tick. */
            if (list[i].due <= now && run_job(t, job) < job->batch)
                list[i].due = now + (time_t)job->period_s;
        }
        chy_worker_nap(t->worker, TICK_MS);
    }
    free(list);
}

static void run_upkeep(struct chy_worker_thread *t)
{
    chy_unit_begin(t, CHY_STAGE_JOB);
    if (chy_store_upkeep(&t->cx) != CHY_OK)
        chy_log_problem(&t->cx, LOG_ERR, "upkeep failed");
    chy_unit_end(t);
}

void chy_upkeep_loop(struct chy_worker_thread *t)
{
    time_t due = 0;

    while (!t->worker->stopping) {
        time_t now = chy_clock_now();

        if (due <= now) {
            run_upkeep(t);
            due = now + UPKEEP_EVERY_S;
        }
        chy_worker_nap(t->worker, TICK_MS);
    }
}
