/* SPDX-License-Identifier: Apache-2.0 */
/* Solver for http-01 (RFC 8555 section 8.3): a web server for the time of the validation, which serves
 * the proofs of one order and nothing else. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "solve.h"

#define REQUEST_MAX 4096
#define ANSWER_MAX 1024
#define PATH "/.well-known/acme-challenge/"

struct standalone {
    struct dns_listener *listener;
    struct chy_task *tasks;
    size_t n;
};

/* ---- one request ---- */

/* The proof that a request line "GET PATH HTTP/1.x" asks for, or NULL. */
static const char *find_proof(const char *line, size_t n, const struct chy_task *tasks,
                              size_t n_tasks)
{
    const size_t before = strlen("GET " PATH), after = strlen(" HTTP/1.1");

    if (n <= before + after || memcmp(line, "GET " PATH, before) != 0 ||
        memcmp(line + n - after, " HTTP/1.", after - 1) != 0)
        return NULL;
    for (size_t i = 0; i < n_tasks; i++)
        if (dns_same(tasks[i].token, strlen(tasks[i].token), line + before, n - before - after))
            return tasks[i].key_authorization;
    return NULL;
}

const char *dns_http_answer(const char *request, size_t n, const struct chy_task *tasks,
                            size_t n_tasks, char *out, size_t room)
{
    const char *end = memmem(request, n, "\r\n", 2), *proof;

    if (memmem(request, n, "\r\n\r\n", 4) == NULL)
        return NULL;
    proof = find_proof(request, (size_t)(end - request), tasks, n_tasks);
    snprintf(out, room,
             "HTTP/1.1 %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %zu\r\n"
             "Connection: close\r\n\r\n%s",
             proof != NULL ? "200 OK" : "404 Not Found", proof != NULL ? strlen(proof) : 0,
             proof != NULL ? proof : "");
    return out;
}

static void send_all(const struct dns_conn *c, const char *b)
{
    size_t n = strlen(b);

    while (n > 0 && dns_conn_wait(c, POLLOUT)) {
        ssize_t put = send(c->fd, b, n, MSG_NOSIGNAL);

        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return;
        b += put > 0 ? put : 0;
        n -= put > 0 ? (size_t)put : 0;
    }
    shutdown(c->fd, SHUT_WR);
}

static void serve(void *arg, const struct dns_conn *c)
{
    const struct standalone *s = arg;
    char request[REQUEST_MAX], answer[ANSWER_MAX];
    size_t n = 0;

    while (n < sizeof request && dns_conn_wait(c, POLLIN)) {
        ssize_t got = recv(c->fd, request + n, sizeof request - n, 0);

        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return;
        n += got > 0 ? (size_t)got : 0;
        if (dns_http_answer(request, n, s->tasks, s->n, answer, sizeof answer) != NULL) {
            send_all(c, answer);
            return;
        }
    }
}

/* ---- the solver ---- */

static enum chy_rc check_tasks(struct chy_ctx *cx, const struct chy_task *tasks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tasks[i].token == NULL || tasks[i].key_authorization == NULL ||
            strlen(tasks[i].key_authorization) > ANSWER_MAX / 2)
            return DNS_FAIL(cx, &CHY_P_malformed, "%s: the server's challenge has no usable token",
                            tasks[i].ident.value);
    return CHY_OK;
}

static enum chy_rc prepare(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                           const json_t *options, void **ret_state)
{
    struct standalone *s = dns_host->alloc(cx, sizeof *s);
    struct dns_service service = {.address = dns_option(options, "http-address"),
                                  .option = "http-port",
                                  .serve = serve,
                                  .arg = s};

    *s = (struct standalone){.tasks = tasks, .n = n};
    if (check_tasks(cx, tasks, n) != CHY_OK ||
        dns_option_count(cx, options, "http-port", 1, 65535, &service.port) != CHY_OK ||
        dns_listen(cx, &service, &s->listener) != CHY_OK)
        return CHY_ERR;
    *ret_state = s;
    return CHY_OK;
}

static enum chy_rc clean(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                         const json_t *options, void *state)
{
    struct standalone *s = state;

    (void)cx, (void)tasks, (void)n, (void)options;
    dns_listen_end(s->listener);
    return CHY_OK;
}

static const struct chy_client_option options[] = {
    {.name = "http-port",
     .value = "PORT",
     .help = "answer http-01 with a web server of its own on this port; so by default, on 80",
     .selects = true,
     .dflt = "80",
     .local = "http-port"},
    {.name = "http-address",
     .value = "ADDRESS",
     .help = "and listen on this address only; default: on all",
     .selects = true},
    {NULL},
};

const struct chy_solver dns_solve_http = {
    .challenge = "http-01",
    .name = "standalone",
    .help = "a web server for the moment of the validation",
    .unasked = true,
    .options = options,
    .prepare = prepare,
    .clean = clean,
};
