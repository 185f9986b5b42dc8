/* SPDX-License-Identifier: Apache-2.0 */
/* One SSL_CTX from two files.  Not here: client certificates (the listener that asks for them will
 * also need a session id context), OCSP stapling, tickets. */
#include "services/front/tls.h"

#include <openssl/err.h>

#include "core/base/problem.h"

#define CORRECT "; correct the listener's certificate and key in node.yaml"

/* The library's own word on what failed; empties this thread's queue. */
static const char *last_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return reason != NULL ? reason : "unknown reason";
}

/* RFC 7301 section 3.2: a client that offers only other protocols is told so. */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned int in_n, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof ours - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* A server cannot be asked: an encrypted key is an error, not a prompt on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static bool set_options(SSL_CTX *ctx)
{
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* ACME clients come once a day: a resumed session would save them nothing, and ticket keys
     * would have to be shared and rotated over all fronts. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    /* An idle connection gives its 34 KiB of buffers back; the other two are libevent's needs. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(ctx, select_protocol, NULL);
    return SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
           SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

enum chy_rc chy_tls_load(struct chy_ctx *cx, const char *certificate, const char *key,
                         SSL_CTX **ret)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    enum chy_rc rc = CHY_OK;

    if (ctx == NULL || !set_options(ctx))
        rc = chy_fault_internal(cx, "TLS settings: %s", last_reason());
    else if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
        rc = chy_fail(cx, &CHY_P_serverInternal, "%s: certificate chain cannot be used: %s" CORRECT,
                      certificate, last_reason());
    else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        rc = chy_fail(cx, &CHY_P_serverInternal,
                      "%s: private key cannot be used with the certificate in %s: %s" CORRECT, key,
                      certificate, last_reason());
    else if (SSL_CTX_check_private_key(ctx) != 1)
        rc = chy_fail(cx, &CHY_P_serverInternal, "%s: not the key of %s" CORRECT, key, certificate);
    ERR_clear_error();
    if (rc != CHY_OK) {
        SSL_CTX_free(ctx);
        return rc;
    }
    *ret = ctx;
    return CHY_OK;
}

bool chy_tls_exporter(SSL *ssl, uint8_t out[32])
{
    static const char label[] = "EXPORTER-Channel-Binding";
    bool done;

    /* TLS 1.2 would need the extended master secret (RFC 9266 section 3); those clients do without. */
    if (SSL_version(ssl) != TLS1_3_VERSION)
        return false;
    done = SSL_export_keying_material(ssl, out, 32, label, sizeof label - 1, (const uint8_t *)"", 0,
                                      1) == 1;
    ERR_clear_error();
    return done;
}
