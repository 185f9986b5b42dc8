/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a certificate plan, shared by plan.c (filling), build.c (encoding) and check.c (the
 * second look at what was encoded). */
#ifndef CHY_PKI_PLAN_TYPES_H
#define CHY_PKI_PLAN_TYPES_H

#include "core/pki/plan.h"

#define CHY_PLAN_NAMES_MAX 1000
#define CHY_PLAN_PURPOSES_MAX 16
#define CHY_PLAN_EXTRAS_MAX 16
#define CHY_PLAN_SLOTS_MAX (8 + CHY_PLAN_EXTRAS_MAX)
#define CHY_KEY_ID_OCTETS 20

/* Bits of keyUsage by their number in RFC 5280 section 4.2.1.3. */
enum chy_key_usage {
    CHY_KU_DIGITAL_SIGNATURE = 1 << 0,
    CHY_KU_NON_REPUDIATION = 1 << 1,
    CHY_KU_KEY_ENCIPHERMENT = 1 << 2,
    CHY_KU_DATA_ENCIPHERMENT = 1 << 3,
    CHY_KU_KEY_AGREEMENT = 1 << 4,
    CHY_KU_KEY_CERT_SIGN = 1 << 5,
    CHY_KU_CRL_SIGN = 1 << 6,
    CHY_KU_ENCIPHER_ONLY = 1 << 7,
    CHY_KU_DECIPHER_ONLY = 1 << 8,
};
#define CHY_KU_BITS 9

/* An extension that a module brings as it is. */
struct chy_plan_extra {
    const char *oid; /* dotted */
    bool critical;
    const uint8_t *der;
    size_t n;
};

struct chy_cert_plan {
    const struct chy_csr *csr;
    const struct chy_issuer_cert *issuer;
    struct chy_id serial;
    GENERAL_NAMES *names;
    X509_NAME *subject;
    unsigned key_usage;                          /* enum chy_key_usage, as asked for */
    const char *purposes[CHY_PLAN_PURPOSES_MAX]; /* extended key usage, dotted OIDs  */
    size_t n_purposes;
    struct chy_plan_extra extras[CHY_PLAN_EXTRAS_MAX];
    size_t n_extras;
    bool ca;
    int path_len; /* of a CA; -1: without a limit */
    bool dated;
    time_t not_before, not_after;
};

/* One extension of the certificate, in its place. */
struct chy_plan_slot {
    int nid; /* NID_undef: extra holds it */
    bool critical;
    const struct chy_plan_extra *extra;
};

/* Every extension the certificate will have, in its fixed order; how many.  slots: room for
 * CHY_PLAN_SLOTS_MAX. */
size_t chy_plan_layout(const struct chy_cert_plan *p, struct chy_plan_slot *slots);
/* What is asked for less what the key's kind cannot do (RFC 3279 section 2.3, RFC 8410 section 5):
 * one profile then serves RSA and EC keys. */
unsigned chy_plan_key_usage(const struct chy_cert_plan *p);
/* Key identifier of the subject's key: the leftmost 160 bits of the SHA-256 of its bits (RFC 7093
 * section 2, method 1). */
bool chy_key_id(const X509_PUBKEY *key, uint8_t ret[CHY_KEY_ID_OCTETS]);

#endif
