/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of account key with every kind of certificate key, through the whole server (core.md
 * section 34, J-07, J-10), and what a profile does not list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "core/base/arena.h"
#include "core/base/auto.h"
#include "core/pki/cert.h"
#include "tests/support/jose.h"
#include "tests/support/loopback.h"

#define NAME "www.shop.example"
#define ALL_KEYS "ec-p256, ec-p384, ec-p521, ed25519, rsa-2048..4096"

/* An account signs with the first six; P-521 is for certificates only. */
static const struct kind {
    const char *name, *type, *group;
    size_t bits;
} kinds[] = {
    {"ec-p256", "EC", "P-256", 0},   {"ec-p384", "EC", "P-384", 0},
    {"ed25519", "ED25519", NULL, 0}, {"rsa-2048", "RSA", NULL, 2048},
    {"rsa-3072", "RSA", NULL, 3072}, {"rsa-4096", "RSA", NULL, 4096},
    {"ec-p521", "EC", "P-521", 0},
};
#define KINDS (sizeof kinds / sizeof *kinds)
#define ACCOUNTS (KINDS - 1)

struct world {
    struct loopback *lb;
    EVP_PKEY *keys[KINDS]; /* of certificates */
};

static void release_key(void *key)
{
    EVP_PKEY_free(key);
}

static EVP_PKEY *make_key(struct chy_ctx *cx, const struct kind *k)
{
    EVP_PKEY *key = k->bits != 0 ? EVP_PKEY_Q_keygen(NULL, NULL, k->type, k->bits)
                                 : EVP_PKEY_Q_keygen(NULL, NULL, k->type, k->group);

    assert_non_null(key);
    chy_arena_defer(cx->arena, release_key, key);
    return key;
}

static int setup(void **state)
{
    static struct world w;

    w.lb = loopback_open(NULL);
    for (size_t i = 0; i < KINDS; i++)
        w.keys[i] = make_key(w.lb->cx, &kinds[i]);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    loopback_close(((struct world *)*state)->lb);
    return 0;
}

static struct loop_client *account_of(struct world *w, const struct kind *k)
{
    struct loop_client *c = loop_client_new(w->lb, "ES256");

    c->key = make_key(w->lb->cx, k);
    loop_register(c);
    return c;
}

/* The certificate is for that key, signed by the issuer, and for signatures whatever the kind. */
static void assert_certified(struct world *w, const char *pem, EVP_PKEY *key)
{
    chy_auto(BIO) *in = BIO_new_mem_buf(pem, -1);
    chy_auto(BIO) *above = BIO_new_mem_buf(w->lb->ca.issuing_pem, -1);
    chy_auto(X509) *cert = PEM_read_bio_X509(in, NULL, chy_no_passphrase, NULL);
    chy_auto(X509) *issuing = PEM_read_bio_X509(above, NULL, chy_no_passphrase, NULL);

    assert_non_null(cert);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert), key), 1);
    assert_int_equal(X509_verify(cert, X509_get0_pubkey(issuing)), 1);
    assert_int_equal(X509_get_key_usage(cert), KU_DIGITAL_SIGNATURE);
}

static void KY_07_every_account_key_gets_every_certificate_key(void **state)
{
    struct world *w = *state;

    loop_web(w->lb, LOOP_NAMES, LOOP_CHALLENGES, ALL_KEYS);
    for (size_t a = 0; a < ACCOUNTS; a++) {
        struct loop_client *c = account_of(w, &kinds[a]);

        for (size_t k = 0; k < KINDS; k++) {
            struct loop_csr csr = {.key = w->keys[k], .san = "DNS:" NAME};
            const char *order = loop_ready(c, NAME);
            struct loop_reply *r = loop_ok(loop_finalize_with(c, order, loop_csr(c, &csr)), 200);

            assert_string_equal(loop_text(r, "status"), "valid");
            r = loop_ok(loop_post(c, loop_text(r, "certificate"), ""), 200);
            assert_certified(w, r->body, w->keys[k]);
        }
    }
}

/* A size within a range of RSA is listed; its neighbours are not. */
static bool is_listed(const char *list, const char *kind)
{
    return strcmp(list, kind) == 0 ||
           (strcmp(list, "rsa-2048..3072") == 0 &&
            (strcmp(kind, "rsa-2048") == 0 || strcmp(kind, "rsa-3072") == 0));
}

static void T_F_04_each_profile_certifies_its_own_kinds_alone(void **state)
{
    static const char *const lists[] = {"ec-p256", "ec-p384",  "ec-p521",
                                        "ed25519", "rsa-4096", "rsa-2048..3072"};
    struct world *w = *state;
    struct loop_client *c = account_of(w, &kinds[0]);

    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        loop_web(w->lb, LOOP_NAMES, LOOP_CHALLENGES, lists[l]);
        for (size_t k = 0; k < KINDS; k++) {
            struct loop_csr csr = {.key = w->keys[k], .san = "DNS:" NAME};
            const char *order = loop_ready(c, NAME);
            struct loop_reply *r = loop_finalize_with(c, order, loop_csr(c, &csr));

            if (is_listed(lists[l], kinds[k].name))
                loop_ok(r, 200);
            else
                loop_refused(r, 400, "badCSR", kinds[k].name);
        }
    }
}

static void T_J_07_no_account_key_is_believed_under_another_algorithm(void **state)
{
    static const char *const algs[] = {"ES256", "ES384", "EdDSA", "RS256"};
    struct world *w = *state;

    for (size_t a = 0; a < ACCOUNTS; a++) {
        struct loop_client *c = account_of(w, &kinds[a]);

        for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
            json_t *head = loop_head(c, c->kid);

            if (strcmp(jose_alg(c->key), algs[i]) == 0)
                continue;
            json_object_set_new(head, "alg", json_string(algs[i]));
            loop_refused(loop_post_as(c, c->kid, head, ""), 400, "badPublicKey", "does not fit");
        }
        loop_ok(loop_post(c, c->kid, ""), 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(KY_07_every_account_key_gets_every_certificate_key),
        cmocka_unit_test(T_F_04_each_profile_certifies_its_own_kinds_alone),
        cmocka_unit_test(T_J_07_no_account_key_is_believed_under_another_algorithm),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
