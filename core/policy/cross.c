/* SPDX-License-Identifier: Apache-2.0 */
/* What no table can say: that what a document names exists, that limits fit inside limits.  Values that
 * their table already refused are absent here and are passed over: one mistake, one message. */
#include "core/policy/set.h"

#include <inttypes.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/objects.h>

#include "core/base/json.h"
#include "core/policy/keypattern.h"

#define WRONG(set, file, pointer, ...)                                                             \
    chy_yaml_error((set)->report, (file)->doc, (pointer), __VA_ARGS__)

static const char *text_of(const struct chy_policy_file *file, const char *key)
{
    return json_string_value(json_object_get(chy_yaml_json(file->doc), key));
}

/* The file that key names, or NULL with the reason reported. */
static const struct chy_policy_file *find_named(struct chy_policy_set *set,
                                                const struct chy_policy_file *file, const char *key,
                                                const char *kind, const char *called)
{
    const char *name = text_of(file, key);
    const struct chy_policy_file *found;
    const char *const *names;
    size_t n;

    if (name == NULL)
        return NULL;
    found = chy_policy_find(set, chy_fmt(set->cx, "%s/%s.yaml", kind, name));
    if (found != NULL && strcmp(found->kind, kind) == 0)
        return found;
    names = chy_policy_names(set, kind, false, &n);
    WRONG(set, file, chy_fmt(set->cx, "/%s", key), "there is no %s '%s' (%s/%s.yaml)%s", called,
          name, kind, name, chy_policy_hint(set->cx, name, names, n));
    return NULL;
}

static bool list_has(const char *const *list, const char *name)
{
    for (; list != NULL && *list != NULL; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static size_t list_size(const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

/* Calls check for every text of the list doc/key, and refuses those written twice. */
static void check_each(struct chy_policy_set *set, const struct chy_policy_file *file,
                       const char *key,
                       void (*check)(struct chy_policy_set *set, const struct chy_policy_file *file,
                                     const char *pointer, const char *value))
{
    const json_t *list = json_object_get(chy_yaml_json(file->doc), key), *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        const char *value = json_string_value(entry);
        const char *pointer = chy_fmt(set->cx, "/%s/%zu", key, i);
        bool twice = false;

        for (size_t j = 0; j < i && !twice; j++)
            twice = json_equal(entry, json_array_get(list, j));
        if (twice)
            WRONG(set, file, pointer, "'%s' is listed twice in '%s'", value, key);
        else if (check != NULL)
            check(set, file, pointer, value);
    }
}

/* ---- profiles ---- */

static void check_key(struct chy_policy_set *set, const struct chy_policy_file *file,
                      const char *pointer, const char *value)
{
    if (!chy_policy_key_pattern_valid(value))
        WRONG(set, file, pointer,
              "'%s' is no kind of key: ec-p256, ec-p384, ec-p521, ed25519, rsa-BITS or "
              "rsa-BITS..BITS with BITS from %d to %d",
              value, CHY_RSA_BITS_MIN, CHY_RSA_BITS_MAX);
}

static void check_purpose(struct chy_policy_set *set, const struct chy_policy_file *file,
                          const char *pointer, const char *value)
{
    static const char *const names[] = {
        "serverAuth",   "clientAuth",  "codeSigning", "emailProtection",
        "timeStamping", "OCSPSigning", NULL};
    ASN1_OBJECT *oid = list_has(names, value) ? NULL : OBJ_txt2obj(value, 1);

    if (oid == NULL && !list_has(names, value))
        WRONG(set, file, pointer, "'%s' is no extended key usage%s, or a dotted OID", value,
              chy_policy_hint(set->cx, value, names, list_size(names)));
    ASN1_OBJECT_free(oid);
    ERR_clear_error();
}

static const struct chy_challenge_type *challenge_type(const struct chy_policy_schema *schema,
                                                       const char *name)
{
    const struct chy_challenge_type *const *t = schema->challenge_types;

    for (; t != NULL && *t != NULL; t++)
        if (strcmp((*t)->name, name) == 0)
            return *t;
    return NULL;
}

static void check_challenge(struct chy_policy_set *set, const struct chy_policy_file *file,
                            const char *pointer, const char *value)
{
    const json_t *idents = json_object_get(chy_yaml_json(file->doc), "identifiers");
    const struct chy_challenge_type *type = challenge_type(set->schema, value);

    if (!list_has(set->schema->challenges, value)) {
        WRONG(set, file, pointer, "no loaded module has a challenge '%s'%s", value,
              chy_policy_hint(set->cx, value, set->schema->challenges,
                              list_size(set->schema->challenges)));
        return;
    }
    /* With a mistake elsewhere the identifiers may not be all there. */
    if (type == NULL || !chy_yaml_clean(file->doc))
        return;
    for (const char *const *i = type->ident_types; i != NULL && *i != NULL; i++)
        if (json_object_get(idents, *i) != NULL)
            return;
    WRONG(set, file, pointer, "challenge '%s' applies to none of this profile's identifiers",
          value);
}

/* What modules know of the values in their rules; they read normalised ones only. */
static void check_rules(struct chy_policy_set *set, const struct chy_policy_file *file)
{
    const json_t *idents = json_object_get(chy_yaml_json(file->doc), "identifiers");

    if (!chy_yaml_clean(file->doc))
        return;
    for (size_t i = 0; i < set->schema->n_rules; i++) {
        const struct chy_policy_rule *rule = &set->schema->rules[i];
        const json_t *written = json_object_get(idents, rule->ident_type);
        struct chy_policy_bridge b = chy_policy_bridge(
            set, file->doc, chy_fmt(set->cx, "/identifiers/%s", rule->ident_type));

        if (written != NULL && rule->check != NULL)
            rule->check(&b.base, written);
    }
}

static void check_shape(struct chy_policy_set *set, const struct chy_policy_file *file)
{
    const char *shape = text_of(file, "shape");

    if (shape != NULL && !list_has(set->schema->shapes, shape))
        WRONG(set, file, "/shape", "no loaded module has a profile '%s'%s", shape,
              chy_policy_hint(set->cx, shape, set->schema->shapes, list_size(set->schema->shapes)));
}

static void check_lifetime(struct chy_policy_set *set, const struct chy_policy_file *file,
                           const struct chy_policy_file *issuer)
{
    const json_t *lifetime = json_object_get(chy_yaml_json(file->doc), "lifetime");
    const json_t *most = json_object_get(lifetime, "max"),
                 *usual = json_object_get(lifetime, "default");
    const json_t *limit = issuer == NULL || issuer->doc == NULL
                              ? NULL
                              : json_object_get(chy_yaml_json(issuer->doc), "max-lifetime");

    if (most != NULL && usual != NULL && json_integer_value(usual) > json_integer_value(most))
        WRONG(set, file, "/lifetime/default", "default lifetime %s is over the maximum of %s",
              chy_duration_text(set->cx, json_integer_value(usual)),
              chy_duration_text(set->cx, json_integer_value(most)));
    if (most != NULL && limit != NULL && json_integer_value(most) > json_integer_value(limit))
        WRONG(set, file, "/lifetime/max", "lifetime %s is over issuer '%s' maximum of %s (%s:%u)",
              chy_duration_text(set->cx, json_integer_value(most)), issuer->name,
              chy_duration_text(set->cx, json_integer_value(limit)), issuer->path,
              chy_yaml_line(issuer->doc, "/max-lifetime"));
}

/* Publicly trusted certificates want several perspectives and CAA at every issuance; until this
 * program does both, a profile that promises them is refused. */
static void check_public(struct chy_policy_set *set, const struct chy_policy_file *file)
{
    const json_t *profile = chy_yaml_json(file->doc), *kind;
    size_t i;

    if (!json_is_true(json_object_get(profile, "public")))
        return;
    WRONG(set, file, "/public",
          "this version does not serve public profiles yet: it asks one perspective and checks "
          "no CAA");
    json_array_foreach(json_object_get(profile, "keys"), i, kind)
    {
        if (json_is_string(kind) && strcmp(json_string_value(kind), "ed25519") == 0)
            WRONG(set, file, chy_fmt(set->cx, "/keys/%zu", i),
                  "'ed25519' is not for publicly trusted certificates (Baseline Requirements "
                  "6.1.5)");
    }
}

static void check_required(struct chy_policy_set *set, const struct chy_policy_file *file,
                           const char *pointer, const char *value)
{
    const json_t *offered = json_object_get(chy_yaml_json(file->doc), "challenges");

    if (!chy_json_lists(offered, value))
        WRONG(set, file, pointer, "'%s' is required but not among this profile's challenges",
              value);
}

static void check_profile(struct chy_policy_set *set, const struct chy_policy_file *file)
{
    check_public(set, file);
    check_lifetime(set, file, find_named(set, file, "issuer", CHY_KIND_ISSUER, "issuer"));
    check_rules(set, file);
    check_each(set, file, "challenges", check_challenge);
    check_each(set, file, "require", check_required);
    check_each(set, file, "keys", check_key);
    check_each(set, file, "key-usage", NULL);
    check_each(set, file, "extended-key-usage", check_purpose);
    check_shape(set, file);
}

/* ---- chancery.yaml ---- */

/* It goes into the directory as it stands (RFC 8555 section 7.1.1). */
static void check_url(struct chy_policy_set *set, const struct chy_policy_file *file,
                      const char *key)
{
    const json_t *directory = json_object_get(chy_yaml_json(file->doc), "directory");
    const char *url = json_string_value(json_object_get(directory, key));
    const char *p = url;

    if (url == NULL)
        return;
    while (*p > ' ' && *p < 0x7f && strchr("\"<>\\^`{|}", *p) == NULL)
        p++;
    if (*p != '\0' || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))
        WRONG(set, file, chy_fmt(set->cx, "/directory/%s", key),
              "'%s' must be a URL that begins with https:// or http://", url);
}

static void check_caa_identities(struct chy_policy_set *set, const struct chy_policy_file *file)
{
    const json_t *directory = json_object_get(chy_yaml_json(file->doc), "directory");
    const json_t *list = json_object_get(directory, "caa-identities"), *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        const char *s = json_string_value(entry);

        if (strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(s) || *s == '.' ||
            *s == '-' || strstr(s, "..") != NULL || s[strlen(s) - 1] == '.')
            WRONG(set, file, chy_fmt(set->cx, "/directory/caa-identities/%zu", i),
                  "'%s' must be a domain name in lower case (RFC 8659 section 4.2)", s);
    }
}

void chy_policy_cross(struct chy_policy_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        struct chy_policy_file *file = &set->files[i];

        if (file->doc == NULL)
            continue;
        if (*file->kind == '\0') {
            (void)find_named(set, file, "default-profile", CHY_KIND_PROFILE, "profile");
            check_url(set, file, "website");
            check_url(set, file, "terms");
            check_caa_identities(set, file);
        } else if (strcmp(file->kind, CHY_KIND_ISSUER) == 0) {
            chy_policy_chain(set, file);
        } else if (strcmp(file->kind, CHY_KIND_PROFILE) == 0) {
            check_profile(set, file);
        }
    }
}
