/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: can every process reach what it needs? */
#include <string.h>
#include <sys/stat.h>

#include "core/base/problem.h"
#include "services/chancery/commands.h"
#include "services/chancery/doctor.h"
#include "services/chancery/layout.h"

static const char *parent_of(struct chy_ctx *cx, const char *path)
{
    return chy_fmt(cx, "%.*s", (int)(strrchr(path, '/') - path), path);
}

/* The command in "...; choose a place elsewhere, or 'chmod o+x DIR'"; NULL if there is none. */
static const char *quoted_command(struct chy_ctx *cx, const char *reason)
{
    const char *open = strstr(reason, "'chmod "),
               *close = open != NULL ? strrchr(open, '\'') : NULL;

    return close > open ? chy_fmt(cx, "%.*s", (int)(close - open - 1), open + 1) : NULL;
}

static bool reachable(struct chy_look *l, const char *user, const char *dir)
{
    struct chy_identity id;

    if (chy_identity_find(l->cx, user, &id) != CHY_OK) {
        chy_found_refusal(l, l->root ? CHY_D_FAIL : CHY_D_SKIP, NULL);
        return false;
    }
    if (chy_identity_reach(l->cx, &id, dir) == CHY_OK)
        return true;
    chy_found_refusal(l, CHY_D_FAIL, quoted_command(l->cx, chy_cli_reason(l->cx)));
    return false;
}

static bool services_reach(struct chy_look *l)
{
    const struct chy_node *n = l->node;
    const char *const dirs[] = {n->data_dir, n->run_dir, n->policy_dir,
                                parent_of(l->cx, n->acme.certificate)};

    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
        if (!reachable(l, n->service_user, dirs[i]))
            return false;
    for (size_t i = 0; i < n->n_module_dirs; i++)
        if (!reachable(l, n->service_user, n->module_dirs[i]))
            return false;
    return true;
}

static bool signer_reaches(struct chy_look *l)
{
    return reachable(l, l->node->signer_user, parent_of(l->cx, l->node->signer_socket)) &&
           reachable(l, l->node->signer_user, parent_of(l->cx, l->node->ceilings)) &&
           reachable(l, l->node->signer_user, parent_of(l->cx, l->node->signer_log));
}

void chy_look_places(struct chy_look *l)
{
    const char *front;

    if (chy_layout_program(l->cx, l->libexec, "chancery-front", &front) != CHY_OK) {
        chy_found_refusal(l, CHY_D_FAIL, NULL);
        return;
    }
    if (services_reach(l) && signer_reaches(l))
        chy_found(l, CHY_D_OK, NULL, "programs in %s; every process can reach its directories",
                  parent_of(l->cx, front));
}
