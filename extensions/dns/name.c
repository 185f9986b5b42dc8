/* SPDX-License-Identifier: Apache-2.0 */
/* The syntax of domain names in identifiers and requests (core.md NO-20, NO-21, NO-23; RFC 1123
 * section 2.1, RFC 5890 section 2.3.1).  Says nothing of which names a profile permits. */
#include <arpa/inet.h>
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

static const char *check_label(const char *label, size_t n)
{
    if (n == 0)
        return "it has an empty label";
    if (n > LABEL_MAX)
        return "a label has more than 63 octets";
    if (label[0] == '-' || label[n - 1] == '-')
        return "a label begins or ends with a hyphen";
    if (n < 4 || label[2] != '-' || label[3] != '-')
        return NULL;
    if (label[0] != 'x' || label[1] != 'n')
        return "a label has \"--\" in the third and fourth place and is no A-label";
    if (!dns_punycode_valid(label + 4, n - 4))
        return "an \"xn--\" label is no valid A-label (RFC 5891)";
    return NULL;
}

static const char *check_labels(const char *name)
{
    const char *wrong = NULL, *label = name;
    unsigned count = 0;

    while (wrong == NULL) {
        size_t n = strcspn(label, ".");

        wrong = check_label(label, n);
        if (++count > LABELS_MAX && wrong == NULL)
            wrong = "it has more than 10 labels";
        if (label[n] == '\0') {
            if (wrong == NULL && strspn(label, "0123456789") == n)
                wrong = "its last label is a number";
            break;
        }
        label += n + 1;
    }
    return wrong;
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

const char *dns_name_read(const char *in, size_t n, char out[DNS_NAME_MAX + 1],
                          const struct chy_problem_type **ret_type)
{
    char name[DNS_NAME_MAX + 1];
    size_t star = n >= 2 && in[0] == '*' && in[1] == '.' ? 2 : 0;
    const char *wrong;

    *ret_type = &CHY_P_malformed;
    if (n == 0)
        return "it is empty";
    if (is_address(in, n)) {
        *ret_type = &CHY_P_rejectedIdentifier;
        return "it is an IP address, not a domain name";
    }
    if (n > DNS_NAME_MAX)
        return "it has more than 253 octets";
    if (memchr(in + star, '*', n - star) != NULL || n == star)
        return "a wildcard is \"*.\" once, in front of a name";
    memcpy(name, in, star);
    if (!copy_lower(in + star, n - star, name + star))
        return "it has characters other than letters, digits, hyphens and dots";
    if (name[n - 1] == '.')
        return "it ends with a dot";
    wrong = check_labels(name + star);
    if (wrong != NULL)
        return wrong;
    memcpy(out, name, n + 1);
    return NULL;
}
