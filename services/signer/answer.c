/* SPDX-License-Identifier: Apache-2.0 */
/* From a question to a signature: judge, reserve the serial, log it, sign, answer, in that order
 * and no other.  After a crash anywhere the log holds every serial that may have been signed. */
#include "services/signer/answer.h"

#include <poll.h>
#include <string.h>

#include "core/base/b64.h"
#include "core/base/fault.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "services/signer/judge.h"

struct outcome {
    const uint8_t *sig;
    size_t n;
    bool spent; /* the serial cannot be used again */
};

static enum chy_rc read_tbs(struct chy_ctx *cx, const json_t *question, const uint8_t **ret,
                            size_t *ret_n)
{
    const char *text;
    uint8_t *tbs;

    if (chy_json_string(cx, question, "tbs", &text) != CHY_OK)
        return CHY_ERR;
    tbs = chy_b64u_decode(cx, text, strlen(text), ret_n);
    if (tbs == NULL)
        return chy_fail(cx, &CHY_P_malformed, "tbs is not base64url");
    *ret = tbs;
    return CHY_OK;
}

static enum chy_rc check_log(struct chy_ctx *cx, const struct chy_signer_state *s)
{
    return chy_siglog_broken(s->log)
               ? chy_fault_internal(cx, "signature log cannot be written; the signer ends")
               : CHY_OK;
}

/* Both directions closed: nobody waits for an answer.  A client that has only finished asking, or
 * is shut out by server.c, is still there. */
static bool has_hung_up(int fd)
{
    struct pollfd p = {.fd = fd};

    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static enum chy_rc log_and_sign(struct chy_ctx *cx, const struct chy_signer_state *s,
                                const struct chy_signer_peer *peer, const struct chy_signing_key *k,
                                const uint8_t *tbs, size_t n, struct outcome *out)
{
    uint8_t serial[CHY_SERIAL_OCTETS];
    struct chy_sigline line = {.issuer = k->ceiling->name,
                               .serial = serial,
                               .serial_n = sizeof serial,
                               .uid = peer->uid,
                               .pid = peer->pid};

    if (chy_judge(cx, k, tbs, n, serial) != CHY_OK)
        return CHY_ERR;
    if (EVP_Digest(tbs, n, line.tbs_sha256, NULL, EVP_sha256(), NULL) != 1)
        return chy_fault_internal(cx, "SHA-256 failed");
    if (has_hung_up(peer->fd)) /* its serial would be spent for nothing */
        return chy_fail(cx, &CHY_P_unauthorized, "the asker has hung up");
    if (check_log(cx, s) != CHY_OK)
        return CHY_ERR;
    out->spent = true;
    if (!chy_serials_reserve(s->serials, line.issuer, serial, sizeof serial))
        return chy_fail(cx, &CHY_P_unauthorized, "serial was signed before");
    chy_fault_point("signer.before-log");
    if (chy_siglog_append(cx, s->log, &line) != CHY_OK)
        return CHY_ERR;
    chy_fault_point("signer.after-log");
    if (chy_keyring_sign(cx, k, tbs, n, &out->sig, &out->n) != CHY_OK)
        return CHY_ERR;
    chy_fault_point("signer.after-sign");
    return CHY_OK;
}

static enum chy_rc find_key(struct chy_ctx *cx, const struct chy_signer_state *s,
                            const json_t *question, const struct chy_signing_key **ret)
{
    const char *issuer;

    if (chy_json_string(cx, question, "issuer", &issuer) != CHY_OK)
        return CHY_ERR;
    *ret = chy_keyring_find(&s->ring, issuer);
    if (*ret == NULL)
        return chy_fail(cx, &CHY_P_unauthorized, "no key for issuer %s",
                        chy_printable(cx, issuer, strlen(issuer), 100));
    return CHY_OK;
}

static enum chy_rc answer(struct chy_ctx *cx, const struct chy_signer_state *s,
                          const struct chy_signer_peer *peer, const void *frame, size_t n,
                          struct outcome *out)
{
    const struct chy_signing_key *k;
    const uint8_t *tbs;
    const char *op;
    json_t *question;
    size_t tbs_n;

    if (chy_json_object(cx, "question", frame, n, &question) != CHY_OK ||
        chy_json_string(cx, question, "op", &op) != CHY_OK ||
        find_key(cx, s, question, &k) != CHY_OK)
        return CHY_ERR;
    if (strcmp(op, "ping") == 0)
        return check_log(cx, s);
    if (strcmp(op, "sign") != 0)
        return chy_fail(cx, &CHY_P_malformed, "op is neither sign nor ping");
    if (read_tbs(cx, question, &tbs, &tbs_n) != CHY_OK)
        return CHY_ERR;
    return log_and_sign(cx, s, peer, k, tbs, tbs_n, out);
}

static json_t *refusal(struct chy_ctx *cx, const struct chy_signer_peer *peer,
                       const struct outcome *out)
{
    const char *reason = cx->problem.note != NULL ? cx->problem.note : cx->problem.detail;

    chy_log_event(cx, LOG_WARNING, "refused to sign",
                  json_pack("{s:s, s:I, s:I, s:b}", "reason", reason, "uid", (json_int_t)peer->uid,
                            "peer", (json_int_t)peer->pid, "spent", (int)out->spent));
    return json_pack("{s:b, s:s, s:b}", "ok", 0, "reason", reason, "spent", (int)out->spent);
}

const char *chy_signer_answer(struct chy_ctx *cx, const struct chy_signer_state *s,
                              const struct chy_signer_peer *peer, const void *frame, size_t n,
                              size_t *ret_n)
{
    struct outcome out = {0};
    json_t *said;

    if (answer(cx, s, peer, frame, n, &out) != CHY_OK)
        said = refusal(cx, peer, &out);
    else if (out.sig == NULL)
        said = json_pack("{s:b}", "ok", 1);
    else
        said = json_pack("{s:b, s:s}", "ok", 1, "signature", chy_b64u(cx, out.sig, out.n));
    return chy_json_text(cx, chy_keep_json(cx, said), ret_n);
}
