/* SPDX-License-Identifier: Apache-2.0 */
/* A PostgreSQL connection: connecting, preparing, running, trying again, all within a time limit.
 * What libpq is asked is in link.c, reading results in rows.c.  Blocking: the connection belongs to
 * one thread. */
#include "core/db/db.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/db/link.h"
#include "core/db/prepared.h"
#include "core/db/rows.h"

#define CONFLICTS_MAX 5
#define RETRY_AFTER_S 2
#define STATEMENT_NAME_MAX 63 /* octets of a statement's name that PostgreSQL tells apart */

struct chy_db {
    char *conninfo, *application_name;
    struct chy_db_outage *outage; /* NULL: this connection minds only itself */
    PGconn *conn;
    uint64_t generation, round_trips;
    struct chy_prepared prepared;
};

struct chy_db *chy_db_new(const char *conninfo, const char *application_name)
{
    struct chy_db *db = calloc(1, sizeof *db);

    if (db == NULL || (db->conninfo = strdup(conninfo)) == NULL ||
        (db->application_name = strdup(application_name)) == NULL)
        abort();
    return db;
}

void chy_db_share_outage(struct chy_db *db, struct chy_db_outage *outage)
{
    db->outage = outage;
}

static void disconnect(struct chy_db *db)
{
    PQfinish(db->conn);
    db->conn = NULL;
    chy_prepared_clear(&db->prepared);
}

void chy_db_free(struct chy_db *db)
{
    if (db == NULL)
        return;
    disconnect(db);
    free(db->conninfo);
    free(db->application_name);
    free(db);
}

uint64_t chy_db_generation(const struct chy_db *db)
{
    return db->generation;
}

uint64_t chy_db_round_trips(const struct chy_db *db)
{
    return db->round_trips;
}

static void nap(int64_t ms)
{
    poll(NULL, 0, (int)ms);
}

static int64_t longer(int64_t pause)
{
    return pause < 400 ? pause * 2 : 500;
}

/* How long to wait now.  Once the database has been away for a whole wait, waiting again would only
 * hold up those who come later, and those who need no database. */
static int64_t wait_end(const struct chy_db *db, unsigned wait_ms)
{
    int64_t now = chy_clock_ms(), since = 0;

    if (db->outage != NULL)
        since = atomic_load(&db->outage->since_ms);
    if (since == 0)
        return now + wait_ms;
    return since + wait_ms > now ? since + wait_ms : now;
}

static void note_outage(struct chy_db *db, bool away)
{
    int64_t none = 0;

    if (db->outage == NULL)
        return;
    if (away)
        (void)atomic_compare_exchange_strong(&db->outage->since_ms, &none, chy_clock_ms());
    else
        atomic_store(&db->outage->since_ms, 0);
    atomic_store(&db->outage->tried, false);
}

/* Where every connection hangs until its own timeout, one thread is enough to find out. */
static bool somebody_tries(struct chy_db *db, int64_t deadline)
{
    return db->outage != NULL && deadline <= chy_clock_ms() &&
           atomic_load(&db->outage->since_ms) != 0 && atomic_exchange(&db->outage->tried, true);
}

/* libpq's messages have several lines and end with one. */
static char *one_line(char *text)
{
    size_t n = strlen(text);

    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    for (char *p = text; *p != '\0'; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
    return text;
}

static enum chy_rc connect_until(struct chy_ctx *cx, struct chy_db *db, int64_t deadline)
{
    if (db->conn != NULL && PQstatus(db->conn) == CONNECTION_OK)
        return CHY_OK;
    if (somebody_tries(db, deadline))
        return chy_fault_busy(cx, RETRY_AFTER_S, "database unreachable for a while");
    for (int64_t pause = 50;; pause = longer(pause)) {
        int64_t began = chy_clock_ms(), took;
        char *reason;
        bool done;

        disconnect(db);
        done = chy_link_open(db->conninfo, db->application_name, &db->conn);
        note_outage(db, !done);
        if (done) {
            db->generation++;
            return CHY_OK;
        }
        reason = one_line(chy_fmt(cx, "%s", PQerrorMessage(db->conn)));
        disconnect(db);
        took = chy_clock_ms() - began;
        /* The next try may take as long as this one. */
        if (chy_clock_ms() + pause + took > deadline)
            return chy_fault_busy(
                cx, RETRY_AFTER_S,
                "database unreachable: %s; start it, or correct database in node.yaml", reason);
        nap(pause);
    }
}

enum chy_rc chy_db_connect(struct chy_ctx *cx, struct chy_db *db, unsigned wait_ms)
{
    return connect_until(cx, db, wait_end(db, wait_ms));
}

/* One try.  The result is returned whatever it says; NULL: none came in time. */
static PGresult *run_once(struct chy_db *db, const struct chy_sql *q, const struct chy_wire *wire,
                          int64_t deadline)
{
    if (chy_prepared_state(&db->prepared, q) == CHY_PREPARED_NOT) {
        PGresult *res = chy_link_prepare(db->conn, q, deadline);

        db->round_trips++;
        if (PQresultStatus(res) != PGRES_COMMAND_OK)
            return res;
        PQclear(res);
        chy_prepared_add(&db->prepared, q);
    }
    db->round_trips++;
    return chy_link_run(db->conn, q->name, wire, deadline);
}

/* 40001 serialisation failure, 40P01 deadlock: the statement had no effect and may be sent again. */
static bool is_conflict(const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    return state != NULL && (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0);
}

/* 57P01..57P03: the server is stopping or starting; 53xxx: out of resources; 25006: a standby. */
static bool is_passing(const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    return state != NULL && (strncmp(state, "57P", 3) == 0 || strncmp(state, "53", 2) == 0 ||
                             strcmp(state, "25006") == 0);
}

/* 57014: the server stopped the statement itself, at statement_timeout. */
static bool is_late(const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    return state != NULL && strcmp(state, "57014") == 0;
}

static enum chy_rc check_statement(struct chy_ctx *cx, const struct chy_sql *q)
{
    if (cx->db == NULL)
        return chy_fault_internal(cx, "statement %s without a database", q->name);
    if (strlen(q->name) > STATEMENT_NAME_MAX)
        return chy_fault_internal(cx, "statement %s: its name is over %d octets", q->name,
                                  STATEMENT_NAME_MAX);
    if (chy_prepared_state(&cx->db->prepared, q) == CHY_PREPARED_OTHER)
        return chy_fault_internal(cx, "statement %s: two statements have this name", q->name);
    return CHY_OK;
}

struct tries {
    unsigned conflicts, breaks;
    int64_t connect_by, answer_by; /* chy_clock_ms */
};

/* What a failed try comes to: CHY_OK means that it may be made again. */
static enum chy_rc judge(struct chy_ctx *cx, const struct chy_sql *q, const PGresult *res,
                         struct tries *t)
{
    struct chy_db *db = cx->db;
    bool broken = PQstatus(db->conn) != CONNECTION_OK;

    if (res == NULL) {
        /* Its answer might still come, and be taken for that of the next statement. */
        disconnect(db);
        return chy_fault_busy(cx, RETRY_AFTER_S, "statement %s: no answer in %d ms", q->name,
                              CHY_DB_WAIT_MS);
    }
    if (is_conflict(res) && t->conflicts++ < CONFLICTS_MAX)
        return CHY_OK;
    if (is_late(res))
        return chy_fault_busy(cx, RETRY_AFTER_S, "statement %s: %s", q->name,
                              PQresultErrorMessage(res));
    if (!broken && !is_passing(res))
        return chy_fault_internal(cx, "statement %s: %s", q->name, PQresultErrorMessage(res));
    disconnect(db);
    /* An old connection is found broken at any time: one more try is always due. */
    if (t->breaks++ > 0 && chy_clock_ms() >= t->connect_by)
        return chy_fault_busy(cx, RETRY_AFTER_S, "statement %s: %s", q->name,
                              PQresultErrorMessage(res));
    chy_log(cx, LOG_WARNING, "database connection lost in %s; connecting again", q->name);
    return CHY_OK;
}

enum chy_rc chy_db_run(struct chy_ctx *cx, const struct chy_sql *q, const struct chy_arg *args,
                       size_t n_args, struct chy_rows **ret)
{
    struct tries t = {.answer_by = chy_clock_ms() + CHY_DB_WAIT_MS};
    struct chy_wire wire;

    if (check_statement(cx, q) != CHY_OK)
        return CHY_ERR;
    t.connect_by = wait_end(cx->db, CHY_DB_WAIT_MS);
    chy_wire_make(cx, args, n_args, &wire);
    for (int64_t pause = 50;; pause = longer(pause)) {
        ExecStatusType status;
        PGresult *res;
        enum chy_rc rc;

        if (connect_until(cx, cx->db, t.connect_by) != CHY_OK)
            return CHY_ERR;
        res = run_once(cx->db, q, &wire, t.answer_by);
        status = PQresultStatus(res);
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
            struct chy_rows *rows = chy_rows_new(cx, res);

            if (ret != NULL)
                *ret = rows;
            return CHY_OK;
        }
        rc = judge(cx, q, res, &t);
        PQclear(res);
        if (rc != CHY_OK)
            return CHY_ERR;
        if (cx->db->conn == NULL)
            nap(pause);
    }
}

enum chy_rc chy_db_script(struct chy_ctx *cx, struct chy_db *db, const char *sql)
{
    enum chy_rc rc = CHY_OK;
    PGresult *res;

    if (chy_db_connect(cx, db, CHY_DB_WAIT_MS) != CHY_OK)
        return CHY_ERR;
    /* Several statements in one simple query are one implicit transaction. */
    res = chy_link_exec(db->conn, sql, INT64_MAX);
    if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
        rc = chy_fault_internal(cx, "%s", PQresultErrorMessage(res));
    PQclear(res);
    return rc;
}

enum chy_rc chy_db_listen(struct chy_ctx *cx, struct chy_db *db, const char *channel)
{
    char *quoted, *sql;

    if (chy_db_connect(cx, db, 0) != CHY_OK)
        return CHY_ERR;
    quoted = PQescapeIdentifier(db->conn, channel, strlen(channel));
    sql = chy_fmt(cx, "LISTEN %s", quoted);
    PQfreemem(quoted);
    return chy_db_script(cx, db, sql);
}

static bool take_notifications(PGconn *conn)
{
    bool any = false;

    for (PGnotify *n; (n = PQnotifies(conn)) != NULL; any = true)
        PQfreemem(n);
    return any;
}

bool chy_db_wait(struct chy_db *db, unsigned ms)
{
    struct pollfd fd = {.events = POLLIN};

    if (db->conn == NULL || PQstatus(db->conn) != CONNECTION_OK) {
        nap(ms);
        return false;
    }
    if (take_notifications(db->conn))
        return true;
    fd.fd = PQsocket(db->conn);
    if (poll(&fd, 1, (int)ms) <= 0)
        return false;
    if (PQconsumeInput(db->conn) == 0) {
        disconnect(db);
        return false;
    }
    return take_notifications(db->conn);
}
