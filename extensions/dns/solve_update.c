/* SPDX-License-Identifier: Apache-2.0 */
/* Solver for dns-01 by dynamic update (RFC 2136) with TSIG (RFC 8945), through libldns.  The zone is
 * asked of the server itself.  Everything goes over TCP: nothing is spoofed blindly, nothing is cut. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not ldns.h: it wants types that OPENSSL_NO_DEPRECATED takes away. */
#include <ldns/common.h>
#include <ldns/dname.h>
#include <ldns/error.h>
#include <ldns/packet.h>
#include <ldns/rdata.h>
#include <ldns/resolver.h>
#include <ldns/rr.h>
#include <ldns/update.h>

#include "solve.h"

#define SERVER "dns-server"
#define KEY "dns-key"
#define WAIT "dns-wait"
#define KEY_FILE_MAX 8192
#define RECORD_TTL 30
#define TIMEOUT_S 10
#define PORT 53

struct update {
    ldns_resolver *asking;   /* questions are not signed                         */
    ldns_resolver *changing; /* updates are, with the key                        */
    const char *server;      /* as it was given, for messages */
    size_t added;            /* the first so many of the tasks' */
};

/* ---- the server and the key ---- */

static enum chy_rc read_key(struct chy_ctx *cx, const char *path, struct dns_key *ret)
{
    char text[KEY_FILE_MAX + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *wrong;
    struct stat st;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return DNS_FAIL(cx, &CHY_P_malformed, "--" KEY " %s: is no file that can be read", path);
    }
    n = read(fd, text, sizeof text);
    close(fd);
    if ((st.st_mode & S_IRWXO) != 0)
        return DNS_FAIL(cx, &CHY_P_unauthorized,
                        "--" KEY " %s: everybody may read this key; chmod o= it if it is still "
                        "secret",
                        path);
    if (n < 0 || n > KEY_FILE_MAX)
        return DNS_FAIL(cx, &CHY_P_malformed, "--" KEY " %s: is larger than %d octets", path,
                        KEY_FILE_MAX);
    text[n] = '\0';
    wrong = dns_key_read(text, (size_t)n, ret);
    OPENSSL_cleanse(text, sizeof text);
    if (wrong != NULL)
        return DNS_FAIL(cx, &CHY_P_malformed, "--" KEY " %s: %s", path, wrong);
    return CHY_OK;
}

/* "192.0.2.53" or "192.0.2.53@5353", as in node.yaml. */
static enum chy_rc read_server(struct chy_ctx *cx, const char *text, ldns_resolver *r)
{
    const char *at = strchr(text, '@');
    char *address = at != NULL ? dns_host->fmt(cx, "%.*s", (int)(at - text), text)
                               : dns_host->fmt(cx, "%s", text);
    bool six = strchr(address, ':') != NULL;
    unsigned char octets[16];
    long port = PORT;
    ldns_rdf *rdf;

    if (at != NULL)
        port = strspn(at + 1, "0123456789") == strlen(at + 1) && strlen(at + 1) <= 5
                   ? strtol(at + 1, NULL, 10)
                   : 0;
    if (inet_pton(six ? AF_INET6 : AF_INET, address, octets) != 1 || port < 1 || port > 65535)
        return DNS_FAIL(
            cx, &CHY_P_malformed,
            "--" SERVER " %.100s: write ADDRESS or ADDRESS@PORT, with a numeric address", text);
    rdf = ldns_rdf_new_frm_str(six ? LDNS_RDF_TYPE_AAAA : LDNS_RDF_TYPE_A, address);
    if (rdf == NULL || ldns_resolver_push_nameserver(r, rdf) != LDNS_STATUS_OK)
        abort();
    ldns_rdf_deep_free(rdf);
    ldns_resolver_set_port(r, (uint16_t)port);
    return CHY_OK;
}

static enum chy_rc new_resolver(struct chy_ctx *cx, const char *server, ldns_resolver **ret)
{
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    ldns_resolver *r = ldns_resolver_new();

    if (r == NULL)
        abort();
    *ret = r; /* freed by close_server whatever follows */
    ldns_resolver_set_usevc(r, true);
    ldns_resolver_set_recursive(r, false);
    ldns_resolver_set_timeout(r, timeout);
    ldns_resolver_set_retry(r, 1);
    return read_server(cx, server, r);
}

/* Every update is signed with it from here on; the resolver keeps copies. */
static void use_key(ldns_resolver *r, const struct dns_key *key)
{
    char algorithm[sizeof key->algorithm + 1];
    size_t n = 0;

    /* As it stands in TSIG records: lower case, with the root's dot. */
    for (; key->algorithm[n] != '\0'; n++)
        algorithm[n] = (char)(key->algorithm[n] | 0x20);
    algorithm[n] = '.';
    algorithm[n + 1] = '\0';
    ldns_resolver_set_tsig_keyname(r, key->name);
    ldns_resolver_set_tsig_keydata(r, key->secret);
    ldns_resolver_set_tsig_algorithm(r, algorithm);
}

static enum chy_rc open_server(struct chy_ctx *cx, const json_t *options, struct update *u)
{
    const char *path = dns_option(options, KEY);
    struct dns_key key;

    u->server = dns_option(options, SERVER);
    if (u->server == NULL || path == NULL)
        return DNS_FAIL(cx, &CHY_P_malformed,
                        "--%s is needed beside --%s: who may change the zone, and where",
                        path == NULL ? KEY : SERVER, path == NULL ? SERVER : KEY);
    if (read_key(cx, path, &key) != CHY_OK)
        return CHY_ERR;
    if (new_resolver(cx, u->server, &u->asking) != CHY_OK ||
        new_resolver(cx, u->server, &u->changing) != CHY_OK) {
        OPENSSL_cleanse(&key, sizeof key);
        return CHY_ERR;
    }
    use_key(u->changing, &key);
    OPENSSL_cleanse(&key, sizeof key);
    return CHY_OK;
}

static void close_server(struct update *u)
{
    if (u->asking != NULL)
        ldns_resolver_deep_free(u->asking);
    if (u->changing != NULL)
        ldns_resolver_deep_free(u->changing);
}

/* ---- the zone that a name lies in ---- */

/* The owner of a SOA record in one section, if name lies at or below it. */
static ldns_rdf *soa_owner(const ldns_rr_list *section, const ldns_rdf *name)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(section); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(section, i);
        const ldns_rdf *owner = ldns_rr_owner(rr);

        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_SOA &&
            (ldns_dname_compare(name, owner) == 0 || ldns_dname_is_subdomain(name, owner)))
            return ldns_rdf_clone(owner);
    }
    return NULL;
}

static enum chy_rc find_zone(struct chy_ctx *cx, const struct update *u, const ldns_rdf *name,
                             const char *shown, ldns_rdf **ret)
{
    ldns_rdf *zone = NULL;
    ldns_pkt *answer = NULL;
    ldns_status e =
        ldns_resolver_query_status(&answer, u->asking, name, LDNS_RR_TYPE_SOA, LDNS_RR_CLASS_IN, 0);

    if (e != LDNS_STATUS_OK || answer == NULL) {
        ldns_pkt_free(answer);
        return DNS_FAIL(cx, &CHY_P_dns, "--" SERVER " %s: does not answer: %s", u->server,
                        ldns_get_errorstr_by_id(e));
    }
    /* Only who is responsible for the zone can change it. */
    if (ldns_pkt_aa(answer)) {
        zone = soa_owner(ldns_pkt_answer(answer), name);
        if (zone == NULL)
            zone = soa_owner(ldns_pkt_authority(answer), name);
    }
    ldns_pkt_free(answer);
    if (zone == NULL)
        return DNS_FAIL(cx, &CHY_P_dns,
                        "--" SERVER " %s: has no zone that %s lies in; name the server that serves "
                        "it",
                        u->server, shown);
    *ret = zone;
    return CHY_OK;
}

/* ---- one update ---- */

/* The record, as an update adds it or deletes it (RFC 2136 sections 2.5.1, 2.5.4). */
static ldns_rr_list *record(const ldns_rdf *name, const char *value, bool add)
{
    ldns_rr_list *list = ldns_rr_list_new();
    ldns_rr *rr = ldns_rr_new();
    ldns_rdf *text = ldns_rdf_new_frm_str(LDNS_RDF_TYPE_STR, value);

    if (list == NULL || rr == NULL || text == NULL)
        abort();
    ldns_rr_set_owner(rr, ldns_rdf_clone(name));
    ldns_rr_set_type(rr, LDNS_RR_TYPE_TXT);
    ldns_rr_set_class(rr, add ? LDNS_RR_CLASS_IN : LDNS_RR_CLASS_NONE);
    ldns_rr_set_ttl(rr, add ? RECORD_TTL : 0);
    ldns_rr_push_rdf(rr, text);
    ldns_rr_list_push_rr(list, rr);
    return list;
}

static ldns_status send_signed(const struct update *u, ldns_pkt *request, ldns_pkt **ret)
{
    ldns_status e;

    ldns_pkt_set_random_id(request);
    e = ldns_update_pkt_tsig_add(request, u->changing);
    return e == LDNS_STATUS_OK ? ldns_resolver_send_pkt(ret, u->changing, request) : e;
}

static enum chy_rc judge(struct chy_ctx *cx, const struct update *u, const char *name,
                         ldns_status e, const ldns_pkt *answer)
{
    int rcode = answer != NULL ? (int)ldns_pkt_get_rcode(answer) : 0;

    if (e == LDNS_STATUS_OK && answer != NULL && rcode == LDNS_RCODE_NOERROR)
        return CHY_OK;
    if (e == LDNS_STATUS_CRYPTO_TSIG_BOGUS)
        return DNS_FAIL(cx, &CHY_P_dns,
                        "--" SERVER
                        " %s: its answer to the update of %s is not signed with the key "
                        "of --" KEY "; does it know that key, and are both clocks right?",
                        u->server, name);
    if (e != LDNS_STATUS_OK || answer == NULL)
        return DNS_FAIL(cx, &CHY_P_dns, "--" SERVER " %s: the update of %s failed: %s", u->server,
                        name, e != LDNS_STATUS_OK ? ldns_get_errorstr_by_id(e) : "no answer");
    return DNS_FAIL(cx, &CHY_P_dns,
                    "--" SERVER " %s: refuses the update of %s (rcode %d); may the key of --" KEY
                    " change that zone?",
                    u->server, name, rcode);
}

static enum chy_rc change(struct chy_ctx *cx, const struct update *u, const struct chy_task *task,
                          bool add)
{
    ldns_pkt *request, *answer = NULL;
    ldns_rr_list *records;
    ldns_rdf *name, *zone = NULL;
    const char *shown;
    ldns_status e;
    char value[44];
    enum chy_rc rc;

    if (dns_txt_of(cx, task, &shown, value) != CHY_OK)
        return CHY_ERR;
    name = ldns_dname_new_frm_str(shown);
    if (name == NULL)
        return DNS_FAIL(cx, &CHY_P_malformed, "%s: is no domain name", shown);
    if (find_zone(cx, u, name, shown, &zone) != CHY_OK) {
        ldns_rdf_deep_free(name);
        return CHY_ERR;
    }
    records = record(name, value, add);
    request = ldns_update_pkt_new(zone, LDNS_RR_CLASS_IN, NULL, records, NULL);
    if (request == NULL)
        abort();
    e = send_signed(u, request, &answer);
    rc = judge(cx, u, shown, e, answer);
    ldns_pkt_free(answer);
    ldns_pkt_free(request); /* the zone is its own by now */
    ldns_rr_list_deep_free(records);
    ldns_rdf_deep_free(name);
    return rc;
}

/* ---- the solver ---- */

static enum chy_rc remove_all(struct chy_ctx *cx, const struct update *u,
                              const struct chy_task *tasks)
{
    enum chy_rc rc = CHY_OK;

    for (size_t i = 0; i < u->added; i++)
        if (change(cx, u, &tasks[i], false) != CHY_OK)
            rc = CHY_ERR;
    return rc;
}

static enum chy_rc add_all(struct chy_ctx *cx, struct update *u, const struct chy_task *tasks,
                           size_t n, const json_t *options)
{
    unsigned wait_s;

    if (dns_option_count(cx, options, WAIT, 0, 3600, &wait_s) != CHY_OK ||
        open_server(cx, options, u) != CHY_OK)
        return CHY_ERR;
    for (; u->added < n; u->added++)
        if (change(cx, u, &tasks[u->added], true) != CHY_OK)
            return CHY_ERR;
    sleep(wait_s); /* a signal ends it early: the command is being stopped */
    return CHY_OK;
}

static enum chy_rc prepare(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                           const json_t *options, void **ret_state)
{
    struct update *u = dns_host->alloc(cx, sizeof *u);

    if (add_all(cx, u, tasks, n, options) != CHY_OK) {
        (void)!remove_all(cx, u, tasks);
        close_server(u);
        return CHY_ERR;
    }
    *ret_state = u;
    return CHY_OK;
}

static enum chy_rc clean(struct chy_ctx *cx, struct chy_task *tasks, size_t n,
                         const json_t *options, void *state)
{
    enum chy_rc rc = remove_all(cx, state, tasks);

    (void)n, (void)options;
    close_server(state);
    return rc;
}

static const struct chy_client_option options[] = {
    {.name = SERVER,
     .value = "ADDRESS[@PORT]",
     .help = "answer dns-01 by dynamic updates (RFC 2136) to this name server",
     .selects = true},
    {.name = KEY,
     .value = "FILE",
     .help = "and the TSIG key for them: algorithm:name:secret, or named's key statement",
     .selects = true},
    {.name = WAIT,
     .value = "SECONDS",
     .help = "and how long the zone's other servers need to follow; default 0",
     .dflt = "0"},
    {NULL},
};

const struct chy_solver dns_solve_update = {
    .challenge = "dns-01",
    .name = "dns-update",
    .help = "dynamic updates of the zone, signed with TSIG",
    .options = options,
    .prepare = prepare,
    .clean = clean,
};
