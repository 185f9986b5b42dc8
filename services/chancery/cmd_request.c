/* SPDX-License-Identifier: Apache-2.0 */
/* chancery request: a certificate from any ACME server (RFC 8555), and the same again before it ends.
 * It runs as whoever calls it: it listens on ports and writes files where that user may.  Identifiers
 * and ways to prove them are the modules'. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/problem.h"
#include "core/client/requests.h"
#include "services/chancery/commands.h"
#include "services/chancery/request.h"

#define ROOTS_MAX (1u << 20)

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    stopped = number;
}

bool chy_request_stopped(void *arg)
{
    (void)arg;
    return stopped != 0;
}

/* The first signal lets the command end in order, so that what was made for a validation is taken away
 * again; the second one ends it. */
static void catch_signals(void)
{
    const struct sigaction a = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGHUP, &a, NULL);
}

static enum chy_rc open_client(struct chy_ctx *cx, const struct chy_wish *w,
                               struct chy_client **ret)
{
    struct chy_client_config config = {
        .directory = w->server, .allow_http = w->allow_http, .stopped = chy_request_stopped};
    char *roots = NULL;

    if (w->ca_file != NULL && chy_file_read(cx, w->ca_file, ROOTS_MAX, &roots, NULL) != CHY_OK)
        return CHY_ERR;
    config.roots_pem = roots;
    return chy_client_new(cx, &config, ret);
}

/* Order, and once more if the account that was kept is gone. */
static enum chy_rc order(struct chy_ctx *cx, const struct chy_wish *w, struct chy_client *c,
                         struct chy_client_order *ret)
{
    const struct chy_client_problem *p;

    if (chy_client_new_order(cx, c, w->idents, w->n_idents, w->profile, ret) == CHY_OK)
        return CHY_OK;
    p = chy_client_refusal(c);
    if (p == NULL || p->type == NULL || strcmp(p->type, CHY_P_accountDoesNotExist.urn) != 0)
        return CHY_ERR;
    chy_problem_clear(cx);
    if (chy_request_account_again(cx, w, c) != CHY_OK)
        return CHY_ERR;
    return chy_client_new_order(cx, c, w->idents, w->n_idents, w->profile, ret);
}

/* What the order says of itself when it is not what it should be. */
static enum chy_rc refuse_order(struct chy_ctx *cx, const struct chy_client_order *o,
                                const struct chy_client_problem **ret)
{
    *ret = o->error;
    return chy_fail(cx, &CHY_P_serverInternal, "the order is %s",
                    chy_client_status_name(o->status));
}

static enum chy_rc fetch(struct chy_ctx *cx, const struct chy_wish *w, struct chy_client *c,
                         struct chy_client_order *o, EVP_PKEY *key, struct chy_chain *ret,
                         const struct chy_client_problem **problem)
{
    int64_t until = chy_clock_ms() + (int64_t)w->wait_s * 1000;
    const uint8_t *der;
    X509_REQ *req;
    size_t n;

    if (chy_client_csr(cx, key, w->idents, w->n_idents, &req, &der, &n) != CHY_OK)
        return CHY_ERR;
    /* Its authorizations are valid: pending and processing pass. */
    if (o->status != CHY_ST_READY && chy_client_wait_order(cx, c, o->url, until, o) != CHY_OK)
        return CHY_ERR;
    if (o->status != CHY_ST_READY)
        return refuse_order(cx, o, problem);
    if (chy_client_finalize(cx, c, o, der, n, o) != CHY_OK)
        return CHY_ERR;
    if (o->status != CHY_ST_VALID && chy_client_wait_order(cx, c, o->url, until, o) != CHY_OK)
        return CHY_ERR;
    if (o->status != CHY_ST_VALID)
        return refuse_order(cx, o, problem);
    if (chy_client_certificate(cx, c, o->certificate, ret) != CHY_OK)
        return CHY_ERR;
    return chy_chain_check(cx, ret, req, chy_now(cx));
}

static enum chy_rc issue(struct chy_ctx *cx, const struct chy_wish *w, struct chy_client *c,
                         struct chy_chain *ret, const struct chy_client_problem **problem)
{
    struct chy_client_order o;
    EVP_PKEY *key;

    if (chy_client_key_make(cx, w->key_type, &key) != CHY_OK ||
        chy_request_account(cx, w, c) != CHY_OK || order(cx, w, c, &o) != CHY_OK ||
        chy_request_solve(cx, w, c, &o, problem) != CHY_OK)
        return CHY_ERR;
    /* What solving changed is not in o: look again. */
    if (o.status == CHY_ST_PENDING && chy_client_read_order(cx, c, o.url, &o) != CHY_OK)
        return CHY_ERR;
    if (fetch(cx, w, c, &o, key, ret, problem) != CHY_OK)
        return CHY_ERR;
    return chy_request_files_write(cx, w, key, ret);
}

static int request(struct chy_ctx *cx, const struct chy_wish *w)
{
    const struct chy_client_problem *problem = NULL;
    struct chy_client *c = NULL;
    struct chy_chain chain;
    int code = 0;

    if (chy_request_files_check(cx, w) != CHY_OK || open_client(cx, w, &c) != CHY_OK ||
        issue(cx, w, c, &chain, &problem) != CHY_OK) {
        if (problem == NULL && c != NULL)
            problem = chy_client_refusal(c);
        code = chy_request_refused(cx, w, problem);
        if (c != NULL && chy_client_root_unknown(c))
            fprintf(stderr, "  What may help: name the server's root with --ca-file\n");
    } else {
        chy_request_issued(cx, w, &chain);
    }
    chy_client_free(c);
    return code;
}

static int renew(struct chy_ctx *cx, struct chy_wish *w)
{
    time_t until = 0;
    bool due;

    if (chy_request_record_read(cx, w) != CHY_OK || chy_request_defaults(cx, w) != CHY_OK ||
        chy_request_files_recover(cx, w->out) != CHY_OK ||
        chy_request_due(cx, w, &due, &until) != CHY_OK)
        return chy_request_refused(cx, w, NULL);
    if (!due && !w->force) {
        chy_request_not_due(cx, w, until);
        return 0;
    }
    return request(cx, w);
}

static int run(struct chy_ctx *cx, int argc, char **argv)
{
    struct chy_wish w;
    int code;

    if (!chy_request_options(cx, argc, argv, &w, &code))
        return code;
    catch_signals();
    if (w.renew != NULL)
        return renew(cx, &w);
    if (chy_request_defaults(cx, &w) != CHY_OK)
        return chy_request_refused(cx, &w, NULL);
    return request(cx, &w);
}

const struct chy_command chy_cmd_request = {
    .name = "request",
    .help = "a certificate from an ACME server, or its renewal",
    .run = run,
};
