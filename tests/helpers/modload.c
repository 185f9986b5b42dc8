/* SPDX-License-Identifier: Apache-2.0 */
/* Loads modules as a front does and prints what came of it in one line:
 *     modload DIR[:DIR] NAME...                      "ok NAME..." in load order
 *     modload DIR[:DIR] NAME... --member MEMBER      known | refused MODULE | unknown
 *     modload DIR[:DIR] NAME... --prove TYPE VALUE CHALLENGE ANSWER
 *             parse, permit, offer, accept and judge one challenge; ANSWER is "backwards", for the
 *             token backwards, or text.  "ok GRANT"
 * A refusal is "refused: DETAIL" and exit code 1. */
#include <stdio.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/ext/dispatch.h"
#include "tests/support/fakehost.h"

#define DIRS_MAX 8

struct job {
    const char *dirs[DIRS_MAX];
    size_t n_dirs;
    const char *const *names;
    size_t n_names;
    char **rest; /* from the option on; empty: the modules' names are wanted */
    int n_rest;
};

static void split_dirs(struct chy_ctx *cx, struct job *job, const char *text)
{
    while (job->n_dirs < DIRS_MAX) {
        size_t n = strcspn(text, ":");

        job->dirs[job->n_dirs++] = chy_fmt(cx, "%.*s", (int)n, text);
        if (text[n] == '\0')
            return;
        text += n + 1;
    }
}

static void print_names(const struct chy_registry *r)
{
    printf("ok");
    for (size_t i = 0; i < chy_registry_count(r); i++)
        printf(" %s", chy_registry_module(r, i)->name);
    printf("\n");
}

static void print_member(const struct chy_registry *r, const char *member)
{
    const char *module;

    if (chy_registry_member_known(r, member))
        printf("known\n");
    else if (chy_registry_member_refused(r, member, &module))
        printf("refused %s\n", module);
    else
        printf("unknown\n");
}

static json_t *make_response(struct chy_ctx *cx, const struct chy_challenge *ch, const char *answer)
{
    const char *token = json_string_value(json_object_get(ch->shown, "token"));
    char *text = chy_fmt(cx, "%s", answer);

    if (strcmp(answer, "backwards") == 0 && token != NULL) {
        size_t n = strlen(token);

        text = chy_alloc(cx, n + 1);
        for (size_t i = 0; i < n; i++)
            text[i] = token[n - 1 - i];
    }
    return chy_keep_json(cx, json_pack("{s:s}", "answer", text));
}

static enum chy_rc judge(struct chy_ctx *cx, const struct chy_challenge_type *t,
                         struct chy_challenge *ch, struct chy_verdict *ret)
{
    struct chy_event ev = {.kind = CHY_EV_START, .quorum = true};
    json_t *evidence;

    if (chy_challenge_probe(cx, t, ch, &evidence) != CHY_OK)
        return CHY_ERR;
    ev.evidence = evidence;
    return chy_challenge_step(cx, t, ch, &ev, ret);
}

/* words: TYPE VALUE CHALLENGE ANSWER */
static enum chy_rc prove(struct chy_ctx *cx, char **words)
{
    const struct chy_challenge_type *t = chy_registry_challenge(cx->registry, words[2]);
    json_t *object =
        chy_keep_json(cx, json_pack("{s:s, s:s}", "type", words[0], "value", words[1]));
    json_t *rule = chy_keep_json(cx, json_object());
    struct chy_challenge ch = {.account_url = "https://localhost:14000/account/x"};
    struct chy_verdict v;
    bool offered;

    if (t == NULL)
        return chy_fail(cx, &CHY_P_malformed, "no challenge type %s", words[2]);
    if (chy_ident_parse(cx, object, &ch.ident) != CHY_OK ||
        chy_ident_permitted(cx, &ch.ident, rule, false) != CHY_OK ||
        chy_challenge_offer(cx, t, &ch, &offered) != CHY_OK)
        return CHY_ERR;
    if (!offered)
        return chy_fail(cx, &CHY_P_malformed, "%s is not offered", words[2]);
    ch.response = make_response(cx, &ch, words[3]);
    if (chy_challenge_accept(cx, t, &ch, ch.response) != CHY_OK ||
        judge(cx, t, &ch, &v) != CHY_OK || v.state != CHY_V_VALID)
        return CHY_ERR;
    printf("ok %s\n", chy_json_text(cx, v.grant, NULL));
    return CHY_OK;
}

static enum chy_rc work(struct chy_ctx *cx, const struct job *job, struct chy_registry **ret)
{
    if (chy_registry_load(cx, job->dirs, job->n_dirs, job->names, job->n_names, ret) != CHY_OK)
        return CHY_ERR;
    cx->registry = *ret;
    if (job->n_rest == 2 && strcmp(job->rest[0], "--member") == 0)
        print_member(*ret, job->rest[1]);
    else if (job->n_rest == 5 && strcmp(job->rest[0], "--prove") == 0)
        return prove(cx, job->rest + 1);
    else if (job->n_rest == 0)
        print_names(*ret);
    else
        return chy_fail(cx, &CHY_P_malformed, "usage: see the top of modload.c");
    return CHY_OK;
}

int main(int argc, char **argv)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_REQUEST);
    struct job job = {.n_names = 0};
    struct chy_registry *r = NULL;
    enum chy_rc rc;

    if (argc < 2)
        return 2;
    chy_log_start("modload", LOG_WARNING);
    split_dirs(cx, &job, argv[1]);
    job.names = (const char *const *)argv + 2;
    while (2 + (int)job.n_names < argc && strncmp(job.names[job.n_names], "--", 2) != 0)
        job.n_names++;
    job.rest = argv + 2 + job.n_names;
    job.n_rest = argc - 2 - (int)job.n_names;
    rc = work(cx, &job, &r);
    if (rc != CHY_OK)
        printf("refused: %s\n", cx->problem.note != NULL ? cx->problem.note : cx->problem.detail);
    chy_registry_free(r);
    fake_cx_free(cx);
    return rc == CHY_OK ? 0 : 1;
}
