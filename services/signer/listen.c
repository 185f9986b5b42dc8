/* SPDX-License-Identifier: Apache-2.0 */
/* The signer's socket in the file system.  Its mode keeps strangers from connecting; who may ask is
 * decided by the peer's uid (server.c). */
#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/pki/frame.h"
#include "services/signer/server.h"

#define BACKLOG 128
#define PASSWD_ROOM 16384
#define GROUPS_MAX 256

static enum chy_rc failed(struct chy_ctx *cx, const char *path, const char *what)
{
    return chy_fail(cx, &CHY_P_serverInternal, "%s: %s: %s", path, what, strerror(errno));
}

/* Whoever may write into the folder may put a signer of his own there. */
static enum chy_rc check_folder(struct chy_ctx *cx, const char *path)
{
    const char *folder = dirname(chy_fmt(cx, "%s", path));
    struct stat st;

    if (stat(folder, &st) != 0)
        return failed(cx, folder, "folder of the socket cannot be used");
    if ((st.st_mode & S_IWOTH) != 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: anybody may write into the socket's folder; chmod o-w", folder);
    return CHY_OK;
}

/* Remove the socket of a signer that is gone. */
static enum chy_rc clear_place(struct chy_ctx *cx, const char *path)
{
    chy_auto_fd int fd = -1;
    struct sockaddr_un to;
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ? CHY_OK : failed(cx, path, "cannot be looked at");
    if (!S_ISSOCK(st.st_mode))
        return chy_fail(cx, &CHY_P_serverInternal, "%s: is not a socket; move it away", path);
    fd = chy_frame_socket(path, &to);
    if (fd < 0)
        return failed(cx, path, "no socket");
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: another signer answers; stop it first",
                        path);
    if (errno != ECONNREFUSED)
        return failed(cx, path, "cannot be tried");
    if (unlink(path) != 0)
        return failed(cx, path, "old socket cannot be removed");
    return CHY_OK;
}

static int bind_private(int fd, const struct sockaddr_un *at)
{
    mode_t before = umask(0117); /* 0660 from the first moment */
    int rc = bind(fd, (const struct sockaddr *)at, sizeof *at);

    umask(before);
    return rc;
}

bool chy_signer_in_reach(uid_t uid, gid_t group)
{
    struct passwd pw, *found = NULL;
    gid_t groups[GROUPS_MAX];
    char room[PASSWD_ROOM];
    int n = GROUPS_MAX;

    if (uid == 0 || uid == geteuid())
        return true;
    if (getpwuid_r(uid, &pw, room, sizeof room, &found) != 0 || found == NULL ||
        getgrouplist(pw.pw_name, pw.pw_gid, groups, &n) < 0)
        return false;
    for (int i = 0; i < n; i++)
        if (groups[i] == group)
            return true;
    return false;
}

/* The socket has one group; clients of others get no further than its mode. */
static void warn_of_the_unreached(struct chy_ctx *cx, const char *path,
                                  const struct chy_ceilings *ceilings)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return;
    for (size_t i = 0; i < ceilings->n_clients; i++)
        if (!chy_signer_in_reach(ceilings->clients[i], st.st_gid))
            chy_log(cx, LOG_WARNING,
                    "%s: client user %u cannot reach it; make the user a member of group %u", path,
                    (unsigned)ceilings->clients[i], (unsigned)st.st_gid);
}

void chy_signer_unlisten(const char *path, const struct stat *mine)
{
    struct stat st;

    if (lstat(path, &st) == 0 && st.st_dev == mine->st_dev && st.st_ino == mine->st_ino)
        (void)unlink(path);
}

enum chy_rc chy_signer_listen(struct chy_ctx *cx, const char *path,
                              const struct chy_ceilings *ceilings, int *ret_fd)
{
    chy_auto_fd int fd = -1;
    struct sockaddr_un at;

    if (check_folder(cx, path) != CHY_OK || clear_place(cx, path) != CHY_OK)
        return CHY_ERR;
    fd = chy_frame_socket(path, &at);
    if (fd < 0 || bind_private(fd, &at) != 0 || listen(fd, BACKLOG) != 0)
        return failed(cx, path, "socket cannot be made");
    /* Without being a member of the clients' group only root can give it away. */
    if (ceilings->has_group && ceilings->group != getegid() &&
        chown(path, (uid_t)-1, ceilings->group) != 0)
        chy_log(cx, LOG_WARNING,
                "%s: cannot be given to group %u; make the signer's user a member of it, or its "
                "clients will not reach it",
                path, (unsigned)ceilings->group);
    warn_of_the_unreached(cx, path, ceilings);
    *ret_fd = fd;
    fd = -1;
    return CHY_OK;
}
