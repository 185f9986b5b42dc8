/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: can the signer use every issuer's key and certificate, and does policy stay below what it
 * would sign? */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/ext/registry.h"
#include "core/policy/policy.h"
#include "services/chancery/commands.h"
#include "services/chancery/doctor.h"
#include "services/chancery/issuers.h"

#define DAY 86400
#define SOON_DAYS 180 /* a new one must reach every client before the old one ends */

static enum chy_rc read_issuers(struct chy_look *l, struct chy_issuer_states *ret)
{
    struct chy_identity self;

    return chy_identity_find(l->cx, NULL, &self) == CHY_OK
               ? chy_issuers_read(l->cx, l->node, l->libexec, &self, ret)
               : CHY_ERR;
}

/* The root certifies the same key and name anew. */
static const char *new_certificate(struct chy_look *l, const struct chy_issuer_state *s)
{
    return chy_fmt(l->cx, "%s && %s && %s   # the root's key must be on this host",
                   chy_cli_line(l->cx, l->node,
                                chy_fmt(l->cx, "issuer renew %s", chy_cli_word(l->cx, s->name))),
                   chy_cli_line(l->cx, l->node, "down"), chy_cli_line(l->cx, l->node, "up"));
}

/* What the file system says of a key that the signer cannot use; NULL: nothing is wrong there. */
static const char *key_mend(struct chy_look *l, const struct chy_issuer_state *s)
{
    const char *key = chy_cli_word(l->cx, s->key), *user = l->node->signer_user;
    struct stat st;

    if (lstat(s->key, &st) != 0)
        return chy_fmt(l->cx, "put the key back from a backup, or correct key: in %s",
                       l->node->ceilings);
    if (!S_ISREG(st.st_mode))
        return chy_fmt(l->cx, "put the key itself there, no link, or correct key: in %s",
                       l->node->ceilings);
    if (st.st_uid == geteuid() && (st.st_mode & (S_IRWXG | S_IRWXO)) == 0 &&
        (st.st_mode & S_IRUSR) != 0)
        return NULL;
    return st.st_uid == geteuid() || user == NULL
               ? chy_fmt(l->cx, "chmod 600 %s", key)
               : chy_fmt(l->cx, "chown %s %s && chmod 600 %s", chy_cli_word(l->cx, user), key, key);
}

static const char *certificate_mend(struct chy_look *l, const struct chy_issuer_state *s)
{
    struct stat st;

    if (lstat(s->certificate, &st) == 0)
        return NULL;
    return chy_fmt(
        l->cx,
        "put the certificate back, from a backup or from the chain of any that it issued, "
        "or correct certificate: in %s",
        l->node->ceilings);
}

static void unusable(struct chy_look *l, const struct chy_issuer_state *s)
{
    const char *sentence, *rest, *mend = key_mend(l, s);

    chy_doctor_split(l->cx, s->error, &sentence, &rest);
    if (mend == NULL)
        mend = certificate_mend(l, s);
    if (mend == NULL)
        mend = rest == NULL || strstr(rest, "correct the ceilings") != NULL
                   ? chy_fmt(l->cx,
                             "name the certificate of that key, or the key of that certificate, in "
                             "%s (issuers, %s)",
                             l->node->ceilings, s->name)
                   : rest;
    chy_found(l, CHY_D_FAIL, mend, "issuer %s: %s", s->name, sentence);
}

/* False: something was found. */
static bool look_at_issuer(struct chy_look *l, const struct chy_issuer_state *s)
{
    time_t now = chy_now(l->cx);
    char when[21];

    if (s->error != NULL) {
        unusable(l, s);
        return false;
    }
    chy_clock_rfc3339(s->not_after, when);
    if (s->not_after < now) {
        chy_found(l, CHY_D_FAIL, new_certificate(l, s),
                  "issuer %s: its certificate in %s ended at %s; nothing is issued any more",
                  s->name, s->certificate, when);
        return false;
    }
    if (s->not_after - now < SOON_DAYS * DAY) {
        chy_found(l, CHY_D_WARN, new_certificate(l, s),
                  "issuer %s: its certificate in %s ends at %s, and no certificate outlives it",
                  s->name, s->certificate, when);
        return false;
    }
    return true;
}

void chy_look_issuers(struct chy_look *l)
{
    struct chy_issuer_states states;
    bool well = true;

    if (read_issuers(l, &states) != CHY_OK) {
        chy_found_refusal(l, CHY_D_FAIL, NULL);
        return;
    }
    for (size_t i = 0; i < states.n; i++)
        well = look_at_issuer(l, &states.v[i]) && well;
    if (well)
        chy_found(l, CHY_D_OK, NULL, "%zu, the signer can use every key and certificate", states.n);
}

/* ---- policy against the ceilings ------------------------------------------------ */

struct comparison {
    struct chy_look *l;
    const struct chy_issuer_states *states;
    unsigned profiles, over;
};

static const struct chy_issuer_state *find(const struct chy_issuer_states *states, const char *name)
{
    for (size_t i = 0; i < states->n; i++)
        if (name != NULL && strcmp(states->v[i].name, name) == 0)
            return &states->v[i];
    return NULL;
}

static void compare(void *arg, const char *name, const json_t *doc)
{
    struct comparison *c = arg;
    const char *issuer = json_string_value(json_object_get(doc, "issuer"));
    const struct chy_issuer_state *s = find(c->states, issuer);
    const json_t *life = json_object_get(doc, "lifetime");
    long long most = json_integer_value(json_object_get(life, "max"));
    const char *ceilings = c->l->node->ceilings;

    c->profiles++;
    if (s != NULL && most <= s->max_lifetime_s)
        return;
    c->over++;
    if (s == NULL)
        chy_found(c->l, CHY_D_FAIL, chy_fmt(c->l->cx, "add issuer %s to %s", issuer, ceilings),
                  "profiles/%s.yaml: the signer knows no issuer %s", name, issuer);
    else
        chy_found(
            c->l, CHY_D_FAIL,
            chy_fmt(c->l->cx,
                    "lower lifetime.max in profiles/%s.yaml, or raise max-lifetime "
                    "of %s in %s and restart",
                    name, issuer, ceilings),
            "profiles/%s.yaml: promises %lld days, and the signer signs at most %lld for issuer "
            "%s",
            name, most / DAY, (long long)s->max_lifetime_s / DAY, issuer);
}

void chy_look_ceilings(struct chy_look *l)
{
    struct chy_issuer_states states;
    struct comparison c = {.l = l, .states = &states};
    struct chy_registry *registry;
    struct chy_policy *policy;

    if (read_issuers(l, &states) != CHY_OK) {
        chy_found_refusal(l, CHY_D_FAIL, NULL);
        return;
    }
    if (chy_cli_modules(l->cx, l->node, &registry) != CHY_OK ||
        chy_policy_load(l->cx, l->node->policy_dir, chy_registry_policy_schema(registry),
                        chy_report_new(l->cx), &policy) != CHY_OK) {
        chy_found(l, CHY_D_SKIP, NULL, "cannot be compared with a policy that cannot be loaded");
        return;
    }
    chy_policy_each(policy, "profiles", compare, &c);
    if (c.over == 0)
        chy_found(l, CHY_D_OK, NULL, "%u profiles, none over what the signer may sign", c.profiles);
}
