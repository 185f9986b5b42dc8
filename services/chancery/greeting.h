/* SPDX-License-Identifier: Apache-2.0 */
/* Being let in by a listener that expects PROXY headers from this host. */
#ifndef CHY_CLI_GREETING_H
#define CHY_CLI_GREETING_H

#include <curl/curl.h>

#include "core/base/prefix.h"

struct chy_greeting {
    const struct chy_prefix *proxies; /* the listener's proxy-from */
    size_t n_proxies;
};

/* Have curl's connections begin with a PROXY header, version 2, that says "this is the balancer itself"
 * (LOCAL: its health checks), where the address they come from is one of a balancer's.  g: borrowed
 * for as long as curl lives. */
void chy_greet_as_balancer(CURL *curl, struct chy_greeting *g);

#endif
