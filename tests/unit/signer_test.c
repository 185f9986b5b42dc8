/* SPDX-License-Identifier: Apache-2.0 */
/* The signer over its socket: ceilings, serials, peers, the wire, start and end. */
#include "tests/unit/signer_fixture.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/b64.h"
#include "core/base/json.h"
#include "core/pki/frame.h"

static int setup(void **state)
{
    *state = signer_world_new();
    return 0;
}

static int teardown(void **state)
{
    signer_world_free(*state);
    return 0;
}

#define REFUSED(call, words)                                                                       \
    do {                                                                                           \
        assert_int_equal(call, CHY_ERR);                                                           \
        assert_refused(w->cx, &CHY_P_serverInternal, words);                                       \
    } while (0)

static void signature_makes_a_certificate_and_a_log_line(void **state)
{
    struct signer_world *w = *state;
    struct chy_cert_plan *p = good_plan(w);
    struct tbs t = tbs_of(w, p);
    struct signature s = {.maybe = true};
    const uint8_t *der;
    uint8_t digest[32];
    json_t *line;
    size_t n;
    char *text;

    start_signer(w);
    ok(w->cx, chy_signer_ping(w->cx, w->client, "web-1"));
    assert_int_equal(log_lines(w), 0);
    ok(w->cx, ask_signer(w, t, &s));
    assert_true(s.maybe);
    ok(w->cx, chy_plan_finish(w->cx, p, &w->issuer, t.b, t.n, s.b, s.n, &der, &n));
    assert_int_equal(log_lines(w), 1);
    text = log_text(w, &n);
    ok(w->cx, chy_json_object(w->cx, "line", text, n - 1, &line));
    assert_string_equal(json_string_value(json_object_get(line, "issuer")), "web-1");
    assert_int_equal(json_integer_value(json_object_get(line, "uid")), getuid());
    assert_int_equal(json_integer_value(json_object_get(line, "pid")), getpid());
    assert_int_equal(strspn(json_string_value(json_object_get(line, "prev")), "0"), 64);
    EVP_Digest(t.b, t.n, digest, NULL, EVP_sha256(), NULL);
    for (int i = 0; i < 32; i++) {
        char hex[3];

        snprintf(hex, sizeof hex, "%02x", digest[i]);
        assert_memory_equal(json_string_value(json_object_get(line, "tbs_sha256")) + 2 * i, hex, 2);
    }
    assert_int_equal(strlen(json_string_value(json_object_get(line, "serial"))), 40);
}

static void serial_is_signed_once_across_restarts(void **state)
{
    struct signer_world *w = *state;
    struct tbs t = tbs_of(w, good_plan(w));
    struct signature s;

    start_signer(w);
    ok(w->cx, ask_signer(w, t, &s));
    REFUSED(ask_signer(w, t, &s), "signed before");
    assert_true(s.maybe);
    stop_signer(w);
    start_signer(w);
    REFUSED(ask_signer(w, t, &s), "signed before");
    assert_true(s.maybe);
    assert_int_equal(log_lines(w), 1);
}

/* ---- ceilings ---- */

static struct tbs patched(struct signer_world *w, struct tbs t, const char *from, const char *to,
                          size_t n)
{
    uint8_t *copy = chy_alloc(w->cx, t.n), *at;

    memcpy(copy, t.b, t.n);
    at = memmem(copy, t.n, from, n);
    assert_non_null(at);
    memcpy(at, to, n);
    return (struct tbs){copy, t.n};
}

static void refuse_tbs(struct signer_world *w, struct tbs t, const char *words)
{
    struct signature s = {.maybe = true};

    REFUSED(ask_signer(w, t, &s), words);
    assert_false(s.maybe);
    assert_int_equal(log_lines(w), 0);
}

static void refuse_plan(struct signer_world *w, struct chy_cert_plan *p, const char *words)
{
    refuse_tbs(w, tbs_of(w, p), words);
}

static void lifetimes_are_bounded(void **state)
{
    struct signer_world *w = *state;
    struct chy_cert_plan *p = good_plan(w);
    struct signature s;

    start_signer(w);
    p->not_after = p->not_before + 100 * 86400;
    refuse_plan(w, p, "lifetime is over the issuer's max-lifetime");
    p->not_after = p->not_before - 1;
    refuse_plan(w, p, "ends before it begins");
    p->not_before = chy_clock_now() - 49 * 3600;
    p->not_after = p->not_before + 86400;
    refuse_plan(w, p, "more than 48 hours ago");
    p->not_before = w->issuer.not_after - 86400;
    p->not_after = w->issuer.not_after + 1;
    refuse_plan(w, p, "past the issuer's own");
    p->not_before = chy_clock_now() - 47 * 3600;
    p->not_after = p->not_before + 100 * 86400 - 1; /* the last second that fits */
    ok(w->cx, ask_signer(w, tbs_of(w, p), &s));
}

static void heads_are_judged(void **state)
{
    struct signer_world *w = *state;
    struct chy_cert_plan *p = good_plan(w);
    struct chy_issuer_cert other = w->issuer;
    struct chy_authority ca;
    struct tbs t;
    char serial[3] = {0x02, 0x14, 0}, negative[3] = {0x02, 0x14, (char)0x81};

    start_signer(w);
    t = tbs_of(w, p);
    serial[2] = (char)p->serial.b[0];
    refuse_tbs(w, patched(w, t, serial, negative, 3), "not a positive number of 20 octets");
    refuse_tbs(w, patched(w, t, "\xa0\x03\x02\x01\x02", "\xa0\x03\x02\x01\x01", 5),
               "version is not 3");
    refuse_tbs(w, (struct tbs){t.b, t.n - 1}, "not a TBSCertificate");
    refuse_tbs(w, (struct tbs){(const uint8_t *)"\x30\x00", 2}, "not a TBSCertificate");
    other.sig_nid = NID_ecdsa_with_SHA384;
    p->issuer = &other;
    refuse_plan(w, p, "signature algorithm");
    ok(w->cx, chy_authority_make(w->cx, "Other", &ca));
    ok(w->cx, chy_issuer_cert_read(w->cx, "web-1", ca.issuing_pem, &other));
    refuse_plan(w, p, "issuer is not the subject");
}

static EVP_PKEY *exponent_three(void)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *e = BN_new();
    EVP_PKEY *key = NULL;

    BN_set_word(e, 3);
    EVP_PKEY_keygen_init(c);
    EVP_PKEY_CTX_set1_rsa_keygen_pubexp(c, e);
    assert_int_equal(EVP_PKEY_generate(c, &key), 1);
    EVP_PKEY_CTX_free(c);
    BN_free(e);
    return key;
}

static void subject_keys_are_judged(void **state)
{
    struct signer_world *w = *state;
    struct {
        EVP_PKEY *key;
        const char *words;
    } cases[] = {
        {ec_key("P-384"), "kind of public key is not allowed"},
        {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "kind of public key is not allowed"},
        {exponent_three(), "exponent is not 65537"},
    };

    start_signer(w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        w->csr = read_request(w->cx, &(struct request){.key = cases[i].key});
        refuse_plan(w, good_plan(w), cases[i].words);
        EVP_PKEY_free(cases[i].key);
    }
}

static void extensions_and_ca_are_judged(void **state)
{
    struct signer_world *w = *state;
    struct chy_cert_plan *p = good_plan(w);
    struct tbs t;

    start_signer(w);
    t = tbs_of(w, p);
    refuse_tbs(w, patched(w, t, "\x03\x02\x07\x80", "\x03\x02\x02\x04", 4),
               "keyCertSign or cRLSign without a CA");
    refuse_tbs(w, patched(w, t, "\x03\x02\x07\x80", "\x03\x02\x07\x81", 4),
               "extension 2.5.29.15 is not DER");
    refuse_tbs(w, patched(w, t, "\x06\x03\x55\x1d\x25", "\x06\x03\x55\x1d\x0e", 5),
               "extension 2.5.29.14 stands twice");
    ok(w->cx, chy_plan_ext(w->cx, p, "1.2.3.4", false, (const uint8_t *)"\x05\x00", 2));
    refuse_plan(w, p, "extension 1.2.3.4 is not allowed");
    p = good_plan(w);
    p->ca = true;
    refuse_plan(w, p, "would be a CA's");
}

static void ceilings_can_allow_more(void **state)
{
    struct signer_world *w = *state;
    struct chy_cert_plan *p = good_plan(w);
    struct signature s;

    put_ceilings(w, "    extensions: [\"2.5.29.14\", \"2.5.29.15\", \"2.5.29.17\", \"2.5.29.19\",\n"
                    "                 \"2.5.29.35\", \"2.5.29.37\", \"1.2.3.4\"]\n"
                    "    allow-ca: true\n");
    start_signer(w);
    ok(w->cx, chy_plan_ext(w->cx, p, "1.2.3.4", false, (const uint8_t *)"\x05\x00", 2));
    p->ca = true;
    p->path_len = 0;
    ok(w->cx, ask_signer(w, tbs_of(w, p), &s));
}

static void names_stay_under_permitted_suffixes(void **state)
{
    static const struct {
        int type;
        const char *name;
        bool good;
    } cases[] = {
        {GEN_DNS, "shop.example", true},       {GEN_DNS, "WWW.SHOP.example", true},
        {GEN_DNS, "*.shop.example", true},     {GEN_DNS, "evilshop.example", false},
        {GEN_DNS, "shop.example.evil", false}, {GEN_DNS, "example", false},
        {GEN_IPADD, "192.0.2.1", false},       {GEN_EMAIL, "a@shop.example", false},
    };
    struct signer_world *w = *state;
    struct chy_cert_plan *p;
    struct signature s;

    put_ceilings(w, "    permitted-dns: [shop.example]\n");
    start_signer(w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        p = good_plan(w);
        ok(w->cx, chy_plan_san(w->cx, p, name_of(cases[i].type, cases[i].name)));
        if (cases[i].good) {
            ok(w->cx, ask_signer(w, tbs_of(w, p), &s));
        } else {
            REFUSED(ask_signer(w, tbs_of(w, p), &s), "is not under a permitted");
        }
    }
    p = good_plan(w);
    ok(w->cx, chy_plan_subject(w->cx, p, "CN", "www.evil.example"));
    REFUSED(ask_signer(w, tbs_of(w, p), &s), "common name is not one of");
}

/* ---- peers and the wire ---- */

static void other_users_are_turned_away(void **state)
{
    struct signer_world *w = *state;
    struct signature s = {.maybe = true};

    put_file(w, "ceilings.yaml",
             chy_fmt(w->cx,
                     "version: 1\nclients: [\"%u\"]\nissuers:\n  web-1:\n    key: file:%s/ca.key\n"
                     "    certificate: %s/ca.pem\n    max-lifetime: 1d\n    keys: [ec-p256]\n",
                     (unsigned)getuid() + 1, w->dir, w->dir),
             0644);
    start_signer(w);
    REFUSED(ask_signer(w, tbs_of(w, good_plan(w)), &s), "user may not ask this signer");
    assert_false(s.maybe);
    assert_int_equal(log_lines(w), 0);
}

static void absent_signer_is_busy_and_has_not_signed(void **state)
{
    struct signer_world *w = *state;
    struct signature s = {.maybe = true};

    assert_int_equal(ask_signer(w, tbs_of(w, good_plan(w)), &s), CHY_ERR);
    assert_int_equal(w->cx->problem.status, 503);
    assert_refused(w->cx, &CHY_P_serverInternal, "cannot be reached");
    assert_false(s.maybe);
    assert_int_equal(chy_signer_ping(w->cx, w->client, "web-1"), CHY_ERR);
    chy_problem_clear(w->cx);
    start_signer(w); /* and the same client goes on */
    ok(w->cx, chy_signer_ping(w->cx, w->client, "web-1"));
    stop_signer(w);
    start_signer(w);
    ok(w->cx, ask_signer(w, tbs_of(w, good_plan(w)), &s));
    REFUSED(chy_signer_ping(w->cx, w->client, "web-2"), "no key for issuer web-2");
}

static int dial(struct signer_world *w)
{
    struct sockaddr_un to;
    int fd = chy_frame_socket(w->socket, &to);

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void malformed_questions_are_refused(void **state)
{
    static const struct {
        const char *question, *words;
    } cases[] = {
        {"nonsense", "not JSON"},
        {"[]", "not a JSON object"},
        {"{}", "\\\"op\\\" is missing"},
        {"{\"op\":1}", "\\\"op\\\" is not a string"},
        {"{\"op\":\"ping\"}", "\\\"issuer\\\" is missing"},
        {"{\"op\":\"ping\",\"issuer\":\"no\"}", "no key for issuer no"},
        {"{\"op\":\"burn\",\"issuer\":\"web-1\"}", "op is neither sign nor ping"},
        {"{\"op\":\"sign\",\"issuer\":\"web-1\"}", "\\\"tbs\\\" is missing"},
        {"{\"op\":\"sign\",\"issuer\":\"web-1\",\"tbs\":\"a+b=\"}", "tbs is not base64url"},
        {"{\"op\":\"sign\",\"issuer\":\"web-1\",\"tbs\":\"\"}", "not a TBSCertificate"},
        {"{\"op\":\"sign\",\"op\":\"ping\",\"issuer\":\"web-1\"}", "duplicate"},
    };
    struct signer_world *w = *state;
    uint8_t *said = chy_alloc(w->cx, CHY_FRAME_MAX + 1);
    int fd;

    start_signer(w);
    fd = dial(w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) { /* all over one connection */
        const char *q = cases[i].question;
        size_t n;

        assert_int_equal(chy_frame_write(fd, 5000, q, strlen(q)), CHY_FRAME_WHOLE);
        assert_int_equal(chy_frame_read(fd, 5000, 5000, said, &n), CHY_FRAME_WHOLE);
        said[n] = '\0';
        if (strstr((char *)said, "\"ok\":false") == NULL ||
            strstr((char *)said, cases[i].words) == NULL)
            fail_msg("%s: %s", q, said);
    }
    close(fd);
}

static void ill_formed_frames_end_the_connection(void **state)
{
    static const struct {
        const char *b;
        size_t n;
    } cases[] = {{"\0\0\0\0", 4}, {"\0\2\0\1", 4}, {"\xff\xff\xff\xff", 4}, {"GET / HTTP/1.1", 14}};
    struct signer_world *w = *state;
    uint8_t *said = chy_alloc(w->cx, CHY_FRAME_MAX);
    struct signature s;
    size_t n;

    start_signer(w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = dial(w);
        enum chy_frame_end e;

        assert_int_equal(send(fd, cases[i].b, cases[i].n, MSG_NOSIGNAL), cases[i].n);
        e = chy_frame_read(fd, 5000, 5000, said, &n);
        assert_true(e == CHY_FRAME_NONE || e == CHY_FRAME_BROKEN);
        close(fd);
    }
    for (int i = 0; i < 20; i++) { /* cut short at each place of a header */
        int fd = dial(w);

        send(fd, "\0\0\0\x09{\"op\":", (size_t)(i % 11), MSG_NOSIGNAL);
        close(fd);
    }
    ok(w->cx, ask_signer(w, tbs_of(w, good_plan(w)), &s));
}

static void idle_connections_do_not_hold_up_the_end(void **state)
{
    struct signer_world *w = *state;
    int fds[20];
    int64_t from;

    start_signer(w);
    for (int i = 0; i < 20; i++) {
        fds[i] = dial(w);
        send(fds[i], "\0\0", (size_t)(i % 3), MSG_NOSIGNAL);
    }
    ok(w->cx, chy_signer_ping(w->cx, w->client, "web-1"));
    from = chy_clock_ms();
    stop_signer(w);
    assert_true(chy_clock_ms() - from < 3000);
    for (int i = 0; i < 20; i++)
        close(fds[i]);
}

/* ---- many at once ---- */

struct asker {
    struct signer_world *w;
    struct tbs t;
    const struct tbs *many;
    int n, signed_n, maybe_n;
};

static void *ask_same(void *arg)
{
    struct asker *a = arg;
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_ISSUE);
    struct chy_signer *client = chy_signer_new(a->w->socket);
    const uint8_t *sig;
    size_t n;
    bool maybe;

    for (int i = 0; i < a->n; i++) {
        struct tbs t = a->many != NULL ? a->many[i] : a->t;

        if (chy_signer_sign(cx, client, "web-1", t.b, t.n, &sig, &n, &maybe) == CHY_OK)
            a->signed_n++;
        else if (maybe)
            a->maybe_n++;
        else if (cx->problem.status == 503)
            break; /* it has gone */
        chy_problem_clear(cx);
    }
    chy_signer_free(client);
    fake_cx_free(cx);
    return NULL;
}

static void parallel_requests_for_one_serial_get_one_signature(void **state)
{
    struct signer_world *w = *state;
    struct asker askers[8];
    pthread_t threads[8];
    int got = 0;

    start_signer(w);
    for (int i = 0; i < 8; i++) {
        askers[i] = (struct asker){.w = w, .n = 5};
    }
    askers[0].t = tbs_of(w, good_plan(w));
    for (int i = 0; i < 8; i++) {
        askers[i].t = askers[0].t;
        pthread_create(&threads[i], NULL, ask_same, &askers[i]);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        got += askers[i].signed_n;
        assert_int_equal(askers[i].signed_n + askers[i].maybe_n, 5);
    }
    assert_int_equal(got, 1);
    assert_int_equal(log_lines(w), 1);
}

#define ASKERS 8
#define EACH 25

static void start_askers(struct signer_world *w, struct asker *askers, pthread_t *threads)
{
    for (int i = 0; i < ASKERS; i++) {
        struct tbs *many = chy_alloc(w->cx, EACH * sizeof *many);

        for (int k = 0; k < EACH; k++)
            many[k] = tbs_of(w, good_plan(w));
        askers[i] = (struct asker){.w = w, .many = many, .n = EACH};
    }
    for (int i = 0; i < ASKERS; i++)
        pthread_create(&threads[i], NULL, ask_same, &askers[i]);
}

static void log_of_many_threads_is_one_chain(void **state)
{
    struct signer_world *w = *state;
    struct asker askers[ASKERS];
    pthread_t threads[ASKERS];

    start_signer(w);
    start_askers(w, askers, threads);
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(askers[i].signed_n, EACH);
    }
    stop_signer(w);
    assert_int_equal(log_lines(w), ASKERS * EACH);
    ok(w->cx, open_signer(w)); /* proves the chain */
    assert_int_equal(chy_serials_count(w->state.serials), ASKERS * EACH);
}

/* Whatever the moment: who has a signature is in the log, and who was told no is not. */
static void stopping_finishes_what_was_asked(void **state)
{
    struct signer_world *w = *state;
    struct asker askers[ASKERS];
    pthread_t threads[ASKERS];
    size_t got = 0, maybe = 0;

    start_signer(w);
    start_askers(w, askers, threads);
    while (log_lines(w) < 10)
        usleep(1000);
    stop_signer(w);
    for (int i = 0; i < ASKERS; i++) {
        pthread_join(threads[i], NULL);
        got += (size_t)askers[i].signed_n;
        maybe += (size_t)askers[i].maybe_n;
    }
    assert_true(log_lines(w) >= got && log_lines(w) <= got + maybe);
    ok(w->cx, open_signer(w));
}

/* ---- the socket's place ---- */

static void places_of_others_are_not_taken(void **state)
{
    struct signer_world *w = *state;
    struct chy_ctx *cx = w->cx;
    struct stat st;
    int fd = -1;

    start_signer(w);
    assert_int_equal(stat(w->socket, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    REFUSED(chy_signer_listen(cx, w->socket, w->state.ceilings, &fd), "another signer answers");
    put_file(w, "file", "x", 0600);
    REFUSED(chy_signer_listen(cx, in_dir(w, "file"), w->state.ceilings, &fd), "is not a socket");
    REFUSED(chy_signer_listen(cx, in_dir(w, "no/s"), w->state.ceilings, &fd),
            "folder of the socket cannot be used");
    chmod(w->dir, 0777);
    REFUSED(chy_signer_listen(cx, in_dir(w, "t"), w->state.ceilings, &fd),
            "anybody may write into the socket's folder");
    chmod(w->dir, 0700);
    assert_int_equal(fd, -1);
    REFUSED(chy_signer_listen(
                cx,
                in_dir(w, "0123456789012345678901234567890123456789012345678901234567890123456"
                          "78901234567890123456789012345678901234567890"),
                w->state.ceilings, &fd),
            "File name too long");
}

static void socket_of_a_dead_signer_is_replaced(void **state)
{
    struct signer_world *w = *state;
    struct sockaddr_un at;
    int fd = chy_frame_socket(w->socket, &at);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd);
    start_signer(w);
    ok(w->cx, chy_signer_ping(w->cx, w->client, "web-1"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(signature_makes_a_certificate_and_a_log_line),
        TEST(serial_is_signed_once_across_restarts),
        TEST(lifetimes_are_bounded),
        TEST(heads_are_judged),
        TEST(subject_keys_are_judged),
        TEST(extensions_and_ca_are_judged),
        TEST(ceilings_can_allow_more),
        TEST(names_stay_under_permitted_suffixes),
        TEST(other_users_are_turned_away),
        TEST(absent_signer_is_busy_and_has_not_signed),
        TEST(malformed_questions_are_refused),
        TEST(ill_formed_frames_end_the_connection),
        TEST(idle_connections_do_not_hold_up_the_end),
        TEST(parallel_requests_for_one_serial_get_one_signature),
        TEST(log_of_many_threads_is_one_chain),
        TEST(stopping_finishes_what_was_asked),
        TEST(places_of_others_are_not_taken),
        TEST(socket_of_a_dead_signer_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
