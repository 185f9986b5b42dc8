/* SPDX-License-Identifier: Apache-2.0 */
/* A node's issuers as the signer's own program sees them: the limits and keys are its business, and
 * its parser is the one that decides. */
#include "services/chancery/issuers.h"

#include <string.h>

#include "core/base/json.h"
#include "core/base/problem.h"
#include "services/chancery/layout.h"

#define ISSUERS_MAX 64 /* ceilings.yaml has no more */

static const char *text_of(const json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

static bool read_line(struct chy_ctx *cx, const char *line, struct chy_issuer_state *ret)
{
    struct chy_ctx own = {.arena = cx->arena};
    json_t *j;

    if (chy_json_object(&own, "signer", line, strlen(line), &j) != CHY_OK)
        return false;
    ret->name = text_of(j, "issuer");
    ret->key = text_of(j, "key");
    ret->certificate = text_of(j, "certificate");
    ret->error = text_of(j, "error");
    ret->max_lifetime_s = json_integer_value(json_object_get(j, "max-lifetime"));
    ret->not_after = (time_t)json_integer_value(json_object_get(j, "not-after"));
    return ret->name != NULL && ret->key != NULL && ret->certificate != NULL;
}

enum chy_rc chy_issuers_read(struct chy_ctx *cx, const struct chy_node *node, const char *libexec,
                             const struct chy_identity *who, struct chy_issuer_states *ret)
{
    const char *argv[] = {NULL, "--check", "--node", node->path, NULL};
    struct chy_issuer_states s = {chy_alloc(cx, ISSUERS_MAX * sizeof *s.v), 0};
    char *output, *line;
    int code;

    if (chy_layout_program(cx, libexec, "chancery-signer", &argv[0]) != CHY_OK ||
        chy_identity_read(cx, who, argv, &output, &code) != CHY_OK)
        return CHY_ERR;
    while ((line = strsep(&output, "\n")) != NULL && s.n < ISSUERS_MAX)
        if (read_line(cx, line, &s.v[s.n]))
            s.n++;
    if (s.n == 0) /* the program has said why */
        return chy_fail(
            cx, &CHY_P_serverInternal,
            "%s: the signer cannot use it (exit code %d); correct it, '%s --check --node "
            "%s' tells the mistakes",
            node->ceilings, code, argv[0], node->path);
    *ret = s;
    return CHY_OK;
}
