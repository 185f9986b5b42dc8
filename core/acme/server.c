/* SPDX-License-Identifier: Apache-2.0 */
/* The server's parts that live as long as the process: making, readiness, policy reload. */
#include <stdlib.h>
#include <string.h>

#include "core/acme/request.h"
#include "core/base/log.h"
#include "core/base/problem.h"

enum chy_rc chy_server_new(struct chy_ctx *cx, const struct chy_node *node, struct chy_server **ret)
{
    struct chy_server *s = calloc(1, sizeof *s);
    const char *host = strstr(node->base_url, "://"), *path;

    if (s == NULL || pthread_mutex_init(&s->rules_lock, NULL) != 0)
        abort();
    s->node = node;
    s->cx.arena = chy_arena_new();
    path = host == NULL ? NULL : strchr(host + 3, '/');
    s->base_path = path == NULL ? "" : path;
    s->origin = path == NULL
                    ? node->base_url
                    : chy_fmt(&s->cx, "%.*s", (int)(path - node->base_url), node->base_url);
    if (chy_registry_load(cx, node->module_dirs, node->n_module_dirs, node->modules,
                          node->n_modules, &s->registry) != CHY_OK ||
        chy_rulebook_load(cx, s->node, s->registry, &s->rules) != CHY_OK) {
        chy_server_free(s);
        return CHY_ERR;
    }
    s->nonces = chy_nonces_new();
    s->keys = chy_keycache_new();
    *ret = s;
    return CHY_OK;
}

void chy_server_free(struct chy_server *s)
{
    if (s == NULL)
        return;
    chy_rulebook_drop(s->rules);
    chy_registry_free(s->registry);
    chy_nonces_free(s->nonces);
    chy_keycache_free(s->keys);
    chy_arena_free(s->cx.arena);
    pthread_mutex_destroy(&s->rules_lock);
    free(s);
}

enum chy_rc chy_server_ready(struct chy_ctx *cx, struct chy_server *s)
{
    struct chy_db *db = chy_db_new(s->node->database, "chancery-front-start");
    enum chy_rc rc = CHY_ERR;

    cx->db = db;
    if (chy_store_upkeep(cx) == CHY_OK && chy_nonces_reload(cx, s->nonces) == CHY_OK)
        rc = CHY_OK;
    cx->db = NULL;
    chy_db_free(db);
    return rc;
}

enum chy_rc chy_server_reload(struct chy_ctx *cx, struct chy_server *s)
{
    struct chy_rulebook *fresh, *old;

    if (chy_rulebook_load(cx, s->node, s->registry, &fresh) != CHY_OK)
        return CHY_ERR;
    pthread_mutex_lock(&s->rules_lock);
    old = s->rules;
    s->rules = fresh;
    pthread_mutex_unlock(&s->rules_lock);
    chy_rulebook_drop(old);
    chy_log(cx, LOG_NOTICE, "policy %s is in force",
            chy_policy_revision(chy_rulebook_policy(fresh)));
    return CHY_OK;
}
