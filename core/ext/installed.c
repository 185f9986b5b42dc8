/* SPDX-License-Identifier: Apache-2.0 */
/* Modules that are installed but not loaded: what newOrder members would they own?  A client that
 * sends one of those expects a different certificate; it must be told, not ignored. */
#include <dirent.h>
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/ext/load.h"

#define FILES_MAX 1000 /* entries of a directory that are looked at */

static bool is_named(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

/* "dns.so" -> "dns"; NULL for what cannot be a module. */
static char *module_of(struct chy_ctx *cx, const char *file)
{
    size_t n = strlen(file);
    char *name;

    if (n <= 3 || strcmp(file + n - 3, ".so") != 0)
        return NULL;
    name = chy_fmt(cx, "%.*s", (int)(n - 3), file);
    return chy_module_name_ok(name) ? name : NULL;
}

static void remember(struct chy_registry *r, const struct chy_module *m)
{
    const struct chy_order_ext *x = m->order_ext;

    if (x == NULL || !x->changes_certificate)
        return;
    CHY_EACH(i, x->members)
    {
        if (chy_wire_name_ok(x->members[i]))
            chy_registry_add_absent(r, x->members[i], m->name);
    }
}

static void read_one(struct chy_ctx *cx, struct chy_registry *r, const char *path, const char *name)
{
    const struct chy_module *m;
    void *handle;

    if (chy_module_open(cx, path, name, RTLD_LAZY, &handle, &m) != CHY_OK) {
        chy_log(cx, LOG_WARNING,
                "not loaded, and its newOrder members cannot be told from unknown ones: %s",
                cx->problem.detail);
        chy_problem_clear(cx);
        return;
    }
    remember(r, m);
    dlclose(handle);
}

static void read_dir(struct chy_ctx *cx, struct chy_registry *r, DIR *d, const char *dir,
                     const char *const *names, size_t n_names)
{
    const struct dirent *e;

    for (unsigned n = 0; n < FILES_MAX && (e = readdir(d)) != NULL; n++) {
        const char *name = module_of(cx, e->d_name);

        if (name != NULL && !is_named(names, n_names, name))
            read_one(cx, r, chy_fmt(cx, "%s/%s", dir, e->d_name), name);
    }
}

void chy_installed_read(struct chy_ctx *cx, struct chy_registry *r, const char *const *dirs,
                        size_t n_dirs, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_dirs; i++) {
        DIR *d = opendir(dirs[i]);

        if (d == NULL)
            continue;
        if (!chy_module_dir_ok(dirs[i])) {
            chy_log(cx, LOG_WARNING,
                    "%s may be written by others: only modules that are named are looked at",
                    dirs[i]);
            closedir(d);
            continue;
        }
        read_dir(cx, r, d, dirs[i], names, n_names);
        closedir(d);
    }
}
