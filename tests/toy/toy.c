/* SPDX-License-Identifier: Apache-2.0 */
/* A whole module in one file, built outside of the tree from the installed header alone: identifiers
 * "toy:WORD", which stand in certificates as URI, and a challenge that asks for the token backwards.
 * It proves nothing about anybody; the suites use it as a stranger's module.
 *
 * Faulty variants for the loader's tests, one -D each:
 *   TOY_MAGIC TOY_MAJOR TOY_MINOR TOY_SIZE   a head that must not be believed
 *   TOY_NAME="..."                           another name than the file's
 *   TOY_HIDDEN TOY_FUNCTION TOY_NUMBER       chy_module missing, or no descriptor
 *   TOY_TYPE="..." TOY_CLAIM="..."           a name that another module owns
 *   TOY_NEEDS="..."                          a module that is not there
 *   TOY_NO_BINDING TOY_NO_STEP TOY_HOLE      something required is missing
 *   TOY_METRICS                              a capability that is not served yet
 *   TOY_INIT                                 init fails
 *   TOY_MEMBER="..."                         a newOrder member that changes the certificate
 *   TOY_INVALID                              every validation fails
 *   TOY_REACHES                              calls into core past the host table: must not link */
#include <string.h>
#include <strings.h>

#include <chancery/extension.h>

#ifndef TOY_NAME
#define TOY_NAME "toy"
#endif
#ifndef TOY_TYPE
#define TOY_TYPE "toy"
#endif
#ifndef TOY_CLAIM
#define TOY_CLAIM "san:URI"
#endif

#define PREFIX "toy:"
#define WORD_MAX 32

static const struct chy_host *host;

#define FAIL(cx, type, ...) CHY_FAIL(host, cx, type, __VA_ARGS__)

/* ---- identifiers ---- */

/* Canonical form of n octets, or NULL if they are no toy. */
static char *canonical(struct chy_ctx *cx, const char *text, size_t n)
{
    size_t prefix = strlen(PREFIX);
    char *out;

    if (n <= prefix || n > prefix + WORD_MAX || strncasecmp(text, PREFIX, prefix) != 0)
        return NULL;
    out = host->alloc(cx, n + 1);
    for (size_t i = 0; i < n; i++) {
        char c = text[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (i >= prefix && (c < 'a' || c > 'z') && (c < '0' || c > '9'))
            return NULL;
        out[i] = c;
    }
    return out;
}

static enum chy_rc parse(struct chy_ctx *cx, const json_t *obj, struct chy_ident *out)
{
    const json_t *value = json_object_get(obj, "value");
    const char *text;

    if (!json_is_string(value))
        return FAIL(cx, &CHY_P_malformed, "toy: value must be a string");
    text = canonical(cx, json_string_value(value), json_string_length(value));
    if (text == NULL)
        return FAIL(cx, &CHY_P_malformed,
                    "toy: value must be \"toy:\" and a word of at most 32 letters and digits");
    *out = (struct chy_ident){.type = TOY_TYPE, .value = text, .shown = text};
    return CHY_OK;
}

/* In a profile:  identifiers: { toy: { words: [ball, kite] } }  */
static const struct chy_policy_item word = {
    .type = CHY_T_STRING,
    .min = 1,
    .max = WORD_MAX,
    .doc = "A word, lower case.",
};
static const struct chy_policy_item rule[] = {
    {
        .name = "words",
        .type = CHY_T_LIST,
        .element = &word,
        .max = 100,
        .doc = "Words that may be had; absent: any.",
    },
    {.name = NULL},
};

static enum chy_rc permitted(struct chy_ctx *cx, const struct chy_ident *id, const json_t *r)
{
    const json_t *words = json_object_get(r, "words");
    const char *wanted = id->value + strlen(PREFIX);

    if (words == NULL)
        return CHY_OK;
    for (size_t i = 0; i < json_array_size(words); i++) {
        if (strcmp(json_string_value(json_array_get(words, i)), wanted) == 0)
            return CHY_OK;
    }
    return FAIL(cx, &CHY_P_rejectedIdentifier, "toy: policy does not list the word %s", wanted);
}

static enum chy_rc add_uri(struct chy_ctx *cx, const ASN1_IA5STRING *uri, json_t *out)
{
    const char *text =
        canonical(cx, (const char *)ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri));

    if (text == NULL)
        return FAIL(cx, &CHY_P_badCSR, "toy: a URI in the CSR is no toy");
    json_array_append_new(out, json_pack("{s:s, s:s}", "type", TOY_TYPE, "value", text));
    return CHY_OK;
}

static enum chy_rc from_csr(struct chy_ctx *cx, X509_REQ *csr, json_t *out)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(csr);
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    enum chy_rc rc = CHY_OK;

    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    for (int i = 0; rc == CHY_OK && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *gn = sk_GENERAL_NAME_value(names, i);

        if (gn->type == GEN_URI)
            rc = add_uri(cx, gn->d.uniformResourceIdentifier, out);
    }
    GENERAL_NAMES_free(names);
    return rc;
}

static enum chy_rc contribute(struct chy_ctx *cx, const struct chy_ident *id, const json_t *grant,
                              X509_REQ *csr, struct chy_cert_plan *plan)
{
    ASN1_IA5STRING *uri = ASN1_IA5STRING_new();
    GENERAL_NAME *gn = GENERAL_NAME_new();

    (void)grant;
    (void)csr;
    if (uri == NULL || gn == NULL || ASN1_STRING_set(uri, id->value, -1) != 1) {
        ASN1_IA5STRING_free(uri);
        GENERAL_NAME_free(gn);
        return FAIL(cx, &CHY_P_serverInternal, "toy: out of memory");
    }
    GENERAL_NAME_set0_value(gn, GEN_URI, uri);
    return host->plan_san(cx, plan, gn);
}

static const char *const claims[] = {TOY_CLAIM, NULL};

static const struct chy_ident_type toy_ident = {
    .name = TOY_TYPE,
    .max_per_order = 10,
    .claims = claims,
    .rule = rule,
    .parse = parse,
    .permitted = permitted,
    .from_csr = from_csr,
    .contribute = contribute,
};

/* ---- challenge: {"answer": token backwards} ---- */

static enum chy_rc offer(struct chy_ctx *cx, struct chy_challenge *ch, bool *offered)
{
    ch->shown = json_pack("{s:s}", "token", host->token(cx));
    *offered = true;
    return CHY_OK;
}

static enum chy_rc accept(struct chy_ctx *cx, struct chy_challenge *ch, const json_t *body)
{
    const json_t *answer = json_object_get(body, "answer");

    (void)ch;
    if (!json_is_string(answer) || json_string_length(answer) > 100)
        return FAIL(cx, &CHY_P_malformed, "toy: answer must be a string of at most 100 octets");
    return CHY_OK;
}

#ifndef TOY_NO_STEP
static bool is_backwards(const char *a, const char *b)
{
    size_t n = strlen(a);

    if (strlen(b) != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[n - 1 - i])
            return false;
    }
    return true;
}

static enum chy_rc step(struct chy_ctx *cx, struct chy_challenge *ch, const struct chy_event *ev,
                        struct chy_verdict *out)
{
    const char *token = json_string_value(json_object_get(ch->shown, "token"));
    const char *answer = json_string_value(json_object_get(ch->response, "answer"));
    bool right = token != NULL && answer != NULL && is_backwards(token, answer);

    (void)ev;
#ifdef TOY_INVALID
    right = false;
#endif
    if (!right) {
        out->state = CHY_V_INVALID;
        (void)!FAIL(cx, &CHY_P_incorrectResponse, "toy: the answer is not the token backwards");
        return CHY_OK;
    }
    out->state = CHY_V_VALID;
    out->grant = json_pack("{s:s}", "how", "backwards");
    return CHY_OK;
}
#endif

static const char *const applies[] = {TOY_TYPE, NULL};

static const struct chy_challenge_type toy_challenge = {
    .name = "toy-01",
    .ident_types = applies,
    .fallback = &CHY_P_incorrectResponse,
#ifndef TOY_NO_BINDING
    .binding = CHY_BIND_KEY_AUTHORIZATION,
#endif
    .network = CHY_NET_NONE,
    .perspectives = CHY_MP_NOT_NEEDED,
    .wildcard = CHY_YN_NO,
    .subdomain = CHY_YN_NO,
    .caa_method = "-",
    .max_evidence_age_s = 30 * 86400,
    .attempts = 1,
    .interval_s = 1,
    .offer = offer,
    .accept = accept,
#ifndef TOY_NO_STEP
    .step = step,
#endif
};

/* ---- the rest ---- */

#ifdef TOY_MEMBER
static enum chy_rc on_new(struct chy_ctx *cx, struct chy_order *o, const json_t *req,
                          enum chy_authz_need *need)
{
    (void)need;
    if (json_object_get(req, TOY_MEMBER) == NULL)
        return CHY_OK;
    return host->order_set_state(cx, o, json_pack("{s:b}", "boxed", 1));
}

static const char *const members[] = {TOY_MEMBER, NULL};

static const struct chy_order_ext toy_order = {
    .members = members,
    .changes_certificate = true,
    .on_new = on_new,
};
#endif

static const struct chy_migration migrations[] = {
    {
        .version = 1,
        .name = "box",
        .sql = "CREATE SCHEMA ext_toy;\n"
               "CREATE TABLE ext_toy.box (word text PRIMARY KEY);\n",
    },
#ifdef TOY_HOLE
    {.version = 3, .name = "lid", .sql = "ALTER TABLE ext_toy.box ADD lid boolean;\n"},
#endif
    {.sql = NULL},
};

#ifdef TOY_METRICS
static const struct chy_metric boxes = {
    .name = "chy_toy_boxes_total", .kind = CHY_M_COUNTER, .labels = "", .help = "Boxes."};
static const struct chy_metric *const metrics[] = {&boxes, NULL};
#endif

#ifdef TOY_NEEDS
static const char *const needs[] = {TOY_NEEDS, NULL};
#endif

#ifdef TOY_REACHES
extern time_t chy_clock_now(void);
#endif

static enum chy_rc keep_host(const struct chy_host *h)
{
    host = h;
#ifdef TOY_REACHES
    return chy_clock_now() > 0 ? CHY_OK : CHY_ERR;
#elif defined TOY_INIT
    return CHY_ERR;
#else
    return CHY_OK;
#endif
}

static const struct chy_ident_type *const ident_types[] = {&toy_ident, NULL};
static const struct chy_challenge_type *const challenge_types[] = {&toy_challenge, NULL};

#if defined TOY_HIDDEN || defined TOY_FUNCTION || defined TOY_NUMBER
#define DESCRIPTOR static const struct chy_module hidden __attribute__((used))
#else
#define DESCRIPTOR const struct chy_module chy_module
#endif

#ifdef TOY_FUNCTION
int toy_function(void) __asm__("chy_module");
int toy_function(void)
{
    return 1;
}
#endif
#ifdef TOY_NUMBER
extern const int toy_number __asm__("chy_module");
const int toy_number = 1;
#endif

DESCRIPTOR = {
    .magic = CHY_MODULE_MAGIC
#ifdef TOY_MAGIC
             ^ 1u
#endif
    ,
    .abi_major = CHY_ABI_MAJOR
#ifdef TOY_MAJOR
                 + 1
#endif
    ,
    .abi_minor = CHY_ABI_MINOR
#ifdef TOY_MINOR
                 + 1
#endif
    ,
    .size = sizeof(struct chy_module)
#ifdef TOY_SIZE
            + 8
#endif
    ,
    .name = TOY_NAME,
    .version = "1.0",
#ifdef TOY_NEEDS
    .needs = needs,
#endif
    .ident_types = ident_types,
    .challenge_types = challenge_types,
#ifdef TOY_MEMBER
    .order_ext = &toy_order,
#endif
    .migrations = migrations,
#ifdef TOY_METRICS
    .metrics = metrics,
#endif
    .init = keep_host,
};
