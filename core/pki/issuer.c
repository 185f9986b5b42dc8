/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an issuer's chain of certificates (RFC 5280 section 6.1, RFC 8555 section 7.4.2): PEM,
 * the issuing certificate first, each certified by the next.  No private key comes near this
 * process. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "core/pki/cert.h"
#include "core/pki/plan.h"

#define CHAIN_MAX 8
#define CHAIN_PEM_MAX (256 * 1024)

struct chain {
    X509 *certs[CHAIN_MAX];
    size_t n;
};

static void release_x509(void *cert)
{
    X509_free(cert);
}

char *chy_cert_pem(struct chy_ctx *cx, const uint8_t *der, size_t n)
{
    chy_auto(BIO) *out = BIO_new(BIO_s_mem());
    char *text;
    long text_n;

    if (out == NULL || PEM_write_bio(out, "CERTIFICATE", "", der, (long)n) <= 0)
        abort(); /* memory only */
    text_n = BIO_get_mem_data(out, &text);
    return chy_arena_strndup(cx->arena, text, (size_t)text_n);
}

static char *pem_of(struct chy_ctx *cx, X509 *cert)
{
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    char *pem;

    if (n <= 0)
        abort(); /* it was decoded: memory only */
    pem = chy_cert_pem(cx, der, (size_t)n);
    OPENSSL_free(der);
    return pem;
}

static enum chy_rc read_chain(struct chy_ctx *cx, const char *name, const char *pem,
                              struct chain *ret)
{
    size_t pem_n = strnlen(pem, CHAIN_PEM_MAX + 1);
    chy_auto(BIO) *in = NULL;
    X509 *cert;

    if (pem_n > CHAIN_PEM_MAX)
        return chy_fault_internal(cx, "issuer %s: chain is too long", name);
    in = BIO_new_mem_buf(pem, (int)pem_n);
    if (in == NULL)
        abort();
    while ((cert = PEM_read_bio_X509(in, NULL, chy_no_passphrase, NULL)) != NULL) {
        chy_arena_defer(cx->arena, release_x509, cert);
        if (ret->n == CHAIN_MAX)
            return chy_fault_internal(cx, "issuer %s: more than %d certificates", name, CHAIN_MAX);
        ret->certs[ret->n++] = cert;
    }
    /* "No start line" is how the reader says that nothing is left. */
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return chy_fault_internal(cx, "issuer %s: certificate %zu of the chain cannot be decoded",
                                  name, ret->n + 1);
    if (ret->n == 0)
        return chy_fault_internal(cx, "issuer %s: no certificate in the chain", name);
    return CHY_OK;
}

static enum chy_rc check_chain(struct chy_ctx *cx, const char *name, const struct chain *c)
{
    for (size_t i = 0; i < c->n; i++) {
        X509 *above = i + 1 < c->n ? c->certs[i + 1] : NULL;

        if (X509_check_ca(c->certs[i]) != 1)
            return chy_fault_internal(cx, "issuer %s: certificate %zu is not a CA's", name, i + 1);
        if (above != NULL &&
            (!chy_same_name(X509_get_issuer_name(c->certs[i]), X509_get_subject_name(above)) ||
             X509_verify(c->certs[i], X509_get0_pubkey(above)) != 1))
            return chy_fault_internal(cx, "issuer %s: certificate %zu is not certified by the next",
                                      name, i + 1);
    }
    if ((X509_get_key_usage(c->certs[0]) & KU_KEY_CERT_SIGN) == 0)
        return chy_fault_internal(cx, "issuer %s: key usage lacks keyCertSign", name);
    if (X509_get0_subject_key_id(c->certs[0]) == NULL)
        return chy_fault_internal(cx, "issuer %s: certificate has no subject key identifier", name);
    return CHY_OK;
}

static bool self_issued(X509 *cert)
{
    return chy_same_name(X509_get_issuer_name(cert), X509_get_subject_name(cert));
}

static enum chy_rc read_issuer(struct chy_ctx *cx, const char *name, const char *chain_pem,
                               struct chy_issuer_cert *ret)
{
    struct chy_issuer_cert is = {.name = name};
    struct chain c = {.n = 0};
    const char *pem = "";

    if (read_chain(cx, name, chain_pem, &c) != CHY_OK || check_chain(cx, name, &c) != CHY_OK)
        return CHY_ERR;
    is.cert = c.certs[0];
    is.sig_nid = chy_signature_nid(X509_get0_pubkey(is.cert));
    if (is.sig_nid == NID_undef)
        return chy_fault_internal(cx, "issuer %s: key is of no kind that signs", name);
    if (!chy_asn1_time(X509_get0_notAfter(is.cert), &is.not_after))
        return chy_fault_internal(cx, "issuer %s: notAfter cannot be read", name);
    for (size_t i = 0; i < c.n; i++)
        if (i == 0 || i + 1 < c.n || !self_issued(c.certs[i]))
            pem = chy_fmt(cx, "%s%s", pem, pem_of(cx, c.certs[i]));
    is.chain_pem = pem;
    *ret = is;
    return CHY_OK;
}

enum chy_rc chy_issuer_cert_read(struct chy_ctx *cx, const char *name, const char *chain_pem,
                                 struct chy_issuer_cert *ret)
{
    enum chy_rc rc;

    ERR_clear_error();
    rc = read_issuer(cx, name, chain_pem, ret);
    ERR_clear_error();
    return rc;
}
