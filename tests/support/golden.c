/* SPDX-License-Identifier: Apache-2.0 */
/* Golden files. */
#include "tests/support/golden.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/file.h"

char *golden_path(struct chy_ctx *cx, const char *name)
{
    static const char here[] = "support/golden.c";

    return chy_fmt(cx, "%.*svectors/%s", (int)(strlen(__FILE__) - strlen(here)), __FILE__, name);
}

char *golden_read(struct chy_ctx *cx, const char *name, size_t *ret_n)
{
    char *text = NULL;

    if (chy_file_read(cx, golden_path(cx, name), 4 * 1024 * 1024, &text, ret_n) != CHY_OK)
        fail_msg("%s", cx->problem.detail);
    return text;
}

void golden_compare(struct chy_ctx *cx, const char *name, const char *text)
{
    size_t n;
    const char *want;

    if (getenv("CHY_GOLDEN_WRITE") != NULL) {
        assert_int_equal(chy_file_write(cx, golden_path(cx, name), text, strlen(text), 0644),
                         CHY_OK);
        return;
    }
    want = golden_read(cx, name, &n);
    if (strcmp(want, text) != 0)
        fail_msg("%s differs.  Wanted:\n%s\nGot:\n%s", name, want, text);
}

void golden_each(struct chy_ctx *cx, const char *folder, const char *suffix,
                 void (*call)(struct chy_ctx *cx, const char *folder, const char *name))
{
    struct dirent **list;
    int n = scandir(golden_path(cx, folder), &list, NULL, alphasort), called = 0;

    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name;
        size_t stem = strlen(name) - strlen(suffix);

        if (strlen(name) > strlen(suffix) && strcmp(name + stem, suffix) == 0) {
            call(cx, folder, chy_fmt(cx, "%.*s", (int)stem, name));
            called++;
        }
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    assert_true(called > 0);
}
