/* SPDX-License-Identifier: Apache-2.0 */
/* The text of addresses (core.md I-01).  One address has one text, so that what is stored, compared and
 * counted is the address; another spelling is refused and told the right one. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "ip.h"

bool ip_embeds_ipv4(const struct ip_address *a)
{
    static const uint8_t zeros[12], mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (a->n != 16)
        return false;
    /* ::/96 of old; :: and ::1 are in it but are addresses of their own. */
    if (memcmp(a->b, zeros, 12) == 0)
        return a->b[12] != 0 || a->b[13] != 0 || a->b[14] != 0 || a->b[15] > 1;
    return memcmp(a->b, mapped, 12) == 0;
}

/* glibc writes RFC 5952 but where it takes an address to embed an IPv4 one, and those are refused. */
void ip_text(const struct ip_address *a, char out[IP_TEXT_MAX + 1])
{
    if (inet_ntop(a->n == 4 ? AF_INET : AF_INET6, a->b, out, IP_TEXT_MAX + 1) == NULL)
        out[0] = '\0';
}

static bool refuse(char why[IP_WHY_MAX], const char *text)
{
    snprintf(why, IP_WHY_MAX, "%s", text);
    return false;
}

bool ip_read(const char *in, size_t n, struct ip_address *ret, char why[IP_WHY_MAX])
{
    char text[IP_TEXT_MAX + 1], canonical[IP_TEXT_MAX + 1];
    struct ip_address a = {.n = 0};

    if (n > IP_TEXT_MAX || memchr(in, '\0', n) != NULL)
        return refuse(why, "it is no IPv4 or IPv6 address");
    memcpy(text, in, n);
    text[n] = '\0';
    if (inet_pton(AF_INET, text, a.b) == 1)
        a.n = 4;
    else if (inet_pton(AF_INET6, text, a.b) == 1)
        a.n = 16;
    else if (strpbrk(text, "/%[") != NULL)
        return refuse(why, "it is an address with a prefix length, zone or brackets; write the "
                           "address alone (RFC 8738 section 3)");
    else
        return refuse(why, "it is no IPv4 or IPv6 address");
    if (ip_embeds_ipv4(&a))
        return refuse(why, "it is an IPv4 address in the form of an IPv6 one; write it as IPv4");
    ip_text(&a, canonical);
    if (strcmp(text, canonical) != 0) {
        snprintf(why, IP_WHY_MAX, "its canonical form is %s (RFC 5952)", canonical);
        return false;
    }
    *ret = a;
    return true;
}
