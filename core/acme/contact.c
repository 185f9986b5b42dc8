/* SPDX-License-Identifier: Apache-2.0 */
/* Contact URLs: RFC 8555 section 7.3, mailto of RFC 6068 cut down to one plain address (dot-atom and
 * host name of RFC 5321).  Each is percent-decoded before it is judged, so that no spelling hides a
 * line break.  Not here: whether the domain takes mail, internationalised addresses, quoted local
 * parts. */
#include "core/acme/contact.h"

#include <string.h>
#include <strings.h>

#include "core/base/problem.h"

#define URL_MAX 320 /* octets */
#define LOCAL_MAX 64
#define DOMAIN_MAX 253
#define LABEL_MAX 63
#define SCHEME "mailto:"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 3986 section 3.1; returns the length without the colon, 0 if there is no scheme. */
static size_t scheme_length(const char *url)
{
    size_t n = 0;

    if (is_digit(*url))
        return 0;
    while (is_alnum(url[n]) || (n > 0 && url[n] != '\0' && strchr("+-.", url[n]) != NULL))
        n++;
    return url[n] == ':' ? n : 0;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes into out (as long as in); false for a broken escape. */
static bool percent_decode(char *out, const char *in)
{
    while (*in != '\0') {
        int high, low;

        if (*in != '%') {
            *out++ = *in++;
            continue;
        }
        high = hex_value(in[1]);
        low = high < 0 ? -1 : hex_value(in[2]);
        if (low < 0)
            return false;
        *out++ = (char)(high << 4 | low);
        in += 3;
    }
    *out = '\0';
    return true;
}

/* dot-atom of RFC 5322 section 3.2.3, n octets. */
static bool local_part_ok(const char *s, size_t n)
{
    if (n == 0 || n > LOCAL_MAX || s[0] == '.' || s[n - 1] == '.')
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '.' && s[i + 1] == '.')
            return false;
        if (s[i] != '.' && !is_alnum(s[i]) && strchr("!#$%&'*+-/=?^_`{|}~", s[i]) == NULL)
            return false;
    }
    return true;
}

static bool label_ok(const char *s, size_t n)
{
    if (n == 0 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(s[i]) && s[i] != '-')
            return false;
    return true;
}

/* A host name of two labels or more, the last one not a number. */
static bool domain_ok(const char *s)
{
    size_t labels = 0;

    if (strlen(s) > DOMAIN_MAX)
        return false;
    for (;;) {
        size_t n = strcspn(s, ".");

        if (!label_ok(s, n))
            return false;
        labels++;
        if (s[n] == '\0')
            return labels >= 2 && strspn(s, "0123456789") < n;
        s += n + 1;
    }
}

static enum chy_rc refuse(struct chy_ctx *cx, const char *url, const char *why)
{
    return chy_fail(cx, &CHY_P_invalidContact, "contact \"%s\" %s (RFC 8555 section 7.3)",
                    chy_printable(cx, url, strlen(url), 100), why);
}

static enum chy_rc check_octets(struct chy_ctx *cx, const char *url, const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (*p <= 0x20 || *p >= 0x7f)
            return refuse(cx, url, "has a control character, a space or non-ASCII text");
    return CHY_OK;
}

/* The address of a mailto URL, canonical text in *ret. */
static enum chy_rc read_address(struct chy_ctx *cx, const char *url, char **ret)
{
    const char *encoded = url + strlen(SCHEME);
    char *address = chy_alloc(cx, strlen(encoded) + 1);
    char *domain;

    if (strpbrk(encoded, "?#") != NULL)
        return refuse(cx, url, "has header fields");
    /* A NUL would end the checks below before the text does. */
    if (strstr(encoded, "%00") != NULL || !percent_decode(address, encoded))
        return refuse(cx, url, "has a broken or forbidden percent escape");
    if (check_octets(cx, url, address) != CHY_OK)
        return CHY_ERR;
    if (strpbrk(address, ",;") != NULL)
        return refuse(cx, url, "has more than one address");
    domain = strchr(address, '@');
    if (domain == NULL)
        return refuse(cx, url, "has no @");
    *domain++ = '\0';
    if (!local_part_ok(address, strlen(address)))
        return refuse(cx, url, "has a local part that is not a plain dot-atom");
    if (!domain_ok(domain))
        return refuse(cx, url, "has a domain that is not a host name");
    for (char *p = domain; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p |= 0x20;
    *ret = chy_fmt(cx, "%s@%s", address, domain);
    return CHY_OK;
}

static bool is_unreserved(char c)
{
    return is_alnum(c) || strchr("-._~!$'*+@", c) != NULL;
}

/* RFC 6068 section 2: what may not stand in the URL itself is escaped again. */
static char *mailto_url(struct chy_ctx *cx, const char *address)
{
    static const char hex[] = "0123456789ABCDEF";
    char *url = chy_alloc(cx, strlen(SCHEME) + 3 * strlen(address) + 1);
    char *p = url + strlen(SCHEME);

    memcpy(url, SCHEME, strlen(SCHEME));
    for (; *address != '\0'; address++) {
        if (is_unreserved(*address)) {
            *p++ = *address;
            continue;
        }
        *p++ = '%';
        *p++ = hex[(unsigned char)*address >> 4];
        *p++ = hex[*address & 15];
    }
    return url;
}

static enum chy_rc read_contact(struct chy_ctx *cx, const json_t *contact, char **ret)
{
    const char *url = json_string_value(contact);
    size_t scheme_len;
    char *address;

    if (url == NULL)
        return chy_fail(cx, &CHY_P_malformed, "a contact is not a string");
    if (json_string_length(contact) > URL_MAX)
        return refuse(cx, url, chy_fmt(cx, "is longer than %d octets", URL_MAX));
    if (check_octets(cx, url, url) != CHY_OK)
        return CHY_ERR;
    scheme_len = scheme_length(url);
    if (scheme_len == 0)
        return refuse(cx, url, "is not a URL with a scheme");
    if (scheme_len != strlen(SCHEME) - 1 || strncasecmp(url, SCHEME, scheme_len) != 0)
        return chy_fail(cx, &CHY_P_unsupportedContact,
                        "contact scheme \"%.*s\" is not supported; mailto is",
                        (int)(scheme_len < 40 ? scheme_len : 40), url);
    if (read_address(cx, url, &address) != CHY_OK)
        return CHY_ERR;
    *ret = mailto_url(cx, address);
    return CHY_OK;
}

enum chy_rc chy_contacts_read(struct chy_ctx *cx, const json_t *contact, json_t **ret)
{
    json_t *out;

    if (contact == NULL) {
        *ret = NULL;
        return CHY_OK;
    }
    if (!json_is_array(contact))
        return chy_fail(cx, &CHY_P_malformed, "member \"contact\" is not an array");
    if (json_array_size(contact) > CHY_CONTACTS_MAX)
        return chy_fail(cx, &CHY_P_invalidContact, "more than %d contacts", CHY_CONTACTS_MAX);
    out = chy_keep_json(cx, json_array());
    for (size_t i = 0; i < json_array_size(contact); i++) {
        char *url;

        if (read_contact(cx, json_array_get(contact, i), &url) != CHY_OK)
            return CHY_ERR;
        json_array_append_new(out, json_string(url));
    }
    *ret = out;
    return CHY_OK;
}
