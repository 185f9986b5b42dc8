/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate chains: from PEM (RFC 8555 section 9.1), and whether one is what a request asked for.
 * Whether anybody should trust its end is not judged here: the client's users do that. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "core/client/requests.h"
#include "core/pki/cert.h"
#include "core/pki/names.h"

#define REFUSE(cx, ...) chy_fail((cx), &CHY_P_serverInternal, __VA_ARGS__)

static const char begin_line[] = "-----BEGIN CERTIFICATE-----";
static const char end_line[] = "-----END CERTIFICATE-----";

/* ---- reading ---- */

static size_t skip_space(const char *p, size_t n)
{
    size_t i = 0;

    while (i < n && (p[i] == '\n' || p[i] == '\r'))
        i++;
    return i;
}

/* One certificate at the beginning of p; *ret_used: octets of it. */
static enum chy_rc read_one(struct chy_ctx *cx, const char *p, size_t n, X509 **ret,
                            size_t *ret_used)
{
    const char *end;
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long der_n = 0;
    chy_auto(BIO) *bio = NULL;
    bool good;
    enum chy_rc rc;

    if (n < sizeof begin_line || memcmp(p, begin_line, sizeof begin_line - 1) != 0)
        return REFUSE(cx, "the chain holds something that is no certificate (RFC 8555 section "
                          "9.1)");
    end = memmem(p, n, end_line, sizeof end_line - 1);
    if (end == NULL)
        return REFUSE(cx, "the chain is cut off inside a certificate");
    *ret_used = (size_t)(end - p) + sizeof end_line - 1;
    bio = BIO_new_mem_buf(p, (int)*ret_used);
    good = bio != NULL && PEM_read_bio(bio, &name, &header, &der, &der_n) == 1 && header[0] == '\0';
    rc = good ? chy_cert_decode(cx, der, (size_t)der_n, ret)
              : REFUSE(cx, "the chain holds a certificate that is not PEM");
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    ERR_clear_error();
    return rc;
}

enum chy_rc chy_chain_read(struct chy_ctx *cx, const void *body, size_t n, struct chy_chain *ret)
{
    struct chy_chain chain = {.pem = chy_arena_strndup(cx->arena, body, n), .pem_n = n};
    size_t at;

    if (n > CHY_CLIENT_BODY_MAX || memchr(body, '\0', n) != NULL)
        return REFUSE(cx, "the chain is no text of at most %u octets", CHY_CLIENT_BODY_MAX);
    for (at = skip_space(chain.pem, n); at < n; at += skip_space(chain.pem + at, n - at)) {
        size_t used;

        if (chain.n == CHY_CHAIN_MAX)
            return REFUSE(cx, "the chain has more than %d certificates", CHY_CHAIN_MAX);
        if (read_one(cx, chain.pem + at, n - at, &chain.certs[chain.n], &used) != CHY_OK)
            return CHY_ERR;
        chain.n++;
        at += used;
    }
    if (chain.n == 0)
        return REFUSE(cx, "the chain is empty");
    *ret = chain;
    return CHY_OK;
}

/* ---- judging ---- */

/* Is every name of a among those of b? */
static const GENERAL_NAME *missing_name(const GENERAL_NAMES *a, const GENERAL_NAMES *b)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(a); i++) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(a, i);
        bool found = false;

        for (int k = 0; k < sk_GENERAL_NAME_num(b) && !found; k++)
            found = GENERAL_NAME_cmp(name, sk_GENERAL_NAME_value(b, k)) == 0;
        if (!found)
            return name;
    }
    return NULL;
}

static enum chy_rc check_names(struct chy_ctx *cx, X509 *cert, STACK_OF(X509_EXTENSION) * asked)
{
    GENERAL_NAMES *held = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    GENERAL_NAMES *wanted = X509V3_get_d2i(asked, NID_subject_alt_name, NULL, NULL);
    const GENERAL_NAME *lacking = missing_name(wanted, held), *extra = missing_name(held, wanted);
    enum chy_rc rc = CHY_OK;

    if (lacking != NULL)
        rc = REFUSE(cx, "the certificate lacks the name %s", chy_general_name_text(cx, lacking));
    else if (extra != NULL)
        rc = REFUSE(cx, "the certificate holds the name %s, which was not asked for",
                    chy_general_name_text(cx, extra));
    GENERAL_NAMES_free(held);
    GENERAL_NAMES_free(wanted);
    return rc;
}

/* What was asked for beside names must be there as it was asked for. */
static enum chy_rc check_extensions(struct chy_ctx *cx, X509 *cert,
                                    STACK_OF(X509_EXTENSION) * asked)
{
    for (int i = 0; i < sk_X509_EXTENSION_num(asked); i++) {
        X509_EXTENSION *want = sk_X509_EXTENSION_value(asked, i);
        const ASN1_OBJECT *oid = X509_EXTENSION_get_object(want);
        int at;

        if (OBJ_obj2nid(oid) == NID_subject_alt_name)
            continue;
        at = X509_get_ext_by_OBJ(cert, oid, -1);
        if (at < 0 || ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(X509_get_ext(cert, at)),
                                            X509_EXTENSION_get_data(want)) != 0)
            return REFUSE(cx, "the certificate does not have the extension %s that was asked for",
                          chy_oid_text(cx, oid));
    }
    return CHY_OK;
}

static enum chy_rc check_time(struct chy_ctx *cx, X509 *cert, time_t now)
{
    time_t from, until;

    if (!chy_asn1_time(X509_get0_notBefore(cert), &from) ||
        !chy_asn1_time(X509_get0_notAfter(cert), &until))
        return REFUSE(cx, "the certificate's validity cannot be read");
    if (until <= now)
        return REFUSE(cx, "the certificate has expired already; is this machine's clock right?");
    /* A client's clock may be slow: a certificate that begins soon is no mistake. */
    if (from > now + 86400)
        return REFUSE(cx, "the certificate begins more than a day from now; is this machine's "
                          "clock right?");
    return CHY_OK;
}

static enum chy_rc check_links(struct chy_ctx *cx, const struct chy_chain *chain)
{
    for (size_t i = 0; i + 1 < chain->n; i++) {
        EVP_PKEY *key = X509_get0_pubkey(chain->certs[i + 1]);
        bool good = key != NULL &&
                    X509_check_issued(chain->certs[i + 1], chain->certs[i]) == X509_V_OK &&
                    X509_verify(chain->certs[i], key) == 1;

        ERR_clear_error();
        if (!good)
            return REFUSE(cx, "certificate %zu of the chain is not signed by the next one", i + 1);
    }
    return CHY_OK;
}

enum chy_rc chy_chain_check(struct chy_ctx *cx, const struct chy_chain *chain, X509_REQ *request,
                            time_t now)
{
    STACK_OF(X509_EXTENSION) *asked = X509_REQ_get_extensions(request);
    X509 *cert = chain->certs[0];
    EVP_PKEY *key = X509_get0_pubkey(cert);
    enum chy_rc rc = CHY_OK;

    if (key == NULL || EVP_PKEY_eq(key, X509_REQ_get0_pubkey(request)) != 1)
        rc = REFUSE(cx, "the certificate is for another key than the request's");
    ERR_clear_error();
    if (rc == CHY_OK)
        rc = check_names(cx, cert, asked);
    if (rc == CHY_OK)
        rc = check_extensions(cx, cert, asked);
    sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
    if (rc != CHY_OK || check_time(cx, cert, now) != CHY_OK)
        return CHY_ERR;
    return check_links(cx, chain);
}
