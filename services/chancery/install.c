/* SPDX-License-Identifier: Apache-2.0 */
/* Putting an installation's files in place: all of them or none.
 *
 * The places are in several directories, perhaps on several file systems, so there is no single
 * rename that could do it: everything is written and synced under temporary names first, where all
 * that can go wrong goes wrong, and only then renamed; should a rename fail all the same, those done
 * are undone.  The caller adds last what makes it an installation (node.yaml).
 *
 * Keys are written here as root, so a directory must be nobody else's to change: see check_dir. */
#include "services/chancery/install.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/problem.h"

#define ENTRIES_MAX 128
#define ASIDE_MAX 1000 /* of one name in one second */

struct entry {
    enum { ENTRY_DIR, ENTRY_TREE, ENTRY_FILE } kind;
    const char *path;
    const char *staged; /* where it is made; NULL for DIR                    */
    bool inside;        /* of a tree: moves with it                          */
    const char *text;
    mode_t mode;
    const struct chy_identity *owner;
    bool made;
    const char *aside; /* where what was there before is now; NULL: nowhere */
    bool placed;
};

struct chy_install {
    struct chy_ctx *cx;
    struct entry entries[ENTRIES_MAX];
    size_t n;
};

struct chy_install *chy_install_new(struct chy_ctx *cx)
{
    struct chy_install *in = chy_alloc(cx, sizeof *in);

    in->cx = cx;
    return in;
}

static struct entry *add(struct chy_install *in, int kind, const char *path, mode_t mode)
{
    struct entry *e = &in->entries[in->n++];

    assert(in->n <= ENTRIES_MAX);
    e->kind = kind;
    e->path = path;
    e->mode = mode;
    return e;
}

void chy_install_dir(struct chy_install *in, const char *path, mode_t mode,
                     const struct chy_identity *owner)
{
    add(in, ENTRY_DIR, path, mode)->owner = owner;
}

void chy_install_tree(struct chy_install *in, const char *path)
{
    struct entry *e = add(in, ENTRY_TREE, path, 0755);

    e->staged = chy_fmt(in->cx, "%s.init", path);
}

/* The tree that path is in, or NULL. */
static const struct entry *tree_of(const struct chy_install *in, const char *path)
{
    for (size_t i = 0; i < in->n; i++) {
        const struct entry *e = &in->entries[i];
        size_t n = strlen(e->path);

        if (e->kind == ENTRY_TREE && strncmp(path, e->path, n) == 0 && path[n] == '/')
            return e;
    }
    return NULL;
}

void chy_install_file(struct chy_install *in, const char *path, const char *text, mode_t mode,
                      const struct chy_identity *owner)
{
    const struct entry *tree = tree_of(in, path);
    struct entry *e = add(in, ENTRY_FILE, path, mode);

    e->inside = tree != NULL;
    e->staged = tree != NULL ? chy_fmt(in->cx, "%s%s", tree->staged, path + strlen(tree->path))
                             : chy_fmt(in->cx, "%s.init", path);
    e->text = text;
    e->owner = owner;
}

const char *chy_install_existing(const struct chy_install *in)
{
    struct stat st;

    for (size_t i = 0; i < in->n; i++)
        if (in->entries[i].kind != ENTRY_DIR && lstat(in->entries[i].path, &st) == 0)
            return in->entries[i].path;
    return NULL;
}

static enum chy_rc give(struct chy_ctx *cx, const char *path, const struct chy_identity *owner)
{
    if (owner == NULL || !owner->change)
        return CHY_OK;
    if (lchown(path, owner->uid, owner->gid) != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be given to user %s: %s", path,
                        owner->name, strerror(errno));
    return CHY_OK;
}

/* Could another than root, ourselves and owner put something else at path, or into it if it is the
 * last?  A sticky directory lets nobody touch what is another's.  The group of a directory above was
 * chosen by its owner. */
static enum chy_rc check_component(struct chy_ctx *cx, const char *path, bool last,
                                   const struct chy_identity *owner)
{
    struct stat st;
    mode_t open_to;

    if (lstat(path, &st) != 0)
        return errno == ENOENT
                   ? CHY_OK
                   : chy_fail(cx, &CHY_P_serverInternal, "%s: %s", path, strerror(errno));
    if (st.st_uid != 0 && st.st_uid != geteuid() && (owner == NULL || st.st_uid != owner->uid))
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: belongs to user id %u, who could take what is put there; choose a "
                        "directory of your own",
                        path, (unsigned)st.st_uid);
    if (S_ISLNK(st.st_mode))
        return CHY_OK; /* its target is looked at too */
    if (!S_ISDIR(st.st_mode))
        return chy_fail(cx, &CHY_P_serverInternal, "%s: is not a directory", path);
    open_to = st.st_mode & (last ? S_IWGRP | S_IWOTH : st.st_mode & S_ISVTX ? 0 : S_IWOTH);
    if (open_to != 0)
        return chy_fail(
            cx, &CHY_P_serverInternal,
            "%s: others may write in it (mode %04o); 'chmod go-w %s', or choose another "
            "directory",
            path, (unsigned)(st.st_mode & 07777), path);
    return CHY_OK;
}

static enum chy_rc check_components(struct chy_ctx *cx, const char *path,
                                    const struct chy_identity *owner)
{
    char *copy = chy_fmt(cx, "%s", path);

    if (check_component(cx, "/", false, NULL) != CHY_OK)
        return CHY_ERR;
    for (char *p = copy + 1;; p++) {
        char c = *p;

        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (check_component(cx, copy, c == '\0', c == '\0' ? owner : NULL) != CHY_OK)
            return CHY_ERR;
        *p = c;
        if (c == '\0')
            return CHY_OK;
    }
}

/* As it is written, and where links lead. */
static enum chy_rc check_dir(struct chy_ctx *cx, const char *path, const struct chy_identity *owner)
{
    char resolved[PATH_MAX], *above = chy_fmt(cx, "%s", path);

    if (check_components(cx, path, owner) != CHY_OK)
        return CHY_ERR;
    if (realpath(path, resolved) != NULL)
        return check_components(cx, resolved, owner);
    while (strrchr(above, '/') > above) {
        *strrchr(above, '/') = '\0';
        if (realpath(above, resolved) == NULL)
            continue;
        /* With a last component that is not there: what exists is above the directory. */
        return check_components(cx, chy_fmt(cx, "%s/.new", resolved), NULL);
    }
    return CHY_OK;
}

enum chy_rc chy_install_check(struct chy_ctx *cx, const struct chy_install *in)
{
    for (size_t i = 0; i < in->n; i++) {
        const struct entry *e = &in->entries[i];

        if (e->kind == ENTRY_DIR && check_dir(cx, e->path, e->owner) != CHY_OK)
            return CHY_ERR;
        if (e->kind == ENTRY_TREE && check_dir(cx, e->staged, NULL) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

/* A directory and its parents.  One that is there keeps its mode and its owner: it may be shared
 * ("/var/lib"); one that another attempt left is as good as new. */
static enum chy_rc make_dir(struct chy_ctx *cx, struct entry *e, const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return CHY_OK;
    if (chy_file_mkdirs(cx, path, e->mode | 0700) != CHY_OK)
        return CHY_ERR;
    e->made = true;
    if (chmod(path, e->mode) != 0) /* whatever the umask is */
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be given its mode: %s", path,
                        strerror(errno));
    return give(cx, path, e->owner);
}

static enum chy_rc make_file(struct chy_ctx *cx, struct entry *e)
{
    const char *slash = strrchr(e->staged, '/');
    char *parent = chy_fmt(cx, "%.*s", (int)(slash - e->staged), e->staged);

    if (e->inside && (chy_file_mkdirs(cx, parent, 0755) != CHY_OK || chmod(parent, 0755) != 0))
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be made: %s", parent,
                        strerror(errno));
    if (chy_file_write(cx, e->staged, e->text, strlen(e->text), e->mode) != CHY_OK)
        return CHY_ERR;
    e->made = true;
    return give(cx, e->staged, e->owner);
}

static enum chy_rc make(struct chy_ctx *cx, struct entry *e)
{
    switch (e->kind) {
    case ENTRY_DIR:
        return make_dir(cx, e, e->path);
    case ENTRY_TREE:
        return make_dir(cx, e, e->staged);
    case ENTRY_FILE:
        return make_file(cx, e);
    }
    return CHY_ERR;
}

static void remove_parents(struct chy_ctx *cx, const char *staged)
{
    char *path = chy_fmt(cx, "%s", staged);

    *strrchr(path, '/') = '\0';
    rmdir(path); /* only if it is empty by now */
}

static void take_back(struct chy_ctx *cx, struct chy_install *in)
{
    for (size_t i = in->n; i-- > 0;) {
        struct entry *e = &in->entries[i];

        if (e->kind == ENTRY_FILE) {
            unlink(chy_fmt(cx, "%s.new", e->staged)); /* of chy_file_write */
            unlink(e->staged);
        }
        if (e->kind == ENTRY_FILE && e->inside)
            remove_parents(cx, e->staged);
        if (e->kind == ENTRY_TREE)
            rmdir(e->staged);
        if (e->kind == ENTRY_DIR && e->made)
            rmdir(e->path);
    }
}

static enum chy_rc sync_dir(struct chy_ctx *cx, const char *path)
{
    chy_auto_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be synced: %s", path,
                        strerror(errno));
    return CHY_OK;
}

static enum chy_rc sync_parent(struct chy_ctx *cx, const char *path)
{
    return sync_dir(cx, chy_fmt(cx, "%.*s", (int)(strrchr(path, '/') - path), path));
}

/* Without replacing what is at to.  Some file systems cannot promise that: there, as well as it can. */
static bool rename_new(const char *from, const char *to)
{
    struct stat st;

    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    if (lstat(to, &st) == 0) {
        errno = EEXIST;
        return false;
    }
    return rename(from, to) == 0;
}

/* A name that another replacement has used already, perhaps in the same second, is not used again. */
static enum chy_rc set_aside(struct chy_ctx *cx, struct entry *e, const char *when)
{
    const char *aside = chy_fmt(cx, "%s.replaced-%s", e->path, when);
    struct stat st;

    if (lstat(e->path, &st) != 0)
        return CHY_OK;
    for (unsigned i = 2; !rename_new(e->path, aside); i++) {
        if (errno != EEXIST || i > ASIDE_MAX)
            return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be set aside: %s", e->path,
                            strerror(errno));
        aside = chy_fmt(cx, "%s.replaced-%s-%u", e->path, when, i);
    }
    e->aside = aside;
    return CHY_OK;
}

static enum chy_rc put_in_place(struct chy_ctx *cx, struct entry *e, const char *when)
{
    if (set_aside(cx, e, when) != CHY_OK)
        return CHY_ERR;
    if (!rename_new(e->staged, e->path))
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be put in place: %s", e->path,
                        strerror(errno));
    e->placed = true;
    return sync_parent(cx, e->path);
}

/* Undo the renames, the last first.  What cannot be undone stays where its name tells what it was. */
static void put_back(struct chy_install *in)
{
    for (size_t i = in->n; i-- > 0;) {
        struct entry *e = &in->entries[i];

        if (e->placed && rename_new(e->path, e->staged))
            e->placed = false;
        if (e->aside != NULL && !e->placed && rename_new(e->aside, e->path))
            e->aside = NULL;
    }
}

/* What is made must be on the disk before a rename says that it is there. */
static enum chy_rc sync_made(struct chy_ctx *cx, const struct chy_install *in)
{
    for (size_t i = 0; i < in->n; i++) {
        const struct entry *e = &in->entries[i];

        if (e->kind == ENTRY_FILE
                ? sync_parent(cx, e->staged) != CHY_OK
                : sync_dir(cx, e->kind == ENTRY_TREE ? e->staged : e->path) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

enum chy_rc chy_install_commit(struct chy_ctx *cx, struct chy_install *in)
{
    char when[21];

    if (chy_install_check(cx, in) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < in->n; i++)
        if (make(cx, &in->entries[i]) != CHY_OK) {
            take_back(cx, in);
            return CHY_ERR;
        }
    if (sync_made(cx, in) != CHY_OK) {
        take_back(cx, in);
        return CHY_ERR;
    }
    chy_clock_rfc3339(chy_now(cx), when);
    for (size_t i = 0; i < in->n; i++) {
        struct entry *e = &in->entries[i];

        if (e->kind == ENTRY_DIR || e->inside)
            continue;
        if (put_in_place(cx, e, when) != CHY_OK) {
            put_back(in);
            take_back(cx, in);
            return CHY_ERR;
        }
    }
    return CHY_OK;
}
