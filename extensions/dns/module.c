/* SPDX-License-Identifier: Apache-2.0 */
/* The dns module: identifiers of type "dns" (RFC 8555 section 9.7.7) and the challenges http-01 and
 * dns-01 (sections 8.3, 8.4) and tls-alpn-01 (RFC 8737).  This file is the descriptor. */
#include "solve.h"

const struct chy_host *dns_host;

static enum chy_rc keep_host(const struct chy_host *host)
{
    dns_host = host;
    dns_suffixes_load(NULL);
    return CHY_OK;
}

static const struct chy_ident_type *const ident_types[] = {&dns_ident, NULL};
static const struct chy_challenge_type *const challenge_types[] = {&dns_http01, &dns_dns01,
                                                                   &dns_tlsalpn01, NULL};

static const struct chy_solver *const solvers[] = {
    &dns_solve_http, &dns_solve_webroot, &dns_solve_update, &dns_solve_exec, &dns_solve_tls, NULL};

const struct chy_module chy_module = {
    CHY_MODULE("dns", CHY_VERSION),
    .ident_types = ident_types,
    .challenge_types = challenge_types,
    .solvers = solvers,
    .init = keep_host,
    .fini = dns_suffixes_drop,
};
