/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chancery/extension.h - the only header of Chancery that an extension module includes.
 *
 * A module is one shared object that exports one constant descriptor, chy_module.  It calls no core
 * symbol: everything it may do is a function pointer in struct chy_host, so a module links with
 * -Wl,--no-undefined and is unit-tested against a fake host.  Tables are read once at load; nothing
 * registers later.
 *
 * Lifetimes: "arena" = memory of the current struct chy_ctx (one unit of work), gone when that unit
 * ends; "static" = lives as long as the process.  json_t values handed in are borrowed; those handed
 * out are owned by core after the call returns.
 *
 * Where a call may run ("stage") is written beside it.  The host refuses a call from a wrong stage:
 *   request  a front answers a client: database yes, network no
 *   probe    a worker or a perspective looks at the world: network yes, database no
 *   step     a worker judges evidence: database yes, network no
 *   issue    a certificate plan is filled: neither
 *   job      periodic work in a worker: database yes, network no
 *   client   "chancery request", on a machine that need not have a server: network by the module's
 *            own means, no database
 *
 * ABI changelog (0.x: no promise yet, major and minor must both match)
 *   0.1  first
 *   0.2  chy_ident_type: permitted_publicly, check_rule; chy_tls_answer: hop
 *   0.3  the client's side: struct chy_client_option, in identifier types (option, to_csr) and
 *        solvers, which are served now and take all challenges of an order at once
 */
#ifndef CHANCERY_EXTENSION_H
#define CHANCERY_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <jansson.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define CHY_MODULE_MAGIC 0x31594843u /* "CHY1"; never changes */
#define CHY_ABI_MAJOR 0              /* bump: a field moved, changed or left */
#define CHY_ABI_MINOR 3              /* bump: a field was appended */

#define CHY_CHECK __attribute__((warn_unused_result))

struct chy_ctx;       /* one unit of work: request, probe, step, job run        */
struct chy_order;     /* opaque; read through host->order_*                     */
struct chy_account;   /* opaque; read through host->account_*                   */
struct chy_cert_plan; /* opaque; what the certificate will hold                 */
struct chy_request;   /* opaque HTTP request, body already bounded              */
struct chy_reply;     /* opaque HTTP reply under construction                   */
struct chy_rows;      /* arena-owned copy of a query's result                   */

/* The only two outcomes of a fallible call.  On CHY_ERR the reason is in cx. */
enum chy_rc { CHY_OK = 0, CHY_ERR = -1 };

/* Names of rows in growing tables: 4 bytes of big-endian minutes since the epoch, 16 random. */
struct chy_id {
    uint8_t b[20];
};

/* ---- problems ---------------------------------------------------------- */

/* A problem document type (RFC 8555 section 6.7) and its usual HTTP status. */
struct chy_problem_type {
    const char *urn; /* "urn:ietf:params:acme:error:badCSR" */
    int status;      /* 400..599 */
};

#define CHY_ACME_ERROR(token) "urn:ietf:params:acme:error:" token
#define CHY_PROBLEM(token, status)                                                                 \
    static const struct chy_problem_type CHY_P_##token = {CHY_ACME_ERROR(#token), status}

CHY_PROBLEM(accountDoesNotExist, 400);
CHY_PROBLEM(alreadyRevoked, 400);
CHY_PROBLEM(badCSR, 400);
CHY_PROBLEM(badNonce, 400);
CHY_PROBLEM(badPublicKey, 400);
CHY_PROBLEM(badRevocationReason, 400);
CHY_PROBLEM(badSignatureAlgorithm, 400);
CHY_PROBLEM(caa, 403);
CHY_PROBLEM(compound, 400);
CHY_PROBLEM(connection, 400);
CHY_PROBLEM(dns, 400);
CHY_PROBLEM(externalAccountRequired, 400);
CHY_PROBLEM(incorrectResponse, 400);
CHY_PROBLEM(invalidContact, 400);
CHY_PROBLEM(invalidProfile, 400);
CHY_PROBLEM(malformed, 400);
CHY_PROBLEM(orderNotReady, 403);
CHY_PROBLEM(rateLimited, 429);
CHY_PROBLEM(rejectedIdentifier, 400);
CHY_PROBLEM(serverInternal, 500);
CHY_PROBLEM(tls, 400);
CHY_PROBLEM(unauthorized, 403);
CHY_PROBLEM(unsupportedContact, 400);
CHY_PROBLEM(unsupportedIdentifier, 400);
CHY_PROBLEM(userActionRequired, 403);

/* ---- policy: tables that say what an administrator may write ------------ */

enum chy_policy_type {
    CHY_T_BOOL,     /* true | false                                           */
    CHY_T_INT,      /* decimal; min..max                                      */
    CHY_T_DURATION, /* "90d", "6h", "30m", "10s"; normalised to seconds       */
    CHY_T_STRING,   /* UTF-8 text; min..max is its length in bytes            */
    CHY_T_ENUM,     /* one of choices, "a|b|c"                                */
    CHY_T_OBJECT,   /* items                                                  */
    CHY_T_LIST,     /* of element; min..max is the count                      */
    CHY_T_MAP,      /* free keys to element; min..max is the count            */
};

/* One key of a policy document.  The checked document reaches the module as a normalised json_t:
 * every default filled in, durations as integer seconds, so that reading it cannot fail. */
struct chy_policy_item {
    const char *name; /* key; NULL ends a table; ignored in element           */
    enum chy_policy_type type;
    bool required;                         /* no default: must be written     */
    int64_t min, max;                      /* max 0 = no upper bound          */
    const char *dflt;                      /* as it would be written in YAML; NULL = absent */
    const char *choices;                   /* ENUM                            */
    const struct chy_policy_item *items;   /* OBJECT: its keys                */
    const struct chy_policy_item *element; /* LIST, MAP: one element          */
    const char *doc;                       /* one sentence; becomes docs and JSON Schema */
};

/* Report one mistake at a place in the document being checked.  path is a JSON pointer
 * ("/names/3"); core turns it into file:line:column with the source line and a caret. */
struct chy_policy_report {
    void (*error)(const struct chy_policy_report *r, const char *path, const char *f, ...)
        __attribute__((format(printf, 3, 4)));
};

/* One kind of policy file: every file dir/NAME.yaml is one item of it, named NAME. */
struct chy_policy_kind {
    const char *dir; /* "delegations", "authorities", "est"                   */
    const struct chy_policy_item *items;
    /* Cross-key check of one normalised document.  Pure: no database, no network.  May be NULL. */
    void (*check)(const struct chy_policy_report *r, const char *name, const json_t *doc);
};

/* ---- the command line of "chancery request" ------------------------------ */

/* One option that a module brings.  Its name is its own over all modules and the command's. */
struct chy_client_option {
    const char *name;  /* "zone-key": written --zone-key VALUE; NULL ends a table    */
    char letter;       /* 'z': also -z VALUE; 0: none                                */
    const char *value; /* what stands for the value in help: "FILE"                  */
    const char *help;  /* one line                                                   */
    bool selects;      /* in a solver: giving it chooses that solver                 */
    const char *dflt;  /* in a solver: the value where it is not given; NULL: absent */
    const char *local; /* key of node.yaml's "validation" whose value goes before dflt
                        * when the server is this installation's own; NULL: none     */
};

/* ---- identifiers ------------------------------------------------------- */

struct chy_ident {
    const char *type;  /* of its identifier type; static                    */
    const char *value; /* canonical text: stored, indexed, compared; arena  */
    const char *shown; /* text echoed to the client; arena                  */
};

struct chy_ident_type {
    const char *name;          /* value of "type" in newOrder; case-sensitive */
    unsigned max_per_order;    /* 0 = no limit but the policy's              */
    const char *const *claims; /* CSR names it accounts for: "san:dNSName",
                                * "san:otherName:1.3.6.1.5.5.7.8.11", "subject:CN",
                                * "ext:1.3.6.1.5.5.7.1.26"; NULL-terminated  */
    bool csr_may_omit;         /* CSR need not repeat it (device identifiers) */

    /* What a profile says of this type under identifiers.<name>; NULL-terminated, or NULL. */
    const struct chy_policy_item *rule;

    /* Parse and canonicalise one identifier object of newOrder or newAuthz: {"type","value"} and
     * whatever else the type defines (RFC 9444 adds "ancestorDomain").  obj is untrusted; type is
     * already known to be this one.  Stage: request. */
    enum chy_rc CHY_CHECK (*parse)(struct chy_ctx *cx, const json_t *obj, struct chy_ident *out);

    /* May this identifier be had under a profile whose rule is the given one?  CHY_ERR with
     * rejectedIdentifier where not.  Pure.  Required. */
    enum chy_rc CHY_CHECK (*permitted)(struct chy_ctx *cx, const struct chy_ident *id,
                                       const json_t *rule);

    /* What must be authorized so that id may be had: *subject (for "*.example.org" this is
     * "example.org") and whether the authorization is one for a wildcard.  NULL: id itself, no. */
    enum chy_rc CHY_CHECK (*authz_subject)(struct chy_ctx *cx, const struct chy_ident *id,
                                           struct chy_ident *subject, bool *wildcard);

    /* Does an authorization for held (wildcard or not) also authorize wanted?  NULL: only if
     * authz_subject(wanted) gives held and the same wildcard flag. */
    enum chy_rc CHY_CHECK (*covers)(struct chy_ctx *cx, const struct chy_ident *held,
                                    bool held_wildcard, const struct chy_ident *wanted, bool *yes);

    /* Append to the JSON array out every identifier of this type that csr asks for, as
     * {"type","value"} with canonical values (RFC 8555 section 7.4: core then requires the CSR's set
     * to equal the order's, over all types).  Stage: request. */
    enum chy_rc CHY_CHECK (*from_csr)(struct chy_ctx *cx, X509_REQ *csr, json_t *out);

    /* Add this identifier's names or extensions to plan.  grant is what the validation left on the
     * authorization, or NULL where it was waived.  Stage: issue (no input or output). */
    enum chy_rc CHY_CHECK (*contribute)(struct chy_ctx *cx, const struct chy_ident *id,
                                        const json_t *grant, X509_REQ *csr,
                                        struct chy_cert_plan *plan);

    /* Look again at what must still hold before issuing on an old grant (CAA, issuemail, a token
     * authority still trusted).  Stage: probe.  NULL: nothing ages but the grant itself. */
    enum chy_rc CHY_CHECK (*recheck)(struct chy_ctx *cx, const struct chy_ident *id, bool wildcard,
                                     const json_t *grant);
    uint32_t recheck_after_s; /* age of a grant at which recheck is due; required with recheck */

    /* The further rules of a profile that is marked public (CA/Browser Forum Baseline Requirements),
     * which no rule of a profile can lift; asked after permitted.  CHY_ERR with rejectedIdentifier
     * where they forbid it, serverInternal where they cannot be looked up.  Pure.  NULL: no
     * identifier of this type is had under a public profile. */
    enum chy_rc CHY_CHECK (*permitted_publicly)(struct chy_ctx *cx, const struct chy_ident *id);

    /* Report what is wrong with the values of a profile's rule, at pointers into it ("/names/3"), so
     * that a slip is a mistake of the policy and no rule that matches nothing.  rule: normalised,
     * its tables already kept.  Pure: no database, no network.  NULL: the table says it all. */
    void (*check_rule)(const struct chy_policy_report *r, const json_t *rule);

    /* How a person names one: an option that may be given again and again, each value the "value" of
     * an identifier object for parse.  NULL: only as --identifier TYPE:VALUE. */
    const struct chy_client_option *option;

    /* Put into a certificate request what from_csr will find this identifier by: names into san,
     * anything else as extensions.  Pure; stage: client.  NULL: nothing (csr_may_omit). */
    enum chy_rc CHY_CHECK (*to_csr)(struct chy_ctx *cx, const struct chy_ident *id,
                                    GENERAL_NAMES *san, STACK_OF(X509_EXTENSION) * extensions);
};

/* ---- challenges: persisted state machines ------------------------------ */

/* Required properties: 0 is "not said", and refuses the load.  There is no default. */
enum chy_binding { /* how a validation is bound to the account (RFC 8555 section 10.2) */
                   CHY_BIND_UNSAID,
                   CHY_BIND_KEY_AUTHORIZATION, /* token "." thumbprint (section 8.1)           */
                   CHY_BIND_ACCOUNT_URL,       /* the account's URL is in what is validated    */
                   CHY_BIND_FINGERPRINT,       /* a signed token names the account key         */
};
enum chy_network { CHY_NET_UNSAID, CHY_NET_NONE, CHY_NET_OUTBOUND };
enum chy_perspectives { CHY_MP_UNSAID, CHY_MP_NOT_NEEDED, CHY_MP_NEEDED };
enum chy_yes_no { CHY_YN_UNSAID, CHY_YN_NO, CHY_YN_YES };

struct chy_challenge {
    struct chy_id authz;    /* with n, the name of the challenge        */
    unsigned n;             /* its place in the authorization, from 0   */
    struct chy_ident ident; /* the authorization's                      */
    bool wildcard;          /* the authorization's                      */
    const char *account_url;
    const char *account_thumbprint; /* RFC 7638, base64url                      */
    const char *key_authorization;  /* fixed when the response came; NULL before */
    json_t *shown;                  /* members the client sees, besides type, url,
                                     * status, validated, error                 */
    json_t *secret;                 /* module state; stored, never rendered     */
    json_t *response;               /* client's POST body once accepted         */
    char *lookup_key;               /* unique key by which inbound mail or a bundle
                                     * finds this row; NULL = none              */
    unsigned attempts;              /* probes so far                            */
    time_t deadline;                /* core fails the challenge after this      */
};

enum chy_event_kind {
    CHY_EV_START,   /* the client's response was accepted                       */
    CHY_EV_TIMER,   /* the wake-up asked for has come                           */
    CHY_EV_INBOUND, /* a gateway delivered payload; may come BEFORE START       */
};

/* What step is to judge. */
struct chy_event {
    enum chy_event_kind kind;
    const char *source;     /* gateway's own identity: "lmtp", "bpa/eu-1"       */
    const json_t *payload;  /* NULL unless INBOUND                              */
    const json_t *evidence; /* what this host's probe gathered; NULL without probe */
    const json_t *remote;   /* array of the perspectives' evidence; NULL if none were asked */
    bool quorum;            /* enough perspectives agree (true where none are needed) */
};

/* INVALID is final; an attempt that may be made again is CHY_ERR from probe or step. */
enum chy_verdict_state { CHY_V_PENDING, CHY_V_VALID, CHY_V_INVALID };
struct chy_verdict {
    enum chy_verdict_state state;
    time_t wake_at;       /* PENDING: next TIMER; also becomes Retry-After      */
    json_t *grant;        /* VALID: facts that later stages may rely on         */
    time_t grant_expires; /* VALID: upper bound for the authorization; 0 = policy's */
};

struct chy_challenge_type {
    const char *name;                        /* value of a challenge's "type"         */
    const char *const *ident_types;          /* may name types of other modules      */
    const struct chy_problem_type *fallback; /* used when probe or step fails untyped */

    /* Required: UNSAID refuses the load. */
    enum chy_binding binding;
    enum chy_network network;
    enum chy_perspectives perspectives;
    enum chy_yes_no wildcard;    /* may it prove a wildcard authorization?            */
    enum chy_yes_no subdomain;   /* may it prove a whole subtree (RFC 9444)?          */
    const char *caa_method;      /* label for CAA validationmethods; "-" = CAA does not apply */
    uint32_t max_evidence_age_s; /* no grant of it outlives this                      */

    uint32_t attempts;   /* probes before core gives up; 1 or more                   */
    uint32_t interval_s; /* between them                                             */

    /* Fill shown, secret, lookup_key, deadline; set *offer=false to stay silent.  Stage: request. */
    enum chy_rc CHY_CHECK (*offer)(struct chy_ctx *cx, struct chy_challenge *ch, bool *offer);

    /* Runs once, inside the request that first shows the challenge to the client (RFC 8823 sends
     * its mail then).  NULL: nothing.  Stage: request. */
    enum chy_rc CHY_CHECK (*on_first_read)(struct chy_ctx *cx, struct chy_challenge *ch);

    /* Check the client's POST body before the challenge turns "processing".  NULL: any object, its
     * members ignored (RFC 8555 section 7.5.1).  Stage: request. */
    enum chy_rc CHY_CHECK (*accept)(struct chy_ctx *cx, struct chy_challenge *ch,
                                    const json_t *body);

    /* Gather evidence from the network; perspectives run the same function.  Must not judge by
     * local state.  CHY_ERR = this attempt failed, with the reason in cx; core tries again up to
     * attempts.  NULL when network is NONE.  Stage: probe. */
    enum chy_rc CHY_CHECK (*probe)(struct chy_ctx *cx, const struct chy_challenge *ch,
                                   json_t **ret_evidence);

    /* Judge.  May be repeated after a crash, so it must be idempotent.  Stage: step. */
    enum chy_rc CHY_CHECK (*step)(struct chy_ctx *cx, struct chy_challenge *ch,
                                  const struct chy_event *ev, struct chy_verdict *out);
};

/* ---- order, account and directory extensions --------------------------- */

enum chy_authz_need { CHY_AUTHZ_REQUIRED, CHY_AUTHZ_WAIVED };

struct chy_order_ext {
    const char *const *members;  /* newOrder members it owns.  While the module is installed but not
                                  * loaded they are refused where changes_certificate says so */
    bool changes_certificate;    /* ignoring the members would change the certificate or its life */
    const char *const *statuses; /* statuses it adds: "canceled"             */

    enum chy_rc CHY_CHECK (*on_new)(struct chy_ctx *cx, struct chy_order *o, const json_t *req,
                                    enum chy_authz_need *need);
    enum chy_rc CHY_CHECK (*on_update)(struct chy_ctx *cx, struct chy_order *o, const json_t *req);
    enum chy_rc CHY_CHECK (*on_finalize)(struct chy_ctx *cx, struct chy_order *o, X509_REQ *csr,
                                         struct chy_cert_plan *plan);
    enum chy_rc CHY_CHECK (*on_issued)(struct chy_ctx *cx, struct chy_order *o,
                                       const struct chy_id *cert);
    /* Veto a revocation request (RFC 8739: STAR certificates cannot be revoked). */
    enum chy_rc CHY_CHECK (*on_revoke)(struct chy_ctx *cx, struct chy_order *o,
                                       const struct chy_id *cert);
    enum chy_rc CHY_CHECK (*render)(struct chy_ctx *cx, const struct chy_order *o, json_t *object);
};

/* Additive rendering elsewhere; each may be NULL. */
struct chy_object_ext {
    enum chy_rc CHY_CHECK (*directory)(struct chy_ctx *cx, json_t *dir, json_t *meta);
    enum chy_rc CHY_CHECK (*account)(struct chy_ctx *cx, const struct chy_account *a,
                                     json_t *object);
    enum chy_rc CHY_CHECK (*authz)(struct chy_ctx *cx, const struct chy_ident *id, json_t *object);
};

/* Shapes a certificate beyond what the policy's profile says; a profile names it under shape:. */
struct chy_profile {
    const char *name; /* "smime-sign", "sti-ca" */
    enum chy_rc CHY_CHECK (*shape)(struct chy_ctx *cx, const struct chy_order *o, X509_REQ *csr,
                                   struct chy_cert_plan *plan);
};

/* Where the signed certificate comes from when not from the local signer. */
struct chy_issuer {
    const char *name; /* "upstream-acme" (delegation: the identity owner is itself a client) */
    enum chy_rc CHY_CHECK (*submit)(struct chy_ctx *cx, struct chy_order *o, X509_REQ *csr,
                                    const struct chy_cert_plan *plan, json_t **ret_state);
    enum chy_rc CHY_CHECK (*poll)(struct chy_ctx *cx, json_t *state, struct chy_verdict *out);
};

/* ---- routes, jobs, commands, solvers ------------------------------------ */

enum chy_auth {                           /* a bit mask: any one of them is enough */
                CHY_AUTH_NONE = 1u << 0,  /* public GET: STAR allow-certificate-get        */
                CHY_AUTH_JWS = 1u << 1,   /* RFC 8555 section 6.2, account known           */
                CHY_AUTH_MTLS = 1u << 2,  /* EST simplereenroll, BRSKI                     */
                CHY_AUTH_BASIC = 1u << 3, /* EST                                           */
                CHY_AUTH_OTP = 1u << 4,   /* EST with a one-time password                  */
};

enum chy_listener {                              /* a bit mask: where the route is reachable */
                    CHY_LISTEN_ACME = 1u << 0,   /* HTTPS                                      */
                    CHY_LISTEN_PUBLIC = 1u << 1, /* plain HTTP                                 */
                    CHY_LISTEN_CLIENT = 1u << 2, /* HTTPS with client certificates             */
};

struct chy_route {
    const char *methods; /* "GET HEAD POST"                                    */
    const char *path;    /* "/star/{cert}" or "/.well-known/est/simpleenroll"  */
    unsigned auth;       /* mask of enum chy_auth                              */
    unsigned listeners;  /* mask of enum chy_listener                          */
    uint32_t max_body;   /* bytes                                              */
    enum chy_rc CHY_CHECK (*handle)(struct chy_ctx *cx, struct chy_request *rq,
                                    struct chy_reply *rp);
};

struct chy_job {
    const char *name;
    uint32_t period_s; /* how often to look for due work                       */
    uint32_t batch;    /* rows one run may claim                               */
    enum chy_rc CHY_CHECK (*run)(struct chy_ctx *cx, uint32_t batch, uint32_t *ret_done);
};

/* A subcommand of the chancery program: "chancery star show ...". */
struct chy_command {
    const char *name;
    const char *help;                                      /* one line */
    int (*run)(struct chy_ctx *cx, int argc, char **argv); /* returns the exit code */
};

/* One challenge that a client has to solve.  What comes from the server is untrusted: its strings have
 * been bounded, no more. */
struct chy_task {
    struct chy_ident ident; /* the authorization's; value is canonical by parse   */
    bool wildcard;
    const json_t *challenge;       /* as the server shows it; type is the solver's       */
    const char *token;             /* its token, base64url (RFC 8555 section 8.1); NULL  */
    const char *key_authorization; /* token "." thumbprint; NULL without a token   */
    const char *account_url;
    json_t *response; /* body of the POST that says "ready"; prepare may set it; {} */
};

/* Client side of a challenge type, used by "chancery request".  Stage: client. */
struct chy_solver {
    const char *challenge;
    const char *name;                        /* one word, for messages                         */
    const char *help;                        /* one line                                       */
    bool unasked;                            /* may be used although no option selects a solver */
    const struct chy_client_option *options; /* or NULL */

    /* Make everything ready that the server will look at, for all tasks of one order at once, and
     * return: *ret_state is the module's own until clean.  options: name to value, defaults filled
     * in.  CHY_ERR: nothing is left behind.  What it starts ends with the process at the latest. */
    enum chy_rc CHY_CHECK (*prepare)(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                                     const json_t *options, void **ret_state);
    /* Take it away again, whatever became of the order; also when the command is interrupted.
     * CHY_ERR: something is left, and the reason says what. */
    enum chy_rc CHY_CHECK (*clean)(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                                   const json_t *options, void *state);
};

/* ---- database, metrics -------------------------------------------------- */

struct chy_migration {
    unsigned version; /* 1, 2, 3 .. without holes, per module                  */
    const char *name;
    const char *sql; /* embedded at build from migrations/NNNN_name.sql        */
};

enum chy_metric_kind { CHY_M_COUNTER, CHY_M_GAUGE, CHY_M_HISTOGRAM };
struct chy_metric {
    const char *name; /* chy_<module>_<what>_<unit|total>                      */
    enum chy_metric_kind kind;
    const char *labels; /* "result,reason": low cardinality only               */
    const char *help;
};

struct chy_sql {
    const char *name; /* unique within the module, at most 30 octets; prepared on first use */
    const char *text;
};

/* One parameter of a statement.  Build with the CHY_ARG_* macros below. */
struct chy_arg {
    enum {
        CHY_A_NULL,
        CHY_A_TEXT,
        CHY_A_INT,
        CHY_A_BOOL,
        CHY_A_TIME,
        CHY_A_BYTES,
        CHY_A_JSON,
        CHY_A_IDS
    } kind;
    int64_t i;     /* INT, BOOL, TIME (seconds since the epoch)             */
    const void *p; /* TEXT, BYTES, JSON (const json_t *), IDS (struct chy_id[]) */
    size_t n;      /* BYTES: octets; IDS: count                             */
};
#define CHY_ARG_NULL ((struct chy_arg){.kind = CHY_A_NULL})
#define CHY_ARG_TEXT(s) ((struct chy_arg){.kind = CHY_A_TEXT, .p = (s)})
#define CHY_ARG_INT(v) ((struct chy_arg){.kind = CHY_A_INT, .i = (v)})
#define CHY_ARG_BOOL(v) ((struct chy_arg){.kind = CHY_A_BOOL, .i = (v)})
#define CHY_ARG_TIME(t) ((struct chy_arg){.kind = CHY_A_TIME, .i = (t)})
#define CHY_ARG_BYTES(b, len) ((struct chy_arg){.kind = CHY_A_BYTES, .p = (b), .n = (len)})
#define CHY_ARG_ID(id) ((struct chy_arg){.kind = CHY_A_BYTES, .p = (id)->b, .n = sizeof(id)->b})
#define CHY_ARG_IDS(ids, count) ((struct chy_arg){.kind = CHY_A_IDS, .p = (ids), .n = (count)})
#define CHY_ARG_JSON(j) ((struct chy_arg){.kind = CHY_A_JSON, .p = (j)})

/* ---- network ------------------------------------------------------------ */

enum chy_dnssec {
    CHY_DNSSEC_INSECURE,
    CHY_DNSSEC_SECURE
}; /* bogus is a failure, never an answer */

struct chy_dns_answer {
    int rcode; /* 0 NOERROR, 3 NXDOMAIN; every other rcode is a failure  */
    enum chy_dnssec dnssec;
    const char *canonical; /* owner after CNAMEs; arena                            */
    size_t n;              /* records; bounded                                       */
    const struct chy_rdata {
        const uint8_t *b;
        size_t n;
    } * rdata; /* wire form; arena                                       */
    uint32_t ttl_s;
};

struct chy_http_query {
    const char *method; /* NULL: GET                                               */
    const char *url;    /* http or https                                           */
    const char *content_type;
    const uint8_t *body;
    size_t body_len;
    const char *accept;
    size_t max_body; /* octets of the answer kept; more is a failure unless truncate */
    bool truncate;   /* stop reading at max_body without failing              */
    unsigned max_redirects;
    unsigned timeout_ms;
    bool validation; /* rules of RFC 8555 section 8.3 for validation requests: configured port,
                           * redirects 301/302/307/308 only, certificates not verified */
    const char *const *roots_pem; /* pinned roots; NULL: the system's              */
    const char *client_cert_pem, *client_key_pem; /* NULL: none                    */
};
struct chy_http_answer {
    long status;
    const char *content_type; /* arena or NULL                                     */
    const uint8_t *body;
    size_t body_len;
    bool truncated;
    const json_t *hops; /* [{"url","address"}..] in order                          */
};

struct chy_tls_query {
    const char *host; /* name to resolve, or an address                            */
    const char *sni;  /* NULL: host                                                */
    const char *alpn; /* exactly one protocol                                      */
    unsigned port;    /* 0: 443 or its configured test value                       */
    unsigned timeout_ms;
};
struct chy_tls_answer {
    const char *alpn;    /* what the peer chose: the one asked for, or NULL        */
    const char *address; /* what was connected to                                  */
    X509 *peer;          /* freed with the unit of work                            */
    const json_t *hop;   /* {"host","address","port","resolved","addresses","dnssec"}, as in the
                          * hops of HTTP */
};

/* ---- what a module may call --------------------------------------------- */

struct chy_host {
    uint32_t size; /* sizeof in the running core: test before using late fields */

    void *(*alloc)(struct chy_ctx *cx, size_t n); /* zeroed, arena, never NULL  */
    char *(*fmt)(struct chy_ctx *cx, const char *f, ...) __attribute__((format(printf, 2, 3)));

    /* Record the reason and return CHY_ERR; the first reason wins.  detail goes to the client, so it
     * names the failed check and the RFC section, never a secret. */
    enum chy_rc (*fail)(struct chy_ctx *cx, const struct chy_problem_type *t, const char *file,
                        int line, const char *detail, ...) __attribute__((format(printf, 5, 6)));
    void (*log)(struct chy_ctx *cx, int syslog_level, const char *f, ...)
        __attribute__((format(printf, 3, 4)));
    void (*metric)(struct chy_ctx *cx, const struct chy_metric *m, double v, const char *labels);

    time_t (*now)(struct chy_ctx *cx); /* the only clock: tests move it         */
    void (*random)(struct chy_ctx *cx, void *out, size_t n);
    char *(*token)(struct chy_ctx *cx); /* 32 random octets, base64url, arena   */

    /* policy: one snapshot for all of cx.  NULL where there is no such document. */
    const json_t *(*policy_get)(struct chy_ctx *cx, const char *kind, const char *name);
    void (*policy_each)(struct chy_ctx *cx, const char *kind,
                        void (*visit)(void *arg, const char *name, const json_t *doc), void *arg);
    const char *(*policy_revision)(struct chy_ctx *cx);
    /* Bytes of a secret that policy names by reference ("file:/etc/..."); arena, cleansed. */
    enum chy_rc CHY_CHECK (*secret)(struct chy_ctx *cx, const char *reference, const uint8_t **ret,
                                    size_t *ret_n);

    /* database.  Stage: request, step, job.  A statement runs in a transaction of its own; refusals by
     * business rules are rows, not errors.  It must be idempotent: core sends it again, with the same
     * parameters, after the connection broke, when nobody knows whether it took effect, and after a
     * deadlock.  So ids are made before, an INSERT has ON CONFLICT DO NOTHING, and an UPDATE of a state
     * accepts its own result.  It has some seconds; larger work is done a batch at a time. */
    enum chy_rc CHY_CHECK (*db)(struct chy_ctx *cx, const struct chy_sql *q,
                                const struct chy_arg *args, size_t n_args, struct chy_rows **ret);
    /* A row or column that is not there is recorded as a failure of the unit, and reads as NULL. */
    size_t (*rows_count)(const struct chy_rows *r);
    bool (*row_null)(const struct chy_rows *r, size_t row, size_t col);
    const char *(*row_text)(const struct chy_rows *r, size_t row, size_t col);
    int64_t (*row_int)(const struct chy_rows *r, size_t row, size_t col);
    const uint8_t *(*row_bytes)(const struct chy_rows *r, size_t row, size_t col, size_t *ret_n);
    json_t *(*row_json)(struct chy_ctx *cx, const struct chy_rows *r, size_t row, size_t col);

    /* accounts and orders */
    const struct chy_id *(*account_id)(const struct chy_account *a);
    const char *(*account_url)(struct chy_ctx *cx, const struct chy_account *a);
    const char *(*account_thumbprint)(const struct chy_account *a);
    const struct chy_id *(*order_id)(const struct chy_order *o);
    const struct chy_account *(*order_account)(const struct chy_order *o);
    const char *(*order_status)(const struct chy_order *o);
    const char *(*order_profile)(const struct chy_order *o);
    const struct chy_ident *(*order_idents)(const struct chy_order *o, size_t *ret_n);
    /* This module's own persisted members of an order: kept in the order's row. */
    const json_t *(*order_state)(struct chy_ctx *cx, const struct chy_order *o);
    enum chy_rc CHY_CHECK (*order_set_state)(struct chy_ctx *cx, struct chy_order *o,
                                             json_t *state);
    enum chy_rc CHY_CHECK (*order_set_status)(struct chy_ctx *cx, struct chy_order *o,
                                              const char *status);
    enum chy_rc CHY_CHECK (*order_create)(struct chy_ctx *cx, const struct chy_id *account,
                                          const json_t *request, struct chy_order **ret);
    /* Issue again from the stored CSR and grants, a batch at a time; idempotent per period. */
    enum chy_rc CHY_CHECK (*order_reissue)(struct chy_ctx *cx, const struct chy_id *orders,
                                           const time_t (*periods)[2], size_t n);
    enum chy_rc CHY_CHECK (*order_use_issuer)(struct chy_ctx *cx, struct chy_order *o,
                                              const char *issuer, json_t *params);
    /* Let certificates of this order be fetched by unauthenticated GET (RFC 8739, RFC 9115). */
    enum chy_rc CHY_CHECK (*order_public)(struct chy_ctx *cx, struct chy_order *o, bool on);
    /* Record evidence gathered outside a challenge (EST: voucher, manufacturer certificate). */
    enum chy_rc CHY_CHECK (*authz_grant)(struct chy_ctx *cx, struct chy_order *o,
                                         const struct chy_ident *id, json_t *grant);

    /* inbound and outbound messages, both transactional tables */
    enum chy_rc CHY_CHECK (*outbox)(struct chy_ctx *cx, const char *gateway, const json_t *msg);
    enum chy_rc CHY_CHECK (*challenge_wake)(struct chy_ctx *cx, const char *lookup_key,
                                            const char *source, const json_t *payload);
    /* Sign octets with a key that policy names by reference (mail keys; never an issuer key). */
    enum chy_rc CHY_CHECK (*sign_with)(struct chy_ctx *cx, const char *key_reference,
                                       const uint8_t *tbs, size_t n, const uint8_t **ret_sig,
                                       size_t *ret_n);

    /* network.  Stage: probe only.  Address filter, caps and deadlines are core's. */
    enum chy_rc CHY_CHECK (*dns_query)(struct chy_ctx *cx, const char *name, uint16_t rrtype,
                                       struct chy_dns_answer *ret);
    enum chy_rc CHY_CHECK (*http)(struct chy_ctx *cx, const struct chy_http_query *q,
                                  struct chy_http_answer *ret);
    enum chy_rc CHY_CHECK (*tls_dial)(struct chy_ctx *cx, const struct chy_tls_query *q,
                                      struct chy_tls_answer *ret);

    /* requests and replies.  Stage: request. */
    const char *(*request_method)(const struct chy_request *rq);
    const char *(*request_var)(const struct chy_request *rq, const char *name); /* "{cert}" */
    const char *(*request_header)(const struct chy_request *rq, const char *name);
    const uint8_t *(*request_body)(const struct chy_request *rq, size_t *ret_n);
    const struct chy_account *(*request_account)(const struct chy_request *rq); /* JWS routes */
    const json_t *(*request_payload)(const struct chy_request *rq); /* JWS; NULL = POST-as-GET */
    STACK_OF(X509) * (*request_peer_chain)(const struct chy_request *rq);
    const char *(*request_trust_set)(const struct chy_request *rq); /* which anchors matched */
    const uint8_t *(*request_channel_binding)(const struct chy_request *rq, const char *kind,
                                              size_t *ret_n); /* "tls-exporter", "tls-unique" */
    /* Everything handed to a reply is copied.  A value that cannot be sent (a status outside 200..599,
     * a header with a control character, a ninth header, one that is core's: Replay-Nonce,
     * WWW-Authenticate, Access-Control-*, Date, Content-Type and those of the connection; JSON that is
     * no object) is recorded as a failure of the unit. */
    void (*reply_status)(struct chy_ctx *cx, struct chy_reply *rp, int status);
    void (*reply_header)(struct chy_ctx *cx, struct chy_reply *rp, const char *name,
                         const char *value);
    void (*reply_body)(struct chy_ctx *cx, struct chy_reply *rp, const char *content_type,
                       const void *b, size_t n);
    void (*reply_json)(struct chy_ctx *cx, struct chy_reply *rp, const json_t *object);

    /* certificate plan: additive, conflicts refused; profile, policy and signer bound it.
     * Stage: issue. */
    enum chy_rc CHY_CHECK (*plan_san)(struct chy_ctx *cx, struct chy_cert_plan *p,
                                      GENERAL_NAME *gn); /* gn: owned by plan afterwards */
    enum chy_rc CHY_CHECK (*plan_ext)(struct chy_ctx *cx, struct chy_cert_plan *p, const char *oid,
                                      bool critical, const uint8_t *der, size_t n);
    enum chy_rc CHY_CHECK (*plan_subject)(struct chy_ctx *cx, struct chy_cert_plan *p,
                                          const char *attribute, const char *value);
    enum chy_rc CHY_CHECK (*plan_usage)(struct chy_ctx *cx, struct chy_cert_plan *p,
                                        const char *ku_and_eku); /* "digitalSignature,1.3.6.." */
    enum chy_rc CHY_CHECK (*plan_ca)(struct chy_ctx *cx, struct chy_cert_plan *p, int path_len);
    enum chy_rc CHY_CHECK (*plan_validity)(struct chy_ctx *cx, struct chy_cert_plan *p,
                                           time_t not_before, time_t not_after);
    enum chy_rc CHY_CHECK (*plan_key_must_be)(struct chy_ctx *cx, struct chy_cert_plan *p,
                                              const uint8_t spki_sha256[32]);
};

/* In a module: return CHY_FAIL(host, cx, &CHY_P_rejectedIdentifier, "...", ...); */
#define CHY_FAIL(host, cx, type, ...) (host)->fail((cx), (type), __FILE__, __LINE__, __VA_ARGS__)

/* ---- the descriptor ------------------------------------------------------ */

struct chy_module {
    /* These six fields never move: they protect the rest. */
    uint32_t magic;
    uint16_t abi_major, abi_minor;
    uint32_t size;    /* sizeof(struct chy_module) the module was built with     */
    const char *name; /* folder name; prefix of tables, metrics, policy          */
    const char *version;

    /* Pointer arrays are NULL-terminated; a NULL array is an empty one. */
    const char *const *needs; /* modules that must be loaded too               */
    const struct chy_ident_type *const *ident_types;
    const struct chy_challenge_type *const *challenge_types;
    const struct chy_order_ext *order_ext;
    const struct chy_object_ext *object_ext;
    const struct chy_profile *const *profiles;
    const struct chy_issuer *const *issuers;
    const struct chy_route *const *routes;
    const struct chy_job *const *jobs;
    const struct chy_command *const *commands;
    const struct chy_solver *const *solvers;
    const struct chy_policy_kind *const *policy_kinds;
    const struct chy_migration *migrations; /* ends with sql == NULL            */
    const struct chy_metric *const *metrics;

    /* Called once after the tables are accepted; keep host, start nothing. */
    enum chy_rc (*init)(const struct chy_host *host);
    void (*fini)(void);
};

#define CHY_MODULE(mod_name, mod_version)                                                          \
    .magic = CHY_MODULE_MAGIC, .abi_major = CHY_ABI_MAJOR, .abi_minor = CHY_ABI_MINOR,             \
    .size = sizeof(struct chy_module), .name = mod_name, .version = mod_version

extern const struct chy_module chy_module __attribute__((visibility("default")));

#endif /* CHANCERY_EXTENSION_H */
