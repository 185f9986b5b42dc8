/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of libraries that give themselves back at the end of their scope. */
#ifndef CHY_BASE_AUTO_H
#define CHY_BASE_AUTO_H

#include <stdio.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define CHY_AUTO_DEFINE(type, release)                                                             \
    static inline void chy_auto_##type(type **p)                                                   \
    {                                                                                              \
        release(*p);                                                                               \
    }
CHY_AUTO_DEFINE(X509, X509_free)
CHY_AUTO_DEFINE(X509_REQ, X509_REQ_free)
CHY_AUTO_DEFINE(EVP_PKEY, EVP_PKEY_free)
CHY_AUTO_DEFINE(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
CHY_AUTO_DEFINE(EVP_MD_CTX, EVP_MD_CTX_free)
CHY_AUTO_DEFINE(BIO, BIO_free_all)
CHY_AUTO_DEFINE(json_t, json_decref)

/* chy_auto(X509) *crt = NULL; */
#define chy_auto(type) __attribute__((cleanup(chy_auto_##type))) type

/* Hand an object over: the variable becomes NULL. */
#define CHY_TAKE(p)                                                                                \
    __extension__({                                                                                \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

static inline void chy_auto_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
/* chy_auto_fd int fd = -1; */
#define chy_auto_fd __attribute__((cleanup(chy_auto_close)))

static inline void chy_auto_fclose(FILE **f)
{
    if (*f != NULL)
        fclose(*f);
}
#define chy_auto_file __attribute__((cleanup(chy_auto_fclose)))

#endif
