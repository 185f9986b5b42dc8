/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the listeners (core.md H-01, RFC 9325). */
#ifndef CHY_FRONT_TLS_H
#define CHY_FRONT_TLS_H

#include <openssl/ssl.h>

#include "core/base/cx.h"

/* TLS 1.2 and 1.3, forward secrecy and AEAD only, ALPN http/1.1, no resumption, no renegotiation.
 * certificate: PEM, own certificate first, then its chain.  Fails, naming the file, when a file cannot
 * be read or the key does not belong to the certificate. */
enum chy_rc CHY_CHECK chy_tls_load(struct chy_ctx *cx, const char *certificate, const char *key,
                                   SSL_CTX **ret);
/* EXPORTER-Channel-Binding of a finished handshake (RFC 9266 section 2).  False: not TLS 1.3. */
bool chy_tls_exporter(SSL *ssl, uint8_t out[32]);

#endif
