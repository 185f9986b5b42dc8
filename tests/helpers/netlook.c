/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the network through core/net, as a worker's probe would, and prints what came of it in one
 * line:  netlook SETTINGS.json dns NAME TYPE | http URL [MS] | fetch URL [ROOTS.pem [BODY]] | tls HOST ALPN [MS]
 * | storm NAME DEAD
 * http: validation rules, at most 128 octets of body.  fetch: rules of other requests.
 * "ok ..." and exit code 0, or "TYPE: detail" and 1. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/problem.h"
#include "core/net/config.h"
#include "tests/support/fakehost.h"

static enum chy_rc look_dns(struct chy_ctx *cx, const char *name, const char *type)
{
    struct chy_dns_answer a;
    size_t octets = 0;

    if (chy_net_dns(cx, name, (uint16_t)strtoul(type, NULL, 10), &a) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < a.n; i++)
        octets += a.rdata[i].n;
    printf("ok rcode=%d dnssec=%s canonical=%s n=%zu octets=%zu ttl=%u", a.rcode,
           a.dnssec == CHY_DNSSEC_SECURE ? "secure" : "insecure", a.canonical, a.n, octets,
           a.ttl_s);
    for (size_t i = 0; i < a.n && i < 4; i++)
        printf(" [%s]", chy_printable(cx, (const char *)a.rdata[i].b, a.rdata[i].n, 60));
    printf("\n");
    return CHY_OK;
}

static enum chy_rc print_answer(struct chy_ctx *cx, const struct chy_http_query *q)
{
    struct chy_http_answer a;
    size_t n;

    if (chy_net_http(cx, q, &a) != CHY_OK)
        return CHY_ERR;
    printf("ok status=%ld body=[%s] truncated=%d hops=%s\n", a.status,
           chy_printable(cx, (const char *)a.body, a.body_len, 200), a.truncated,
           chy_json_text(cx, a.hops, &n));
    return CHY_OK;
}

static enum chy_rc look_http(struct chy_ctx *cx, const char *url, const char *ms)
{
    struct chy_http_query q = {
        .url = url, .max_body = 128, .truncate = true, .max_redirects = 10, .validation = true};

    if (ms != NULL)
        q.timeout_ms = (unsigned)strtoul(ms, NULL, 10);
    return print_answer(cx, &q);
}

static enum chy_rc look_fetch(struct chy_ctx *cx, const char *url, const char *roots,
                              const char *body)
{
    struct chy_http_query q = {.url = url, .max_body = 1000, .max_redirects = 5};
    const char *pem[2] = {NULL, NULL};
    size_t n;

    if (roots != NULL) {
        char *text;

        if (chy_file_read(cx, roots, 65536, &text, &n) != CHY_OK)
            return CHY_ERR;
        pem[0] = text;
        q.roots_pem = pem;
    }
    if (body != NULL) {
        q.method = "POST";
        q.content_type = "application/octet-stream";
        q.body = (const uint8_t *)body;
        q.body_len = strlen(body);
    }
    return print_answer(cx, &q);
}

static enum chy_rc look_tls(struct chy_ctx *cx, const char *host, const char *alpn, const char *ms)
{
    struct chy_tls_query q = {
        .host = host, .alpn = alpn, .timeout_ms = ms != NULL ? (unsigned)strtoul(ms, NULL, 10) : 0};
    struct chy_tls_answer a;
    char subject[200];

    if (chy_net_tls(cx, &q, &a) != CHY_OK)
        return CHY_ERR;
    X509_NAME_oneline(X509_get_subject_name(a.peer), subject, sizeof subject);
    printf("ok alpn=%s address=%s subject=%s hop=", a.alpn != NULL ? a.alpn : "none", a.address,
           subject);
    json_dumpf(a.hop, stdout, JSON_COMPACT);
    printf("\n");
    return CHY_OK;
}

struct storm {
    struct chy_net *net;
    const char *name, *dead;
    unsigned good, failed;
    pthread_t thread;
};

/* Good lookups, each with another name, and then one that is given up. */
static void *run_storm(void *arg)
{
    struct storm *s = arg;

    for (unsigned i = 0; i < 21; i++) {
        struct chy_ctx *cx = fake_cx_new(CHY_STAGE_PROBE);
        const char *name =
            i < 20 ? chy_fmt(cx, "%u-%lx.%s", i, (unsigned long)pthread_self(), s->name) : s->dead;
        struct chy_dns_answer a;

        cx->net = s->net;
        if (chy_net_dns(cx, name, 1, &a) == CHY_OK)
            s->good += a.n == 1;
        else
            s->failed++;
        fake_cx_free(cx);
    }
    return NULL;
}

/* Sixteen threads at once on one resolver. */
static enum chy_rc look_storm(struct chy_ctx *cx, const char *name, const char *dead)
{
    struct storm storms[16];
    unsigned good = 0, failed = 0;

    for (unsigned i = 0; i < 16; i++) {
        storms[i] = (struct storm){.net = cx->net, .name = name, .dead = dead};
        if (pthread_create(&storms[i].thread, NULL, run_storm, &storms[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < 16; i++) {
        pthread_join(storms[i].thread, NULL);
        good += storms[i].good;
        failed += storms[i].failed;
    }
    printf("ok good=%u failed=%u\n", good, failed);
    return CHY_OK;
}

static enum chy_rc look(struct chy_ctx *cx, int argc, char **argv)
{
    const char *what = argv[2];

    if (strcmp(what, "dns") == 0 && argc == 5)
        return look_dns(cx, argv[3], argv[4]);
    if (strcmp(what, "http") == 0)
        return look_http(cx, argv[3], argc > 4 ? argv[4] : NULL);
    if (strcmp(what, "fetch") == 0)
        return look_fetch(cx, argv[3], argc > 4 ? argv[4] : NULL, argc > 5 ? argv[5] : NULL);
    if (strcmp(what, "tls") == 0 && argc >= 5)
        return look_tls(cx, argv[3], argv[4], argc > 5 ? argv[5] : NULL);
    if (strcmp(what, "storm") == 0 && argc == 5)
        return look_storm(cx, argv[3], argv[4]);
    fprintf(stderr, "netlook: %s: unknown\n", what);
    exit(2);
}

static enum chy_rc start(struct chy_ctx *cx, const char *settings)
{
    struct chy_net_config config;
    char *text;
    size_t n;
    json_t *j;

    if (chy_file_read(cx, settings, 65536, &text, &n) != CHY_OK)
        return CHY_ERR;
    j = json_loads(text, 0, NULL);
    if (j == NULL)
        return chy_fail(cx, &CHY_P_malformed, "%s is not JSON", settings);
    if (chy_net_config_read(cx, chy_keep_json(cx, j), &config) != CHY_OK)
        return CHY_ERR;
    return chy_net_new(cx, &config, &cx->net);
}

int main(int argc, char **argv)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_PROBE);
    int code = 0;

    if (argc < 4)
        return 2;
    if (start(cx, argv[1]) != CHY_OK || look(cx, argc, argv) != CHY_OK) {
        printf("%s: %s\n", strrchr(cx->problem.type->urn, ':') + 1,
               cx->problem.note != NULL ? cx->problem.note : cx->problem.detail);
        code = 1;
    }
    chy_net_free(cx->net);
    fake_cx_free(cx);
    return code;
}
