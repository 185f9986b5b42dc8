/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of the loopback fixture: requests, replies and whole journeys. */
#include "tests/support/loopclient.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

#include "core/base/auto.h"
#include "core/base/b64.h"
#include "core/base/json.h"
#include "tests/support/jose.h"

#define JOSE "application/jose+json"

static struct loop_client *make_client(struct loopback *lb)
{
    struct loop_client *c = calloc(1, sizeof *c);

    if (c == NULL || lb->n_clients == sizeof lb->clients / sizeof *lb->clients)
        abort();
    c->lb = lb;
    c->cx = loop_cx_new();
    c->thread = chy_server_thread_new(lb->server);
    lb->clients[lb->n_clients++] = c;
    return c;
}

struct loop_client *loop_client_new(struct loopback *lb, const char *alg)
{
    struct loop_client *c = make_client(lb);

    c->key = jose_key(lb->cx, alg);
    return c;
}

struct loop_client *loop_client_twin(const struct loop_client *c)
{
    struct loop_client *twin = make_client(c->lb);

    twin->key = c->key;
    twin->kid = c->kid;
    return twin;
}

struct loop_client *loop_account(struct loopback *lb)
{
    struct loop_client *c = loop_client_new(lb, "ES256");

    loop_register(c);
    return c;
}

void loop_client_free(struct loop_client *c)
{
    chy_server_thread_free(c->thread);
    loop_cx_free(c->cx);
    free(c);
}

/* ---- replies ------------------------------------------------------------------ */

const char *loop_header(const struct loop_reply *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

const char *loop_text(const struct loop_reply *r, const char *member)
{
    return json_string_value(json_object_get(r->json, member));
}

/* The reply's strings are in the arena of its unit of work: copy what is kept. */
static struct loop_reply *keep(struct loop_client *c, const struct chy_reply *rp)
{
    struct loop_reply *r = chy_alloc(c->cx, sizeof *r);
    char *body = chy_alloc(c->cx, rp->body_len + 1);
    const char *nonce;
    json_t *json;

    if (rp->body_len > 0)
        memcpy(body, rp->body, rp->body_len);
    r->status = rp->status;
    r->body = body;
    r->body_len = rp->body_len;
    r->type = rp->content_type == NULL ? "" : chy_fmt(c->cx, "%s", rp->content_type);
    for (size_t i = 0; i < rp->n_headers; i++)
        r->headers[r->n_headers++] = (struct chy_header){
            chy_fmt(c->cx, "%s", rp->headers[i].name), chy_fmt(c->cx, "%s", rp->headers[i].value)};
    json = json_loadb(body, rp->body_len, JSON_REJECT_DUPLICATES, NULL);
    r->json = json_is_object(json) ? chy_keep_json(c->cx, json) : NULL;
    if (r->json == NULL)
        json_decref(json);
    nonce = loop_header(r, "Replay-Nonce");
    if (nonce != NULL)
        snprintf(c->nonce, sizeof c->nonce, "%s", nonce);
    return r;
}

/* What tests/wire/check reads: one line an exchange, octets that are no text as null.  A line is one
 * write to the end, so threads and processes may share the file. */
static void record(struct loop_client *c, const char *method, const char *url, const char *sent,
                   const struct loop_reply *r)
{
    const char *path = getenv("CHY_WIRE_LOG");
    json_t *line;
    char *text;
    size_t n;
    int fd;

    if (path == NULL)
        return;
    line = chy_keep_json(c->cx, json_pack("{s:s, s:s, s:s, s:i, s:s}", "method", method, "url", url,
                                          "sent", "", "status", r->status, "type", r->type));
    json_object_set_new(line, "sent", sent == NULL ? json_null() : json_string(sent));
    json_object_set_new(line, "body", json_stringn(r->body, r->body_len));
    if (json_object_get(line, "body") == NULL)
        json_object_set_new(line, "body", json_null());
    text = chy_fmt(c->cx, "%s\n", chy_json_text(c->cx, line, &n));
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        abort();
    close(fd);
}

/* ---- requests ----------------------------------------------------------------- */

static const char *after_origin(const char *url)
{
    const char *host = strstr(url, "://"), *path = host == NULL ? url : strchr(host + 3, '/');

    return path == NULL ? "/" : path;
}

struct loop_reply *loop_send(struct loop_client *c, const char *method, const char *url,
                             const char *content_type, const char *body)
{
    bool is_public = strncmp(url, LOOP_PUBLIC, strlen(LOOP_PUBLIC)) == 0;
    const char *target = after_origin(url), *query = strchr(target, '?');
    struct chy_header type = {"Content-Type", content_type};
    struct chy_ctx *cx = loop_cx_new();
    struct chy_request rq = {.method = method,
                             .target = target,
                             .path = target,
                             .query = query == NULL ? NULL : query + 1,
                             .headers = &type,
                             .n_headers = content_type != NULL,
                             .body = (const uint8_t *)(body != NULL ? body : ""),
                             .body_len = body != NULL ? strlen(body) : 0,
                             .peer = "127.0.0.1",
                             .listener = is_public ? CHY_LISTEN_PUBLIC : CHY_LISTEN_ACME};
    struct chy_reply rp = {0};
    struct loop_reply *r;

    if (query != NULL)
        rq.path = chy_fmt(cx, "%.*s", (int)(query - target), target);
    chy_server_handle(c->thread, cx, &rq, &rp);
    r = keep(c, &rp);
    loop_cx_free(cx);
    record(c, method, url, body, r);
    return r;
}

struct loop_reply *loop_get(struct loop_client *c, const char *method, const char *url)
{
    return loop_send(c, method, url, NULL, NULL);
}

const char *loop_nonce(struct loop_client *c)
{
    char *taken;

    if (c->nonce[0] == '\0')
        (void)loop_get(c, "HEAD", LOOP_BASE "/new-nonce");
    taken = chy_fmt(c->cx, "%s", c->nonce);
    c->nonce[0] = '\0';
    return taken;
}

json_t *loop_head(struct loop_client *c, const char *url)
{
    return jose_header(c->cx, c->key, c->kid, loop_nonce(c), url);
}

struct loop_reply *loop_post_as(struct loop_client *c, const char *url, const json_t *head,
                                const char *payload)
{
    return loop_send(c, "POST", url, JOSE, jose_sign(c->cx, c->key, head, payload));
}

struct loop_reply *loop_post(struct loop_client *c, const char *url, const char *payload)
{
    return loop_post_as(c, url, loop_head(c, url), payload);
}

struct loop_reply *loop_ok(struct loop_reply *r, int status)
{
    if (r->status != status)
        fail_msg("wanted %d, got %d: %s", status, r->status, r->body);
    return r;
}

struct loop_reply *loop_refused(struct loop_reply *r, int status, const char *type,
                                const char *words)
{
    const char *full = loop_text(r, "type"), *detail = loop_text(r, "detail");
    size_t prefix = strlen(CHY_ACME_ERROR(""));

    if (r->status != status || full == NULL || strncmp(full, CHY_ACME_ERROR(""), prefix) != 0 ||
        strcmp(full + prefix, type) != 0 || detail == NULL || strstr(detail, words) == NULL)
        fail_msg("wanted %s/%d: %s, got %d: %s", type, status, words, r->status, r->body);
    assert_string_equal(r->type, "application/problem+json");
    assert_int_equal(json_integer_value(json_object_get(r->json, "status")), status);
    return r;
}

/* ---- journeys ----------------------------------------------------------------- */

void loop_register(struct loop_client *c)
{
    struct loop_reply *r = loop_ok(loop_post(c, LOOP_BASE "/new-account", "{}"), 201);

    c->kid = loop_header(r, "Location");
    assert_non_null(c->kid);
}

static char *each_name(struct loop_client *c, const char *names, const char *before,
                       const char *after)
{
    char *text = chy_fmt(c->cx, "%s", "");

    for (; *names != '\0'; names += strspn(names, " ")) {
        size_t n = strcspn(names, " ");

        text = chy_fmt(c->cx, "%s%s%s%.*s%s", text, *text == '\0' ? "" : ",", before, (int)n, names,
                       after);
        names += n;
    }
    return text;
}

char *loop_order_payload(struct loop_client *c, const char *names)
{
    return chy_fmt(c->cx, "{\"identifiers\":[%s]}",
                   each_name(c, names, "{\"type\":\"dns\",\"value\":\"", "\"}"));
}

struct loop_reply *loop_order(struct loop_client *c, const char *names)
{
    return loop_ok(loop_post(c, LOOP_BASE "/new-order", loop_order_payload(c, names)), 201);
}

void loop_prove(struct loop_client *c, const char *authz)
{
    struct loop_reply *r = loop_ok(loop_post(c, authz, ""), 200);
    const json_t *first = json_array_get(json_object_get(r->json, "challenges"), 0);
    const char *url = json_string_value(json_object_get(first, "url"));

    if (strcmp(loop_text(r, "status"), "valid") == 0)
        return;
    if (url == NULL)
        fail_msg("no challenge: %s", r->body);
    loop_ok(loop_post(c, url, "{}"), 200);
    loop_prove_all(c->lb);
}

const char *loop_ready(struct loop_client *c, const char *names)
{
    struct loop_reply *r = loop_order(c, names);
    const char *url = loop_header(r, "Location");
    const json_t *authz;
    size_t i;

    json_array_foreach(json_object_get(r->json, "authorizations"), i, authz)
    {
        loop_prove(c, json_string_value(authz));
    }
    loop_status(c, url, "ready");
    return url;
}

struct loop_reply *loop_read(struct loop_client *c, const char *order)
{
    return loop_ok(loop_post(c, order, ""), 200);
}

void loop_status(struct loop_client *c, const char *order, const char *status)
{
    struct loop_reply *r = loop_read(c, order);

    if (strcmp(loop_text(r, "status"), status) != 0)
        fail_msg("order is not %s: %s", status, r->body);
}

static void add_san(X509_REQ *req, const char *san)
{
    STACK_OF(X509_EXTENSION) *exts = sk_X509_EXTENSION_new_null();

    sk_X509_EXTENSION_push(exts, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san));
    assert_non_null(sk_X509_EXTENSION_value(exts, 0));
    assert_int_equal(X509_REQ_add_extensions(req, exts), 1);
    sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
}

char *loop_csr(struct loop_client *c, const struct loop_csr *csr)
{
    EVP_PKEY *key = csr->key != NULL ? csr->key : jose_key(c->cx, "ES256");
    chy_auto(X509_REQ) *req = X509_REQ_new();
    unsigned char *der = NULL;
    char *text;
    int n;

    assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
    if (csr->common_name != NULL)
        assert_int_equal(X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(req), NID_commonName,
                                                    MBSTRING_UTF8,
                                                    (const uint8_t *)csr->common_name, -1, -1, 0),
                         1);
    if (csr->san != NULL)
        add_san(req, csr->san);
    assert_true(X509_REQ_sign(req, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
    n = i2d_X509_REQ(req, &der);
    assert_true(n > 0);
    text = chy_fmt(c->cx, "{\"csr\":\"%s\"}", chy_b64u(c->cx, der, (size_t)n));
    OPENSSL_free(der);
    return text;
}

struct loop_reply *loop_finalize_with(struct loop_client *c, const char *order, const char *payload)
{
    return loop_post(c, chy_fmt(c->cx, "%s/finalize", order), payload);
}

struct loop_reply *loop_finalize(struct loop_client *c, const char *order, const char *names)
{
    struct loop_csr csr = {.san = each_name(c, names, "DNS:", "")};

    return loop_finalize_with(c, order, loop_csr(c, &csr));
}
