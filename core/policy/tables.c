/* SPDX-License-Identifier: Apache-2.0 */
/* What may be written in chancery.yaml, an issuer and a profile.  Bounds are the widest that make
 * sense for any certificate authority; rules for public ones bind profiles marked public, elsewhere. */
#include "core/policy/tables.h"

#include <string.h>

#include "core/policy/items.h"

#define NAME_MAX_OCTETS 64
#define URL_MAX 2000
#define CERTIFICATE_MAX (36500LL * CHY_DAY) /* of any lifetime */

static const struct chy_policy_item name = {CHY_ITEM_TEXT(NULL, NAME_MAX_OCTETS, NULL)};
static const struct chy_policy_item domain = {CHY_ITEM_TEXT(NULL, 253, NULL)};
static const struct chy_policy_item file_name = {CHY_ITEM_TEXT(NULL, 255, NULL)};
static const struct chy_policy_item usage = {
    .type = CHY_T_ENUM,
    .choices = "digitalSignature|nonRepudiation|contentCommitment|keyEncipherment|dataEncipherment|"
               "keyAgreement|encipherOnly|decipherOnly"};
static const struct chy_policy_item purpose = {CHY_ITEM_TEXT(NULL, 128, NULL)};

static const struct chy_policy_item directory_items[] = {
    {CHY_ITEM_TEXT("website", URL_MAX, "Page about this server (RFC 8555 section 7.1.1).")},
    {CHY_ITEM_TEXT("terms", URL_MAX, "Terms of service that an account must agree to.")},
    {CHY_ITEM_LIST("caa-identities", &domain, 0, 20,
                   "Issuer domain names that CAA records may name (RFC 8659).")},
    {NULL},
};
static const struct chy_policy_item order_items[] = {
    {CHY_ITEM_DURATION("lifetime", 1, 365LL * CHY_DAY, "How long an order may stay open."),
     CHY_DEFAULT("7d")},
    {CHY_ITEM_INT("max-identifiers", 1, 1000, "Identifiers in one order."), CHY_DEFAULT("100")},
    {NULL},
};
static const struct chy_policy_item authorization_items[] = {
    {CHY_ITEM_DURATION("pending-lifetime", 1, 365LL * CHY_DAY, "How long one may stay pending."),
     CHY_DEFAULT("7d")},
    {CHY_ITEM_DURATION("reuse", 0, 398LL * CHY_DAY, "How long a valid one may be used again."),
     CHY_DEFAULT("30d")},
    {NULL},
};
const struct chy_policy_item chy_table_chancery[] = {
    {CHY_ITEM_INT("version", 1, 1, "Format of the policy tree."), CHY_REQUIRED},
    {CHY_ITEM_OBJECT("directory", directory_items, "What the ACME directory says of this server.")},
    {CHY_ITEM_TEXT("default-profile", NAME_MAX_OCTETS, "Profile of orders that name none."),
     CHY_REQUIRED},
    {CHY_ITEM_OBJECT("orders", order_items, "Limits of orders.")},
    {CHY_ITEM_OBJECT("authorizations", authorization_items, "Limits of authorizations.")},
    {NULL},
};

const struct chy_policy_item chy_table_issuer[] = {
    {CHY_ITEM_LIST("chain", &file_name, 1, 10,
                   "PEM files beside this one: the issuing certificate, then who certified it."),
     CHY_REQUIRED},
    {CHY_ITEM_DURATION("max-lifetime", 1, CERTIFICATE_MAX,
                       "No certificate of this issuer lives longer."),
     CHY_REQUIRED},
    {NULL},
};

static const struct chy_policy_item lifetime_items[] = {
    {CHY_ITEM_DURATION("default", 1, CERTIFICATE_MAX,
                       "Of certificates whose order asks for nothing."),
     CHY_REQUIRED},
    {CHY_ITEM_DURATION("max", 1, CERTIFICATE_MAX, "The most an order may ask for."), CHY_REQUIRED},
    {NULL},
};
static const struct chy_policy_item profile_items[] = {
    {.name = "description",
     .type = CHY_T_STRING,
     .max = 1000,
     .dflt = "\"\"",
     .doc = "Shown to clients that choose among profiles."},
    {CHY_ITEM_TEXT("issuer", NAME_MAX_OCTETS, "Who signs: the name of a file in issuers/."),
     CHY_REQUIRED},
    {.name = "identifiers",
     .type = CHY_T_MAP,
     .required = true,
     .min = 1,
     .doc = "Types of identifiers that may be had, each with its rule; others are refused."},
    {CHY_ITEM_LIST("challenges", &name, 0, 20, "Challenge types that are offered."), CHY_REQUIRED},
    {CHY_ITEM_LIST(
        "require", &name, 0, 8,
        "Challenge types that must all prove each identifier, one authorization by each; "
        "absent: any one of challenges will do.")},
    {CHY_ITEM_LIST("keys", &name, 1, 20, "Kinds of keys, like ec-p256 or rsa-2048..4096."),
     CHY_REQUIRED},
    {CHY_ITEM_OBJECT("lifetime", lifetime_items, "How long certificates live."), CHY_REQUIRED},
    {CHY_ITEM_DURATION("backdate", 0, 48LL * CHY_HOUR,
                       "How far before now certificates begin, for clients with slow clocks."),
     CHY_DEFAULT("1m")},
    {CHY_ITEM_LIST("key-usage", &usage, 1, 9, "Key usage (RFC 5280 section 4.2.1.3)."),
     CHY_REQUIRED},
    {CHY_ITEM_LIST("extended-key-usage", &purpose, 0, 16,
                   "Extended key usage, names like serverAuth or dotted OIDs (RFC 5280 section "
                   "4.2.1.12); an empty list leaves the extension out."),
     CHY_REQUIRED},
    {CHY_ITEM_TEXT("shape", NAME_MAX_OCTETS, "A module's profile that shapes the certificate.")},
    {CHY_ITEM_TEXT("example", 253,
                   "A name of this profile to try a client with; 'chancery up' shows how.")},
    {CHY_ITEM_BOOL("public", "Do the rules for publicly trusted certificates apply?"),
     CHY_DEFAULT("false")},
    {NULL},
};

static const struct chy_policy_item *identifier_items(struct chy_ctx *cx,
                                                      const struct chy_policy_schema *schema)
{
    static const struct chy_policy_item nothing[] = {{NULL}};
    struct chy_policy_item *items = chy_alloc(cx, (schema->n_rules + 1) * sizeof *items);

    for (size_t i = 0; i < schema->n_rules; i++) {
        items[i].name = schema->rules[i].ident_type;
        items[i].type = CHY_T_OBJECT;
        items[i].items = schema->rules[i].items != NULL ? schema->rules[i].items : nothing;
    }
    return items;
}

const struct chy_policy_item *chy_table_profile(struct chy_ctx *cx,
                                                const struct chy_policy_schema *schema)
{
    struct chy_policy_item *items = chy_alloc(cx, sizeof profile_items);

    memcpy(items, profile_items, sizeof profile_items);
    for (struct chy_policy_item *i = items; i->name != NULL; i++)
        if (i->type == CHY_T_MAP)
            i->items = identifier_items(cx, schema);
    return items;
}
