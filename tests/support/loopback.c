/* SPDX-License-Identifier: Apache-2.0 */
/* The loopback fixture: directory, policy, database, signer, server, clock. */
#include "tests/support/loopback.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "core/base/file.h"
#include "core/base/id.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/store/challenges.h"
#include "tests/support/loopclient.h"

void loop_must(const struct chy_ctx *cx, enum chy_rc rc, const char *what)
{
    if (rc == CHY_OK)
        return;
    fprintf(stderr, "loopback: %s: %s\n", what,
            cx->problem.note != NULL ? cx->problem.note : cx->problem.detail);
    abort();
}

struct chy_ctx *loop_cx_new(void)
{
    struct chy_ctx *cx = calloc(1, sizeof *cx);

    if (cx == NULL)
        abort();
    cx->arena = chy_arena_new();
    return cx;
}

void loop_cx_free(struct chy_ctx *cx)
{
    chy_arena_free(cx->arena);
    free(cx);
}

static char *in_dir(struct loopback *lb, const char *name)
{
    return chy_fmt(lb->cx, "%s/%s", lb->dir, name);
}

static void put(struct loopback *lb, const char *name, const char *text, mode_t mode)
{
    loop_must(lb->cx, chy_file_write(lb->cx, in_dir(lb, name), text, strlen(text), mode), name);
}

/* ---- policy ---------------------------------------------------------------- */

void loop_policy(struct loopback *lb, const char *file, const char *text)
{
    char *name = chy_fmt(lb->cx, "policy/%s", file);

    if (text == NULL)
        unlink(in_dir(lb, name));
    else
        put(lb, name, text, 0644);
}

char *loop_web_text(struct loopback *lb, const char *names, const char *challenges,
                    const char *keys)
{
    return chy_fmt(lb->cx,
                   "description: \"Servers, 90 days\"\n"
                   "issuer: web-1\n"
                   "identifiers: { dns: { names: [%s], wildcard: true } }\n"
                   "challenges: [%s]\n"
                   "keys: [%s]\n"
                   "lifetime: { default: 90d, max: 90d }\n"
                   "backdate: 1m\n"
                   "key-usage: [digitalSignature]\n"
                   "extended-key-usage: [serverAuth]\n",
                   names, challenges, keys);
}

void loop_web(struct loopback *lb, const char *names, const char *challenges, const char *keys)
{
    loop_policy(lb, "profiles/web.yaml", loop_web_text(lb, names, challenges, keys));
    loop_reload(lb);
}

void loop_reload(struct loopback *lb)
{
    chy_problem_clear(lb->cx);
    if (chy_server_reload(lb->cx, lb->server) != CHY_OK)
        fail_msg("reload: %s", lb->cx->problem.note);
}

static void write_policy(struct loopback *lb)
{
    loop_must(lb->cx, chy_file_mkdirs(lb->cx, in_dir(lb, "policy/issuers"), 0755), "policy");
    loop_must(lb->cx, chy_file_mkdirs(lb->cx, in_dir(lb, "policy/profiles"), 0755), "policy");
    loop_policy(lb, "chancery.yaml",
                "version: 1\n"
                "directory:\n"
                "  website: \"https://www.loop.example\"\n"
                "  caa-identities: [ca.loop.example]\n"
                "default-profile: web\n");
    loop_policy(lb, "issuers/web-1.yaml", "chain: [web-1.pem, root.pem]\nmax-lifetime: 200d\n");
    loop_policy(lb, "issuers/web-1.pem", lb->ca.issuing_pem);
    loop_policy(lb, "issuers/root.pem", lb->ca.root_pem);
    loop_policy(lb, "profiles/web.yaml", loop_web_text(lb, LOOP_NAMES, LOOP_CHALLENGES, LOOP_KEYS));
    loop_policy(lb, "profiles/short.yaml",
                "description: \"Six days\"\n"
                "issuer: web-1\n"
                "identifiers: { dns: { names: [\"*.shop.example\"] } }\n"
                "challenges: [http-01]\n"
                "keys: [ec-p256]\n"
                "lifetime: { default: 6d, max: 10d }\n"
                "key-usage: [digitalSignature]\n"
                "extended-key-usage: [serverAuth]\n");
}

/* ---- signer ---------------------------------------------------------------- */

static void write_ceilings(struct loopback *lb)
{
    put(lb, "ca.key", lb->ca.issuing_key_pem, 0600);
    put(lb, "ceilings.yaml",
        chy_fmt(lb->cx,
                "version: 1\n"
                "issuers:\n"
                "  web-1:\n"
                "    key: file:%s/ca.key\n"
                "    certificate: %s/policy/issuers/web-1.pem\n"
                "    max-lifetime: 200d\n"
                "    keys: [ec-p256, ec-p384, ec-p521, ed25519, rsa-2048..4096]\n",
                lb->dir, lb->dir),
        0644);
}

static void *serve_signer(void *arg)
{
    struct loopback *lb = arg;

    chy_signer_serve(&lb->signer, lb->signer_listens, lb->signer_stops);
    return NULL;
}

void loop_signer_up(struct loopback *lb)
{
    struct chy_report *report = chy_report_new(lb->cx);

    if (chy_signer_open(lb->cx, in_dir(lb, "ceilings.yaml"), in_dir(lb, "signatures.log"), report,
                        &lb->signer) != CHY_OK) {
        chy_report_print(report, stderr);
        loop_must(lb->cx, CHY_ERR, "signer");
    }
    loop_must(
        lb->cx,
        chy_signer_listen(lb->cx, lb->node.signer_socket, lb->signer.ceilings, &lb->signer_listens),
        "signer's socket");
    lb->signer_stops = eventfd(0, EFD_CLOEXEC);
    if (pthread_create(&lb->signer_thread, NULL, serve_signer, lb) != 0)
        abort();
}

void loop_signer_down(struct loopback *lb)
{
    if (lb->signer_listens < 0)
        return;
    eventfd_write(lb->signer_stops, 1);
    pthread_join(lb->signer_thread, NULL);
    close(lb->signer_stops);
    close(lb->signer_listens);
    unlink(lb->node.signer_socket);
    chy_signer_close(&lb->signer);
    lb->signer_listens = -1;
}

/* ---- database -------------------------------------------------------------- */

char *loop_sql(struct loopback *lb, const char *f, ...)
{
    char *text, *value = NULL;
    PGresult *res;
    va_list ap;

    va_start(ap, f);
    text = chy_arena_vfmt(lb->cx->arena, f, ap);
    va_end(ap);
    res = PQexec(lb->sql, text);
    if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK) {
        fprintf(stderr, "loopback: %s: %s\n", text, PQerrorMessage(lb->sql));
        abort();
    }
    if (PQntuples(res) > 0 && !PQgetisnull(res, 0, 0))
        value = chy_fmt(lb->cx, "%s", PQgetvalue(res, 0, 0));
    PQclear(res);
    return value;
}

long loop_sql_int(struct loopback *lb, const char *f, ...)
{
    char *text, *value;
    va_list ap;

    va_start(ap, f);
    text = chy_arena_vfmt(lb->cx->arena, f, ap);
    va_end(ap);
    value = loop_sql(lb, "%s", text);
    if (value == NULL)
        fail_msg("no value: %s", text);
    return strtol(value, NULL, 10);
}

char *loop_id(struct loopback *lb, const char *url)
{
    char *text = chy_fmt(lb->cx, "'\\x%s", "");
    struct chy_id id;

    while (*url != '\0' && !chy_id_read(&id, url, strcspn(url, "/")))
        url += strcspn(url, "/") + (url[strcspn(url, "/")] != '\0');
    if (*url == '\0')
        fail_msg("no id in the URL");
    for (size_t i = 0; i < sizeof id.b; i++)
        text = chy_fmt(lb->cx, "%s%02x", text, id.b[i]);
    return chy_fmt(lb->cx, "%s'::bytea", text);
}

void loop_prove_all(struct loopback *lb)
{
    struct chy_ctx *cx = loop_cx_new();
    struct chy_claimed *list;
    size_t n = 0;

    cx->stage = CHY_STAGE_STEP;
    cx->db = lb->db.db;
    cx->base_url = lb->node.base_url;
    loop_must(cx,
              chy_challenges_claim(cx, 200, 60,
                                   chy_keep_json(cx, json_pack("[s,s]", "http-01", "dns-01")), 1000,
                                   &list, &n),
              "claim");
    for (size_t i = 0; i < n; i++) {
        bool done = false;

        loop_must(cx,
                  chy_challenge_prove(cx, &list[i], chy_keep_json(cx, json_object()),
                                      chy_now(cx) + 30 * 86400, &done),
                  "prove");
    }
    loop_cx_free(cx);
}

void loop_clock(struct loopback *lb, long seconds)
{
    put(lb, "clock", chy_fmt(lb->cx, "%ld\n", seconds), 0644);
    for (size_t i = 0; i < lb->n_clients; i++)
        lb->clients[i]->nonce[0] = '\0';
}

/* ---- opening and closing ------------------------------------------------------ */

static void describe_node(struct loopback *lb, const char *const *modules)
{
    static const char *const dns_alone[] = {"dns", NULL};
    const char **dirs = chy_alloc(lb->cx, sizeof *dirs);

    dirs[0] = getenv("CHY_TEST_MODULES");
    if (dirs[0] == NULL) {
        fprintf(stderr, "CHY_TEST_MODULES is not set: run this through tests/run\n");
        exit(1);
    }
    lb->node = (struct chy_node){.path = "node.yaml",
                                 .base_url = LOOP_BASE,
                                 .public_url = LOOP_PUBLIC,
                                 .validation_threads = 1,
                                 .policy_dir = in_dir(lb, "policy"),
                                 .database = lb->db.conninfo,
                                 .signer_socket = in_dir(lb, "signer"),
                                 .module_dirs = dirs,
                                 .n_module_dirs = 1,
                                 .modules = modules != NULL ? modules : dns_alone,
                                 .validation = chy_keep_json(lb->cx, json_object())};
    while (lb->node.modules[lb->node.n_modules] != NULL)
        lb->node.n_modules++;
}

struct loopback *loopback_open(const char *const *modules)
{
    struct loopback *lb = calloc(1, sizeof *lb);
    const char *tmp = getenv("TMPDIR");

    if (lb == NULL)
        abort();
    chy_log_start("loopback", getenv("LOOP_LOG") != NULL ? LOG_DEBUG : LOG_CRIT);
    lb->cx = loop_cx_new();
    lb->signer_listens = -1;
    lb->dir = chy_fmt(lb->cx, "%s/loop.XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(lb->dir) == NULL)
        abort();
    setenv("CHY_CLOCK_FILE", in_dir(lb, "clock"), 1);
    loop_clock(lb, 0);
    testdb_open(&lb->db, true);
    lb->sql = PQconnectdb(lb->db.conninfo);
    loop_sql(lb, "SET client_min_messages TO warning");
    describe_node(lb, modules);
    loop_must(lb->cx, chy_authority_make(lb->cx, "Loop", &lb->ca), "authority");
    write_policy(lb);
    write_ceilings(lb);
    loop_signer_up(lb);
    loop_must(lb->cx, chy_server_new(lb->cx, &lb->node, &lb->server), "server");
    loop_must(lb->cx, chy_server_ready(lb->cx, lb->server), "server");
    return lb;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st;
    (void)kind;
    (void)walk;
    return remove(path);
}

void loopback_close(struct loopback *lb)
{
    for (size_t i = 0; i < lb->n_clients; i++)
        loop_client_free(lb->clients[i]);
    chy_server_free(lb->server);
    loop_signer_down(lb);
    PQfinish(lb->sql);
    testdb_close(&lb->db);
    unsetenv("CHY_CLOCK_FILE");
    nftw(lb->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    loop_cx_free(lb->cx);
    free(lb);
}
