/* SPDX-License-Identifier: Apache-2.0 */
/* Finds tests/vectors by the place of this file. */
#include "tests/support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *vectors_load(struct chy_ctx *cx, const char *name)
{
    static const char here[] = "support/vectors.c";
    char *path =
        chy_fmt(cx, "%.*svectors/%s", (int)(strlen(__FILE__) - strlen(here)), __FILE__, name);
    json_error_t err;
    json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, &err);

    if (j == NULL) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        abort();
    }
    return chy_keep_json(cx, j);
}
