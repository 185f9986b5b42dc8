/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of keys as policy writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/policy/keypattern.h"

static void key_patterns_have_a_closed_grammar(void **state)
{
    static const char *const good[] = {"ec-p256",  "ec-p384",        "ec-p521",        "ed25519",
                                       "rsa-2048", "rsa-2048..4096", "rsa-3072..3072", "rsa-8192"};
    static const char *const bad[] = {"",
                                      "rsa",
                                      "rsa-",
                                      "rsa-1024",
                                      "rsa-02048",
                                      "rsa-2049",
                                      "rsa-16384",
                                      "rsa-4096..2048",
                                      "rsa-2048..",
                                      "rsa-2048...4096",
                                      "rsa-2048-4096",
                                      "rsa-2048..4096 ",
                                      "RSA-2048",
                                      "ec-p192",
                                      "ec-p256 ",
                                      "ed448",
                                      "ec",
                                      "rsa-+048",
                                      "rsa-2048..1e4",
                                      "rsa-99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!chy_policy_key_pattern_valid(good[i]))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (chy_policy_key_pattern_valid(bad[i]))
            fail_msg("%s is accepted", bad[i]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test(f)
    const struct CMUnitTest tests[] = {
        TEST(key_patterns_have_a_closed_grammar),
    };

    return cmocka_run_group_tests_name("keypattern", tests, NULL, NULL);
}
