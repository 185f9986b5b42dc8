/* SPDX-License-Identifier: Apache-2.0 */
/* The account of "chancery request": its key in a file that is never written over, and beside it the
 * URL that the server gave it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/b64.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/client/requests.h"
#include "services/chancery/request.h"

#define RECORD_MAX 65536
#define EAB_KEY_MAX 4096
#define ACCOUNT_KIND "ec-p256"

/* ---- the key ---- */

/* Written beside its place and linked there: a key that is there stays, whoever made it meanwhile. */
static enum chy_rc make_key(struct chy_ctx *cx, const char *path)
{
    const char *slash = strrchr(path, '/'), *pem;
    char *beside = chy_fmt(cx, "%s.%ld", path, (long)getpid());
    EVP_PKEY *key;
    int error;
    size_t n;

    if (slash != NULL && slash != path &&
        chy_file_mkdirs(cx, chy_fmt(cx, "%.*s", (int)(slash - path), path), 0700) != CHY_OK)
        return CHY_ERR;
    if (chy_client_key_make(cx, ACCOUNT_KIND, &key) != CHY_OK ||
        chy_client_key_pem(cx, key, &pem, &n) != CHY_OK ||
        chy_file_write(cx, beside, pem, n, 0600) != CHY_OK)
        return CHY_ERR;
    error = link(beside, path) == 0 || errno == EEXIST ? 0 : errno;
    unlink(beside);
    if (error != 0)
        return chy_fail(cx, &CHY_P_serverInternal, "%s: cannot be made: %s", path, strerror(error));
    return CHY_OK;
}

static enum chy_rc get_key(struct chy_ctx *cx, const char *path, EVP_PKEY **ret)
{
    if (access(path, F_OK) != 0 && errno == ENOENT && make_key(cx, path) != CHY_OK)
        return CHY_ERR;
    return chy_client_key_load(cx, path, ret);
}

/* ---- the URL ---- */

static char *record_path(struct chy_ctx *cx, const struct chy_wish *w)
{
    return chy_fmt(cx, "%s.json", w->account);
}

/* The account's URL at this server, or NULL: what cannot be read is asked of the server again. */
static const char *kept_url(struct chy_ctx *cx, const struct chy_wish *w)
{
    struct chy_ctx own = {.arena = cx->arena};
    const char *server, *account;
    char *text;
    json_t *o;
    size_t n;

    if (chy_file_read(&own, record_path(cx, w), RECORD_MAX, &text, &n) != CHY_OK ||
        chy_json_object(&own, "account", text, n, &o) != CHY_OK ||
        chy_json_string(&own, o, "server", &server) != CHY_OK ||
        chy_json_string(&own, o, "account", &account) != CHY_OK)
        return NULL;
    return strcmp(server, w->server) == 0 ? account : NULL;
}

static enum chy_rc keep_url(struct chy_ctx *cx, const struct chy_wish *w, struct chy_client *c)
{
    json_t *o = chy_keep_json(
        cx, json_pack("{s:s, s:s}", "server", w->server, "account", chy_client_account_url(c)));
    size_t n;
    char *text = chy_json_text(cx, o, &n);

    return chy_file_write(cx, record_path(cx, w), text, n, 0600);
}

/* ---- registration ---- */

static void wipe(void *text)
{
    OPENSSL_cleanse(text, strlen(text));
}

static enum chy_rc read_eab_key(struct chy_ctx *cx, const char *path,
                                struct chy_client_registration *r)
{
    char *text, *octets;
    size_t n;

    if (chy_file_read(cx, path, EAB_KEY_MAX, &text, &n) != CHY_OK)
        return CHY_ERR;
    chy_arena_defer(cx->arena, wipe, text);
    n = strcspn(text, "= \r\n");
    octets = (char *)chy_b64u_decode(cx, text, n, &r->eab_key_n);
    if (octets == NULL || r->eab_key_n == 0)
        return chy_fail(cx, &CHY_P_malformed, "--eab-key %s: is no key in base64url", path);
    r->eab_key = (const uint8_t *)octets;
    return CHY_OK;
}

static enum chy_rc may_register(struct chy_ctx *cx, const struct chy_wish *w,
                                const struct chy_client_directory *d)
{
    if (d->terms != NULL && !w->agree)
        return chy_fail(cx, &CHY_P_userActionRequired,
                        "the server asks new accounts to agree to its terms of service, %s ; read "
                        "them and say --agree",
                        d->terms);
    if (d->external_account_required && w->eab_kid == NULL)
        return chy_fail(cx, &CHY_P_externalAccountRequired,
                        "the server takes only accounts that its operator knows; ask there for a "
                        "key and give --eab-kid and --eab-key");
    return CHY_OK;
}

static enum chy_rc enrol(struct chy_ctx *cx, const struct chy_wish *w, struct chy_client *c,
                         const struct chy_client_directory *d)
{
    struct chy_client_registration r = {.agree = w->agree,
                                        .contacts = w->contacts.v,
                                        .n_contacts = w->contacts.n,
                                        .eab_kid = w->eab_kid};

    if (may_register(cx, w, d) != CHY_OK ||
        (w->eab_key != NULL && read_eab_key(cx, w->eab_key, &r) != CHY_OK) ||
        chy_client_register(cx, c, &r) != CHY_OK)
        return CHY_ERR;
    return keep_url(cx, w, c);
}

enum chy_rc chy_request_account(struct chy_ctx *cx, const struct chy_wish *w, struct chy_client *c)
{
    const struct chy_client_directory *d;
    const char *url;
    EVP_PKEY *key;

    /* A server that cannot be reached leaves no key behind. */
    if (chy_client_directory(cx, c, &d) != CHY_OK || get_key(cx, w->account, &key) != CHY_OK ||
        chy_client_use_key(cx, c, key) != CHY_OK)
        return CHY_ERR;
    url = kept_url(cx, w);
    return url != NULL ? chy_client_use_account(cx, c, url) : enrol(cx, w, c, d);
}

enum chy_rc chy_request_account_again(struct chy_ctx *cx, const struct chy_wish *w,
                                      struct chy_client *c)
{
    const struct chy_client_directory *d;

    if (chy_client_directory(cx, c, &d) != CHY_OK)
        return CHY_ERR;
    return enrol(cx, w, c, d);
}
