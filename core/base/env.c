/* SPDX-License-Identifier: Apache-2.0 */
/* The environment, read here and nowhere else, so that what a program listens to can be listed. */
#include "core/base/env.h"

#include <assert.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#define ENV_KEEP_MAX 32

const char *chy_env(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

static const char *home_directory(void)
{
    const char *home = chy_env("HOME");
    const struct passwd *pw;

    if (home != NULL && home[0] == '/')
        return home;
    pw = getpwuid(geteuid());
    return pw != NULL && pw->pw_dir[0] == '/' ? pw->pw_dir : "/nonexistent";
}

char *chy_env_xdg(struct chy_ctx *cx, const char *name, const char *below)
{
    const char *value = chy_env(name);

    if (value != NULL && value[0] == '/')
        return chy_fmt(cx, "%s", value);
    return chy_fmt(cx, "%s%s", home_directory(), below);
}

char *chy_env_node_path(struct chy_ctx *cx)
{
    if (geteuid() == 0)
        return chy_fmt(cx, "/etc/chancery/node.yaml");
    return chy_fmt(cx, "%s/chancery/node.yaml", chy_env_xdg(cx, "XDG_CONFIG_HOME", "/.config"));
}

void chy_env_keep(const char *const *names)
{
    const char *values[ENV_KEEP_MAX];
    size_t n;

    for (n = 0; names[n] != NULL; n++) {
        assert(n < ENV_KEEP_MAX);
        values[n] = getenv(names[n]);
    }
    environ = NULL; /* the strings themselves stay where they are */
    for (size_t i = 0; i < n; i++)
        if (values[i] != NULL)
            setenv(names[i], values[i], 1);
}

void chy_env_set(const char *name, const char *value)
{
    setenv(name, value, 1);
}
