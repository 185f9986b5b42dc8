/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of one module by itself: options of the command line, solvers. */
#include <string.h>

#include "core/ext/tables.h"

static bool one_line(const char *text)
{
    return text != NULL && text[0] != '\0' && strchr(text, '\n') == NULL;
}

static bool letter_ok(char c)
{
    return c == '\0' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Lower-case words with hyphens between them. */
static bool option_name_ok(const char *name)
{
    size_t n = name != NULL ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") : 0;

    return n > 0 && n <= 24 && name[n] == '\0' && name[0] != '-' && name[n - 1] != '-';
}

static enum chy_rc check_option(struct chy_ctx *cx, const struct chy_module *m,
                                const struct chy_client_option *o)
{
    if (!option_name_ok(o->name) || !letter_ok(o->letter))
        return CHY_REFUSE(cx, m,
                          "client option with the unusable name '%s' or letter; use lower-case "
                          "words with hyphens, 24 octets at most, and a letter",
                          o->name != NULL ? o->name : "");
    if (!one_line(o->help) || !one_line(o->value))
        return CHY_REFUSE(cx, m, "client option %s has no help or value of one line; write it",
                          o->name);
    return CHY_OK;
}

static enum chy_rc check_ident(struct chy_ctx *cx, const struct chy_module *m,
                               const struct chy_ident_type *t)
{
    if (t->option == NULL)
        return CHY_OK;
    if (check_option(cx, m, t->option) != CHY_OK)
        return CHY_ERR;
    if (t->to_csr == NULL && !t->csr_may_omit)
        return CHY_REFUSE(cx, m,
                          "identifier type %s has a client option but no function to_csr, so that "
                          "no request could name it; write it",
                          t->name);
    return CHY_OK;
}

static enum chy_rc check_solver(struct chy_ctx *cx, const struct chy_module *m,
                                const struct chy_solver *s)
{
    bool selects = s->unasked;

    if (!option_name_ok(s->name) || !chy_wire_name_ok(s->challenge) || !one_line(s->help))
        return CHY_REFUSE(cx, m, "solver with an unusable name '%s', challenge or help; correct it",
                          s->name != NULL ? s->name : "");
    if (s->prepare == NULL || s->clean == NULL)
        return CHY_REFUSE(cx, m, "solver %s has no function %s; it is required, write it", s->name,
                          s->prepare == NULL ? "prepare" : "clean");
    for (const struct chy_client_option *o = s->options; o != NULL && o->name != NULL; o++) {
        if (check_option(cx, m, o) != CHY_OK)
            return CHY_ERR;
        selects = selects || o->selects;
    }
    if (!selects)
        return CHY_REFUSE(cx, m,
                          "solver %s is not to be used unasked and has no option that selects it; "
                          "nobody could use it",
                          s->name);
    return CHY_OK;
}

enum chy_rc chy_check_client(struct chy_ctx *cx, const struct chy_module *m)
{
    CHY_EACH(i, m->ident_types)
    {
        if (check_ident(cx, m, m->ident_types[i]) != CHY_OK)
            return CHY_ERR;
    }
    CHY_EACH(i, m->solvers)
    {
        if (check_solver(cx, m, m->solvers[i]) != CHY_OK)
            return CHY_ERR;
    }
    return CHY_OK;
}
