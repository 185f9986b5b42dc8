/* SPDX-License-Identifier: Apache-2.0 */
/* Inside core/policy: the tables of the core's own documents. */
#ifndef CHY_POLICY_TABLES_H
#define CHY_POLICY_TABLES_H

#include "core/policy/policy.h"

extern const struct chy_policy_item chy_table_chancery[]; /* chancery.yaml     */
extern const struct chy_policy_item chy_table_issuer[];   /* issuers/NAME.yaml */

/* profiles/NAME.yaml: identifiers takes the rules of the types that schema knows.  Arena. */
const struct chy_policy_item *chy_table_profile(struct chy_ctx *cx,
                                                const struct chy_policy_schema *schema);

#endif
