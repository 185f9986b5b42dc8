/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of a policy tree: regular files with plain names in known folders, bounded in number
 * and size; nothing is followed out of the tree.  Does not look into the files. */
#include "core/policy/set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/auto.h"
#include "core/policy/read.h"
#include "core/policy/yaml_tree.h"

#define NAME_LONGEST 64 /* octets before .yaml */
#define PEM_MAX 65536
#define ENTRIES_MAX (2 * CHY_POLICY_FILES_MAX) /* of one folder, dotfiles included */

static inline void close_dir(DIR **d)
{
    if (*d != NULL)
        closedir(*d);
}

static void wrong(struct chy_policy_set *set, const char *path, const char *what)
{
    chy_report_error(set->report, path, 0, 0, NULL, "%s", what);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), end_n = strlen(end);

    return n > end_n && strcmp(s + n - end_n, end) == 0;
}

/* NAME of NAME.yaml, or NULL. */
static const char *document_name(struct chy_ctx *cx, const char *file)
{
    size_t n = strlen(file) - strlen(".yaml");

    if (!ends_with(file, ".yaml") || n > NAME_LONGEST || *file == '-' ||
        strspn(file, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
        return NULL;
    return chy_fmt(cx, "%.*s", (int)n, file);
}

static bool is_pem_name(const char *file)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    return ends_with(file, ".pem") && *file != '-' && strspn(file, allowed) == strlen(file);
}

static void add_file(struct chy_policy_set *set, const struct chy_policy_file *file)
{
    if (set->n == set->room) {
        struct chy_policy_file *old = set->files;

        set->room = set->room == 0 ? 64 : set->room * 2;
        set->files = chy_alloc(set->cx, set->room * sizeof *set->files);
        if (set->n > 0)
            memcpy(set->files, old, set->n * sizeof *set->files);
    }
    set->files[set->n++] = *file;
}

static void take_file(struct chy_policy_set *set, int dir, const char *entry,
                      struct chy_policy_file file)
{
    const char *why;
    char *text;

    if (set->octets > CHY_POLICY_OCTETS_MAX)
        return;
    if (set->n == CHY_POLICY_FILES_MAX) {
        wrong(set, file.path, "is one file too many; a policy has at most 10000");
        return;
    }
    why = chy_policy_read(set->cx, dir, entry, O_NOFOLLOW, file.pem ? PEM_MAX : CHY_YAML_SIZE_MAX,
                          &text, &file.n);
    if (why != NULL) {
        wrong(set, file.path, why);
        return;
    }
    set->octets += file.n;
    if (set->octets > CHY_POLICY_OCTETS_MAX) {
        wrong(set, file.path, "makes the policy larger than 64 MiB");
        return;
    }
    if (file.pem && memmem(text, file.n, "PRIVATE KEY-----", 16) != NULL)
        wrong(set, file.path, "holds a private key; policy holds certificates only");
    file.text = text;
    add_file(set, &file);
}

/* What stands in its way, or NULL for a regular file: said before the name is judged, because a link
 * or a folder with a good name is still wrong. */
static const char *wrong_kind(int dir, const char *entry)
{
    struct stat st;

    if (fstatat(dir, entry, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return "cannot be looked at";
    if (S_ISLNK(st.st_mode))
        return "is a symbolic link; policy holds regular files only";
    if (S_ISDIR(st.st_mode))
        return "is a directory; folders of policy hold files only";
    return S_ISREG(st.st_mode) ? NULL : "is not a regular file";
}

static bool is_ignored(const char *entry)
{
    return *entry == '.' || strcmp(entry, "README.md") == 0;
}

static void scan_entry(struct chy_policy_set *set, int dir, const char *kind, const char *entry)
{
    struct chy_policy_file file = {.path = chy_fmt(set->cx, "%s/%s", kind, entry), .kind = kind};
    const char *why = wrong_kind(dir, entry);

    if (why != NULL) {
        wrong(set, file.path, why);
        return;
    }
    file.name = document_name(set->cx, entry);
    if (file.name == NULL && strcmp(kind, CHY_KIND_ISSUER) == 0 && is_pem_name(entry)) {
        file.name = chy_arena_strdup(set->cx->arena, entry);
        file.pem = true;
    }
    if (file.name == NULL) {
        wrong(set, file.path,
              ends_with(entry, ".yml")
                  ? "is not read: policy files end in .yaml"
                  : "is not read: policy files are named NAME.yaml (a-z, 0-9 and '-', at most 64)");
        return;
    }
    take_file(set, dir, entry, file);
}

/* Calls for each entry that is not ignored. */
static void each_entry(struct chy_policy_set *set, int fd, const char *folder,
                       void (*call)(struct chy_policy_set *set, int dir, const char *folder,
                                    const char *entry))
{
    /* fdopendir owns its descriptor; the caller's stays for openat. */
    __attribute__((cleanup(close_dir))) DIR *d = NULL;
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent *e;

    if (own >= 0)
        d = fdopendir(own);
    if (d == NULL) {
        wrong(set, *folder == '\0' ? "." : folder, "cannot be read");
        return;
    }
    for (size_t seen = 0; (e = readdir(d)) != NULL; seen++) {
        if (seen == ENTRIES_MAX) {
            wrong(set, *folder == '\0' ? "." : folder, "has too many entries");
            return;
        }
        if (!is_ignored(e->d_name))
            call(set, fd, folder, e->d_name);
    }
}

static const char *const *kind_names(const struct chy_policy_set *set, size_t *ret_n)
{
    const struct chy_policy_kind *const *kinds = set->schema->kinds;
    const char **names;
    size_t n = 0;

    while (kinds != NULL && kinds[n] != NULL)
        n++;
    names = chy_alloc(set->cx, (n + 2) * sizeof *names);
    names[0] = CHY_KIND_ISSUER;
    names[1] = CHY_KIND_PROFILE;
    for (size_t i = 0; i < n; i++)
        names[i + 2] = kinds[i]->dir;
    *ret_n = n + 2;
    return names;
}

static void scan_folder(struct chy_policy_set *set, int root, const char *entry)
{
    chy_auto_fd int fd = openat(root, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    size_t n;
    const char *const *names = kind_names(set, &n);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], entry) != 0)
            continue;
        if (fd < 0)
            wrong(set, entry, chy_fmt(set->cx, "cannot be read: %s", strerror(errno)));
        else
            each_entry(set, fd, names[i], scan_entry);
        return;
    }
    wrong(set, entry,
          chy_fmt(set->cx, "is no kind of policy that is loaded%s",
                  chy_policy_hint(set->cx, entry, names, n)));
}

static void scan_top(struct chy_policy_set *set, int root, const char *folder, const char *entry)
{
    struct stat st;
    const char *why;

    (void)folder;
    if (fstatat(root, entry, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
        scan_folder(set, root, entry);
        return;
    }
    why = wrong_kind(root, entry);
    if (why != NULL)
        wrong(set, entry, why);
    else if (strcmp(entry, "chancery.yaml") == 0)
        take_file(
            set, root, entry,
            (struct chy_policy_file){.path = "chancery.yaml", .kind = "", .name = "chancery"});
    else
        wrong(set, entry, "is not read: at the top of a policy stands only chancery.yaml");
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct chy_policy_file *)a)->path,
                  ((const struct chy_policy_file *)b)->path);
}

bool chy_policy_scan(struct chy_policy_set *set, const char *dir)
{
    chy_auto_fd int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (root < 0) {
        chy_report_error(set->report, dir, 0, 0, NULL, "policy cannot be read: %s",
                         strerror(errno));
        return false;
    }
    each_entry(set, root, "", scan_top);
    if (set->n > 0)
        qsort(set->files, set->n, sizeof *set->files, compare_files);
    if (chy_policy_find(set, "chancery.yaml") == NULL)
        wrong(set, "chancery.yaml", "is missing; every policy has one");
    return true;
}

struct chy_policy_file *chy_policy_find(const struct chy_policy_set *set, const char *path)
{
    struct chy_policy_file key = {.path = path};

    if (set->n == 0)
        return NULL;
    return bsearch(&key, set->files, set->n, sizeof *set->files, compare_files);
}

const char *const *chy_policy_names(const struct chy_policy_set *set, const char *kind, bool pem,
                                    size_t *ret_n)
{
    const char **names = chy_alloc(set->cx, (set->n + 1) * sizeof *names);
    size_t n = 0;

    for (size_t i = 0; i < set->n; i++)
        if (set->files[i].pem == pem && strcmp(set->files[i].kind, kind) == 0)
            names[n++] = set->files[i].name;
    *ret_n = n;
    return names;
}
