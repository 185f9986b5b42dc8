/* SPDX-License-Identifier: Apache-2.0 */
/* What the signer refuses to start with: ceilings, keys and certificates that are not right. */
#include "tests/unit/signer_fixture.h"

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

static void refuse_start(struct signer_world *w, const char *words)
{
    assert_int_equal(open_signer(w), CHY_ERR);
    assert_refused(w->cx, &CHY_P_serverInternal, words);
    assert_int_equal(access(w->log, F_OK), -1); /* nothing was touched */
}

static void defaults_are_filled_in(void **state)
{
    struct signer_world *w = *state;

    ok(w->cx, open_signer(w));
    assert_int_equal(w->state.ceilings->n_clients, 1);
    assert_int_equal(w->state.ceilings->clients[0], geteuid());
    assert_int_equal(w->state.ceilings->n_issuers, 1);
    assert_int_equal(w->state.ceilings->issuers[0].max_lifetime_s, 100 * 86400);
    assert_int_equal(json_array_size(w->state.ceilings->issuers[0].extensions), 8);
    assert_false(w->state.ceilings->issuers[0].allow_ca);
    assert_int_equal(w->state.ceilings->issuers[0].max_path_len, 0);
    assert_int_equal(w->state.ceilings->issuers[0].max_ahead_s, 48 * 3600);
    assert_int_equal(json_array_size(w->state.ceilings->issuers[0].purposes), 2);
    assert_false(w->state.ceilings->issuers[0].purpose_required);
    assert_false(w->state.ceilings->issuers[0].bounds_names);
    assert_int_equal(w->state.ceilings->issuers[0].n_permitted_ip, 0);
}

static void clients_are_names_or_numbers(void **state)
{
    struct signer_world *w = *state;
    struct chy_report *report = chy_report_new(w->cx);
    struct chy_ceilings *c;

    put_file(w, "ceilings.yaml",
             "version: 1\nclients: [root, \"4711\"]\nissuers:\n  a:\n    key: file:/k\n"
             "    certificate: /c\n    max-lifetime: 1d\n    keys: [ec-p256]\n",
             0644);
    ok(w->cx, chy_ceilings_read(w->cx, w->ceilings, report, &c));
    assert_int_equal(c->n_clients, 2);
    assert_int_equal(c->clients[0], 0);
    assert_int_equal(c->clients[1], 4711);
    assert_true(c->has_group);
    assert_int_equal(c->group, 0);
}

static void mistakes_are_named(void **state)
{
#define HEAD "version: 1\nissuers:\n  a:\n"
#define KEY "    key: file:/k\n"
#define REST "    certificate: /c\n    max-lifetime: 1d\n    keys: [ec-p256]\n"
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "version"},
        {"version: 2\nissuers: {}\n", "version"},
        {HEAD KEY REST "    nonsense: 1\n", "nonsense"},
        {HEAD REST, "key"},
        {HEAD "    key: /k\n" REST, "is not \"file:\" and an absolute path"},
        {HEAD "    key: file:k\n" REST, "is not \"file:\" and an absolute path"},
        {HEAD KEY "    certificate: c\n    max-lifetime: 1d\n    keys: [ec-p256]\n",
         "is not an absolute path"},
        {HEAD KEY "    certificate: /c\n    max-lifetime: 1d\n    keys: [ec-p225]\n",
         "'ec-p225' is no kind of key"},
        {HEAD KEY "    certificate: /c\n    max-lifetime: 1d\n    keys: []\n", "keys"},
        {HEAD KEY "    certificate: /c\n    max-lifetime: never\n    keys: [ec-p256]\n",
         "max-lifetime"},
        {HEAD KEY REST "    extensions: [basicConstraints]\n", "'basicConstraints' is no OID"},
        {HEAD KEY REST "    purposes: [servrAuth]\n", "'servrAuth' is no extended key usage"},
        {HEAD KEY REST "    purposes: [commonName]\n", "'commonName' is no extended key usage"},
        {HEAD KEY REST "    max-path-len: -1\n", "max-path-len"},
        {HEAD KEY REST "    permitted-dns: [\"*.a.example\"]\n", "without '*'"},
        {HEAD KEY REST "    permitted-dns: []\n", "permitted-dns"},
        {HEAD KEY REST "    permitted-ip: []\n", "permitted-ip"},
        {HEAD KEY REST "    permitted-ip: [10.0.0.0/33]\n", "'10.0.0.0/33' is no address or range"},
        {HEAD KEY REST "    permitted-ip: [10.0.0.1/8]\n", "behind the prefix"},
        {HEAD KEY REST "    permitted-ip: [::1, a.example]\n",
         "'a.example' is no address or range"},
        {"clients: [no-such-user-here]\n" HEAD KEY REST, "there is no user 'no-such-user-here'"},
    };
    struct signer_world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_file(w, "ceilings.yaml", cases[i].text, 0644);
        refuse_start(w, cases[i].words);
    }
}

static void ceilings_that_others_may_write_are_refused(void **state)
{
    struct signer_world *w = *state;

    chmod(w->ceilings, 0664);
    refuse_start(w, "chmod go-w");
    chmod(w->ceilings, 0646);
    refuse_start(w, "chmod go-w");
    unlink(w->ceilings);
    refuse_start(w, "cannot be read");
}

static void keys_that_others_may_read_are_refused(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0660, 0620, 0601};
    struct signer_world *w = *state;

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        chmod(in_dir(w, "ca.key"), modes[i]);
        refuse_start(w, "may be read by others than its owner; chmod 0600");
    }
    chmod(in_dir(w, "ca.key"), 0400);
    ok(w->cx, open_signer(w));
}

static char *encrypted(struct signer_world *w)
{
    chy_auto(BIO) *out = BIO_new(BIO_s_mem());
    EVP_PKEY *key = key_from_pem(w->ca.issuing_key_pem);
    char *text;
    long n;

    PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL);
    n = BIO_get_mem_data(out, &text);
    EVP_PKEY_free(key);
    return chy_fmt(w->cx, "%.*s", (int)n, text);
}

static void keys_and_certificates_must_fit(void **state)
{
    struct signer_world *w = *state;
    char *key, *leaf;

    put_file(w, "ca.key", w->ca.root_key_pem, 0600);
    refuse_start(w, "is not the key of the certificate");
    put_file(w, "ca.key", "nonsense", 0600);
    refuse_start(w, "holds no private key in PEM");
    put_file(w, "ca.key", encrypted(w), 0600);
    refuse_start(w, "without a passphrase");
    unlink(in_dir(w, "ca.key"));
    refuse_start(w, "private key of issuer web-1 cannot be read");
    assert_int_equal(symlink("elsewhere", in_dir(w, "ca.key")), 0);
    refuse_start(w, "private key of issuer web-1 cannot be read");
    unlink(in_dir(w, "ca.key"));
    ok(w->cx, chy_authority_listener(w->cx, &w->ca, "localhost", 10, &key, &leaf));
    put_file(w, "ca.key", key, 0600);
    put_file(w, "ca.pem", leaf, 0644);
    refuse_start(w, "is not a CA certificate");
    put_file(w, "ca.pem", "nonsense", 0644);
    refuse_start(w, "holds no certificate in PEM");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_filled_in),
        TEST(clients_are_names_or_numbers),
        TEST(mistakes_are_named),
        TEST(ceilings_that_others_may_write_are_refused),
        TEST(keys_that_others_may_read_are_refused),
        TEST(keys_and_certificates_must_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
