/* SPDX-License-Identifier: Apache-2.0 */
/* An ACME client (RFC 8555), one object per account.  Each step can be called alone; none starts
 * another but for a nonce.  An object keeps one connection and is used by one thread at a time; objects
 * share nothing, so that as many threads as wanted use one each.
 *
 * Every step takes a unit of work, cx: results lie in its arena, and on CHY_ERR its problem says in
 * one line which step failed and why.  What the server itself said is in chy_client_refusal.  All that
 * comes from the server is bounded and checked before it is believed; text of the server's is made
 * printable. */
#ifndef CHY_CLIENT_CLIENT_H
#define CHY_CLIENT_CLIENT_H

#include "core/client/objects.h"

struct chy_client;

/* What was asked of the server: for timings and messages. */
enum chy_client_step {
    CHY_CS_DIRECTORY,
    CHY_CS_NONCE,
    CHY_CS_ACCOUNT,
    CHY_CS_NEW_ORDER,
    CHY_CS_ORDER,
    CHY_CS_AUTHZ,
    CHY_CS_CHALLENGE,
    CHY_CS_FINALIZE,
    CHY_CS_CERTIFICATE,
    CHY_CS_REVOKE,
    CHY_CS_DEACTIVATE,
    CHY_CS_KEY_CHANGE,
    CHY_CS_COUNT,
};
/* "new-order" */
const char *chy_client_step_name(enum chy_client_step step);

/* One exchange, as it was: also one that failed. */
struct chy_client_timing {
    enum chy_client_step step;
    long status;        /* HTTP; 0: no answer                              */
    int64_t connect_us; /* until TCP and TLS stood; 0: the connection was kept */
    int64_t total_us;
    size_t sent, received; /* octets of the bodies                           */
    unsigned attempt;      /* 0; more: repeated after badNonce               */
};

struct chy_client_config {
    const char *directory; /* URL                                            */
    const char *roots_pem; /* certificates to trust, and no other; NULL: the system's */
    const char *user_agent;
    unsigned timeout_ms; /* of one exchange; 0: 30,000                       */
    bool allow_http;     /* plain http too: tests                            */
    void (*timed)(void *arg, const struct chy_client_timing *t); /* or NULL  */
    bool (*stopped)(
        void *arg); /* asked often while something is waited for; true: give up; or NULL */
    void *arg;
};

/* New client; config is copied but for arg.  Fails: a directory URL or roots that cannot be used. */
enum chy_rc CHY_CHECK chy_client_new(struct chy_ctx *cx, const struct chy_client_config *config,
                                     struct chy_client **ret);
void chy_client_free(struct chy_client *c);
/* The account's key: ec-p256, ec-p384, ec-p521, rsa-2048 and more, ed25519; one more reference is
 * taken.  Forgets the account.  Fails: a kind of key that signs nothing in RFC 8555. */
enum chy_rc CHY_CHECK chy_client_use_key(struct chy_ctx *cx, struct chy_client *c, EVP_PKEY *key);
/* The account's URL as it was told earlier: newAccount is not needed then. */
enum chy_rc CHY_CHECK chy_client_use_account(struct chy_ctx *cx, struct chy_client *c,
                                             const char *url);
/* NULL before it is known. */
const char *chy_client_account_url(const struct chy_client *c);
/* RFC 7638, base64url. */
const char *chy_client_thumbprint(const struct chy_client *c);
/* token "." thumbprint (RFC 8555 section 8.1). */
char *chy_client_key_authorization(struct chy_ctx *cx, const struct chy_client *c,
                                   const char *token);

/* The problem document that ended the latest step, or NULL where the server sent none.  Lies in the
 * arena of that step's cx. */
const struct chy_client_problem *chy_client_refusal(const struct chy_client *c);

/* Did the latest step fail because the server's certificate leads to no root that is trusted?  Only then
 * does another root help. */
bool chy_client_root_unknown(const struct chy_client *c);

/* ---- steps ---------------------------------------------------------------- */

/* Section 7.1.1; needed before anything else.  Kept for the client's life; a second call reads again. */
enum chy_rc CHY_CHECK chy_client_directory(struct chy_ctx *cx, struct chy_client *c,
                                           const struct chy_client_directory **ret);
/* Section 7.2: fetch a nonce, and keep it for the next request.  Steps do this themselves when there
 * is none from the answer before. */
enum chy_rc CHY_CHECK chy_client_nonce(struct chy_ctx *cx, struct chy_client *c);

struct chy_client_registration {
    bool agree;                  /* to the terms of service                       */
    bool only_existing;          /* find the account, make none (section 7.3.1)   */
    const char *const *contacts; /* URLs                                          */
    size_t n_contacts;
    const char *eab_kid; /* external account binding (section 7.3.4), or NULL     */
    const uint8_t *eab_key;
    size_t eab_key_n;
};
/* Section 7.3.  The account's URL is kept. */
enum chy_rc CHY_CHECK chy_client_register(struct chy_ctx *cx, struct chy_client *c,
                                          const struct chy_client_registration *r);
/* Section 7.4.  profile: a name of the directory's, or NULL. */
enum chy_rc CHY_CHECK chy_client_new_order(struct chy_ctx *cx, struct chy_client *c,
                                           const struct chy_ident *idents, size_t n,
                                           const char *profile, struct chy_client_order *ret);
enum chy_rc CHY_CHECK chy_client_read_order(struct chy_ctx *cx, struct chy_client *c,
                                            const char *url, struct chy_client_order *ret);
/* Section 7.5. */
enum chy_rc CHY_CHECK chy_client_read_authz(struct chy_ctx *cx, struct chy_client *c,
                                            const char *url, struct chy_client_authz *ret);
/* Section 7.5.1: this challenge is ready.  response: an object, or NULL for {}. */
enum chy_rc CHY_CHECK chy_client_respond(struct chy_ctx *cx, struct chy_client *c, const char *url,
                                         const json_t *response);
/* Read again until the authorization is neither pending nor processing, the order neither pending nor
 * processing; as Retry-After says, else ever less often.  until_ms: of chy_clock_ms.  Fails when it is
 * over. */
enum chy_rc CHY_CHECK chy_client_wait_authz(struct chy_ctx *cx, struct chy_client *c,
                                            const char *url, int64_t until_ms,
                                            struct chy_client_authz *ret);
enum chy_rc CHY_CHECK chy_client_wait_order(struct chy_ctx *cx, struct chy_client *c,
                                            const char *url, int64_t until_ms,
                                            struct chy_client_order *ret);
/* Section 7.4: the order must be ready; afterwards it is processing or valid. */
enum chy_rc CHY_CHECK chy_client_finalize(struct chy_ctx *cx, struct chy_client *c,
                                          const struct chy_client_order *order, const uint8_t *csr,
                                          size_t csr_n, struct chy_client_order *ret);
/* Section 7.4.2: the chain, as it came and decoded.  What it certifies is for chy_chain_check. */
enum chy_rc CHY_CHECK chy_client_certificate(struct chy_ctx *cx, struct chy_client *c,
                                             const char *url, struct chy_chain *ret);
/* Section 7.6, signed by the account's key.  reason: of RFC 5280 section 5.3.1, or -1. */
enum chy_rc CHY_CHECK chy_client_revoke(struct chy_ctx *cx, struct chy_client *c, X509 *cert,
                                        int reason);
/* Sections 7.3.6 and 7.5.2: {"status": "deactivated"} to an account's or authorization's URL. */
enum chy_rc CHY_CHECK chy_client_deactivate(struct chy_ctx *cx, struct chy_client *c,
                                            const char *url);
/* Section 7.3.5.  Afterwards the client signs with the new key. */
enum chy_rc CHY_CHECK chy_client_change_key(struct chy_ctx *cx, struct chy_client *c,
                                            EVP_PKEY *key);

/* Wait, unless stopped: false then. */
bool chy_client_pause(const struct chy_client *c, unsigned ms);

#endif
