/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate will hold: filled by profile and modules, conflicts refused, then built. */
#ifndef CHY_PKI_PLAN_H
#define CHY_PKI_PLAN_H

#include "core/pki/csr.h"

/* Certificate and key-free data of an issuer, parsed once per policy snapshot. */
struct chy_issuer_cert {
    const char *name; /* of issuers/NAME.yaml */
    X509 *cert;
    const char *chain_pem; /* issuing certificates, leaf's issuer first, root left out */
    const char *crl_url;   /* CRL distribution point                                   */
    const char *aia_url;   /* caIssuers                                                */
    time_t not_after;
    int sig_nid; /* NID_ecdsa_with_SHA256, ...: what its key signs with                */
};

/* From the PEM of its chain (issuing certificate first).  Arena. */
enum chy_rc CHY_CHECK chy_issuer_cert_read(struct chy_ctx *cx, const char *name,
                                           const char *chain_pem, struct chy_issuer_cert *ret);

struct chy_cert_plan;

/* A plan for csr's key, to be signed by issuer with that serial. */
struct chy_cert_plan *chy_plan_new(struct chy_ctx *cx, const struct chy_csr *csr,
                                   const struct chy_issuer_cert *issuer,
                                   const struct chy_id *serial);

/* The host table's plan functions (extension.h): additive, a second value that differs is
 * refused. */
enum chy_rc CHY_CHECK chy_plan_san(struct chy_ctx *cx, struct chy_cert_plan *p, GENERAL_NAME *gn);
enum chy_rc CHY_CHECK chy_plan_ext(struct chy_ctx *cx, struct chy_cert_plan *p, const char *oid,
                                   bool critical, const uint8_t *der, size_t n);
enum chy_rc CHY_CHECK chy_plan_subject(struct chy_ctx *cx, struct chy_cert_plan *p,
                                       const char *attribute, const char *value);
enum chy_rc CHY_CHECK chy_plan_usage(struct chy_ctx *cx, struct chy_cert_plan *p,
                                     const char *ku_and_eku);
enum chy_rc CHY_CHECK chy_plan_ca(struct chy_ctx *cx, struct chy_cert_plan *p, int path_len);
enum chy_rc CHY_CHECK chy_plan_validity(struct chy_ctx *cx, struct chy_cert_plan *p,
                                        time_t not_before, time_t not_after);
enum chy_rc CHY_CHECK chy_plan_key_must_be(struct chy_ctx *cx, struct chy_cert_plan *p,
                                           const uint8_t spki_sha256[32]);

/* The finished to-be-signed certificate as DER (v3; AKI, SKI, KU, EKU, SAN, CRL DP, AIA, basic
 * constraints; SAN critical iff the subject is empty), with extensions in that fixed order. */
enum chy_rc CHY_CHECK chy_plan_tbs(struct chy_ctx *cx, struct chy_cert_plan *p, const uint8_t **ret,
                                   size_t *ret_n);
/* Names that the plan holds, as JSON ["dNSName:www.example.org", ...], for the record. */
json_t *chy_plan_names(struct chy_ctx *cx, const struct chy_cert_plan *p);

/* TBS + signature -> certificate, parsed again and compared with the plan field by field, signature
 * verified with the issuer's certificate.  Nothing is released that differs.  Also used by
 * recovery, where the plan is gone: p NULL then, only signature and structure are checked. */
enum chy_rc CHY_CHECK chy_plan_finish(struct chy_ctx *cx, const struct chy_cert_plan *p,
                                      const struct chy_issuer_cert *issuer, const uint8_t *tbs,
                                      size_t tbs_n, const uint8_t *sig, size_t sig_n,
                                      const uint8_t **ret_der, size_t *ret_n);
/* Strict PEM (RFC 7468): 64 columns, LF. */
char *chy_cert_pem(struct chy_ctx *cx, const uint8_t *der, size_t n);

#endif
