/* SPDX-License-Identifier: Apache-2.0 */
/* Prints schemas/policy.schema.json for the modules named:
 *     test-policy-schema MODULES-DIRECTORY NAME... */
#include <stdio.h>
#include <stdlib.h>

#include "core/ext/registry.h"
#include "tests/support/fakehost.h"

int main(int argc, char **argv)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_COMMAND);
    struct chy_registry *registry = NULL;
    const char *dirs[1];

    if (argc < 2) {
        fprintf(stderr, "usage: test-policy-schema MODULES-DIRECTORY NAME...\n");
        return 2;
    }
    dirs[0] = argv[1];
    if (chy_registry_load(cx, dirs, 1, (const char *const *)argv + 2, (size_t)argc - 2,
                          &registry) != CHY_OK) {
        fprintf(stderr, "test-policy-schema: %s\n", cx->problem.detail);
        return 1;
    }
    json_dumpf(chy_policy_schema_json(cx, chy_registry_policy_schema(registry)), stdout,
               JSON_INDENT(2));
    putchar('\n');
    chy_registry_free(registry);
    fake_cx_free(cx);
    return 0;
}
