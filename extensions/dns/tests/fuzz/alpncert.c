/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that servers show to a tls-alpn-01 probe.  The corpus has right ones, for a.example and
 * for 192.0.2.1; one that is taken holds the octets of the extension, and no octet of it can be another
 * without its signature telling. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "extensions/dns/dns.h"

#define KEY_AUTH                                                                                   \
    "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool yes)
{
    if (!yes)
        abort();
}

static void check_taken(const uint8_t *data, size_t size)
{
    /* The extension's OID, TRUE, and the two OCTET STRINGs around the digest. */
    uint8_t value[10 + 3 + 4 + 32] = {0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01,
                                      0x1f, 0x01, 0x01, 0xff, 0x04, 0x22, 0x04, 0x20};

    must(size <= DNS_ALPN_CERT_MAX);
    must(EVP_Digest(KEY_AUTH, strlen(KEY_AUTH), value + 17, NULL, EVP_sha256(), NULL) == 1);
    must(memmem(data, size, value, sizeof value) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool name = dns_alpn_fault(data, size, "a.example", KEY_AUTH) == NULL;
    bool address = dns_alpn_fault(data, size, "192.0.2.1", KEY_AUTH) == NULL;

    must(!name || !address);
    must(dns_alpn_fault(data, size, "b.example", KEY_AUTH) != NULL);
    must(dns_alpn_fault(data, size, "a.example", "another") != NULL);
    if (name || address)
        check_taken(data, size);
    return 0;
}
