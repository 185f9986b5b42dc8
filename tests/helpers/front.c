/* SPDX-License-Identifier: Apache-2.0 */
/* A front without ACME behind it, for probes and measurements of the transport alone:
 *     test-front CERTIFICATE KEY [IO-THREADS WORKER-THREADS]
 * prints the ports of its TLS and its plain listener on 127.0.0.1, answers every request with the
 * same small object, and serves until SIGTERM. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/log.h"
#include "services/front/front.h"

static chy_handler answer;

static void answer(void *state, struct chy_ctx *cx, struct chy_request *rq, struct chy_reply *rp)
{
    json_t *o = json_pack("{s:s, s:s, s:i}", "method", rq->method, "path", rq->path, "octets",
                          (int)rq->body_len);

    (void)state;
    rp->status = 200;
    chy_reply_header(rp, "Cache-Control", "no-store");
    chy_reply_json(cx, rp, chy_keep_json(cx, o));
}

static unsigned number(int argc, char **argv, int i)
{
    unsigned long n = i < argc ? strtoul(argv[i], NULL, 10) : 1;

    return n > 0 && n < 256 ? (unsigned)n : 1;
}

int main(int argc, char **argv)
{
    struct chy_ctx cx = {.arena = chy_arena_new(), .stage = CHY_STAGE_JOB};
    struct chy_front_listener listeners[2] = {
        {.kind = CHY_LISTEN_ACME,
         .address = "127.0.0.1",
         .certificate = argc > 2 ? argv[1] : NULL,
         .key = argc > 2 ? argv[2] : NULL},
        {.kind = CHY_LISTEN_PUBLIC, .address = "127.0.0.1"},
    };
    struct chy_front_config config = {
        .listeners = listeners,
        .n_listeners = 2,
        .io_threads = number(argc, argv, 3),
        .worker_threads = number(argc, argv, 4),
        .limits = CHY_FRONT_LIMITS,
        .signals = true,
        .handler = answer,
    };
    struct chy_front *front;

    chy_log_start("test-front", LOG_WARNING);
    if (argc < 3) {
        fprintf(stderr, "usage: test-front CERTIFICATE KEY [IO-THREADS WORKER-THREADS]\n");
        return 2;
    }
    config.limits.requests_per_connection = 1000000;
    if (chy_front_new(&cx, &config, &front) != CHY_OK) {
        fprintf(stderr, "test-front: %s\n", cx.problem.detail);
        return 1;
    }
    printf("%u %u\n", chy_front_port(front, 0), chy_front_port(front, 1));
    fflush(stdout);
    if (chy_front_run(&cx, front) != CHY_OK)
        return 1;
    chy_front_free(front);
    chy_arena_free(cx.arena);
    return 0;
}
