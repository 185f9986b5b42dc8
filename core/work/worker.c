/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's life: parts, threads, policy, stopping. */
#include "core/work/worker.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/net/config.h"
#include "core/work/thread.h"

#define ISSUE_THREADS 2 /* one slow order must not stop all recovery */

static void add_thread(struct chy_worker *w, void (*loop)(struct chy_worker_thread *))
{
    struct chy_worker_thread *t = &w->threads[w->n_threads++];

    t->worker = w;
    t->loop = loop;
    t->cx.arena = chy_arena_new();
    t->db = chy_db_new(w->node->database, "chancery-worker");
    chy_db_share_outage(t->db, &w->outage);
    t->signer = chy_signer_new(w->node->signer_socket);
}

enum chy_rc chy_worker_new(struct chy_ctx *cx, const struct chy_node *node, struct chy_worker **ret)
{
    struct chy_worker *w = calloc(1, sizeof *w);
    struct chy_net_config net = {0};

    if (w == NULL || pthread_mutex_init(&w->rules_lock, NULL) != 0 ||
        pthread_mutex_init(&w->turn, NULL) != 0)
        abort();
    w->node = node;
    if (chy_registry_load(cx, node->module_dirs, node->n_module_dirs, node->modules,
                          node->n_modules, &w->registry) != CHY_OK ||
        chy_rulebook_load(cx, w->node, w->registry, &w->rules) != CHY_OK ||
        chy_net_config_read(cx, node->validation, &net) != CHY_OK ||
        chy_net_new(cx, &net, &w->net) != CHY_OK) {
        chy_worker_free(w);
        return CHY_ERR;
    }
    w->threads = calloc(node->validation_threads + ISSUE_THREADS + 2, sizeof *w->threads);
    if (w->threads == NULL)
        abort();
    for (unsigned i = 0; i < node->validation_threads; i++)
        add_thread(w, chy_validate_loop);
    for (unsigned i = 0; i < ISSUE_THREADS; i++)
        add_thread(w, chy_issue_loop);
    add_thread(w, chy_upkeep_loop);
    add_thread(w, chy_jobs_loop);
    *ret = w;
    return CHY_OK;
}

void chy_worker_free(struct chy_worker *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->n_threads; i++) {
        chy_db_free(w->threads[i].db);
        chy_signer_free(w->threads[i].signer);
        chy_arena_free(w->threads[i].cx.arena);
    }
    free(w->threads);
    chy_net_free(w->net);
    chy_rulebook_drop(w->rules);
    chy_registry_free(w->registry);
    pthread_mutex_destroy(&w->rules_lock);
    pthread_mutex_destroy(&w->turn);
    free(w);
}

static void *thread_main(void *arg)
{
    struct chy_worker_thread *t = arg;

    t->loop(t);
    return NULL;
}

enum chy_rc chy_worker_start(struct chy_ctx *cx, struct chy_worker *w)
{
    for (size_t i = 0; i < w->n_threads; i++) {
        int error = pthread_create(&w->threads[i].thread, NULL, thread_main, &w->threads[i]);

        if (error != 0) {
            chy_worker_stop(w);
            return chy_fault_internal(cx, "cannot start thread %zu of %zu: %s", i + 1, w->n_threads,
                                      strerror(error));
        }
        w->threads[i].started = true;
    }
    return CHY_OK;
}

void chy_worker_stop(struct chy_worker *w)
{
    w->stopping = true;
    for (size_t i = 0; i < w->n_threads; i++) {
        if (w->threads[i].started)
            pthread_join(w->threads[i].thread, NULL);
        w->threads[i].started = false;
    }
}

enum chy_rc chy_worker_reload(struct chy_ctx *cx, struct chy_worker *w)
{
    struct chy_rulebook *fresh, *old;

    if (chy_rulebook_load(cx, w->node, w->registry, &fresh) != CHY_OK)
        return CHY_ERR;
    pthread_mutex_lock(&w->rules_lock);
    old = w->rules;
    w->rules = fresh;
    pthread_mutex_unlock(&w->rules_lock);
    chy_rulebook_drop(old);
    chy_log(cx, LOG_NOTICE, "policy %s is in force",
            chy_policy_revision(chy_rulebook_policy(fresh)));
    return CHY_OK;
}

void chy_unit_rules(struct chy_worker_thread *t)
{
    struct chy_worker *w = t->worker;

    chy_rulebook_drop(t->rules);
    pthread_mutex_lock(&w->rules_lock);
    t->rules = chy_rulebook_hold(w->rules);
    pthread_mutex_unlock(&w->rules_lock);
    t->cx.policy = chy_rulebook_policy(t->rules);
}

void chy_unit_begin(struct chy_worker_thread *t, enum chy_stage stage)
{
    struct chy_worker *w = t->worker;

    chy_ctx_reset(&t->cx);
    chy_unit_rules(t);
    t->cx.stage = stage;
    t->cx.db = t->db;
    t->cx.net = w->net;
    t->cx.registry = w->registry;
    t->cx.base_url = w->node->base_url;
}

void chy_unit_end(struct chy_worker_thread *t)
{
    t->cx.policy = NULL;
    chy_rulebook_drop(t->rules);
    t->rules = NULL;
}

void chy_worker_nap(struct chy_worker *w, unsigned ms)
{
    for (; ms > 0 && !w->stopping; ms -= ms < 100 ? ms : 100)
        poll(NULL, 0, ms < 100 ? (int)ms : 100);
}
