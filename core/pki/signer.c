/* SPDX-License-Identifier: Apache-2.0 */
/* Client of the signer.  One connection a thread, one question at a time.  A question that may have
 * got through is never asked again here: the signer may have signed, and two signatures over one
 * serial must not exist.  What then becomes of the record is the caller's business.  A question
 * that surely did not get through is asked again for a while: a signer started anew is back soon. */
#include "core/pki/signer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/b64.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/pki/cert.h"
#include "core/pki/frame.h"

#define SEND_MS 5000
#define ANSWER_MS 10000
#define RETRY_S 3
#define AGAIN_MS 50

struct chy_signer {
    char *path;
    int fd; /* -1: not connected */
    uint8_t frame[CHY_FRAME_MAX];
};

struct chy_signer *chy_signer_new(const char *socket_path)
{
    struct chy_signer *s = malloc(sizeof *s);

    if (s == NULL || (s->path = strdup(socket_path)) == NULL)
        abort();
    s->fd = -1;
    return s;
}

static void hang_up(struct chy_signer *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void chy_signer_free(struct chy_signer *s)
{
    if (s == NULL)
        return;
    hang_up(s);
    free(s->path);
    free(s);
}

/* Between questions the signer has nothing to say: anything to be read is its end. */
static bool is_stale(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) != 0;
}

static enum chy_rc call_once(struct chy_ctx *cx, struct chy_signer *s)
{
    struct timeval patience = {.tv_sec = SEND_MS / 1000}; /* for a full backlog */
    struct sockaddr_un to;

    if (s->fd >= 0 && !is_stale(s->fd))
        return CHY_OK;
    hang_up(s);
    s->fd = chy_frame_socket(s->path, &to);
    if (s->fd < 0)
        return chy_fault_busy(cx, RETRY_S, "signer %s: %s", s->path, strerror(errno));
    (void)setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(s->fd, (struct sockaddr *)&to, sizeof to) != 0) {
        int err = errno;

        hang_up(s);
        return chy_fault_busy(cx, RETRY_S, "signer %s: cannot be reached: %s", s->path,
                              strerror(err));
    }
    return CHY_OK;
}

/* Is there time for another try?  Waits for it. */
static bool come_back(struct chy_ctx *cx, int64_t until)
{
    if (chy_clock_ms() + AGAIN_MS > until)
        return false;
    chy_problem_clear(cx);
    poll(NULL, 0, AGAIN_MS);
    return true;
}

/* until: chy_clock_ms() up to which an absent signer is waited for. */
static enum chy_rc call(struct chy_ctx *cx, struct chy_signer *s, int64_t until)
{
    while (call_once(cx, s) != CHY_OK)
        if (!come_back(cx, until))
            return CHY_ERR;
    return CHY_OK;
}

static const char *why(enum chy_frame_end e)
{
    switch (e) {
    case CHY_FRAME_NONE:
        return "it hung up";
    case CHY_FRAME_LATE:
        return "no answer in time";
    case CHY_FRAME_TOO_BIG:
        return "its answer is too big";
    case CHY_FRAME_BROKEN:
        return strerror(errno);
    case CHY_FRAME_WHOLE:
        break;
    }
    return "?";
}

static enum chy_rc ask_once(struct chy_ctx *cx, struct chy_signer *s, const char *text, size_t n,
                            size_t *ret_n, bool *maybe)
{
    enum chy_frame_end e = chy_frame_write(s->fd, SEND_MS, text, n);

    *maybe = e == CHY_FRAME_WHOLE;
    /* One that is turned away is told so without being listened to. */
    if (e == CHY_FRAME_WHOLE || e == CHY_FRAME_BROKEN)
        e = chy_frame_read(s->fd, *maybe ? ANSWER_MS : 0, SEND_MS, s->frame, ret_n);
    if (e != CHY_FRAME_WHOLE) {
        const char *reason = why(e);

        hang_up(s);
        return chy_fault_busy(cx, RETRY_S, "signer %s: %s", s->path, reason);
    }
    return CHY_OK;
}

/* One question, one answer.  *maybe is set from the moment the signer may act on it. */
static enum chy_rc ask(struct chy_ctx *cx, struct chy_signer *s, unsigned wait_ms,
                       const json_t *question, json_t **ret, bool *maybe)
{
    int64_t until = chy_clock_ms() + wait_ms;
    size_t text_n, n;
    const char *text = chy_json_text(cx, question, &text_n);

    for (;;) {
        if (call(cx, s, until) != CHY_OK)
            return CHY_ERR;
        if (ask_once(cx, s, text, text_n, &n, maybe) == CHY_OK)
            break;
        if (*maybe || !come_back(cx, until))
            return CHY_ERR;
    }
    if (chy_json_object(cx, "the signer's answer", s->frame, n, ret) != CHY_OK) {
        hang_up(s);
        chy_problem_clear(cx);
        return chy_fault_internal(cx, "signer %s: its answer is not a JSON object", s->path);
    }
    return CHY_OK;
}

/* {"ok":false,"reason":..}: it refuses.  "spent":true: but the serial is in its log. */
static enum chy_rc check_answer(struct chy_ctx *cx, const struct chy_signer *s,
                                const json_t *answer, bool *maybe)
{
    const char *reason;

    if (json_is_true(json_object_get(answer, "ok")))
        return CHY_OK;
    reason = json_string_value(json_object_get(answer, "reason"));
    *maybe = reason == NULL || json_is_true(json_object_get(answer, "spent"));
    if (reason == NULL)
        reason = "without a reason";
    return chy_fault_internal(cx, "signer %s refuses: %s", s->path,
                              chy_printable(cx, reason, strlen(reason), 500));
}

static enum chy_rc sign(struct chy_ctx *cx, struct chy_signer *s, const char *issuer,
                        const uint8_t *tbs, size_t tbs_n, const uint8_t **ret_sig, size_t *ret_n,
                        bool *maybe)
{
    json_t *question, *answer = NULL;
    const char *text;
    uint8_t *sig;
    size_t n;

    if (tbs_n > CHY_TBS_MAX)
        return chy_fault_internal(cx, "to-be-signed certificate of %zu octets is too long", tbs_n);
    question = chy_keep_json(cx, json_pack("{s:s, s:s, s:s}", "op", "sign", "issuer", issuer, "tbs",
                                           chy_b64u(cx, tbs, tbs_n)));
    if (ask(cx, s, CHY_SIGNER_WAIT_MS, question, &answer, maybe) != CHY_OK ||
        check_answer(cx, s, answer, maybe) != CHY_OK)
        return CHY_ERR;
    text = json_string_value(json_object_get(answer, "signature"));
    sig = text != NULL ? chy_b64u_decode(cx, text, strlen(text), &n) : NULL;
    if (sig == NULL || n == 0 || n > CHY_SIGNATURE_MAX)
        return chy_fault_internal(cx, "signer %s: no signature in its answer", s->path);
    *ret_sig = sig;
    *ret_n = n;
    return CHY_OK;
}

enum chy_rc chy_signer_sign(struct chy_ctx *cx, struct chy_signer *s, const char *issuer,
                            const uint8_t *tbs, size_t tbs_n, const uint8_t **ret_sig,
                            size_t *ret_n, bool *ret_maybe_signed)
{
    bool maybe = false;
    enum chy_rc rc = sign(cx, s, issuer, tbs, tbs_n, ret_sig, ret_n, &maybe);

    if (ret_maybe_signed != NULL)
        *ret_maybe_signed = maybe;
    return rc;
}

enum chy_rc chy_signer_reach(struct chy_ctx *cx, struct chy_signer *s)
{
    return call(cx, s, chy_clock_ms() + CHY_SIGNER_WAIT_MS);
}

enum chy_rc chy_signer_ping(struct chy_ctx *cx, struct chy_signer *s, const char *issuer)
{
    json_t *question = chy_keep_json(cx, json_pack("{s:s, s:s}", "op", "ping", "issuer", issuer));
    json_t *answer = NULL;
    bool maybe = false;

    if (ask(cx, s, 0, question, &answer, &maybe) != CHY_OK)
        return CHY_ERR;
    return check_answer(cx, s, answer, &maybe);
}
