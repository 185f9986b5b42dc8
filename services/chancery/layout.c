/* SPDX-License-Identifier: Apache-2.0 */
/* Where an installation's files are, and where this program's own parts are: beside it in the prefix
 * where it was put, or in the build directory that it runs from. */
#include "services/chancery/layout.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/env.h"
#include "core/base/problem.h"

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static void set_roots(struct chy_ctx *cx, const char *dir, struct chy_layout *l)
{
    if (dir != NULL) {
        l->config = dir;
        l->keys = chy_fmt(cx, "%s/keys", dir);
        l->policy = chy_fmt(cx, "%s/policy", dir);
        l->data = chy_fmt(cx, "%s/data", dir);
        l->run = chy_fmt(cx, "%s/run", dir);
        l->logs = chy_fmt(cx, "%s/log", dir);
        l->signer_data = chy_fmt(cx, "%s/signer", dir);
        l->root_pem = chy_fmt(cx, "%s/root.pem", dir);
        return;
    }
    if (geteuid() == 0) {
        l->config = "/etc/chancery";
        l->data = "/var/lib/chancery";
        l->run = "/run/chancery";
        l->logs = "/var/log/chancery";
        l->signer_data = "/var/lib/chancery-signer";
    } else {
        l->config = chy_fmt(cx, "%s/chancery", chy_env_xdg(cx, "XDG_CONFIG_HOME", "/.config"));
        l->data = chy_fmt(cx, "%s/chancery", chy_env_xdg(cx, "XDG_DATA_HOME", "/.local/share"));
        l->run = chy_env("XDG_RUNTIME_DIR") != NULL
                     ? chy_fmt(cx, "%s/chancery", chy_env_xdg(cx, "XDG_RUNTIME_DIR", ""))
                     : chy_fmt(cx, "%s/run", l->data);
        l->logs = chy_fmt(cx, "%s/chancery", chy_env_xdg(cx, "XDG_STATE_HOME", "/.local/state"));
        l->signer_data = chy_fmt(cx, "%s/signer", l->data);
    }
    l->keys = chy_fmt(cx, "%s/keys", l->config);
    l->policy = chy_fmt(cx, "%s/policy", l->data);
    l->root_pem = chy_fmt(cx, "%s/root.pem", l->data);
}

/* Absolute, without symbolic links in the part that exists; the last component may be missing. */
static enum chy_rc absolute_dir(struct chy_ctx *cx, const char *dir, const char **ret)
{
    char *copy = chy_fmt(cx, "%s", dir), *slash, *parent;
    char resolved[PATH_MAX];
    size_t n = strlen(copy);

    while (n > 1 && copy[n - 1] == '/')
        copy[--n] = '\0';
    if (realpath(copy, resolved) != NULL) {
        *ret = chy_fmt(cx, "%s", resolved);
        return CHY_OK;
    }
    slash = strrchr(copy, '/');
    if (errno == ENOENT) {
        parent = slash == NULL ? chy_fmt(cx, ".") : chy_fmt(cx, "%.*s/", (int)(slash - copy), copy);
        if (realpath(parent, resolved) != NULL) {
            *ret = chy_fmt(cx, "%s/%s", strcmp(resolved, "/") == 0 ? "" : resolved,
                           slash == NULL ? copy : slash + 1);
            return CHY_OK;
        }
    }
    return chy_fail(cx, &CHY_P_serverInternal,
                    "--dir %s: %s; make the directory above it first, or choose another", dir,
                    strerror(errno));
}

enum chy_rc chy_layout_make(struct chy_ctx *cx, const char *dir, struct chy_layout *ret)
{
    struct chy_layout l = {0};

    if (dir != NULL && absolute_dir(cx, dir, &dir) != CHY_OK)
        return CHY_ERR;
    set_roots(cx, dir, &l);
    l.node = chy_fmt(cx, "%s/node.yaml", l.config);
    l.ceilings = chy_fmt(cx, "%s/ceilings.yaml", l.config);
    l.root_key = chy_fmt(cx, "%s/root.key", l.keys);
    l.issuer_key = chy_fmt(cx, "%s/web-1.key", l.keys);
    l.listener_key = chy_fmt(cx, "%s/listener.key", l.keys);
    l.listener_pem = chy_fmt(cx, "%s/listener.pem", l.keys);
    l.signer_socket = chy_fmt(cx, "%s/signer/signer.sock", l.run);
    l.signer_log = chy_fmt(cx, "%s/signatures.log", l.signer_data);
    *ret = l;
    return CHY_OK;
}

enum chy_rc chy_layout_sockets(struct chy_ctx *cx, const char *run, const char *signer_socket)
{
    const char *const paths[] = {chy_fmt(cx, "%s/pg/.s.PGSQL.5432", run), signer_socket};

    for (size_t i = 0; i < 2; i++)
        if (strlen(paths[i]) > SOCKET_PATH_MAX)
            return chy_fail(cx, &CHY_P_serverInternal,
                            "%s: a unix socket's path has at most %zu octets, this one has %zu; "
                            "choose a shorter directory",
                            paths[i], SOCKET_PATH_MAX, strlen(paths[i]));
    return CHY_OK;
}

/* Directory of the running program. */
static const char *own_directory(struct chy_ctx *cx)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    if (n <= 0)
        return CHY_DIR_BIN;
    path[n] = '\0';
    *strrchr(path, '/') = '\0';
    return chy_fmt(cx, "%s", path);
}

/* Is it .../services/chancery of a build directory? */
static bool in_build_directory(const char *own)
{
    const char *tail = "/services/chancery";
    size_t n = strlen(own), t = strlen(tail);

    return n > t && strcmp(own + n - t, tail) == 0;
}

/* The path from one installed directory to another holds wherever the prefix was moved to. */
static const char *installed(struct chy_ctx *cx, const char *dir)
{
    const char *own = own_directory(cx);
    size_t own_n = strlen(own), bin_n = strlen(CHY_DIR_BIN);

    /* With DESTDIR or a moved tree: .../usr/local/bin/chancery stands for /usr/local/bin. */
    if (own_n >= bin_n && strcmp(own + own_n - bin_n, CHY_DIR_BIN) == 0)
        return chy_fmt(cx, "%.*s%s", (int)(own_n - bin_n), own, dir);
    return dir;
}

enum chy_rc chy_layout_program(struct chy_ctx *cx, const char *libexec, const char *name,
                               const char **ret)
{
    const char *suffix = strchr(name, '-') != NULL ? strchr(name, '-') + 1 : name;
    const char *own = own_directory(cx), *dir = libexec;
    char resolved[PATH_MAX];

    if (dir ==
        NULL) /* beside it when built: services/chancery/chancery, services/front/chancery-front */
        dir = in_build_directory(own) ? chy_fmt(cx, "%s/../%s", own, suffix)
                                      : installed(cx, CHY_DIR_LIBEXEC);
    if (realpath(chy_fmt(cx, "%s/%s", dir, name), resolved) == NULL || access(resolved, X_OK) != 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: the program is not in %s; install it there or name its directory "
                        "with --libexec DIR",
                        name, realpath(dir, resolved) != NULL ? resolved : dir);
    *ret = chy_fmt(cx, "%s", resolved);
    return CHY_OK;
}

static const char *if_there(struct chy_ctx *cx, const char *path)
{
    char resolved[PATH_MAX];

    return realpath(path, resolved) != NULL ? chy_fmt(cx, "%s", resolved) : NULL;
}

const char *chy_layout_share(struct chy_ctx *cx, const char *name)
{
    const char *own = own_directory(cx), *found;

    if (!in_build_directory(own))
        return if_there(cx, chy_fmt(cx, "%s/%s", installed(cx, CHY_DIR_SHARE), name));
    found = if_there(cx, chy_fmt(cx, "%s/../../../deploy/%s", own, name));
    if (found != NULL)
        return found;
    return if_there(cx, chy_fmt(cx, "%s/../../../services/chancery/share/%s", own, name));
}

const char *chy_layout_module_sample(struct chy_ctx *cx, const char *module)
{
    const char *own = own_directory(cx);

    if (in_build_directory(own))
        return if_there(cx, chy_fmt(cx, "%s/../../../extensions/%s/policy-sample", own, module));
    return if_there(cx, chy_fmt(cx, "%s/policy-sample.d/%s", installed(cx, CHY_DIR_SHARE), module));
}

const char *chy_layout_modules(struct chy_ctx *cx)
{
    const char *own = own_directory(cx), *found;

    if (!in_build_directory(own))
        return installed(cx, CHY_DIR_MODULES);
    found = if_there(cx, chy_fmt(cx, "%s/../../extensions", own));
    return found != NULL ? found : CHY_DIR_MODULES;
}
