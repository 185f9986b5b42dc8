/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into identifier types (RFC 8555 sections 7.1.3, 7.4).  What a module answers is looked at
 * before core believes it: types it does not own, values that could not be stored. */
#include <string.h>

#include "core/base/json.h"
#include "core/base/utf8.h"
#include "core/ext/call.h"

#define VALUE_MAX 4096 /* octets of a canonical value */

/* Every identifier that reaches these functions was parsed or stored before. */
static enum chy_rc find_type(struct chy_ctx *cx, const struct chy_ident *id,
                             const struct chy_ident_type **ret)
{
    const struct chy_ident_type *t =
        cx->registry != NULL ? chy_registry_ident(cx->registry, id->type) : NULL;

    if (t == NULL)
        return chy_fault_internal(cx, "no loaded module has the identifier type %s", id->type);
    *ret = t;
    return CHY_OK;
}

static bool value_ok(const char *value)
{
    size_t n = value != NULL ? strnlen(value, VALUE_MAX + 1) : 0;

    return n > 0 && n <= VALUE_MAX && chy_utf8_valid((const uint8_t *)value, n);
}

/* An identifier that module's function gave back: of that type, with a value that can be kept. */
static enum chy_rc check_ident(struct chy_ctx *cx, const struct chy_ident_type *t,
                               const char *function, struct chy_ident *id)
{
    if (id->type == NULL || strcmp(id->type, t->name) != 0)
        return chy_fault_internal(cx, "%s of identifier type %s gave an identifier of type %s",
                                  function, t->name, id->type != NULL ? id->type : "(none)");
    if (!value_ok(id->value))
        return chy_fault_internal(
            cx, "%s of identifier type %s gave a value that is no UTF-8 text of 1 to %d octets",
            function, t->name, VALUE_MAX);
    if (id->shown != NULL && !value_ok(id->shown))
        return chy_fault_internal(
            cx, "%s of identifier type %s would show text that is no UTF-8 of 1 to %d octets",
            function, t->name, VALUE_MAX);
    id->type = t->name;
    if (id->shown == NULL)
        id->shown = id->value;
    return CHY_OK;
}

enum chy_rc chy_ident_parse(struct chy_ctx *cx, const json_t *object, struct chy_ident *ret)
{
    const struct chy_ident_type *t;
    struct chy_ident id = {0};
    struct chy_call call;
    const char *type;

    if (!json_is_object(object))
        return chy_fail(cx, &CHY_P_malformed,
                        "an identifier must be an object with type and value (RFC 8555 section "
                        "7.1.3)");
    if (chy_json_string(cx, object, "type", &type) != CHY_OK)
        return CHY_ERR;
    t = cx->registry != NULL ? chy_registry_ident(cx->registry, type) : NULL;
    if (t == NULL)
        return chy_fail(cx, &CHY_P_unsupportedIdentifier,
                        "identifier type '%s' is not supported by this server (RFC 8555 section "
                        "7.1.3)",
                        chy_printable(cx, type, strlen(type), 64));
    if (chy_call_begin(cx, &call, t, CHY_STAGE_REQUEST, "parse", t->name) != CHY_OK ||
        chy_call_end(cx, &call, t->parse(cx, object, &id)) != CHY_OK ||
        check_ident(cx, t, "parse", &id) != CHY_OK)
        return CHY_ERR;
    *ret = id;
    return CHY_OK;
}

static enum chy_rc permitted_publicly(struct chy_ctx *cx, const struct chy_ident_type *t,
                                      const struct chy_ident *id)
{
    struct chy_call call;

    if (t->permitted_publicly == NULL)
        return chy_fail(cx, &CHY_P_rejectedIdentifier,
                        "identifiers of type %s are not issued under public profiles", t->name);
    if (chy_call_begin(cx, &call, t, CHY_STAGE_ISSUE, "permitted_publicly", t->name) != CHY_OK)
        return CHY_ERR;
    return chy_call_end(cx, &call, t->permitted_publicly(cx, id));
}

/* Pure functions stand in the stage that has neither database nor network. */
enum chy_rc chy_ident_permitted(struct chy_ctx *cx, const struct chy_ident *id, const json_t *rule,
                                bool publicly)
{
    const struct chy_ident_type *t;
    struct chy_call call;

    if (find_type(cx, id, &t) != CHY_OK ||
        chy_call_begin(cx, &call, t, CHY_STAGE_ISSUE, "permitted", t->name) != CHY_OK ||
        chy_call_end(cx, &call, t->permitted(cx, id, rule)) != CHY_OK)
        return CHY_ERR;
    return publicly ? permitted_publicly(cx, t, id) : CHY_OK;
}

enum chy_rc chy_ident_subject(struct chy_ctx *cx, const struct chy_ident *id, struct chy_ident *ret,
                              bool *ret_wildcard)
{
    const struct chy_ident_type *t;
    struct chy_ident subject = *id;
    bool wildcard = false;
    struct chy_call call;

    if (find_type(cx, id, &t) != CHY_OK)
        return CHY_ERR;
    if (t->authz_subject != NULL) {
        subject = (struct chy_ident){0};
        if (chy_call_begin(cx, &call, t, CHY_STAGE_ISSUE, "authz_subject", t->name) != CHY_OK ||
            chy_call_end(cx, &call, t->authz_subject(cx, id, &subject, &wildcard)) != CHY_OK ||
            check_ident(cx, t, "authz_subject", &subject) != CHY_OK)
            return CHY_ERR;
    }
    *ret = subject;
    *ret_wildcard = wildcard;
    return CHY_OK;
}

static enum chy_rc covers_exactly(struct chy_ctx *cx, const struct chy_ident *held,
                                  bool held_wildcard, const struct chy_ident *wanted, bool *ret)
{
    struct chy_ident subject;
    bool wildcard;

    if (chy_ident_subject(cx, wanted, &subject, &wildcard) != CHY_OK)
        return CHY_ERR;
    *ret = wildcard == held_wildcard && strcmp(subject.value, held->value) == 0;
    return CHY_OK;
}

enum chy_rc chy_ident_covers(struct chy_ctx *cx, const struct chy_ident *held, bool held_wildcard,
                             const struct chy_ident *wanted, bool *ret)
{
    const struct chy_ident_type *t;
    struct chy_call call;
    bool yes = false;

    if (find_type(cx, wanted, &t) != CHY_OK)
        return CHY_ERR;
    /* No type speaks for another's identifiers. */
    if (strcmp(held->type, wanted->type) != 0) {
        *ret = false;
        return CHY_OK;
    }
    if (t->covers == NULL)
        return covers_exactly(cx, held, held_wildcard, wanted, ret);
    if (chy_call_begin(cx, &call, t, CHY_STAGE_ISSUE, "covers", t->name) != CHY_OK ||
        chy_call_end(cx, &call, t->covers(cx, held, held_wildcard, wanted, &yes)) != CHY_OK)
        return CHY_ERR;
    *ret = yes;
    return CHY_OK;
}

enum chy_rc chy_ident_contribute(struct chy_ctx *cx, const struct chy_ident *id,
                                 const json_t *grant, X509_REQ *csr, struct chy_cert_plan *plan)
{
    const struct chy_ident_type *t;
    struct chy_call call;

    if (find_type(cx, id, &t) != CHY_OK ||
        chy_call_begin(cx, &call, t, CHY_STAGE_ISSUE, "contribute", t->name) != CHY_OK)
        return CHY_ERR;
    return chy_call_end(cx, &call, t->contribute(cx, id, grant, csr, plan));
}

enum chy_rc chy_ident_recheck(struct chy_ctx *cx, const struct chy_ident *id, bool wildcard,
                              const json_t *grant)
{
    const struct chy_ident_type *t;
    struct chy_call call;

    if (find_type(cx, id, &t) != CHY_OK)
        return CHY_ERR;
    if (t->recheck == NULL)
        return CHY_OK;
    if (chy_call_begin(cx, &call, t, CHY_STAGE_PROBE, "recheck", t->name) != CHY_OK)
        return CHY_ERR;
    return chy_call_end(cx, &call, t->recheck(cx, id, wildcard, grant));
}
