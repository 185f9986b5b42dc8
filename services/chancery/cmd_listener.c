/* SPDX-License-Identifier: Apache-2.0 */
/* chancery listener renew: a new key and certificate for the ACME listener from the local CA, made as
 * init makes the first.  What was there is set aside; running fronts show the new one at once.
 *
 * It reads the issuer's key, as init did: so only root, or the user whom the whole installation belongs
 * to, can do it.  A certificate of another CA is not replaced unless that is asked for. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "core/base/file.h"
#include "core/base/problem.h"
#include "core/pki/cert.h"
#include "services/chancery/commands.h"
#include "services/chancery/install.h"
#include "services/chancery/issuers.h"
#include "services/chancery/listener.h"
#include "services/chancery/options.h"
#include "services/chancery/state.h"

#define PEM_MAX (64u * 1024)

struct renewal {
    const char *node_path, *libexec, *host;
    bool force;
    struct chy_node *node;
    struct chy_identity service, signer;
};

/* The issuer that certified the listener so far; the first one where none did and *ret_own is false. */
static enum chy_rc choose_issuer(struct chy_ctx *cx, const struct renewal *r, X509 *old,
                                 const struct chy_issuer_state **ret, bool *ret_own)
{
    struct chy_issuer_states states;

    if (chy_issuers_read(cx, r->node, r->libexec, &r->signer, &states) != CHY_OK)
        return CHY_ERR;
    *ret = &states.v[0];
    *ret_own = old == NULL;
    for (size_t i = 0; old != NULL && i < states.n && !*ret_own; i++) {
        X509 *ca;

        if (chy_listener_read(cx, states.v[i].certificate, &ca) != CHY_OK) {
            chy_problem_clear(cx);
            continue;
        }
        *ret_own = chy_same_name(X509_get_subject_name(ca), X509_get_issuer_name(old));
        if (*ret_own)
            *ret = &states.v[i];
    }
    return CHY_OK;
}

static enum chy_rc check_issuer(struct chy_ctx *cx, const struct renewal *r, X509 *old,
                                const struct chy_issuer_state *issuer, bool own)
{
    if (issuer->error != NULL)
        return chy_fail(cx, &CHY_P_serverInternal, "issuer %s cannot be used: %s", issuer->name,
                        issuer->error);
    if (own || r->force)
        return CHY_OK;
    return chy_fail(cx, &CHY_P_serverInternal,
                    "%s: was issued by %s, not by this CA; renew it there, or replace it by one of "
                    "issuer %s with --force",
                    r->node->acme.certificate, chy_listener_issuer(cx, old), issuer->name);
}

static enum chy_rc make(struct chy_ctx *cx, const struct renewal *r,
                        const struct chy_issuer_state *issuer, char **ret_key, char **ret_pem)
{
    struct chy_authority a = {0};
    enum chy_rc rc;
    size_t n;

    if (chy_file_read(cx, issuer->certificate, PEM_MAX, &a.issuing_pem, NULL) != CHY_OK ||
        chy_file_read(cx, issuer->key, PEM_MAX, &a.issuing_key_pem, &n) != CHY_OK)
        return CHY_ERR;
    rc = chy_listener_make(cx, &a, r->host, ret_key, ret_pem);
    OPENSSL_cleanse(a.issuing_key_pem, n);
    return rc;
}

static const char *directory_of(struct chy_ctx *cx, const char *path)
{
    return chy_fmt(cx, "%.*s", (int)(strrchr(path, '/') - path), path);
}

static enum chy_rc put_in_place(struct chy_ctx *cx, const struct renewal *r, const char *key,
                                const char *pem)
{
    struct chy_install *in = chy_install_new(cx);
    const char *key_path = r->node->acme.key, *pem_path = r->node->acme.certificate;

    if (strcmp(key_path, pem_path) == 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: holds key and certificate in one file; give listeners.acme.key a file "
                        "of its own in %s",
                        key_path, r->node->path);
    chy_install_dir(in, directory_of(cx, key_path), 0755, NULL);
    chy_install_dir(in, directory_of(cx, pem_path), 0755, NULL);
    chy_install_file(in, key_path, key, 0600, &r->service);
    chy_install_file(in, pem_path, pem, 0644, NULL);
    return chy_install_commit(cx, in);
}

/* Tell a running supervisor, which tells the fronts. */
static bool tell_fronts(struct chy_ctx *cx, const struct chy_node *node)
{
    pid_t pid = 0;

    return chy_state_running(cx, node->run_dir, &pid) && pid > 0 &&
           chy_state_is_supervisor(cx, node->run_dir, pid) && kill(pid, SIGHUP) == 0;
}

static enum chy_rc renew(struct chy_ctx *cx, struct renewal *r)
{
    const struct chy_issuer_state *issuer;
    char *key, *pem;
    X509 *old = NULL;
    bool own;

    if (chy_cli_node(cx, r->node_path, &r->node) != CHY_OK ||
        chy_identity_find(cx, r->node->service_user, &r->service) != CHY_OK ||
        chy_identity_find(cx, r->node->signer_user, &r->signer) != CHY_OK)
        return CHY_ERR;
    if (r->host == NULL)
        r->host = chy_listener_host(cx, r->node);
    if (chy_listener_read(cx, r->node->acme.certificate, &old) != CHY_OK)
        chy_problem_clear(cx); /* one that cannot be read is the more reason */
    if (choose_issuer(cx, r, old, &issuer, &own) != CHY_OK ||
        check_issuer(cx, r, old, issuer, own) != CHY_OK ||
        make(cx, r, issuer, &key, &pem) != CHY_OK || put_in_place(cx, r, key, pem) != CHY_OK)
        return CHY_ERR;
    printf("listener    %s: certificate of issuer %s for %s, %d days\n", r->node->acme.certificate,
           issuer->name, r->host, CHY_LISTENER_DAYS);
    printf("            %s\n", tell_fronts(cx, r->node)
                                   ? "the fronts were told and show it from now on"
                                   : "fronts show it when they are started");
    return CHY_OK;
}

static int run(struct chy_ctx *cx, int argc, char **argv)
{
    struct renewal r = {0};
    const char *what = NULL;
    const struct chy_option options[] = {
        {"renew", CHY_O_PLAIN, "renew", NULL, &what},
        {"node", CHY_O_TEXT, "FILE", "node.yaml", &r.node_path},
        {"host", CHY_O_TEXT, "NAME", "name or address it is for (the host of base-url)", &r.host},
        {"force", CHY_O_FLAG, NULL, "replace a certificate of another CA, too", &r.force},
        {"libexec", CHY_O_TEXT, "DIR", "where chancery-signer is", &r.libexec},
        {NULL},
    };
    int code;

    if (!chy_options_read(cx, &chy_cmd_listener, options, argc, argv, &code))
        return code;
    if (what == NULL || strcmp(what, "renew") != 0) {
        fprintf(stderr, "chancery listener: %s: write 'chancery listener renew'\n",
                what != NULL ? what : "what to do is missing");
        return 2;
    }
    if (renew(cx, &r) != CHY_OK)
        return chy_cli_refuse(cx, &chy_cmd_listener);
    return 0;
}

const struct chy_command chy_cmd_listener = {
    .name = "listener",
    .help = "listener renew: a new certificate for the ACME listener",
    .run = run,
};
