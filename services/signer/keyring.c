/* SPDX-License-Identifier: Apache-2.0 */
/* Loading issuer keys and signing with them.  Loaded once; the digest is fetched once; a signature
 * copies an initialised context (OpenSSL 3.0: a fifth cheaper, and no lock).  Judges nothing that
 * is to be signed: judge.c does.  PEM files only; no PKCS#11 yet. */
#include "services/signer/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/base/auto.h"
#include "core/base/file.h"
#include "core/base/problem.h"
#include "core/pki/cert.h"
#include "core/pki/keys.h"

#define PEM_MAX (64 * 1024)

static void release_x509(void *p)
{
    X509_free(p);
}

static void release_key(void *p)
{
    EVP_PKEY_free(p);
}

static void release_md(void *p)
{
    EVP_MD_CTX_free(p);
}

static enum chy_rc wrong(struct chy_ctx *cx, const char *path, const char *what)
{
    ERR_clear_error();
    return chy_fail(cx, &CHY_P_serverInternal, "%s: %s", path, what);
}

/* Judged on the open descriptor, so that what is judged is what is read. */
static enum chy_rc check_private(struct chy_ctx *cx, const char *path, int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return wrong(cx, path, "is not a regular file");
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return wrong(cx, path, "private key may be read by others than its owner; chmod 0600");
    if (st.st_size > PEM_MAX)
        return wrong(cx, path, "is too large for a private key");
    return CHY_OK;
}

/* Through a BIO of its own, so that the key's text never lies in the arena. */
static enum chy_rc load_key(struct chy_ctx *cx, const char *issuer, const char *path,
                            EVP_PKEY **ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    chy_auto_file FILE *f = NULL;
    EVP_PKEY *key;

    if (fd < 0)
        return chy_fail(
            cx, &CHY_P_serverInternal,
            "%s: private key of issuer %s cannot be read: %s; put it there, readable by the "
            "signer's user only, or correct the ceilings",
            path, issuer, strerror(errno));
    f = fdopen(fd, "r");
    if (f == NULL) {
        close(fd);
        return wrong(cx, path, "cannot be read");
    }
    setvbuf(f, NULL, _IONBF, 0); /* no copy of the key in stdio's buffer */
    if (check_private(cx, path, fd) != CHY_OK)
        return CHY_ERR;
    key = PEM_read_PrivateKey(f, NULL, chy_no_passphrase, NULL);
    if (key == NULL)
        return wrong(cx, path, "holds no private key in PEM (without a passphrase)");
    chy_arena_defer(cx->arena, release_key, key);
    *ret = key;
    return CHY_OK;
}

static enum chy_rc load_cert(struct chy_ctx *cx, const char *path, X509 **ret)
{
    chy_auto(BIO) *in = NULL;
    X509 *cert;
    char *text;
    size_t n;

    if (chy_file_read(cx, path, PEM_MAX, &text, &n) != CHY_OK) {
        const char *reason = cx->problem.detail;

        chy_problem_clear(cx);
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s; put the issuer's certificate there, or correct the ceilings", reason);
    }
    in = BIO_new_mem_buf(text, (int)n);
    cert = in != NULL ? PEM_read_bio_X509(in, NULL, chy_no_passphrase, NULL) : NULL;
    if (cert == NULL)
        return wrong(cx, path, "holds no certificate in PEM");
    chy_arena_defer(cx->arena, release_x509, cert);
    if (X509_check_ca(cert) != 1 || (X509_get_key_usage(cert) & KU_KEY_CERT_SIGN) == 0)
        return wrong(cx, path, "is not a CA certificate with keyCertSign");
    *ret = cert;
    return CHY_OK;
}

/* A key whose public half alone is the certificate's signs rubbish: nothing would be noticed before
 * the first certificate, and its serial would be spent. */
static bool signs_for(const struct chy_signing_key *k)
{
    static const uint8_t text[] = "a signature before any other";
    chy_auto(EVP_MD_CTX) *signing = EVP_MD_CTX_new();
    chy_auto(EVP_MD_CTX) *verifying = EVP_MD_CTX_new();
    uint8_t sig[CHY_SIGNATURE_MAX];
    size_t n = sizeof sig;

    return signing != NULL && verifying != NULL && EVP_MD_CTX_copy_ex(signing, k->ready) == 1 &&
           EVP_DigestSign(signing, sig, &n, text, sizeof text) == 1 &&
           EVP_DigestVerifyInit_ex(verifying, NULL, chy_signature_digest(k->key), NULL, NULL,
                                   X509_get0_pubkey(k->cert), NULL) == 1 &&
           EVP_DigestVerify(verifying, sig, n, text, sizeof text) == 1;
}

static enum chy_rc check_sound(struct chy_ctx *cx, const char *path, EVP_PKEY *key)
{
    const char *why;

    if (chy_key_check(cx, key, &CHY_P_serverInternal) == CHY_OK)
        return CHY_OK;
    why = cx->problem.detail;
    chy_problem_clear(cx);
    return wrong(cx, path, chy_fmt(cx, "is not fit for an issuer: %s", why));
}

static enum chy_rc make_ready(struct chy_ctx *cx, const char *path, struct chy_signing_key *k)
{
    if (check_sound(cx, path, k->key) != CHY_OK)
        return CHY_ERR;
    k->nid = chy_signature_nid(k->key);
    if (k->nid == NID_undef)
        return wrong(cx, path, "key is of no kind that signs certificates");
    k->ready = EVP_MD_CTX_new();
    if (k->ready == NULL || EVP_DigestSignInit_ex(k->ready, NULL, chy_signature_digest(k->key),
                                                  NULL, NULL, k->key, NULL) != 1)
        return wrong(cx, path, "cannot be used for signatures");
    if (!signs_for(k))
        return wrong(cx, path, "makes no signature that verifies with the issuer's certificate");
    return CHY_OK;
}

static enum chy_rc load(struct chy_ctx *cx, const struct chy_ceiling *c, struct chy_signing_key *k)
{
    enum chy_rc rc;

    k->ceiling = c;
    if (load_key(cx, c->name, c->key_path, &k->key) != CHY_OK ||
        load_cert(cx, c->cert_path, &k->cert) != CHY_OK)
        return CHY_ERR;
    if (X509_check_private_key(k->cert, k->key) != 1)
        return wrong(cx, c->key_path,
                     chy_fmt(cx, "is not the key of the certificate in %s; correct the ceilings",
                             c->cert_path));
    if (!chy_asn1_time(X509_get0_notAfter(k->cert), &k->not_after))
        return wrong(cx, c->cert_path, "notAfter cannot be read");
    rc = make_ready(cx, c->key_path, k);
    if (k->ready != NULL)
        chy_arena_defer(cx->arena, release_md, k->ready);
    return rc;
}

enum chy_rc chy_keyring_load(struct chy_ctx *cx, const struct chy_ceilings *ceilings,
                             struct chy_keyring *ret)
{
    struct chy_keyring ring = {.n = ceilings->n_issuers};

    ring.keys = chy_alloc(cx, (ring.n + 1) * sizeof *ring.keys);
    for (size_t i = 0; i < ring.n; i++)
        if (load(cx, &ceilings->issuers[i], &ring.keys[i]) != CHY_OK)
            return CHY_ERR;
    ERR_clear_error();
    *ret = ring;
    return CHY_OK;
}

const struct chy_signing_key *chy_keyring_find(const struct chy_keyring *ring, const char *issuer)
{
    for (size_t i = 0; i < ring->n; i++)
        if (strcmp(ring->keys[i].ceiling->name, issuer) == 0)
            return &ring->keys[i];
    return NULL;
}

enum chy_rc chy_keyring_sign(struct chy_ctx *cx, const struct chy_signing_key *k,
                             const uint8_t *tbs, size_t n, const uint8_t **ret_sig, size_t *ret_n)
{
    chy_auto(EVP_MD_CTX) *md = EVP_MD_CTX_new();
    uint8_t *sig = chy_alloc(cx, CHY_SIGNATURE_MAX);
    size_t sig_n = CHY_SIGNATURE_MAX;

    if (md == NULL || EVP_MD_CTX_copy_ex(md, k->ready) != 1 ||
        EVP_DigestSign(md, sig, &sig_n, tbs, n) != 1) {
        ERR_clear_error();
        return chy_fault_internal(cx, "signing failed");
    }
    *ret_sig = sig;
    *ret_n = sig_n;
    return CHY_OK;
}
