/* SPDX-License-Identifier: Apache-2.0 */
/* The ip module: identifiers of type "ip" (RFC 8738).  Their challenges are those of dns that serve
 * addresses too.  This file is the descriptor. */
#include "ip.h"

const struct chy_host *ip_host;

static enum chy_rc keep_host(const struct chy_host *host)
{
    ip_host = host;
    return CHY_OK;
}

static const char *const needs[] = {"dns", NULL};
static const struct chy_ident_type *const ident_types[] = {&ip_ident, NULL};

const struct chy_module chy_module = {
    CHY_MODULE("ip", CHY_VERSION),
    .needs = needs,
    .ident_types = ident_types,
    .init = keep_host,
};
