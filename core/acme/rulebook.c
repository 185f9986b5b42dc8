/* SPDX-License-Identifier: Apache-2.0 */
/* A policy snapshot and its issuers, shared by threads through a counted reference. */
#include "core/acme/rulebook.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "core/base/auto.h"
#include "core/base/problem.h"

#define ISSUERS_MAX 1000

struct chy_rulebook {
    atomic_uint references;
    struct chy_ctx cx; /* its arena holds the issuers */
    struct chy_policy *policy;
    struct chy_issuer_cert *issuers;
    size_t n_issuers;
    const char *public_url;
    bool failed;
};

static void count_issuer(void *arg, const char *name, const json_t *doc)
{
    (void)name;
    (void)doc;
    ((struct chy_rulebook *)arg)->n_issuers++;
}

static bool is_root(const char *pem)
{
    chy_auto(BIO) *bio = BIO_new_mem_buf(pem, -1);
    chy_auto(X509) *cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);

    return cert != NULL &&
           X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

/* What a client is sent after its certificate: the chain in order, a root at its end left out (RFC
 * 8555 section 9.1), unless the root itself issues. */
static char *chain_without_root(struct chy_ctx *cx, const json_t *pems)
{
    char *text = chy_fmt(cx, "%s", "");
    const json_t *pem;
    size_t i;

    json_array_foreach(pems, i, pem)
    {
        if (i == 0 || !is_root(json_string_value(pem)))
            text = chy_fmt(cx, "%s%s", text, json_string_value(pem));
    }
    return text;
}

static void read_issuer(void *arg, const char *name, const json_t *doc)
{
    struct chy_rulebook *r = arg;
    struct chy_issuer_cert *ic = &r->issuers[r->n_issuers];

    if (r->failed ||
        chy_issuer_cert_read(&r->cx, name,
                             chain_without_root(&r->cx, json_object_get(doc, "chain-pem")),
                             ic) != CHY_OK) {
        r->failed = true;
        return;
    }
    ic->crl_url = chy_fmt(&r->cx, "%s/crl/%s.crl", r->public_url, name);
    ic->aia_url = chy_fmt(&r->cx, "%s/ca/%s.cer", r->public_url, name);
    r->n_issuers++;
}

static enum chy_rc load(struct chy_ctx *cx, const struct chy_node *node,
                        const struct chy_registry *registry, struct chy_report *report,
                        struct chy_rulebook **ret)
{
    struct chy_policy *policy;
    struct chy_rulebook *r;

    if (chy_policy_load(cx, node->policy_dir, chy_registry_policy_schema(registry), report,
                        &policy) != CHY_OK)
        return CHY_ERR;
    r = calloc(1, sizeof *r);
    if (r == NULL)
        abort();
    atomic_init(&r->references, 1);
    r->cx.arena = chy_arena_new();
    r->policy = policy;
    r->public_url = chy_fmt(&r->cx, "%s", node->public_url);
    chy_policy_each(policy, "issuers", count_issuer, r);
    r->issuers = chy_alloc(&r->cx, (r->n_issuers + 1) * sizeof *r->issuers);
    r->n_issuers = 0;
    chy_policy_each(policy, "issuers", read_issuer, r);
    if (r->failed) {
        chy_report_error(report, node->policy_dir, 0, 0, NULL, "%s",
                         r->cx.problem.note ? r->cx.problem.note : r->cx.problem.detail);
        chy_rulebook_drop(r);
        return chy_fault_internal(cx, "policy has an unusable issuer");
    }
    *ret = r;
    return CHY_OK;
}

enum chy_rc chy_rulebook_load(struct chy_ctx *cx, const struct chy_node *node,
                              const struct chy_registry *registry, struct chy_rulebook **ret)
{
    struct chy_report *report = chy_report_new(cx);

    if (load(cx, node, registry, report, ret) == CHY_OK)
        return CHY_OK;
    chy_report_print(report, stderr);
    return chy_fault_internal(cx, "policy %s has mistakes; 'chancery policy check' shows them",
                              node->policy_dir);
}

enum chy_rc chy_rulebook_check(struct chy_ctx *cx, const struct chy_node *node,
                               const struct chy_registry *registry, struct chy_report *report)
{
    struct chy_rulebook *r;

    if (load(cx, node, registry, report, &r) != CHY_OK)
        return CHY_ERR;
    chy_rulebook_drop(r);
    return CHY_OK;
}

struct chy_rulebook *chy_rulebook_hold(struct chy_rulebook *r)
{
    atomic_fetch_add(&r->references, 1);
    return r;
}

void chy_rulebook_drop(struct chy_rulebook *r)
{
    if (r == NULL || atomic_fetch_sub(&r->references, 1) != 1)
        return;
    chy_policy_drop(r->policy);
    chy_arena_free(r->cx.arena);
    free(r);
}

const struct chy_policy *chy_rulebook_policy(const struct chy_rulebook *r)
{
    return r->policy;
}

const struct chy_issuer_cert *chy_rulebook_issuer(const struct chy_rulebook *r, const char *name)
{
    for (size_t i = 0; i < r->n_issuers; i++)
        if (strcmp(r->issuers[i].name, name) == 0)
            return &r->issuers[i];
    return NULL;
}

const json_t *chy_rules_server(const struct chy_ctx *cx)
{
    return chy_policy_get(cx->policy, "", "chancery");
}

enum chy_rc chy_rules_profile(struct chy_ctx *cx, const char *name, const char **ret_name,
                              const json_t **ret)
{
    const json_t *doc;

    if (name == NULL)
        name = json_string_value(json_object_get(chy_rules_server(cx), "default-profile"));
    doc = name == NULL ? NULL : chy_policy_get(cx->policy, "profiles", name);
    if (doc == NULL)
        return chy_fail(cx, &CHY_P_invalidProfile,
                        "there is no profile \"%s\" (see meta.profiles "
                        "in the directory)",
                        name == NULL ? "" : name);
    *ret_name = name;
    *ret = doc;
    return CHY_OK;
}

int64_t chy_rules_int(const json_t *doc, const char *object, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(doc, object), key));
}
