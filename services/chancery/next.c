/* SPDX-License-Identifier: Apache-2.0 */
/* What to try next.  The text is a file (share/try-next), so that no client's options are in C:
 *     @DIRECTORY@ @ROOT@ @NAME@ @HTTP_PORT@ @NODE@ @CLIENT_DIR@
 * A line with @NAME@ is shown only if a client on this host could prove that name now. */
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
#include "services/chancery/trial.h"

#define TEXT_MAX 16384
#define NAME_MARK "@NAME@"

/* The name that the default profile gives for this; NULL, and *ret_why, if there is none that works. */
static const char *name_to_try(struct chy_ctx *cx, const struct chy_node *node,
                               const char **ret_why)
{
    struct chy_report *report = chy_report_new(cx);
    bool privileged = geteuid() == 0; /* the client will be who we are now */
    struct chy_registry *registry;
    struct chy_policy *policy;
    const char *profile, *name;

    *ret_why = NULL;
    if (chy_cli_drop(cx, node) != CHY_OK || chy_cli_modules(cx, node, &registry) != CHY_OK ||
        chy_policy_load(cx, node->policy_dir, chy_registry_policy_schema(registry), report,
                        &policy) != CHY_OK)
        return NULL;
    profile = json_string_value(
        json_object_get(chy_policy_get(policy, "", "chancery"), "default-profile"));
    name =
        json_string_value(json_object_get(chy_policy_get(policy, "profiles", profile), "example"));
    name = name != NULL ? chy_fmt(cx, "%s", name) : NULL;
    *ret_why = name != NULL
                   ? chy_trial_obstacle(cx, node, name, privileged)
                   : chy_fmt(cx, "a name to try: say it as example: in %s/profiles/%s.yaml",
                             node->policy_dir, profile);
    chy_policy_drop(policy);
    return *ret_why == NULL ? name : NULL;
}

static char *put(struct chy_ctx *cx, char *text, const char *mark, const char *value)
{
    char *hit;

    while ((hit = strstr(text, mark)) != NULL)
        text = chy_fmt(cx, "%.*s%s%s", (int)(hit - text), text, value, hit + strlen(mark));
    return text;
}

static char *fill(struct chy_ctx *cx, const struct chy_node *node, char *text, const char *name)
{
    const char *home = chy_fmt(cx, "%s/chancery-try", chy_env_xdg(cx, "XDG_CACHE_HOME", "/.cache"));
    json_t *port = json_object_get(node->validation, "http-port");

    text =
        put(cx, text, "@DIRECTORY@", chy_cli_word(cx, chy_fmt(cx, "%s/directory", node->base_url)));
    text = put(cx, text, "@ROOT@", chy_cli_word(cx, chy_cli_root(cx, node)));
    text = put(cx, text, NAME_MARK, name != NULL ? chy_cli_word(cx, name) : "");
    text = put(cx, text, "@HTTP_PORT@",
               chy_fmt(cx, "%d", port != NULL ? (int)json_integer_value(port) : 80));
    text = put(cx, text, "@NODE@", chy_cli_word(cx, node->path));
    return put(cx, text, "@CLIENT_DIR@", chy_cli_word(cx, home));
}

/* One command a line; those that need a name are left out where there is none. */
static void print_commands(struct chy_ctx *cx, const struct chy_node *node, char *text,
                           const char *name)
{
    const char *label = "Try next";
    char *rest = text, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        if (*line == '\0' || (name == NULL && strstr(line, NAME_MARK) != NULL))
            continue;
        printf("%-10s  %s\n", label, fill(cx, node, line, name));
        label = "";
    }
}

void chy_next_print(struct chy_ctx *cx, const struct chy_node *node)
{
    struct chy_ctx own = {.arena = cx->arena, .stage = CHY_STAGE_COMMAND};
    const char *path = chy_layout_share(cx, "try-next"), *name, *why;
    char *text;

    printf("\nDirectory   %s/directory\n", node->base_url);
    printf("Root        %s   (trust it in your clients)\n", chy_cli_root(cx, node));
    fflush(stdout); /* what follows may ask a name server that does not answer */
    if (path == NULL || chy_file_read(&own, path, TEXT_MAX, &text, NULL) != CHY_OK)
        return;
    name = name_to_try(&own, node, &why);
    if (why != NULL)
        printf("To certify  you need %s\n", why);
    print_commands(cx, node, text, name);
}
