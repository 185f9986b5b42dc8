/* SPDX-License-Identifier: Apache-2.0 */
/* Our own recursive, DNSSEC-validating resolver: libunbound in thread mode (core.md W-11, Q-02,
 * One thread collects the answers for all callers.  libunbound has no deadline of its own
 * per query, so callers wait with one and cancel.  Neither /etc/hosts nor /etc/resolv.conf is read. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <unbound.h>

#include "core/base/auto.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/net/internal.h"

#define RECORDS_MAX 256 /* of one answer; core.md Q-01 */
#define RDATA_MAX 65535 /* octets of all of them together */
#define CLASS_IN 1

struct chy_resolver {
    struct ub_ctx *ub;
    pthread_t collector;
    bool collecting;
    int stop; /* eventfd */
};

/* One question on its way.  Held by whoever waits and by libunbound; the last one frees it. */
struct chy_lookup {
    struct chy_resolver *resolver;
    pthread_mutex_t lock;
    pthread_cond_t done;
    unsigned holders;
    bool answered;
    int error; /* of libunbound */
    struct ub_result *result;
    int async_id;
    uint16_t rrtype;
    char name[256];
};

/* Settings that do not depend on the node.  No answer is older than five seconds, so that an attempt
 * sees what was published since the one before it; yet not zero, which would send every step of a
 * recursion to the root servers again. */
static const char *const fixed_options[][2] = {
    {"cache-max-ttl:", "5"},
    {"cache-max-negative-ttl:", "1"},
    {"aggressive-nsec:", "no"}, /* a name may have come into being a moment ago */
    {"qname-minimisation:", "yes"},
    {"harden-glue:", "yes"},
    {"harden-dnssec-stripped:", "yes"},
    {"harden-below-nxdomain:", "yes"},
    {"harden-referral-path:", "no"},
    {"use-caps-for-id:", "no"}, /* breaks some servers; DNSSEC and TCP do the work */
    {"unwanted-reply-threshold:", "1000000"},
    {"edns-buffer-size:", "1232"},
    {"msg-cache-size:", "4m"},
    {"rrset-cache-size:", "8m"},
    {"serve-expired:", "no"},
};

/* ---- one question --------------------------------------------------------- */

static void let_go(struct chy_lookup *l, unsigned holds)
{
    bool last;

    pthread_mutex_lock(&l->lock);
    l->holders -= holds;
    last = l->holders == 0;
    pthread_mutex_unlock(&l->lock);
    if (!last)
        return;
    if (l->result != NULL)
        ub_resolve_free(l->result);
    pthread_cond_destroy(&l->done);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* Called by libunbound, on the collector's thread. */
static void take_answer(void *arg, int error, struct ub_result *result)
{
    struct chy_lookup *l = arg;

    pthread_mutex_lock(&l->lock);
    l->answered = true;
    l->error = error;
    l->result = result;
    pthread_cond_signal(&l->done);
    pthread_mutex_unlock(&l->lock);
    let_go(l, 1);
}

static struct chy_lookup *lookup_new(struct chy_resolver *r, const char *name, uint16_t rrtype)
{
    struct chy_lookup *l = calloc(1, sizeof *l);
    pthread_condattr_t attr;

    if (l == NULL)
        abort();
    l->resolver = r;
    l->rrtype = rrtype;
    l->holders = 2;
    snprintf(l->name, sizeof l->name, "%s", name);
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->done, &attr);
    pthread_condattr_destroy(&attr);
    return l;
}

/* Letters, digits, hyphen, underscore and dots that separate non-empty labels: what libunbound reads
 * as itself, without escapes. */
static bool name_is_plain(const char *name)
{
    size_t n = strlen(name), label = 0;

    if (n < 1 || n > 253)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = name[i];

        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
            continue;
        }
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '_')
            return false;
        if (++label > 63)
            return false;
    }
    return label > 0;
}

enum chy_rc chy_lookup_start(struct chy_ctx *cx, struct chy_resolver *r, const char *name,
                             uint16_t rrtype, struct chy_lookup **ret)
{
    struct chy_lookup *l;
    char *absolute;
    int e;

    if (!name_is_plain(name))
        return chy_fail(cx, &CHY_P_dns, "the name cannot be looked up: it is not a host name");
    l = lookup_new(r, name, rrtype);
    absolute = chy_fmt(cx, "%s.", name);
    e = ub_resolve_async(r->ub, absolute, rrtype, CLASS_IN, l, take_answer, &l->async_id);
    if (e != 0) {
        let_go(l, 2);
        return chy_fault_busy(cx, 10, "libunbound does not take a query: %s", ub_strerror(e));
    }
    *ret = l;
    return CHY_OK;
}

/* ---- its answer ----------------------------------------------------------- */

static const char *type_name(struct chy_ctx *cx, uint16_t rrtype)
{
    static const struct {
        uint16_t type;
        const char *name;
    } names[] = {{1, "A"},    {2, "NS"},    {5, "CNAME"}, {6, "SOA"},   {15, "MX"},
                 {16, "TXT"}, {28, "AAAA"}, {33, "SRV"},  {52, "TLSA"}, {257, "CAA"}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == rrtype)
            return names[i].name;
    return chy_fmt(cx, "TYPE%u", rrtype);
}

static const char *rcode_name(struct chy_ctx *cx, int rcode)
{
    switch (rcode) {
    case 1:
        return "FORMERR";
    case 2:
        return "SERVFAIL";
    case 4:
        return "NOTIMP";
    case 5:
        return "REFUSED";
    }
    return chy_fmt(cx, "RCODE %d", rcode);
}

static enum chy_rc copy_records(struct chy_ctx *cx, const struct chy_lookup *l,
                                struct chy_dns_answer *ret)
{
    const struct ub_result *r = l->result;
    struct chy_rdata *records;
    size_t n = 0, octets = 0;

    if (r->data == NULL || !r->havedata)
        return CHY_OK;
    for (; r->data[n] != NULL; n++) {
        octets += (size_t)r->len[n];
        if (n >= RECORDS_MAX || octets > RDATA_MAX)
            return chy_fail(cx, &CHY_P_dns, "%s %s: more than %d records or %d octets", l->name,
                            type_name(cx, l->rrtype), RECORDS_MAX, RDATA_MAX);
    }
    records = chy_alloc(cx, n * sizeof *records);
    for (size_t i = 0; i < n; i++) {
        uint8_t *b = chy_alloc(cx, (size_t)r->len[i] + 1);

        memcpy(b, r->data[i], (size_t)r->len[i]);
        records[i] = (struct chy_rdata){.b = b, .n = (size_t)r->len[i]};
    }
    ret->rdata = records;
    ret->n = n;
    return CHY_OK;
}

/* bogus comes first: a bogus answer carries data and rcode 0. */
static enum chy_rc judge_result(struct chy_ctx *cx, const struct chy_lookup *l,
                                struct chy_dns_answer *ret, bool *ret_bogus)
{
    const struct ub_result *r = l->result;
    const char *type = type_name(cx, l->rrtype);
    struct chy_dns_answer a = {0};

    if (l->error != 0 || r == NULL)
        return chy_fail(cx, &CHY_P_dns, "%s %s: no answer (%s)", l->name, type,
                        ub_strerror(l->error));
    if (r->bogus) {
        chy_log(cx, LOG_NOTICE, "DNSSEC validation of %s %s failed: %s", l->name, type,
                r->why_bogus != NULL ? chy_printable(cx, r->why_bogus, strlen(r->why_bogus), 300)
                                     : "no reason given");
        *ret_bogus = true;
        return chy_fail(cx, &CHY_P_dns, "DNSSEC validation failed for %s %s", l->name, type);
    }
    if (r->rcode != 0 && r->rcode != 3)
        return chy_fail(cx, &CHY_P_dns, "%s %s: %s", l->name, type, rcode_name(cx, r->rcode));
    if (copy_records(cx, l, &a) != CHY_OK)
        return CHY_ERR;
    a.rcode = r->rcode;
    a.dnssec = r->secure ? CHY_DNSSEC_SECURE : CHY_DNSSEC_INSECURE;
    a.ttl_s = r->ttl > 0 ? (uint32_t)r->ttl : 0;
    a.canonical = chy_arena_strdup(cx->arena, r->canonname != NULL ? r->canonname : l->name);
    *ret = a;
    return CHY_OK;
}

static bool wait_until(struct chy_lookup *l, int64_t deadline)
{
    struct timespec t = {.tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000};
    bool answered;

    pthread_mutex_lock(&l->lock);
    while (!l->answered)
        if (pthread_cond_timedwait(&l->done, &l->lock, &t) == ETIMEDOUT)
            break;
    answered = l->answered;
    pthread_mutex_unlock(&l->lock);
    return answered;
}

enum chy_rc chy_lookup_wait(struct chy_ctx *cx, struct chy_lookup *l, int64_t deadline,
                            struct chy_dns_answer *ret, bool *ret_bogus)
{
    bool bogus = false;
    enum chy_rc rc;

    if (wait_until(l, deadline)) {
        rc = judge_result(cx, l, ret, &bogus);
        let_go(l, 1);
    } else {
        rc =
            chy_fail(cx, &CHY_P_dns, "%s %s: no answer in time", l->name, type_name(cx, l->rrtype));
        /* When it cannot be cancelled any more, the answer is being delivered: that lets go. */
        let_go(l, ub_cancel(l->resolver->ub, l->async_id) == 0 ? 2 : 1);
    }
    if (ret_bogus != NULL)
        *ret_bogus = bogus;
    return rc;
}

enum chy_rc chy_net_dns(struct chy_ctx *cx, const char *name, uint16_t rrtype,
                        struct chy_dns_answer *ret)
{
    int64_t deadline = chy_net_until(cx, chy_clock_ms() + cx->net->dns_timeout_ms);
    struct chy_lookup *l;

    if (chy_lookup_start(cx, cx->net->resolver, name, rrtype, &l) != CHY_OK)
        return CHY_ERR;
    return chy_lookup_wait(cx, l, deadline, ret, NULL);
}

/* ---- the resolver --------------------------------------------------------- */

static void *collect(void *arg)
{
    struct chy_resolver *r = arg;
    struct pollfd fds[2] = {{.fd = ub_fd(r->ub), .events = POLLIN},
                            {.fd = r->stop, .events = POLLIN}};

    while (fds[1].revents == 0) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            abort();
        if (fds[0].revents != 0)
            ub_process(r->ub);
    }
    return NULL;
}

/* The program's signals belong to its other threads. */
static bool start_collector(struct chy_resolver *r)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    r->collecting = pthread_create(&r->collector, NULL, collect, r) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r->collecting;
}

static enum chy_rc refuse_setting(struct chy_ctx *cx, const char *setting, const char *value, int e)
{
    return chy_fail(cx, &CHY_P_malformed, "validation: resolver: %s: %s: %s", setting, value,
                    ub_strerror(e));
}

static enum chy_rc set_options(struct chy_ctx *cx, struct ub_ctx *ub,
                               const struct chy_net_config *config)
{
    int e;

    for (size_t i = 0; i < sizeof fixed_options / sizeof *fixed_options; i++) {
        e = ub_ctx_set_option(ub, fixed_options[i][0], fixed_options[i][1]);
        if (e != 0)
            return refuse_setting(cx, fixed_options[i][0], fixed_options[i][1], e);
    }
    /* libunbound's default asks nobody on loopback, so that no name leads to a server there. */
    e = ub_ctx_set_option(ub, "do-not-query-localhost:", config->query_localhost ? "no" : "yes");
    if (e != 0)
        return refuse_setting(cx, "query-localhost", "", e);
    return CHY_OK;
}

static enum chy_rc set_servers(struct chy_ctx *cx, struct ub_ctx *ub,
                               const struct chy_net_config *config)
{
    int e;

    for (size_t i = 0; i < config->n_forwarders; i++) {
        e = ub_ctx_set_fwd(ub, config->forwarders[i]);
        if (e != 0)
            return refuse_setting(cx, "forwarders", config->forwarders[i], e);
    }
    for (size_t i = 0; i < config->n_stubs; i++) {
        e = ub_ctx_set_stub(ub, config->stubs[i].zone, config->stubs[i].address, 0);
        if (e != 0)
            return refuse_setting(cx, "stubs", config->stubs[i].address, e);
    }
    return CHY_OK;
}

/* A zone's name servers are the zone's own choice: none of them may be a neighbour of ours. */
static enum chy_rc set_unasked(struct chy_ctx *cx, struct ub_ctx *ub,
                               const struct chy_net_config *config)
{
    const char *const *ranges;
    size_t n;

    if (chy_servers_denied(cx, config, &ranges, &n) != CHY_OK)
        return CHY_ERR;
    for (size_t i = 0; i < n; i++) {
        int e = ub_ctx_set_option(ub, "do-not-query-address:", ranges[i]);

        if (e != 0)
            return refuse_setting(cx, "servers not to ask", ranges[i], e);
    }
    return CHY_OK;
}

/* Make libunbound read its settings: a built-in name, so that nothing is sent. */
static int finalize(struct ub_ctx *ub)
{
    struct ub_result *result = NULL;
    int e = ub_resolve(ub, "localhost.", 1, CLASS_IN, &result);

    ub_resolve_free(result);
    return e;
}

/* Anchors are read at the first query only, and all at once: each is tried alone, so that a refusal
 * names it. */
static enum chy_rc try_anchor(struct chy_ctx *cx, const char *setting, const char *value,
                              int (*add)(struct ub_ctx *, const char *))
{
    struct ub_ctx *ub = ub_ctx_create();
    int e;

    if (ub == NULL)
        return chy_fault_internal(cx, "ub_ctx_create: no memory");
    ub_ctx_debugout(ub, NULL);
    e = add(ub, value);
    if (e == 0)
        e = finalize(ub);
    ub_ctx_delete(ub);
    return e == 0 ? CHY_OK : refuse_setting(cx, setting, value, e);
}

static enum chy_rc set_anchors(struct chy_ctx *cx, struct ub_ctx *ub,
                               const struct chy_net_config *config)
{
    for (size_t i = 0; i < config->n_trust_anchors; i++) {
        const char *anchor = config->trust_anchors[i];

        if (try_anchor(cx, "trust-anchors", anchor, ub_ctx_add_ta) != CHY_OK)
            return CHY_ERR;
        if (ub_ctx_add_ta(ub, anchor) != 0)
            return refuse_setting(cx, "trust-anchors", anchor, UB_SYNTAX);
    }
    if (config->root_anchor_file == NULL)
        return CHY_OK;
    if (try_anchor(cx, "root-anchor", config->root_anchor_file, ub_ctx_add_ta_file) != CHY_OK)
        return CHY_ERR;
    if (ub_ctx_add_ta_file(ub, config->root_anchor_file) != 0)
        return refuse_setting(cx, "root-anchor", config->root_anchor_file, UB_READFILE);
    return CHY_OK;
}

static enum chy_rc configure(struct chy_ctx *cx, struct ub_ctx *ub,
                             const struct chy_net_config *config)
{
    int e;

    ub_ctx_debugout(ub, NULL); /* it would write to standard error in its own format */
    if (set_options(cx, ub, config) != CHY_OK || set_servers(cx, ub, config) != CHY_OK ||
        set_unasked(cx, ub, config) != CHY_OK || set_anchors(cx, ub, config) != CHY_OK)
        return CHY_ERR;
    e = ub_ctx_async(ub, 1); /* 1: a thread; 0 would fork */
    if (e == 0)
        e = finalize(ub);
    if (e != 0)
        return refuse_setting(cx, "settings", "all together", e);
    return CHY_OK;
}

enum chy_rc chy_resolver_new(struct chy_ctx *cx, const struct chy_net_config *config,
                             struct chy_resolver **ret)
{
    struct chy_resolver *r = calloc(1, sizeof *r);

    if (r == NULL)
        abort();
    r->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->ub = ub_ctx_create();
    if (r->ub == NULL || r->stop < 0) {
        chy_resolver_free(r);
        return chy_fault_internal(cx, "no resources for a resolver");
    }
    if (configure(cx, r->ub, config) != CHY_OK) {
        chy_resolver_free(r);
        return CHY_ERR;
    }
    if (!start_collector(r)) {
        chy_resolver_free(r);
        return chy_fault_internal(cx, "no thread for the resolver");
    }
    *ret = r;
    return CHY_OK;
}

void chy_resolver_free(struct chy_resolver *r)
{
    if (r == NULL)
        return;
    if (r->collecting) {
        uint64_t one = 1;

        while (write(r->stop, &one, sizeof one) < 0 && errno == EINTR)
            continue;
        pthread_join(r->collector, NULL);
    }
    if (r->ub != NULL)
        ub_ctx_delete(r->ub);
    if (r->stop >= 0)
        close(r->stop);
    free(r);
}
