/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of "chancery request" share. */
#ifndef CHY_CLI_REQUEST_H
#define CHY_CLI_REQUEST_H

#include "core/client/client.h"
#include "core/policy/node.h"
#include "services/chancery/options.h"

/* What is asked for: from the command line, or as it was recorded when it was asked first. */
struct chy_wish {
    const char *server, *ca_file, *profile, *key_type;
    const char *account; /* file of the account's key                          */
    const char *out;     /* prefix of the files                                */
    struct chy_ident *idents;
    size_t n_idents;
    json_t *options; /* of modules: name to text, as given; no defaults        */
    struct chy_strings contacts;
    const char *eab_kid, *eab_key; /* id, and file of the key                  */
    const char *node_path;         /* --node, absolute; or NULL                */
    bool agree, allow_http, json, force;
    const char *renew; /* prefix, or NULL                                      */
    unsigned days;     /* of life left that make a renewal due; 0: a third     */
    unsigned wait_s;
    const struct chy_node *node; /* local installation, or NULL                */
    const char *no_node;         /* why there is none                          */
};

/* ---- request_options.c ---- */

/* Load the modules, read the command line with their options.  False: it is over, as *ret_code says. */
bool chy_request_options(struct chy_ctx *cx, int argc, char **argv, struct chy_wish *ret,
                         int *ret_code);
/* Fill in what was not said: server, root, account, prefix. */
enum chy_rc CHY_CHECK chy_request_defaults(struct chy_ctx *cx, struct chy_wish *w);
/* The options of one solver: given, of the local installation, default. */
json_t *chy_request_solver_options(struct chy_ctx *cx, const struct chy_wish *w,
                                   const struct chy_solver *s);
/* Was an option given that selects it? */
bool chy_request_selects(const struct chy_wish *w, const struct chy_solver *s);

/* ---- request_account.c ---- */

/* Read the directory; the account's key and URL, both made and kept if there are none. */
enum chy_rc CHY_CHECK chy_request_account(struct chy_ctx *cx, const struct chy_wish *w,
                                          struct chy_client *c);
/* The account's URL that was kept is not known to the server any more: make the account again. */
enum chy_rc CHY_CHECK chy_request_account_again(struct chy_ctx *cx, const struct chy_wish *w,
                                                struct chy_client *c);

/* ---- request_solve.c ---- */

/* Have every authorization of the order valid.  *failures: what the server says of those that are not,
 * as subproblems of one problem, or NULL. */
enum chy_rc CHY_CHECK chy_request_solve(struct chy_ctx *cx, const struct chy_wish *w,
                                        struct chy_client *c, const struct chy_client_order *order,
                                        const struct chy_client_problem **failures);

/* ---- request_files.c ---- */

/* Before anything is asked: can the files be written, and is nobody else's in the way? */
enum chy_rc CHY_CHECK chy_request_files_check(struct chy_ctx *cx, const struct chy_wish *w);
/* Put key, chain and record in place; what was there stays until all of it is written. */
enum chy_rc CHY_CHECK chy_request_files_write(struct chy_ctx *cx, const struct chy_wish *w,
                                              EVP_PKEY *key, const struct chy_chain *chain);
/* Finish what a crash left between two files. */
enum chy_rc CHY_CHECK chy_request_files_recover(struct chy_ctx *cx, const char *prefix);
/* Read PREFIX.json into what was not said on the command line. */
enum chy_rc CHY_CHECK chy_request_record_read(struct chy_ctx *cx, struct chy_wish *w);
/* Is it time to renew?  *ret_until: when the certificate that is there ends; 0: there is none. */
enum chy_rc CHY_CHECK chy_request_due(struct chy_ctx *cx, const struct chy_wish *w, bool *ret_due,
                                      time_t *ret_until);

/* ---- request_report.c ---- */

/* Say what was refused and what may help; the exit code, 1.  p: what the server said, or NULL. */
int chy_request_refused(struct chy_ctx *cx, const struct chy_wish *w,
                        const struct chy_client_problem *p);
void chy_request_issued(struct chy_ctx *cx, const struct chy_wish *w,
                        const struct chy_chain *chain);
void chy_request_not_due(struct chy_ctx *cx, const struct chy_wish *w, time_t until);

/* Was the command interrupted? */
bool chy_request_stopped(void *arg);

#endif
