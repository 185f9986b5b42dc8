/* SPDX-License-Identifier: Apache-2.0 */
/* The fake host's certificate plan, and certificate requests for tests. */
#include <stdlib.h>
#include <string.h>

#include "core/base/auto.h"
#include "tests/support/fakehost_state.h"

/* ---- certificate plan ------------------------------------------------------ */

struct chy_cert_plan *fake_plan(struct chy_ctx *cx)
{
    return (struct chy_cert_plan *)chy_alloc(cx, 1);
}

enum chy_rc fake_host_plan_san(struct chy_ctx *cx, struct chy_cert_plan *p, GENERAL_NAME *gn)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text;
    long n;

    (void)p;
    GENERAL_NAME_print(out, gn);
    n = BIO_get_mem_data(out, &text);
    fake_note(cx, "plan_san", chy_arena_strndup(cx->arena, text, (size_t)n), NULL);
    BIO_free(out);
    GENERAL_NAME_free(gn);
    return fake_in_stage(cx, "plan_san",
                         cx->stage == CHY_STAGE_ISSUE || cx->stage == CHY_STAGE_REQUEST);
}

enum chy_rc fake_host_plan_ext(struct chy_ctx *cx, struct chy_cert_plan *p, const char *oid,
                               bool critical, const uint8_t *der, size_t n)
{
    char *hex = chy_alloc(cx, 2 * n + 1);

    (void)p;
    for (size_t i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", der[i]);
    fake_note(cx, "plan_ext", oid, critical ? "critical" : "", hex, NULL);
    return CHY_OK;
}

enum chy_rc fake_host_plan_subject(struct chy_ctx *cx, struct chy_cert_plan *p,
                                   const char *attribute, const char *value)
{
    (void)p;
    fake_note(cx, "plan_subject", attribute, value, NULL);
    return CHY_OK;
}

enum chy_rc fake_host_plan_usage(struct chy_ctx *cx, struct chy_cert_plan *p,
                                 const char *ku_and_eku)
{
    (void)p;
    fake_note(cx, "plan_usage", ku_and_eku, NULL);
    return CHY_OK;
}

enum chy_rc fake_host_plan_ca(struct chy_ctx *cx, struct chy_cert_plan *p, int path_len)
{
    (void)p;
    fake_note(cx, "plan_ca", chy_fmt(cx, "%d", path_len), NULL);
    return CHY_OK;
}

enum chy_rc fake_host_plan_validity(struct chy_ctx *cx, struct chy_cert_plan *p, time_t not_before,
                                    time_t not_after)
{
    (void)p;
    fake_note(cx, "plan_validity", chy_fmt(cx, "%lld", (long long)not_before),
              chy_fmt(cx, "%lld", (long long)not_after), NULL);
    return CHY_OK;
}

enum chy_rc fake_host_plan_key_must_be(struct chy_ctx *cx, struct chy_cert_plan *p,
                                       const uint8_t spki_sha256[32])
{
    (void)p;
    (void)spki_sha256;
    fake_note(cx, "plan_key_must_be", NULL);
    return CHY_OK;
}

/* ---- certificate requests -------------------------------------------------- */

static void release_csr(void *csr)
{
    X509_REQ_free(csr);
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void set_subject(X509_REQ *csr, const char *subject)
{
    X509_NAME *name = X509_NAME_new();
    char part[300];

    while (*subject == '/') {
        size_t n = strcspn(++subject, "/");
        char *equals;

        must(n < sizeof part);
        memcpy(part, subject, n);
        part[n] = '\0';
        subject += n;
        equals = strchr(part, '=');
        must(equals != NULL);
        *equals = '\0';
        must(X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (unsigned char *)equals + 1, -1,
                                        -1, 0) == 1);
    }
    must(X509_REQ_set_subject_name(csr, name) == 1);
    X509_NAME_free(name);
}

static void set_san(X509_REQ *csr, const char *san)
{
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);

    must(x != NULL && sk_X509_EXTENSION_push(list, x) > 0);
    must(X509_REQ_add_extensions(csr, list) == 1);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}

X509_REQ *fake_csr(struct chy_ctx *cx, const char *subject, const char *san)
{
    chy_auto(EVP_PKEY) *key = EVP_EC_gen("P-256");
    X509_REQ *csr = X509_REQ_new();

    must(key != NULL && csr != NULL);
    chy_arena_defer(cx->arena, release_csr, csr);
    set_subject(csr, subject);
    if (san != NULL)
        set_san(csr, san);
    must(X509_REQ_set_pubkey(csr, key) == 1 && X509_REQ_sign(csr, key, EVP_sha256()) > 0);
    return csr;
}
