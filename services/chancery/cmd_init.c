/* SPDX-License-Identifier: Apache-2.0 */
/* chancery init: a root and an issuing CA, keys, local configuration and a first policy.  It starts
 * nothing and makes no database: 'up' does. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/problem.h"
#include "services/chancery/cluster.h"
#include "services/chancery/commands.h"
#include "services/chancery/listener.h"
#include "services/chancery/setup.h"
#include "services/chancery/state.h"

#define SERVICE_USER "chancery"
#define SIGNER_USER "chancery-signer"
#define NOBODY 65534

struct init {
    struct chy_setup setup;
    const char *dir, *node_path;
    bool force;
    struct chy_layout layout;
    struct chy_identity service, signer; /* who owns what            */
    struct chy_identity settings;        /* ourselves, with the services' group */
    bool made_service, made_signer;
    struct chy_authority authority;
    char *listener_key, *listener_pem;
    const char *postgres; /* where its programs are, or NULL */
};

static bool read_options(struct chy_ctx *cx, struct init *i, int argc, char **argv, int *ret_code)
{
    struct chy_setup *s = &i->setup;
    const struct chy_option options[] = {
        {"dir", CHY_O_TEXT, "DIR", "put everything below DIR", &i->dir},
        {"node", CHY_O_TEXT, "FILE", "only DIR/node.yaml or its usual place", &i->node_path},
        {"host", CHY_O_TEXT, "NAME", "name or address of the ACME server (localhost)", &s->host},
        {"listen", CHY_O_TEXT, "ADDRESS", "address to listen on (127.0.0.1 for localhost)",
         &s->listen},
        {"port", CHY_O_COUNT, "N", "port of the ACME server (14000)", &s->port, 1, 65535},
        {"public-port", CHY_O_COUNT, "N", "port of the plain HTTP server for CRLs (14001)",
         &s->public_port, 1, 65535},
        {"http-port", CHY_O_COUNT, "N", "port where validation asks over HTTP (80)", &s->http_port,
         1, 65535},
        {"https-port", CHY_O_COUNT, "N", "port where validation asks over TLS (443)",
         &s->https_port, 1, 65535},
        {"ca-name", CHY_O_TEXT, "NAME", "name of the CA (Chancery CA)", &s->ca_name},
        {"issuer-key", CHY_O_TEXT, "KIND",
         "key of the issuing CA: " CHY_AUTHORITY_KINDS " (ec-p256)", &s->issuer_kind},
        {"root-key", CHY_O_TEXT, "KIND", "key of the root (the issuing CA's kind)", &s->root_kind},
        {"dns-suffix", CHY_O_LIST, "NAME", "domain whose names may be had (chancery.example)",
         &s->suffixes},
        {"stub", CHY_O_LIST, "ZONE=ADDR@PORT", "ask this server about this zone", &s->stubs},
        {"trust-anchor", CHY_O_LIST, "\"DS ...\"", "DNSSEC trust anchor, one line",
         &s->trust_anchors},
        {"allow-private", CHY_O_LIST, "CIDR", "private network where names may be validated",
         &s->allow},
        {"modules-dir", CHY_O_LIST, "DIR", "where modules are, before the installed ones",
         &s->modules_dirs},
        {"load", CHY_O_LIST, "NAME", "module to load; 'default' is every one there", &s->load},
        {"fronts", CHY_O_COUNT, "N", "front processes (1)", &s->fronts, 1, 64},
        {"workers", CHY_O_COUNT, "N", "worker processes (1)", &s->workers, 1, 64},
        {"database", CHY_O_TEXT, "CONNINFO", "PostgreSQL for the services (a private one)",
         &s->database},
        {"owner-database", CHY_O_TEXT, "CONNINFO", "the same as the role that owns the tables",
         &s->owner_database},
        {"policy-sample", CHY_O_TEXT, "DIR", "policy to begin with", &s->policy_sample},
        {"force", CHY_O_FLAG, NULL, "replace an installation; its files are set aside", &i->force},
        {NULL},
    };

    return chy_options_read(cx, &chy_cmd_init, options, argc, argv, ret_code);
}

/* Somebody with no more rights than a user that is yet to be made. */
static enum chy_rc find_or_imagine(struct chy_ctx *cx, const char *name, struct chy_identity *ret)
{
    const struct group *group;

    if (geteuid() != 0 || getpwnam(name) != NULL)
        return chy_identity_find(cx, geteuid() == 0 ? name : NULL, ret);
    group = getgrnam(SERVICE_USER);
    *ret = (struct chy_identity){.name = name, .uid = NOBODY, .gid = NOBODY, .change = true};
    if (group != NULL)
        ret->gid = group->gr_gid;
    return CHY_OK;
}

/* Root separates the signer from the services; an ordinary user cannot. */
static enum chy_rc find_users(struct chy_ctx *cx, struct init *i)
{
    if (geteuid() != 0)
        return chy_identity_find(cx, NULL, &i->service) == CHY_OK &&
                       chy_identity_find(cx, NULL, &i->signer) == CHY_OK
                   ? CHY_OK
                   : CHY_ERR;
    i->setup.service_user = SERVICE_USER;
    i->setup.signer_user = SIGNER_USER;
    if (chy_identity_ensure(cx, SERVICE_USER, &i->made_service) != CHY_OK ||
        chy_identity_ensure(cx, SIGNER_USER, &i->made_signer) != CHY_OK ||
        /* so that the signer may give its socket to the group that asks it */
        chy_identity_join(cx, SIGNER_USER, SERVICE_USER) != CHY_OK ||
        chy_identity_find(cx, SERVICE_USER, &i->service) != CHY_OK ||
        chy_identity_find(cx, SIGNER_USER, &i->signer) != CHY_OK)
        return CHY_ERR;
    /* The signer reads it too, as a member of the group. */
    i->settings = (struct chy_identity){
        .name = i->service.name, .uid = geteuid(), .gid = i->service.gid, .change = true};
    return CHY_OK;
}

static enum chy_rc check_free(struct chy_ctx *cx, const struct init *i,
                              const struct chy_install *in)
{
    const char *existing = chy_install_existing(in);
    pid_t pid;

    if (chy_state_running(cx, i->layout.run, &pid))
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: is in use by a running installation (pid %d); 'chancery down' first",
                        i->layout.run, (int)pid);
    if (existing != NULL && !i->force)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: is there already; 'chancery up' starts that installation, --force "
                        "replaces it and sets its files aside",
                        existing);
    return CHY_OK;
}

static enum chy_rc check_reach(struct chy_ctx *cx, const struct init *i)
{
    const struct chy_layout *l = &i->layout;
    const char *const service_dirs[] = {l->config, l->keys, l->policy, l->data, l->run};
    const char *const signer_dirs[] = {l->config, l->keys, l->policy, l->run, l->signer_data};

    if (!i->service.change)
        return CHY_OK;
    for (size_t n = 0; n < sizeof service_dirs / sizeof service_dirs[0]; n++)
        if (chy_identity_reach(cx, &i->service, service_dirs[n]) != CHY_OK)
            return CHY_ERR;
    for (size_t n = 0; n < i->setup.modules_dirs.n; n++)
        if (chy_identity_reach(cx, &i->service, i->setup.modules_dirs.v[n]) != CHY_OK)
            return CHY_ERR;
    for (size_t n = 0; n < sizeof signer_dirs / sizeof signer_dirs[0]; n++)
        if (chy_identity_reach(cx, &i->signer, signer_dirs[n]) != CHY_OK)
            return CHY_ERR;
    return CHY_OK;
}

static enum chy_rc make_keys(struct chy_ctx *cx, struct init *i)
{
    if (chy_authority_make_of(cx, i->setup.ca_name, i->setup.root_kind, i->setup.issuer_kind,
                              &i->authority) != CHY_OK)
        return CHY_ERR;
    return chy_listener_make(cx, &i->authority, i->setup.host, &i->listener_key, &i->listener_pem);
}

static enum chy_rc plan(struct chy_ctx *cx, struct init *i, struct chy_install *in)
{
    const struct chy_layout *l = &i->layout;
    const struct chy_authority *a = &i->authority;
    char *issuers = chy_fmt(cx, "%s/issuers", l->policy);

    chy_install_dir(in, l->config, 0755, NULL);
    chy_install_dir(in, l->keys, 0755, NULL);
    chy_install_dir(in, l->data, 0755, NULL);
    chy_install_dir(in, l->signer_data, 0700, &i->signer);
    chy_install_file(in, l->root_key, a->root_key_pem, 0600, NULL);
    chy_install_file(in, l->issuer_key, a->issuing_key_pem, 0600, &i->signer);
    chy_install_file(in, l->listener_key, i->listener_key, 0600, &i->service);
    chy_install_file(in, l->listener_pem, i->listener_pem, 0644, NULL);
    chy_install_file(in, l->root_pem, a->root_pem, 0644, NULL);
    if (chy_setup_policy(cx, &i->setup, l, in) != CHY_OK)
        return CHY_ERR;
    chy_install_file(in, chy_fmt(cx, "%s/web-1.pem", issuers), a->issuing_pem, 0644, NULL);
    chy_install_file(in, chy_fmt(cx, "%s/root.pem", issuers), a->root_pem, 0644, NULL);
    chy_install_file(in, l->ceilings, chy_setup_ceilings(cx, &i->setup, l), 0644, NULL);
    chy_install_file(in, l->node, chy_setup_node(cx, &i->setup, l), 0640, &i->settings);
    return CHY_OK;
}

static void tell(struct chy_ctx *cx, const struct init *i)
{
    const struct chy_layout *l = &i->layout;

    printf("CA          '%s': a root (%s) and an issuing CA (%s)\n", i->setup.ca_name,
           i->setup.root_kind, i->setup.issuer_kind);
    printf("  root      %s   (clients trust this)\n", l->root_pem);
    printf("  root key  %s   (nothing here needs it: take it off this machine)\n", l->root_key);
    printf("  CA key    %s   (read by chancery-signer alone)\n", l->issuer_key);
    printf("listener    %s, certificate for %s, %d days\n",
           chy_setup_url(cx, "https", i->setup.host, i->setup.port, 443), i->setup.host,
           CHY_LISTENER_DAYS);
    printf("settings    %s, limits of the signer in %s\n", l->node, l->ceilings);
    printf("policy      %s (names under", l->policy);
    for (size_t n = 0; n < i->setup.suffixes.n; n++)
        printf(" %s", i->setup.suffixes.v[n]);
    printf("%s)\n", i->setup.suffixes.n == 0 ? " chancery.example" : "");
    printf("modules     ");
    for (size_t n = 0; n < i->setup.load.n; n++)
        printf("%s%s", n > 0 ? ", " : "", i->setup.load.v[n]);
    printf(" from");
    for (size_t n = 0; n < i->setup.modules_dirs.n; n++)
        printf(" %s", i->setup.modules_dirs.v[n]);
    printf("\n");
    if (i->postgres != NULL)
        printf("database    'up' will make one below %s with %s\n", l->data, i->postgres);
    if (i->service.change)
        printf("users       %s%s, %s%s\n", SERVICE_USER, i->made_service ? " (made)" : "",
               SIGNER_USER, i->made_signer ? " (made)" : "");
    else
        printf("users       everything runs as %s: the signer is not separated (root's init does "
               "that)\n",
               i->service.name);
    if (i->dir != NULL)
        printf("Try next    chancery up --node %s\n", l->node);
    else
        printf("Try next    chancery up\n");
}

static enum chy_rc init(struct chy_ctx *cx, struct init *i)
{
    struct chy_install *in = chy_install_new(cx);

    if (chy_layout_make(cx, i->dir, &i->layout) != CHY_OK)
        return CHY_ERR;
    if (i->node_path != NULL && strcmp(i->node_path, i->layout.node) != 0)
        return chy_fail(cx, &CHY_P_malformed,
                        "--node %s: init would write %s; leave --node out, or choose its directory "
                        "with --dir DIR",
                        i->node_path, i->layout.node);
    if (chy_layout_sockets(cx, i->layout.run, i->layout.signer_socket) != CHY_OK ||
        chy_setup_check(cx, &i->setup) != CHY_OK)
        return CHY_ERR;
    if (i->setup.database == NULL && chy_cluster_find(cx, NULL, &i->postgres) != CHY_OK)
        return CHY_ERR;
    /* Keys are in memory alone until everything was found to be in order. */
    if (make_keys(cx, i) != CHY_OK || plan(cx, i, in) != CHY_OK ||
        check_free(cx, i, in) != CHY_OK ||
        find_or_imagine(cx, SERVICE_USER, &i->service) != CHY_OK ||
        find_or_imagine(cx, SIGNER_USER, &i->signer) != CHY_OK || check_reach(cx, i) != CHY_OK ||
        chy_install_check(cx, in) != CHY_OK || find_users(cx, i) != CHY_OK)
        return CHY_ERR;
    /* The users are known only now, and node.yaml names them. */
    in = chy_install_new(cx);
    if (plan(cx, i, in) != CHY_OK)
        return CHY_ERR;
    return chy_install_commit(cx, in);
}

static int run(struct chy_ctx *cx, int argc, char **argv)
{
    struct init i = {.setup = {.port = 14000,
                               .public_port = 14001,
                               .http_port = 80,
                               .https_port = 443,
                               .fronts = 1,
                               .workers = 1}};
    int code;

    if (!read_options(cx, &i, argc, argv, &code))
        return code;
    if (init(cx, &i) != CHY_OK)
        return chy_cli_refuse(cx, &chy_cmd_init);
    tell(cx, &i);
    return 0;
}

const struct chy_command chy_cmd_init = {
    .name = "init",
    .help = "make a CA, its keys, local settings and a first policy",
    .run = run,
};
