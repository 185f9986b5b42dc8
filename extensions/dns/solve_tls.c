/* SPDX-License-Identifier: Apache-2.0 */
/* Solver for tls-alpn-01 (RFC 8737): a TLS server for the time of the validation, which offers nothing
 * but the protocol acme-tls/1 and closes after the handshake. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "solve.h"

#define PROTOCOL "\012acme-tls/1" /* as on the wire: length, then name */
#define VALID_S 86400

struct proof {
    const char *sni;
    X509 *cert;
};
struct tls {
    struct dns_listener *listener;
    SSL_CTX *ctx;
    EVP_PKEY *key;
    struct proof *proofs;
    size_t n;
};

/* ---- the certificates (section 3) ---- */

static bool add_name(X509 *cert, const char *value)
{
    uint8_t b[16];
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *gn =
        a2i_GENERAL_NAME(NULL, NULL, NULL, dns_address(value, b) > 0 ? GEN_IPADD : GEN_DNS,
                         (char *)(uintptr_t)value, 0);
    bool good = names != NULL && gn != NULL && sk_GENERAL_NAME_push(names, gn) > 0 &&
                X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;

    GENERAL_NAMES_free(names);
    return good;
}

/* Critical; its value is the digest of the key authorization as an OCTET STRING. */
static bool add_digest(X509 *cert, const char *key_authorization)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(DNS_ACME_IDENTIFIER, 1);
    uint8_t der[DNS_ALPN_DIGEST];
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;
    bool good;

    good = oid != NULL && value != NULL && dns_alpn_digest(key_authorization, der) &&
           ASN1_OCTET_STRING_set(value, der, sizeof der) == 1 &&
           (ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value)) != NULL &&
           X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    return good;
}

static X509 *make_cert(struct chy_ctx *cx, EVP_PKEY *key, const struct chy_task *task)
{
    X509 *cert = X509_new();
    time_t now = dns_host->now(cx);
    bool good = cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
                ASN1_TIME_set(X509_getm_notBefore(cert), now - VALID_S) != NULL &&
                ASN1_TIME_set(X509_getm_notAfter(cert), now + VALID_S) != NULL &&
                X509_set_pubkey(cert, key) == 1 && add_name(cert, task->ident.value) &&
                add_digest(cert, task->key_authorization) && X509_sign(cert, key, EVP_sha256()) > 0;

    if (good)
        return cert;
    X509_free(cert);
    return NULL;
}

static enum chy_rc make_proofs(struct chy_ctx *cx, struct tls *t, const struct chy_task *tasks,
                               size_t n)
{
    t->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    t->proofs = dns_host->alloc(cx, (n + 1) * sizeof *t->proofs);
    for (; t->n < n; t->n++) {
        const struct chy_task *task = &tasks[t->n];

        if (task->key_authorization == NULL)
            return DNS_FAIL(cx, &CHY_P_malformed, "%s: the server's challenge has no token",
                            task->ident.value);
        t->proofs[t->n].sni = dns_server_name(cx, task->ident.value);
        t->proofs[t->n].cert = t->key != NULL ? make_cert(cx, t->key, task) : NULL;
        if (t->proofs[t->n].cert == NULL)
            return DNS_FAIL(cx, &CHY_P_serverInternal, "%s: no certificate can be made",
                            task->ident.value);
    }
    return CHY_OK;
}

/* ---- the handshake ---- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned in_n, void *arg)
{
    static const unsigned char ours[] = PROTOCOL;

    (void)ssl, (void)arg;
    /* Whoever offers something else is no validation. */
    if (in_n != sizeof ours - 1 || memcmp(in, ours, in_n) != 0)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = in + 1;
    *out_n = (unsigned char)(in_n - 1);
    return SSL_TLSEXT_ERR_OK;
}

static int choose_cert(SSL *ssl, int *alert, void *arg)
{
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct tls *t = arg;

    for (size_t i = 0; sni != NULL && i < t->n; i++)
        if (strcasecmp(sni, t->proofs[i].sni) == 0 &&
            SSL_use_certificate(ssl, t->proofs[i].cert) == 1 &&
            SSL_use_PrivateKey(ssl, t->key) == 1)
            return SSL_TLSEXT_ERR_OK;
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Again and again until it is done or the connection's time is over. */
static bool drive(SSL *ssl, const struct dns_conn *c, int (*step)(SSL *ssl))
{
    for (;;) {
        int n = step(ssl), why = SSL_get_error(ssl, n);

        if (n == 1)
            return true;
        if ((why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) ||
            !dns_conn_wait(c, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT))
            return false;
    }
}

static void serve(void *arg, const struct dns_conn *c)
{
    const struct tls *t = arg;
    SSL *ssl = SSL_new(t->ctx);

    if (ssl != NULL && SSL_set_fd(ssl, c->fd) == 1 && drive(ssl, c, SSL_accept))
        drive(ssl, c, SSL_shutdown); /* section 3: close at once */
    SSL_free(ssl);
    ERR_clear_error();
}

static bool set_up(struct tls *t)
{
    t->ctx = SSL_CTX_new(TLS_server_method());
    if (t->ctx == NULL || SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1)
        return false;
    SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(t->ctx, choose_protocol, NULL);
    SSL_CTX_set_tlsext_servername_callback(t->ctx, choose_cert);
    SSL_CTX_set_tlsext_servername_arg(t->ctx, t);
    return true;
}

/* ---- the solver ---- */

static void tear_down(struct tls *t)
{
    if (t->listener != NULL)
        dns_listen_end(t->listener);
    for (size_t i = 0; i < t->n; i++)
        X509_free(t->proofs[i].cert);
    EVP_PKEY_free(t->key);
    SSL_CTX_free(t->ctx);
    ERR_clear_error();
}

static enum chy_rc start(struct chy_ctx *cx, struct tls *t, const struct chy_task *tasks, size_t n,
                         const json_t *options)
{
    struct dns_service service = {.address = dns_option(options, "tls-address"),
                                  .option = "tls-port",
                                  .serve = serve,
                                  .arg = t};

    if (dns_option_count(cx, options, "tls-port", 1, 65535, &service.port) != CHY_OK ||
        make_proofs(cx, t, tasks, n) != CHY_OK)
        return CHY_ERR;
    if (!set_up(t))
        return DNS_FAIL(cx, &CHY_P_serverInternal, "TLS cannot be set up");
    return dns_listen(cx, &service, &t->listener);
}

static enum chy_rc prepare(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                           const json_t *options, void **ret_state)
{
    struct tls *t = dns_host->alloc(cx, sizeof *t);

    if (start(cx, t, tasks, n, options) != CHY_OK) {
        tear_down(t);
        return CHY_ERR;
    }
    *ret_state = t;
    return CHY_OK;
}

static enum chy_rc clean(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                         const json_t *options, void *state)
{
    (void)cx, (void)tasks, (void)n, (void)options;
    tear_down(state);
    return CHY_OK;
}

static const struct chy_client_option options[] = {
    {.name = "tls-port",
     .value = "PORT",
     .help = "answer tls-alpn-01 with a TLS server of its own on this port",
     .selects = true,
     .dflt = "443",
     .local = "https-port"},
    {.name = "tls-address",
     .value = "ADDRESS",
     .help = "and listen on this address only; default: on all",
     .selects = true},
    {NULL},
};

const struct chy_solver dns_solve_tls = {
    .challenge = "tls-alpn-01",
    .name = "tls-standalone",
    .help = "a TLS server for the moment of the validation",
    .options = options,
    .prepare = prepare,
    .clean = clean,
};
