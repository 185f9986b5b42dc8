/* SPDX-License-Identifier: Apache-2.0 */
/* What to try next.  The text is a file (share/try-next), so that no client's options are in C:
 *     @DIRECTORY@ @ROOT@ @NAME@ @HTTP_PORT@ @NODE@ @CLIENT_DIR@ */
#include "services/chancery/next.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/env.h"
#include "core/base/file.h"
#include "core/base/problem.h"
#include "core/ext/registry.h"
#include "core/policy/policy.h"
#include "services/chancery/commands.h"
#include "services/chancery/layout.h"

#define TEXT_MAX 16384

/* The first text with a dot in it anywhere in a rule: a name that the profile allows, whatever the
 * rule's module calls its keys. */
static const char *first_name(const json_t *j, unsigned depth)
{
    const char *key, *found = NULL;
    json_t *v;
    size_t i;

    if (depth > 8)
        return NULL;
    if (json_is_string(j))
        return strchr(json_string_value(j), '.') != NULL ? json_string_value(j) : NULL;
    json_array_foreach(j, i, v) if (found == NULL) found = first_name(v, depth + 1);
    json_object_foreach((json_t *)j, key, v) if (found == NULL) found = first_name(v, depth + 1);
    return found;
}

/* A name to try, from the default profile; NULL if there is none to be found. */
static const char *name_to_try(struct chy_ctx *cx, const struct chy_node *node)
{
    struct chy_report *report = chy_report_new(cx);
    struct chy_registry *registry;
    struct chy_policy *policy;
    const char *profile, *name = NULL;

    if (chy_cli_drop(cx, node) != CHY_OK || chy_cli_modules(cx, node, &registry) != CHY_OK ||
        chy_policy_load(cx, node->policy_dir, chy_registry_policy_schema(registry), report,
                        &policy) != CHY_OK)
        return NULL;
    profile = json_string_value(
        json_object_get(chy_policy_get(policy, "", "chancery"), "default-profile"));
    if (profile != NULL)
        name = first_name(
            json_object_get(chy_policy_get(policy, "profiles", profile), "identifiers"), 0);
    if (name != NULL)
        name =
            strncmp(name, "*.", 2) == 0 ? chy_fmt(cx, "www.%s", name + 2) : chy_fmt(cx, "%s", name);
    chy_policy_drop(policy);
    return name;
}

static char *put(struct chy_ctx *cx, char *text, const char *mark, const char *value)
{
    char *hit;

    while ((hit = strstr(text, mark)) != NULL)
        text = chy_fmt(cx, "%.*s%s%s", (int)(hit - text), text, value, hit + strlen(mark));
    return text;
}

static char *fill(struct chy_ctx *cx, const struct chy_node *node, char *text, const char *name,
                  const char *home)
{
    json_t *port = json_object_get(node->validation, "http-port");

    text =
        put(cx, text, "@DIRECTORY@", chy_cli_word(cx, chy_fmt(cx, "%s/directory", node->base_url)));
    text = put(cx, text, "@ROOT@", chy_cli_word(cx, chy_cli_root(cx, node)));
    text = put(cx, text, "@NAME@", chy_cli_word(cx, name != NULL ? name : "www.example.org"));
    text = put(cx, text, "@HTTP_PORT@",
               chy_fmt(cx, "%d", port != NULL ? (int)json_integer_value(port) : 80));
    text = put(cx, text, "@NODE@", chy_cli_word(cx, node->path));
    return put(cx, text, "@CLIENT_DIR@", chy_cli_word(cx, home));
}

void chy_next_print(struct chy_ctx *cx, const struct chy_node *node)
{
    struct chy_ctx own = {.arena = cx->arena, .stage = CHY_STAGE_COMMAND};
    const char *path = chy_layout_share(cx, "try-next"), *name;
    const char *home = chy_fmt(cx, "%s/chancery-try", chy_env_xdg(cx, "XDG_CACHE_HOME", "/.cache"));
    char *text;

    printf("\nDirectory   %s/directory\n", node->base_url);
    printf("Root        %s   (trust it in your clients)\n", chy_cli_root(cx, node));
    if (path == NULL || chy_file_read(&own, path, TEXT_MAX, &text, NULL) != CHY_OK)
        return;
    name = name_to_try(&own, node);
    fputs(fill(cx, node, text, name, home), stdout);
}
