/* SPDX-License-Identifier: Apache-2.0 */
/* The client object: what it is made of, its key, its account. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/client/internal.h"

#define PAUSE_MS 50 /* how often is asked whether to stop */

const char *chy_client_step_name(enum chy_client_step step)
{
    static const char *const names[] = {
        [CHY_CS_DIRECTORY] = "directory",
        [CHY_CS_NONCE] = "new-nonce",
        [CHY_CS_ACCOUNT] = "new-account",
        [CHY_CS_NEW_ORDER] = "new-order",
        [CHY_CS_ORDER] = "order",
        [CHY_CS_AUTHZ] = "authorization",
        [CHY_CS_CHALLENGE] = "challenge",
        [CHY_CS_FINALIZE] = "finalize",
        [CHY_CS_CERTIFICATE] = "certificate",
        [CHY_CS_REVOKE] = "revoke",
        [CHY_CS_DEACTIVATE] = "deactivate",
        [CHY_CS_KEY_CHANGE] = "key-change",
    };

    return names[step];
}

static char *copy(struct chy_client *c, const char *s)
{
    return s != NULL ? chy_arena_strdup(c->arena, s) : NULL;
}

static enum chy_rc check_config(struct chy_ctx *cx, const struct chy_client_config *config)
{
    if (config->directory == NULL || !chy_client_url_ok(config->directory, config->allow_http))
        return chy_fail(cx, &CHY_P_malformed,
                        "%.200s: is no URL of an ACME directory; it begins with https:// and has "
                        "no user, fragment or blank",
                        config->directory != NULL ? config->directory : "(none)");
    if (config->roots_pem != NULL &&
        strstr(config->roots_pem, "-----BEGIN CERTIFICATE-----") == NULL)
        return chy_fail(cx, &CHY_P_malformed, "the roots to trust are no certificates in PEM");
    return CHY_OK;
}

enum chy_rc chy_client_new(struct chy_ctx *cx, const struct chy_client_config *config,
                           struct chy_client **ret)
{
    struct chy_client *c;

    if (check_config(cx, config) != CHY_OK)
        return CHY_ERR;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        abort();
    c->arena = chy_arena_new();
    c->config = *config;
    c->config.directory = copy(c, config->directory);
    c->config.roots_pem = copy(c, config->roots_pem);
    c->config.user_agent =
        copy(c, config->user_agent != NULL ? config->user_agent : "chancery/" CHY_VERSION);
    if (!chy_transport_open(cx, c)) {
        chy_client_free(c);
        return chy_fault_internal(cx, "libcurl cannot be set up");
    }
    *ret = c;
    return CHY_OK;
}

void chy_client_free(struct chy_client *c)
{
    if (c == NULL)
        return;
    curl_easy_cleanup(c->curl);
    curl_slist_free_all(c->headers_json);
    curl_slist_free_all(c->headers_chain);
    EVP_PKEY_free(c->signing.key);
    chy_buffer_free(&c->out);
    chy_buffer_free(&c->in);
    chy_arena_free(c->arena);
    free(c);
}

enum chy_rc chy_client_use_key(struct chy_ctx *cx, struct chy_client *c, EVP_PKEY *key)
{
    struct chy_signing s;

    if (chy_signing_of(cx, c->arena, key, &s) != CHY_OK)
        return CHY_ERR;
    if (EVP_PKEY_up_ref(key) != 1)
        abort();
    EVP_PKEY_free(c->signing.key);
    c->signing = s;
    c->account = NULL;
    return CHY_OK;
}

enum chy_rc chy_client_use_account(struct chy_ctx *cx, struct chy_client *c, const char *url)
{
    if (!chy_client_url_ok(url, c->config.allow_http))
        return chy_fail(cx, &CHY_P_malformed, "%.200s: is no https URL of an account", url);
    c->account = copy(c, url);
    return CHY_OK;
}

const char *chy_client_account_url(const struct chy_client *c)
{
    return c->account;
}

const char *chy_client_thumbprint(const struct chy_client *c)
{
    return c->signing.thumbprint;
}

char *chy_client_key_authorization(struct chy_ctx *cx, const struct chy_client *c,
                                   const char *token)
{
    return chy_fmt(cx, "%s.%s", token, c->signing.thumbprint);
}

const struct chy_client_problem *chy_client_refusal(const struct chy_client *c)
{
    return c->refusal;
}

bool chy_client_pause(const struct chy_client *c, unsigned ms)
{
    int64_t until = chy_clock_ms() + ms, left;

    while ((left = until - chy_clock_ms()) > 0) {
        int64_t part = left < PAUSE_MS || c->config.stopped == NULL ? left : PAUSE_MS;
        struct timespec t = {.tv_sec = part / 1000, .tv_nsec = part % 1000 * 1000000};

        if (c->config.stopped != NULL && c->config.stopped(c->config.arg))
            return false;
        nanosleep(&t, NULL);
    }
    return true;
}
