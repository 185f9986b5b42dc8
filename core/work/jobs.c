/* SPDX-License-Identifier: Apache-2.0 */
/* Periodic work: the store's upkeep and modules' jobs. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/ext/dispatch.h"
#include "core/store/nonces.h"
#include "core/work/thread.h"

#define TICK_MS 1000
#define UPKEEP_EVERY_S 60
#define JOBS_MAX 64

struct schedule {
    const struct chy_job *job; /* NULL: the store's upkeep */
    time_t due;
};

static size_t collect(const struct chy_registry *r, struct schedule list[JOBS_MAX])
{
    size_t n = 1; /* list[0]: upkeep */

    for (size_t i = 0; i < chy_registry_count(r); i++) {
        const struct chy_job *const *jobs = chy_registry_module(r, i)->jobs;

        for (; jobs != NULL && *jobs != NULL && n < JOBS_MAX; jobs++)
            list[n++].job = *jobs;
    }
    return n;
}

static uint32_t run_due(struct chy_worker_thread *t, const struct chy_job *job)
{
    uint32_t done = 0;
    enum chy_rc rc;

    chy_unit_begin(t, CHY_STAGE_JOB);
    rc = job == NULL ? chy_store_upkeep(&t->cx) : chy_job_call(&t->cx, job, &done);
    if (rc != CHY_OK)
        chy_log_problem(&t->cx, LOG_ERR, job == NULL ? "upkeep failed" : job->name);
    chy_unit_end(t);
    return done;
}

void chy_jobs_loop(struct chy_worker_thread *t)
{
    struct schedule list[JOBS_MAX] = {{0}};
    size_t n = collect(t->worker->registry, list);

    while (!t->worker->stopping) {
        time_t now = chy_clock_now();

        for (size_t i = 0; i < n && !t->worker->stopping; i++) {
            const struct chy_job *job = list[i].job;

            if (list[i].due > now)
                continue;
            /* A full batch means there is more: come back at the next tick. */
            if (run_due(t, job) < (job == NULL ? 1 : job->batch))
                list[i].due = now + (time_t)(job == NULL ? UPKEEP_EVERY_S : job->period_s);
        }
        chy_worker_nap(t->worker, TICK_MS);
    }
}
