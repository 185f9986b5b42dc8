/* SPDX-License-Identifier: Apache-2.0 */
/* A table that uses every type of a policy document: for tests and fuzzing. */
#ifndef CHY_TESTS_POLICYTABLE_H
#define CHY_TESTS_POLICYTABLE_H

#include <chancery/extension.h>

static const struct chy_policy_item rich_word = {.type = CHY_T_STRING, .min = 1, .max = 40};
static const struct chy_policy_item rich_usage = {
    .type = CHY_T_ENUM, .choices = "digitalSignature|keyEncipherment|keyAgreement"};
static const struct chy_policy_item rich_lifetime[] = {
    {.name = "default", .type = CHY_T_DURATION, .required = true, .min = 60, .max = 34560000},
    {.name = "max", .type = CHY_T_DURATION, .required = true, .min = 60, .max = 34560000},
    {NULL},
};
static const struct chy_policy_item rich_limits[] = {
    {.name = "count", .type = CHY_T_INT, .min = -5, .max = 100, .dflt = "10"},
    {.name = "every", .type = CHY_T_DURATION, .dflt = "3h"},
    {.name = "per", .type = CHY_T_LIST, .element = &rich_word, .dflt = "[account, \"x y\"]"},
    {NULL},
};
static const struct chy_policy_item rich_server_items[] = {
    {.name = "address", .type = CHY_T_STRING, .required = true, .min = 1},
    {.name = "port", .type = CHY_T_INT, .min = 1, .max = 65535, .dflt = "443"},
    {NULL},
};
static const struct chy_policy_item rich_server = {.type = CHY_T_OBJECT,
                                                   .items = rich_server_items};
static const struct chy_policy_item rich_alpha[] = {
    {.name = "names", .type = CHY_T_LIST, .element = &rich_word, .required = true, .min = 1},
    {.name = "wildcard", .type = CHY_T_BOOL, .dflt = "false"},
    {NULL},
};
static const struct chy_policy_item rich_idents[] = {
    {.name = "alpha", .type = CHY_T_OBJECT, .items = rich_alpha},
    {.name = "beta", .type = CHY_T_OBJECT},
    {NULL},
};
static const struct chy_policy_item rich_items[] = {
    {.name = "version", .type = CHY_T_INT, .required = true, .min = 1, .max = 1},
    {.name = "description", .type = CHY_T_STRING, .max = 40},
    {.name = "enabled", .type = CHY_T_BOOL, .dflt = "false"},
    {.name = "mode", .type = CHY_T_ENUM, .choices = "enforce|shadow", .dflt = "enforce"},
    {.name = "lifetime", .type = CHY_T_OBJECT, .required = true, .items = rich_lifetime},
    {.name = "limits", .type = CHY_T_OBJECT, .items = rich_limits},
    {.name = "names", .type = CHY_T_LIST, .element = &rich_word, .min = 1, .max = 3},
    {.name = "usage", .type = CHY_T_LIST, .element = &rich_usage},
    {.name = "servers", .type = CHY_T_LIST, .element = &rich_server},
    {.name = "peers", .type = CHY_T_MAP, .element = &rich_server, .max = 2},
    {.name = "backup", .type = CHY_T_OBJECT, .items = rich_server_items},
    {.name = "identifiers", .type = CHY_T_MAP, .items = rich_idents},
    {NULL},
};

#endif
