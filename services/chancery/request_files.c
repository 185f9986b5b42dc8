/* SPDX-License-Identifier: Apache-2.0 */
/* The files of one certificate: PREFIX.key (0600), PREFIX.pem (the chain), PREFIX.json (what was asked
 * for, to ask again; no secrets).  Key and chain are written whole beside their places and then renamed,
 * key first: a crash between the two renames leaves PREFIX.pem.new, which the next run finishes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/client/requests.h"
#include "core/ext/dispatch.h"
#include "core/pki/cert.h"
#include "services/chancery/request.h"

#define RECORD_MAX (1u << 20)
#define SUFFIX ".json" /* of the record */
#define FORMAT 1       /* of PREFIX.json */

static char *directory_of(struct chy_ctx *cx, const char *prefix)
{
    const char *slash = strrchr(prefix, '/');

    if (slash == NULL)
        return chy_fmt(cx, ".");
    return slash == prefix ? chy_fmt(cx, "/") : chy_fmt(cx, "%.*s", (int)(slash - prefix), prefix);
}

static bool there(const char *path)
{
    return access(path, F_OK) == 0;
}

enum chy_rc chy_request_files_check(struct chy_ctx *cx, const struct chy_wish *w)
{
    const char *dir = directory_of(cx, w->out);
    const char *files[] = {chy_fmt(cx, "%s.pem", w->out), chy_fmt(cx, "%s.key", w->out)};

    if (access(dir, W_OK | X_OK) != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be written to: %s", dir,
                        strerror(errno));
    if (there(chy_fmt(cx, "%s.json", w->out)))
        return CHY_OK;
    for (size_t i = 0; i < 2; i++)
        if (there(files[i]))
            return chy_fail(cx, &CHY_P_serverInternal,
                            "%s: is there already and not from 'chancery request'; choose another "
                            "--out PREFIX",
                            files[i]);
    return CHY_OK;
}

/* ---- the certificate that is there ---- */

/* *ret is NULL where there is none. */
static enum chy_rc read_chain(struct chy_ctx *cx, const char *path, struct chy_chain *ret,
                              bool *ret_there)
{
    char *text;
    size_t n;

    *ret_there = there(path);
    if (!*ret_there)
        return CHY_OK;
    if (chy_file_read(cx, path, CHY_CLIENT_BODY_MAX, &text, &n) != CHY_OK)
        return CHY_ERR;
    return chy_chain_read(cx, text, n, ret);
}

static bool fits(const struct chy_chain *chain, EVP_PKEY *key)
{
    return X509_check_private_key(chain->certs[0], key) == 1;
}

enum chy_rc chy_request_files_recover(struct chy_ctx *cx, const char *prefix)
{
    const char *left = chy_fmt(cx, "%s.pem.new", prefix), *place = chy_fmt(cx, "%s.pem", prefix);
    struct chy_ctx own = {.arena = cx->arena};
    struct chy_chain fresh;
    EVP_PKEY *key;
    bool is_there;

    /* What is broken or belongs to another key was not finished, and is written anew. */
    if (read_chain(&own, left, &fresh, &is_there) != CHY_OK || !is_there ||
        chy_client_key_load(&own, chy_fmt(cx, "%s.key", prefix), &key) != CHY_OK ||
        !fits(&fresh, key))
        return CHY_OK;
    if (rename(left, place) != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be put in place: %s", left,
                        strerror(errno));
    return CHY_OK;
}

enum chy_rc chy_request_due(struct chy_ctx *cx, const struct chy_wish *w, bool *ret_due,
                            time_t *ret_until)
{
    struct chy_ctx own = {.arena = cx->arena}; /* what cannot be read is due, and is replaced */
    struct chy_chain chain;
    time_t from, until, left;
    bool is_there;

    *ret_due = true;
    *ret_until = 0;
    if (read_chain(&own, chy_fmt(cx, "%s.pem", w->out), &chain, &is_there) != CHY_OK || !is_there)
        return CHY_OK;
    if (!chy_asn1_time(X509_get0_notBefore(chain.certs[0]), &from) ||
        !chy_asn1_time(X509_get0_notAfter(chain.certs[0]), &until))
        return chy_fail(cx, &CHY_P_serverInternal, "%s.pem: its validity cannot be read", w->out);
    left = until - chy_now(cx);
    *ret_due = w->days != 0 ? left <= (time_t)w->days * 86400 : left <= (until - from) / 3;
    *ret_until = until;
    return CHY_OK;
}

/* ---- the record ---- */

static json_t *make_record(struct chy_ctx *cx, const struct chy_wish *w, X509 *cert)
{
    json_t *idents = json_array(), *o;
    char cwd[PATH_MAX], until_text[21];
    time_t until = 0;

    for (size_t i = 0; i < w->n_idents; i++)
        json_array_append_new(idents, json_pack("{s:s, s:s}", "type", w->idents[i].type, "value",
                                                w->idents[i].value));
    (void)chy_asn1_time(X509_get0_notAfter(cert), &until);
    o = json_pack("{s:i, s:s, s:o, s:s, s:s, s:O, s:s, s:b}", "version", FORMAT, "server",
                  w->server, "identifiers", idents, "key-type", w->key_type, "account", w->account,
                  "options", w->options, "not-after", chy_clock_rfc3339(until, until_text),
                  "allow-http", w->allow_http);
    if (o == NULL)
        return NULL;
    if (w->profile != NULL)
        json_object_set_new(o, "profile", json_string(w->profile));
    if (w->ca_file != NULL)
        json_object_set_new(o, "ca-file", json_string(w->ca_file));
    if (w->node_path != NULL)
        json_object_set_new(o, "node", json_string(w->node_path));
    /* Paths may be relative: they mean the same from there. */
    if (getcwd(cwd, sizeof cwd) != NULL)
        json_object_set_new(o, "directory", json_string(cwd));
    return chy_keep_json(cx, o);
}

static enum chy_rc take_idents(struct chy_ctx *cx, const json_t *list, struct chy_wish *w)
{
    size_t n = json_array_size(list);

    w->idents = chy_alloc(cx, (n + 1) * sizeof *w->idents);
    for (w->n_idents = 0; w->n_idents < n; w->n_idents++)
        if (chy_ident_parse(cx, json_array_get(list, w->n_idents), &w->idents[w->n_idents]) !=
            CHY_OK)
            return CHY_ERR;
    return n > 0 ? CHY_OK : chy_fail(cx, &CHY_P_malformed, "it names no identifiers");
}

/* What the command line says goes before what was recorded. */
static enum chy_rc take_record(struct chy_ctx *cx, const json_t *o, struct chy_wish *w)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {{"server", &w->server},
                 {"ca-file", &w->ca_file},
                 {"profile", &w->profile},
                 {"key-type", &w->key_type},
                 {"account", &w->account}};
    json_t *options = json_object_get(o, "options");
    const char *dir;

    if (json_integer_value(json_object_get(o, "version")) != FORMAT)
        return chy_fail(cx, &CHY_P_malformed, "it is of another version of chancery");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (*texts[i].text == NULL &&
            chy_json_opt_string(cx, o, texts[i].name, texts[i].text) != CHY_OK)
            return CHY_ERR;
    w->allow_http = w->allow_http || json_is_true(json_object_get(o, "allow-http"));
    /* Another way to prove replaces the recorded one as a whole. */
    if (json_object_size(w->options) == 0 && json_is_object(options))
        w->options = options;
    if (chy_json_opt_string(cx, o, "directory", &dir) != CHY_OK ||
        take_idents(cx, json_object_get(o, "identifiers"), w) != CHY_OK)
        return CHY_ERR;
    if (dir != NULL && chdir(dir) != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s, where it was asked for: %s", dir,
                        strerror(errno));
    return CHY_OK;
}

enum chy_rc chy_request_record_read(struct chy_ctx *cx, struct chy_wish *w)
{
    char *text, *path = chy_fmt(cx, "%s.json", w->renew), *absolute;
    const char *why;
    json_t *o;
    size_t n;

    absolute = realpath(path, NULL);
    if (absolute == NULL)
        return chy_fail(cx, &CHY_P_malformed,
                        "%s: %s; it is written when a certificate is requested", path,
                        strerror(errno));
    n = strlen(absolute);
    if (n > strlen(SUFFIX) && strcmp(absolute + n - strlen(SUFFIX), SUFFIX) == 0)
        w->out = chy_arena_strndup(cx->arena, absolute, n - strlen(SUFFIX));
    free(absolute);
    if (w->out == NULL)
        return chy_fail(cx, &CHY_P_malformed, "%s: leads to a file that is no " SUFFIX, path);
    /* It says which program runs and whom to trust. */
    if (chy_file_read_trusted(cx, path, RECORD_MAX, &text, &n) != CHY_OK)
        return CHY_ERR;
    if (chy_json_object(cx, path, text, n, &o) == CHY_OK && take_record(cx, o, w) == CHY_OK)
        return CHY_OK;
    why = cx->problem.detail;
    chy_problem_clear(cx);
    return chy_fail(cx, &CHY_P_malformed, "%s: %s; request the certificate anew", path, why);
}

/* ---- writing ---- */

static enum chy_rc place(struct chy_ctx *cx, const char *from, const char *to)
{
    if (rename(from, to) == 0)
        return CHY_OK;
    return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be put in place: %s", to,
                    strerror(errno));
}

static enum chy_rc write_all(struct chy_ctx *cx, const struct chy_wish *w, EVP_PKEY *key,
                             const struct chy_chain *chain)
{
    const char *key_path = chy_fmt(cx, "%s.key", w->out), *pem;
    const char *chain_path = chy_fmt(cx, "%s.pem", w->out);
    json_t *record = make_record(cx, w, chain->certs[0]);
    size_t n, record_n;
    char *text;

    if (record == NULL || chy_client_key_pem(cx, key, &pem, &n) != CHY_OK)
        return chy_fault_internal(cx, "%s.json: what was asked for cannot be written", w->out);
    text = json_dumps(record, JSON_INDENT(2));
    record_n = text != NULL ? strlen(text) : 0;
    /* Everything is on the disk before anything that was there is touched.  (A file is itself written
     * beside its place: hence the second .new.) */
    if (chy_file_write(cx, chy_fmt(cx, "%s.new", chain_path), chain->pem, chain->pem_n, 0644) !=
            CHY_OK ||
        chy_file_write(cx, chy_fmt(cx, "%s.new", key_path), pem, n, 0600) != CHY_OK ||
        chy_file_write(cx, chy_fmt(cx, "%s.json", w->out), text, record_n, 0644) != CHY_OK ||
        place(cx, chy_fmt(cx, "%s.new", key_path), key_path) != CHY_OK ||
        place(cx, chy_fmt(cx, "%s.new", chain_path), chain_path) != CHY_OK) {
        free(text);
        return CHY_ERR;
    }
    free(text);
    return CHY_OK;
}

enum chy_rc chy_request_files_write(struct chy_ctx *cx, const struct chy_wish *w, EVP_PKEY *key,
                                    const struct chy_chain *chain)
{
    const char *dir = directory_of(cx, w->out);
    /* One command at a time in a directory: the names of unfinished files are fixed. */
    chy_auto_fd int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (lock < 0 || flock(lock, LOCK_EX) != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be locked: %s", dir,
                        strerror(errno));
    if (write_all(cx, w, key, chain) != CHY_OK)
        return CHY_ERR;
    (void)!fsync(lock);
    return CHY_OK;
}
