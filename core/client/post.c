/* SPDX-License-Identifier: Apache-2.0 */
/* Signed requests (RFC 8555 section 6): nonce, header, signature, and once more after badNonce (section
 * 6.5).  Every refusal of the server's is kept as it said it. */
#include <string.h>

#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/client/internal.h"

#define ATTEMPTS_MAX 8 /* badNonce again and again is the server's fault */

/* In newAccount the key stands in the request, everywhere else the account's URL (section 6.2).  All
 * that is put in was checked to need no escapes: a URL, base64url, our own JWK. */
static enum chy_rc write_header(struct chy_ctx *cx, const struct chy_client *c,
                                enum chy_client_step step, const char *url, const char **ret)
{
    if (step == CHY_CS_ACCOUNT) {
        *ret = chy_fmt(cx, "{\"alg\":\"%s\",\"jwk\":%s,\"nonce\":\"%s\",\"url\":\"%s\"}",
                       c->signing.alg, c->signing.jwk, c->nonce, url);
        return CHY_OK;
    }
    if (c->account == NULL)
        return CHY_STEP_FAIL(cx, step, "the account is not known yet; newAccount comes first");
    *ret = chy_fmt(cx, "{\"alg\":\"%s\",\"kid\":\"%s\",\"nonce\":\"%s\",\"url\":\"%s\"}",
                   c->signing.alg, c->account, c->nonce, url);
    return CHY_OK;
}

enum chy_rc chy_resource(struct chy_ctx *cx, const struct chy_client *c, enum chy_client_step step,
                         const char *url)
{
    if (c->directory.new_nonce == NULL)
        return CHY_STEP_FAIL(cx, step, "the directory was not read yet");
    if (url == NULL)
        return CHY_STEP_FAIL(cx, step, "the server's directory does not offer it");
    return CHY_OK;
}

static const char *shown(const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

enum chy_rc chy_answer_check(struct chy_ctx *cx, struct chy_client *c, enum chy_client_step step,
                             const struct chy_answer *a)
{
    struct chy_client_problem *p;

    if (a->status >= 200 && a->status < 300)
        return CHY_OK;
    p = chy_alloc(cx, sizeof *p);
    if (a->status >= 400 && chy_client_parse_problem(cx, a->body, a->n, p)) {
        p->status = a->status;
        p->retry_after_s = a->retry_after_s;
        c->refusal = p;
        return CHY_STEP_FAIL(cx, step, "the server refuses: %s: %s",
                             shown(p->type, "(without a type)"),
                             shown(p->detail, "(without a reason)"));
    }
    if (a->status >= 300 && a->status < 400 && a->location != NULL)
        return CHY_STEP_FAIL(cx, step, "the server redirects (%ld) to %.300s; ask there", a->status,
                             a->location);
    return CHY_STEP_FAIL(cx, step, "the server answers HTTP status %ld without a reason",
                         a->status);
}

enum chy_rc chy_client_nonce(struct chy_ctx *cx, struct chy_client *c)
{
    struct chy_answer a;

    if (chy_resource(cx, c, CHY_CS_NONCE, c->directory.new_nonce) != CHY_OK)
        return CHY_ERR;
    c->nonce[0] = '\0';
    if (chy_transport(cx, c, CHY_CS_NONCE, CHY_M_HEAD, c->directory.new_nonce, 0, &a) != CHY_OK ||
        chy_answer_check(cx, c, CHY_CS_NONCE, &a) != CHY_OK)
        return CHY_ERR;
    if (c->nonce[0] == '\0')
        return CHY_STEP_FAIL(cx, CHY_CS_NONCE, "the server gives no usable Replay-Nonce");
    return CHY_OK;
}

static enum chy_rc post_once(struct chy_ctx *cx, struct chy_client *c, enum chy_client_step step,
                             const char *url, const char *payload, unsigned attempt,
                             struct chy_answer *ret)
{
    const char *header;

    if (c->nonce[0] == '\0' && chy_client_nonce(cx, c) != CHY_OK)
        return CHY_ERR;
    if (write_header(cx, c, step, url, &header) != CHY_OK)
        return CHY_ERR;
    c->nonce[0] = '\0'; /* spent, whatever happens */
    if (chy_jws_write(cx, &c->signing, header, payload, strlen(payload), &c->out) != CHY_OK)
        return CHY_ERR;
    return chy_transport(cx, c, step, CHY_M_POST, url, attempt, ret);
}

enum chy_rc chy_post(struct chy_ctx *cx, struct chy_client *c, enum chy_client_step step,
                     const char *url, const char *payload, struct chy_answer *ret)
{
    if (c->signing.key == NULL)
        return CHY_STEP_FAIL(cx, step, "the account has no key yet");
    for (unsigned attempt = 0;; attempt++) {
        if (post_once(cx, c, step, url, payload, attempt, ret) != CHY_OK)
            return CHY_ERR;
        if (chy_answer_check(cx, c, step, ret) == CHY_OK)
            return CHY_OK;
        if (c->refusal == NULL || c->refusal->type == NULL || attempt + 1 == ATTEMPTS_MAX ||
            strcmp(c->refusal->type, CHY_P_badNonce.urn) != 0)
            return CHY_ERR;
        chy_problem_clear(cx);
    }
}

enum chy_rc chy_post_json(struct chy_ctx *cx, struct chy_client *c, enum chy_client_step step,
                          const char *url, const json_t *payload, struct chy_answer *ret)
{
    if (payload == NULL)
        return chy_fault_internal(cx, "%s: the request cannot be written",
                                  chy_client_step_name(step));
    return chy_post(cx, c, step, url, chy_json_text(cx, payload, NULL), ret);
}
