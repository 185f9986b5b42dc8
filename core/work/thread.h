/* SPDX-License-Identifier: Apache-2.0 */
/* One thread of a worker, with what it has for itself. */
#ifndef CHY_WORK_THREAD_H
#define CHY_WORK_THREAD_H

#include "core/db/db.h"
#include "core/pki/signer.h"
#include "core/work/worker.h"

struct chy_worker {
    const struct chy_node *node;
    struct chy_registry *registry;
    struct chy_net *net;
    pthread_mutex_t rules_lock;
    struct chy_rulebook *rules;
    pthread_mutex_t turn; /* whose turn it is to look for challenges */
    _Atomic bool stopping;
    struct chy_db_outage outage; /* of the database, as all threads see it */
    size_t n_threads;
    struct chy_worker_thread {
        struct chy_worker *worker;
        pthread_t thread;
        struct chy_ctx cx;
        struct chy_db *db;
        struct chy_signer *signer;
        struct chy_rulebook *rules; /* held for the unit of work in hands */
        uint64_t listening;         /* generation of the connection that listens */
        bool started;
        void (*loop)(struct chy_worker_thread *t);
    } * threads;
};

/* Begin and end a unit of work on the thread: a fresh context, one rulebook for all of it. */
void chy_unit_begin(struct chy_worker_thread *t, enum chy_stage stage);
void chy_unit_end(struct chy_worker_thread *t);
/* Go on with the rulebook of now, in the same unit of work. */
void chy_unit_rules(struct chy_worker_thread *t);
/* Sleep, but not into a stop. */
void chy_worker_nap(struct chy_worker *w, unsigned ms);

/* The loops, one file each; they return when the worker is stopping. */
void chy_validate_loop(struct chy_worker_thread *t);
void chy_issue_loop(struct chy_worker_thread *t);
void chy_upkeep_loop(struct chy_worker_thread *t);
void chy_jobs_loop(struct chy_worker_thread *t);

#endif
