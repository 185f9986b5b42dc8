/* SPDX-License-Identifier: Apache-2.0 */
/* chancery up: looks that all is in order, then starts the supervisor, detached or not, and says when
 * the directory answers.  The supervisor itself is supervisor.c. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "services/chancery/cluster.h"
#include "services/chancery/commands.h"
#include "services/chancery/identity.h"
#include "services/chancery/layout.h"
#include "services/chancery/next.h"
#include "services/chancery/options.h"
#include "services/chancery/preflight.h"
#include "services/chancery/probe.h"
#include "services/chancery/state.h"
#include "services/chancery/supervisor.h"

#define LEFTOVER_MS 45000 /* a front lets requests end for 35 s */

struct up {
    const char *node_path, *libexec;
    bool foreground, new_database;
    struct chy_node *node;
    struct chy_identity service, signer;
    int lock;
    int report; /* the supervisor's end of the pipe, -1 in the foreground */
};

/* ---- before anything is started ---------------------------------------------- */

static enum chy_rc make_place(struct chy_ctx *cx, const char *path, const struct chy_identity *id)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return CHY_OK;
    if (chy_file_mkdirs(cx, path, 0755) != CHY_OK)
        return CHY_ERR;
    if (chmod(path, 0755) != 0 || (id->change && lchown(path, id->uid, id->gid) != 0))
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be given to user %s: %s", path,
                        id->name, strerror(errno));
    return CHY_OK;
}

static char *parent_of(struct chy_ctx *cx, const char *path)
{
    return chy_fmt(cx, "%.*s", (int)(strrchr(path, '/') - path), path);
}

/* Run directories are on a temporary file system and vanish with each boot. */
static enum chy_rc make_places(struct chy_ctx *cx, const struct up *u)
{
    const struct chy_node *n = u->node;
    struct chy_identity self;
    char *socket_dir = parent_of(cx, n->signer_socket);

    if (chy_identity_find(cx, NULL, &self) != CHY_OK || make_place(cx, n->run_dir, &self) != CHY_OK)
        return CHY_ERR;
    if (make_place(cx, n->log_dir, &self) != CHY_OK || make_place(cx, n->data_dir, &self) != CHY_OK)
        return CHY_ERR;
    return strcmp(socket_dir, n->run_dir) == 0 ? CHY_OK : make_place(cx, socket_dir, &u->signer);
}

static enum chy_rc readable(struct chy_ctx *cx, void *arg)
{
    const char *path = arg;
    chy_auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0)
        return CHY_OK;
    return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be read: %s", path, strerror(errno));
}

static enum chy_rc check_file(struct chy_ctx *cx, const struct chy_identity *who, const char *path,
                              const char *setting)
{
    if (chy_identity_work(cx, who, readable, (void *)path) == CHY_OK)
        return CHY_OK;
    char *why = chy_fmt(cx, "%s", cx->problem.detail);

    chy_problem_clear(cx);
    return chy_fail(cx, &CHY_P_serverInternal,
                    "%s (as user %s); put it back, or correct %s in node.yaml", why, who->name,
                    setting);
}

/* Before a directory is made that a slip in data: names. */
static enum chy_rc check_data(struct chy_ctx *cx, const struct up *u)
{
    const char *loss = u->new_database ? NULL : chy_cluster_loss(cx, u->node);

    if (loss == NULL)
        return CHY_OK;
    return chy_fail(
        cx, &CHY_P_serverInternal,
        "%s; mount its disk, put it back, or correct data in %s; to begin with an empty "
        "database: %s",
        loss, u->node->path, chy_cli_line(cx, u->node, "up --new-database"));
}

static enum chy_rc check_files(struct chy_ctx *cx, const struct up *u)
{
    const struct chy_node *n = u->node;

    if (check_file(cx, &u->service, n->acme.certificate, "listeners.acme.certificate") != CHY_OK ||
        check_file(cx, &u->service, n->acme.key, "listeners.acme.key") != CHY_OK ||
        check_file(cx, &u->service, n->policy_dir, "policy") != CHY_OK)
        return CHY_ERR;
    return check_file(cx, &u->signer, n->ceilings, "signer.ceilings");
}

static enum chy_rc check_reach(struct chy_ctx *cx, const struct up *u)
{
    const struct chy_node *n = u->node;
    const char *front;

    if (chy_layout_program(cx, u->libexec, "chancery-front", &front) != CHY_OK ||
        chy_layout_sockets(cx, n->run_dir, n->signer_socket) != CHY_OK)
        return CHY_ERR;
    if (!u->service.change)
        return CHY_OK;
    if (chy_identity_reach(cx, &u->service, n->data_dir) != CHY_OK ||
        chy_identity_reach(cx, &u->service, n->run_dir) != CHY_OK ||
        chy_identity_reach(cx, &u->service, parent_of(cx, front)) != CHY_OK ||
        chy_identity_reach(cx, &u->signer, parent_of(cx, front)) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < n->n_module_dirs; i++)
        if (chy_identity_reach(cx, &u->service, n->module_dirs[i]) != CHY_OK)
            return CHY_ERR;
    return chy_identity_reach(cx, &u->signer, parent_of(cx, n->signer_socket));
}

static enum chy_rc check_ports(struct chy_ctx *cx, const struct up *u)
{
    const struct chy_node *n = u->node;
    bool root = geteuid() == 0;

    if (chy_probe_port(cx, n->acme.address, n->acme.port, root, "listeners.acme.port") != CHY_OK)
        return CHY_ERR;
    if (n->public.address == NULL || n->public.port == 0)
        return CHY_OK;
    return chy_probe_port(cx, n->public.address, n->public.port, root, "listeners.public.port");
}

static enum chy_rc check_all(struct chy_ctx *cx, const struct up *u)
{
    if (u->service.uid == 0 && u->node->private_database)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: names no users:, and PostgreSQL does not run as root; run this as an "
                        "ordinary user, or name users as root's 'chancery init' does",
                        u->node->path);
    if (check_reach(cx, u) != CHY_OK || check_files(cx, u) != CHY_OK ||
        check_ports(cx, u) != CHY_OK)
        return CHY_ERR;
    return chy_preflight_policy(cx, u->node, &u->service);
}

/* ---- the supervisor's side ----------------------------------------------------- */

static bool say(int fd, char mark, const char *text)
{
    char line[8192];
    int n = snprintf(line, sizeof line, "%c%s", mark, text);

    /* With its NUL, which ends a message: texts may have several lines. */
    if (n >= (int)sizeof line)
        n = (int)sizeof line - 1;
    return write(fd, line, (size_t)n + 1) == n + 1;
}

static bool tell_parent(void *arg, const char *line)
{
    const struct up *u = arg;

    return u->report < 0 || say(u->report, '+', line);
}

static void ready_parent(void *arg)
{
    struct up *u = arg;

    chy_log(NULL, LOG_NOTICE, "ready: %s/directory", u->node->base_url);
    if (u->report < 0)
        return;
    say(u->report, '=', "");
    close(u->report);
    u->report = -1;
}

static enum chy_rc supervise(struct chy_ctx *cx, struct up *u)
{
    struct chy_supervision s = {.node = u->node,
                                .libexec = u->libexec,
                                .foreground = u->foreground,
                                .lock = u->lock,
                                .tell = tell_parent,
                                .ready = ready_parent,
                                .arg = u};

    chy_log_start("chancery", LOG_INFO);
    return chy_supervise(cx, &s);
}

static void __attribute__((noreturn)) detached(struct chy_ctx *cx, struct up *u, const char *log)
{
    int out, nothing;

    setsid();
    if (fork() != 0) /* no session leader: never again a controlling terminal */
        _exit(0);
    nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    umask(0022);
    if (out < 0 || nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(out, STDERR_FILENO) < 0 || chdir("/") != 0) {
        say(u->report, '!', chy_fmt(cx, "%s: cannot be written: %s", log, strerror(errno)));
        _exit(1);
    }
    if (supervise(cx, u) == CHY_OK)
        _exit(0);
    chy_log_problem(cx, LOG_ERR, "not started");
    if (u->report >= 0)
        say(u->report, '!', chy_cli_reason(cx));
    _exit(1);
}

/* ---- the terminal's side -------------------------------------------------------- */

/* One message, ended by NUL; "" at the end. */
static char *next_message(FILE *f, char *buf, size_t size)
{
    size_t n = 0;
    int c;

    while ((c = fgetc(f)) != EOF && c != '\0')
        if (n + 1 < size)
            buf[n++] = (char)c;
    buf[n] = '\0';
    return buf;
}

static enum chy_rc follow(struct chy_ctx *cx, const struct up *u, int fd)
{
    chy_auto_file FILE *f = fdopen(fd, "re");
    char buf[8192];

    while (f != NULL && *next_message(f, buf, sizeof buf) != '\0') {
        if (buf[0] == '=')
            return CHY_OK;
        if (buf[0] == '!')
            return chy_fail(cx, &CHY_P_serverInternal, "%s", buf + 1);
        printf("%s\n", buf + 1);
        fflush(stdout);
    }
    return chy_fail(cx, &CHY_P_serverInternal,
                    "supervisor: ended without a word; its log is %s/chancery.log",
                    u->node->log_dir);
}

static enum chy_rc detach(struct chy_ctx *cx, struct up *u)
{
    char *log = chy_fmt(cx, "%s/chancery.log", u->node->log_dir);
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return chy_fault_internal(cx, "pipe: %s", strerror(errno));
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        return chy_fault_internal(cx, "fork: %s", strerror(errno));
    if (pid == 0) {
        close(ends[0]);
        u->report = ends[1];
        detached(cx, u, log);
    }
    close(ends[1]);
    close(u->lock); /* the supervisor's copy holds it */
    waitpid(pid, NULL, 0);
    return follow(cx, u, ends[0]);
}

/* A supervisor was killed and we are quick: its database still holds its lock, its front its port. */
static enum chy_rc wait_for_leftovers(struct chy_ctx *cx, const struct up *u)
{
    int64_t until = chy_clock_ms() + LEFTOVER_MS;
    const char *name;
    bool told = false;
    pid_t pid;

    while (chy_state_leftover(cx, u->node->run_dir, &name, &pid)) {
        if (chy_clock_ms() > until)
            return chy_fail(cx, &CHY_P_serverInternal,
                            "%s (pid %d): still runs though its supervisor was killed; 'kill %d', "
                            "then try again",
                            name, (int)pid, (int)pid);
        if (!told)
            printf("waiting for the processes of a killed supervisor to end ...\n");
        told = true;
        fflush(stdout);
        usleep(100000);
    }
    return CHY_OK;
}

static enum chy_rc prepare(struct chy_ctx *cx, struct up *u, pid_t *ret_other)
{
    if (chy_cli_node(cx, u->node_path, &u->node) != CHY_OK ||
        chy_identity_find(cx, u->node->service_user, &u->service) != CHY_OK ||
        chy_identity_find(cx, u->node->signer_user, &u->signer) != CHY_OK ||
        check_data(cx, u) != CHY_OK || make_places(cx, u) != CHY_OK ||
        chy_state_lock(cx, u->node->run_dir, &u->lock, ret_other) != CHY_OK)
        return CHY_ERR;
    if (u->lock < 0)
        return CHY_OK;
    return wait_for_leftovers(cx, u) == CHY_OK ? check_all(cx, u) : CHY_ERR;
}

static int run(struct chy_ctx *cx, int argc, char **argv)
{
    struct up u = {.lock = -1, .report = -1};
    const struct chy_option options[] = {
        {"node", CHY_O_TEXT, "FILE", "node.yaml", &u.node_path},
        {"foreground", CHY_O_FLAG, NULL, "do not detach; everything logs to standard error",
         &u.foreground},
        {"new-database", CHY_O_FLAG, NULL, "begin with an empty one though this CA has run before",
         &u.new_database},
        {"libexec", CHY_O_TEXT, "DIR", "where chancery-front and the others are", &u.libexec},
        {NULL},
    };
    pid_t other = 0;
    int code;

    if (!chy_options_read(cx, &chy_cmd_up, options, argc, argv, &code))
        return code;
    umask(0022);
    if (prepare(cx, &u, &other) != CHY_OK)
        return chy_cli_refuse(cx, &chy_cmd_up);
    if (u.lock < 0 && other == 0) {
        printf("already being started; 'chancery status' shows how far it is\n");
        return 0;
    }
    if (u.lock < 0) {
        printf("already up: supervisor pid %d; 'chancery status' shows its processes\n",
               (int)other);
        return 0;
    }
    if ((u.foreground ? supervise(cx, &u) : detach(cx, &u)) != CHY_OK)
        return chy_cli_refuse(cx, &chy_cmd_up);
    if (!u.foreground)
        chy_next_print(cx, u.node);
    return 0;
}

const struct chy_command chy_cmd_up = {
    .name = "up",
    .help = "start everything and wait until it answers",
    .run = run,
};
