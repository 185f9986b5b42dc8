/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: what the signer is asked to sign.  Nothing crashes, and whatever passes the ceilings
 * is DER whose serial, issuer and times are inside them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "core/base/problem.h"
#include "core/pki/authority.h"
#include "core/pki/der.h"
#include "services/signer/judge.h"

#define NOW 1795514400 /* 2026-11-24T10:00:00Z, as in the corpus */
#define LIFETIME (100 * 86400)
#define CORPUS_KEY_ID                                                                              \
    "\x6d\x07\xce\x5b\x4c\x10\x1a\xc6\xc6\xea\x8a\x96\x08\x6f\x7d\x26\xa6\xe8\x27\x81"
#define AHEAD (48 * 3600)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_or_bug)
{
    if (!true_or_bug)
        abort();
}

/* Issuer "CN=Example Issuing 1", as in the corpus; made once. */
static const struct chy_signing_key *signing_key(void)
{
    static struct chy_ctx cx;
    static struct chy_prefix range = {.family = AF_INET, .b = {10, 1}, .bits = 16};
    static struct chy_ceiling ceiling;
    static struct chy_signing_key key;
    struct chy_authority ca;
    BIO *in;

    if (key.cert != NULL)
        return &key;
    cx = (struct chy_ctx){.arena = chy_arena_new(), .fixed_now = NOW};
    require(chy_authority_make(&cx, "Example", &ca) == CHY_OK);
    in = BIO_new_mem_buf(ca.issuing_pem, -1);
    ceiling = (struct chy_ceiling){
        .name = "web-1",
        .max_lifetime_s = LIFETIME,
        .max_ahead_s = AHEAD,
        .purposes = json_pack("[s,s]", "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"),
        .keys = json_pack("[s,s]", "ec-p256", "rsa-2048..4096"),
        .extensions =
            json_pack("[s,s,s,s,s,s,s,s]", "2.5.29.35", "2.5.29.14", "2.5.29.15", "2.5.29.37",
                      "2.5.29.19", "2.5.29.17", "2.5.29.31", "1.3.6.1.5.5.7.1.1"),
        .permitted_dns = json_pack("[s]", "shop.example"),
        .permitted_ip = &range,
        .n_permitted_ip = 1,
        .bounds_names = true,
    };
    key.ceiling = &ceiling;
    key.cert = PEM_read_bio_X509(in, NULL, chy_no_passphrase, NULL);
    /* The corpus was made under another key of that issuer. */
    require(ASN1_STRING_set((ASN1_STRING *)X509_get0_subject_key_id(key.cert), CORPUS_KEY_ID,
                            sizeof CORPUS_KEY_ID - 1) == 1);
    key.nid = NID_ecdsa_with_SHA256;
    require(chy_asn1_time(X509_get0_notAfter(key.cert), &key.not_after));
    BIO_free(in);
    return &key;
}

static void check_accepted(struct chy_ctx *cx, const struct chy_signing_key *k, const uint8_t *data,
                           size_t size, const uint8_t *serial)
{
    X509 *cert = NULL;
    time_t from = 0, until = 0;

    require(chy_der_valid(data, size));
    require(chy_tbs_decode(cx, data, size, &cert) == CHY_OK);
    require(memcmp(ASN1_STRING_get0_data(X509_get0_serialNumber(cert)), serial,
                   CHY_SERIAL_OCTETS) == 0);
    require(chy_same_name(X509_get_issuer_name(cert), X509_get_subject_name(k->cert)));
    require(chy_asn1_time(X509_get0_notBefore(cert), &from));
    require(chy_asn1_time(X509_get0_notAfter(cert), &until));
    require(from <= until && until - from < LIFETIME && until <= k->not_after);
    require(from <= NOW + AHEAD);
    require(X509_check_ca(cert) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct chy_signing_key *k = signing_key();
    struct chy_ctx cx = {.arena = chy_arena_new(), .stage = CHY_STAGE_ISSUE, .fixed_now = NOW};
    uint8_t serial[CHY_SERIAL_OCTETS];

    if (chy_judge(&cx, k, data, size, serial) == CHY_OK)
        check_accepted(&cx, k, data, size, serial);
    else
        require(cx.problem.type != NULL);
    chy_arena_free(cx.arena);
    return 0;
}
