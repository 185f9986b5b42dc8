/* SPDX-License-Identifier: Apache-2.0 */
/* One module by itself: is everything said that has no default, and everything there that will be
 * called?  What is missing here refuses the load, so that no call later meets a hole.  What modules
 * mean to each other is in names.c. */
#include <string.h>

#include "core/ext/tables.h"

bool chy_wire_name_ok(const char *name)
{
    size_t n;

    if (name == NULL)
        return false;
    n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    return n > 0 && n <= 64 && name[n] == '\0' && name[0] != '.' && name[0] != '-';
}

struct function {
    const char *name;
    bool there;
};

static enum chy_rc check_functions(struct chy_ctx *cx, const struct chy_module *m, const char *what,
                                   const char *of, const struct function *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!list[i].there)
            return CHY_REFUSE(cx, m, "%s %s has no function %s; it is required, write it", what, of,
                              list[i].name);
    }
    return CHY_OK;
}

/* ---- identifier types ---- */

static bool claim_ok(const char *claim)
{
    static const char *const kinds[] = {"san:", "subject:", "ext:", "attribute:"};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i]);

        if (strncmp(claim, kinds[i], n) == 0)
            return claim[n] != '\0' && strlen(claim) <= 128;
    }
    return false;
}

static enum chy_rc check_claims(struct chy_ctx *cx, const struct chy_module *m,
                                const struct chy_ident_type *t)
{
    CHY_EACH(i, t->claims)
    {
        const char *claim = t->claims[i];

        if (!claim_ok(claim))
            return CHY_REFUSE(cx, m,
                              "identifier type %s claims '%s'; a claim begins with san:, subject:, "
                              "ext: or attribute:",
                              t->name, claim);
    }
    if ((t->claims == NULL || t->claims[0] == NULL) && !t->csr_may_omit)
        return CHY_REFUSE(
            cx, m,
            "identifier type %s claims nothing of a CSR, so that no CSR could name it; "
            "list its claims or set csr_may_omit",
            t->name);
    return CHY_OK;
}

static enum chy_rc check_ident(struct chy_ctx *cx, const struct chy_module *m,
                               const struct chy_ident_type *t)
{
    const struct function required[] = {
        {"parse", t->parse != NULL},
        {"permitted", t->permitted != NULL},
        {"from_csr", t->from_csr != NULL},
        {"contribute", t->contribute != NULL},
    };

    if (!chy_wire_name_ok(t->name))
        return CHY_REFUSE(cx, m, "identifier type with the unusable name '%s'; correct it",
                          t->name != NULL ? t->name : "");
    if (check_functions(cx, m, "identifier type", t->name, required, 4) != CHY_OK)
        return CHY_ERR;
    if (t->recheck != NULL && t->recheck_after_s == 0)
        return CHY_REFUSE(cx, m,
                          "identifier type %s has recheck but no recheck_after_s; say at what age "
                          "it is due",
                          t->name);
    if (t->recheck == NULL && t->recheck_after_s != 0)
        return CHY_REFUSE(
            cx, m,
            "identifier type %s has recheck_after_s but no function recheck; write it "
            "or leave both out",
            t->name);
    if (check_claims(cx, m, t) != CHY_OK)
        return CHY_ERR;
    return chy_check_items(cx, m, t->name, t->rule);
}

/* ---- challenge types ---- */

static enum chy_rc check_said(struct chy_ctx *cx, const struct chy_module *m,
                              const struct chy_challenge_type *t)
{
    const struct {
        const char *property;
        unsigned value, last;
    } said[] = {
        {"binding", t->binding, CHY_BIND_FINGERPRINT},
        {"network", t->network, CHY_NET_OUTBOUND},
        {"perspectives", t->perspectives, CHY_MP_NEEDED},
        {"wildcard", t->wildcard, CHY_YN_YES},
        {"subdomain", t->subdomain, CHY_YN_YES},
        {"caa_method", t->caa_method != NULL && t->caa_method[0] != '\0', 1},
        {"max_evidence_age_s", t->max_evidence_age_s != 0, 1},
        {"attempts", t->attempts != 0, 1},
        {"fallback", t->fallback != NULL, 1},
        {"ident_types", t->ident_types != NULL && t->ident_types[0] != NULL, 1},
    };

    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        if (said[i].value == 0)
            return CHY_REFUSE(cx, m,
                              "challenge type %s does not say %s; it is required and has no "
                              "default, set it",
                              t->name, said[i].property);
        if (said[i].value > said[i].last)
            return CHY_REFUSE(cx, m,
                              "challenge type %s has %s = %u, which means nothing; correct it",
                              t->name, said[i].property, said[i].value);
    }
    return CHY_OK;
}

static enum chy_rc check_network(struct chy_ctx *cx, const struct chy_module *m,
                                 const struct chy_challenge_type *t)
{
    if (t->network == CHY_NET_OUTBOUND && t->probe == NULL)
        return CHY_REFUSE(cx, m,
                          "challenge type %s has no function probe, yet its network is OUTBOUND; "
                          "write it",
                          t->name);
    if (t->network == CHY_NET_NONE && t->probe != NULL)
        return CHY_REFUSE(cx, m,
                          "challenge type %s has a function probe, yet its network is NONE; say "
                          "OUTBOUND or leave probe out",
                          t->name);
    if (t->network == CHY_NET_NONE && t->perspectives == CHY_MP_NEEDED)
        return CHY_REFUSE(cx, m,
                          "challenge type %s needs perspectives, yet its network is NONE; there is "
                          "nothing to see from elsewhere, say NOT_NEEDED",
                          t->name);
    return CHY_OK;
}

static enum chy_rc check_challenge(struct chy_ctx *cx, const struct chy_module *m,
                                   const struct chy_challenge_type *t)
{
    const struct function required[] = {
        {"offer", t->offer != NULL},
        {"step", t->step != NULL},
    };

    if (!chy_wire_name_ok(t->name))
        return CHY_REFUSE(cx, m, "challenge type with the unusable name '%s'; correct it",
                          t->name != NULL ? t->name : "");
    if (check_said(cx, m, t) != CHY_OK ||
        check_functions(cx, m, "challenge type", t->name, required, 2) != CHY_OK)
        return CHY_ERR;
    if (t->fallback->urn == NULL || t->fallback->status < 400 || t->fallback->status > 599)
        return CHY_REFUSE(cx, m,
                          "challenge type %s has a fallback without URN or with the status %d; it "
                          "must be a problem of 400 to 599",
                          t->name, t->fallback->status);
    return check_network(cx, m, t);
}

/* ---- orders and profiles ---- */

static enum chy_rc check_order_ext(struct chy_ctx *cx, const struct chy_module *m)
{
    const struct chy_order_ext *x = m->order_ext;

    if (x == NULL)
        return CHY_OK;
    CHY_EACH(i, x->members)
    {
        if (!chy_wire_name_ok(x->members[i]))
            return CHY_REFUSE(cx, m, "newOrder member with the unusable name '%s'; correct it",
                              x->members[i]);
    }
    CHY_EACH(i, x->statuses)
    {
        if (!chy_wire_name_ok(x->statuses[i]))
            return CHY_REFUSE(cx, m, "order status with the unusable name '%s'; correct it",
                              x->statuses[i]);
    }
    if (x->members != NULL && x->members[0] != NULL && x->on_new == NULL)
        return CHY_REFUSE(cx, m,
                          "order extension has no function on_new, so that its member %s would be "
                          "ignored; it is required, write it",
                          x->members[0]);
    return CHY_OK;
}

static enum chy_rc check_profile(struct chy_ctx *cx, const struct chy_module *m,
                                 const struct chy_profile *p)
{
    const struct function required[] = {{"shape", p->shape != NULL}};

    if (!chy_wire_name_ok(p->name))
        return CHY_REFUSE(cx, m, "profile with the unusable name '%s'; correct it",
                          p->name != NULL ? p->name : "");
    return check_functions(cx, m, "profile", p->name, required, 1);
}

/* ---- migrations and what is not served ---- */

static enum chy_rc check_migrations(struct chy_ctx *cx, const struct chy_module *m)
{
    unsigned expected = 1;

    for (const struct chy_migration *g = m->migrations; g != NULL && g->sql != NULL; g++) {
        if (g->version != expected)
            return CHY_REFUSE(cx, m,
                              "migration %u stands where %u is due; number them 1, 2, 3 without "
                              "holes",
                              g->version, expected);
        if (g->name == NULL || g->name[0] == '\0')
            return CHY_REFUSE(cx, m, "migration %u has no name; give it one", g->version);
        expected++;
    }
    return CHY_OK;
}

static bool any_first_read(const struct chy_module *m)
{
    CHY_EACH(i, m->challenge_types)
    {
        if (m->challenge_types[i]->on_first_read != NULL)
            return true;
    }
    return false;
}

/* What core does not call yet would be left out in silence: a veto that nobody asks for. */
static enum chy_rc check_unserved(struct chy_ctx *cx, const struct chy_module *m)
{
    const struct chy_order_ext *x = m->order_ext;
    const struct chy_object_ext *o = m->object_ext;
    const struct {
        const char *capability;
        bool asked;
    } unserved[] = {
        {"issuers", m->issuers != NULL && m->issuers[0] != NULL},
        {"metrics", m->metrics != NULL && m->metrics[0] != NULL},
        {"on_first_read", any_first_read(m)},
        {"on_update", x != NULL && x->on_update != NULL},
        {"on_issued", x != NULL && x->on_issued != NULL},
        {"on_revoke", x != NULL && x->on_revoke != NULL},
        {"account", o != NULL && o->account != NULL},
        {"authz", o != NULL && o->authz != NULL},
    };

    for (size_t i = 0; i < sizeof unserved / sizeof *unserved; i++) {
        if (unserved[i].asked)
            return CHY_REFUSE(
                cx, m,
                "this version does not serve capability %s yet; leave it out or use a "
                "version that does",
                unserved[i].capability);
    }
    return CHY_OK;
}

enum chy_rc chy_check_module(struct chy_ctx *cx, const struct chy_module *m)
{
    if (check_unserved(cx, m) != CHY_OK)
        return CHY_ERR;
    CHY_EACH(i, m->ident_types)
    {
        if (check_ident(cx, m, m->ident_types[i]) != CHY_OK)
            return CHY_ERR;
    }
    CHY_EACH(i, m->challenge_types)
    {
        if (check_challenge(cx, m, m->challenge_types[i]) != CHY_OK)
            return CHY_ERR;
    }
    CHY_EACH(i, m->profiles)
    {
        if (check_profile(cx, m, m->profiles[i]) != CHY_OK)
            return CHY_ERR;
    }
    if (check_order_ext(cx, m) != CHY_OK || check_migrations(cx, m) != CHY_OK ||
        chy_check_policy(cx, m) != CHY_OK || chy_check_client(cx, m) != CHY_OK)
        return CHY_ERR;
    return chy_check_serve(cx, m);
}
