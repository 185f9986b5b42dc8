/* SPDX-License-Identifier: Apache-2.0 */
/* The syntax of domain names in identifiers and requests (core.md NO-20, NO-21, NO-23; RFC 1123
 * section 2.1, RFC 5890 section 2.3.1).  Says nothing of which names a profile permits. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dns.h"

#define LABEL_MAX 63
#define LABELS_MAX 10

bool dns_is_wildcard(const char *name)
{
    return name[0] == '*' && name[1] == '.';
}

const char *dns_base(const char *name)
{
    return dns_is_wildcard(name) ? name + 2 : name;
}

/* Copy in lower case; false where a character cannot be in a name at all. */
static bool copy_lower(const char *in, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        char c = in[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
            return false;
        out[i] = c;
    }
    out[n] = '\0';
    return true;
}

/* Set why and say that it is no name. */
__attribute__((format(printf, 2, 3))) static bool refuse(struct dns_name *name, const char *f, ...)
{
    va_list ap;

    va_start(ap, f);
    vsnprintf(name->why, sizeof name->why, f, ap);
    va_end(ap);
    return false;
}

static bool check_alabel(const char *label, size_t n, struct dns_name *ret)
{
    char text[LABEL_MAX + 1];
    const char *fault;

    memcpy(text, label, n);
    text[n] = '\0';
    fault = dns_alabel_fault(text);
    return fault == NULL ||
           refuse(ret, "its label %s is no valid A-label (RFC 5891): %s", text, fault);
}

static bool check_label(const char *label, size_t n, struct dns_name *ret)
{
    if (n == 0)
        return refuse(ret, "it has an empty label");
    if (n > LABEL_MAX)
        return refuse(ret, "a label has more than 63 octets");
    if (label[0] == '-' || label[n - 1] == '-')
        return refuse(ret, "a label begins or ends with a hyphen");
    if (n < 4 || label[2] != '-' || label[3] != '-')
        return true;
    if (label[0] != 'x' || label[1] != 'n')
        return refuse(ret, "a label has \"--\" in the third and fourth place and is no A-label");
    return check_alabel(label, n, ret);
}

static bool check_labels(const char *name, struct dns_name *ret)
{
    const char *label = name;

    for (unsigned count = 1;; count++) {
        size_t n = strcspn(label, ".");

        if (!check_label(label, n, ret))
            return false;
        if (count > LABELS_MAX)
            return refuse(ret, "it has more than 10 labels");
        if (label[n] == '\0')
            return strspn(label, "0123456789") != n || refuse(ret, "its last label is a number");
        label += n + 1;
    }
}

/* An address in its usual or its bracketed form. */
static bool is_address(const char *in, size_t n)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr octets;

    if (n > 2 && in[0] == '[' && in[n - 1] == ']') {
        in++;
        n -= 2;
    }
    if (n >= sizeof text || memchr(in, '\0', n) != NULL)
        return false;
    memcpy(text, in, n);
    text[n] = '\0';
    return inet_pton(AF_INET, text, &octets) == 1 || inet_pton(AF_INET6, text, &octets) == 1;
}

/* Characters that no name has.  Those beyond ASCII may be meant for U-labels: say what to write. */
static bool refuse_characters(const char *in, size_t n, const char *star, struct dns_name *ret)
{
    char text[DNS_NAME_MAX + 1], ascii[DNS_NAME_MAX + 1];
    struct dns_name suggested;
    bool beyond = false;

    for (size_t i = 0; i < n; i++) {
        beyond |= (unsigned char)in[i] >= 0x80;
        text[i] = in[i];
    }
    text[n] = '\0';
    if (!beyond || strlen(text) != n || !dns_to_alabels(text, ascii) ||
        !dns_name_read(ascii, strlen(ascii), &suggested))
        return refuse(ret, "it has characters other than letters, digits, hyphens and dots");
    return refuse(ret, "it has characters beyond ASCII; write it with A-labels (RFC 5890): %s%s",
                  star, suggested.text);
}

bool dns_name_read(const char *in, size_t n, struct dns_name *ret)
{
    char name[DNS_NAME_MAX + 1];
    size_t star = n >= 2 && in[0] == '*' && in[1] == '.' ? 2 : 0;

    ret->problem = &CHY_P_malformed;
    if (n == 0)
        return refuse(ret, "it is empty");
    if (is_address(in, n)) {
        ret->problem = &CHY_P_rejectedIdentifier;
        return refuse(ret, "it is an IP address, not a domain name");
    }
    if (n > DNS_NAME_MAX)
        return refuse(ret, "it has more than 253 octets");
    if (memchr(in + star, '*', n - star) != NULL || n == star)
        return refuse(ret, "a wildcard is \"*.\" once, in front of a name");
    memcpy(name, in, star);
    if (!copy_lower(in + star, n - star, name + star))
        return refuse_characters(in + star, n - star, star > 0 ? "*." : "", ret);
    if (name[n - 1] == '.')
        return refuse(ret, "it ends with a dot");
    if (!check_labels(name + star, ret))
        return false;
    memcpy(ret->text, name, n + 1);
    return true;
}
