/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate that the ACME listener itself shows: made by the local CA, and judged as a client
 * would (RFC 6125: the name must be in it; RFC 5280 section 4.1.2.5: within its dates). */
#include "services/chancery/listener.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/problem.h"
#include "core/pki/cert.h"

#define PEM_MAX (64u * 1024)
#define NAME_ROOM 300

enum chy_rc chy_listener_make(struct chy_ctx *cx, const struct chy_authority *a, const char *host,
                              char **ret_key_pem, char **ret_pem)
{
    const char *begin = "-----BEGIN CERTIFICATE-----";
    char *pem, *first;

    if (chy_authority_listener(cx, a, host, CHY_LISTENER_DAYS, ret_key_pem, &pem) != CHY_OK)
        return CHY_ERR;
    first = strstr(pem, begin);
    *ret_pem = first != NULL && strstr(first + 1, begin) == NULL
                   ? chy_fmt(cx, "%s%s", pem, a->issuing_pem)
                   : pem;
    return CHY_OK;
}

const char *chy_listener_host(struct chy_ctx *cx, const struct chy_node *node)
{
    const char *host = strstr(node->base_url, "://");

    host = host != NULL ? host + 3 : node->base_url;
    if (*host == '[')
        return chy_fmt(cx, "%.*s", (int)strcspn(host + 1, "]"), host + 1);
    return chy_fmt(cx, "%.*s", (int)strcspn(host, ":/"), host);
}

static void release(void *cert)
{
    X509_free(cert);
}

enum chy_rc chy_listener_read(struct chy_ctx *cx, const char *path, X509 **ret)
{
    chy_auto(BIO) *in = NULL;
    X509 *cert;
    char *text;
    size_t n;

    if (chy_file_read(cx, path, PEM_MAX, &text, &n) != CHY_OK)
        return CHY_ERR;
    in = BIO_new_mem_buf(text, (int)n);
    cert = in != NULL ? PEM_read_bio_X509(in, NULL, chy_no_passphrase, NULL) : NULL;
    ERR_clear_error();
    if (cert == NULL)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: holds no certificate in PEM", path);
    chy_arena_defer(cx->arena, release, cert);
    *ret = cert;
    return CHY_OK;
}

static bool names_host(X509 *cert, const char *host)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_check_ip_asc(cert, host, 0) == 1;
    return X509_check_host(cert, host, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

const char *chy_listener_fault(struct chy_ctx *cx, X509 *cert, EVP_PKEY *key, const char *host,
                               time_t now)
{
    time_t from, until;
    char when[21];
    bool same_key;

    if (!chy_asn1_time(X509_get0_notBefore(cert), &from) ||
        !chy_asn1_time(X509_get0_notAfter(cert), &until))
        return "has dates that cannot be read";
    if (now > until)
        return chy_fmt(cx, "ended at %s", chy_clock_rfc3339(until, when));
    if (now < from)
        return chy_fmt(cx, "begins only at %s", chy_clock_rfc3339(from, when));
    same_key = key == NULL || X509_check_private_key(cert, key) == 1;
    ERR_clear_error();
    if (!same_key)
        return "is not of the listener's key";
    if (!names_host(cert, host))
        return chy_fmt(cx, "does not name %s, the host of base-url", host);
    return NULL;
}

const char *chy_listener_issuer(struct chy_ctx *cx, const X509 *cert)
{
    char text[NAME_ROOM];
    chy_auto(BIO) *out = BIO_new(BIO_s_mem());
    int n = 0;

    if (out != NULL && X509_NAME_print_ex(out, X509_get_issuer_name(cert), 0, XN_FLAG_RFC2253) >= 0)
        n = BIO_read(out, text, sizeof text);
    return chy_printable(cx, text, n > 0 ? (size_t)n : 0, sizeof text);
}

static bool is_pem(const char *name)
{
    size_t n = strlen(name);

    return name[0] != '.' && n > 4 && strcmp(name + n - 4, ".pem") == 0;
}

bool chy_listener_is_own(struct chy_ctx *cx, const struct chy_node *node, const X509 *cert)
{
    struct chy_ctx own = {.arena = cx->arena}; /* a file that is none is no failure */
    const char *dir = chy_fmt(cx, "%s/issuers", node->policy_dir);
    DIR *d = opendir(dir);
    const struct dirent *e;
    bool found = false;
    X509 *ca;

    while (d != NULL && !found && (e = readdir(d)) != NULL) {
        if (is_pem(e->d_name) &&
            chy_listener_read(&own, chy_fmt(cx, "%s/%s", dir, e->d_name), &ca) == CHY_OK)
            found = chy_same_name(X509_get_subject_name(ca), X509_get_issuer_name(cert));
        chy_problem_clear(&own);
    }
    if (d != NULL)
        closedir(d);
    return found;
}
