/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: who but its owner could read a key, or change what the signer may sign; is the signer apart? */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/problem.h"
#include "services/chancery/commands.h"
#include "services/chancery/doctor.h"

#define KEYS_MAX 1000

/* False if it is in order or cannot be seen: whether it has to be there, other checks say. */
static bool open_to(struct chy_look *l, const char *path, mode_t others, const char *what,
                    const char *mode)
{
    struct stat st;

    if (stat(path, &st) != 0 || (st.st_mode & others) == 0)
        return false;
    chy_found(l, CHY_D_FAIL, chy_fmt(l->cx, "chmod %s %s", mode, chy_cli_word(l->cx, path)),
              "%s: others than its owner may %s it (mode %04o)", path, what,
              (unsigned)(st.st_mode & 07777));
    return true;
}

static bool is_key(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && strcmp(name + n - 4, ".key") == 0;
}

/* Every key beside the listener's; what the ceilings name elsewhere is the issuer check's. */
static unsigned look_at_keys(struct chy_look *l, unsigned *ret_seen)
{
    const char *key = l->node->acme.key;
    const char *dir = chy_fmt(l->cx, "%.*s", (int)(strrchr(key, '/') - key), key);
    DIR *d = opendir(dir);
    const struct dirent *e;
    unsigned bad = open_to(l, key, S_IRWXG | S_IRWXO, "read", "600") ? 1 : 0;

    while (d != NULL && *ret_seen < KEYS_MAX && (e = readdir(d)) != NULL) {
        const char *path = chy_fmt(l->cx, "%s/%s", dir, e->d_name);

        if (!is_key(e->d_name))
            continue;
        ++*ret_seen;
        if (strcmp(path, key) != 0)
            bad += open_to(l, path, S_IRWXG | S_IRWXO, "read", "600");
    }
    if (d != NULL)
        closedir(d);
    return bad;
}

void chy_look_secrets(struct chy_look *l)
{
    unsigned seen = 0, bad = look_at_keys(l, &seen);

    bad += open_to(l, l->node->ceilings, S_IWGRP | S_IWOTH, "change", "go-w");
    bad += open_to(l, l->node->path, S_IWGRP | S_IWOTH, "change", "go-w");
    if (bad == 0 && seen == 0)
        chy_found(l, CHY_D_SKIP, NULL, "no key can be seen beside %s by who asks",
                  l->node->acme.key);
    else if (bad == 0)
        chy_found(l, CHY_D_OK, NULL,
                  "%u keys, limits and settings: readable and writable as they should be", seen);
}

void chy_look_separation(struct chy_look *l)
{
    const char *service = l->node->service_user, *signer = l->node->signer_user;

    if (service != NULL && signer != NULL && strcmp(service, signer) != 0) {
        chy_found(l, CHY_D_OK, NULL, "the signer runs as %s, apart from the services (%s)", signer,
                  service);
        return;
    }
    chy_found(l, CHY_D_WARN,
              chy_fmt(l->cx,
                      "%s: as root, users: { services: chancery, signer: chancery-signer }; root's "
                      "'chancery init' makes both",
                      chy_doctor_place(l->cx, l->node, "users")),
              "the signer's separation is off: it runs as the same user as the services, so that a "
              "service that was taken over could read its keys");
}
