/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-front: the ACME listener and the public one, over core/acme.  Reads node.yaml, says in one
 * line why it cannot start, and serves until SIGTERM or SIGINT; SIGHUP reads certificates and policy
 * again. */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "core/acme/serve.h"
#include "core/base/env.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/net/config.h"
#include "services/front/front.h"

static int refuse(const struct chy_ctx *cx)
{
    const struct chy_problem *p = &cx->problem;

    fprintf(stderr, "chancery-front: %s\n", p->note != NULL ? p->note : p->detail);
    return 1;
}

static void *new_thread(void *owner)
{
    return chy_server_thread_new(owner);
}

static void reload_policy(void *owner)
{
    struct chy_ctx cx = {.arena = chy_arena_new(), .stage = CHY_STAGE_JOB};

    if (chy_server_reload(&cx, owner) != CHY_OK)
        chy_log_problem(&cx, LOG_ERR, "the old policy stays in force");
    chy_arena_free(cx.arena);
}

/* core.md H-03 and H-09 hold for refusals that no handler sees, too. */
static const struct chy_header *refusal_headers(struct chy_ctx *cx, const struct chy_node *node)
{
    struct chy_header *h = chy_alloc(cx, 2 * sizeof *h);

    h[0] = (struct chy_header){"Access-Control-Allow-Origin", "*"};
    h[1] = (struct chy_header){"Link", chy_fmt(cx, "<%s/directory>;rel=\"index\"", node->base_url)};
    return h;
}

static size_t fill_listeners(struct chy_ctx *cx, const struct chy_node *node,
                             struct chy_front_listener listeners[2])
{
    listeners[0] = (struct chy_front_listener){
        .kind = CHY_LISTEN_ACME,
        .address = node->acme.address,
        .port = node->acme.port,
        .certificate = node->acme.certificate,
        .key = node->acme.key,
        .refusal_headers = refusal_headers(cx, node),
        .n_refusal_headers = 2,
        .proxies = node->acme.proxies,
        .n_proxies = node->acme.n_proxies,
    };
    if (node->public.address == NULL)
        return 1;
    listeners[1] = (struct chy_front_listener){
        .kind = CHY_LISTEN_PUBLIC,
        .address = node->public.address,
        .port = node->public.port,
        .proxies = node->public.proxies,
        .n_proxies = node->public.n_proxies,
    };
    return 2;
}

static int serve(struct chy_ctx *cx, const struct chy_node *node, struct chy_server *server)
{
    struct chy_front_listener listeners[2] = {0};
    const struct chy_front_config config = {
        .n_listeners = fill_listeners(cx, node, listeners),
        .listeners = listeners,
        .io_threads = node->io_threads,
        .worker_threads = node->worker_threads,
        .limits = CHY_FRONT_LIMITS,
        .signals = true,
        .handler = chy_server_handle,
        .thread_new = new_thread,
        .thread_free = chy_server_thread_free,
        .reloaded = reload_policy,
        .owner = server,
    };
    struct chy_front *front;

    if (chy_front_new(cx, &config, &front) != CHY_OK)
        return refuse(cx);
    if (chy_front_run(cx, front) != CHY_OK) {
        refuse(cx);
        _exit(1); /* a handler may still be running on what would be released */
    }
    chy_front_free(front);
    return 0;
}

static int run(struct chy_ctx *cx, const struct chy_node *node)
{
    struct chy_server *server;
    int code;

    if (chy_server_new(cx, node, &server) != CHY_OK)
        return refuse(cx);
    code = chy_server_ready(cx, server) == CHY_OK ? serve(cx, node, server) : refuse(cx);
    chy_server_free(server);
    return code;
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

static int start(struct chy_ctx *cx, const char *path)
{
    struct chy_report *report = chy_report_new(cx);
    struct chy_node *node;

    if (path == NULL) {
        fprintf(stderr, "usage: chancery-front [--node FILE]\n");
        return 2;
    }
    if (chy_node_read(cx, path, report, &node) == CHY_OK)
        return run(cx, node);
    chy_report_print(report, stderr);
    return 1;
}

int main(int argc, char **argv)
{
    struct chy_ctx cx = {.arena = chy_arena_new(), .stage = CHY_STAGE_JOB};
    int code;

    chy_log_start("front", LOG_INFO);
    code = start(&cx, node_path(&cx, argc, argv));
    chy_arena_free(cx.arena);
    return code;
}
