/* SPDX-License-Identifier: Apache-2.0 */
/* Shape of a SubjectPublicKeyInfo.  OpenSSL 3.0 decodes the key as soon as it sees it, explicit
 * curve parameters and giant moduli included; so what we would refuse anyway is refused here, on
 * octets, without a number being computed (core.md KY-01, KY-05). */
#include "core/pki/spki.h"

#include <string.h>

#include "core/base/problem.h"
#include "core/pki/der.h"
#include "core/pki/keys.h"

struct octets {
    const char *b;
    size_t n;
};
#define OCTETS(s)                                                                                  \
    {                                                                                              \
        s, sizeof s - 1                                                                            \
    }

static const struct octets oid_rsa = OCTETS("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");
static const struct octets oid_ec = OCTETS("\x2a\x86\x48\xce\x3d\x02\x01");
static const struct octets oid_ed25519 = OCTETS("\x2b\x65\x70");

static const struct curve {
    struct octets oid;
    size_t field; /* octets of a coordinate */
} curves[] = {
    {OCTETS("\x2a\x86\x48\xce\x3d\x03\x01\x07"), 32}, /* P-256 */
    {OCTETS("\x2b\x81\x04\x00\x22"), 48},             /* P-384 */
    {OCTETS("\x2b\x81\x04\x00\x23"), 66},             /* P-521 */
};

static bool is(const struct chy_der *v, const struct octets *o)
{
    return v->n == o->n && memcmp(v->p, o->b, o->n) == 0;
}

static size_t bits_of(const struct chy_der *v)
{
    size_t n = v->n, bits;
    const uint8_t *p = v->p;

    while (n > 0 && *p == 0) {
        p++;
        n--;
    }
    if (n == 0)
        return 0;
    bits = n * 8;
    for (uint8_t top = 0x80; (*p & top) == 0; top >>= 1)
        bits--;
    return bits;
}

static enum chy_rc check_rsa(struct chy_ctx *cx, struct chy_der params, struct chy_der key,
                             const struct chy_problem_type *type)
{
    struct chy_der_item null, seq, n, e;
    size_t bits;

    if (!chy_der_take(&params, CHY_DER_NULL, &null) || params.n != 0)
        return chy_fail(cx, type, "RSA key parameters are not NULL (RFC 3279 section 2.3.1)");
    if (!chy_der_take(&key, CHY_DER_SEQUENCE, &seq) || key.n != 0 ||
        !chy_der_take(&seq.in, CHY_DER_INTEGER, &n) ||
        !chy_der_take(&seq.in, CHY_DER_INTEGER, &e) || seq.in.n != 0 || n.in.n == 0 || e.in.n == 0)
        return chy_fail(cx, type, "RSA key is not an RSAPublicKey (RFC 8017 section A.1.1)");
    if ((n.in.p[0] & 0x80) != 0 || (e.in.p[0] & 0x80) != 0)
        return chy_fail(cx, type, "RSA modulus or exponent is negative");
    bits = bits_of(&n.in);
    if (bits < CHY_RSA_BITS_MIN || bits > CHY_RSA_BITS_MAX)
        return chy_fail(cx, type, "RSA modulus has %zu bits, not %d to %d", bits, CHY_RSA_BITS_MIN,
                        CHY_RSA_BITS_MAX);
    if (bits_of(&e.in) > 256)
        return chy_fail(cx, type, "RSA exponent is larger than 256 bits");
    return CHY_OK;
}

static enum chy_rc check_ec(struct chy_ctx *cx, struct chy_der params, struct chy_der key,
                            const struct chy_problem_type *type)
{
    struct chy_der_item oid;
    const struct curve *c = NULL;

    if (params.n > 0 && params.p[0] == CHY_DER_SEQUENCE)
        return chy_fail(cx, type,
                        "EC key has explicit curve parameters, not a named curve (RFC 5480 "
                        "section 2.1.1)");
    if (!chy_der_take(&params, CHY_DER_OID, &oid) || params.n != 0)
        return chy_fail(cx, type, "EC key names no curve (RFC 5480 section 2.1.1)");
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (is(&oid.in, &curves[i].oid))
            c = &curves[i];
    if (c == NULL)
        return chy_fail(cx, type, "EC curve is not P-256, P-384 or P-521");
    if (key.n > 0 && (key.p[0] == 0x02 || key.p[0] == 0x03))
        return chy_fail(cx, type, "EC point is compressed");
    if (key.n != 1 + 2 * c->field || key.p[0] != 0x04)
        return chy_fail(cx, type, "EC point is not an uncompressed one of its curve");
    return CHY_OK;
}

enum chy_rc chy_spki_check(struct chy_ctx *cx, const uint8_t *spki, size_t n,
                           const struct chy_problem_type *type)
{
    struct chy_der in = {spki, n}, key;
    struct chy_der_item seq, algorithm, oid, bits;

    if (!chy_der_take(&in, CHY_DER_SEQUENCE, &seq) || in.n != 0 ||
        !chy_der_take(&seq.in, CHY_DER_SEQUENCE, &algorithm) ||
        !chy_der_take(&algorithm.in, CHY_DER_OID, &oid) ||
        !chy_der_take(&seq.in, CHY_DER_BIT_STRING, &bits) || seq.in.n != 0 || bits.in.n < 1 ||
        bits.in.p[0] != 0)
        return chy_fail(cx, type,
                        "public key is not a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7)");
    key = (struct chy_der){bits.in.p + 1, bits.in.n - 1};
    if (is(&oid.in, &oid_rsa))
        return check_rsa(cx, algorithm.in, key, type);
    if (is(&oid.in, &oid_ec))
        return check_ec(cx, algorithm.in, key, type);
    if (!is(&oid.in, &oid_ed25519))
        return chy_fail(cx, type, "public key is not RSA, EC or Ed25519");
    if (algorithm.in.n != 0 || key.n != 32)
        return chy_fail(cx, type, "Ed25519 key is ill-formed (RFC 8410 section 4)");
    return CHY_OK;
}
