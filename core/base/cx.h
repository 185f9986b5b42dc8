/* SPDX-License-Identifier: Apache-2.0 */
/* The unit of work: what every call that can fail carries with it. */
#ifndef CHY_BASE_CX_H
#define CHY_BASE_CX_H

#include <chancery/extension.h>

#include "core/base/arena.h"

/* Where a unit of work stands; the host table refuses calls from a wrong stage (extension.h). */
enum chy_stage {
    CHY_STAGE_REQUEST,
    CHY_STAGE_PROBE,
    CHY_STAGE_STEP,
    CHY_STAGE_ISSUE,
    CHY_STAGE_JOB,
    CHY_STAGE_COMMAND, /* a command of the chancery program: database and network */
    CHY_STAGE_CLIENT,  /* the client's side, "chancery request": no database      */
};

/* A recorded refusal (RFC 7807).  Set once, at the place that knows the cause. */
struct chy_problem {
    const struct chy_problem_type *type; /* NULL: nothing failed                    */
    int status;                          /* HTTP; the type's unless set otherwise   */
    char *detail;                        /* for the client; arena                   */
    char *note;                          /* for the log only; arena or NULL         */
    json_t *subproblems;                 /* array or NULL; released with the arena  */
    json_t *members;                     /* further members ("algorithms") or NULL  */
    const char *instance;                /* or NULL                                 */
    const char *link;                    /* a Link header's value, or NULL          */
    unsigned retry_after_s;              /* 0: none                                 */
    const char *file;                    /* where it was recorded                   */
    int line;
};

struct chy_db;
struct chy_policy;
struct chy_registry;
struct chy_net;

/* All pointers are borrowed and may be NULL where the stage has no use for them. */
struct chy_ctx {
    struct chy_arena *arena;
    struct chy_problem problem;
    enum chy_stage stage;
    time_t fixed_now;                /* 0: the clock                            */
    const char *request_id;          /* names the unit of work in logs          */
    struct chy_db *db;               /* core/db/db.h                            */
    const struct chy_policy *policy; /* snapshot, same for the whole unit; core/policy/policy.h */
    const struct chy_registry *registry; /* core/ext/registry.h                     */
    struct chy_net *net;                 /* core/net/net.h                          */
    int64_t net_until_ms;                /* of chy_clock_ms: no network call outlives it; 0: none */
    const struct chy_module *module;     /* whose function runs now                 */
    const char *base_url;                /* of the directory, no trailing slash     */
};

/* Time of this unit of work, in seconds since the epoch. */
time_t chy_now(const struct chy_ctx *cx);

/* Memory and text of the unit's arena. */
void *chy_alloc(struct chy_ctx *cx, size_t n);
char *chy_fmt(struct chy_ctx *cx, const char *f, ...) __attribute__((format(printf, 2, 3)));
/* A json_t that is released with the unit, or with an arena; returns it, borrowed.  NULL is allowed. */
json_t *chy_keep_json(struct chy_ctx *cx, json_t *j);
json_t *chy_arena_keep_json(struct chy_arena *arena, json_t *j);

/* Begin a new unit of work in the same context: arena emptied, problem cleared. */
void chy_ctx_reset(struct chy_ctx *cx);

#endif
