/* SPDX-License-Identifier: Apache-2.0 */
/* Domain names of clients and requests: what is taken is its own canonical form, of LDH characters and
 * valid A-labels alone; what is not has a reason without control characters. */
#include <stdlib.h>
#include <string.h>

#include "extensions/dns/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool yes)
{
    if (!yes)
        abort();
}

static void check_taken(const struct dns_name *name)
{
    const char *base = dns_base(name->text);
    struct dns_name again;

    must(strlen(name->text) <= DNS_NAME_MAX && *base != '\0');
    must(strspn(base, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(base));
    must(strstr(base, "..") == NULL && base[strlen(base) - 1] != '.');
    must(dns_name_read(name->text, strlen(name->text), &again));
    must(strcmp(again.text, name->text) == 0);
    for (const char *at = base; (at = strstr(at, "xn--")) != NULL; at++) {
        char label[64];
        size_t n = strcspn(at, ".");

        if (at != base && at[-1] != '.')
            continue;
        must(n < sizeof label);
        memcpy(label, at, n);
        label[n] = '\0';
        must(dns_alabel_fault(label) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_name name;

    if (dns_name_read((const char *)data, size, &name)) {
        check_taken(&name);
        return 0;
    }
    must(strcmp(name.problem->urn, CHY_P_malformed.urn) == 0 ||
         strcmp(name.problem->urn, CHY_P_rejectedIdentifier.urn) == 0);
    must(name.why[0] != '\0');
    for (const char *p = name.why; *p != '\0'; p++)
        must(*p >= ' ' && *p <= '~');
    return 0;
}
