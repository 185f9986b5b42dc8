/* SPDX-License-Identifier: Apache-2.0 */
/* chancery down: tells the supervisor to stop and waits until it and its processes are gone. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/problem.h"
#include "services/chancery/commands.h"
#include "services/chancery/options.h"
#include "services/chancery/state.h"

#define DOWN_MS 180000 /* more than all the supervisor's own patience together */
#define LEFTOVER_MS 45000
#define TELL_MS 3000 /* after which the person is told what is waited for    */

/* Tell the supervisor to stop.  The descriptor stands for one process whatever becomes of its number,
 * and who that is was found out after it was opened. */
static enum chy_rc tell_to_stop(struct chy_ctx *cx, const struct chy_node *node, pid_t pid,
                                int *ret_fd)
{
    chy_auto_fd int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    const char *why;

    if (pid <= 0)
        why = "its pid is not known yet";
    else if (fd >= 0 && !chy_state_is_supervisor(cx, node->run_dir, pid))
        why = "that process is not the one that state.json names";
    else if (fd < 0 || syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) != 0)
        why = strerror(errno);
    else {
        *ret_fd = fd;
        fd = -1;
        return CHY_OK;
    }
    return chy_fail(cx, &CHY_P_serverInternal,
                    "supervisor (pid %d): cannot be told to stop: %s; run this as the user who "
                    "started it",
                    (int)pid, why);
}

static enum chy_rc down(struct chy_ctx *cx, const struct chy_node *node)
{
    chy_auto_fd int fd = -1;
    struct pollfd p = {.events = POLLIN};
    int64_t began = chy_clock_ms(), told = began;
    pid_t pid = 0, now = 0;
    const char *name;

    if (!chy_state_running(cx, node->run_dir, &pid)) {
        /* Of a killed supervisor: the kernel has told them to end. */
        while (chy_state_leftover(cx, node->run_dir, &name, &now) &&
               chy_clock_ms() - began < LEFTOVER_MS)
            usleep(100000);
        printf("nothing runs; 'chancery up' starts it\n");
        return CHY_OK;
    }
    if (tell_to_stop(cx, node, pid, &fd) != CHY_OK)
        return CHY_ERR;
    p.fd = fd;
    while (poll(&p, 1, 20) <= 0) { /* readable once the process has ended */
        if (chy_clock_ms() - began > DOWN_MS)
            return chy_fail(
                cx, &CHY_P_serverInternal,
                "supervisor (pid %d): still there after %d s; its log is %s/chancery.log", (int)pid,
                DOWN_MS / 1000, node->log_dir);
        if (chy_clock_ms() - told > TELL_MS) {
            printf("waiting for requests to end ...\n");
            fflush(stdout);
            told = began + DOWN_MS;
        }
    }
    printf("down: everything has stopped (%d ms); data stay in %s\n", (int)(chy_clock_ms() - began),
           node->data_dir);
    return CHY_OK;
}

static int run(struct chy_ctx *cx, int argc, char **argv)
{
    const char *node_path = NULL;
    const struct chy_option options[] = {
        {"node", CHY_O_TEXT, "FILE", "node.yaml", &node_path},
        {NULL},
    };
    struct chy_node *node;
    int code;

    if (!chy_options_read(cx, &chy_cmd_down, options, argc, argv, &code))
        return code;
    if (chy_cli_node(cx, node_path, &node) != CHY_OK || down(cx, node) != CHY_OK)
        return chy_cli_refuse(cx, &chy_cmd_down);
    return 0;
}

const struct chy_command chy_cmd_down = {
    .name = "down",
    .help = "stop everything, in order, and wait until it is gone",
    .run = run,
};
