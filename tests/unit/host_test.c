/* SPDX-License-Identifier: Apache-2.0 */
/* The host table as a module meets it: stages are kept apart, orders belong to their module, replies
 * cannot be broken open, secrets stay secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/problem.h"
#include "core/db/db.h"
#include "core/db/rows.h"
#include "core/ext/host.h"
#include "core/net/message.h"
#include "core/store/objects.h"
#include "tests/support/fakehost.h"

static const struct chy_host *const host = &chy_host_table;

static const char *const court_statuses[] = {"adjourned", NULL};
static const struct chy_order_ext court_order = {.statuses = court_statuses};
static const struct chy_module court = {CHY_MODULE("court", "1"), .order_ext = &court_order};
static const struct chy_module other = {CHY_MODULE("other", "1")};

static int setup(void **state)
{
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_REQUEST);

    cx->module = &court;
    *state = cx;
    return 0;
}

static int teardown(void **state)
{
    fake_cx_free(*state);
    return 0;
}

static void assert_note(const struct chy_ctx *cx, const char *says)
{
    assert_string_equal(cx->problem.type->urn, CHY_ACME_ERROR("serverInternal"));
    assert_non_null(cx->problem.note);
    if (strstr(cx->problem.note, says) == NULL)
        fail_msg("'%s' does not say '%s'", cx->problem.note, says);
    if (strstr(cx->problem.detail, says) != NULL)
        fail_msg("the client is told: %s", cx->problem.detail);
}

static void the_table_has_no_hole(void **state)
{
    const void *const *entry = (const void *const *)&host->alloc;
    size_t n = (sizeof *host - offsetof(struct chy_host, alloc)) / sizeof *entry;

    (void)state;
    assert_int_equal(host->size, sizeof *host);
    for (size_t i = 0; i < n; i++) {
        if (entry[i] == NULL)
            fail_msg("function %zu of the host table is missing", i);
    }
}

/* ---- stages ---- */

static enum chy_rc call_db(struct chy_ctx *cx)
{
    return host->db(cx, NULL, NULL, 0, NULL);
}
static enum chy_rc call_dns(struct chy_ctx *cx)
{
    return host->dns_query(cx, "example.org", 1, NULL);
}
static enum chy_rc call_http(struct chy_ctx *cx)
{
    return host->http(cx, NULL, NULL);
}
static enum chy_rc call_tls(struct chy_ctx *cx)
{
    return host->tls_dial(cx, NULL, NULL);
}
static enum chy_rc call_secret(struct chy_ctx *cx)
{
    return host->secret(cx, "nothing", NULL, NULL);
}
static enum chy_rc call_set_state(struct chy_ctx *cx)
{
    struct chy_order o = {.ext = NULL};

    return host->order_set_state(cx, &o, json_object());
}
static enum chy_rc call_set_status(struct chy_ctx *cx)
{
    struct chy_order o = {.status = "ready"};

    return host->order_set_status(cx, &o, "adjourned");
}
static enum chy_rc call_plan_san(struct chy_ctx *cx)
{
    return host->plan_san(cx, NULL, GENERAL_NAME_new());
}
static enum chy_rc call_plan_ext(struct chy_ctx *cx)
{
    return host->plan_ext(cx, NULL, "1.2", false, NULL, 0);
}
static enum chy_rc call_plan_subject(struct chy_ctx *cx)
{
    return host->plan_subject(cx, NULL, "O", "x");
}
static enum chy_rc call_plan_usage(struct chy_ctx *cx)
{
    return host->plan_usage(cx, NULL, "digitalSignature");
}
static enum chy_rc call_plan_ca(struct chy_ctx *cx)
{
    return host->plan_ca(cx, NULL, 0);
}
static enum chy_rc call_plan_validity(struct chy_ctx *cx)
{
    return host->plan_validity(cx, NULL, 0, 1);
}
static enum chy_rc call_plan_key(struct chy_ctx *cx)
{
    const uint8_t digest[32] = {0};

    return host->plan_key_must_be(cx, NULL, digest);
}
static enum chy_rc call_reply(struct chy_ctx *cx)
{
    struct chy_reply rp = {0};

    host->reply_status(cx, &rp, 200);
    assert_int_equal(rp.status == 200, !chy_failed(cx));
    return chy_failed(cx) ? CHY_ERR : CHY_OK;
}

#define AT(s) (1u << CHY_STAGE_##s)
#define DATABASE (AT(REQUEST) | AT(STEP) | AT(JOB) | AT(COMMAND))
#define NETWORK (AT(PROBE) | AT(COMMAND))
#define ORDER (AT(REQUEST) | AT(STEP) | AT(ISSUE) | AT(JOB))

static const struct staged {
    const char *name;
    enum chy_rc (*call)(struct chy_ctx *cx);
    unsigned stages;
} staged[] = {
    {"db", call_db, DATABASE},
    {"dns_query", call_dns, NETWORK},
    {"http", call_http, NETWORK},
    {"tls_dial", call_tls, NETWORK},
    {"secret", call_secret, ~AT(ISSUE)},
    {"order_set_state", call_set_state, ORDER},
    {"order_set_status", call_set_status, ORDER},
    {"plan_san", call_plan_san, AT(ISSUE)},
    {"plan_ext", call_plan_ext, AT(ISSUE)},
    {"plan_subject", call_plan_subject, AT(ISSUE)},
    {"plan_usage", call_plan_usage, AT(ISSUE)},
    {"plan_ca", call_plan_ca, AT(ISSUE)},
    {"plan_validity", call_plan_validity, AT(ISSUE)},
    {"plan_key_must_be", call_plan_key, AT(ISSUE)},
    {"reply_status", call_reply, AT(REQUEST)},
};

static void a_call_from_a_wrong_stage_is_refused_by_name(void **state)
{
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof staged / sizeof *staged; i++) {
        for (unsigned s = CHY_STAGE_REQUEST; s <= CHY_STAGE_COMMAND; s++) {
            if ((staged[i].stages & (1u << s)) != 0)
                continue;
            chy_problem_clear(cx);
            cx->stage = (enum chy_stage)s;
            assert_int_equal(staged[i].call(cx), CHY_ERR);
            assert_note(cx, chy_fmt(cx, "module court called %s, which stage", staged[i].name));
        }
    }
}

/* There is neither database nor network behind this context: getting as far as that is enough. */
static void a_call_from_a_right_stage_gets_past_the_check(void **state)
{
    struct chy_ctx *cx = *state;

    for (size_t i = 0; i < sizeof staged / sizeof *staged; i++) {
        if (staged[i].stages == AT(ISSUE))
            continue; /* goes on to the plan, which is not here */
        for (unsigned s = CHY_STAGE_REQUEST; s <= CHY_STAGE_COMMAND; s++) {
            enum chy_rc rc;

            if ((staged[i].stages & (1u << s)) == 0)
                continue;
            chy_problem_clear(cx);
            cx->stage = (enum chy_stage)s;
            rc = staged[i].call(cx);
            if (rc != CHY_OK && strstr(cx->problem.note, "which stage") != NULL)
                fail_msg("%s at stage %u: %s", staged[i].name, s, cx->problem.note);
        }
    }
    chy_problem_clear(cx);
    cx->stage = CHY_STAGE_REQUEST;
    assert_int_equal(call_db(cx), CHY_ERR);
    assert_note(cx, "module court called db where there is no database");
    chy_problem_clear(cx);
    cx->stage = CHY_STAGE_PROBE;
    assert_int_equal(call_http(cx), CHY_ERR);
    assert_note(cx, "module court called http where there is no network");
}

/* ---- not served yet ---- */

static void what_is_not_served_refuses_by_name(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_order o = {.ext = NULL};
    const struct chy_id id = {{0}};
    const uint8_t *sig;
    struct chy_order *made;
    size_t n;

#define UNSERVED(name, ...)                                                                        \
    do {                                                                                           \
        chy_problem_clear(cx);                                                                     \
        assert_int_equal(host->name(cx, __VA_ARGS__), CHY_ERR);                                    \
        assert_note(cx, "module court called " #name ", which is not served by this version");     \
        assert_int_equal(cx->problem.status, 501);                                                 \
    } while (0)
    UNSERVED(order_create, &id, NULL, &made);
    UNSERVED(order_reissue, &id, NULL, 1);
    UNSERVED(order_use_issuer, &o, "x", json_object());
    UNSERVED(order_public, &o, true);
    UNSERVED(authz_grant, &o, NULL, json_object());
    UNSERVED(outbox, "smtp", NULL);
    UNSERVED(challenge_wake, "key", "lmtp", NULL);
    UNSERVED(sign_with, "key", NULL, 0, &sig, &n);
}

/* ---- basic services ---- */

static void tokens_have_256_bits_and_differ(void **state)
{
    struct chy_ctx *cx = *state;
    char *a = host->token(cx), *b = host->token(cx);

    assert_int_equal(strlen(a), 43);
    assert_string_not_equal(a, b);
}

static void a_failure_without_a_type_is_an_internal_one(void **state)
{
    static const struct chy_problem_type odd = {"urn:x", 200};
    struct chy_ctx *cx = *state;

    assert_int_equal((host->fail)(cx, NULL, "f.c", 7, "why %d", 1), CHY_ERR);
    assert_note(cx, "module court failed without a problem type: why 1");
    assert_string_equal(cx->problem.file, "f.c");
    chy_problem_clear(cx);
    assert_int_equal((host->fail)(cx, &odd, "f.c", 7, "why"), CHY_ERR);
    assert_note(cx, "without a problem type");
    chy_problem_clear(cx);
    assert_int_equal((host->fail)(cx, &CHY_P_caa, "f.c", 7, "why %s", "%s"), CHY_ERR);
    assert_string_equal(cx->problem.detail, "why %s");
    assert_int_equal(cx->problem.status, 403);
}

static void without_a_policy_there_is_no_document(void **state)
{
    struct chy_ctx *cx = *state;

    assert_null(host->policy_get(cx, "profiles", "web"));
    assert_null(host->policy_revision(cx));
}

/* ---- secrets ---- */

static void secrets_are_read_whole_and_their_place_is_not_told(void **state)
{
    const char *tmp = getenv("TMPDIR");
    struct chy_ctx *cx = *state;
    char path[128], reference[140];
    const uint8_t *got;
    size_t n;
    int fd;

    snprintf(path, sizeof path, "%s/secret-XXXXXX", tmp != NULL ? tmp : "/tmp");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "hush\n", 5), 5);
    close(fd);
    snprintf(reference, sizeof reference, "file:%s", path);
    assert_int_equal(host->secret(cx, reference, &got, &n), CHY_OK);
    assert_int_equal(n, 5);
    assert_memory_equal(got, "hush\n", 5);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(host->secret(cx, reference, &got, &n), CHY_ERR);
    assert_note(cx, path);
    chy_problem_clear(cx);
    assert_int_equal(host->secret(cx, "env:HOME", &got, &n), CHY_ERR);
    assert_note(cx, "does not begin with file:/");
    chy_problem_clear(cx);
    assert_int_equal(host->secret(cx, "file:relative", &got, &n), CHY_ERR);
    assert_note(cx, "does not begin with file:/");
    chy_problem_clear(cx);
    assert_int_equal(host->secret(cx, "file:/dev/zero", &got, &n), CHY_ERR);
    assert_note(cx, "not a regular file");
}

/* ---- accounts and orders ---- */

static void the_state_of_an_order_is_its_modules_own(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_order o = {.ext = NULL};

    assert_null(host->order_state(cx, &o));
    assert_int_equal(host->order_set_state(cx, &o, json_pack("{s:i}", "n", 1)), CHY_OK);
    assert_int_equal(json_integer_value(json_object_get(host->order_state(cx, &o), "n")), 1);
    cx->module = &other;
    assert_null(host->order_state(cx, &o));
    assert_int_equal(host->order_set_state(cx, &o, json_pack("{s:i}", "n", 2)), CHY_OK);
    cx->module = &court;
    assert_int_equal(json_integer_value(json_object_get(host->order_state(cx, &o), "n")), 1);
    assert_int_equal(host->order_set_state(cx, &o, NULL), CHY_OK);
    assert_null(host->order_state(cx, &o));
    assert_int_equal(json_object_size(o.ext), 1);
    assert_int_equal(host->order_set_state(cx, &o, json_array()), CHY_ERR);
    assert_note(cx, "module court: state of an order is no object");
}

static void a_module_sets_no_status_but_its_own(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_order o = {.status = "pending"};

    assert_int_equal(host->order_set_status(cx, &o, "valid"), CHY_ERR);
    assert_note(cx, "module court set the order status 'valid', which is not one of its own");
    assert_string_equal(o.status, "pending");
    chy_problem_clear(cx);
    assert_int_equal(host->order_set_status(cx, &o, "adjourned"), CHY_OK);
    assert_string_equal(o.status, "adjourned");
    cx->module = &other;
    assert_int_equal(host->order_set_status(cx, &o, "adjourned"), CHY_ERR);
    assert_note(cx, "module other set the order status");
}

static void accounts_and_orders_are_read_through_the_host(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_account a = {.id = {{1}}, .thumbprint = "print"};
    struct chy_ident idents[2] = {{.type = "x", .value = "1"}, {.type = "x", .value = "2"}};
    struct chy_order o = {.id = {{2}},
                          .account = &a,
                          .status = "ready",
                          .profile = "web",
                          .n_idents = 2,
                          .idents = idents};
    size_t n;

    assert_ptr_equal(host->account_id(&a), &a.id);
    assert_string_equal(host->account_thumbprint(&a), "print");
    assert_string_equal(host->account_url(cx, &a),
                        "https://localhost:14000/account/AQAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_ptr_equal(host->order_id(&o), &o.id);
    assert_ptr_equal(host->order_account(&o), &a);
    assert_string_equal(host->order_status(&o), "ready");
    assert_string_equal(host->order_profile(&o), "web");
    assert_ptr_equal(host->order_idents(&o, &n), idents);
    assert_int_equal(n, 2);
}

/* ---- messages ---- */

static void requests_are_read_through_the_host(void **state)
{
    const struct chy_header headers[] = {{"If-Match", "x"}}, vars[] = {{"cert", "abc"}};
    const uint8_t exporter[32] = {7};
    const struct chy_request rq = {.method = "POST",
                                   .headers = headers,
                                   .n_headers = 1,
                                   .body = (const uint8_t *)"body",
                                   .body_len = 4,
                                   .tls_exporter = exporter,
                                   .vars = vars,
                                   .n_vars = 1};
    size_t n;

    (void)state;
    assert_string_equal(host->request_method(&rq), "POST");
    assert_string_equal(host->request_var(&rq, "cert"), "abc");
    assert_null(host->request_var(&rq, "Cert"));
    assert_string_equal(host->request_header(&rq, "if-match"), "x");
    assert_null(host->request_header(&rq, "if"));
    assert_memory_equal(host->request_body(&rq, &n), "body", 4);
    assert_int_equal(n, 4);
    assert_null(host->request_account(&rq));
    assert_null(host->request_payload(&rq));
    assert_null(host->request_peer_chain(&rq));
    assert_null(host->request_trust_set(&rq));
    assert_ptr_equal(host->request_channel_binding(&rq, "tls-exporter", &n), exporter);
    assert_int_equal(n, 32);
    assert_null(host->request_channel_binding(&rq, "tls-unique", &n));
    assert_int_equal(n, 0);
}

static void a_reply_copies_what_it_is_given(void **state)
{
    struct chy_ctx *cx = *state;
    char value[] = "one", type[] = "text/plain", body[] = "two";
    struct chy_reply rp = {0};

    host->reply_header(cx, &rp, "X-Test", value);
    host->reply_body(cx, &rp, type, body, 3);
    memset(value, '?', 3);
    memset(type, '?', 4);
    memset(body, '?', 3);
    assert_false(chy_failed(cx));
    assert_string_equal(rp.headers[0].value, "one");
    assert_string_equal(rp.content_type, "text/plain");
    assert_memory_equal(rp.body, "two", 3);
}

static void a_reply_cannot_be_broken_open(void **state)
{
    static const struct {
        const char *name, *value;
    } bad[] = {
        {"X-A", "b\r\nX-C: d"},
        {"X-A", "b\n"},
        {"X A", "b"},
        {"", "b"},
        {"X-A:", "b"},
        {"X-A", "\xff"},
        {"Content-Length", "0"},
        {"connection", "close"},
        {"transfer-encoding", "chunked"},
        {"date", "now"},
        {"replay-nonce", "n"},
        {"www-authenticate", "Basic"},
        {"access-control-allow-origin", "*"},
    };
    struct chy_ctx *cx = *state;
    struct chy_reply rp = {0};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        chy_problem_clear(cx);
        host->reply_header(cx, &rp, bad[i].name, bad[i].value);
        assert_true(chy_failed(cx));
        assert_note(cx, "cannot be sent");
    }
    assert_int_equal(rp.n_headers, 0);
    chy_problem_clear(cx);
    /* Core has room for its own afterwards. */
    for (int i = 0; i <= CHY_REPLY_HEADERS_MODULE; i++)
        host->reply_header(cx, &rp, "X-A", "b");
    assert_note(cx, "the header X-A cannot be sent");
    assert_int_equal(rp.n_headers, CHY_REPLY_HEADERS_MODULE);
    chy_problem_clear(cx);
    host->reply_header(cx, &rp, "X-A", NULL);
    assert_note(cx, "without a name or value");
    chy_problem_clear(cx);
    host->reply_status(cx, &rp, 101);
    assert_note(cx, "the status 101 cannot be sent");
    chy_problem_clear(cx);
    host->reply_body(cx, &rp, "text/plain\r\nX: y", "", 0);
    assert_note(cx, "content type");
}

static void a_reply_of_json_is_an_object(void **state)
{
    struct chy_ctx *cx = *state;
    struct chy_reply rp = {0};
    json_t *deep = json_object();

    host->reply_json(cx, &rp, NULL);
    assert_note(cx, "no object that can be sent");
    chy_problem_clear(cx);
    host->reply_json(cx, &rp, chy_keep_json(cx, json_array()));
    assert_note(cx, "no object that can be sent");
    chy_problem_clear(cx);
    for (int i = 0; i < 100; i++)
        deep = json_pack("{s:o}", "x", deep);
    host->reply_json(cx, &rp, chy_keep_json(cx, deep));
    assert_note(cx, "no object that can be sent");
    assert_null(rp.body);
    chy_problem_clear(cx);
    host->reply_json(cx, &rp, chy_keep_json(cx, json_object()));
    assert_string_equal(rp.body, "{}");
}

/* Rows of two columns that no server sent. */
static struct chy_rows *two_columns(struct chy_ctx *cx)
{
    PGresAttDesc columns[2] = {{.name = (char *)"a"}, {.name = (char *)"b"}};
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

    assert_int_not_equal(PQsetResultAttrs(res, 2, columns), 0);
    assert_int_not_equal(PQsetvalue(res, 0, 0, (char *)"7", 1), 0);
    assert_int_not_equal(PQsetvalue(res, 0, 1, (char *)"t", 1), 0);
    return chy_rows_new(cx, res);
}

static void a_row_that_is_not_there_fails_the_unit(void **state)
{
    struct chy_ctx *cx = *state;
    const struct chy_rows *r = two_columns(cx);
    size_t n = 9;

    assert_int_equal(host->row_int(r, 0, 0), 7);
    assert_false(chy_failed(cx));
    assert_null(host->row_text(r, 0, 2));
    assert_note(cx, "module court reads row 0, column 2");
    chy_problem_clear(cx);
    assert_int_equal(host->row_int(r, 1, 0), 0);
    assert_note(cx, "module court reads row 1, column 0");
    chy_problem_clear(cx);
    assert_true(host->row_null(r, 5, 5));
    assert_null(host->row_bytes(r, 5, 5, &n));
    assert_int_equal(n, 0);
    assert_null(host->row_json(cx, r, 5, 5));
    assert_note(cx, "module court reads");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(the_table_has_no_hole),
        T(a_call_from_a_wrong_stage_is_refused_by_name),
        T(a_call_from_a_right_stage_gets_past_the_check),
        T(what_is_not_served_refuses_by_name),
        T(tokens_have_256_bits_and_differ),
        T(a_failure_without_a_type_is_an_internal_one),
        T(without_a_policy_there_is_no_document),
        T(secrets_are_read_whole_and_their_place_is_not_told),
        T(the_state_of_an_order_is_its_modules_own),
        T(a_module_sets_no_status_but_its_own),
        T(accounts_and_orders_are_read_through_the_host),
        T(requests_are_read_through_the_host),
        T(a_reply_copies_what_it_is_given),
        T(a_reply_cannot_be_broken_open),
        T(a_reply_of_json_is_an_object),
        T(a_row_that_is_not_there_fails_the_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
