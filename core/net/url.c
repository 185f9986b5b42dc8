/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of validation and their redirects (core.md W-02, W-03).  libcurl's URL parser reads them, and
 * the request is made of the same parsed parts that are checked here: two parsers would not agree. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/problem.h"
#include "core/net/internal.h"

#define URL_MAX 4096
#define TARGET_MAX 2000 /* path and query, W-02 */

static void release_url(void *handle)
{
    curl_url_cleanup(handle);
}

/* One part as arena text; NULL if the URL has none. */
static char *url_part(struct chy_ctx *cx, CURLU *h, CURLUPart part)
{
    char *text = NULL, *copy = NULL;

    if (curl_url_get(h, part, &text, 0) == CURLUE_OK && text != NULL)
        copy = chy_arena_strdup(cx->arena, text);
    curl_free(text);
    return copy;
}

/* Lower case, and two labels or more of letters, digits, hyphens and underscores, the last of them
 * not a number in any spelling: "127.1" and "0x7f.1" are addresses to some. */
static bool is_public_host(const char *host)
{
    size_t n = strlen(host), label = 0, dots = 0;
    const char *last = strrchr(host, '.');

    if (n < 1 || n > 253 || last == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = host[i];

        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
            dots++;
            continue;
        }
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
        if (++label > 63)
            return false;
    }
    return label > 0 && dots > 0 && !(last[1] >= '0' && last[1] <= '9');
}

/* Host without brackets, in lower case, written back so that the request carries the same. */
static char *take_host(struct chy_ctx *cx, CURLU *h)
{
    char *host = url_part(cx, h, CURLUPART_HOST);
    size_t n;

    if (host == NULL)
        return NULL;
    for (char *p = host; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + ('a' - 'A'));
    if (curl_url_set(h, CURLUPART_HOST, host, 0) != CURLUE_OK)
        return NULL;
    n = strlen(host);
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        return host + 1;
    }
    return host;
}

/* The port to connect to: a URL without one, or with its scheme's own, goes to the configured one. */
static unsigned take_port(struct chy_ctx *cx, const struct chy_net *net, CURLU *h, bool https,
                          bool validation)
{
    char *text = url_part(cx, h, CURLUPART_PORT);
    unsigned scheme_port = https ? 443 : 80;
    unsigned port = text != NULL ? (unsigned)strtoul(text, NULL, 10) : scheme_port;

    if (!validation || port != scheme_port)
        return port;
    return https ? net->https_port : net->http_port;
}

static bool target_fits(struct chy_ctx *cx, CURLU *h)
{
    char *path = url_part(cx, h, CURLUPART_PATH);
    char *query = url_part(cx, h, CURLUPART_QUERY);

    return (path != NULL ? strlen(path) : 0) + (query != NULL ? strlen(query) + 1 : 0) <=
           TARGET_MAX;
}

static CURLU *url_new(struct chy_ctx *cx, CURLU *copy_of)
{
    CURLU *h = copy_of != NULL ? curl_url_dup(copy_of) : curl_url();

    if (h == NULL)
        abort();
    chy_arena_defer(cx->arena, release_url, h);
    return h;
}

/* What a parsed URL says, without judging it.  False if it has no host or another scheme. */
static bool take_parts(struct chy_ctx *cx, const struct chy_net *net, CURLU *h, bool validation,
                       struct chy_url *u)
{
    char *scheme = url_part(cx, h, CURLUPART_SCHEME);
    struct sockaddr_storage sa;

    if (scheme == NULL || (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0))
        return false;
    if (curl_url_set(h, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
        return false;
    u->handle = h;
    u->https = strcasecmp(scheme, "https") == 0;
    u->host = take_host(cx, h);
    u->text = url_part(cx, h, CURLUPART_URL);
    if (u->host == NULL || u->text == NULL)
        return false;
    u->literal = chy_address_read(u->host, &sa);
    u->port = take_port(cx, net, h, u->https, validation);
    return true;
}

enum chy_rc chy_url_read(struct chy_ctx *cx, const struct chy_net *net, const char *text,
                         bool validation, struct chy_url *ret)
{
    struct chy_url u = {0};
    CURLU *h = url_new(cx, NULL);

    if (strlen(text) > URL_MAX ||
        curl_url_set(h, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK ||
        !take_parts(cx, net, h, validation, &u))
        return chy_fault_internal(cx, "a module asked for a URL that is not one: %s",
                                  chy_printable(cx, text, strlen(text), 200));
    if (validation && (u.https || url_part(cx, h, CURLUPART_PORT) != NULL))
        return chy_fault_internal(cx, "validation starts with http and no port (W-01), not %s",
                                  u.text);
    *ret = u;
    return CHY_OK;
}

/* Visible ASCII only: whatever else is in a Location header is not a URL. */
static bool is_visible(const char *s)
{
    for (; *s != '\0'; s++)
        if (*s <= ' ' || *s > '~')
            return false;
    return true;
}

/* Is a redirect's host one that may be connected to, filter aside? */
static enum chy_rc check_place(struct chy_ctx *cx, const struct chy_net *net,
                               const struct chy_url *from, const struct chy_url *to,
                               bool validation)
{
    char *zone = url_part(cx, to->handle, CURLUPART_ZONEID);

    if (zone != NULL || (to->literal && !from->literal))
        return chy_fail(cx, &CHY_P_connection,
                        "redirected to an IP address; for a name, redirects must go to a name");
    if (!to->literal && !is_public_host(to->host))
        return chy_fail(cx, &CHY_P_connection,
                        "redirected to a host that is not a fully qualified domain name");
    if (validation && to->port != net->http_port && to->port != net->https_port)
        return chy_fail(cx, &CHY_P_connection,
                        "redirected to port %u; only the ports of http and https are allowed",
                        to->port);
    if (!validation && from->https && !to->https)
        return chy_fail(cx, &CHY_P_connection, "redirected from https to http");
    return CHY_OK;
}

enum chy_rc chy_url_follow(struct chy_ctx *cx, const struct chy_net *net,
                           const struct chy_url *from, const char *location, bool validation,
                           struct chy_url *ret)
{
    struct chy_url u = {0};
    CURLU *h = url_new(cx, from->handle);
    CURLUcode e;

    if (location == NULL || location[0] == '\0')
        return chy_fail(cx, &CHY_P_incorrectResponse, "redirect without a Location header");
    if (strlen(location) > URL_MAX || !is_visible(location))
        return chy_fail(cx, &CHY_P_incorrectResponse, "redirect's Location is not a URL");
    e = curl_url_set(h, CURLUPART_URL, location, CURLU_DISALLOW_USER);
    if (e == CURLUE_USER_NOT_ALLOWED)
        return chy_fail(cx, &CHY_P_incorrectResponse, "redirect's Location has user information");
    if (e == CURLUE_UNSUPPORTED_SCHEME)
        return chy_fail(cx, &CHY_P_incorrectResponse,
                        "redirect to a scheme other than http, https");
    if (e != CURLUE_OK)
        return chy_fail(cx, &CHY_P_incorrectResponse, "redirect's Location is not a URL");
    if (!take_parts(cx, net, h, validation, &u))
        return chy_fail(cx, &CHY_P_incorrectResponse,
                        "redirect to a scheme other than http, https");
    if (!target_fits(cx, h))
        return chy_fail(cx, &CHY_P_incorrectResponse,
                        "redirect's path and query are longer than %d octets", TARGET_MAX);
    if (check_place(cx, net, from, &u, validation) != CHY_OK)
        return CHY_ERR;
    *ret = u;
    return CHY_OK;
}
