/* SPDX-License-Identifier: Apache-2.0 */
/* Location headers: any octets are refused for the server's fault, or lead to a name under the rules
 * of core.md W-02 and W-03, and the URL that is requested says the same when it is read again. */
#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"
#include "core/net/internal.h"
#include "tests/support/fakehost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void check_taken(struct chy_ctx *cx, const struct chy_net *net, const struct chy_url *url)
{
    struct sockaddr_storage address;
    struct chy_url again;

    must(!url->literal && !chy_address_read(url->host, &address));
    must(strchr(url->host, '.') != NULL && strpbrk(url->host, "@:/[]%?# ") == NULL);
    must(url->port == net->http_port || url->port == net->https_port);
    must(strchr(url->text, '#') == NULL && strlen(url->text) < 2400);
    must(chy_url_follow(cx, net, url, url->text, true, &again) == CHY_OK);
    must(strcmp(again.host, url->host) == 0 && again.port == url->port &&
         again.https == url->https && strcmp(again.text, url->text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct chy_net net = {.http_port = 80, .https_port = 443};
    struct chy_ctx *cx = fake_cx_new(CHY_STAGE_PROBE);
    struct chy_url base, url;
    char *location = chy_arena_strndup(cx->arena, (const char *)data, size);

    must(chy_url_read(cx, &net, "http://www.chancery.example/.well-known/x", true, &base) ==
         CHY_OK);
    if (chy_url_follow(cx, &net, &base, location, true, &url) == CHY_OK)
        check_taken(cx, &net, &url);
    else
        must(cx->problem.type != NULL && cx->problem.status < 500);
    fake_cx_free(cx);
    return 0;
}
