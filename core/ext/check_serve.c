/* SPDX-License-Identifier: Apache-2.0 */
/* A module's routes, jobs and commands: what core will call by itself.  Paths that core answers are
 * reserved by their first segment, so that no module can stand before the protocol. */
#include <string.h>

#include "core/ext/tables.h"

#define BODY_MAX (1u << 20)
#define AUTH_SERVED (CHY_AUTH_NONE | CHY_AUTH_JWS)
#define LISTEN_SERVED (CHY_LISTEN_ACME | CHY_LISTEN_PUBLIC)

static const char *const reserved[] = {
    "directory",     "new-nonce", "new-account", "new-order", "new-authz",   "revoke-cert",
    "key-change",    "account",   "accounts",    "order",     "orders",      "authz",
    "authorization", "chall",     "challenge",   "cert",      "certificate", "renewal-info",
    "crl",           "crls",      "ca",          "issuer",    "issuers",     "ocsp",
    "health",        "healthz",   "ready",       "readyz",    "live",        "metrics",
    "terms",         "status",
};

/* Length of the segment that begins at s, which stands after a '/'. */
static size_t segment(const char *s)
{
    return strcspn(s, "/");
}

static bool is_variable(const char *s)
{
    return s[0] == '{';
}

static bool path_ok(const char *path)
{
    const char *s = path;

    if (path == NULL || path[0] != '/' || strlen(path) > 256)
        return false;
    while (*s == '/') {
        size_t n = segment(++s);
        bool variable = n > 2 && s[0] == '{' && s[n - 1] == '}';
        const char *name = variable ? s + 1 : s;
        size_t len = variable ? n - 2 : n;

        if (len == 0 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-_.~") < len)
            return false;
        s += n;
    }
    return strstr(path, "/./") == NULL && strstr(path, "/../") == NULL;
}

static bool path_reserved(const char *path)
{
    size_t n = segment(path + 1);

    if (is_variable(path + 1))
        return true;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (strlen(reserved[i]) == n && strncmp(path + 1, reserved[i], n) == 0)
            return true;
    }
    return false;
}

static bool has_method(const char *methods, const char *method, size_t n)
{
    for (const char *p = methods; *p != '\0';) {
        size_t len = strcspn(p, " ");

        if (len == n && strncmp(p, method, n) == 0)
            return true;
        p += len + strspn(p + len, " ");
    }
    return false;
}

static bool methods_ok(const char *methods)
{
    if (methods == NULL || methods[0] == '\0' || methods[0] == ' ')
        return false;
    for (const char *p = methods; *p != '\0';) {
        size_t len = strcspn(p, " ");

        if (!has_method("GET HEAD POST", p, len))
            return false;
        p += len + strspn(p + len, " ");
    }
    return true;
}

bool chy_routes_overlap(const struct chy_route *a, const struct chy_route *b)
{
    const char *p = a->path, *q = b->path;

    /* Whatever their methods: a path has one answer to a method that is not allowed. */
    if ((a->listeners & b->listeners) == 0)
        return false;
    while (*p == '/' && *q == '/') {
        size_t n = segment(++p), k = segment(++q);

        if (!is_variable(p) && !is_variable(q) && (n != k || strncmp(p, q, n) != 0))
            return false;
        p += n;
        q += k;
    }
    return *p == '\0' && *q == '\0';
}

/* Who may ask, and where.  What no front checks yet must not be promised: such a route would stand
 * open. */
static enum chy_rc check_access(struct chy_ctx *cx, const struct chy_module *m,
                                const struct chy_route *r)
{
    if (r->auth == 0)
        return CHY_REFUSE(cx, m, "route %s does not say auth; it has no default, set it", r->path);
    if (r->listeners == 0)
        return CHY_REFUSE(cx, m, "route %s does not say listeners; it has no default, set it",
                          r->path);
    if ((r->listeners & CHY_LISTEN_PUBLIC) != 0 && r->auth != CHY_AUTH_NONE)
        return CHY_REFUSE(cx, m,
                          "route %s asks for credentials on the plain HTTP listener; use another "
                          "listener or auth NONE",
                          r->path);
    if ((r->auth & ~AUTH_SERVED) != 0 || (r->listeners & ~LISTEN_SERVED) != 0)
        return CHY_REFUSE(
            cx, m,
            "route %s asks for an auth or a listener that this version does not serve "
            "yet; it serves NONE and JWS, on ACME and PUBLIC",
            r->path);
    if (r->auth == CHY_AUTH_JWS && strcmp(r->methods, "POST") != 0)
        return CHY_REFUSE(cx, m,
                          "route %s has auth JWS and methods '%s'; a signed request is a POST (RFC "
                          "8555 section 6.2), say POST alone or add auth NONE",
                          r->path, r->methods);
    return CHY_OK;
}

static enum chy_rc check_route(struct chy_ctx *cx, const struct chy_module *m,
                               const struct chy_route *r)
{
    if (!path_ok(r->path))
        return CHY_REFUSE(cx, m,
                          "route '%s' is not a path of plain or {variable} segments; correct it",
                          r->path != NULL ? r->path : "");
    if (path_reserved(r->path))
        return CHY_REFUSE(cx, m,
                          "route %s begins like core's own paths; begin it with a segment of the "
                          "module's own",
                          r->path);
    if (!methods_ok(r->methods))
        return CHY_REFUSE(cx, m,
                          "route %s has the methods '%s'; name some of GET HEAD POST, "
                          "one space between",
                          r->path, r->methods != NULL ? r->methods : "");
    if (check_access(cx, m, r) != CHY_OK)
        return CHY_ERR;
    if (r->max_body > BODY_MAX)
        return CHY_REFUSE(cx, m, "route %s takes bodies of %u octets; at most %u are read", r->path,
                          r->max_body, BODY_MAX);
    if (r->handle == NULL)
        return CHY_REFUSE(cx, m, "route %s has no function handle; it is required, write it",
                          r->path);
    return CHY_OK;
}

static enum chy_rc check_job(struct chy_ctx *cx, const struct chy_module *m,
                             const struct chy_job *j)
{
    if (!chy_wire_name_ok(j->name))
        return CHY_REFUSE(cx, m, "job with the unusable name '%s'; correct it",
                          j->name != NULL ? j->name : "");
    if (j->period_s == 0 || j->batch == 0)
        return CHY_REFUSE(cx, m, "job %s does not say %s; it has no default, set it", j->name,
                          j->period_s == 0 ? "period_s" : "batch");
    if (j->run == NULL)
        return CHY_REFUSE(cx, m, "job %s has no function run; it is required, write it", j->name);
    return CHY_OK;
}

static enum chy_rc check_command(struct chy_ctx *cx, const struct chy_module *m,
                                 const struct chy_command *c)
{
    if (!chy_wire_name_ok(c->name))
        return CHY_REFUSE(cx, m, "command with the unusable name '%s'; correct it",
                          c->name != NULL ? c->name : "");
    if (c->help == NULL || c->help[0] == '\0' || strchr(c->help, '\n') != NULL)
        return CHY_REFUSE(cx, m, "command %s has no help of one line; write it", c->name);
    if (c->run == NULL)
        return CHY_REFUSE(cx, m, "command %s has no function run; it is required, write it",
                          c->name);
    return CHY_OK;
}

enum chy_rc chy_check_serve(struct chy_ctx *cx, const struct chy_module *m)
{
    CHY_EACH(i, m->routes)
    {
        if (check_route(cx, m, m->routes[i]) != CHY_OK)
            return CHY_ERR;
    }
    CHY_EACH(i, m->jobs)
    {
        if (check_job(cx, m, m->jobs[i]) != CHY_OK)
            return CHY_ERR;
    }
    CHY_EACH(i, m->commands)
    {
        if (check_command(cx, m, m->commands[i]) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}
