/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, orders, authorizations and challenges as they stand in the database. */
#ifndef CHY_STORE_OBJECTS_H
#define CHY_STORE_OBJECTS_H

#include "core/base/cx.h"

struct chy_account {
    struct chy_id id;
    const char *status; /* valid | deactivated | revoked                      */
    const char *url;    /* base_url + "/account/" + id                        */
    char thumbprint[44];
    json_t *jwk;              /* canonical public key                               */
    json_t *contact;          /* array                                              */
    const char *terms_agreed; /* URL or NULL                                  */
};

struct chy_order {
    struct chy_id id;
    struct chy_id account_id;
    const struct chy_account *account; /* NULL where not read */
    const char *status;
    time_t expires;
    const char *profile;
    size_t n_idents;
    struct chy_ident *idents; /* sorted by type, value; no duplicates       */
    size_t n_authzs;
    const struct chy_id *authzs;  /* immutable after creation                   */
    time_t not_before, not_after; /* 0: not asked for                          */
    json_t *error;
    bool has_certificate;
    struct chy_id certificate;
    const char *policy_revision;
    json_t *ext; /* object: module name -> its persisted state                 */
    const uint8_t *csr;
    size_t csr_len;
};

/* An authorization, and of its challenges what the reader asked for. */
struct chy_authz {
    struct chy_id id;
    struct chy_id account_id;
    struct chy_ident ident;
    bool wildcard;
    const char *status;
    time_t expires;
    const char *method; /* challenge type that proved it, or NULL             */
    json_t *grant;      /* facts; NULL unless valid                           */
    time_t granted_at;
    const char *policy_revision;
    size_t n_challenges;
    struct chy_challenge_row *challenges; /* in order of n                     */
};

struct chy_challenge_row {
    unsigned n;
    const char *type, *status;
    json_t *shown, *secret, *response;
    const char *key_authorization;
    time_t validated; /* 0: not yet                                            */
    time_t deadline;
    json_t *error;
    unsigned attempts;
    time_t due_at; /* 0: not in work                                           */
};

#endif
