/* SPDX-License-Identifier: Apache-2.0 */
/* Reads node.yaml: the table of its keys, then what the table cannot say (paths are absolute, addresses
 * numeric, URLs plain).  Opens nothing that the file names. */
#include "core/policy/node.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"
#include "core/policy/items.h"
#include "core/policy/read.h"
#include "core/policy/yaml_tree.h"

#define SOCKET_MAX 107 /* octets of a unix socket's path (sockaddr_un) */
#define POSTGRES_SOCKET "/pg/.s.PGSQL.5432"

#define WORD(key, what) CHY_ITEM_TEXT(key, 4096, what)

static const struct chy_policy_item word = {WORD(NULL, NULL)};

#define PROXY_FROM                                                                                 \
    CHY_ITEM_LIST("proxy-from", &word, 0, 1000,                                                    \
                  "Prefixes of load balancers that begin each connection with a PROXY header, "    \
                  "version 2."),                                                                   \
        CHY_DEFAULT("[]")

static const struct chy_policy_item acme_items[] = {
    {WORD("address", "Numeric address to listen on."), CHY_REQUIRED},
    {CHY_ITEM_INT("port", 1, 65535, "TCP port."), CHY_REQUIRED},
    {WORD("certificate", "PEM file of the listener's certificate and its chain."), CHY_REQUIRED},
    {WORD("key", "PEM file of the listener's key."), CHY_REQUIRED},
    {PROXY_FROM},
    {NULL},
};
static const struct chy_policy_item public_items[] = {
    {WORD("address", "Numeric address to listen on."), CHY_REQUIRED},
    {CHY_ITEM_INT("port", 1, 65535, "TCP port."), CHY_REQUIRED},
    {PROXY_FROM},
    {NULL},
};
static const struct chy_policy_item listener_items[] = {
    {CHY_ITEM_OBJECT("acme", acme_items, "HTTPS: the ACME server."), CHY_REQUIRED},
    {CHY_ITEM_OBJECT("public", public_items, "Plain HTTP: CRLs and issuing certificates.")},
    {NULL},
};
static const struct chy_policy_item database_items[] = {
    {CHY_ITEM_BOOL("private", "Run a PostgreSQL cluster of our own under the data directory."),
     CHY_DEFAULT("false")},
    {WORD("services", "libpq connection string of fronts and workers.")},
    {WORD("owner", "libpq connection string of the schema's owner, for migrations.")},
    {NULL},
};
static const struct chy_policy_item signer_items[] = {
    {WORD("socket", "Unix socket of the signer."), CHY_REQUIRED},
    {WORD("ceilings", "The signer's own limits, never read from git."), CHY_REQUIRED},
    {WORD("log", "Append-only log of signatures."), CHY_REQUIRED},
    {NULL},
};
static const struct chy_policy_item user_items[] = {
    {WORD("services", "System user of all processes but the signer."), CHY_REQUIRED},
    {WORD("signer", "System user of the signer."), CHY_REQUIRED},
    {NULL},
};
static const struct chy_policy_item module_items[] = {
    {CHY_ITEM_LIST("directories", &word, 0, 1000, "Where modules are, searched in order."),
     CHY_REQUIRED},
    {CHY_ITEM_LIST("load", &word, 0, 1000, "Names of the modules to load."), CHY_REQUIRED},
    {NULL},
};
static const struct chy_policy_item process_items[] = {
    {CHY_ITEM_INT("fronts", 1, 64, "Fronts that 'up' starts."), CHY_DEFAULT("1")},
    {CHY_ITEM_INT("workers", 1, 64, "Workers that 'up' starts."), CHY_DEFAULT("1")},
    {NULL},
};
static const struct chy_policy_item thread_items[] = {
    {CHY_ITEM_INT("io", 1, 64, "Threads of a front that talk to clients."), CHY_DEFAULT("1")},
    {CHY_ITEM_INT("requests", 1, 256, "Threads of a front that answer, one connection each."),
     CHY_DEFAULT("4")},
    {CHY_ITEM_INT("validations", 1, 512, "Threads of a worker that validate."), CHY_DEFAULT("8")},
    {NULL},
};
static const struct chy_policy_item stub_items[] = {
    {WORD("zone", "Zone that is asked for at address."), CHY_REQUIRED},
    {WORD("address", "Numeric address of its server, with @port if it is not 53."), CHY_REQUIRED},
    {NULL},
};
static const struct chy_policy_item stub = {CHY_ITEM_OBJECT(NULL, stub_items, NULL)};
static const struct chy_policy_item resolver_items[] = {
    {CHY_ITEM_LIST("forwarders", &word, 0, 1000,
                   "Numeric addresses of resolvers to ask instead of the root."),
     CHY_DEFAULT("[]")},
    {CHY_ITEM_LIST("stubs", &stub, 0, 1000, "Zones with servers of their own."), CHY_DEFAULT("[]")},
    {CHY_ITEM_LIST("trust-anchors", &word, 0, 1000, "DS or DNSKEY records that are trusted."),
     CHY_DEFAULT("[]")},
    {WORD("root-anchor", "File with the root's trust anchor; absent: the root is not trusted.")},
    {CHY_ITEM_BOOL("query-localhost", "May servers on a loopback address be asked?"),
     CHY_DEFAULT("false")},
    {CHY_ITEM_DURATION("timeout", 1, 120, "Deadline of one lookup."), CHY_DEFAULT("10s")},
    {NULL},
};
static const struct chy_policy_item validation_items[] = {
    {CHY_ITEM_OBJECT("resolver", resolver_items, "How names are looked up.")},
    {CHY_ITEM_LIST("allow", &word, 0, 1000, "Prefixes of special addresses that may be validated."),
     CHY_DEFAULT("[]")},
    {CHY_ITEM_LIST("deny", &word, 0, 1000,
                   "Prefixes that may not, own infrastructure for example."),
     CHY_DEFAULT("[]")},
    {CHY_ITEM_INT("http-port", 1, 65535, "Port of HTTP validation."), CHY_DEFAULT("80")},
    {CHY_ITEM_INT("https-port", 1, 65535, "Port of TLS validation."), CHY_DEFAULT("443")},
    {NULL},
};
static const struct chy_policy_item node_items[] = {
    {CHY_ITEM_INT("version", 1, 1, "Format of this file."), CHY_REQUIRED},
    {WORD("base-url", "Of the ACME server as clients see it, https, without a path."),
     CHY_REQUIRED},
    {WORD("public-url", "Where CRLs and issuing certificates are, without a path."), CHY_REQUIRED},
    {CHY_ITEM_OBJECT("listeners", listener_items, "Sockets that fronts listen on."), CHY_REQUIRED},
    {WORD("data", "Directory of what must be kept."), CHY_REQUIRED},
    {WORD("run", "Directory of sockets and process ids."), CHY_REQUIRED},
    {WORD("logs", "Directory of logs."), CHY_REQUIRED},
    {WORD("policy", "Directory of the policy tree."), CHY_REQUIRED},
    {CHY_ITEM_OBJECT("database", database_items, "PostgreSQL."), CHY_REQUIRED},
    {CHY_ITEM_OBJECT("signer", signer_items, "The signer on this host."), CHY_REQUIRED},
    {CHY_ITEM_OBJECT("users", user_items, "Absent: everything runs as the caller.")},
    {CHY_ITEM_OBJECT("modules", module_items, "Extension modules."), CHY_REQUIRED},
    {CHY_ITEM_OBJECT("processes", process_items, "How many of each run here.")},
    {CHY_ITEM_OBJECT("threads", thread_items, "How many threads they have.")},
    {CHY_ITEM_OBJECT("validation", validation_items, "How this host looks at the world.")},
    {NULL},
};

struct reading {
    struct chy_ctx *cx;
    struct chy_report *report;
    const struct chy_yaml_doc *doc;
    const json_t *json;
};

/* ---- values by path: "listeners/acme/port" ---- */

static const json_t *value_at(const struct reading *r, const char *path)
{
    const json_t *v = r->json;

    for (; v != NULL && *path != '\0'; path += path[strcspn(path, "/")] == '/') {
        size_t n = strcspn(path, "/");

        v = json_object_get(v, chy_fmt(r->cx, "%.*s", (int)n, path));
        path += n;
    }
    return v;
}

static const char *text_at(const struct reading *r, const char *path)
{
    const char *s = json_string_value(value_at(r, path));

    return s == NULL ? NULL : chy_arena_strdup(r->cx->arena, s);
}

static unsigned number_at(const struct reading *r, const char *path)
{
    return (unsigned)json_integer_value(value_at(r, path));
}

#define WRONG(r, path, ...) chy_yaml_error((r)->report, (r)->doc, (path), __VA_ARGS__)

/* ---- single checks; an absent value was reported before ---- */

static bool has_control(const char *s)
{
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    return false;
}

static void check_path(const struct reading *r, const char *pointer, const char *s)
{
    if (s == NULL)
        return;
    if (*s != '/')
        WRONG(r, pointer, "'%s' must be an absolute path (begin with '/')", s);
    else if (has_control(s))
        WRONG(r, pointer, "this path holds a control character");
    else if (strstr(chy_fmt(r->cx, "%s/", s), "/../") != NULL)
        WRONG(r, pointer, "'%s' must be written without '..'", s);
}

static bool is_address(const char *s)
{
    uint8_t octets[16];

    return inet_pton(AF_INET, s, octets) == 1 || inet_pton(AF_INET6, s, octets) == 1;
}

static void check_address(const struct reading *r, const char *pointer, const char *s)
{
    if (s != NULL && !is_address(s))
        WRONG(r, pointer, "'%s' must be a numeric address like 127.0.0.1 or ::1", s);
}

/* A number without sign, at most max, that ends the text. */
static bool is_number(const char *s, unsigned long max)
{
    size_t digits = strspn(s, "0123456789");

    return digits > 0 && digits <= 5 && s[digits] == '\0' && strtoul(s, NULL, 10) <= max;
}

/* ADDRESS or ADDRESS@PORT, as libunbound writes it. */
static void check_server(const struct reading *r, const char *pointer, const char *s)
{
    const char *at = strchr(s, '@');
    const char *address = at == NULL ? s : chy_fmt(r->cx, "%.*s", (int)(at - s), s);

    if (!is_address(address) || (at != NULL && (!is_number(at + 1, 65535) || at[1] == '0')))
        WRONG(r, pointer, "'%s' must be a numeric address, with @port if it is not 53", s);
}

static void check_prefix(const struct reading *r, const char *pointer, const char *s)
{
    const char *slash = strchr(s, '/');
    const char *address = slash == NULL ? s : chy_fmt(r->cx, "%.*s", (int)(slash - s), s);
    unsigned long most = strchr(address, ':') != NULL ? 128 : 32;
    struct chy_prefix prefix;

    if (!is_address(address) || (slash != NULL && !is_number(slash + 1, most)))
        WRONG(r, pointer, "'%s' must be an address or a prefix like 10.0.0.0/8 or fd00::/8", s);
    else if (!chy_prefix_read(&prefix, s))
        WRONG(r, pointer, "'%s' has bits set behind its prefix, or zeros in front of a number", s);
}

/* Who is taken for a balancer says who its clients are. */
static void check_proxy(const struct reading *r, const char *pointer, const char *s)
{
    static const struct chy_prefix mapped = {AF_INET6, {[10] = 0xff, [11] = 0xff}, 96};
    struct chy_prefix prefix;

    check_prefix(r, pointer, s);
    if (!chy_prefix_read(&prefix, s))
        return;
    if (prefix.bits == 0)
        WRONG(r, pointer, "'%s' is everybody, and anybody could say to be any client", s);
    else if (chy_prefix_covers(&mapped, &prefix))
        WRONG(r, pointer, "'%s' is IPv4 in IPv6's form; write it as IPv4", s);
}

static void check_module(const struct reading *r, const char *pointer, const char *s)
{
    if (strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(s) || *s == '-')
        WRONG(r, pointer, "'%s' must be a module's name (a-z, 0-9, -), not a file", s);
}

static void check_each(const struct reading *r, const char *path,
                       void (*check)(const struct reading *r, const char *pointer, const char *s))
{
    const json_t *list = value_at(r, path), *entry;
    size_t i;

    json_array_foreach(list, i, entry) if (json_is_string(entry))
        check(r, chy_fmt(r->cx, "/%s/%zu", path, i), json_string_value(entry));
}

/* scheme://host or scheme://host:port and nothing more: what is put before every path. */
static void check_url(const struct reading *r, const char *pointer, const char *s, bool https_only)
{
    const char *rest, *colon;

    if (s == NULL)
        return;
    if (strncmp(s, "https://", 8) != 0 && (https_only || strncmp(s, "http://", 7) != 0)) {
        WRONG(r, pointer, "'%s' must begin with %s", s,
              https_only ? "https:// (RFC 8555 section 6.1)" : "http:// or https://");
        return;
    }
    rest = strstr(s, "://") + 3;
    if (*rest != '\0' && rest[strlen(rest) - 1] == '/')
        WRONG(r, pointer, "'%s' must be written without a slash at its end", s);
    else if (strspn(rest, "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]") != strlen(rest) ||
             *rest == '\0' || *rest == ':')
        WRONG(r, pointer, "'%s' must be a host in lower case, with :port if needed, no path", s);
    else if ((colon = strrchr(rest, ':')) != NULL && strchr(colon, ']') == NULL &&
             (!is_number(colon + 1, 65535) || colon[1] == '0'))
        WRONG(r, pointer, "'%s' must have a port between 1 and 65535 after ':'", s);
}

/* ---- groups ---- */

static void check_paths(const struct reading *r)
{
    static const char *const paths[] = {
        "listeners/acme/certificate",
        "listeners/acme/key",
        "data",
        "run",
        "logs",
        "policy",
        "signer/socket",
        "signer/ceilings",
        "signer/log",
        "validation/resolver/root-anchor",
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        check_path(r, chy_fmt(r->cx, "/%s", paths[i]), text_at(r, paths[i]));
    check_each(r, "modules/directories", check_path);
}

static void check_sockets(const struct reading *r, const struct chy_node *n)
{
    if (n->signer_socket != NULL && strlen(n->signer_socket) > SOCKET_MAX)
        WRONG(r, "/signer/socket", "a socket's path has at most %d octets, this one has %zu",
              SOCKET_MAX, strlen(n->signer_socket));
    if (!n->private_database || n->run_dir == NULL)
        return;
    if (strlen(n->run_dir) + strlen(POSTGRES_SOCKET) > SOCKET_MAX)
        WRONG(r, "/run", "too long for the database's socket in it: at most %zu octets",
              SOCKET_MAX - strlen(POSTGRES_SOCKET));
    /* It is written into a connection string, where a comma separates hosts. */
    if (strpbrk(n->run_dir, " ,'\\=") != NULL)
        WRONG(r, "/run",
              "with a private database this path has no spaces, commas, quotes, '=' or "
              "backslashes");
}

static void check_database(const struct reading *r, struct chy_node *n)
{
    if (value_at(r, "database") == NULL)
        return;
    n->private_database = json_is_true(value_at(r, "database/private"));
    n->database = text_at(r, "database/services");
    n->owner_database = text_at(r, "database/owner");
    if (n->private_database && (n->database != NULL || n->owner_database != NULL))
        WRONG(r, n->database != NULL ? "/database/services" : "/database/owner",
              "a private database has its own connection; remove this or 'private: true'");
    if (!n->private_database && (n->database == NULL || n->owner_database == NULL))
        WRONG(r, "/database", "write 'private: true', or both 'services' and 'owner'");
    if (!n->private_database || n->run_dir == NULL)
        return;
    n->database = chy_fmt(r->cx, "host=%s/pg dbname=chancery user=chancery_service", n->run_dir);
    n->owner_database =
        chy_fmt(r->cx, "host=%s/pg dbname=chancery user=chancery_owner", n->run_dir);
}

static const char *const *texts_at(const struct reading *r, const char *path, size_t *ret_n)
{
    const json_t *list = value_at(r, path);
    size_t n = json_array_size(list);
    const char **texts = chy_alloc(r->cx, (n + 1) * sizeof *texts);

    for (size_t i = 0; i < n; i++)
        texts[i] = chy_arena_strdup(r->cx->arena, json_string_value(json_array_get(list, i)));
    *ret_n = n;
    return texts;
}

static void check_values(const struct reading *r, const struct chy_node *n)
{
    const json_t *stubs = value_at(r, "validation/resolver/stubs"), *s;
    size_t i;

    check_url(r, "/base-url", n->base_url, true);
    check_url(r, "/public-url", n->public_url, false);
    check_address(r, "/listeners/acme/address", n->acme.address);
    check_address(r, "/listeners/public/address", n->public.address);
    check_paths(r);
    check_sockets(r, n);
    check_each(r, "modules/load", check_module);
    check_each(r, "listeners/acme/proxy-from", check_proxy);
    check_each(r, "listeners/public/proxy-from", check_proxy);
    check_each(r, "validation/allow", check_prefix);
    check_each(r, "validation/deny", check_prefix);
    check_each(r, "validation/resolver/forwarders", check_server);
    json_array_foreach(stubs, i, s)
    {
        const char *address = json_string_value(json_object_get(s, "address"));

        if (address != NULL)
            check_server(r, chy_fmt(r->cx, "/validation/resolver/stubs/%zu/address", i), address);
    }
}

/* Those that check_each found right; the others have been told. */
static const struct chy_prefix *prefixes_at(const struct reading *r, const char *path,
                                            size_t *ret_n)
{
    size_t n, n_right = 0;
    const char *const *texts = texts_at(r, path, &n);
    struct chy_prefix *prefixes = chy_alloc(r->cx, (n + 1) * sizeof *prefixes);

    for (size_t i = 0; i < n; i++)
        n_right += texts[i] != NULL && chy_prefix_read(&prefixes[n_right], texts[i]);
    *ret_n = n_right;
    return prefixes;
}

static void fill_node(const struct reading *r, struct chy_node *n)
{
    n->base_url = text_at(r, "base-url");
    n->public_url = text_at(r, "public-url");
    n->acme.address = text_at(r, "listeners/acme/address");
    n->acme.port = (uint16_t)number_at(r, "listeners/acme/port");
    n->acme.certificate = text_at(r, "listeners/acme/certificate");
    n->acme.key = text_at(r, "listeners/acme/key");
    n->public.address = text_at(r, "listeners/public/address");
    n->acme.proxies = prefixes_at(r, "listeners/acme/proxy-from", &n->acme.n_proxies);
    n->public.port = (uint16_t)number_at(r, "listeners/public/port");
    n->public.proxies = prefixes_at(r, "listeners/public/proxy-from", &n->public.n_proxies);
    n->data_dir = text_at(r, "data");
    n->run_dir = text_at(r, "run");
    n->log_dir = text_at(r, "logs");
    n->policy_dir = text_at(r, "policy");
    n->signer_socket = text_at(r, "signer/socket");
    n->ceilings = text_at(r, "signer/ceilings");
    n->signer_log = text_at(r, "signer/log");
    n->service_user = text_at(r, "users/services");
    n->signer_user = text_at(r, "users/signer");
    n->module_dirs = texts_at(r, "modules/directories", &n->n_module_dirs);
    n->modules = texts_at(r, "modules/load", &n->n_modules);
    n->fronts = number_at(r, "processes/fronts");
    n->workers = number_at(r, "processes/workers");
    n->io_threads = number_at(r, "threads/io");
    n->worker_threads = number_at(r, "threads/requests");
    n->validation_threads = number_at(r, "threads/validations");
    n->validation = value_at(r, "validation");
}

enum chy_rc chy_node_read(struct chy_ctx *cx, const char *path, struct chy_report *report,
                          struct chy_node **ret)
{
    struct chy_node *n = chy_alloc(cx, sizeof *n);
    struct reading r = {.cx = cx, .report = report};
    size_t before = chy_report_count(report), size = 0;
    char *text = NULL;
    const char *why = chy_policy_read(cx, AT_FDCWD, path, 0, CHY_YAML_SIZE_MAX, &text, &size);

    if (why != NULL) {
        chy_report_error(report, path, 0, 0, NULL,
                         "%s; run 'chancery init' first or give --node FILE", why);
        return chy_fail(cx, &CHY_P_serverInternal, "%s %s", path, why);
    }
    r.doc = chy_yaml_check(cx, report, path, "node.yaml", text, size, node_items);
    if (r.doc != NULL) {
        r.json = chy_yaml_json(r.doc);
        n->path = chy_arena_strdup(cx->arena, path);
        fill_node(&r, n);
        check_database(&r, n);
        check_values(&r, n);
    }
    if (chy_report_count(report) > before)
        return chy_fail(cx, &CHY_P_serverInternal, "%s has mistakes: %zu", path,
                        chy_report_count(report) - before);
    *ret = n;
    return CHY_OK;
}
