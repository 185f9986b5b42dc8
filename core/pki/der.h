/* SPDX-License-Identifier: Apache-2.0 */
/* Reading DER (X.690 section 10) item by item: what OpenSSL's lenient decoder cannot tell us. */
#ifndef CHY_PKI_DER_H
#define CHY_PKI_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHY_DER_BOOLEAN 0x01
#define CHY_DER_INTEGER 0x02
#define CHY_DER_BIT_STRING 0x03
#define CHY_DER_OCTET_STRING 0x04
#define CHY_DER_NULL 0x05
#define CHY_DER_OID 0x06
#define CHY_DER_SEQUENCE 0x30
#define CHY_DER_SET 0x31

#define CHY_DER_DEPTH 24 /* of nesting that is walked; names and extensions need 9 */

/* What is still to be read. */
struct chy_der {
    const uint8_t *p;
    size_t n;
};

struct chy_der_item {
    uint8_t tag;       /* identifier octet: tags of 31 and more are refused */
    struct chy_der in; /* contents                                          */
    const uint8_t *raw;
    size_t raw_n; /* the whole item with tag and length                */
};

/* Take the next item.  False when nothing is left, or its length is indefinite, not minimal or more
 * than what is left. */
bool chy_der_next(struct chy_der *in, struct chy_der_item *ret);
/* The same, and its tag must be this one. */
bool chy_der_take(struct chy_der *in, uint8_t tag, struct chy_der_item *ret);
/* Exactly one item, all of it DER: minimal lengths, no constructed strings, canonical BOOLEAN,
 * INTEGER, BIT STRING and OBJECT IDENTIFIER, sorted SET; contents of OCTET STRINGs and of
 * implicitly tagged primitives are not looked into. */
bool chy_der_valid(const uint8_t *der, size_t n);

#endif
