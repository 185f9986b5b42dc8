/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef CHY_CLIENT_INTERNAL_H
#define CHY_CLIENT_INTERNAL_H

#include <curl/curl.h>

#include "core/client/client.h"

/* Octets that grow and are used again by the next exchange. */
struct chy_buffer {
    char *b;
    size_t n, room;
};
/* Room for n octets and a NUL behind what is there; aborts when memory is out. */
void chy_buffer_grow(struct chy_buffer *buffer, size_t n);
void chy_buffer_add(struct chy_buffer *buffer, const void *b, size_t n);
void chy_buffer_free(struct chy_buffer *buffer);

/* The key, and what is said of it in every request. */
struct chy_signing {
    EVP_PKEY *key;
    const char *alg;    /* RFC 7518 section 3.1, RFC 8037                         */
    const char *digest; /* NULL: none of its own                                  */
    unsigned half;      /* octets of r and of s; 0: not ECDSA                     */
    char *jwk;          /* canonical JSON (RFC 7638 section 3)                    */
    char thumbprint[44];
};

struct chy_client {
    struct chy_client_config config; /* strings in the client's arena */
    struct chy_arena *arena;
    CURL *curl;
    char reason[CURL_ERROR_SIZE]; /* of curl's latest failure, "" if it gave none */
    bool root_unknown;
    struct curl_slist *headers_json, *headers_chain;
    struct chy_signing signing;
    char *account; /* URL, or NULL */
    struct chy_client_directory directory;
    char nonce[CHY_CLIENT_NONCE_MAX + 1]; /* "": none                          */
    struct chy_buffer out, in;
    const struct chy_client_problem *refusal;
};

/* ---- jws.c ---- */

/* Members of a public key's JWK, its algorithm and its thumbprint.  Fails: a kind without one. */
enum chy_rc CHY_CHECK chy_signing_of(struct chy_ctx *cx, struct chy_arena *arena, EVP_PKEY *key,
                                     struct chy_signing *ret);
/* Write a flattened JWS (RFC 7515 section 7.2.2) of payload to out.  protected: JSON text. */
enum chy_rc CHY_CHECK chy_jws_write(struct chy_ctx *cx, const struct chy_signing *s,
                                    const char *header, const void *payload, size_t payload_n,
                                    struct chy_buffer *out);
/* The same with HMAC SHA-256 (RFC 8555 section 7.3.4), as JSON. */
enum chy_rc CHY_CHECK chy_jws_mac(struct chy_ctx *cx, const char *header, const char *payload,
                                  const uint8_t *key, size_t key_n, json_t **ret);

/* ---- transport.c ---- */

struct chy_answer {
    long status;
    const char *body; /* the client's buffer: until the next exchange */
    size_t n;
    char *location;     /* or NULL; arena */
    char *content_type; /* without parameters, lower case; or NULL; arena */
    unsigned retry_after_s;
};
enum chy_method { CHY_M_GET, CHY_M_HEAD, CHY_M_POST };
/* One exchange; body: c->out.  A nonce in the answer replaces the client's. */
enum chy_rc CHY_CHECK chy_transport(struct chy_ctx *cx, struct chy_client *c,
                                    enum chy_client_step step, enum chy_method method,
                                    const char *url, unsigned attempt, struct chy_answer *ret);
bool chy_transport_open(struct chy_ctx *cx, struct chy_client *c);

/* ---- post.c ---- */

/* A signed request (RFC 8555 section 6.2), repeated on badNonce.  payload: compact JSON, or "" for
 * POST-as-GET.  Fails on every status but 2xx, keeping the problem document. */
enum chy_rc CHY_CHECK chy_post(struct chy_ctx *cx, struct chy_client *c, enum chy_client_step step,
                               const char *url, const char *payload, struct chy_answer *ret);
enum chy_rc CHY_CHECK chy_post_json(struct chy_ctx *cx, struct chy_client *c,
                                    enum chy_client_step step, const char *url,
                                    const json_t *payload, struct chy_answer *ret);
/* Fails if the answer is not 2xx: keeps the problem document if it is one. */
enum chy_rc CHY_CHECK chy_answer_check(struct chy_ctx *cx, struct chy_client *c,
                                       enum chy_client_step step, const struct chy_answer *a);
/* A URL of the directory that must be there. */
enum chy_rc CHY_CHECK chy_resource(struct chy_ctx *cx, const struct chy_client *c,
                                   enum chy_client_step step, const char *url);

/* Everything that goes wrong here is the other side's or the way's. */
#define CHY_STEP_FAIL(cx, step, f, ...)                                                            \
    chy_fail((cx), &CHY_P_serverInternal, "%s: " f, chy_client_step_name(step), ##__VA_ARGS__)

#endif
