/* SPDX-License-Identifier: Apache-2.0 */
/* Policy documents: any octets give either a checked document or a mistake with its place, and neither
 * crash nor leak.  A document without mistakes holds to its table.  (That libfyaml prints nothing is
 * tests/unit/yaml_test.c's: a target that closed standard error would hide its own faults.) */
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "core/policy/yaml.h"
#include "tests/support/fakehost.h"
#include "tests/support/policytable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void must_be_printable(const char *text)
{
    uint32_t rune;

    for (size_t n = strlen(text), len; n > 0; n -= len, text += len) {
        len = chy_utf8_next((const uint8_t *)text, n, &rune);
        must(len > 0 && (chy_utf8_printable(rune) || rune == '\n' || rune == '\t'));
    }
}

/* What was accepted holds to the table. */
static void check_accepted(const json_t *j)
{
    const json_t *v = json_object_get(j, "lifetime"), *entry;
    size_t i;

    must(json_integer_value(json_object_get(j, "version")) == 1);
    must(json_integer_value(json_object_get(v, "default")) >= 60);
    must(json_integer_value(json_object_get(v, "max")) <= 34560000);
    must(json_is_boolean(json_object_get(j, "enabled")));
    must(json_is_object(json_object_get(j, "limits")));
    must(json_array_size(json_object_get(j, "names")) <= 3);
    json_array_foreach(json_object_get(j, "names"), i, entry)
        must(json_is_string(entry) && json_string_length(entry) <= 40);
}

static void check_document(struct chy_ctx *cx, const uint8_t *data, size_t size)
{
    struct chy_report *report = chy_report_new(cx);
    struct chy_yaml_doc *d =
        chy_yaml_check(cx, report, "input.yaml", "profile", (const char *)data, size, rich_items);

    must(d != NULL || chy_report_count(report) > 0);
    if (d != NULL) {
        must(chy_yaml_clean(d) == (chy_report_count(report) == 0));
        must(json_is_object(chy_yaml_json(d)));
        if (chy_yaml_clean(d))
            check_accepted(chy_yaml_json(d));
        chy_yaml_error(report, d, "/peers/x/address", "cross");
        chy_yaml_error(report, d, "/names/1", "cross");
    }
    must_be_printable(chy_report_text(report));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_REQUEST);

    check_document(cx, data, size);
    fake_cx_free(cx);
    return 0;
}
