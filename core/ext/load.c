/* SPDX-License-Identifier: Apache-2.0 */
/* Modules as files: found, checked, opened.  A module is code with the process's own rights, so a
 * file that somebody else may write is refused before it is opened.  Nothing is ever reloaded: all
 * state is in the database and a restart is cheap. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ext/load.h"

#define REFUSE_FILE(cx, name, f, ...)                                                              \
    chy_fail((cx), &CHY_P_serverInternal, "module %s: " f, (name), ##__VA_ARGS__)

static enum chy_rc check_writers(struct chy_ctx *cx, const char *name, const char *path,
                                 const struct stat *st)
{
    bool root = geteuid() == 0;

    if (!root && st->st_uid != 0 && st->st_uid != geteuid())
        return REFUSE_FILE(cx, name,
                           "%s belongs to the user %lu, neither root nor this process's own; chown "
                           "it",
                           path, (unsigned long)st->st_uid);
    if ((st->st_mode & S_IWOTH) != 0)
        return REFUSE_FILE(cx, name, "%s may be written by everybody; chmod o-w it", path);
    if (root && (st->st_mode & S_IWGRP) != 0)
        return REFUSE_FILE(cx, name,
                           "%s may be written by its group while this process runs as root; chmod "
                           "g-w it",
                           path);
    if (root && st->st_uid != 0)
        return REFUSE_FILE(
            cx, name,
            "%s belongs to the user %lu while this process runs as root; chown it to "
            "root",
            path, (unsigned long)st->st_uid);
    return CHY_OK;
}

static enum chy_rc check_file(struct chy_ctx *cx, const char *name, const char *path)
{
    struct stat st;

    /* lstat: a symbolic link would lead out of the directory that was checked. */
    if (lstat(path, &st) != 0)
        return REFUSE_FILE(cx, name, "%s cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return REFUSE_FILE(cx, name, "%s is not a regular file; put the module itself there", path);
    return check_writers(cx, name, path, &st);
}

/* The symbol must be an object large enough to hold the protected fields: a function called
 * chy_module, or one integer, must not be read as a descriptor. */
static bool holds_head(const void *symbol)
{
    const ElfW(Sym) *entry = NULL;
    Dl_info info;

    if (dladdr1(symbol, &info, (void **)&entry, RTLD_DL_SYMENT) == 0 || entry == NULL)
        return false;
    return (entry->st_info & 0xf) == STT_OBJECT &&
           entry->st_size >= offsetof(struct chy_module, version) + sizeof(const char *);
}

static enum chy_rc read_descriptor(struct chy_ctx *cx, void *handle, const char *path,
                                   const char *name, const struct chy_module **ret)
{
    const struct chy_module *m = dlsym(handle, "chy_module");

    if (m == NULL)
        return REFUSE_FILE(cx, name,
                           "%s exports no symbol chy_module; it is no Chancery module, or its "
                           "descriptor is hidden",
                           path);
    if (!holds_head(m))
        return REFUSE_FILE(
            cx, name, "chy_module in %s is no descriptor; define it as const struct chy_module",
            path);
    if (chy_descriptor_check(cx, m, name) != CHY_OK)
        return CHY_ERR;
    *ret = m;
    return CHY_OK;
}

bool chy_module_dir_ok(const char *dir)
{
    struct stat st;

    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return false;
    if ((st.st_mode & S_IWOTH) != 0 || (geteuid() == 0 && (st.st_mode & S_IWGRP) != 0))
        return false;
    return st.st_uid == 0 || (geteuid() != 0 && st.st_uid == geteuid());
}

enum chy_rc chy_module_open(struct chy_ctx *cx, const char *path, const char *name, int mode,
                            void **ret_handle, const struct chy_module **ret)
{
    void *handle;

    if (check_file(cx, name, path) != CHY_OK)
        return CHY_ERR;
    handle = dlopen(path, mode | RTLD_LOCAL);
    if (handle == NULL)
        return REFUSE_FILE(cx, name, "cannot be loaded: %s; build it again", dlerror());
    if (read_descriptor(cx, handle, path, name, ret) != CHY_OK) {
        dlclose(handle);
        return CHY_ERR;
    }
    *ret_handle = handle;
    return CHY_OK;
}

static char *list_dirs(struct chy_ctx *cx, const char *const *dirs, size_t n)
{
    char *text = chy_fmt(cx, "%s", n > 0 ? dirs[0] : "no directory at all");

    for (size_t i = 1; i < n; i++)
        text = chy_fmt(cx, "%s, %s", text, dirs[i]);
    return text;
}

static enum chy_rc find_file(struct chy_ctx *cx, const char *const *dirs, size_t n_dirs,
                             const char *name, char **ret_path)
{
    struct stat st;

    if (!chy_module_name_ok(name))
        return REFUSE_FILE(cx, name,
                           "this is no module name; give a lower-case word of letters, digits and "
                           "'_', and put its directory in modules.directories");
    for (size_t i = 0; i < n_dirs; i++) {
        char *path = chy_fmt(cx, "%s/%s.so", dirs[i], name);

        if (lstat(path, &st) == 0) {
            *ret_path = path;
            return CHY_OK;
        }
        if (errno != ENOENT && errno != ENOTDIR)
            return REFUSE_FILE(cx, name, "%s cannot be read: %s", path, strerror(errno));
    }
    return REFUSE_FILE(
        cx, name, "there is no %s.so in %s; correct its name in modules.load, or install it there",
        name, list_dirs(cx, dirs, n_dirs));
}

static enum chy_rc open_named(struct chy_ctx *cx, struct chy_registry *r, const char *const *dirs,
                              size_t n_dirs, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++) {
        const struct chy_module *m;
        void *handle;
        char *path;

        if (find_file(cx, dirs, n_dirs, names[i], &path) != CHY_OK ||
            chy_module_open(cx, path, names[i], RTLD_NOW, &handle, &m) != CHY_OK)
            return CHY_ERR;
        chy_registry_add(r, m, handle);
    }
    return CHY_OK;
}

enum chy_rc chy_registry_load(struct chy_ctx *cx, const char *const *dirs, size_t n_dirs,
                              const char *const *names, size_t n_names, struct chy_registry **ret)
{
    struct chy_registry *r = chy_registry_new(n_names);

    if (open_named(cx, r, dirs, n_dirs, names, n_names) != CHY_OK ||
        chy_registry_accept(cx, r) != CHY_OK) {
        chy_registry_free(r);
        return CHY_ERR;
    }
    chy_installed_read(cx, r, dirs, n_dirs, names, n_names);
    if (chy_registry_start(cx, r) != CHY_OK) {
        chy_registry_free(r);
        return CHY_ERR;
    }
    *ret = r;
    return CHY_OK;
}
