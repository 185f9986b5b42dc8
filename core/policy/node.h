/* SPDX-License-Identifier: Apache-2.0 */
/* node.yaml: what this host's processes are told at start, never from git. */
#ifndef CHY_POLICY_NODE_H
#define CHY_POLICY_NODE_H

#include "core/base/prefix.h"
#include "core/policy/yaml.h"

/* One host's settings; strings in the arena of the context that read it.  Paths are absolute. */
struct chy_node {
    const char *path;       /* of node.yaml itself                                    */
    const char *base_url;   /* "https://localhost:14000", no trailing slash           */
    const char *public_url; /* "http://localhost:14001": CRL and AIA; no trailing slash */
    struct {
        const char *address; /* numeric */
        uint16_t port;
        const char *certificate, *key;    /* PEM files; NULL for public                  */
        const struct chy_prefix *proxies; /* balancers that send PROXY headers        */
        size_t n_proxies;
    } acme, public;
    unsigned io_threads, worker_threads; /* of each front                          */
    unsigned validation_threads;         /* of each worker                         */
    const char *data_dir, *run_dir, *log_dir;
    const char *policy_dir;
    bool private_database;      /* up makes and runs it                               */
    const char *database;       /* libpq conninfo for the services                    */
    const char *owner_database; /* conninfo for migrations                            */
    const char *signer_socket;
    const char *ceilings; /* the signer's limits file                           */
    const char *signer_log;
    const char *service_user, *signer_user; /* NULL: as whoever runs it               */
    const char *const *module_dirs;         /* searched in order                             */
    size_t n_module_dirs;
    const char *const *modules; /* names to load                                 */
    size_t n_modules;
    const json_t *validation; /* resolver, allow, deny, ports: see node.c; read by
                                      * chy_node_net_config                           */
    unsigned fronts, workers; /* processes of each that up starts              */
};

/* Read and check it; every mistake goes to report. */
enum chy_rc CHY_CHECK chy_node_read(struct chy_ctx *cx, const char *path, struct chy_report *report,
                                    struct chy_node **ret);

#endif
