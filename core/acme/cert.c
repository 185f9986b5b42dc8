/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate download (RFC 8555 sections 7.4.2, 9.1), and issuers' certificates for AIA. */
#include <string.h>

#include "core/acme/request.h"
#include "core/base/problem.h"
#include "core/store/certificates.h"

/* Blocks directly after each other, leaf first, root left out; the same octets at every download. */
enum chy_rc chy_certificate_get(struct chy_acme *a)
{
    const char *chain;
    const uint8_t *der;
    struct chy_id id;
    size_t n;
    char *pem;

    if (chy_acme_id(a, "id", &id) != CHY_OK || chy_acme_only_read(a) != CHY_OK ||
        chy_certificate_read(a->cx, &a->guard, &id, &der, &n, &chain) != CHY_OK)
        return CHY_ERR;
    if (der == NULL)
        return chy_acme_not_found(a);
    pem = chy_fmt(a->cx, "%s%s", chy_cert_pem(a->cx, der, n), chain);
    a->rp->status = 200;
    a->rp->content_type = "application/pem-certificate-chain";
    a->rp->body = pem;
    a->rp->body_len = strlen(pem);
    return CHY_OK;
}

/* /ca/NAME.cer on the public listener: what AIA caIssuers names (RFC 5280 section 4.2.2.1). */
enum chy_rc chy_issuer_certificate_get(struct chy_acme *a)
{
    const char *file = chy_acme_var(a, "file"), *dot = strrchr(file, '.');
    const struct chy_issuer_cert *issuer;
    unsigned char *der;
    int n;

    if (dot == NULL || strcmp(dot, ".cer") != 0)
        return chy_acme_not_found(a);
    issuer = chy_rulebook_issuer(a->rules, chy_fmt(a->cx, "%.*s", (int)(dot - file), file));
    if (issuer == NULL)
        return chy_acme_not_found(a);
    n = i2d_X509(issuer->cert, NULL);
    if (n <= 0)
        return chy_fault_internal(a->cx, "issuer certificate cannot be encoded");
    a->rp->body = der = chy_alloc(a->cx, (size_t)n);
    a->rp->body_len = (size_t)i2d_X509(issuer->cert, &der);
    a->rp->content_type = "application/pkix-cert";
    a->rp->status = 200;
    chy_reply_header(a->rp, "Cache-Control", "public, max-age=3600");
    return CHY_OK;
}
