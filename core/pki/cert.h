/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate's to-be-signed part, from octets and back. */
#ifndef CHY_PKI_CERT_H
#define CHY_PKI_CERT_H

#include "core/base/cx.h"

#define CHY_TBS_MAX 65536       /* octets of a to-be-signed certificate       */
#define CHY_SIGNATURE_MAX 1024  /* octets: RSA of 8192 bits                   */
#define CHY_SERIAL_OCTETS 20    /* RFC 5280 section 4.1.2.2: the most         */
#define CHY_BACKDATE_MAX 172800 /* seconds: notBefore within 48 h of signing  */

/* SEQUENCE { tbs, the algorithm that tbs names, BIT STRING sig }.  Fails: serverInternal when tbs
 * is not DER of a TBSCertificate's outer shape. */
enum chy_rc CHY_CHECK chy_cert_assemble(struct chy_ctx *cx, const uint8_t *tbs, size_t tbs_n,
                                        const uint8_t *sig, size_t sig_n, const uint8_t **ret_der,
                                        size_t *ret_n);
/* Decode one certificate strictly: DER, nothing after it, encoding again gives the same octets, and
 * its key of a shape we name (spki.h).  Fails: serverInternal.  The result is freed with the
 * arena. */
enum chy_rc CHY_CHECK chy_cert_decode(struct chy_ctx *cx, const uint8_t *der, size_t n, X509 **ret);
/* Decode a to-be-signed part the same way, as a certificate without a signature. */
enum chy_rc CHY_CHECK chy_tbs_decode(struct chy_ctx *cx, const uint8_t *tbs, size_t tbs_n,
                                     X509 **ret);

/* What a key signs certificates with; NID_undef if it should not. */
int chy_signature_nid(EVP_PKEY *key);
/* The digest of that, or NULL (Ed25519). */
const char *chy_signature_digest(EVP_PKEY *key);
/* V_ASN1_NULL or V_ASN1_UNDEF: the parameters beside a signature algorithm are NULL with RSA and
 * absent with all others (RFC 4055 section 5, RFC 5758 section 3.2, RFC 8410 section 3). */
int chy_signature_parameters(int nid);
/* For OpenSSL's PEM readers: never ask for one on a terminal. */
int chy_no_passphrase(char *buf, int size, int writing, void *arg);
/* Do two names have the same encoding?  RFC 5280 section 7.1 would allow more. */
bool chy_same_name(const X509_NAME *a, const X509_NAME *b);
/* Seconds since the epoch; false where there are none. */
bool chy_asn1_time(const ASN1_TIME *t, time_t *ret);

#endif
