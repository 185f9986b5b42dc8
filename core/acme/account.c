/* SPDX-License-Identifier: Apache-2.0 */
/* newAccount and the account resource (RFC 8555 sections 7.3, 7.3.1, 7.3.2).  Deactivation and key
 * change are not here yet and answer 501. */
#include <string.h>

#include "core/acme/contact.h"
#include "core/acme/request.h"
#include "core/base/id.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/store/accounts.h"

static void render(struct chy_acme *a, const struct chy_account *account)
{
    json_t *o = chy_keep_json(a->cx, json_pack("{s:s, s:s}", "status", account->status, "orders",
                                               chy_fmt(a->cx, "%s/orders", account->url)));

    if (json_array_size(account->contact) > 0)
        json_object_set(o, "contact", account->contact);
    if (account->terms_agreed != NULL)
        json_object_set_new(o, "termsOfServiceAgreed", json_true());
    chy_reply_json(a->cx, a->rp, o);
}

/* Terms in force, or NULL (core.md A-05). */
static const char *terms(struct chy_ctx *cx)
{
    return json_string_value(
        json_object_get(json_object_get(chy_rules_server(cx), "directory"), "terms"));
}

static enum chy_rc check_terms(struct chy_acme *a, const char **ret_agreed)
{
    const char *url = terms(a->cx);
    bool agreed = false;

    if (chy_json_opt_bool(a->cx, a->payload, "termsOfServiceAgreed", &agreed) != CHY_OK)
        return CHY_ERR;
    *ret_agreed = agreed ? url : NULL;
    if (url == NULL || agreed)
        return CHY_OK;
    if (chy_fail(a->cx, &CHY_P_userActionRequired,
                 "the terms of service must be agreed to: termsOfServiceAgreed (RFC 8555 section "
                 "7.3)") != CHY_OK) {
        a->cx->problem.instance = url;
        a->cx->problem.link = chy_fmt(a->cx, "<%s>;rel=\"terms-of-service\"", url);
    }
    return CHY_ERR;
}

static enum chy_rc read_request(struct chy_acme *a, struct chy_account *account, bool only_existing)
{
    json_t *contact = json_object_get(a->payload, "contact");

    account->contact = chy_keep_json(a->cx, json_array());
    if (only_existing)
        return CHY_OK; /* the rest does not matter then (core.md A-03) */
    if (json_is_null(contact))
        contact = NULL;
    if (contact != NULL && chy_contacts_read(a->cx, contact, &account->contact) != CHY_OK)
        return CHY_ERR;
    return check_terms(a, &account->terms_agreed);
}

static enum chy_rc answer(struct chy_acme *a, const struct chy_account *account, bool created)
{
    if (strcmp(account->status, "valid") != 0) {
        if (chy_fail(a->cx, &CHY_P_unauthorized,
                     "the account of this key is %s (RFC 8555 section 7.3.6)",
                     account->status) != CHY_OK)
            a->cx->problem.status = 401;
        return CHY_ERR;
    }
    a->rp->status = created ? 201 : 200;
    chy_reply_header(a->rp, "Location", account->url);
    render(a, account);
    return CHY_OK;
}

/* Would creating be refused, although the key may have an account already?  Then what is wrong with
 * the request must not matter (core.md A-02): look for the account before telling. */
static enum chy_rc find_or_refuse(struct chy_acme *a, const struct chy_account *wanted)
{
    struct chy_problem refusal = a->cx->problem;
    struct chy_account *found = NULL;
    bool created = false;

    chy_problem_clear(a->cx);
    if (chy_account_create(a->cx, &a->guard, wanted, a->jwk.thumbprint_raw, a->jwk.spki_sha256,
                           true, &found, &created) != CHY_OK)
        return CHY_ERR;
    if (found != NULL)
        return answer(a, found, false);
    a->cx->problem = refusal;
    return CHY_ERR;
}

enum chy_rc chy_new_account(struct chy_acme *a)
{
    struct chy_account wanted = {.jwk = a->jwk.canonical}, *account = NULL;
    bool only_existing = false, created = false;

    if (chy_acme_only_act(a) != CHY_OK ||
        chy_json_opt_bool(a->cx, a->payload, "onlyReturnExisting", &only_existing) != CHY_OK)
        return CHY_ERR;
    chy_id_new(a->cx, &wanted.id);
    if (read_request(a, &wanted, only_existing) != CHY_OK)
        return find_or_refuse(a, &wanted);
    if (chy_account_create(a->cx, &a->guard, &wanted, a->jwk.thumbprint_raw, a->jwk.spki_sha256,
                           only_existing, &account, &created) != CHY_OK)
        return CHY_ERR;
    if (account == NULL)
        return chy_fail(a->cx, &CHY_P_accountDoesNotExist,
                        "no account has this key (RFC 8555 section 7.3.1)");
    return answer(a, account, created);
}

/* Members that change something; everything else is ignored (core.md A-08). */
static enum chy_rc update(struct chy_acme *a, struct chy_account **ret)
{
    json_t *contact = json_object_get(a->payload, "contact"), *checked;
    const char *status = NULL;

    if (chy_json_opt_string(a->cx, a->payload, "status", &status) != CHY_OK)
        return CHY_ERR;
    if (status != NULL && strcmp(status, "deactivated") == 0)
        return chy_not_served_yet(a);
    if (contact == NULL)
        return chy_account_read_own(a->cx, &a->guard, ret);
    if (chy_contacts_read(a->cx, contact, &checked) != CHY_OK)
        return CHY_ERR;
    return chy_account_set_contact(a->cx, &a->guard, checked, ret);
}

enum chy_rc chy_account_post(struct chy_acme *a)
{
    struct chy_account *account;
    struct chy_id id;

    if (chy_acme_id(a, "id", &id) != CHY_OK)
        return CHY_ERR;
    if (!chy_id_equal(&id, &a->account.id))
        return chy_acme_not_found(a);
    if (a->payload == NULL ? chy_account_read_own(a->cx, &a->guard, &account) != CHY_OK
                           : update(a, &account) != CHY_OK)
        return CHY_ERR;
    a->rp->status = 200;
    render(a, account);
    return CHY_OK;
}
