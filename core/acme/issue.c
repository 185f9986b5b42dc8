/* SPDX-License-Identifier: Apache-2.0 */
/* Issuing: check, plan, sign.  Record before signing is between plan and sign, by the caller, because
 * a front and a worker record differently. */
#include "core/acme/issue.h"

#include <string.h>

#include "core/acme/digest.h"
#include "core/base/fault.h"
#include "core/base/id.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/ext/dispatch.h"
#include "core/pki/keys.h"

#define BACKDATE_MAX_S (47 * 3600) /* the signer refuses 48 h (core.md BR-05) */
#define AGAIN_AFTER_S 5            /* after a record that the signer did not sign */

static enum chy_rc check_key(struct chy_ctx *cx, const struct chy_issuance *is)
{
    const char *kind = chy_key_kind(cx, is->csr.key);

    if (chy_key_check(cx, is->csr.key, &CHY_P_badCSR) != CHY_OK)
        return CHY_ERR;
    if (kind == NULL || !chy_key_allowed(kind, json_object_get(is->profile, "keys")))
        return chy_fail(cx, &CHY_P_badCSR, "the profile %s does not take a key of kind %s",
                        is->order->profile, kind == NULL ? "unknown" : kind);
    return CHY_OK;
}

static bool lists_ident(const json_t *list, const struct chy_ident *id)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        if (strcmp(json_string_value(json_object_get(entry, "type")), id->type) == 0 &&
            strcmp(json_string_value(json_object_get(entry, "value")), id->value) == 0)
            return true;
    }
    return false;
}

static bool order_has(const struct chy_order *o, const json_t *entry)
{
    for (size_t i = 0; i < o->n_idents; i++)
        if (strcmp(json_string_value(json_object_get(entry, "type")), o->idents[i].type) == 0 &&
            strcmp(json_string_value(json_object_get(entry, "value")), o->idents[i].value) == 0)
            return true;
    return false;
}

/* The CSR asks for exactly the order's identifiers, as sets (RFC 8555 section 7.4). */
static enum chy_rc check_names(struct chy_ctx *cx, const struct chy_issuance *is)
{
    json_t *asked, *entry;
    size_t i;

    if (chy_csr_idents(cx, is->csr.req, is->csr.claims, is->csr.n_claims, &asked) != CHY_OK)
        return CHY_ERR;
    json_array_foreach(asked, i, entry)
    {
        if (!order_has(is->order, entry))
            return chy_fail(cx, &CHY_P_badCSR, "the CSR asks for %s, which is not in the order",
                            json_string_value(json_object_get(entry, "value")));
    }
    for (i = 0; i < is->order->n_idents; i++) {
        const struct chy_ident *id = &is->order->idents[i];
        const struct chy_ident_type *t = chy_registry_ident(is->registry, id->type);

        if (!lists_ident(asked, id) && (t == NULL || !t->csr_may_omit))
            return chy_fail(cx, &CHY_P_badCSR, "the CSR does not ask for %s, which is in the order",
                            id->value);
    }
    return CHY_OK;
}

/* method NULL: any that the profile takes. */
static enum chy_rc covers(struct chy_ctx *cx, const struct chy_issuance *is,
                          const struct chy_authz *authz, const struct chy_ident *id,
                          const char *method, bool *ret)
{
    *ret = false;
    if (strcmp(authz->ident.type, id->type) != 0 || strcmp(authz->status, "valid") != 0 ||
        authz->expires <= chy_now(cx) || authz->grant == NULL || authz->method == NULL ||
        !chy_id_equal(&authz->account_id, &is->order->account_id))
        return CHY_OK;
    if (method != NULL ? strcmp(authz->method, method) != 0
                       : !chy_json_lists(json_object_get(is->profile, "challenges"), authz->method))
        return CHY_OK;
    return chy_ident_covers(cx, &authz->ident, authz->wildcard, id, ret);
}

static enum chy_rc find_proof(struct chy_ctx *cx, const struct chy_issuance *is,
                              const struct chy_ident *id, const char *method,
                              const struct chy_authz **ret)
{
    for (size_t i = 0; i < is->n_authzs; i++) {
        bool yes;

        if (covers(cx, is, &is->authzs[i], id, method, &yes) != CHY_OK)
            return CHY_ERR;
        if (yes) {
            *ret = &is->authzs[i];
            return CHY_OK;
        }
    }
    return chy_fail(cx, &CHY_P_unauthorized,
                    "no valid authorization%s%s under the profile covers %s any more",
                    method == NULL ? "" : " by ", method == NULL ? "" : method, id->value);
}

static enum chy_rc find_proofs(struct chy_ctx *cx, struct chy_issuance *is)
{
    const json_t *required = json_object_get(is->profile, "require");

    is->n_ways = json_array_size(required) == 0 ? 1 : json_array_size(required);
    is->proofs = chy_alloc(cx, (is->order->n_idents * is->n_ways + 1) * sizeof *is->proofs);
    for (size_t i = 0; i < is->order->n_idents; i++)
        for (size_t k = 0; k < is->n_ways; k++)
            if (find_proof(cx, is, &is->order->idents[i],
                           json_string_value(json_array_get(required, k)),
                           &is->proofs[i * is->n_ways + k]) != CHY_OK)
                return CHY_ERR;
    return CHY_OK;
}

static enum chy_rc check_policy(struct chy_ctx *cx, struct chy_issuance *is)
{
    const char *name;
    bool publicly;

    if (chy_rules_profile(cx, is->order->profile, &name, &is->profile) != CHY_OK)
        return CHY_ERR;
    publicly = json_is_true(json_object_get(is->profile, "public"));
    name = json_string_value(json_object_get(is->profile, "issuer"));
    is->issuer = chy_rulebook_issuer(is->rules, name);
    if (is->issuer == NULL)
        return chy_fault_internal(cx, "issuer %s is not in the rulebook", name);
    for (size_t i = 0; i < is->order->n_idents; i++) {
        const struct chy_ident *id = &is->order->idents[i];
        const json_t *rule = json_object_get(json_object_get(is->profile, "identifiers"), id->type);

        if (rule == NULL)
            return chy_fail(cx, &CHY_P_rejectedIdentifier,
                            "the profile takes no identifiers of type %s any more", id->type);
        if (chy_ident_permitted(cx, id, rule, publicly) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}

enum chy_rc chy_issue_check(struct chy_ctx *cx, struct chy_issuance *is)
{
    if (check_policy(cx, is) != CHY_OK || check_key(cx, is) != CHY_OK ||
        check_names(cx, is) != CHY_OK)
        return CHY_ERR;
    return find_proofs(cx, is);
}

static bool is_stale(struct chy_ctx *cx, const struct chy_issuance *is, size_t ident)
{
    const struct chy_ident_type *t =
        chy_registry_ident(is->registry, is->order->idents[ident].type);

    return t != NULL && t->recheck != NULL &&
           is->proofs[ident * is->n_ways]->granted_at + (time_t)t->recheck_after_s <= chy_now(cx);
}

bool chy_issue_is_stale(struct chy_ctx *cx, const struct chy_issuance *is)
{
    for (size_t i = 0; i < is->order->n_idents; i++)
        if (is_stale(cx, is, i))
            return true;
    return false;
}

enum chy_rc chy_issue_recheck(struct chy_ctx *cx, const struct chy_issuance *is)
{
    for (size_t i = 0; i < is->order->n_idents; i++)
        if (is_stale(cx, is, i) &&
            chy_ident_recheck(cx, &is->order->idents[i], is->proofs[i * is->n_ways]->wildcard,
                              is->proofs[i * is->n_ways]->grant) != CHY_OK)
            return CHY_ERR;
    return CHY_OK;
}

/* "a,b,c" of the array doc[key]. */
static const char *joined(struct chy_ctx *cx, const json_t *doc, const char *key)
{
    const char *text = "";
    const json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(doc, key), i, entry)
    {
        text = chy_fmt(cx, "%s%s%s", text, i == 0 ? "" : ",", json_string_value(entry));
    }
    return text;
}

/* An empty list leaves the extension out. */
static enum chy_rc plan_usage(struct chy_ctx *cx, struct chy_issuance *is, const char *key)
{
    if (json_array_size(json_object_get(is->profile, key)) == 0)
        return CHY_OK;
    return chy_plan_usage(cx, is->plan, joined(cx, is->profile, key));
}

/* X.509 is inclusive of its last second; a lifetime of n seconds ends at n - 1 (core.md section 33). */
static enum chy_rc plan_validity(struct chy_ctx *cx, struct chy_issuance *is)
{
    struct chy_cert_record *r = &is->record;
    int64_t length = chy_rules_int(is->profile, "lifetime", "default");
    int64_t backdate = json_integer_value(json_object_get(is->profile, "backdate"));

    r->not_before = is->order->not_before != 0 ? is->order->not_before : chy_now(cx) - backdate;
    r->not_after = is->order->not_after != 0 ? is->order->not_after : r->not_before + length - 1;
    if (r->not_after <= chy_now(cx) || r->not_before < chy_now(cx) - BACKDATE_MAX_S ||
        r->not_after - r->not_before + 1 > chy_rules_int(is->profile, "lifetime", "max"))
        return chy_fail(cx, &CHY_P_malformed,
                        "the validity asked for can no longer be had under the profile");
    return chy_plan_validity(cx, is->plan, r->not_before, r->not_after);
}

static enum chy_rc fill_plan(struct chy_ctx *cx, struct chy_issuance *is)
{
    const char *shape = json_string_value(json_object_get(is->profile, "shape"));
    const char *status = is->order->status;
    X509_REQ *req = is->csr.req;

    if (plan_validity(cx, is) != CHY_OK || plan_usage(cx, is, "key-usage") != CHY_OK ||
        plan_usage(cx, is, "extended-key-usage") != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < is->order->n_idents; i++)
        if (chy_ident_contribute(cx, &is->order->idents[i], is->proofs[i * is->n_ways]->grant, req,
                                 is->plan) != CHY_OK)
            return CHY_ERR;
    if (shape != NULL && chy_profile_shape(cx, shape, is->order, req, is->plan) != CHY_OK)
        return CHY_ERR;
    if (chy_order_on_finalize(cx, is->order, req, is->plan) != CHY_OK)
        return CHY_ERR;
    if (is->order->status != status)
        return chy_fault_internal(cx, "a module sets an order status of its own: this version does "
                                      "not serve that");
    return CHY_OK;
}

enum chy_rc chy_issue_plan(struct chy_ctx *cx, struct chy_issuance *is)
{
    struct chy_cert_record *r = &is->record;

    if (chy_signer_reach(cx, is->signer) != CHY_OK)
        return CHY_ERR;
    chy_id_new(cx, &r->id);
    r->profile = is->order->profile;
    r->issuer = is->issuer->name;
    r->policy_revision = chy_policy_revision(cx->policy);
    memcpy(r->spki_sha256, is->csr.spki_sha256, sizeof r->spki_sha256);
    is->plan = chy_plan_new(cx, &is->csr, is->issuer, &r->id);
    if (fill_plan(cx, is) != CHY_OK || chy_plan_tbs(cx, is->plan, &is->tbs, &is->tbs_n) != CHY_OK)
        return CHY_ERR;
    r->names = chy_plan_names(cx, is->plan);
    chy_sha256(r->tbs_sha256, is->tbs, is->tbs_n);
    return CHY_OK;
}

/* Never signed, so nothing to revoke: a signer that is away for an hour must not fill the CRL. */
static void give_record_back(struct chy_ctx *cx, const struct chy_issuance *is)
{
    struct chy_problem reason = cx->problem;

    chy_problem_clear(cx);
    if (chy_certificate_void(cx, is->order, &is->record.id, chy_now(cx) + AGAIN_AFTER_S) != CHY_OK)
        chy_log_problem(cx, LOG_WARNING, "an unsigned record stays until its lease ends");
    cx->problem = reason;
}

enum chy_rc chy_issue_sign(struct chy_ctx *cx, struct chy_issuance *is, bool *ret_stored)
{
    const uint8_t *sig, *der;
    size_t sig_n, der_n;
    bool maybe_signed = false;

    chy_fault_point("issue.after-record");
    if (chy_signer_sign(cx, is->signer, is->issuer->name, is->tbs, is->tbs_n, &sig, &sig_n,
                        &maybe_signed) != CHY_OK) {
        if (!maybe_signed)
            give_record_back(cx, is);
        return CHY_ERR;
    }
    chy_fault_point("issue.after-signature");
    if (chy_plan_finish(cx, is->plan, is->issuer, is->tbs, is->tbs_n, sig, sig_n, &der, &der_n) !=
            CHY_OK ||
        chy_certificate_store(cx, is->order, &is->record.id, der, der_n, is->issuer->chain_pem,
                              ret_stored) != CHY_OK)
        return CHY_ERR;
    chy_fault_point("issue.after-store");
    return CHY_OK;
}
