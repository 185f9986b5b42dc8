/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate requests of the client, key files, and whether a chain is what was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h>

#include "core/base/auto.h"
#include "core/base/file.h"
#include "core/base/problem.h"
#include "core/client/requests.h"
#include "core/pki/csr.h"
#include "tests/unit/registry_parts.h"

#define DAY 86400

/* ---- a module whose identifiers are names in a request ---- */

static enum chy_rc parse_plate(struct chy_ctx *cx, const json_t *obj, struct chy_ident *out)
{
    (void)cx;
    out->type = "plate";
    out->value = json_string_value(json_object_get(obj, "value"));
    return CHY_OK;
}

static enum chy_rc plate_to_csr(struct chy_ctx *cx, const struct chy_ident *id, GENERAL_NAMES *san,
                                STACK_OF(X509_EXTENSION) * extensions)
{
    GENERAL_NAME *gn = a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_DNS, (char *)id->value, 0);

    (void)cx, (void)extensions;
    sk_GENERAL_NAME_push(san, gn);
    return CHY_OK;
}

struct world {
    struct chy_ctx *cx;
    struct parts parts;
    struct chy_registry *registry;
    EVP_PKEY *key, *other;
    X509_REQ *req;
};

static int begin(void **state)
{
    static const struct chy_ident ids[] = {{"plate", "a.example", "a.example"},
                                           {"plate", "b.example", "b.example"}};
    struct world *w = calloc(1, sizeof *w);
    const struct chy_module *modules[1];
    const uint8_t *der;
    struct chy_csr csr;
    size_t n;

    w->cx = fake_cx_new(CHY_STAGE_CLIENT);
    fill(&w->parts, "plates");
    w->parts.ident.parse = parse_plate;
    w->parts.ident.to_csr = plate_to_csr;
    modules[0] = &w->parts.module;
    assert_int_equal(chy_registry_build(w->cx, modules, 1, &w->registry), CHY_OK);
    w->cx->registry = w->registry;
    assert_int_equal(chy_client_key_make(w->cx, "ec-p256", &w->key), CHY_OK);
    assert_int_equal(chy_client_key_make(w->cx, "ec-p256", &w->other), CHY_OK);
    assert_int_equal(chy_client_csr(w->cx, w->key, ids, 2, &w->req, &der, &n), CHY_OK);
    /* As strict as the server. */
    assert_int_equal(chy_csr_read(w->cx, der, n, &csr), CHY_OK);
    assert_int_equal(csr.n_claims, 2);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;

    w->cx->registry = NULL;
    chy_registry_free(w->registry);
    fake_cx_free(w->cx);
    free(w);
    return 0;
}

/* ---- certificates ---- */

struct made {
    const char *san;
    EVP_PKEY *key;
    time_t from, until;
    bool wrong_issuer;
};

static void free_cert(void *cert)
{
    X509_free(cert);
}

static X509 *certify(struct world *w, EVP_PKEY *key, const char *subject, const char *issuer,
                     EVP_PKEY *signer, const struct made *m)
{
    X509 *cert = X509_new();

    chy_arena_defer(w->cx->arena, free_cert, cert);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const uint8_t *)subject, -1, -1, 0);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(cert), "CN", MBSTRING_ASC,
                               (const uint8_t *)issuer, -1, -1, 0);
    ASN1_TIME_set(X509_getm_notBefore(cert), m->from);
    ASN1_TIME_set(X509_getm_notAfter(cert), m->until);
    X509_set_pubkey(cert, key);
    if (m->san != NULL) {
        X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, m->san);

        X509_add_ext(cert, ext, -1);
        X509_EXTENSION_free(ext);
    }
    assert_true(X509_sign(cert, signer, EVP_sha256()) > 0);
    return cert;
}

/* A chain of two as an answer's body, read back. */
static void make_chain(struct world *w, const struct made *m, struct chy_chain *ret)
{
    const struct made ca = {.from = m->from, .until = m->until};
    X509 *leaf = certify(w, m->key, "leaf", "ca", w->other, m);
    X509 *issuer = certify(w, m->wrong_issuer ? w->key : w->other, "ca", "root", w->other, &ca);
    chy_auto(BIO) *bio = BIO_new(BIO_s_mem());
    char *text;
    long n;

    PEM_write_bio_X509(bio, leaf);
    PEM_write_bio_X509(bio, issuer);
    n = BIO_get_mem_data(bio, &text);
    assert_int_equal(chy_chain_read(w->cx, text, (size_t)n, ret), CHY_OK);
    assert_int_equal(ret->n, 2);
}

static void a_chain_is_taken_only_if_it_is_what_was_asked_for(void **state)
{
    struct world *w = *state;
    const struct {
        struct made made;
        const char *says; /* NULL: taken */
    } cases[] = {
        {{"DNS:a.example,DNS:b.example", w->key, FAKE_NOW - 60, FAKE_NOW + DAY, false}, NULL},
        {{"DNS:b.example,DNS:a.example", w->key, FAKE_NOW + 60, FAKE_NOW + DAY, false}, NULL},
        {{"DNS:a.example,DNS:b.example", w->other, FAKE_NOW - 60, FAKE_NOW + DAY, false},
         "another key than the request's"},
        {{"DNS:a.example", w->key, FAKE_NOW - 60, FAKE_NOW + DAY, false},
         "lacks the name dNSName:b.example"},
        {{NULL, w->key, FAKE_NOW - 60, FAKE_NOW + DAY, false}, "lacks the name"},
        {{"DNS:a.example,DNS:b.example,DNS:c.example", w->key, FAKE_NOW - 60, FAKE_NOW + DAY,
          false},
         "holds the name dNSName:c.example, which was not asked for"},
        {{"DNS:a.example,DNS:b.example", w->key, FAKE_NOW - DAY, FAKE_NOW - 1, false},
         "has expired already"},
        {{"DNS:a.example,DNS:b.example", w->key, FAKE_NOW + 2 * DAY, FAKE_NOW + 3 * DAY, false},
         "begins more than a day from now"},
        {{"DNS:a.example,DNS:b.example", w->key, FAKE_NOW - 60, FAKE_NOW + DAY, true},
         "certificate 1 of the chain is not signed by the next one"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chy_chain chain;
        enum chy_rc rc;

        make_chain(w, &cases[i].made, &chain);
        rc = chy_chain_check(w->cx, &chain, w->req, FAKE_NOW);
        if (cases[i].says == NULL
                ? rc != CHY_OK
                : rc == CHY_OK || strstr(w->cx->problem.detail, cases[i].says) == NULL)
            fail_msg("case %zu: %s", i, rc == CHY_OK ? "taken" : w->cx->problem.detail);
        chy_problem_clear(w->cx);
    }
}

/* ---- keys ---- */

static void every_kind_of_key_is_made_written_and_read(void **state)
{
    static const char *const kinds[] = {"ec-p256", "ec-p384", "ec-p521", "ed25519", "rsa-2048"};
    struct world *w = *state;
    char path[] = "/tmp/chy-key-XXXXXX";

    close(mkstemp(path));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        EVP_PKEY *key, *again;
        const char *pem;
        size_t n;

        assert_int_equal(chy_client_key_make(w->cx, kinds[i], &key), CHY_OK);
        assert_int_equal(chy_client_key_pem(w->cx, key, &pem, &n), CHY_OK);
        assert_int_equal(chy_file_write(w->cx, path, pem, n, 0600), CHY_OK);
        assert_int_equal(chy_client_key_load(w->cx, path, &again), CHY_OK);
        assert_int_equal(EVP_PKEY_eq(key, again), 1);
    }
    unlink(path);
}

static void a_key_that_others_may_read_or_that_is_none_is_refused(void **state)
{
    struct world *w = *state;
    char path[] = "/tmp/chy-key-XXXXXX";
    EVP_PKEY *key;

    close(mkstemp(path));
    assert_int_equal(chy_client_key_load(w->cx, path, &key), CHY_ERR);
    assert_non_null(strstr(w->cx->problem.detail, "is no private key in PEM"));
    chy_problem_clear(w->cx);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(chy_client_key_load(w->cx, path, &key), CHY_ERR);
    assert_non_null(strstr(w->cx->problem.detail, "others may read this key"));
    chy_problem_clear(w->cx);
    unlink(path);
    assert_int_equal(chy_client_key_make(w->cx, "dsa", &key), CHY_ERR);
    assert_non_null(strstr(w->cx->problem.detail, "choose one of ec-p256"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define C(f) cmocka_unit_test_setup_teardown(f, begin, end)
        C(a_chain_is_taken_only_if_it_is_what_was_asked_for),
        C(every_kind_of_key_is_made_written_and_read),
        C(a_key_that_others_may_read_or_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
