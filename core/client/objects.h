/* SPDX-License-Identifier: Apache-2.0 */
/* What an ACME server answers, read from hostile octets: objects of RFC 8555 section 7.1, problem
 * documents, certificate chains.  Pure: no network.  Every result lies in cx's arena. */
#ifndef CHY_CLIENT_OBJECTS_H
#define CHY_CLIENT_OBJECTS_H

#include "core/base/cx.h"

#define CHY_CLIENT_BODY_MAX (512u * 1024) /* octets of one answer                   */
#define CHY_CLIENT_URL_MAX 2048
#define CHY_CLIENT_NONCE_MAX 256
#define CHY_CLIENT_AUTHZ_MAX 512   /* authorizations of one order                  */
#define CHY_CLIENT_CHALLENGES 32   /* of one authorization                         */
#define CHY_CLIENT_SUBPROBLEMS 100 /* that are kept; more are counted              */
#define CHY_CHAIN_MAX 10           /* certificates                                 */
#define CHY_CLIENT_WAIT_MAX 86400  /* seconds of Retry-After; more counts as this  */

/* Sections 7.1.6: of any object. */
enum chy_client_status {
    CHY_ST_PENDING,
    CHY_ST_READY,
    CHY_ST_PROCESSING,
    CHY_ST_VALID,
    CHY_ST_INVALID,
    CHY_ST_DEACTIVATED,
    CHY_ST_EXPIRED,
    CHY_ST_REVOKED,
};
const char *chy_client_status_name(enum chy_client_status status);

/* A problem document (RFC 7807; RFC 8555 section 6.7).  Texts are printable and at most 1,000 octets;
 * NULL where the server gave none. */
struct chy_client_problem {
    long status; /* of HTTP where it came as an answer, else the member or 0  */
    const char *type, *detail, *instance;
    const char *ident_type, *ident_value; /* of a subproblem                 */
    unsigned retry_after_s;               /* 0: not said                      */
    struct chy_client_problem *sub;
    size_t n_sub, n_sub_left_out;
};

struct chy_client_directory {
    const char *new_nonce, *new_account, *new_order;     /* always there            */
    const char *revoke_cert, *key_change, *renewal_info; /* or NULL             */
    const char *terms;                                   /* URL, or NULL        */
    bool external_account_required;
    const json_t *profiles; /* name to text, or NULL                           */
};

struct chy_client_order {
    enum chy_client_status status;
    const char *url, *finalize;
    const char *certificate; /* URL; NULL before it is valid                   */
    const char **authorizations;
    size_t n_authorizations;
    const struct chy_client_problem *error; /* or NULL                         */
    unsigned retry_after_s;                 /* 0: not said                     */
};

struct chy_client_challenge {
    const char *type, *url;
    const char *token; /* base64url of 22 characters or more, or NULL           */
    enum chy_client_status status;
    const struct chy_client_problem *error;
    const json_t *object; /* as it came                                        */
};

struct chy_client_authz {
    enum chy_client_status status;
    const char *ident_type, *ident_value;
    bool wildcard;
    struct chy_client_challenge *challenges;
    size_t n_challenges;
    unsigned retry_after_s;
};

struct chy_chain {
    const char *pem;
    size_t pem_n;
    X509 *certs[CHY_CHAIN_MAX]; /* the first is the client's own; freed with the arena */
    size_t n;
};

/* May a URL that a server gave be asked?  https (http where allowed), a host, no user, no fragment,
 * characters of RFC 3986 only, at most CHY_CLIENT_URL_MAX octets. */
bool chy_client_url_ok(const char *url, bool allow_http);
/* Seconds of a Retry-After header (RFC 9110 section 10.2.3), a number or a date, against now. */
unsigned chy_client_retry_after(const char *value, time_t now);

/* Each fails saying what is wrong with the server's answer. */
enum chy_rc CHY_CHECK chy_client_parse_directory(struct chy_ctx *cx, const void *body, size_t n,
                                                 bool allow_http, struct chy_client_directory *ret);
enum chy_rc CHY_CHECK chy_client_parse_order(struct chy_ctx *cx, const void *body, size_t n,
                                             bool allow_http, struct chy_client_order *ret);
enum chy_rc CHY_CHECK chy_client_parse_authz(struct chy_ctx *cx, const void *body, size_t n,
                                             bool allow_http, struct chy_client_authz *ret);
/* Never fails: false where it is no problem document. */
bool chy_client_parse_problem(struct chy_ctx *cx, const void *body, size_t n,
                              struct chy_client_problem *ret);
/* PEM certificates and nothing else (RFC 8555 section 9.1), each strictly DER. */
enum chy_rc CHY_CHECK chy_chain_read(struct chy_ctx *cx, const void *body, size_t n,
                                     struct chy_chain *ret);

#endif
