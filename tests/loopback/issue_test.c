/* SPDX-License-Identifier: Apache-2.0 */
/* From newAccount to the certificate, and every field of what came out (core.md T-F-01, T-R-01). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core/base/auto.h"
#include "core/base/id.h"
#include "core/pki/cert.h"
#include "tests/support/loopback.h"

struct issued {
    struct loopback *lb;
    struct loop_client *client;
    const char *order, *url, *pem;
    X509 *leaf, *issuing, *root;
};

static X509 *next_cert(BIO *in)
{
    return PEM_read_bio_X509(in, NULL, chy_no_passphrase, NULL);
}

static int setup(void **state)
{
    static struct issued s;
    struct loop_reply *r;
    chy_auto(BIO) *chain = NULL;
    chy_auto(BIO) *root = NULL;

    s = (struct issued){.lb = loopback_open(NULL)};
    s.client = loop_account(s.lb);
    s.order = loop_ready(s.client, "www.shop.example *.shop.example");
    r = loop_ok(loop_finalize(s.client, s.order, "*.shop.example www.shop.example"), 200);
    s.url = loop_text(r, "certificate");
    assert_string_equal(loop_text(r, "status"), "valid");
    assert_string_equal(loop_header(r, "Location"), s.order);
    assert_non_null(s.url);
    s.pem = loop_ok(loop_post(s.client, s.url, ""), 200)->body;
    chain = BIO_new_mem_buf(s.pem, -1);
    root = BIO_new_mem_buf(s.lb->ca.root_pem, -1);
    s.leaf = next_cert(chain);
    s.issuing = next_cert(chain);
    s.root = next_cert(root);
    assert_non_null(s.leaf);
    assert_non_null(s.issuing);
    assert_non_null(s.root);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct issued *s = *state;

    X509_free(s->leaf);
    X509_free(s->issuing);
    X509_free(s->root);
    loopback_close(s->lb);
    return 0;
}

static void R02_the_answer_is_pem_leaf_first_without_root_or_text(void **state)
{
    struct issued *s = *state;
    struct loop_reply *r = loop_ok(loop_post(s->client, s->url, ""), 200);
    size_t blocks = 0;

    assert_string_equal(r->type, "application/pem-certificate-chain");
    assert_string_equal(loop_header(r, "Cache-Control"), "no-store");
    for (const char *p = r->body; *p != '\0'; blocks++) {
        static const char begin[] = "-----BEGIN CERTIFICATE-----\n",
                          end[] = "-----END CERTIFICATE-----\n";

        assert_memory_equal(p, begin, strlen(begin));
        for (p += strlen(begin); *p != '-'; p += strcspn(p, "\n") + 1)
            assert_true(strcspn(p, "\n") <= 64);
        assert_memory_equal(p, end, strlen(end));
        p += strlen(end);
    }
    assert_int_equal(blocks, 2);
}

static void T_R_07_a_second_download_is_the_same_octets(void **state)
{
    struct issued *s = *state;

    assert_string_equal(loop_ok(loop_post(s->client, s->url, ""), 200)->body, s->pem);
}

static void T_R_01_the_chain_verifies_up_to_the_root_for_the_name(void **state)
{
    struct issued *s = *state;
    STACK_OF(X509) *between = sk_X509_new_null();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE *store = X509_STORE_new();

    sk_X509_push(between, s->issuing);
    X509_STORE_add_cert(store, s->root);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, s->leaf, between), 1);
    X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(ctx), X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(ctx), "www.shop.example", 0);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_X509_STRICT);
    if (X509_verify_cert(ctx) != 1)
        fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    sk_X509_free(between);
}

static void F07_the_names_are_the_orders_and_nothing_else(void **state)
{
    struct issued *s = *state;
    GENERAL_NAMES *names = X509_get_ext_d2i(s->leaf, NID_subject_alt_name, NULL, NULL);
    const char *const want[] = {"*.shop.example", "www.shop.example"};

    assert_int_equal(sk_GENERAL_NAME_num(names), 2);
    for (int i = 0; i < 2; i++) {
        const GENERAL_NAME *gn = sk_GENERAL_NAME_value(names, i);

        assert_int_equal(gn->type, GEN_DNS);
        assert_int_equal(ASN1_STRING_length(gn->d.dNSName), strlen(want[i]));
        assert_memory_equal(ASN1_STRING_get0_data(gn->d.dNSName), want[i], strlen(want[i]));
    }
    GENERAL_NAMES_free(names);
}

static void F09_the_subject_is_empty_and_so_the_names_are_critical(void **state)
{
    struct issued *s = *state;
    int at = X509_get_ext_by_NID(s->leaf, NID_subject_alt_name, -1);

    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(s->leaf)), 0);
    assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(s->leaf, at)), 1);
}

static void usages_are_the_profiles(void **state)
{
    struct issued *s = *state;
    int ku = X509_get_ext_by_NID(s->leaf, NID_key_usage, -1);

    assert_int_equal(X509_get_key_usage(s->leaf), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(s->leaf, ku)), 1);
    assert_int_equal(X509_get_extended_key_usage(s->leaf), XKU_SSL_SERVER);
    assert_int_equal(X509_check_ca(s->leaf), 0);
}

static void key_identifiers_match_issuer_and_key(void **state)
{
    struct issued *s = *state;
    const ASN1_OCTET_STRING *aki = X509_get0_authority_key_id(s->leaf);
    const ASN1_OCTET_STRING *issuer = X509_get0_subject_key_id(s->issuing);

    assert_non_null(aki);
    assert_int_equal(ASN1_OCTET_STRING_cmp(aki, issuer), 0);
    assert_null(X509_get0_authority_issuer(s->leaf));
    assert_null(X509_get0_authority_serial(s->leaf));
    assert_non_null(X509_get0_subject_key_id(s->leaf));
    assert_int_not_equal(ASN1_OCTET_STRING_cmp(X509_get0_subject_key_id(s->leaf), issuer), 0);
}

static const char *uri_of(const GENERAL_NAME *gn)
{
    assert_int_equal(gn->type, GEN_URI);
    return (const char *)ASN1_STRING_get0_data(gn->d.uniformResourceIdentifier);
}

static void crl_and_issuer_are_where_the_public_listener_serves_them(void **state)
{
    struct issued *s = *state;
    CRL_DIST_POINTS *crl = X509_get_ext_d2i(s->leaf, NID_crl_distribution_points, NULL, NULL);
    AUTHORITY_INFO_ACCESS *aia = X509_get_ext_d2i(s->leaf, NID_info_access, NULL, NULL);
    const ACCESS_DESCRIPTION *ad = sk_ACCESS_DESCRIPTION_value(aia, 0);
    struct loop_reply *r;
    const uint8_t *der;
    X509 *served;

    assert_int_equal(sk_DIST_POINT_num(crl), 1);
    assert_string_equal(
        uri_of(sk_GENERAL_NAME_value(sk_DIST_POINT_value(crl, 0)->distpoint->name.fullname, 0)),
        LOOP_PUBLIC "/crl/web-1.crl");
    assert_int_equal(sk_ACCESS_DESCRIPTION_num(aia), 1);
    assert_int_equal(OBJ_obj2nid(ad->method), NID_ad_ca_issuers);
    assert_string_equal(uri_of(ad->location), LOOP_PUBLIC "/ca/web-1.cer");
    r = loop_ok(loop_get(s->client, "GET", uri_of(ad->location)), 200);
    assert_string_equal(r->type, "application/pkix-cert");
    der = (const uint8_t *)r->body;
    served = d2i_X509(NULL, &der, (long)r->body_len);
    assert_non_null(served);
    assert_int_equal(X509_cmp(served, s->issuing), 0);
    X509_free(served);
    CRL_DIST_POINTS_free(crl);
    AUTHORITY_INFO_ACCESS_free(aia);
}

static void every_extension_was_looked_at(void **state)
{
    static const int known[] = {NID_subject_key_identifier,
                                NID_authority_key_identifier,
                                NID_key_usage,
                                NID_ext_key_usage,
                                NID_basic_constraints,
                                NID_subject_alt_name,
                                NID_crl_distribution_points,
                                NID_info_access};
    struct issued *s = *state;

    for (int i = 0; i < X509_get_ext_count(s->leaf); i++) {
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(X509_get_ext(s->leaf, i)));
        bool found = false;

        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            found = found || known[k] == nid;
        if (!found)
            fail_msg("unexpected extension %s", OBJ_nid2sn(nid));
    }
}

static void the_serial_is_the_id_of_the_certificates_row(void **state)
{
    struct issued *s = *state;
    const ASN1_INTEGER *serial = X509_get0_serialNumber(s->leaf);
    const char *text = strrchr(s->url, '/') + 1;
    struct chy_id id;

    assert_true(chy_id_read(&id, text, strlen(text)));
    assert_int_equal(ASN1_STRING_length(serial), sizeof id.b);
    assert_memory_equal(ASN1_STRING_get0_data(serial), id.b, sizeof id.b);
    assert_int_equal(loop_sql_int(s->lb,
                                  "SELECT count(*) FROM certificates WHERE id = %s AND status = "
                                  "'issued' AND der IS NOT NULL",
                                  loop_id(s->lb, s->url)),
                     1);
}

static void validity_is_the_profiles_to_the_second(void **state)
{
    struct issued *s = *state;
    time_t from, to;

    assert_true(chy_asn1_time(X509_get0_notBefore(s->leaf), &from));
    assert_true(chy_asn1_time(X509_get0_notAfter(s->leaf), &to));
    assert_int_equal(to - from, 90 * 86400 - 1);
    assert_true(from <= time(&(time_t){0}) - 59);
    assert_true(from >= time(&(time_t){0}) - 300);
}

static void T_R_02_another_account_cannot_tell_the_certificate_from_none(void **state)
{
    struct issued *s = *state;
    struct loop_client *other = loop_account(s->lb);

    loop_refused(loop_post(other, s->url, ""), 404, "malformed", "no such resource");
}

static void T_G_02_a_payload_at_the_certificate_is_refused(void **state)
{
    struct issued *s = *state;

    loop_refused(loop_post(s->client, s->url, "{}"), 400, "malformed", "only read");
}

static void every_change_of_state_left_an_event(void **state)
{
    struct issued *s = *state;

    assert_int_equal(loop_sql_int(s->lb, "SELECT count(*) FROM events WHERE subject = %s",
                                  loop_id(s->lb, s->url)) > 0,
                     1);
    assert_int_equal(loop_sql_int(s->lb,
                                  "SELECT count(*) FROM events WHERE kind = 'order.created' AND "
                                  "subject = %s",
                                  loop_id(s->lb, s->order)),
                     1);
}

static void T_F_02_a_valid_order_is_not_finalized_again(void **state)
{
    struct issued *s = *state;

    loop_refused(loop_finalize(s->client, s->order, "*.shop.example www.shop.example"), 403,
                 "orderNotReady", "valid");
    assert_int_equal(loop_sql_int(s->lb, "SELECT count(*) FROM certificates WHERE order_id = %s",
                                  loop_id(s->lb, s->order)),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R02_the_answer_is_pem_leaf_first_without_root_or_text),
        cmocka_unit_test(T_R_07_a_second_download_is_the_same_octets),
        cmocka_unit_test(T_R_01_the_chain_verifies_up_to_the_root_for_the_name),
        cmocka_unit_test(F07_the_names_are_the_orders_and_nothing_else),
        cmocka_unit_test(F09_the_subject_is_empty_and_so_the_names_are_critical),
        cmocka_unit_test(usages_are_the_profiles),
        cmocka_unit_test(key_identifiers_match_issuer_and_key),
        cmocka_unit_test(crl_and_issuer_are_where_the_public_listener_serves_them),
        cmocka_unit_test(every_extension_was_looked_at),
        cmocka_unit_test(the_serial_is_the_id_of_the_certificates_row),
        cmocka_unit_test(validity_is_the_profiles_to_the_second),
        cmocka_unit_test(T_R_02_another_account_cannot_tell_the_certificate_from_none),
        cmocka_unit_test(T_G_02_a_payload_at_the_certificate_is_refused),
        cmocka_unit_test(every_change_of_state_left_an_event),
        cmocka_unit_test(T_F_02_a_valid_order_is_not_finalized_again),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
