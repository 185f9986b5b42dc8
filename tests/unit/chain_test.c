/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of an issuer in policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/policytree.h"

static void each_bad_chain_is_refused_at_its_entry(void **state)
{
    static const struct {
        const char *chain, *says;
    } cases[] = {
        {"leaf.pem, root.pem", ":1:9: error: 'leaf.pem' is not the certificate of an authority"},
        {"web-1.pem, stranger.pem", ":1:20: error: 'stranger.pem' has another subject than the"},
        {"web-1.pem, impostor.pem",
         ":1:20: error: 'impostor.pem' may not certify the one before it"},
        {"web-1.pem, web-1.pem", ":1:20: error: 'web-1.pem' has another subject"},
        {"two.pem", ":1:9: error: 'two.pem' holds more than one PEM block"},
        {"empty.pem", ":1:9: error: 'empty.pem' holds no PEM block"},
        {"request.pem", ":1:9: error: 'request.pem' holds a PEM block CERTIFICATE REQUEST"},
        {"garbage.pem", ":1:9: error: 'garbage.pem' does not hold a certificate in DER"},
    };
    struct tree *s = *state;

    tree_put_good(s, NULL, NULL);
    tree_put_pem(s, "leaf.pem");
    tree_put_pem(s, "stranger.pem");
    tree_put_pem(s, "impostor.pem");
    tree_put_pem(s, "two.pem");
    tree_put(s, "issuers/empty.pem", "", 0);
    tree_put(s, "issuers/request.pem",
             "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n", 75);
    tree_put(s, "issuers/garbage.pem",
             "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", 59);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = chy_fmt(s->cx, "chain: [%s]\nmax-lifetime: 200d\n", cases[i].chain);

        tree_put(s, "issuers/web-1.yaml", text, strlen(text));
        tree_refused_only(s, cases[i].says);
    }
}

static void a_private_key_in_policy_is_refused(void **state)
{
    static const char key[] = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    struct tree *s = *state;

    tree_put_good(s, NULL, NULL);
    tree_put(s, "issuers/unused.pem", key, sizeof key - 1);
    tree_refused_only(
        s, "issuers/unused.pem: error: holds a private key; policy holds certificates only");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, tree_setup, tree_teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_bad_chain_is_refused_at_its_entry),
        TEST(a_private_key_in_policy_is_refused),
    };

    return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
