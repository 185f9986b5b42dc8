/* SPDX-License-Identifier: Apache-2.0 */
/* The policy directory of a new installation: the installed sample with other names in it, and what
 * the modules that are loaded bring to it.
 *
 * The sample is valid policy by itself and speaks of names under chancery.example.  An item of a flow
 * list that does so becomes one item for each suffix; anywhere else the first suffix takes its place.
 * So nothing here knows what an identifier is. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/auto.h"
#include "core/base/file.h"
#include "core/base/problem.h"
#include "services/chancery/setup.h"

#define SAMPLE_SUFFIX "chancery.example"
#define SAMPLE_FILE_MAX 65536
#define SAMPLE_FILES_MAX 64

/* text[0..n) with the sample's suffix replaced. */
static char *replace(struct chy_ctx *cx, const char *text, size_t n, const char *suffix)
{
    char *copy = chy_fmt(cx, "%.*s", (int)n, text), *out = chy_fmt(cx, "%s", ""), *hit;

    while ((hit = strstr(copy, SAMPLE_SUFFIX)) != NULL) {
        out = chy_fmt(cx, "%s%.*s%s", out, (int)(hit - copy), copy, suffix);
        copy = hit + strlen(SAMPLE_SUFFIX);
    }
    return chy_fmt(cx, "%s%s", out, copy);
}

static bool mentions(const char *text, size_t n)
{
    return memmem(text, n, SAMPLE_SUFFIX, strlen(SAMPLE_SUFFIX)) != NULL;
}

/* The items between '[' and ']', n octets of them. */
static char *replace_list(struct chy_ctx *cx, const char *items, size_t n,
                          const struct chy_strings *suffixes)
{
    char *out = chy_fmt(cx, "%s", "");
    const char *end = items + n;

    for (const char *item = items; item <= end;) {
        const char *comma = memchr(item, ',', (size_t)(end - item));
        size_t item_n = (size_t)((comma != NULL ? comma : end) - item);
        size_t times = mentions(item, item_n) ? suffixes->n : 1;

        for (size_t i = 0; i < times; i++) {
            bool first = *out == '\0';

            while (!first && item_n > 0 && *item == ' ') {
                item++;
                item_n--;
            }
            out = chy_fmt(cx, "%s%s%s", out, first ? "" : ", ",
                          replace(cx, item, item_n, suffixes->v[i]));
        }
        if (comma == NULL)
            break;
        item = comma + 1;
    }
    return out;
}

static char *replace_line(struct chy_ctx *cx, const char *line, size_t n,
                          const struct chy_strings *suffixes)
{
    char *out = chy_fmt(cx, "%s", "");
    const char *end = line + n, *open, *close;

    while ((open = memchr(line, '[', (size_t)(end - line))) != NULL &&
           (close = memchr(open, ']', (size_t)(end - open))) != NULL) {
        out = chy_fmt(cx, "%s%s[%s]", out, replace(cx, line, (size_t)(open - line), suffixes->v[0]),
                      replace_list(cx, open + 1, (size_t)(close - open - 1), suffixes));
        line = close + 1;
    }
    return chy_fmt(cx, "%s%s", out, replace(cx, line, (size_t)(end - line), suffixes->v[0]));
}

static char *adapt(struct chy_ctx *cx, const char *text, const struct chy_strings *suffixes)
{
    char *out = chy_fmt(cx, "%s", "");

    if (suffixes->n == 0)
        return chy_fmt(cx, "%s", text);
    while (*text != '\0') {
        const char *newline = strchr(text, '\n');
        size_t n = newline != NULL ? (size_t)(newline - text) : strlen(text);

        out = chy_fmt(cx, "%s%s\n", out,
                      mentions(text, n) ? replace_line(cx, text, n, suffixes)
                                        : chy_fmt(cx, "%.*s", (int)n, text));
        text += n + (newline != NULL ? 1 : 0);
    }
    return out;
}

struct walk {
    struct chy_ctx *cx;
    const struct chy_setup *setup;
    struct chy_install *in;
    size_t n;
};

static bool is_policy(const char *name)
{
    size_t n = strlen(name);

    return n > 5 && strcmp(name + n - 5, ".yaml") == 0;
}

static bool belongs(const char *name)
{
    return is_policy(name) || strcmp(name, "README.md") == 0;
}

static enum chy_rc copy_file(struct walk *w, const char *from, const char *to)
{
    char *text;

    if (++w->n > SAMPLE_FILES_MAX)
        return chy_fail(w->cx, &CHY_P_serverInternal, "%s: more than %d files", from,
                        SAMPLE_FILES_MAX);
    if (chy_file_read(w->cx, from, SAMPLE_FILE_MAX, &text, NULL) != CHY_OK)
        return CHY_ERR;
    if (is_policy(to)) /* its README speaks of the sample itself */
        text = adapt(w->cx, text, &w->setup->suffixes);
    chy_install_file(w->in, to, text, 0644, NULL);
    return CHY_OK;
}

static enum chy_rc copy_dir(struct walk *w, const char *from, const char *to, unsigned depth)
{
    DIR *d = opendir(from);
    const struct dirent *e;
    enum chy_rc rc = CHY_OK;

    if (d == NULL)
        return chy_fail(w->cx, &CHY_P_serverInternal, "%s: the sample policy cannot be read", from);
    while (rc == CHY_OK && (e = readdir(d)) != NULL) {
        char *source = chy_fmt(w->cx, "%s/%s", from, e->d_name);
        char *target = chy_fmt(w->cx, "%s/%s", to, e->d_name);
        struct stat st;

        if (e->d_name[0] == '.' || stat(source, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth == 0)
            rc = copy_dir(w, source, target, depth + 1);
        else if (S_ISREG(st.st_mode) && belongs(e->d_name))
            rc = copy_file(w, source, target);
    }
    closedir(d);
    return rc;
}

/* A module's sample would be a mistake where the module is not loaded. */
static enum chy_rc copy_modules(struct walk *w, const char *to)
{
    for (size_t i = 0; i < w->setup->load.n; i++) {
        const char *sample = chy_layout_module_sample(w->cx, w->setup->load.v[i]);

        if (sample != NULL && copy_dir(w, sample, to, 0) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

enum chy_rc chy_setup_policy(struct chy_ctx *cx, const struct chy_setup *s,
                             const struct chy_layout *l, struct chy_install *in)
{
    const char *sample =
        s->policy_sample != NULL ? s->policy_sample : chy_layout_share(cx, "policy-sample");
    struct walk w = {cx, s, in, 0};

    if (sample == NULL)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "policy-sample: was not installed with this program; name it with "
                        "--policy-sample DIR");
    chy_install_tree(in, l->policy);
    if (copy_dir(&w, sample, l->policy, 0) != CHY_OK)
        return CHY_ERR;
    /* Somebody's own sample is taken as it is. */
    return s->policy_sample != NULL ? CHY_OK : copy_modules(&w, l->policy);
}
