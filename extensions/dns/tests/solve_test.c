/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers: what they serve is what the challenges ask for, nobody else gets anything, and nothing is
 * left behind.  RFC 2136 updates are tried against a real name server by tests/e2e/request_test.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/ssl.h>

#include "extensions/dns/solve.h"
#include "tests/support/fakehost.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define OTHER "DGyRejmCefe7v4NfDGDKfA-DGyRejmCefe7v4NfDGDA"
#define THUMB ".NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

struct world {
    struct chy_ctx *cx;
    struct chy_task tasks[2];
    char dir[32];
    unsigned port;
};

static unsigned free_port(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t n = sizeof sa;

    assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    close(fd);
    return ntohs(sa.sin_port);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    w->cx = fake_cx_new(CHY_STAGE_CLIENT);
    fake_module(w->cx, &chy_module);
    w->tasks[0] = (struct chy_task){.ident = {"dns", "a.example", "a.example"},
                                    .token = TOKEN,
                                    .key_authorization = TOKEN THUMB};
    w->tasks[1] = (struct chy_task){.ident = {"dns", "b.example", "b.example"},
                                    .token = OTHER,
                                    .key_authorization = OTHER THUMB};
    snprintf(w->dir, sizeof w->dir, "/tmp/chy-solve-XXXXXX");
    if (mkdtemp(w->dir) == NULL)
        return -1;
    w->port = free_port();
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    assert_int_equal(rmdir(w->dir), 0); /* nothing is left in it */
    fake_cx_free(w->cx);
    free(w);
    return 0;
}

static json_t *port_option(struct world *w, const char *name)
{
    return chy_keep_json(w->cx,
                         json_pack("{s:o, s:s}", name, json_sprintf("%u", w->port),
                                   strcmp(name, "http-port") == 0 ? "http-address" : "tls-address",
                                   "127.0.0.1"));
}

static int dial(struct world *w)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)w->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
        return fd;
    close(fd);
    return -1;
}

/* What the server answers to some octets; arena. */
static const char *ask(struct world *w, const char *request)
{
    char *answer = chy_alloc(w->cx, 4096);
    size_t n = 0;
    int fd = dial(w);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
    for (ssize_t got; n < 4095 && (got = read(fd, answer + n, 4095 - n)) > 0; n += (size_t)got)
        continue;
    close(fd);
    return answer;
}

/* ---- http-01 ---- */

static void a_request_is_answered_only_when_it_is_whole(void **state)
{
    static const char request[] =
        "GET /.well-known/acme-challenge/" TOKEN " HTTP/1.1\r\nHost: a.example\r\n\r\n";
    struct world *w = *state;
    char out[1024];

    for (size_t n = 0; n < sizeof request - 1; n++)
        assert_null(dns_http_answer(request, n, w->tasks, 2, out, sizeof out));
    assert_non_null(dns_http_answer(request, sizeof request - 1, w->tasks, 2, out, sizeof out));
    assert_non_null(strstr(out, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(out, "\r\n\r\n" TOKEN THUMB));
}

/* The same numbers on every run. */
static uint32_t next_number(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* A valid input with some octets changed, inserted from elsewhere, or cut off. */
static size_t mutate(char *out, const char *valid, uint32_t *seed)
{
    size_t n = strlen(valid);

    memcpy(out, valid, n + 1);
    for (uint32_t i = next_number(seed) % 4; i > 0; i--)
        out[next_number(seed) % n] = (char)next_number(seed);
    if (next_number(seed) % 8 == 0)
        n = next_number(seed) % n;
    out[n] = '\0';
    return n;
}

static void mutated_requests_get_a_proof_only_if_they_ask_for_it(void **state)
{
    static const char valid[] =
        "GET /.well-known/acme-challenge/" TOKEN " HTTP/1.1\r\nHost: a.example\r\n\r\n";
    struct world *w = *state;
    char request[sizeof valid], out[1024];
    size_t answered = 0;
    uint32_t seed = 1;

    for (int i = 0; i < 20000; i++) {
        size_t n = mutate(request, valid, &seed);
        const char *answer = dns_http_answer(request, n, w->tasks, 2, out, sizeof out);

        if (answer == NULL)
            continue;
        answered++;
        if (strstr(answer, THUMB) != NULL)
            assert_memory_equal(request, valid,
                                strlen("GET /.well-known/acme-challenge/" TOKEN " HTTP/1."));
        else
            assert_memory_equal(answer, "HTTP/1.1 404 ", 13);
    }
    assert_in_range(answered, 1000, 20000);
}

static void the_web_server_gives_the_proofs_and_nothing_else(void **state)
{
    static const char *const others[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET /.well-known/acme-challenge/ HTTP/1.1\r\n\r\n",
        "GET /.well-known/acme-challenge/" TOKEN "x HTTP/1.1\r\n\r\n",
        "GET /.well-known/acme-challenge/../acme-challenge/" TOKEN " HTTP/1.1\r\n\r\n",
        "POST /.well-known/acme-challenge/" TOKEN " HTTP/1.1\r\n\r\n",
        "GET /.well-known/acme-challenge/" TOKEN "\r\n\r\n",
        "GET /.well-known/acme-challenge/" TOKEN " SPDY/1.1\r\n\r\n",
        "\r\n\r\n",
    };
    struct world *w = *state;
    void *listener = NULL;

    assert_int_equal(
        dns_solve_http.prepare(w->cx, w->tasks, 2, port_option(w, "http-port"), &listener), CHY_OK);
    assert_non_null(strstr(
        ask(w, "GET /.well-known/acme-challenge/" TOKEN " HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        "\r\n\r\n" TOKEN THUMB));
    assert_non_null(strstr(ask(w, "GET /.well-known/acme-challenge/" OTHER " HTTP/1.0\r\n\r\n"),
                           "\r\n\r\n" OTHER THUMB));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const char *answer = ask(w, others[i]);

        if (strncmp(answer, "HTTP/1.1 404 ", 13) != 0 || strstr(answer, THUMB) != NULL)
            fail_msg("%s: %s", others[i], answer);
    }
    assert_int_equal(dns_solve_http.clean(w->cx, w->tasks, 2, NULL, listener), CHY_OK);
    assert_int_equal(dial(w), -1);
}

static void silent_and_endless_clients_do_not_keep_it(void **state)
{
    struct world *w = *state;
    void *listener = NULL;
    int silent[40], endless;
    char junk[5000];

    assert_int_equal(
        dns_solve_http.prepare(w->cx, w->tasks, 2, port_option(w, "http-port"), &listener), CHY_OK);
    endless = dial(w);
    memset(junk, 'x', sizeof junk);
    for (int i = 0; i < 4; i++)
        (void)!send(endless, junk, sizeof junk, MSG_NOSIGNAL);
    /* More of them than are served at once, for the listener's end too. */
    for (int i = 0; i < 40; i++)
        silent[i] = dial(w);
    assert_int_equal(dns_solve_http.clean(w->cx, w->tasks, 2, NULL, listener), CHY_OK);
    for (int i = 0; i < 40; i++)
        close(silent[i]);
    close(endless);
}

static void a_port_that_is_taken_or_none_is_said(void **state)
{
    struct world *w = *state;
    void *listener = NULL, *second = NULL;
    json_t *bad = chy_keep_json(w->cx, json_pack("{s:s}", "http-port", "65536"));

    assert_int_equal(
        dns_solve_http.prepare(w->cx, w->tasks, 1, port_option(w, "http-port"), &listener), CHY_OK);
    assert_int_equal(
        dns_solve_http.prepare(w->cx, w->tasks, 1, port_option(w, "http-port"), &second), CHY_ERR);
    assert_true(fake_failed_with(w->cx, "connection", "is in use by another program"));
    fake_stage(w->cx, CHY_STAGE_CLIENT);
    assert_int_equal(dns_solve_http.clean(w->cx, w->tasks, 1, NULL, listener), CHY_OK);
    assert_int_equal(dns_solve_http.prepare(w->cx, w->tasks, 1, bad, &second), CHY_ERR);
    assert_true(fake_failed_with(w->cx, "malformed", "--http-port takes a number from 1 to 65535"));
}

/* ---- files ---- */

static void a_web_root_is_left_as_it_was(void **state)
{
    struct world *w = *state;
    json_t *options = chy_keep_json(w->cx, json_pack("{s:s}", "webroot", w->dir));
    char *path = chy_fmt(w->cx, "%s/.well-known/acme-challenge/" OTHER, w->dir);
    char text[200] = "";
    void *root = NULL;
    struct stat st;
    FILE *f;

    assert_int_equal(dns_solve_webroot.prepare(w->cx, w->tasks, 2, options, &root), CHY_OK);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_string_equal(text, OTHER THUMB);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(dns_solve_webroot.clean(w->cx, w->tasks, 2, options, root), CHY_OK);
}

static void a_link_below_a_web_root_is_not_followed(void **state)
{
    struct world *w = *state;
    json_t *options = chy_keep_json(w->cx, json_pack("{s:s}", "webroot", w->dir));
    char *link = chy_fmt(w->cx, "%s/.well-known", w->dir);
    void *root = NULL;

    assert_int_equal(symlink("/tmp", link), 0);
    assert_int_equal(dns_solve_webroot.prepare(w->cx, w->tasks, 2, options, &root), CHY_ERR);
    assert_true(fake_failed_with(w->cx, "serverInternal", ".well-known: "));
    assert_int_equal(unlink(link), 0);
}

static void a_file_that_is_there_is_not_written_over(void **state)
{
    struct world *w = *state;
    json_t *options = chy_keep_json(w->cx, json_pack("{s:s}", "webroot", w->dir));
    char *one = chy_fmt(w->cx, "%s/.well-known", w->dir);
    char *two = chy_fmt(w->cx, "%s/acme-challenge", one), *file = chy_fmt(w->cx, "%s/" OTHER, two);
    void *root = NULL;
    struct stat st;

    assert_int_equal(mkdir(one, 0755), 0);
    assert_int_equal(mkdir(two, 0755), 0);
    fclose(fopen(file, "w"));
    assert_int_equal(dns_solve_webroot.prepare(w->cx, w->tasks, 2, options, &root), CHY_ERR);
    assert_true(fake_failed_with(w->cx, "serverInternal", "the proof cannot be written"));
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(two), 0); /* the first proof was taken away */
    assert_int_equal(rmdir(one), 0);
}

/* ---- tls-alpn-01 ---- */

static const unsigned char acme_tls[] = "\012acme-tls/1";

/* The certificate that a handshake shows, or NULL. */
static X509 *shake(struct world *w, const char *sni, const unsigned char *alpn, unsigned alpn_n)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    const unsigned char *chosen = NULL;
    unsigned chosen_n = 0;
    X509 *cert = NULL;
    int fd = dial(w);

    assert_true(fd >= 0);
    SSL_set_fd(ssl, fd);
    if (sni != NULL)
        SSL_set_tlsext_host_name(ssl, sni);
    if (alpn != NULL)
        SSL_set_alpn_protos(ssl, alpn, alpn_n);
    if (SSL_connect(ssl) == 1) {
        cert = SSL_get1_peer_certificate(ssl);
        SSL_get0_alpn_selected(ssl, &chosen, &chosen_n);
        assert_int_equal(chosen_n, 10);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return cert;
}

/* RFC 8737 section 3: exactly one name, and the digest as a critical extension. */
static void assert_proves(X509 *cert, const char *name, const char *key_authorization)
{
    ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    X509_EXTENSION *ext = X509_get_ext(cert, X509_get_ext_by_OBJ(cert, oid, -1));
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(ext);
    uint8_t digest[32];

    assert_int_equal(sk_GENERAL_NAME_num(names), 1);
    assert_string_equal(ASN1_STRING_get0_data(sk_GENERAL_NAME_value(names, 0)->d.dNSName), name);
    assert_int_equal(X509_EXTENSION_get_critical(ext), 1);
    EVP_Digest(key_authorization, strlen(key_authorization), digest, NULL, EVP_sha256(), NULL);
    assert_int_equal(ASN1_STRING_length(value), 34);
    assert_memory_equal(ASN1_STRING_get0_data(value), "\x04\x20", 2);
    assert_memory_equal(ASN1_STRING_get0_data(value) + 2, digest, 32);
    GENERAL_NAMES_free(names);
    ASN1_OBJECT_free(oid);
    X509_free(cert);
}

static void the_tls_server_shows_the_digest_of_the_name_asked_for(void **state)
{
    static const unsigned char two[] = "\010http/1.1\012acme-tls/1";
    struct world *w = *state;
    void *server = NULL;

    assert_int_equal(dns_solve_tls.prepare(w->cx, w->tasks, 2, port_option(w, "tls-port"), &server),
                     CHY_OK);
    assert_proves(shake(w, "a.example", acme_tls, 11), "a.example", TOKEN THUMB);
    assert_proves(shake(w, "B.example", acme_tls, 11), "b.example", OTHER THUMB);
    assert_null(shake(w, "c.example", acme_tls, 11));
    assert_null(shake(w, NULL, acme_tls, 11));
    assert_null(shake(w, "a.example", (const unsigned char *)"\010http/1.1", 9));
    assert_null(shake(w, "a.example", two, sizeof two - 1));
    assert_int_equal(dns_solve_tls.clean(w->cx, w->tasks, 2, NULL, server), CHY_OK);
    assert_int_equal(dial(w), -1);
}

static void an_address_is_asked_for_by_its_reverse_name(void **state)
{
    struct world *w = *state;
    void *server = NULL;
    X509 *cert;

    w->tasks[0].ident.value = "192.0.2.1";
    w->tasks[1].ident.value = "2001:db8::1";
    assert_int_equal(dns_solve_tls.prepare(w->cx, w->tasks, 2, port_option(w, "tls-port"), &server),
                     CHY_OK);
    cert = shake(w, "1.2.0.192.in-addr.arpa", acme_tls, 11);
    assert_non_null(cert);
    assert_int_equal(X509_check_ip_asc(cert, "192.0.2.1", 0), 1);
    X509_free(cert);
    cert = shake(w, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
                 acme_tls, 11);
    assert_non_null(cert);
    assert_int_equal(X509_check_ip_asc(cert, "2001:db8::1", 0), 1);
    X509_free(cert);
    assert_int_equal(dns_solve_tls.clean(w->cx, w->tasks, 2, NULL, server), CHY_OK);
}

/* ---- programs ---- */

static void a_program_adds_and_removes(void **state)
{
    struct world *w = *state;
    char *log = chy_fmt(w->cx, "%s/log", w->dir), *hook = chy_fmt(w->cx, "%s/hook", w->dir);
    json_t *options = chy_keep_json(w->cx, json_pack("{s:s}", "dns-exec", hook));
    char line[300] = "", proof[44];
    void *h = NULL;
    FILE *f = fopen(hook, "w");

    fprintf(f, "#!/bin/sh\necho \"$1 $2 $3 $#\" >>%s\n[ \"$2\" != _acme-challenge.b.example ]\n",
            log);
    fclose(f);
    chmod(hook, 0755);
    /* The second one fails: the first is removed again. */
    assert_int_equal(dns_solve_exec.prepare(w->cx, w->tasks, 2, options, &h), CHY_ERR);
    assert_true(fake_failed_with(w->cx, "serverInternal",
                                 "add _acme-challenge.b.example: failed (exit code 1)"));
    f = fopen(log, "r");
    assert_true(dns_digest(TOKEN THUMB, proof));
    assert_non_null(fgets(line, sizeof line, f));
    assert_string_equal(line, chy_fmt(w->cx, "add _acme-challenge.a.example %s 3\n", proof));
    assert_non_null(fgets(line, sizeof line, f));
    assert_non_null(fgets(line, sizeof line, f));
    assert_string_equal(line, chy_fmt(w->cx, "remove _acme-challenge.a.example %s 3\n", proof));
    assert_null(fgets(line, sizeof line, f));
    fclose(f);
    unlink(log);
    unlink(hook);
}

static void a_program_is_a_path_and_nothing_for_a_shell(void **state)
{
    struct world *w = *state;
    json_t *word = chy_keep_json(w->cx, json_pack("{s:s}", "dns-exec", "true"));
    json_t *line = chy_keep_json(w->cx, json_pack("{s:s}", "dns-exec", "/bin/true; /bin/true"));
    void *h = NULL;

    assert_int_equal(dns_solve_exec.prepare(w->cx, w->tasks, 1, word, &h), CHY_ERR);
    assert_true(fake_failed_with(w->cx, "malformed", "takes the path of a program"));
    fake_stage(w->cx, CHY_STAGE_CLIENT);
    assert_int_equal(dns_solve_exec.prepare(w->cx, w->tasks, 1, line, &h), CHY_ERR);
    assert_true(fake_failed_with(w->cx, "serverInternal", "is it a program that can be run?"));
}

/* ---- keys ---- */

static void keys_are_read_in_both_forms(void **state)
{
    static const char *const good[] = {
        "hmac-sha256:update:c2VjcmV0\n",
        "# a comment\nhmac-sha256:update:c2VjcmV0",
        "key \"update\" {\n  algorithm hmac-sha256;\n  secret \"c2VjcmV0\";\n};\n",
        "key update { secret \"c2VjcmV0\"; algorithm \"hmac-sha256\"; };",
        "// made by tsig-keygen\nkey \"update\" { # c\n algorithm hmac-sha256; secret c2VjcmV0; };",
    };
    struct dns_key key;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const char *wrong = dns_key_read(good[i], strlen(good[i]), &key);

        if (wrong != NULL)
            fail_msg("%s: %s", good[i], wrong);
        assert_string_equal(key.name, "update");
        assert_string_equal(key.algorithm, "hmac-sha256");
        assert_string_equal(key.secret, "c2VjcmV0");
    }
}

static void mutated_keys_are_refused_or_whole(void **state)
{
    static const char *const valid[] = {
        "hmac-sha256:update:c2VjcmV0\n",
        "key \"update\" {\n  algorithm hmac-sha256;\n  secret \"c2VjcmV0\";\n};\n"};
    uint32_t seed = 2;
    size_t taken = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct dns_key key;
        char text[100];
        size_t n = mutate(text, valid[i % 2], &seed);

        if (dns_key_read(text, n, &key) != NULL)
            continue;
        taken++;
        assert_true(key.name[0] != '\0' && key.secret[0] != '\0' && strlen(key.name) < 60);
    }
    assert_in_range(taken, 1000, 19000);
}

static void keys_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "no line"},
        {"c2VjcmV0", "no line"},
        {"hmac-sha256:update", "no line"},
        {"hmac-sha256:up date:c2VjcmV0", "no line"},
        {"hmac-sha256:update:c2Vj!", "no line"},
        {"hmac-md5:update:c2VjcmV0", "algorithm is none of"},
        {"hmac-sha384:update:c2VjcmV0", "algorithm is none of"},
        {"hmac-sha256:update:c2VjcmV0 x", "behind the key"},
        {"key", "no line"},
        {"key \"update\"", "no statement"},
        {"key \"update { algorithm hmac-sha256; };", "no statement"},
        {"key update { algorithm hmac-sha256; };", "names no algorithm or no secret"},
        {"key update { algorithm hmac-sha256 secret \"c2VjcmV0\"; };", "between the braces"},
        {"key update { color red; };", "between the braces"},
        {"key update { algorithm hmac-sha256; secret \"c2VjcmV0\"; }; \"x", "does not end"},
        {"key update { algorithm hmac-sha256; secret \"c2VjcmV0\"; }", "does not end"},
        {"key update { algorithm hmac-sha256; secret \"c2VjcmV0\"; }; key", "does not end"},
    };
    struct dns_key key;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *wrong = dns_key_read(bad[i].text, strlen(bad[i].text), &key);

        if (wrong == NULL || strstr(wrong, bad[i].says) == NULL)
            fail_msg("%s: %s", bad[i].text, wrong != NULL ? wrong : "taken");
    }
    assert_non_null(dns_key_read("a\0b", 3, &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(a_request_is_answered_only_when_it_is_whole),
        T(mutated_requests_get_a_proof_only_if_they_ask_for_it),
        T(the_web_server_gives_the_proofs_and_nothing_else),
        T(silent_and_endless_clients_do_not_keep_it),
        T(a_port_that_is_taken_or_none_is_said),
        T(a_web_root_is_left_as_it_was),
        T(a_link_below_a_web_root_is_not_followed),
        T(a_file_that_is_there_is_not_written_over),
        T(the_tls_server_shows_the_digest_of_the_name_asked_for),
        T(an_address_is_asked_for_by_its_reverse_name),
        T(a_program_adds_and_removes),
        T(a_program_is_a_path_and_nothing_for_a_shell),
        T(keys_are_read_in_both_forms),
        T(mutated_keys_are_refused_or_whole),
        T(keys_that_are_none_are_refused),
    };

    signal(SIGPIPE, SIG_IGN); /* of the clients here; the servers take care of themselves */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
