/* SPDX-License-Identifier: Apache-2.0 */
/* What "chancery request" says: one line for each thing, or one JSON object. */
#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>

#include "core/base/clock.h"
#include "core/base/problem.h"
#include "core/pki/cert.h"
#include "services/chancery/commands.h"
#include "services/chancery/request.h"

/* ---- ways out ---- */

static const struct {
    const struct chy_problem_type *type;
    const char *help;
} ways_out[] = {
    {&CHY_P_rejectedIdentifier, "the server's policy does not give this name to this account; ask "
                                "for another, or have its operator allow it"},
    {&CHY_P_unsupportedIdentifier, "the server knows no identifiers of that type"},
    {&CHY_P_invalidProfile, "leave --profile out for the server's usual one"},
    {&CHY_P_rateLimited, "too much was asked in too short a time; try again later"},
    {&CHY_P_badPublicKey, "choose another --key-type"},
    {&CHY_P_badCSR, "the server does not certify such a key or name; try another --key-type"},
    {&CHY_P_incorrectResponse, "something else answered in our place: does the name lead to this "
                               "machine, from where the server looks?"},
    {&CHY_P_connection, "the server did not get through: does the name lead to this machine, and "
                        "does its firewall let the server in?"},
    {&CHY_P_dns, "the name could not be looked up; is its zone served and signed as it should be?"},
    {&CHY_P_caa, "a CAA record of the zone names other CAs; add this one to it"},
    {&CHY_P_tls, "something else answered in our place; is another TLS server on that port?"},
    {&CHY_P_externalAccountRequired, "ask the server's operator for --eab-kid and --eab-key"},
    {&CHY_P_userActionRequired, "the server's terms have changed; look at its web site"},
    {&CHY_P_serverInternal, "the fault is the server's; try again later"},
};

static const char *way_out(const char *type)
{
    for (size_t i = 0; type != NULL && i < sizeof ways_out / sizeof *ways_out; i++)
        if (strcmp(type, ways_out[i].type->urn) == 0)
            return ways_out[i].help;
    return NULL;
}

/* ---- refusals ---- */

static void print_problem(const struct chy_client_problem *p)
{
    if (p->ident_value != NULL)
        fprintf(stderr, "  %s: ", p->ident_value);
    else
        fputs("  ", stderr);
    fprintf(stderr, "%s: %s\n", p->type != NULL ? p->type : "(no type)",
            p->detail != NULL ? p->detail : "(no detail)");
}

/* Each thing to do once, however often it would help. */
static void print_ways_out(const struct chy_client_problem *p)
{
    const char *said[16];
    size_t n = 0;

    for (size_t i = 0; i <= p->n_sub; i++) {
        const char *help = way_out(i == 0 ? p->type : p->sub[i - 1].type);
        bool again = help == NULL || n == sizeof said / sizeof *said;

        for (size_t k = 0; k < n && !again; k++)
            again = said[k] == help;
        if (again)
            continue;
        said[n++] = help;
        fprintf(stderr, "  What may help: %s\n", help);
    }
    if (p->retry_after_s > 0)
        fprintf(stderr, "  The server asks to wait %u seconds.\n", p->retry_after_s);
}

static void print_refusal(const struct chy_ctx *cx, const struct chy_client_problem *p)
{
    fflush(stdout);
    fprintf(stderr, "chancery request: %s\n", chy_cli_reason(cx));
    if (p == NULL)
        return;
    /* Its own line says what the server's answer says already; what an order or a challenge holds is
     * new. */
    if (p->status == 0 && p->type != NULL)
        print_problem(p);
    for (size_t i = 0; i < p->n_sub; i++) {
        print_problem(&p->sub[i]);
        for (size_t k = 0; k < p->sub[i].n_sub; k++)
            print_problem(&p->sub[i].sub[k]);
    }
    if (p->n_sub_left_out > 0)
        fprintf(stderr, "  and %zu more\n", p->n_sub_left_out);
    print_ways_out(p);
}

static json_t *problem_json(const struct chy_client_problem *p)
{
    json_t *o = json_object(), *subs;

    if (p->type != NULL)
        json_object_set_new(o, "type", json_string(p->type));
    if (p->detail != NULL)
        json_object_set_new(o, "detail", json_string(p->detail));
    if (p->status != 0)
        json_object_set_new(o, "status", json_integer(p->status));
    if (p->retry_after_s != 0)
        json_object_set_new(o, "retry-after", json_integer((json_int_t)p->retry_after_s));
    if (p->ident_type != NULL)
        json_object_set_new(
            o, "identifier",
            json_pack("{s:s, s:s?}", "type", p->ident_type, "value", p->ident_value));
    if (p->n_sub == 0)
        return o;
    subs = json_array();
    for (size_t i = 0; i < p->n_sub; i++)
        json_array_append_new(subs, problem_json(&p->sub[i]));
    json_object_set_new(o, "subproblems", subs);
    return o;
}

static void print_json(json_t *o)
{
    if (o == NULL)
        return;
    json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
}

int chy_request_refused(struct chy_ctx *cx, const struct chy_wish *w,
                        const struct chy_client_problem *p)
{
    json_t *o;

    if (!w->json) {
        print_refusal(cx, p);
        return 1;
    }
    o = json_pack("{s:b, s:s}", "issued", false, "reason", chy_cli_reason(cx));
    if (p != NULL)
        json_object_set_new(o, "problem", problem_json(p));
    print_json(o);
    return 1;
}

/* ---- what was done ---- */

static const char *serial_of(struct chy_ctx *cx, X509 *cert)
{
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *hex = n != NULL ? BN_bn2hex(n) : NULL;
    const char *text = chy_fmt(cx, "%s", hex != NULL ? hex : "?");

    OPENSSL_free(hex);
    BN_free(n);
    return text;
}

void chy_request_issued(struct chy_ctx *cx, const struct chy_wish *w, const struct chy_chain *chain)
{
    json_t *names = json_array();
    char from_text[21], until_text[21];
    time_t from = 0, until = 0;

    (void)chy_asn1_time(X509_get0_notBefore(chain->certs[0]), &from);
    (void)chy_asn1_time(X509_get0_notAfter(chain->certs[0]), &until);
    chy_clock_rfc3339(from, from_text);
    chy_clock_rfc3339(until, until_text);
    for (size_t i = 0; i < w->n_idents; i++)
        json_array_append_new(
            names, json_pack("{s:s, s:s}", "type", w->idents[i].type, "value", w->idents[i].value));
    if (w->json) {
        print_json(json_pack("{s:b, s:o, s:s, s:s, s:s, s:s, s:s}", "issued", true, "identifiers",
                             names, "certificate", chy_fmt(cx, "%s.pem", w->out), "key",
                             chy_fmt(cx, "%s.key", w->out), "not-before", from_text, "not-after",
                             until_text, "serial", serial_of(cx, chain->certs[0])));
        return;
    }
    json_decref(names);
    printf("Issued      %s%s\n", w->idents[0].value,
           w->n_idents > 1 ? chy_fmt(cx, " and %zu more", w->n_idents - 1) : "");
    printf("Certificate %s.pem   (until %s, serial %s)\n", w->out, until_text,
           serial_of(cx, chain->certs[0]));
    printf("Key         %s.key\n", w->out);
    printf("Renew       chancery request --renew %s   (does nothing before it is time)\n", w->out);
}

void chy_request_not_due(struct chy_ctx *cx, const struct chy_wish *w, time_t until)
{
    char text[21];

    chy_clock_rfc3339(until, text);
    if (w->json)
        print_json(json_pack("{s:b, s:b, s:s, s:s}", "issued", false, "due", false, "certificate",
                             chy_fmt(cx, "%s.pem", w->out), "not-after", text));
    else
        printf("Not due     %s.pem is valid until %s; --force renews it now\n", w->out, text);
}
