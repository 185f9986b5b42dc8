/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of accounts and certificates, and certificate requests (RFC 2986, RFC 8555 section 7.4).  What
 * stands in a request for an identifier is its module's to say. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/base/auto.h"
#include "core/base/file.h"
#include "core/base/problem.h"
#include "core/client/requests.h"
#include "core/ext/dispatch.h"
#include "core/pki/cert.h"

#define KEY_FILE_MAX 65536

/* ---- keys ---- */

static void free_key(void *key)
{
    EVP_PKEY_free(key);
}

static EVP_PKEY *make_key(const char *kind)
{
    static const char *const curves[][2] = {
        {"ec-p256", "P-256"}, {"ec-p384", "P-384"}, {"ec-p521", "P-521"}};
    static const struct {
        const char *kind;
        size_t bits;
    } sizes[] = {{"rsa-2048", 2048}, {"rsa-3072", 3072}, {"rsa-4096", 4096}};

    for (size_t i = 0; i < 3; i++) {
        if (strcmp(kind, curves[i][0]) == 0)
            return EVP_PKEY_Q_keygen(NULL, NULL, "EC", curves[i][1]);
        if (strcmp(kind, sizes[i].kind) == 0)
            return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", sizes[i].bits);
    }
    return strcmp(kind, "ed25519") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : NULL;
}

enum chy_rc chy_client_key_make(struct chy_ctx *cx, const char *kind, EVP_PKEY **ret)
{
    EVP_PKEY *key = make_key(kind);

    ERR_clear_error();
    if (key == NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "%.40s: is no kind of key; choose one of " CHY_CLIENT_KEY_KINDS, kind);
    chy_arena_defer(cx->arena, free_key, key);
    *ret = key;
    return CHY_OK;
}

struct text {
    char *b;
    size_t n;
};

static void cleanse(void *arg)
{
    struct text *t = arg;

    OPENSSL_cleanse(t->b, t->n);
}

enum chy_rc chy_client_key_pem(struct chy_ctx *cx, EVP_PKEY *key, const char **ret, size_t *ret_n)
{
    chy_auto(BIO) *bio = BIO_new(BIO_s_secmem());
    struct text *t = chy_alloc(cx, sizeof *t);
    char *b;
    long n;

    if (bio == NULL || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        (n = BIO_get_mem_data(bio, &b)) <= 0)
        return chy_fault_internal(cx, "a key cannot be written");
    t->n = (size_t)n;
    t->b = chy_arena_strndup(cx->arena, b, t->n);
    chy_arena_defer(cx->arena, cleanse, t);
    *ret = t->b;
    *ret_n = t->n;
    return CHY_OK;
}

enum chy_rc chy_client_key_load(struct chy_ctx *cx, const char *path, EVP_PKEY **ret)
{
    struct text *t = chy_alloc(cx, sizeof *t);
    chy_auto(BIO) *bio = NULL;
    struct stat st;
    EVP_PKEY *key;

    if (chy_file_read(cx, path, KEY_FILE_MAX, &t->b, &t->n) != CHY_OK)
        return CHY_ERR;
    chy_arena_defer(cx->arena, cleanse, t);
    if (stat(path, &st) != 0 || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return chy_fail(cx, &CHY_P_unauthorized,
                        "%s: others may read this key; chmod 600 it if it is still secret", path);
    bio = BIO_new_mem_buf(t->b, (int)t->n);
    key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, chy_no_passphrase, NULL) : NULL;
    ERR_clear_error();
    if (key == NULL)
        return chy_fail(cx, &CHY_P_malformed, "%s: is no private key in PEM without a passphrase",
                        path);
    chy_arena_defer(cx->arena, free_key, key);
    *ret = key;
    return CHY_OK;
}

/* ---- certificate requests ---- */

struct parts {
    X509_REQ *req;
    GENERAL_NAMES *san;
    STACK_OF(X509_EXTENSION) * extensions;
};

static void free_parts(struct parts *p)
{
    GENERAL_NAMES_free(p->san);
    sk_X509_EXTENSION_pop_free(p->extensions, X509_EXTENSION_free);
}

static enum chy_rc name_all(struct chy_ctx *cx, struct parts *p, const struct chy_ident *idents,
                            size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (chy_ident_to_csr(cx, &idents[i], p->san, p->extensions) != CHY_OK)
            return CHY_ERR;
    if (sk_GENERAL_NAME_num(p->san) > 0 &&
        X509V3_add1_i2d(&p->extensions, NID_subject_alt_name, p->san, 0, X509V3_ADD_APPEND) != 1)
        return chy_fault_internal(cx, "the names of a certificate request cannot be written");
    return CHY_OK;
}

static enum chy_rc fill(struct chy_ctx *cx, struct parts *p, EVP_PKEY *key,
                        const struct chy_ident *idents, size_t n)
{
    /* Ed25519 has no digest of its own choosing. */
    const EVP_MD *md = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();

    if (p->req == NULL || p->san == NULL || p->extensions == NULL ||
        X509_REQ_set_version(p->req, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(p->req, key) != 1)
        return chy_fault_internal(cx, "a certificate request cannot be made");
    if (name_all(cx, p, idents, n) != CHY_OK)
        return CHY_ERR;
    if ((sk_X509_EXTENSION_num(p->extensions) > 0 &&
         X509_REQ_add_extensions(p->req, p->extensions) != 1) ||
        X509_REQ_sign(p->req, key, md) <= 0)
        return chy_fault_internal(cx, "a certificate request cannot be signed");
    return CHY_OK;
}

static void free_request(void *req)
{
    X509_REQ_free(req);
}

enum chy_rc chy_client_csr(struct chy_ctx *cx, EVP_PKEY *key, const struct chy_ident *idents,
                           size_t n, X509_REQ **ret, const uint8_t **ret_der, size_t *ret_n)
{
    struct parts p = {X509_REQ_new(), GENERAL_NAMES_new(), sk_X509_EXTENSION_new_null()};
    unsigned char *der = NULL;
    enum chy_rc rc;
    int length;

    if (p.req != NULL)
        chy_arena_defer(cx->arena, free_request, p.req);
    rc = fill(cx, &p, key, idents, n);
    free_parts(&p);
    ERR_clear_error();
    if (rc != CHY_OK)
        return CHY_ERR;
    length = i2d_X509_REQ(p.req, &der);
    if (length <= 0)
        return chy_fault_internal(cx, "a certificate request cannot be written");
    *ret_der = (const uint8_t *)memcpy(chy_alloc(cx, (size_t)length), der, (size_t)length);
    *ret_n = (size_t)length;
    *ret = p.req;
    OPENSSL_free(der);
    return CHY_OK;
}
