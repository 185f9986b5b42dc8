/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of chancery doctor.  Each is one function in a process of its own: it has a time limit, has
 * become the user who would have the trouble, and reports what it finds. */
#ifndef CHY_CLI_DOCTOR_H
#define CHY_CLI_DOCTOR_H

#include "core/policy/node.h"
#include "services/chancery/identity.h"

enum chy_finding { CHY_D_OK, CHY_D_WARN, CHY_D_FAIL, CHY_D_SKIP };
enum chy_look_as { CHY_AS_CALLER, CHY_AS_SERVICE, CHY_AS_SIGNER };

/* What a check works with; it lives in the check's own process. */
struct chy_look {
    struct chy_ctx *cx;
    const struct chy_node *node;
    const char *libexec; /* or NULL                                          */
    bool root;           /* was root when it was called                      */
    bool running;        /* is there a supervisor?                           */
    pid_t supervisor;    /* 0: not known                                     */
    int out;             /* findings go there; chy_found                     */
};

struct chy_check {
    const char *name;
    enum chy_look_as as;
    unsigned limit_ms;
    const char *late; /* what it means when the time is over              */
    void (*look)(struct chy_look *l);
};

/* A finding: a sentence, and the command or line that mends it (NULL: none). */
void chy_found(struct chy_look *l, enum chy_finding v, const char *mend, const char *f, ...)
    __attribute__((format(printf, 4, 5)));
/* The refusal that is recorded in l->cx, which is cleared: what stands before its first "; " is the
 * sentence, and the rest the mend unless that is given. */
void chy_found_refusal(struct chy_look *l, enum chy_finding v, const char *mend);
/* Run the checks, all at once, each in its time.  Returns an array of
 * {"name", "verdict": "ok"|"warn"|"FAIL"|"skip", "text", "mend"?}, in the order of the table; arena. */
json_t *chy_doctor_run(struct chy_ctx *cx, const struct chy_node *node, const char *libexec,
                       const struct chy_check *checks, size_t n);

/* Where a setting is in node.yaml: "/etc/chancery/node.yaml:21", by the first line that has its key;
 * without a number if none has. */
const char *chy_doctor_place(struct chy_ctx *cx, const struct chy_node *node, const char *key);
/* The words before a command that must run as who: "runuser -u chancery -- " for root. */
const char *chy_doctor_as(const struct chy_look *l, const char *user);
/* A refusal cut in two: sentence up to the first "; ", mend after it or NULL.  Arena. */
void chy_doctor_split(struct chy_ctx *cx, const char *reason, const char **ret_sentence,
                      const char **ret_mend);

/* "3 mistakes: " and the first of them, on one line. */
const char *chy_doctor_mistakes(struct chy_ctx *cx, const struct chy_report *report);
/* Where that is: "profiles/web.yaml:7". */
const char *chy_doctor_mistake_place(struct chy_ctx *cx, const struct chy_report *report);

/* doctor_*.c, one noun each. */
void chy_look_places(struct chy_look *l);
void chy_look_disk(struct chy_look *l);
void chy_look_secrets(struct chy_look *l);
void chy_look_separation(struct chy_look *l);
void chy_look_listener(struct chy_look *l);
void chy_look_issuers(struct chy_look *l);
void chy_look_modules(struct chy_look *l);
void chy_look_policy(struct chy_look *l);
void chy_look_ceilings(struct chy_look *l);
void chy_look_cluster(struct chy_look *l);
void chy_look_database(struct chy_look *l);
void chy_look_clock(struct chy_look *l);
void chy_look_resolver(struct chy_look *l);
void chy_look_ports(struct chy_look *l);
void chy_look_processes(struct chy_look *l);
void chy_look_directory(struct chy_look *l);

#endif
