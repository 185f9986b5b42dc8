/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, targets and hosts: RFC 9110 sections 5.6.2 and 7.2, RFC 3986.  Pure questions about octets;
 * what is refused and how it is called is in http1.c. */
#include "services/front/http1_text.h"

#include <string.h>

#define HOST_MAX 261 /* 255 octets of name, ":" and five digits      */

bool chy_http1_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int chy_http1_hex(char c)
{
    if (chy_http1_is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_alnum(char c)
{
    return chy_http1_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool chy_http1_is_token(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(s[i]) && (s[i] == '\0' || strchr("!#$%&'*+-.^_`|~", s[i]) == NULL))
            return false;
    return n > 0;
}

bool chy_http1_is_origin(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_alnum(s[i]) || (s[i] != '\0' && strchr("-._~!$&'()*+,;=:@/?", s[i]) != NULL))
            continue;
        if (s[i] != '%' || chy_http1_hex(s[i + 1]) < 0 || chy_http1_hex(s[i + 2]) < 0)
            return false;
    }
    return n > 0 && s[0] == '/';
}

/* Where the port would begin; NULL: no host. */
static const char *skip_host(const char *s)
{
    const char *legal = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    size_t n;

    if (s[0] != '[') {
        n = strspn(s, legal);
        return n > 0 ? s + n : NULL;
    }
    n = strspn(++s, "0123456789abcdefABCDEF:.");
    return n > 0 && s[n] == ']' ? s + n + 1 : NULL;
}

bool chy_http1_is_host(const char *s)
{
    size_t digits;

    if (strlen(s) > HOST_MAX || (s = skip_host(s)) == NULL)
        return false;
    if (*s == '\0')
        return true;
    digits = strspn(s + 1, "0123456789");
    return *s == ':' && digits > 0 && digits <= 5 && s[1 + digits] == '\0';
}
