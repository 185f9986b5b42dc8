/* SPDX-License-Identifier: Apache-2.0 */
/* A first certification authority: root, issuing CA, and the listener's certificate (RFC 5280).
 * Keys are made and used in this process and given out as PEM; keeping them apart is for who
 * called. */
#include "core/pki/authority.h"

#include <arpa/inet.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "core/base/auto.h"
#include "core/base/id.h"
#include "core/base/problem.h"
#include "core/pki/cert.h"
#include "core/pki/extensions.h"
#include "core/pki/names.h"
#include "core/pki/plan.h"
#include "core/pki/plan_types.h"

#define DAY ((time_t)86400)
#define ROOT_DAYS (20 * 365 + 5)
#define ISSUING_DAYS (5 * 365 + 1)
#define BACKDATE 3600 /* clocks of relying parties */
#define DEFAULT_KIND "ec-p256"

struct subject {
    const char *common_name;
    EVP_PKEY *key;
    time_t from, until;
    int path_len; /* of a CA; -1: without a limit */
    unsigned key_usage;
    const char *purpose; /* OID, or NULL: a CA */
    GENERAL_NAMES *names;
};

struct secret {
    char *text;
    size_t n;
};

static void cleanse(void *secret)
{
    struct secret *s = secret;

    OPENSSL_cleanse(s->text, s->n);
}

static char *key_pem(struct chy_ctx *cx, EVP_PKEY *key)
{
    BIO *out = BIO_new(BIO_s_secmem());
    struct secret *s = chy_alloc(cx, sizeof *s);
    char *text;

    if (out == NULL || PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) != 1)
        abort(); /* memory only */
    s->n = (size_t)BIO_get_mem_data(out, &text);
    s->text = chy_arena_strndup(cx->arena, text, s->n);
    BIO_free_all(out);
    chy_arena_defer(cx->arena, cleanse, s);
    return s->text;
}

static bool set_subject(X509 *cert, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(cert);

    return common_name == NULL ||
           X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const uint8_t *)common_name, -1, -1, 0) == 1;
}

static bool add_extensions(X509 *cert, const X509 *issuer, const struct subject *s)
{
    if (!chy_add_subject_key(cert))
        return false;
    if (issuer != cert && !chy_add_authority_key(cert, issuer))
        return false;
    if (!chy_add_key_usage(cert, s->key_usage))
        return false;
    if (s->purpose == NULL && !chy_add_basic_constraints(cert, s->path_len))
        return false;
    if (s->purpose != NULL && !chy_add_purposes(cert, &s->purpose, 1))
        return false;
    return s->names == NULL || chy_add_names(cert, s->names, s->common_name == NULL);
}

/* issuer NULL: self-signed. */
static X509 *certify(struct chy_ctx *cx, const struct subject *s, X509 *issuer,
                     EVP_PKEY *issuer_key)
{
    chy_auto(X509) *cert = X509_new();
    X509 *above = issuer != NULL ? issuer : cert;
    struct chy_id serial;
    const char *digest = chy_signature_digest(issuer_key);

    chy_id_new(cx, &serial);
    if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1 ||
        ASN1_STRING_set(X509_get_serialNumber(cert), serial.b, sizeof serial.b) != 1 ||
        !set_subject(cert, s->common_name) ||
        X509_set_issuer_name(cert, X509_get_subject_name(above)) != 1 ||
        ASN1_TIME_set(X509_getm_notBefore(cert), s->from) == NULL ||
        ASN1_TIME_set(X509_getm_notAfter(cert), s->until) == NULL ||
        X509_set_pubkey(cert, s->key) != 1 || !add_extensions(cert, above, s))
        return NULL;
    if (X509_sign(cert, issuer_key, digest != NULL ? EVP_get_digestbyname(digest) : NULL) == 0)
        return NULL;
    return CHY_TAKE(cert);
}

static enum chy_rc certify_pem(struct chy_ctx *cx, const struct subject *s, X509 *issuer,
                               EVP_PKEY *issuer_key, X509 **ret, char **ret_pem)
{
    X509 *cert;
    unsigned char *der = NULL;
    int n;

    ERR_clear_error();
    cert = certify(cx, s, issuer, issuer_key);
    n = cert != NULL ? i2d_X509(cert, &der) : -1;
    if (n <= 0) {
        char why[256];

        ERR_error_string_n(ERR_peek_last_error(), why, sizeof why);
        ERR_clear_error();
        X509_free(cert);
        return chy_fault_internal(cx, "certificate of %s cannot be made: %s",
                                  s->common_name != NULL ? s->common_name : "the listener", why);
    }
    *ret_pem = chy_cert_pem(cx, der, (size_t)n);
    OPENSSL_free(der);
    *ret = cert;
    return CHY_OK;
}

static const struct kind {
    const char *name, *type, *group;
    size_t bits; /* RSA only */
} kinds[] = {
    {DEFAULT_KIND, "EC", "P-256", 0}, {"ec-p384", "EC", "P-384", 0},
    {"rsa-2048", "RSA", NULL, 2048},  {"rsa-3072", "RSA", NULL, 3072},
    {"rsa-4096", "RSA", NULL, 4096},  {"ed25519", "ED25519", NULL, 0},
};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

bool chy_authority_kind_known(const char *kind)
{
    return find_kind(kind) != NULL;
}

static EVP_PKEY *new_key(const char *name)
{
    const struct kind *kind = find_kind(name);

    if (kind == NULL)
        return NULL;
    if (kind->bits != 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, kind->type, kind->bits);
    return EVP_PKEY_Q_keygen(NULL, NULL, kind->type, kind->group);
}

enum chy_rc chy_authority_make(struct chy_ctx *cx, const char *common_name,
                               struct chy_authority *ret)
{
    return chy_authority_make_of(cx, common_name, DEFAULT_KIND, DEFAULT_KIND, ret);
}

enum chy_rc chy_authority_make_of(struct chy_ctx *cx, const char *common_name,
                                  const char *root_kind, const char *issuing_kind,
                                  struct chy_authority *ret)
{
    const unsigned usage = CHY_KU_KEY_CERT_SIGN | CHY_KU_CRL_SIGN;
    chy_auto(EVP_PKEY) *root_key = new_key(root_kind);
    chy_auto(EVP_PKEY) *issuing_key = new_key(issuing_kind);
    chy_auto(X509) *root = NULL;
    chy_auto(X509) *issuing = NULL;
    time_t from = chy_now(cx) - BACKDATE;
    struct chy_authority a;
    struct subject r = {chy_fmt(cx, "%s Root", common_name),
                        root_key,
                        from,
                        from + ROOT_DAYS * DAY,
                        -1,
                        usage,
                        NULL,
                        NULL};
    struct subject i = {chy_fmt(cx, "%s Issuing 1", common_name),
                        issuing_key,
                        from,
                        from + ISSUING_DAYS * DAY,
                        0,
                        usage,
                        NULL,
                        NULL};

    if (root_key == NULL || issuing_key == NULL)
        return chy_fault_internal(cx, "keys of kinds %s and %s cannot be made", root_kind,
                                  issuing_kind);
    if (certify_pem(cx, &r, NULL, root_key, &root, &a.root_pem) != CHY_OK ||
        certify_pem(cx, &i, root, root_key, &issuing, &a.issuing_pem) != CHY_OK)
        return CHY_ERR;
    a.root_key_pem = key_pem(cx, root_key);
    a.issuing_key_pem = key_pem(cx, issuing_key);
    *ret = a;
    return CHY_OK;
}

static bool push_name(GENERAL_NAMES *names, int type, const void *value, int n)
{
    GENERAL_NAME *gn = GENERAL_NAME_new();
    ASN1_STRING *text =
        ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

    if (gn == NULL || text == NULL || ASN1_STRING_set(text, value, n) != 1)
        abort(); /* memory only */
    GENERAL_NAME_set0_value(gn, type, text);
    if (chy_general_name_fault(gn) != NULL || sk_GENERAL_NAME_push(names, gn) == 0) {
        GENERAL_NAME_free(gn);
        return false;
    }
    return true;
}

static bool push_host(GENERAL_NAMES *names, const char *host)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, host, address) == 1)
        return push_name(names, GEN_IPADD, address, 4);
    if (inet_pton(AF_INET6, host, address) == 1)
        return push_name(names, GEN_IPADD, address, 16);
    return strlen(host) <= 253 && push_name(names, GEN_DNS, host, (int)strlen(host));
}

static bool push_hosts(GENERAL_NAMES *names, const char *host)
{
    static const char *const loopback[] = {"127.0.0.1", "::1"};

    if (!push_host(names, host))
        return false;
    if (strcmp(host, "localhost") != 0)
        return true;
    return push_host(names, loopback[0]) && push_host(names, loopback[1]);
}

static X509 *read_cert(const char *pem)
{
    chy_auto(BIO) *in = BIO_new_mem_buf(pem, -1);

    return in != NULL ? PEM_read_bio_X509(in, NULL, chy_no_passphrase, NULL) : NULL;
}

static EVP_PKEY *read_key(const char *pem)
{
    chy_auto(BIO) *in = BIO_new_mem_buf(pem, -1);

    return in != NULL ? PEM_read_bio_PrivateKey(in, NULL, chy_no_passphrase, NULL) : NULL;
}

static enum chy_rc make_listener(struct chy_ctx *cx, const struct chy_authority *a,
                                 GENERAL_NAMES *names, unsigned days, char **ret_key_pem,
                                 char **ret_cert_pem)
{
    chy_auto(X509) *issuer = read_cert(a->issuing_pem);
    chy_auto(EVP_PKEY) *issuer_key = read_key(a->issuing_key_pem);
    chy_auto(EVP_PKEY) *key = new_key(DEFAULT_KIND); /* what every TLS client takes */
    chy_auto(X509) *cert = NULL;
    time_t from = chy_now(cx) - BACKDATE, until = chy_now(cx) + (time_t)days * DAY, last;
    struct subject s = {NULL,
                        key,
                        from,
                        until,
                        -1,
                        CHY_KU_DIGITAL_SIGNATURE,
                        "1.3.6.1.5.5.7.3.1" /* id-kp-serverAuth */,
                        names};
    char *pem;

    if (issuer == NULL || issuer_key == NULL || key == NULL ||
        !chy_asn1_time(X509_get0_notAfter(issuer), &last))
        return chy_fault_internal(cx, "issuing CA: certificate or key cannot be read");
    if (X509_check_private_key(issuer, issuer_key) != 1)
        return chy_fault_internal(cx, "issuing CA: key is not the certificate's");
    if (until > last)
        s.until = last;
    if (certify_pem(cx, &s, issuer, issuer_key, &cert, &pem) != CHY_OK)
        return CHY_ERR;
    *ret_key_pem = key_pem(cx, key);
    *ret_cert_pem = pem;
    return CHY_OK;
}

enum chy_rc chy_authority_listener(struct chy_ctx *cx, const struct chy_authority *a,
                                   const char *host, unsigned days, char **ret_key_pem,
                                   char **ret_cert_pem)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    enum chy_rc rc;

    if (names == NULL)
        abort();
    if (!push_hosts(names, host))
        rc = chy_fault_internal(cx, "listener: %s is neither a DNS name nor an address",
                                chy_printable(cx, host, strlen(host), 100));
    else
        rc = make_listener(cx, a, names, days, ret_key_pem, ret_cert_pem);
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return rc;
}

/* What OpenSSL keeps of the old encoding is made anew by the signature. */
static bool sign_again(struct chy_ctx *cx, X509 *cert, X509 *root, EVP_PKEY *root_key)
{
    const char *digest = chy_signature_digest(root_key);
    time_t from = chy_now(cx) - BACKDATE, until = from + ISSUING_DAYS * DAY, last;
    struct chy_id serial;

    chy_id_new(cx, &serial);
    if (!chy_asn1_time(X509_get0_notAfter(root), &last))
        return false;
    if (until > last)
        until = last;
    return until > chy_now(cx) &&
           ASN1_STRING_set(X509_get_serialNumber(cert), serial.b, sizeof serial.b) == 1 &&
           ASN1_TIME_set(X509_getm_notBefore(cert), from) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(cert), until) != NULL &&
           X509_sign(cert, root_key, digest != NULL ? EVP_get_digestbyname(digest) : NULL) != 0;
}

enum chy_rc chy_authority_renew(struct chy_ctx *cx, const char *root_pem, const char *root_key_pem,
                                const char *issuing_pem, char **ret_pem)
{
    chy_auto(X509) *root = read_cert(root_pem);
    chy_auto(EVP_PKEY) *root_key = read_key(root_key_pem);
    chy_auto(X509) *cert = read_cert(issuing_pem);
    unsigned char *der = NULL;
    bool of_root, is_issuing;
    int n;

    ERR_clear_error();
    if (root == NULL || root_key == NULL || cert == NULL)
        return chy_fail(cx, &CHY_P_serverInternal, "%s cannot be read as PEM",
                        root == NULL       ? "root certificate"
                        : root_key == NULL ? "root key"
                                           : "issuing certificate");
    of_root = X509_check_private_key(root, root_key) == 1;
    ERR_clear_error();
    if (!of_root)
        return chy_fail(cx, &CHY_P_serverInternal, "root key is not the root certificate's");
    is_issuing = X509_verify(cert, X509_get0_pubkey(root)) == 1 &&
                 X509_check_issued(root, cert) == X509_V_OK && X509_check_ca(cert) == 1;
    ERR_clear_error();
    if (!is_issuing)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "issuing certificate is no CA's that this root issued");
    if (!sign_again(cx, cert, root, root_key) || (n = i2d_X509(cert, &der)) <= 0) {
        ERR_clear_error();
        return chy_fail(
            cx, &CHY_P_serverInternal,
            "issuing certificate cannot be signed again: the root has ended, or its key "
            "is of no kind that signs");
    }
    *ret_pem = chy_cert_pem(cx, der, (size_t)n);
    OPENSSL_free(der);
    return CHY_OK;
}
