/* SPDX-License-Identifier: Apache-2.0 */
/* core.md NO-03, T-NO-05, T-NO-06: times as clients write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/acme/rfc3339.h"
#include "core/base/clock.h"

static void good_times_are_read(void **state)
{
    static const struct {
        const char *text;
        time_t value;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-24T10:00:00Z", 1795514400},
        {"2026-11-24t10:00:00z", 1795514400},
        {"2026-11-24T14:00:00+04:00", 1795514400}, /* T-NO-06 */
        {"2026-11-24T03:30:00-06:30", 1795514400},
        {"2026-11-25T09:59:00+23:59", 1795514400},
        {"2026-11-24T10:00:00-00:00", 1795514400},
        {"2026-11-24T10:00:00.0Z", 1795514400},
        {"2026-11-24T10:00:00.000000000Z", 1795514400},
        {"2024-02-29T23:59:59Z", 1709251199},
        {"2000-02-29T00:00:00Z", 951782400},
        {"9999-12-31T23:59:59Z", 253402300799},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        time_t t = 7;

        if (!chy_time_read(cases[i].text, strlen(cases[i].text), &t))
            fail_msg("%s refused", cases[i].text);
        if (t != cases[i].value)
            fail_msg("%s is %lld", cases[i].text, (long long)t);
    }
}

static void other_spellings_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "Z",
        "2026-11-23", /* T-NO-05 */
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-11-00T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T10:60:00Z",
        "2026-11-24T10:00:61Z",
        "2016-12-31T23:59:60Z", /* a leap second that was */
        "2026-11-24 10:00:00Z",
        "2026-11-24T10:00:00",
        "2026-11-24T10:00Z",
        "2026-11-24T10:00:00.Z",
        "2026-11-24T10:00:00,0Z",
        "2026-11-24T10:00:00.5Z",
        "2026-11-24T10:00:00.0000000001Z",
        "2026-11-24T10:00:00.0000000000Z",
        "2026-11-24T10:00:00+0400",
        "2026-11-24T10:00:00+04",
        "2026-11-24T10:00:00+24:00",
        "2026-11-24T10:00:00+04:60",
        "2026-11-24T10:00:00*04:00",
        "2026-11-24T10:00:00+4:00",
        "2026-11-24T10:00:00ZZ",
        "2026-11-24T10:00:00Z ",
        " 2026-11-24T10:00:00Z",
        "+2026-11-24T10:00:00Z",
        "-2026-11-24T10:00:00Z",
        "20261124T100000Z",
        "2026-1-24T10:00:00Z",
        "2026-11-24T1:00:00Z",
        "12026-11-24T10:00:00Z",
        "2026-11-24T10:00:0xZ",
        "2026-11-24T10:00:00UTC",
        "2026-W48-2T10:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-00:01",
        ("\xef\xbc\x92"
         "026-11-24T10:00:00Z"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        time_t t = 7;

        if (chy_time_read(bad[i], strlen(bad[i]), &t))
            fail_msg("%s taken", bad[i]);
        assert_int_equal(t, 7);
    }
}

static void the_length_bounds_the_reading(void **state)
{
    const char *text = "2026-11-24T10:00:00.000+04:00";
    const char with_nul[] = "2026-11-24T10:00:00Z";
    size_t big = 100000;
    char *long_text = malloc(big);
    time_t t = 7;

    (void)state;
    assert_non_null(long_text);
    /* Each prefix in memory of exactly its length, for the address sanitizer. */
    for (size_t n = 0; n < strlen(text); n++) {
        char *exact = malloc(n + (n == 0));

        assert_non_null(exact);
        memcpy(exact, text, n);
        assert_false(chy_time_read(exact, n, &t));
        free(exact);
    }
    assert_false(chy_time_read(with_nul, sizeof with_nul, &t));
    memset(long_text, '0', big);
    assert_false(chy_time_read(long_text, big, &t));
    memcpy(long_text, "2026-11-24T10:00:00.", 20);
    assert_false(chy_time_read(long_text, big, &t));
    free(long_text);
    assert_int_equal(t, 7);
}

/* A month and some hours at a time through all centuries, against the writer. */
static void what_the_clock_writes_is_read_back(void **state)
{
    char text[21];

    (void)state;
    for (time_t t = 0; t <= 253402300799; t += 86400 * 31 + 12345) {
        time_t back = 7;

        chy_clock_rfc3339(t, text);
        if (!chy_time_read(text, strlen(text), &back) || back != t)
            fail_msg("%s: %lld is not %lld", text, (long long)back, (long long)t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_times_are_read),
        cmocka_unit_test(other_spellings_are_refused),
        cmocka_unit_test(the_length_bounds_the_reading),
        cmocka_unit_test(what_the_clock_writes_is_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
