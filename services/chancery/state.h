/* SPDX-License-Identifier: Apache-2.0 */
/* What a running installation says of itself in its run directory: the lock and state.json. */
#ifndef CHY_CLI_STATE_H
#define CHY_CLI_STATE_H

#include <sys/types.h>

#include "core/base/cx.h"

/* Take <run>/supervisor.pid for this process and those it forks.  *ret_fd is -1, and *ret_pid the
 * holder's (0: not known yet), if another has it.  The lock goes with its last holder, so a killed
 * supervisor leaves none behind. */
enum chy_rc CHY_CHECK chy_state_lock(struct chy_ctx *cx, const char *run, int *ret_fd,
                                     pid_t *ret_pid);
enum chy_rc CHY_CHECK chy_state_write_pid(struct chy_ctx *cx, int fd, pid_t pid);
void chy_state_forget_pid(int fd);
/* When a process started, in ticks since boot (proc(5), field 22); 0: there is none, or it is dead. */
int64_t chy_state_start_time(struct chy_ctx *cx, pid_t pid);
/* Is pid the very process that calls itself supervisor in state.json? */
bool chy_state_is_supervisor(struct chy_ctx *cx, const char *run, pid_t pid);
/* Is the lock held, and by whom (0: not known yet)?  Takes no lock itself.  Who may not read the lock
 * goes by state.json. */
bool chy_state_running(struct chy_ctx *cx, const char *run, pid_t *ret_pid);

/* state.json, whole or not at all.  Read: NULL where there is none. */
enum chy_rc CHY_CHECK chy_state_write(struct chy_ctx *cx, const char *run, const json_t *state);
const json_t *chy_state_read(struct chy_ctx *cx, const char *run);
/* A process that state.json lists and that still runs although its supervisor, killed, does not; false
 * if there is none.  Such processes have been told to end by the kernel and need a moment. */
bool chy_state_leftover(struct chy_ctx *cx, const char *run, const char **ret_name, pid_t *ret_pid);

#endif
