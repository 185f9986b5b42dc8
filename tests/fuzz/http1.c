/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: the front's HTTP/1.1 codec.  Every input is read whole, octet by octet, cut in two at
 * every place (short inputs) or at chosen places, and must give the same requests and the same
 * refusal each time, within the promised memory. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/front/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A hash over everything observable: cheap to compare, and each octet counts. */
struct outcome {
    uint64_t hash;
    size_t used;
    unsigned requests;
    int status;
    enum chy_http1_state state;
};

static void mix(struct outcome *o, const void *b, size_t n)
{
    const uint8_t *p = b;

    for (size_t i = 0; i < n; i++)
        o->hash = (o->hash ^ p[i]) * 0x100000001b3u;
    o->hash = (o->hash ^ n) * 0x100000001b3u;
}

static void mix_text(struct outcome *o, const char *s)
{
    mix(o, s != NULL ? s : "-", s != NULL ? strlen(s) : 1);
}

static void require(bool true_or_bug, const char *what)
{
    if (true_or_bug)
        return;
    fprintf(stderr, "http1: %s\n", what);
    abort();
}

static void check_request(struct outcome *o, const struct chy_http1 *p,
                          const struct chy_http1_limits *limits)
{
    struct chy_request rq = {0};
    unsigned hosts = 0;

    chy_http1_request(p, &rq);
    require(rq.path[0] == '/' || strcmp(rq.method, "OPTIONS") == 0, "path does not begin with /");
    require(strncmp(rq.target, rq.path, strlen(rq.path)) == 0, "path is not of the target");
    require(rq.n_headers <= limits->headers, "more headers than allowed");
    require(rq.body_len <= limits->body, "more body than allowed");
    for (size_t i = 0; i < rq.n_headers; i++) {
        const char *name = rq.headers[i].name;

        hosts += strcasecmp(name, "host") == 0;
        require(name[0] != '\0' && name[strcspn(name, " \t\r\n:")] == '\0', "bad header name");
        require(strpbrk(rq.headers[i].value, "\r\n") == NULL, "line break in a value");
        mix_text(o, name);
        mix_text(o, rq.headers[i].value);
    }
    require(hosts == 1, "not exactly one Host");
    mix_text(o, rq.method);
    mix_text(o, rq.target);
    mix_text(o, rq.path);
    mix_text(o, rq.query);
    mix(o, rq.body, rq.body_len);
    o->requests++;
}

/* Feed pieces that end at the multiples of every, and at cut. */
static struct outcome read_all(const uint8_t *data, size_t size, size_t every, size_t cut,
                               const struct chy_http1_limits *limits)
{
    /* Twice the limits plus what the structures themselves take. */
    size_t bound = 2 * (limits->head + limits->line + limits->body) +
                   (limits->headers + 1) * sizeof(struct chy_header) + 2048;
    struct chy_http1 *p = chy_http1_new(limits);
    struct outcome o = {.hash = 0xcbf29ce484222325u};

    while (o.used < size && o.state != CHY_HTTP1_REFUSED) {
        size_t end = (o.used / every + 1) * every, used;

        if (o.used < cut && end > cut)
            end = cut;
        if (end > size)
            end = size;
        o.state = chy_http1_feed(p, data + o.used, end - o.used, &used);
        require(used == end - o.used || o.state >= CHY_HTTP1_DONE, "octets left without reason");
        require(chy_http1_memory(p) <= bound, "more memory than promised");
        o.used += used;
        if (o.state != CHY_HTTP1_DONE)
            continue;
        check_request(&o, p, limits);
        chy_http1_free(p);
        p = chy_http1_new(limits);
    }
    o.status = chy_http1_status(p);
    require((o.status != 0) == (o.state == CHY_HTTP1_REFUSED), "refusal without status");
    if (o.status != 0)
        mix_text(&o, chy_http1_reason(p));
    chy_http1_free(p);
    return o;
}

static void compare(const struct outcome *a, const struct outcome *b)
{
    require(a->requests == b->requests, "number of requests depends on how the input is cut");
    require(a->status == b->status, "status depends on how the input is cut");
    require(a->used == b->used, "octets used depend on how the input is cut");
    require(a->state == b->state, "state depends on how the input is cut");
    require(a->hash == b->hash, "content depends on how the input is cut");
}

static void try_limits(const uint8_t *data, size_t size, const struct chy_http1_limits *limits)
{
    struct outcome whole = read_all(data, size, SIZE_MAX / 2, 0, limits);
    struct outcome other = read_all(data, size, 1, 0, limits);
    size_t step = size / 256 + 1;

    compare(&whole, &other);
    other = read_all(data, size, 7, 0, limits);
    compare(&whole, &other);
    for (size_t cut = 1; cut < size; cut += step) {
        other = read_all(data, size, SIZE_MAX / 2, cut, limits);
        compare(&whole, &other);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct chy_http1_limits tight = {64, 256, 8, 64};

    try_limits(data, size, &CHY_HTTP1_LIMITS);
    try_limits(data, size, &tight);
    return 0;
}
