/* SPDX-License-Identifier: Apache-2.0 */
/* Inside core/policy: shorthand for the lines of a table, {CHY_ITEM_TEXT("key", 100, "What it is."), ...}.
 */
#ifndef CHY_POLICY_ITEMS_H
#define CHY_POLICY_ITEMS_H

#include <chancery/extension.h>

#define CHY_ITEM_TEXT(key, most, what)                                                             \
    .name = key, .type = CHY_T_STRING, .min = 1, .max = most, .doc = what
#define CHY_ITEM_INT(key, low, high, what)                                                         \
    .name = key, .type = CHY_T_INT, .min = low, .max = high, .doc = what
#define CHY_ITEM_DURATION(key, low, high, what)                                                    \
    .name = key, .type = CHY_T_DURATION, .min = low, .max = high, .doc = what
#define CHY_ITEM_BOOL(key, what) .name = key, .type = CHY_T_BOOL, .doc = what
#define CHY_ITEM_OBJECT(key, table, what)                                                          \
    .name = key, .type = CHY_T_OBJECT, .items = table, .doc = what
#define CHY_ITEM_LIST(key, of, low, high, what)                                                    \
    .name = key, .type = CHY_T_LIST, .element = of, .min = low, .max = high, .doc = what
#define CHY_REQUIRED .required = true
#define CHY_DEFAULT(text) .dflt = text

#define CHY_MINUTE 60
#define CHY_HOUR 3600
#define CHY_DAY 86400

#endif
