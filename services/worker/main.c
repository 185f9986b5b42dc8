/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-worker: validation, issuance in processing, upkeep.  Connects out, never listens. */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

#include "core/base/env.h"
#include "core/base/log.h"
#include "core/base/ready.h"
#include "core/work/worker.h"

static int refuse(const struct chy_ctx *cx)
{
    const struct chy_problem *p = &cx->problem;

    fprintf(stderr, "chancery-worker: %s\n", p->note != NULL ? p->note : p->detail);
    return 1;
}

static const char *node_path(struct chy_ctx *cx, int argc, char **argv)
{
    static const struct option options[] = {{"node", required_argument, NULL, 'n'}, {0}};
    const char *path = NULL;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c != 'n')
            return NULL;
        path = optarg;
    }
    if (optind < argc)
        return NULL;
    return path != NULL ? path : chy_env_node_path(cx);
}

/* Signals are taken by this thread alone; the others never see them. */
static void serve(struct chy_worker *w, const sigset_t *signals)
{
    for (;;) {
        struct chy_ctx cx = {.arena = chy_arena_new()};
        int sig = 0;

        sigwait(signals, &sig);
        if (sig == SIGHUP && chy_worker_reload(&cx, w) != CHY_OK)
            chy_log_problem(&cx, LOG_ERR, "policy not read again");
        chy_arena_free(cx.arena);
        if (sig == SIGTERM || sig == SIGINT)
            return;
    }
}

static int run(struct chy_ctx *cx, const struct chy_node *node)
{
    struct chy_worker *w;
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (chy_worker_new(cx, node, &w) != CHY_OK)
        return refuse(cx);
    if (chy_worker_start(cx, w) != CHY_OK)
        return refuse(cx);
    chy_log(cx, LOG_NOTICE, "ready");
    chy_ready_tell();
    serve(w, &signals);
    chy_log(cx, LOG_NOTICE, "stopping: finishing what is in hands");
    chy_worker_stop(w);
    chy_worker_free(w);
    return 0;
}

int main(int argc, char **argv)
{
    struct chy_ctx cx = {.arena = chy_arena_new(), .stage = CHY_STAGE_JOB};
    struct chy_report *report = chy_report_new(&cx);
    const char *path = node_path(&cx, argc, argv);
    struct chy_node *node;
    int code;

    chy_log_start("worker", LOG_INFO);
    if (path == NULL) {
        fprintf(stderr, "usage: chancery-worker [--node FILE]\n");
        return 2;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return 1;
    if (chy_node_read(&cx, path, report, &node) != CHY_OK) {
        chy_report_print(report, stderr);
        code = 1;
    } else {
        code = run(&cx, node);
    }
    chy_arena_free(cx.arena);
    curl_global_cleanup();
    return code;
}
