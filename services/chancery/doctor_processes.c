/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: are the ports free, or ours; do the processes live and stay alive; does the directory
 * answer? */
#include <signal.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "services/chancery/child.h"
#include "services/chancery/commands.h"
#include "services/chancery/doctor.h"
#include "services/chancery/probe.h"
#include "services/chancery/state.h"

#define OFTEN 3          /* restarts                                     */
#define RECENTLY_S 86400 /* since the last one                           */
#define REASON_MAX 400

/* ---- ports ------------------------------------------------------------------------- */

/* "kill 812" of "... taken by nginx (pid 812); ..." */
static const char *port_mend(struct chy_ctx *cx, const char *reason, const char *setting)
{
    const char *pid = strstr(reason, "(pid ");

    if (pid == NULL)
        return NULL;
    return chy_fmt(cx, "kill %.*s   # or another %s in node.yaml",
                   (int)strspn(pid + 5, "0123456789"), pid + 5, setting);
}

static bool port_free(struct chy_look *l, const char *address, unsigned port, const char *setting)
{
    if (chy_probe_port(l->cx, address, port, l->root, setting) == CHY_OK)
        return true;
    chy_found_refusal(l, CHY_D_FAIL, port_mend(l->cx, chy_cli_reason(l->cx), setting));
    return false;
}

void chy_look_ports(struct chy_look *l)
{
    const struct chy_node *n = l->node;
    bool public = n->public.address != NULL && n->public.port != 0, well;

    if (l->running) {
        chy_found(l, CHY_D_OK, NULL, "the fronts have them; whether they answer: directory");
        return;
    }
    well = port_free(l, n->acme.address, n->acme.port, "listeners.acme.port");
    if (public)
        well = port_free(l, n->public.address, n->public.port, "listeners.public.port") && well;
    if (well)
        chy_found(l, CHY_D_OK, NULL, "%u%s free", (unsigned)n->acme.port,
                  public ? chy_fmt(l->cx, " and %u are", (unsigned)n->public.port) : " is");
}

void chy_look_directory(struct chy_look *l)
{
    const char *why = "";

    if (!l->running)
        chy_found(l, CHY_D_SKIP, NULL, "nothing runs; '%s' starts it",
                  chy_cli_line(l->cx, l->node, "up"));
    else if (chy_probe_directory(l->cx, l->node, &why))
        chy_found(l, CHY_D_OK, NULL, "%s/directory answers", l->node->base_url);
    else
        chy_found(l, CHY_D_FAIL,
                  chy_fmt(l->cx, "%s && %s   # the fronts' logs are in %s",
                          chy_cli_line(l->cx, l->node, "down"), chy_cli_line(l->cx, l->node, "up"),
                          l->node->log_dir),
                  "%s/directory: %s", l->node->base_url, why);
}

/* ---- processes ------------------------------------------------------------------------ */

static const char *text_at(const json_t *p, const char *key)
{
    const char *s = json_string_value(json_object_get(p, key));

    return s != NULL ? s : "?";
}

/* What it said before it ended, where its log can be read. */
static const char *last_reason(struct chy_look *l, const char *name)
{
    struct chy_child c = {.log = chy_fmt(l->cx, "%s/%s.log", l->node->log_dir, name)};
    const char *why = chy_child_reason(l->cx, chy_child_last_words(l->cx, &c));

    return why != NULL ? chy_fmt(l->cx, ": %.*s", REASON_MAX, why) : "";
}

static const char *restart(struct chy_look *l, const char *name)
{
    return chy_fmt(l->cx, "%s && %s   # its log is %s/%s.log", chy_cli_line(l->cx, l->node, "down"),
                   chy_cli_line(l->cx, l->node, "up"), l->node->log_dir, name);
}

/* False: a finding tells of it. */
static bool look_at_process(struct chy_look *l, const json_t *p)
{
    const char *name = text_at(p, "name");
    int restarts = (int)json_integer_value(json_object_get(p, "restarts"));
    int64_t since = json_integer_value(json_object_get(p, "since"));
    pid_t pid = (pid_t)json_integer_value(json_object_get(p, "pid"));
    bool running = strcmp(text_at(p, "state"), "running") == 0;

    if (running && kill(pid, 0) != 0 && chy_state_start_time(l->cx, pid) == 0)
        running = false; /* it ended a moment ago */
    if (!running) {
        chy_found(l, CHY_D_FAIL, restart(l, name),
                  "%s does not run (%d restarts, it ended last with %s)%s", name, restarts,
                  text_at(p, "last-end"), last_reason(l, name));
        return false;
    }
    if (restarts < OFTEN || chy_clock_now() - since > RECENTLY_S)
        return true;
    chy_found(l, CHY_D_WARN, restart(l, name),
              "%s was started again %d times, the last time %lld s ago; it ended with %s", name,
              restarts, (long long)(chy_clock_now() - since), text_at(p, "last-end"));
    return false;
}

static void look_at_all(struct chy_look *l, const json_t *state)
{
    const json_t *list = json_object_get(state, "processes"), *p;
    const char *word = text_at(state, "state");
    bool well = true;
    size_t i;

    json_array_foreach(list, i, p) well = look_at_process(l, p) && well;
    if (!well)
        return;
    if (strcmp(word, "up") == 0)
        chy_found(l, CHY_D_OK, NULL, "%zu run, supervisor pid %d", json_array_size(list),
                  (int)l->supervisor);
    else
        chy_found(l, CHY_D_WARN, NULL, "the supervisor (pid %d) says: %s", (int)l->supervisor,
                  word);
}

void chy_look_processes(struct chy_look *l)
{
    const json_t *state = chy_state_read(l->cx, l->node->run_dir);
    const char *word = text_at(state, "state");

    if (l->running && state != NULL)
        look_at_all(l, state);
    else if (!l->running && state != NULL && strcmp(word, "stopped") != 0)
        chy_found(l, CHY_D_FAIL, chy_cli_line(l->cx, l->node, "up"),
                  "the supervisor was killed while it was %s; nothing runs", word);
    else
        chy_found(l, CHY_D_SKIP, NULL, "nothing runs; '%s' starts it",
                  chy_cli_line(l->cx, l->node, "up"));
}
