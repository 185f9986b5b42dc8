/* SPDX-License-Identifier: Apache-2.0 */
/* chancery issuer renew: the root signs an issuing certificate anew, with the same name and key, so that
 * what was issued below it stays good.  The root's key need not stay on
 * this host: --root-key names it where it is. */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "core/base/file.h"
#include "core/base/problem.h"
#include "core/pki/authority.h"
#include "services/chancery/commands.h"
#include "services/chancery/issuers.h"
#include "services/chancery/options.h"

#define PEM_MAX (64u * 1024)

struct renewal {
    const char *node_path, *libexec, *name, *root_key;
    struct chy_node *node;
};

static enum chy_rc find_issuer(struct chy_ctx *cx, const struct renewal *r,
                               const struct chy_issuer_state **ret)
{
    struct chy_issuer_states states;
    struct chy_identity signer;
    char *known = chy_fmt(cx, "%s", "");

    if (chy_identity_find(cx, r->node->signer_user, &signer) != CHY_OK ||
        chy_issuers_read(cx, r->node, r->libexec, &signer, &states) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < states.n; i++) {
        known = chy_fmt(cx, "%s %s", known, states.v[i].name);
        if (strcmp(states.v[i].name, r->name) != 0)
            continue;
        *ret = &states.v[i];
        return CHY_OK;
    }
    return chy_fail(cx, &CHY_P_serverInternal, "%s: %s has no such issuer; it has%s", r->name,
                    r->node->ceilings, known);
}

static enum chy_rc sign(struct chy_ctx *cx, const struct renewal *r, const char *issuing,
                        char **ret_pem)
{
    char *root, *root_key;
    enum chy_rc rc;
    size_t n;

    if (chy_file_read(cx, chy_cli_root(cx, r->node), PEM_MAX, &root, NULL) != CHY_OK ||
        chy_file_read(cx, r->root_key, PEM_MAX, &root_key, &n) != CHY_OK)
        return CHY_ERR;
    rc = chy_authority_renew(cx, root, root_key, issuing, ret_pem);
    OPENSSL_cleanse(root_key, n);
    return rc;
}

/* The old one is kept as a dotfile: a policy tree takes no other names. */
static enum chy_rc put_in_place(struct chy_ctx *cx, const char *path, const char *old,
                                const char *pem)
{
    const char *slash = strrchr(path, '/');
    const char *aside = chy_fmt(cx, "%.*s/.%s.old", (int)(slash - path), path, slash + 1);

    if (chy_file_write(cx, aside, old, strlen(old), 0644) != CHY_OK)
        return CHY_ERR;
    return chy_file_write(cx, path, pem, strlen(pem), 0644);
}

static enum chy_rc renew(struct chy_ctx *cx, struct renewal *r)
{
    const struct chy_issuer_state *issuer;
    char *old, *pem;

    if (chy_cli_node(cx, r->node_path, &r->node) != CHY_OK || find_issuer(cx, r, &issuer) != CHY_OK)
        return CHY_ERR;
    if (r->root_key == NULL)
        r->root_key = chy_fmt(cx, "%.*s/keys/root.key",
                              (int)(strrchr(r->node->path, '/') - r->node->path), r->node->path);
    if (chy_file_read(cx, issuer->certificate, PEM_MAX, &old, NULL) != CHY_OK ||
        sign(cx, r, old, &pem) != CHY_OK)
        return CHY_ERR;
    if (put_in_place(cx, issuer->certificate, old, pem) != CHY_OK)
        return CHY_ERR;
    printf("issuer      %s: new certificate in %s\n", issuer->name, issuer->certificate);
    printf("            in use after %s && %s\n", chy_cli_line(cx, r->node, "down"),
           chy_cli_line(cx, r->node, "up"));
    return CHY_OK;
}

static int run(struct chy_ctx *cx, int argc, char **argv)
{
    struct renewal r = {0};
    const char *what = NULL;
    const struct chy_option options[] = {
        {"renew", CHY_O_PLAIN, "renew", NULL, &what},
        {"name", CHY_O_PLAIN, "NAME", NULL, &r.name},
        {"node", CHY_O_TEXT, "FILE", "node.yaml", &r.node_path},
        {"root-key", CHY_O_TEXT, "FILE", "the root's key (keys/root.key beside node.yaml)",
         &r.root_key},
        {"libexec", CHY_O_TEXT, "DIR", "where chancery-signer is", &r.libexec},
        {NULL},
    };
    int code;

    if (!chy_options_read(cx, &chy_cmd_issuer, options, argc, argv, &code))
        return code;
    if (what == NULL || strcmp(what, "renew") != 0 || r.name == NULL) {
        fprintf(stderr, "chancery issuer: write 'chancery issuer renew NAME'\n");
        return 2;
    }
    if (renew(cx, &r) != CHY_OK)
        return chy_cli_refuse(cx, &chy_cmd_issuer);
    return 0;
}

const struct chy_command chy_cmd_issuer = {
    .name = "issuer",
    .help = "issuer renew NAME: the root signs an issuing certificate anew",
    .run = run,
};
