/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of "chancery request": its own options and those that modules bring.  Modules come
 * from node.yaml where there is one; a machine that is a client only takes all that are installed. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/env.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/client/requests.h"
#include "core/ext/dispatch.h"
#include "services/chancery/commands.h"
#include "services/chancery/layout.h"
#include "services/chancery/request.h"

#define TABLE_MAX 160 /* options of all modules and our own */
#define MODULES_MAX 64
#define IDENTS_MAX 1000
#define WAIT_S 180
#define RECORD_MAX (1u << 20)

/* ---- modules ---- */

/* The value of an option before there is a table to read it with; the latest counts. */
static const char *value_of(int argc, char **argv, const char *name)
{
    const char *found = NULL;
    size_t n = strlen(name);

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0 && i + 1 < argc)
            found = argv[++i];
        else if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
            found = argv[i] + n + 1;
    }
    return found;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum chy_rc load_all_in(struct chy_ctx *cx, const char *dir)
{
    const char *names[MODULES_MAX];
    struct chy_node node = {.module_dirs = &dir, .n_module_dirs = 1, .modules = names};
    struct chy_registry *registry;
    struct dirent *e;
    DIR *d = opendir(dir);

    if (d == NULL)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: the directory of modules cannot be read: %s; --modules-dir names "
                        "another",
                        dir, strerror(errno));
    while ((e = readdir(d)) != NULL && node.n_modules < MODULES_MAX) {
        size_t n = strlen(e->d_name);

        if (n > 3 && strcmp(e->d_name + n - 3, ".so") == 0)
            names[node.n_modules++] = chy_arena_strndup(cx->arena, e->d_name, n - 3);
    }
    closedir(d);
    qsort(names, node.n_modules, sizeof *names, by_name);
    return chy_cli_modules(cx, &node, &registry);
}

/* Where a renewal was asked for first, if that was said; NULL otherwise.  What is wrong with the record
 * is said when it is read as a whole. */
static const char *recorded_node(struct chy_ctx *cx, const char *prefix)
{
    struct chy_ctx own = {.arena = cx->arena};
    const char *path = NULL;
    char *text;
    json_t *o;
    size_t n;

    if (prefix == NULL ||
        chy_file_read_trusted(&own, chy_fmt(cx, "%s.json", prefix), RECORD_MAX, &text, &n) !=
            CHY_OK ||
        chy_json_object(&own, "record", text, n, &o) != CHY_OK ||
        chy_json_opt_string(&own, o, "node", &path) != CHY_OK)
        return NULL;
    return path;
}

static enum chy_rc load(struct chy_ctx *cx, struct chy_wish *w, const char *node_path,
                        const char *modules_dir)
{
    const char *path = node_path != NULL ? node_path : chy_env_node_path(cx);
    struct chy_registry *registry;
    char absolute[PATH_MAX];
    struct chy_node *node;

    if (node_path == NULL && access(path, R_OK) != 0) {
        w->no_node = chy_fmt(cx, "%s: %s", path, strerror(errno));
    } else {
        if (chy_cli_node(cx, node_path, &node) != CHY_OK)
            return CHY_ERR;
        w->node = node;
        if (node_path != NULL && realpath(node_path, absolute) != NULL)
            w->node_path = chy_fmt(cx, "%s", absolute);
    }
    if (modules_dir == NULL && w->node != NULL)
        return chy_cli_modules(cx, w->node, &registry);
    return load_all_in(cx, modules_dir != NULL ? modules_dir : chy_layout_modules(cx));
}

/* ---- the table ---- */

/* What an option of a module is read into. */
struct slot {
    const struct chy_client_option *option;
    const struct chy_ident_type *ident; /* whose values these are; NULL: a solver's */
    struct chy_strings values;
    const char *value;
};
struct table {
    struct chy_option options[TABLE_MAX + 1];
    struct slot slots[TABLE_MAX];
    size_t n, n_slots, n_own;
};

static enum chy_rc add_option(struct chy_ctx *cx, struct table *t, const struct chy_module *m,
                              const struct chy_client_option *o, const struct chy_ident_type *ident)
{
    struct slot *s = &t->slots[t->n_slots];
    void *target = ident != NULL ? (void *)&s->values : (void *)&s->value;

    for (size_t i = 0; i < t->n_own; i++)
        if (strcmp(t->options[i].name, o->name) == 0)
            return chy_fail(cx, &CHY_P_serverInternal,
                            "module %s: its client option '%s' is the command's own; choose "
                            "another name",
                            m->name, o->name);
    if (t->n == TABLE_MAX)
        return chy_fail(cx, &CHY_P_serverInternal, "the modules have more than %d client options",
                        TABLE_MAX);
    *s = (struct slot){.option = o, .ident = ident};
    t->n_slots++;
    t->options[t->n++] = (struct chy_option){.name = o->name,
                                             .kind = ident != NULL ? CHY_O_LIST : CHY_O_TEXT,
                                             .value = o->value,
                                             .help = o->help,
                                             .target = target,
                                             .letter = o->letter};
    return CHY_OK;
}

static enum chy_rc add_module(struct chy_ctx *cx, struct table *t, const struct chy_module *m)
{
    for (size_t i = 0; m->ident_types != NULL && m->ident_types[i] != NULL; i++) {
        const struct chy_ident_type *type = m->ident_types[i];

        if (type->option != NULL && add_option(cx, t, m, type->option, type) != CHY_OK)
            return CHY_ERR;
    }
    for (size_t i = 0; m->solvers != NULL && m->solvers[i] != NULL; i++) {
        const struct chy_client_option *o = m->solvers[i]->options;

        for (; o != NULL && o->name != NULL; o++)
            if (add_option(cx, t, m, o, NULL) != CHY_OK)
                return CHY_ERR;
    }
    return CHY_OK;
}

static struct table *make_table(struct chy_ctx *cx, struct chy_wish *w,
                                struct chy_strings *identifiers, const char **ignored)
{
    const struct chy_option own[] = {
        {"server", CHY_O_TEXT, "URL", "the ACME directory; default: this installation's",
         &w->server},
        {"identifier", CHY_O_LIST, "TYPE:VALUE", "what the certificate is for, of any type",
         identifiers},
        {"profile", CHY_O_TEXT, "NAME", "a profile that the directory offers", &w->profile},
        {"key-type", CHY_O_TEXT, "KIND", CHY_CLIENT_KEY_KINDS "; default: the first", &w->key_type},
        {"out", CHY_O_TEXT, "PREFIX", "write PREFIX.pem, PREFIX.key and PREFIX.json", &w->out},
        {"account", CHY_O_TEXT, "FILE", "the account's key; made if it is not there", &w->account},
        {"agree", CHY_O_FLAG, NULL, "agree to the server's terms of service", &w->agree},
        {"contact", CHY_O_LIST, "URL", "mailto:you@example.org, for a new account", &w->contacts},
        {"eab-kid", CHY_O_TEXT, "ID", "external account: the key's id", &w->eab_kid},
        {"eab-key", CHY_O_TEXT, "FILE", "external account: the key, base64url", &w->eab_key},
        {"ca-file", CHY_O_TEXT, "PEM", "trust these roots for the server's TLS, and no others",
         &w->ca_file},
        {"renew", CHY_O_TEXT, "PREFIX", "the same again, if a third of its life or less is left",
         &w->renew},
        {"days", CHY_O_COUNT, "N", "with --renew: if N days or less are left", &w->days, 1, 36500},
        {"force", CHY_O_FLAG, NULL, "with --renew: now", &w->force},
        {"wait", CHY_O_COUNT, "SECONDS", "how long the server may take; default 180", &w->wait_s, 1,
         86400},
        {"json", CHY_O_FLAG, NULL, "say what happened as JSON", &w->json},
        {"node", CHY_O_TEXT, "FILE", "node.yaml of the local installation", ignored},
        {"modules-dir", CHY_O_TEXT, "DIR", "load the modules found there", ignored},
        {"allow-http", CHY_O_FLAG, NULL, "ask the server by plain http too: for tests",
         &w->allow_http},
    };
    struct table *t = chy_alloc(cx, sizeof *t);

    t->n = t->n_own = sizeof own / sizeof *own;
    memcpy(t->options, own, sizeof own);
    for (size_t i = 0; i < chy_registry_count(cx->registry); i++)
        if (add_module(cx, t, chy_registry_module(cx->registry, i)) != CHY_OK)
            return NULL;
    return t;
}

/* ---- what was given ---- */

static enum chy_rc add_ident(struct chy_ctx *cx, struct chy_wish *w, const char *type,
                             const char *value)
{
    json_t *object = chy_keep_json(cx, json_pack("{s:s, s:s}", "type", type, "value", value));
    struct chy_ident id;

    if (object == NULL)
        return chy_fail(cx, &CHY_P_malformed, "an identifier is no UTF-8");
    if (chy_ident_parse(cx, object, &id) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < w->n_idents; i++)
        if (strcmp(w->idents[i].type, id.type) == 0 && strcmp(w->idents[i].value, id.value) == 0)
            return CHY_OK;
    if (w->n_idents == IDENTS_MAX)
        return chy_fail(cx, &CHY_P_malformed, "more than %d identifiers", IDENTS_MAX);
    w->idents[w->n_idents++] = id;
    return CHY_OK;
}

static enum chy_rc take_idents(struct chy_ctx *cx, struct chy_wish *w, const struct table *t,
                               const struct chy_strings *identifiers)
{
    w->idents = chy_alloc(cx, IDENTS_MAX * sizeof *w->idents);
    for (size_t i = 0; i < t->n_slots; i++)
        for (size_t k = 0; t->slots[i].ident != NULL && k < t->slots[i].values.n; k++)
            if (add_ident(cx, w, t->slots[i].ident->name, t->slots[i].values.v[k]) != CHY_OK)
                return CHY_ERR;
    for (size_t i = 0; i < identifiers->n; i++) {
        const char *text = identifiers->v[i], *colon = strchr(text, ':');

        if (colon == NULL)
            return chy_fail(cx, &CHY_P_malformed, "--identifier %.80s: write TYPE:VALUE", text);
        if (add_ident(cx, w, chy_arena_strndup(cx->arena, text, (size_t)(colon - text)),
                      colon + 1) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

static enum chy_rc take_options(struct chy_ctx *cx, struct chy_wish *w, const struct table *t)
{
    w->options = chy_keep_json(cx, json_object());
    for (size_t i = 0; i < t->n_slots; i++) {
        const struct slot *s = &t->slots[i];

        if (s->ident == NULL && s->value != NULL &&
            json_object_set_new(w->options, s->option->name, json_string(s->value)) != 0)
            return chy_fail(cx, &CHY_P_malformed, "--%s: its value is no UTF-8", s->option->name);
    }
    return CHY_OK;
}

/* What cannot be meant. */
static const char *contradiction(struct chy_ctx *cx, const struct chy_wish *w)
{
    if (w->renew != NULL && w->n_idents > 0)
        return "--renew asks for what was asked before: leave the identifiers out";
    if (w->renew != NULL && w->out != NULL)
        return "--renew PREFIX and --out PREFIX are the same thing: give one of them";
    if (w->renew == NULL && (w->days != 0 || w->force))
        return "--days and --force belong to --renew PREFIX";
    if ((w->eab_kid == NULL) != (w->eab_key == NULL))
        return "--eab-kid and --eab-key belong together";
    if (w->renew != NULL || w->n_idents > 0)
        return NULL;
    for (size_t i = 0; i < chy_registry_count(cx->registry); i++) {
        const struct chy_module *m = chy_registry_module(cx->registry, i);

        for (size_t k = 0; m->ident_types != NULL && m->ident_types[k] != NULL; k++)
            if (m->ident_types[k]->option != NULL)
                return chy_fmt(cx, "say what the certificate is for: --%s %s",
                               m->ident_types[k]->option->name, m->ident_types[k]->option->value);
    }
    return "say what the certificate is for: --identifier TYPE:VALUE";
}

bool chy_request_options(struct chy_ctx *cx, int argc, char **argv, struct chy_wish *ret,
                         int *ret_code)
{
    struct chy_strings identifiers = {0};
    const char *node = value_of(argc, argv, "--node"), *ignored = NULL, *wrong;
    struct table *t = NULL;

    *ret = (struct chy_wish){.wait_s = WAIT_S};
    *ret_code = 1;
    if (node == NULL)
        node = recorded_node(cx, value_of(argc, argv, "--renew"));
    if (load(cx, ret, node, value_of(argc, argv, "--modules-dir")) == CHY_OK)
        t = make_table(cx, ret, &identifiers, &ignored);
    if (t == NULL) {
        *ret_code = chy_cli_refuse(cx, &chy_cmd_request);
        return false;
    }
    if (!chy_options_read(cx, &chy_cmd_request, t->options, argc, argv, ret_code))
        return false;
    if (take_idents(cx, ret, t, &identifiers) != CHY_OK || take_options(cx, ret, t) != CHY_OK)
        wrong = chy_cli_reason(cx);
    else
        wrong = contradiction(cx, ret);
    if (wrong == NULL)
        return true;
    fprintf(stderr, "chancery request: %s; see 'chancery request --help'\n", wrong);
    *ret_code = 2;
    return false;
}

/* ---- what was not given ---- */

static bool is_local(struct chy_ctx *cx, const struct chy_wish *w)
{
    return w->node != NULL && w->server != NULL &&
           strcmp(w->server, chy_fmt(cx, "%s/directory", w->node->base_url)) == 0;
}

/* text with everything but letters, digits and a few marks replaced: part of a file's name. */
static char *as_name(struct chy_ctx *cx, const char *text)
{
    char *name = chy_fmt(cx, "%.100s", text);

    for (char *p = name; *p != '\0'; p++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", *p) == NULL)
            *p = '_';
    return name[0] == '.' || name[0] == '-' ? chy_fmt(cx, "_%s", name) : name;
}

enum chy_rc chy_request_defaults(struct chy_ctx *cx, struct chy_wish *w)
{
    const char *value;

    if (w->server == NULL && w->node == NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "--server URL is needed: there is no installation here (%s)", w->no_node);
    if (w->server == NULL)
        w->server = chy_fmt(cx, "%s/directory", w->node->base_url);
    if (w->ca_file == NULL && is_local(cx, w))
        w->ca_file = chy_cli_root(cx, w->node);
    if (w->key_type == NULL)
        w->key_type = "ec-p256";
    if (w->account == NULL)
        w->account = chy_fmt(
            cx, "%s/chancery-accounts/%s.key", chy_env_xdg(cx, "XDG_CONFIG_HOME", "/.config"),
            as_name(cx, strstr(w->server, "//") != NULL ? strstr(w->server, "//") + 2 : w->server));
    if (w->out != NULL)
        return CHY_OK;
    value = w->idents[0].value;
    w->out = strncmp(value, "*.", 2) == 0 ? chy_fmt(cx, "wildcard.%s", as_name(cx, value + 2))
                                          : as_name(cx, value);
    return CHY_OK;
}

bool chy_request_selects(const struct chy_wish *w, const struct chy_solver *s)
{
    for (const struct chy_client_option *o = s->options; o != NULL && o->name != NULL; o++)
        if (o->selects && json_object_get(w->options, o->name) != NULL)
            return true;
    return false;
}

json_t *chy_request_solver_options(struct chy_ctx *cx, const struct chy_wish *w,
                                   const struct chy_solver *s)
{
    json_t *all = chy_keep_json(cx, json_object());

    for (const struct chy_client_option *o = s->options; o != NULL && o->name != NULL; o++) {
        json_t *given = json_object_get(w->options, o->name);
        json_t *local = o->local != NULL && is_local(cx, w)
                            ? json_object_get(w->node->validation, o->local)
                            : NULL;

        if (given != NULL)
            json_object_set(all, o->name, given);
        else if (json_is_integer(local))
            json_object_set_new(all, o->name,
                                json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(local)));
        else if (json_is_string(local))
            json_object_set(all, o->name, local);
        else if (o->dflt != NULL)
            json_object_set_new(all, o->name, json_string(o->dflt));
    }
    return all;
}
