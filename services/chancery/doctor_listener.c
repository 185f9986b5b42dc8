/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: would a client take the certificate that the ACME listener shows, and for how long? */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "core/pki/cert.h"
#include "services/chancery/commands.h"
#include "services/chancery/doctor.h"
#include "services/chancery/listener.h"

#define DAY 86400
#define SOON_DAYS 14
#define PEM_MAX (64 * 1024)

/* Missing or empty: a new one.  Closed to the services: theirs. */
static void unreadable(struct chy_look *l, const char *path, const char *mode)
{
    int e = errno;
    const char *user = l->node->service_user != NULL ? l->node->service_user : "the services";

    if (e == ENOENT) {
        chy_found(l, CHY_D_FAIL, chy_cli_line(l->cx, l->node, "listener renew"), "%s: is not there",
                  path);
        return;
    }
    chy_found(l, CHY_D_FAIL,
              chy_fmt(l->cx, "%s%schmod %s %s",
                      l->node->service_user != NULL
                          ? chy_fmt(l->cx, "chown %s %s", chy_cli_word(l->cx, user),
                                    chy_cli_word(l->cx, path))
                          : "",
                      l->node->service_user != NULL ? " && " : "", mode, chy_cli_word(l->cx, path)),
              "%s: %s cannot read it: %s", path, user, strerror(e));
}

static bool can_read(struct chy_look *l, const char *path, const char *mode)
{
    chy_auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        unreadable(l, path, mode);
    return fd >= 0;
}

static EVP_PKEY *read_key(const char *path)
{
    chy_auto_file FILE *f = fopen(path, "re");
    EVP_PKEY *key;
    struct stat st;

    if (f == NULL || fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > PEM_MAX)
        return NULL;
    setvbuf(f, NULL, _IONBF, 0); /* no copy of it in stdio's buffer */
    key = PEM_read_PrivateKey(f, NULL, chy_no_passphrase, NULL);
    ERR_clear_error();
    return key;
}

static const char *renewal(struct chy_look *l, const X509 *cert)
{
    if (chy_listener_is_own(l->cx, l->node, cert))
        return chy_cli_line(l->cx, l->node, "listener renew");
    return chy_fmt(
        l->cx, "renew it at its issuer, %s, and restart; or replace it by one of this CA: %s",
        chy_listener_issuer(l->cx, cert), chy_cli_line(l->cx, l->node, "listener renew --force"));
}

void chy_look_listener(struct chy_look *l)
{
    const char *path = l->node->acme.certificate, *host = chy_listener_host(l->cx, l->node), *why;
    chy_auto(EVP_PKEY) *key = NULL;
    time_t until, now = chy_now(l->cx);
    X509 *cert;

    if (!can_read(l, path, "644") || !can_read(l, l->node->acme.key, "600"))
        return;
    key = read_key(l->node->acme.key);
    if (key == NULL) {
        chy_found(l, CHY_D_FAIL, chy_cli_line(l->cx, l->node, "listener renew"),
                  "%s: holds no private key in PEM (without a passphrase)", l->node->acme.key);
        return;
    }
    if (chy_listener_read(l->cx, path, &cert) != CHY_OK) {
        chy_found_refusal(l, CHY_D_FAIL, chy_cli_line(l->cx, l->node, "listener renew"));
        return;
    }
    why = chy_listener_fault(l->cx, cert, key, host, now);
    if (why != NULL) {
        chy_found(l, CHY_D_FAIL, renewal(l, cert), "the certificate in %s %s", path, why);
        return;
    }
    (void)chy_asn1_time(X509_get0_notAfter(cert), &until); /* it was read just before */
    if (until - now < SOON_DAYS * DAY)
        chy_found(l, CHY_D_WARN, renewal(l, cert), "the certificate for %s ends in %d days",
                  l->node->base_url, (int)((until - now) / DAY));
    else
        chy_found(l, CHY_D_OK, NULL, "the certificate for %s is good for %d days", host,
                  (int)((until - now) / DAY));
}
