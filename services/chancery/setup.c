/* SPDX-License-Identifier: Apache-2.0 */
/* What init was told, checked, and the two local files that say it: node.yaml and ceilings.yaml.
 * Every text goes through a YAML quotation; the loaders of these files have the last word. */
#include "services/chancery/setup.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "core/db/roles.h"
#include "core/pki/authority.h"

#define ROOT_ANCHOR "/usr/share/dns/root.key"
#define LOAD_ALL "default"
#define DEFAULT_KIND "ec-p256"
#define MODULES_MAX 64

char *chy_setup_url(struct chy_ctx *cx, const char *scheme, const char *host, unsigned port,
                    unsigned usual_port)
{
    bool six = strchr(host, ':') != NULL;
    char *name = chy_fmt(cx, "%s://%s%s%s", scheme, six ? "[" : "", host, six ? "]" : "");

    return port == usual_port ? name : chy_fmt(cx, "%s:%u", name, port);
}

/* ---- checks -------------------------------------------------------------- */

static bool is_address(const char *s)
{
    unsigned char b[16];

    return inet_pton(AF_INET, s, b) == 1 || inet_pton(AF_INET6, s, b) == 1;
}

static bool is_name(const char *s)
{
    size_t n = strlen(s);

    return n > 0 && n <= 253 && s[0] != '.' && s[0] != '-' && strstr(s, "..") == NULL &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == n;
}

static bool is_loopback(const char *s)
{
    return strcmp(s, "localhost") == 0 || strncmp(s, "127.", 4) == 0 || strcmp(s, "::1") == 0;
}

static bool is_number(const char *s, unsigned long min, unsigned long max)
{
    char *end;
    unsigned long n;

    if (*s < '0' || *s > '9' || strlen(s) > 9)
        return false;
    n = strtoul(s, &end, 10);
    return *end == '\0' && n >= min && n <= max;
}

static bool is_network(struct chy_ctx *cx, const char *s)
{
    char *copy = chy_fmt(cx, "%s", s), *slash = strchr(copy, '/');

    if (slash == NULL)
        return false;
    *slash = '\0';
    return is_address(copy) && is_number(slash + 1, 0, strchr(copy, ':') != NULL ? 128 : 32);
}

/* ZONE=ADDRESS@PORT */
static bool split_stub(struct chy_ctx *cx, const char *s, char **ret_zone, char **ret_address)
{
    char *copy = chy_fmt(cx, "%s", s), *equals = strchr(copy, '='), *at;

    if (equals == NULL)
        return false;
    *equals = '\0';
    *ret_zone = copy;
    *ret_address = chy_fmt(cx, "%s", equals + 1);
    at = strchr(equals + 1, '@');
    if (at == NULL)
        return is_name(copy) && is_address(equals + 1);
    *at = '\0';
    return is_name(copy) && is_address(equals + 1) && is_number(at + 1, 1, 65535);
}

static enum chy_rc check_names(struct chy_ctx *cx, struct chy_setup *s)
{
    if (s->host == NULL)
        s->host = "localhost";
    if (!is_name(s->host) && !is_address(s->host))
        return chy_fail(cx, &CHY_P_malformed,
                        "--host %s: is neither a name in lower case nor an address", s->host);
    if (s->listen == NULL)
        s->listen = is_loopback(s->host) ? "127.0.0.1" : "0.0.0.0";
    if (!is_address(s->listen))
        return chy_fail(cx, &CHY_P_malformed, "--listen %s: is not an IPv4 or IPv6 address",
                        s->listen);
    if (s->ca_name == NULL)
        s->ca_name = "Chancery CA";
    if (strlen(s->ca_name) > 48) /* " Issuing 1" follows, and a common name has 64 (RFC 5280) */
        return chy_fail(cx, &CHY_P_malformed, "--ca-name %s: is longer than 48 octets", s->ca_name);
    for (size_t i = 0; i < s->suffixes.n; i++) {
        const char **name = &s->suffixes.v[i];

        *name += strncmp(*name, "*.", 2) == 0 ? 2 : **name == '.' ? 1 : 0;
        if (!is_name(*name))
            return chy_fail(cx, &CHY_P_malformed,
                            "--dns-suffix %s: is not a domain name in lower case", *name);
    }
    return CHY_OK;
}

/* A root that is weaker than what it certifies would be the weakest link: the same kind unless told. */
static enum chy_rc check_kinds(struct chy_ctx *cx, struct chy_setup *s)
{
    if (s->issuer_kind == NULL)
        s->issuer_kind = DEFAULT_KIND;
    if (s->root_kind == NULL)
        s->root_kind = s->issuer_kind;
    if (!chy_authority_kind_known(s->issuer_kind))
        return chy_fail(cx, &CHY_P_malformed, "--issuer-key %s: is none of " CHY_AUTHORITY_KINDS,
                        s->issuer_kind);
    if (!chy_authority_kind_known(s->root_kind))
        return chy_fail(cx, &CHY_P_malformed, "--root-key %s: is none of " CHY_AUTHORITY_KINDS,
                        s->root_kind);
    return CHY_OK;
}

static enum chy_rc check_network(struct chy_ctx *cx, const struct chy_setup *s)
{
    char *zone, *address;

    if (s->port == s->public_port)
        return chy_fail(cx, &CHY_P_malformed,
                        "--public-port %u: is the port of the ACME listener too; choose another",
                        s->public_port);
    for (size_t i = 0; i < s->stubs.n; i++)
        if (!split_stub(cx, s->stubs.v[i], &zone, &address))
            return chy_fail(cx, &CHY_P_malformed,
                            "--stub %s: write ZONE=ADDRESS@PORT, as in "
                            "chancery.example=127.0.0.1@5353",
                            s->stubs.v[i]);
    for (size_t i = 0; i < s->allow.n; i++)
        if (!is_network(cx, s->allow.v[i]))
            return chy_fail(cx, &CHY_P_malformed,
                            "--allow-private %s: write a network, as in 127.0.0.0/8",
                            s->allow.v[i]);
    if ((s->database == NULL) != (s->owner_database == NULL))
        return chy_fail(cx, &CHY_P_malformed,
                        "--database and --owner-database: give both, or none for a private "
                        "PostgreSQL");
    if (s->database == NULL)
        return CHY_OK;
    if (chy_db_check_conninfo(cx, "--database", s->database) != CHY_OK)
        return CHY_ERR;
    return chy_db_check_conninfo(cx, "--owner-database", s->owner_database);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has(const struct chy_strings *list, const char *word)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i], word) == 0)
            return true;
    return false;
}

/* Add the name of every NAME.so in dir. */
static void find_modules(struct chy_ctx *cx, const char *dir, struct chy_strings *all)
{
    DIR *d = opendir(dir);
    const struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL && all->n < MODULES_MAX) {
        size_t n = strlen(e->d_name);
        char *name;

        if (n <= 3 || strcmp(e->d_name + n - 3, ".so") != 0 || e->d_name[0] == '.')
            continue;
        name = chy_fmt(cx, "%.*s", (int)(n - 3), e->d_name);
        if (!has(all, name))
            all->v[all->n++] = name;
    }
    if (d != NULL)
        closedir(d);
}

/* Those given, then the installed one; all absolute, for processes start in another directory. */
static enum chy_rc find_directories(struct chy_ctx *cx, struct chy_setup *s)
{
    struct chy_strings dirs = {chy_alloc(cx, (s->modules_dirs.n + 1) * sizeof *dirs.v), 0};
    char absolute[PATH_MAX];

    for (size_t i = 0; i < s->modules_dirs.n; i++) {
        if (realpath(s->modules_dirs.v[i], absolute) == NULL)
            return chy_fail(cx, &CHY_P_serverInternal, "--modules-dir %s: %s", s->modules_dirs.v[i],
                            strerror(errno));
        if (!has(&dirs, absolute))
            dirs.v[dirs.n++] = chy_fmt(cx, "%s", absolute);
    }
    if (realpath(chy_layout_modules(cx), absolute) != NULL && !has(&dirs, absolute))
        dirs.v[dirs.n++] = chy_fmt(cx, "%s", absolute);
    s->modules_dirs = dirs;
    return CHY_OK;
}

static enum chy_rc check_modules(struct chy_ctx *cx, struct chy_setup *s)
{
    struct chy_strings all = {chy_alloc(cx, MODULES_MAX * sizeof *all.v), 0};

    if (find_directories(cx, s) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < s->modules_dirs.n; i++)
        find_modules(cx, s->modules_dirs.v[i], &all);
    if (all.n == 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: there are no modules in it, and without one there is nothing to "
                        "certify; name another with --modules-dir DIR",
                        s->modules_dirs.n > 0 ? s->modules_dirs.v[0] : chy_layout_modules(cx));
    qsort(all.v, all.n, sizeof *all.v, by_name);
    if (s->load.n == 0 || (s->load.n == 1 && strcmp(s->load.v[0], LOAD_ALL) == 0)) {
        s->load = all;
        return CHY_OK;
    }
    for (size_t i = 0; i < s->load.n; i++)
        if (!has(&all, s->load.v[i]))
            return chy_fail(cx, &CHY_P_serverInternal,
                            "--load %s: there is no %s.so in %s; --load " LOAD_ALL
                            " takes all that are there",
                            s->load.v[i], s->load.v[i], s->modules_dirs.v[0]);
    return CHY_OK;
}

enum chy_rc chy_setup_check(struct chy_ctx *cx, struct chy_setup *s)
{
    if (check_names(cx, s) != CHY_OK || check_kinds(cx, s) != CHY_OK ||
        check_network(cx, s) != CHY_OK)
        return CHY_ERR;
    return check_modules(cx, s);
}

/* ---- texts --------------------------------------------------------------- */

/* A JSON string is a YAML double-quoted scalar. */
static char *quote(struct chy_ctx *cx, const char *s)
{
    chy_auto(json_t) *j = json_string(s);
    char *text = j != NULL ? json_dumps(j, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
    char *copy = chy_fmt(cx, "%s", text != NULL ? text : "\"\"");

    free(text);
    return copy;
}

static char *quote_list(struct chy_ctx *cx, const struct chy_strings *list)
{
    char *text = chy_fmt(cx, "[");

    for (size_t i = 0; i < list->n; i++)
        text = chy_fmt(cx, "%s%s%s", text, i > 0 ? ", " : "", quote(cx, list->v[i]));
    return chy_fmt(cx, "%s]", text);
}

static char *stub_list(struct chy_ctx *cx, const struct chy_strings *list)
{
    char *text = chy_fmt(cx, "["), *zone, *address;

    for (size_t i = 0; i < list->n; i++) {
        if (!split_stub(cx, list->v[i], &zone, &address))
            continue; /* refused by chy_setup_check */
        text = chy_fmt(cx, "%s%s{ zone: %s, address: %s }", text, i > 0 ? ", " : "",
                       quote(cx, zone), quote(cx, address));
    }
    return chy_fmt(cx, "%s]", text);
}

static char *database_text(struct chy_ctx *cx, const struct chy_setup *s)
{
    if (s->database == NULL)
        return chy_fmt(cx, "{ private: true }");
    return chy_fmt(cx, "{ services: %s, owner: %s }", quote(cx, s->database),
                   quote(cx, s->owner_database));
}

static char *validation_text(struct chy_ctx *cx, const struct chy_setup *s)
{
    /* A root anchor on a host that reaches only its own zones would make every query wait. */
    bool rooted = s->stubs.n == 0 && access(ROOT_ANCHOR, R_OK) == 0;
    bool local = false;

    for (size_t i = 0; i < s->stubs.n; i++)
        local = local || strstr(s->stubs.v[i], "=127.") != NULL ||
                strstr(s->stubs.v[i], "=::1") != NULL;
    return chy_fmt(cx,
                   "validation:\n"
                   "  resolver:\n"
                   "    stubs: %s\n"
                   "    trust-anchors: %s\n"
                   "%s"
                   "    query-localhost: %s\n"
                   "    timeout: 10s\n"
                   "  allow: %s          # private networks where names may be validated\n"
                   "  deny: []\n"
                   "  http-port: %u\n"
                   "  https-port: %u\n",
                   stub_list(cx, &s->stubs), quote_list(cx, &s->trust_anchors),
                   rooted ? "    root-anchor: " ROOT_ANCHOR "\n" : "", local ? "true" : "false",
                   quote_list(cx, &s->allow), s->http_port, s->https_port);
}

char *chy_setup_node(struct chy_ctx *cx, const struct chy_setup *s, const struct chy_layout *l)
{
    char *users = s->service_user == NULL
                      ? chy_fmt(cx, "# users: none; everything runs as the user who starts it\n")
                      : chy_fmt(cx, "users: { services: %s, signer: %s }\n",
                                quote(cx, s->service_user), quote(cx, s->signer_user));
    char *listeners = chy_fmt(cx,
                              "listeners:\n"
                              "  acme: { address: %s, port: %u, certificate: %s, key: %s }\n"
                              "  public: { address: %s, port: %u }\n",
                              quote(cx, s->listen), s->port, quote(cx, l->listener_pem),
                              quote(cx, l->listener_key), quote(cx, s->listen), s->public_port);
    char *places = chy_fmt(cx,
                           "data: %s\n"
                           "run: %s\n"
                           "logs: %s\n"
                           "policy: %s\n"
                           "database: %s\n"
                           "signer: { socket: %s, ceilings: %s, log: %s }\n",
                           quote(cx, l->data), quote(cx, l->run), quote(cx, l->logs),
                           quote(cx, l->policy), database_text(cx, s), quote(cx, l->signer_socket),
                           quote(cx, l->ceilings), quote(cx, l->signer_log));

    return chy_fmt(cx,
                   "# What this host's processes are told at start.  Restart them after a change:\n"
                   "# chancery down && chancery up\n"
                   "version: 1\n"
                   "base-url: %s\n"
                   "public-url: %s\n"
                   "%s%s%s"
                   "modules: { directories: %s, load: %s }\n"
                   "processes: { fronts: %u, workers: %u }\n"
                   "%s",
                   quote(cx, chy_setup_url(cx, "https", s->host, s->port, 443)),
                   quote(cx, chy_setup_url(cx, "http", s->host, s->public_port, 80)), listeners,
                   places, users, quote_list(cx, &s->modules_dirs), quote_list(cx, &s->load),
                   s->fronts, s->workers, validation_text(cx, s));
}

char *chy_setup_ceilings(struct chy_ctx *cx, const struct chy_setup *s, const struct chy_layout *l)
{
    char *clients = s->service_user == NULL
                        ? chy_fmt(cx, "# clients: none; only the signer's own user may ask\n")
                        : chy_fmt(cx, "clients: [%s]\n", quote(cx, s->service_user));

    return chy_fmt(
        cx,
        "# What chancery-signer will sign at most, whoever asks.  Policy can only be\n"
        "# narrower.  Restart the signer after a change.\n"
        "version: 1\n"
        "%s"
        "issuers:\n"
        "  web-1:\n"
        "    key: %s\n"
        "    certificate: %s\n"
        "    max-lifetime: 200d\n"
        "    keys: [ec-p256, ec-p384, ed25519, rsa-2048..8192]\n"
        "    # Names that may be signed: suffixes of DNS names, ranges of IP addresses.\n"
        "    # Without both, any name of any type; with one, nothing else.\n"
        "    # permitted-dns: [corp.example]\n"
        "    # permitted-ip: [10.0.0.0/8, \"fd00::/8\"]\n",
        clients, quote(cx, chy_fmt(cx, "file:%s", l->issuer_key)),
        quote(cx, chy_fmt(cx, "%s/issuers/web-1.pem", l->policy)));
}
