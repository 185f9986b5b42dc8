/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate plans: additive filling, encoding, and the second look that lets nothing else out. */
#include "tests/unit/pki_fixture.h"

#include <openssl/x509_vfy.h>

#include "core/pki/plan_types.h"

struct world {
    struct chy_ctx *cx;
    struct chy_authority ca;
    struct chy_issuer_cert issuer;
    EVP_PKEY *issuer_key, *key;
    struct chy_csr *csr;
    struct chy_id serial;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_ISSUE);

    w->cx = cx;
    if (chy_authority_make(cx, "Example", &w->ca) != CHY_OK ||
        chy_issuer_cert_read(cx, "web-1", chy_fmt(cx, "%s%s", w->ca.issuing_pem, w->ca.root_pem),
                             &w->issuer) != CHY_OK)
        fail_msg("%s", cx->problem.note);
    w->issuer.crl_url = "http://localhost:14001/crl/web-1";
    w->issuer.aia_url = "http://localhost:14001/issuer/web-1";
    w->issuer_key = key_from_pem(w->ca.issuing_key_pem);
    w->key = ec_key("P-256");
    w->csr = read_request(cx, &(struct request){.key = w->key, .san = "DNS:www.shop.example"});
    chy_id_new(cx, &w->serial);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    EVP_PKEY_free(w->key);
    EVP_PKEY_free(w->issuer_key);
    fake_cx_free(w->cx);
    free(w);
    return 0;
}

static void ok(struct chy_ctx *cx, enum chy_rc rc)
{
    if (rc != CHY_OK)
        fail_msg("%s", cx->problem.note != NULL ? cx->problem.note : cx->problem.detail);
}

static struct chy_cert_plan *web_plan(struct world *w)
{
    struct chy_cert_plan *p = chy_plan_new(w->cx, w->csr, &w->issuer, &w->serial);
    time_t now = chy_now(w->cx);

    ok(w->cx, chy_plan_san(w->cx, p, name_of(GEN_DNS, "www.shop.example")));
    ok(w->cx, chy_plan_san(w->cx, p, name_of(GEN_IPADD, "192.0.2.7")));
    ok(w->cx, chy_plan_usage(w->cx, p, "digitalSignature,serverAuth"));
    ok(w->cx, chy_plan_validity(w->cx, p, now - 60, now - 60 + 90 * 86400 - 1));
    return p;
}

static X509 *issue(struct world *w, struct chy_cert_plan *p)
{
    const uint8_t *tbs, *der;
    size_t tbs_n, sig_n, n;
    uint8_t *sig;
    X509 *cert;

    ok(w->cx, chy_plan_tbs(w->cx, p, &tbs, &tbs_n));
    sig = sign_octets(w->cx, w->issuer_key, tbs, tbs_n, &sig_n);
    ok(w->cx, chy_plan_finish(w->cx, p, &w->issuer, tbs, tbs_n, sig, sig_n, &der, &n));
    ok(w->cx, chy_cert_decode(w->cx, der, n, &cert));
    return cert;
}

static void certificate_verifies_up_to_the_root(void **state)
{
    struct world *w = *state;
    X509 *cert = issue(w, web_plan(w)), *root = cert_from_pem(w->ca.root_pem);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *vc = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null();

    X509_STORE_add_cert(store, root);
    sk_X509_push(between, w->issuer.cert);
    assert_int_equal(X509_STORE_CTX_init(vc, store, cert, between), 1);
    X509_STORE_CTX_set_time(vc, 0, chy_now(w->cx));
    X509_STORE_CTX_set_purpose(vc, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(vc), "www.shop.example", 0);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(vc), X509_V_FLAG_X509_STRICT);
    if (X509_verify_cert(vc) != 1)
        fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(vc)));
    sk_X509_free(between);
    X509_STORE_CTX_free(vc);
    X509_STORE_free(store);
    X509_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(certificate_verifies_up_to_the_root, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
