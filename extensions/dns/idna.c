/* SPDX-License-Identifier: Apache-2.0 */
/* Internationalised labels, by libidn2: which A-labels there are (RFC 5890 section 2.3.2.1, RFC 5891
 * section 4; core.md NO-23), and which to write for a name with U-labels.  Identifiers and certificates
 * hold A-labels alone; nothing is converted silently. */
#include <stdlib.h>
#include <string.h>

#include <idn2.h>

#include "dns.h"

/* As a registry would take it: decoded, every character and context rule checked, in NFC, and encoded
 * again to the same octets. */
const char *dns_alabel_fault(const char *label)
{
    uint8_t *registered = NULL;
    int rc = idn2_register_u8(NULL, (const uint8_t *)label, &registered, 0);

    if (registered != NULL)
        idn2_free(registered);
    return rc == IDN2_OK ? NULL : idn2_strerror(rc);
}

bool dns_to_alabels(const char *in, char out[DNS_NAME_MAX + 1])
{
    char *ascii = NULL;
    int rc = idn2_to_ascii_8z(in, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    size_t n = rc == IDN2_OK ? strlen(ascii) : 0;

    if (n > 0 && n <= DNS_NAME_MAX)
        memcpy(out, ascii, n + 1);
    if (ascii != NULL)
        idn2_free(ascii);
    return n > 0 && n <= DNS_NAME_MAX;
}
