/* SPDX-License-Identifier: Apache-2.0 */
/* DER reading (X.690 sections 8 to 11).  OpenSSL decodes BER where it can and keeps names,
 * attributes and extension values as they came, so that re-encoding does not show every deviation:
 * this walk does.  It knows no types above the universal ones and writes nothing. */
#include "core/pki/der.h"

#include <string.h>

#include "core/base/utf8.h"

#define CONSTRUCTED 0x20
#define CLASS_MASK 0xc0
#define LENGTH_OCTETS_MAX 3 /* 16 MiB: far above every bound on the input */

/* Length octets from in->p[*at]; moves *at behind them. */
static bool read_length(const struct chy_der *in, size_t *at, size_t *ret)
{
    uint8_t first = in->p[(*at)++];
    size_t octets = first & 0x7f, length = 0;

    if (first < 0x80) {
        *ret = first;
        return true;
    }
    if (octets == 0 || octets > LENGTH_OCTETS_MAX || in->n - *at < octets || in->p[*at] == 0)
        return false;
    while (octets-- > 0)
        length = length << 8 | in->p[(*at)++];
    *ret = length;
    return length >= 0x80;
}

bool chy_der_next(struct chy_der *in, struct chy_der_item *ret)
{
    size_t at = 1, length;

    if (in->n < 2 || (in->p[0] & 0x1f) == 0x1f || !read_length(in, &at, &length))
        return false;
    if (in->n - at < length)
        return false;
    *ret = (struct chy_der_item){
        .tag = in->p[0],
        .in = {in->p + at, length},
        .raw = in->p,
        .raw_n = at + length,
    };
    in->p += at + length;
    in->n -= at + length;
    return true;
}

bool chy_der_take(struct chy_der *in, uint8_t tag, struct chy_der_item *ret)
{
    return in->n > 0 && in->p[0] == tag && chy_der_next(in, ret);
}

static bool integer_valid(const struct chy_der *v)
{
    if (v->n == 0)
        return false;
    if (v->n == 1)
        return true;
    return !(v->p[0] == 0x00 && v->p[1] < 0x80) && !(v->p[0] == 0xff && v->p[1] >= 0x80);
}

static bool bits_valid(const struct chy_der *v)
{
    uint8_t unused;

    if (v->n == 0 || v->p[0] > 7)
        return false;
    unused = v->p[0];
    if (v->n == 1)
        return unused == 0;
    return (v->p[v->n - 1] & ((1u << unused) - 1)) == 0;
}

static bool oid_valid(const struct chy_der *v)
{
    bool starts = true;

    if (v->n == 0 || (v->p[v->n - 1] & 0x80) != 0)
        return false;
    for (size_t i = 0; i < v->n; i++) {
        if (starts && v->p[i] == 0x80)
            return false;
        starts = (v->p[i] & 0x80) == 0;
    }
    return true;
}

static bool ascii_valid(const struct chy_der *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->p[i] >= 0x80)
            return false;
    return true;
}

static bool primitive_valid(const struct chy_der_item *it)
{
    const struct chy_der *v = &it->in;

    switch (it->tag) {
    case CHY_DER_BOOLEAN:
        return v->n == 1 && (v->p[0] == 0x00 || v->p[0] == 0xff);
    case CHY_DER_INTEGER:
    case 0x0a: /* ENUMERATED */
        return integer_valid(v);
    case CHY_DER_BIT_STRING:
        return bits_valid(v);
    case CHY_DER_NULL:
        return v->n == 0;
    case CHY_DER_OID:
        return oid_valid(v);
    case 0x0c: /* UTF8String */
        return chy_utf8_valid(v->p, v->n);
    case 0x13: /* PrintableString */
    case 0x16: /* IA5String */
    case 0x17: /* UTCTime */
    case 0x18: /* GeneralizedTime */
        return ascii_valid(v);
    case CHY_DER_SEQUENCE & ~CONSTRUCTED:
    case CHY_DER_SET & ~CONSTRUCTED:
    case 0x00: /* end of contents */
        return false;
    default:
        return true;
    }
}

/* X.690 section 11.6: ascending, the shorter one padded with zeros. */
static bool in_order(const struct chy_der_item *a, const struct chy_der_item *b)
{
    size_t least = a->raw_n < b->raw_n ? a->raw_n : b->raw_n;
    int order = memcmp(a->raw, b->raw, least);

    return order < 0 || (order == 0 && a->raw_n <= b->raw_n);
}

static bool items_valid(struct chy_der in, bool sorted, unsigned depth)
{
    struct chy_der_item it, before = {0};

    while (in.n > 0) {
        if (!chy_der_next(&in, &it))
            return false;
        if (sorted && before.raw != NULL && !in_order(&before, &it))
            return false;
        before = it;
        if ((it.tag & CONSTRUCTED) == 0) {
            if (!primitive_valid(&it))
                return false;
            continue;
        }
        if ((it.tag & CLASS_MASK) == 0 && it.tag != CHY_DER_SEQUENCE && it.tag != CHY_DER_SET)
            return false;
        if (depth == 0 || !items_valid(it.in, it.tag == CHY_DER_SET, depth - 1))
            return false;
    }
    return true;
}

bool chy_der_valid(const uint8_t *der, size_t n)
{
    struct chy_der in = {der, n};
    struct chy_der_item it;

    if (!chy_der_next(&in, &it) || in.n != 0)
        return false;
    return items_valid((struct chy_der){der, n}, false, CHY_DER_DEPTH);
}
