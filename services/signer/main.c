/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-signer: the process that holds issuer keys.  A unix socket and its own log; no network,
 * no database.  Open answer.c to see what one signature goes through. */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/env.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/policy/node.h"
#include "services/signer/check.h"
#include "services/signer/signerd.h"

static int refuse(const struct chy_ctx *cx)
{
    const struct chy_problem *p = &cx->problem;

    fprintf(stderr, "chancery-signer: %s\n", p->note != NULL ? p->note : p->detail);
    return 1;
}

static const char *node_path(struct chy_ctx *cx, int argc, char **argv, bool *ret_check)
{
    static const struct option options[] = {
        {"node", required_argument, NULL, 'n'}, {"check", no_argument, NULL, 'c'}, {0}};
    const char *path = NULL;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c != 'n' && c != 'c')
            return NULL;
        if (c == 'n')
            path = optarg;
        else
            *ret_check = true;
    }
    if (optind < argc)
        return NULL;
    return path != NULL ? path : chy_env_node_path(cx);
}

/* No core file, no debugger of the same user, no way to more rights. */
static enum chy_rc harden(struct chy_ctx *cx)
{
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return chy_fault_internal(cx, "cannot give up rights (prctl)");
    return CHY_OK;
}

/* A descriptor that can be read when it is time to go; no thread is ever interrupted. */
static int stop_descriptor(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0)
        return -1;
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int serve(struct chy_ctx *cx, const struct chy_node *node, struct chy_report *report)
{
    chy_auto_fd int stop = stop_descriptor();
    chy_auto_fd int fd = -1;
    struct chy_signer_state state;
    struct stat place = {0};
    bool broken;

    if (stop < 0 || harden(cx) != CHY_OK)
        return refuse(cx);
    if (chy_signer_open(cx, node->ceilings, node->signer_log, report, &state) != CHY_OK) {
        chy_report_print(report, stderr);
        return refuse(cx);
    }
    if (chy_signer_listen(cx, node->signer_socket, state.ceilings, &fd) != CHY_OK) {
        chy_signer_close(&state);
        return refuse(cx);
    }
    (void)lstat(node->signer_socket, &place);
    chy_log(cx, LOG_NOTICE, "ready");
    chy_signer_serve(&state, fd, stop);
    chy_signer_unlisten(node->signer_socket, &place); /* while fd holds its inode */
    broken = chy_siglog_broken(state.log);
    chy_signer_close(&state);
    chy_log(cx, LOG_NOTICE, "stopped");
    return broken ? 1 : 0; /* whoever started us starts us anew, and the log is read again */
}

/* Says what it would find at its start, and ends. */
static int check(struct chy_ctx *cx, const struct chy_node *node, struct chy_report *report)
{
    if (harden(cx) == CHY_OK && chy_signer_check(cx, node->ceilings, report, stdout) == CHY_OK)
        return 0;
    chy_report_print(report, stderr);
    return refuse(cx);
}

int main(int argc, char **argv)
{
    struct chy_ctx cx = {.arena = chy_arena_new(), .stage = CHY_STAGE_JOB};
    struct chy_report *report = chy_report_new(&cx);
    bool check_only = false;
    const char *path = node_path(&cx, argc, argv, &check_only);
    struct chy_node *node;
    int code;

    chy_log_start("signer", LOG_INFO);
    if (path == NULL) {
        fprintf(stderr, "usage: chancery-signer [--check] [--node FILE]\n");
        code = 2;
    } else if (chy_node_read(&cx, path, report, &node) != CHY_OK) {
        chy_report_print(report, stderr);
        fprintf(stderr, "chancery-signer: %s: cannot be used\n", path);
        code = 1;
    } else if (check_only) {
        code = check(&cx, node, report);
    } else {
        code = serve(&cx, node, report);
    }
    chy_arena_free(cx.arena);
    return code;
}
