/* SPDX-License-Identifier: Apache-2.0 */
/* chancery-signer --check: what it would find at its start. */
#include "tests/unit/signer_fixture.h"

#include "services/signer/check.h"

static int setup(void **state)
{
    *state = signer_world_new();
    return 0;
}

static int teardown(void **state)
{
    signer_world_free(*state);
    return 0;
}

/* The lines of --check, as an array. */
static json_t *checked(struct signer_world *w, enum chy_rc expected)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    json_t *lines = chy_keep_json(w->cx, json_array());
    char *rest;

    assert_int_equal(chy_signer_check(w->cx, w->ceilings, chy_report_new(w->cx), out), expected);
    fclose(out);
    rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (*line != '\0')
            json_array_append_new(lines, json_loads(line, 0, NULL));
    free(text);
    return lines;
}

static void check_tells_each_issuer_and_leaves_no_log(void **state)
{
    struct signer_world *w = *state;
    const json_t *lines, *first;
    struct stat st;

    lines = checked(w, CHY_OK);
    assert_int_equal(json_array_size(lines), 1);
    first = json_array_get(lines, 0);
    assert_string_equal(json_string_value(json_object_get(first, "issuer")), "web-1");
    assert_int_equal(json_integer_value(json_object_get(first, "max-lifetime")), 100 * 86400);
    assert_true(json_integer_value(json_object_get(first, "not-after")) > time(NULL));
    assert_null(json_object_get(first, "error"));
    put_ceilings(w, chy_fmt(w->cx,
                            "  web-2:\n    key: file:%s/none.key\n    certificate: %s/ca.pem\n"
                            "    max-lifetime: 1d\n    keys: [ec-p256]\n",
                            w->dir, w->dir));
    lines = checked(w, CHY_ERR);
    assert_int_equal(json_array_size(lines), 2);
    for (size_t i = 0; i < 2; i++) {
        const char *error = json_string_value(json_object_get(json_array_get(lines, i), "error"));
        const char *name = json_string_value(json_object_get(json_array_get(lines, i), "issuer"));

        if (strcmp(name, "web-1") == 0)
            assert_null(error);
        else
            assert_non_null(strstr(error, "none.key: private key of issuer web-2 cannot be read"));
    }
    assert_int_equal(stat(w->log, &st), -1);
    assert_int_equal(stat(w->socket, &st), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(check_tells_each_issuer_and_leaves_no_log, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
