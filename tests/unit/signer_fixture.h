/* SPDX-License-Identifier: Apache-2.0 */
/* A signer in a directory of its own, served by a thread of the test. */
#ifndef CHY_TESTS_SIGNER_FIXTURE_H
#define CHY_TESTS_SIGNER_FIXTURE_H

#include "tests/unit/pki_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/pki/plan_types.h"
#include "core/pki/signer.h"
#include "services/signer/signerd.h"

struct signer_world {
    struct chy_ctx *cx;
    char *dir, *ceilings, *log, *socket;
    struct chy_authority ca;
    struct chy_issuer_cert issuer;
    EVP_PKEY *key;
    struct chy_csr *csr;
    struct chy_signer_state state;
    int listen_fd, stop_fd;
    bool open, serving;
    pthread_t thread;
    struct chy_signer *client;
};

FIXTURE void ok(struct chy_ctx *cx, enum chy_rc rc)
{
    if (rc != CHY_OK)
        fail_msg("%s", cx->problem.note != NULL ? cx->problem.note : cx->problem.detail);
}

FIXTURE char *in_dir(struct signer_world *w, const char *name)
{
    return chy_fmt(w->cx, "%s/%s", w->dir, name);
}

FIXTURE void put_file(struct signer_world *w, const char *name, const char *text, mode_t mode)
{
    ok(w->cx, chy_file_write(w->cx, in_dir(w, name), text, strlen(text), mode));
}

FIXTURE void put_ceilings(struct signer_world *w, const char *more)
{
    put_file(w, "ceilings.yaml",
             chy_fmt(w->cx,
                     "version: 1\n"
                     "issuers:\n"
                     "  web-1:\n"
                     "    key: file:%s/ca.key\n"
                     "    certificate: %s/ca.pem\n"
                     "    max-lifetime: 100d\n"
                     "    keys: [ec-p256, rsa-2048..4096]\n"
                     "%s",
                     w->dir, w->dir, more),
             0644);
}

/* kind: of the issuer's key. */
FIXTURE struct signer_world *signer_world_of(const char *kind)
{
    struct signer_world *w = calloc(1, sizeof *w);
    const char *tmp = getenv("TMPDIR");

    w->cx = fake_cx_new(CHY_STAGE_ISSUE);
    w->cx->fixed_now = 0; /* the signer keeps its own time */
    w->dir = chy_fmt(w->cx, "%s/signer.XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(w->dir));
    w->ceilings = in_dir(w, "ceilings.yaml");
    w->log = in_dir(w, "signatures.log");
    w->socket = in_dir(w, "s");
    w->listen_fd = w->stop_fd = -1;
    ok(w->cx, chy_authority_make_of(w->cx, "Example", "ec-p256", kind, &w->ca));
    ok(w->cx, chy_issuer_cert_read(w->cx, "web-1", w->ca.issuing_pem, &w->issuer));
    put_file(w, "ca.key", w->ca.issuing_key_pem, 0600);
    put_file(w, "ca.pem", w->ca.issuing_pem, 0644);
    put_ceilings(w, "");
    w->key = ec_key("P-256");
    w->csr = read_request(w->cx, &(struct request){.key = w->key});
    w->client = chy_signer_new(w->socket);
    return w;
}

FIXTURE struct signer_world *signer_world_new(void)
{
    return signer_world_of("ec-p256");
}

FIXTURE enum chy_rc open_signer(struct signer_world *w)
{
    struct chy_report *report = chy_report_new(w->cx);
    enum chy_rc rc = chy_signer_open(w->cx, w->ceilings, w->log, report, &w->state);

    if (chy_report_count(report) > 0 && w->cx->problem.type != NULL)
        w->cx->problem.note = chy_report_text(report);
    w->open = rc == CHY_OK;
    return rc;
}

FIXTURE void *serve_thread(void *arg)
{
    struct signer_world *w = arg;

    chy_signer_serve(&w->state, w->listen_fd, w->stop_fd);
    return NULL;
}

FIXTURE void start_signer(struct signer_world *w)
{
    if (!w->open)
        ok(w->cx, open_signer(w));
    ok(w->cx, chy_signer_listen(w->cx, w->socket, w->state.ceilings, &w->listen_fd));
    w->stop_fd = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(pthread_create(&w->thread, NULL, serve_thread, w), 0);
    w->serving = true;
}

FIXTURE void stop_signer(struct signer_world *w)
{
    if (w->serving) {
        eventfd_write(w->stop_fd, 1);
        pthread_join(w->thread, NULL);
        close(w->stop_fd);
        close(w->listen_fd);
        unlink(w->socket);
    }
    if (w->open)
        chy_signer_close(&w->state);
    w->open = w->serving = false;
}

FIXTURE void signer_world_free(struct signer_world *w)
{
    DIR *d;

    stop_signer(w);
    chy_signer_free(w->client);
    EVP_PKEY_free(w->key);
    d = opendir(w->dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        unlinkat(dirfd(d), e->d_name, 0);
    if (d != NULL)
        closedir(d);
    rmdir(w->dir);
    fake_cx_free(w->cx);
    free(w);
}

/* A plan within the ceilings, with a serial of its own. */
FIXTURE struct chy_cert_plan *good_plan(struct signer_world *w)
{
    struct chy_cert_plan *p;
    struct chy_id serial;
    time_t now = chy_clock_now();

    chy_id_new(w->cx, &serial);
    p = chy_plan_new(w->cx, w->csr, &w->issuer, &serial);
    ok(w->cx, chy_plan_san(w->cx, p, name_of(GEN_DNS, "www.shop.example")));
    ok(w->cx, chy_plan_usage(w->cx, p, "digitalSignature,serverAuth"));
    ok(w->cx, chy_plan_validity(w->cx, p, now - 60, now + 90 * 86400));
    return p;
}

struct tbs {
    const uint8_t *b;
    size_t n;
};

FIXTURE struct tbs tbs_of(struct signer_world *w, struct chy_cert_plan *p)
{
    struct tbs t;

    ok(w->cx, chy_plan_tbs(w->cx, p, &t.b, &t.n));
    return t;
}

struct signature {
    const uint8_t *b;
    size_t n;
    bool maybe;
};

FIXTURE enum chy_rc ask_signer(struct signer_world *w, struct tbs t, struct signature *s)
{
    return chy_signer_sign(w->cx, w->client, "web-1", t.b, t.n, &s->b, &s->n, &s->maybe);
}

/* Not inlined: gcc 12 then takes what chy_file_read() stores for the address of text. */
__attribute__((noinline)) FIXTURE char *log_text(struct signer_world *w, size_t *ret_n)
{
    char *text;

    ok(w->cx, chy_file_read(w->cx, w->log, 1 << 24, &text, ret_n));
    return text;
}

FIXTURE size_t log_lines(struct signer_world *w)
{
    size_t n, lines = 0;
    char *text = log_text(w, &n);

    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    return lines;
}

#endif
