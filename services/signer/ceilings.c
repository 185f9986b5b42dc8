/* SPDX-License-Identifier: Apache-2.0 */
/* Reading ceilings.yaml against its table.  What it names (keys, certificates) is opened by
 * keyring.c. */
#include "services/signer/ceilings.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/objects.h>

#include "core/base/file.h"
#include "core/base/problem.h"
#include "core/pki/keys.h"
#include "core/pki/names.h"
#include "core/policy/keypattern.h"

#define FILE_MAX (256 * 1024)
#define PASSWD_ROOM 16384
#define KEY_SCHEME "file:"
#define ID_KP "1.3.6.1.5.5.7.3." /* RFC 5280 section 4.2.1.12 */
#define ANY_PURPOSE "2.5.29.37.0"

static const struct chy_policy_item text_element = {.type = CHY_T_STRING, .min = 1, .max = 253};

static const struct chy_policy_item issuer_items[] = {
    {.name = "key",
     .type = CHY_T_STRING,
     .required = true,
     .min = 1,
     .max = 4096,
     .doc = "Private key, \"file:/absolute/path\" of a PEM file."},
    {.name = "certificate",
     .type = CHY_T_STRING,
     .required = true,
     .min = 1,
     .max = 4096,
     .doc = "The issuer's certificate, absolute path of a PEM file."},
    {.name = "max-lifetime",
     .type = CHY_T_DURATION,
     .required = true,
     .min = 1,
     .doc = "Longest validity of a certificate."},
    {.name = "keys",
     .type = CHY_T_LIST,
     .required = true,
     .min = 1,
     .max = 32,
     .element = &text_element,
     .doc = "Kinds of subject keys: ec-p256, rsa-2048..4096, ed25519."},
    {.name = "extensions",
     .type = CHY_T_LIST,
     .max = 64,
     .element = &text_element,
     .doc = "OIDs of extensions a certificate may have; without it, those that core builds."},
    {.name = "permitted-dns",
     .type = CHY_T_LIST,
     .min = 1, /* an empty list reads as "none", and would mean "any" */
     .max = 1000,
     .element = &text_element,
     .doc = "Suffixes that every DNS name must have; without this and permitted-ip, any name of "
            "any type may be signed."},
    {.name = "permitted-ip",
     .type = CHY_T_LIST,
     .min = 1,
     .max = 1000,
     .element = &text_element,
     .doc = "Ranges (10.0.0.0/8, 2001:db8::/32) in which every IP address must lie; without this "
            "and permitted-dns, any name of any type may be signed."},
    {.name = "allow-ca",
     .type = CHY_T_BOOL,
     .dflt = "false",
     .doc = "May a certificate be a CA's?"},
    {.name = "max-path-len",
     .type = CHY_T_INT,
     .max = 16,
     .dflt = "0",
     .doc = "How many CAs may follow below a CA that is signed."},
    {.name = "max-ahead",
     .type = CHY_T_DURATION,
     .dflt = "48h",
     .doc = "How far in the future notBefore may lie."},
    {.name = "purposes",
     .type = CHY_T_LIST,
     .min = 1,
     .max = 64,
     .element = &text_element,
     .doc = "Extended key usages (names or OIDs) a certificate may have; without it, TLS server "
            "and client."},
    {.name = "purpose-required",
     .type = CHY_T_BOOL,
     .dflt = "false",
     .doc = "Must a certificate have an extended key usage?  Without one it is for any."},
    {0},
};

static const struct chy_policy_item issuer_element = {.type = CHY_T_OBJECT, .items = issuer_items};

static const struct chy_policy_item ceilings_items[] = {
    {.name = "version",
     .type = CHY_T_INT,
     .required = true,
     .min = 1,
     .max = 1,
     .doc = "Version of this format."},
    {.name = "clients",
     .type = CHY_T_LIST,
     .min = 1,
     .max = 64,
     .element = &text_element,
     .doc = "Users (names or numbers) whose processes may ask; without it, the signer's own."},
    {.name = "issuers",
     .type = CHY_T_MAP,
     .required = true,
     .min = 1,
     .max = 64,
     .element = &issuer_element,
     .doc = "What each issuer may sign at most."},
    {0},
};

/* What core/pki/plan.h builds by itself. */
static json_t *core_extensions(struct chy_ctx *cx)
{
    return chy_keep_json(cx, json_pack("[s,s,s,s,s,s,s,s]", "2.5.29.35", "2.5.29.14", "2.5.29.15",
                                       "2.5.29.37", "2.5.29.19", "2.5.29.17", "2.5.29.31",
                                       "1.3.6.1.5.5.7.1.1"));
}

/* A group or world that may write here may widen everything. */
static enum chy_rc check_owner(struct chy_ctx *cx, const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be read: %s", path, strerror(errno));
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: belongs to user %u; chown it to root or to the signer's user", path,
                        (unsigned)st.st_uid);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s: may be written by others than its owner; chmod go-w", path);
    return CHY_OK;
}

static bool all_digits(const char *s)
{
    return *s != '\0' && strspn(s, "0123456789") == strlen(s) && strlen(s) < 10;
}

/* A user by name or number; false if there is none. */
static bool read_user(const char *text, uid_t *ret_uid, bool *ret_named, gid_t *ret_gid)
{
    struct passwd pw, *found = NULL;
    char room[PASSWD_ROOM];

    *ret_named = !all_digits(text);
    if (!*ret_named) {
        *ret_uid = (uid_t)strtoul(text, NULL, 10);
        return true;
    }
    if (getpwnam_r(text, &pw, room, sizeof room, &found) != 0 || found == NULL)
        return false;
    *ret_uid = pw.pw_uid;
    *ret_gid = pw.pw_gid;
    return true;
}

static void read_clients(struct chy_ctx *cx, struct chy_report *report, struct chy_yaml_doc *doc,
                         struct chy_ceilings *c)
{
    const json_t *list = json_object_get(chy_yaml_json(doc), "clients"), *v;
    size_t i, n = json_array_size(list);

    c->clients = chy_alloc(cx, (n + 1) * sizeof *c->clients);
    if (n == 0)
        c->clients[c->n_clients++] = geteuid();
    json_array_foreach(list, i, v)
    {
        bool named;
        gid_t group = 0;

        if (!read_user(json_string_value(v), &c->clients[c->n_clients], &named, &group)) {
            chy_yaml_error(report, doc, chy_fmt(cx, "/clients/%zu", i), "there is no user '%s'",
                           json_string_value(v));
            continue;
        }
        c->n_clients++;
        if (named && !c->has_group) {
            c->has_group = true;
            c->group = group;
        }
    }
}

static const char *pointer(struct chy_ctx *cx, const char *issuer, const char *rest)
{
    return chy_fmt(cx, "/issuers/%s/%s", issuer, rest);
}

static void check_lists(struct chy_ctx *cx, struct chy_report *report, struct chy_yaml_doc *doc,
                        const struct chy_ceiling *c)
{
    const json_t *v;
    size_t i;

    json_array_foreach(c->keys, i, v) if (!chy_policy_key_pattern_valid(json_string_value(v)))
        chy_yaml_error(report, doc, pointer(cx, c->name, chy_fmt(cx, "keys/%zu", i)),
                       "'%s' is no kind of key", json_string_value(v));
    json_array_foreach(c->extensions, i, v)
    {
        ASN1_OBJECT *oid = OBJ_txt2obj(json_string_value(v), 1);

        if (oid == NULL)
            chy_yaml_error(report, doc, pointer(cx, c->name, chy_fmt(cx, "extensions/%zu", i)),
                           "'%s' is no OID", json_string_value(v));
        ASN1_OBJECT_free(oid);
    }
    json_array_foreach(c->permitted_dns, i,
                       v) if (json_string_value(v)[0] == '.' || json_string_value(v)[0] == '*')
        chy_yaml_error(report, doc, pointer(cx, c->name, chy_fmt(cx, "permitted-dns/%zu", i)),
                       "write the suffix without '*' and leading dot");
}

static void read_ranges(struct chy_ctx *cx, struct chy_report *report, struct chy_yaml_doc *doc,
                        const json_t *list, struct chy_ceiling *c)
{
    const json_t *v;
    size_t i;

    c->permitted_ip = chy_alloc(cx, (json_array_size(list) + 1) * sizeof *c->permitted_ip);
    json_array_foreach(list, i, v)
    {
        if (chy_prefix_read(&c->permitted_ip[c->n_permitted_ip], json_string_value(v)))
            c->n_permitted_ip++;
        else
            chy_yaml_error(report, doc, pointer(cx, c->name, chy_fmt(cx, "permitted-ip/%zu", i)),
                           "'%s' is no address or range such as 10.0.0.0/8 (bits behind the prefix "
                           "must be 0)",
                           json_string_value(v));
    }
}

/* A name of OpenSSL's under id-kp (or "any"), or a dotted OID, as dotted OID; NULL if neither. */
static const char *purpose_oid(struct chy_ctx *cx, const char *word)
{
    bool dotted = word[0] >= '0' && word[0] <= '9';
    ASN1_OBJECT *oid = OBJ_txt2obj(word, dotted);
    const char *text = oid != NULL ? chy_oid_text(cx, oid) : NULL;

    ASN1_OBJECT_free(oid);
    ERR_clear_error();
    if (!dotted && text != NULL && strncmp(text, ID_KP, strlen(ID_KP)) != 0 &&
        strcmp(text, ANY_PURPOSE) != 0)
        return NULL;
    return text;
}

static const json_t *read_purposes(struct chy_ctx *cx, struct chy_report *report,
                                   struct chy_yaml_doc *doc, const char *issuer, const json_t *list)
{
    json_t *oids;
    const json_t *v;
    size_t i;

    if (list == NULL) /* serverAuth, clientAuth */
        return chy_keep_json(cx, json_pack("[s,s]", ID_KP "1", ID_KP "2"));
    oids = chy_keep_json(cx, json_array());
    json_array_foreach(list, i, v)
    {
        const char *oid = purpose_oid(cx, json_string_value(v));

        if (oid == NULL)
            chy_yaml_error(report, doc, pointer(cx, issuer, chy_fmt(cx, "purposes/%zu", i)),
                           "'%s' is no extended key usage", json_string_value(v));
        else
            json_array_append_new(oids, json_string(oid));
    }
    return oids;
}

static void read_issuer(struct chy_ctx *cx, struct chy_report *report, struct chy_yaml_doc *doc,
                        const char *name, const json_t *o, struct chy_ceiling *ret)
{
    const char *key = json_string_value(json_object_get(o, "key"));
    const char *cert = json_string_value(json_object_get(o, "certificate"));

    *ret = (struct chy_ceiling){
        .name = chy_fmt(cx, "%s", name),
        .cert_path = cert,
        .max_lifetime_s = json_integer_value(json_object_get(o, "max-lifetime")),
        .keys = json_object_get(o, "keys"),
        .extensions = json_object_get(o, "extensions"),
        .permitted_dns = json_object_get(o, "permitted-dns"),
        .allow_ca = json_is_true(json_object_get(o, "allow-ca")),
        .max_path_len = json_integer_value(json_object_get(o, "max-path-len")),
        .max_ahead_s = json_integer_value(json_object_get(o, "max-ahead")),
        .purpose_required = json_is_true(json_object_get(o, "purpose-required")),
    };
    ret->purposes = read_purposes(cx, report, doc, name, json_object_get(o, "purposes"));
    if (ret->extensions == NULL)
        ret->extensions = core_extensions(cx);
    if (key == NULL || strncmp(key, KEY_SCHEME "/", sizeof KEY_SCHEME) != 0)
        chy_yaml_error(report, doc, pointer(cx, name, "key"),
                       "is not \"file:\" and an absolute path");
    else
        ret->key_path = key + sizeof KEY_SCHEME - 1;
    if (cert == NULL || cert[0] != '/')
        chy_yaml_error(report, doc, pointer(cx, name, "certificate"), "is not an absolute path");
    read_ranges(cx, report, doc, json_object_get(o, "permitted-ip"), ret);
    ret->bounds_names = json_array_size(ret->permitted_dns) > 0 || ret->n_permitted_ip > 0;
    check_lists(cx, report, doc, ret);
}

static struct chy_ceilings *read_all(struct chy_ctx *cx, struct chy_report *report,
                                     struct chy_yaml_doc *doc)
{
    struct chy_ceilings *c = chy_alloc(cx, sizeof *c);
    json_t *issuers = json_object_get(chy_yaml_json(doc), "issuers"), *v;
    const char *name;

    read_clients(cx, report, doc, c);
    c->issuers = chy_alloc(cx, (json_object_size(issuers) + 1) * sizeof *c->issuers);
    json_object_foreach(issuers, name, v)
        read_issuer(cx, report, doc, name, v, &c->issuers[c->n_issuers++]);
    return c;
}

enum chy_rc chy_ceilings_read(struct chy_ctx *cx, const char *path, struct chy_report *report,
                              struct chy_ceilings **ret)
{
    size_t before = chy_report_count(report), n;
    struct chy_yaml_doc *doc;
    struct chy_ceilings *c;
    char *text;

    if (check_owner(cx, path) != CHY_OK || chy_file_read(cx, path, FILE_MAX, &text, &n) != CHY_OK)
        return CHY_ERR;
    doc = chy_yaml_check(cx, report, path, "ceilings", text, n, ceilings_items);
    if (doc == NULL || chy_report_count(report) != before)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: has mistakes", path);
    c = read_all(cx, report, doc);
    if (chy_report_count(report) != before)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: has mistakes", path);
    *ret = c;
    return CHY_OK;
}
