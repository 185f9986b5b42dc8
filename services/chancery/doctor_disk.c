/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: is there room where things grow? */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "services/chancery/commands.h"
#include "services/chancery/doctor.h"

#define MIB (1024ull * 1024)

static const struct {
    enum chy_finding verdict;
    unsigned long long mib; /* less than that is free              */
    unsigned inodes;        /* or less than that many files can be made */
    const char *what;
} thresholds[] = {
    {CHY_D_FAIL, 200, 200, "PostgreSQL and the signer stop when nothing is left"},
    {CHY_D_WARN, 1024, 2000, "it fills up"},
};

static bool look_at(struct chy_look *l, const char *what, const char *dir)
{
    unsigned long long free_mib;
    struct statvfs fs;

    /* What is not made yet will lie on the disk of what is above it. */
    while (statvfs(dir, &fs) != 0) {
        const char *slash = strrchr(dir, '/');

        if (errno != ENOENT || slash == NULL || slash == dir) {
            chy_found(l, CHY_D_SKIP, NULL, "%s (%s): its disk cannot be seen: %s", dir, what,
                      strerror(errno));
            return false;
        }
        dir = chy_fmt(l->cx, "%.*s", (int)(slash - dir), dir);
    }
    free_mib = (unsigned long long)fs.f_bavail * fs.f_frsize / MIB;
    for (size_t i = 0; i < sizeof thresholds / sizeof thresholds[0]; i++) {
        bool few = fs.f_files > 0 && fs.f_favail < thresholds[i].inodes;

        if (free_mib >= thresholds[i].mib && !few)
            continue;
        chy_found(
            l, thresholds[i].verdict,
            chy_fmt(
                l->cx,
                "du -xh --max-depth=2 %s | sort -h   # make room: the last lines are the largest",
                chy_cli_word(l->cx, dir)),
            "%s (%s): %llu MiB and %llu files free: %s", dir, what, free_mib,
            (unsigned long long)fs.f_favail, thresholds[i].what);
        return false;
    }
    return true;
}

void chy_look_disk(struct chy_look *l)
{
    const struct chy_node *n = l->node;
    const char *log = n->signer_log;
    bool well = look_at(l, "data", n->data_dir);

    well = look_at(l, "logs", n->log_dir) && well;
    well = look_at(l, "log of signatures",
                   chy_fmt(l->cx, "%.*s", (int)(strrchr(log, '/') - log), log)) &&
           well;
    if (well)
        chy_found(l, CHY_D_OK, NULL, "room enough for data and logs (1 GiB or more)");
}
