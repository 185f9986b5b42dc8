/* SPDX-License-Identifier: Apache-2.0 */
/* A PostgreSQL connection: connecting, preparing, running, trying again.  Reading results is in
 * rows.c.  Blocking: the connection belongs to one thread. */
#include "core/db/db.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/problem.h"
#include "core/db/args.h"
#include "core/db/rows.h"

#define PREPARED_MAX 256 /* statements a connection remembers; a program has far fewer */
#define CONFLICTS_MAX 5
#define RETRY_AFTER_S 2

struct chy_db {
    char *conninfo;
    struct chy_db_outage *outage; /* NULL: this connection minds only itself */
    PGconn *conn;
    uint64_t generation, round_trips;
    const struct chy_sql *prepared[PREPARED_MAX];
    size_t n_prepared;
};

struct chy_db *chy_db_new(const char *conninfo, const char *application_name)
{
    struct chy_db *db = calloc(1, sizeof *db);
    size_t n = strlen(conninfo) + strlen(application_name) + 64;

    if (db == NULL || (db->conninfo = malloc(n)) == NULL)
        abort();
    snprintf(db->conninfo, n, "connect_timeout=5 application_name='%s' %s", application_name,
             conninfo);
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
    db->n_prepared = 0;
}

void chy_db_free(struct chy_db *db)
{
    if (db == NULL)
        return;
    disconnect(db);
    free(db->conninfo);
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

static void ignore_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

static bool try_connect(struct chy_db *db)
{
    /* A stuck statement must not hold a thread for ever.  Every statement finds its rows by an index;
     * a plan made while tables are still small would scan them for as long as the connection lives, so
     * the planner is told not to, and plans once for a connection.  What it must not do costs it so
     * much on paper that it would compile each statement: seconds, for microseconds of work. */
    static const char *const settings =
        "SET statement_timeout = '30s'; SET TimeZone = 'UTC';"
        "SET idle_in_transaction_session_timeout = '60s'; SET enable_seqscan = off;"
        "SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;"
        "SET plan_cache_mode = force_generic_plan";
    PGresult *res;
    bool ok;

    db->conn = PQconnectdb(db->conninfo);
    if (PQstatus(db->conn) != CONNECTION_OK)
        return false;
    PQsetNoticeProcessor(db->conn, ignore_notice, NULL);
    res = PQexec(db->conn, settings);
    ok = PQresultStatus(res) == PGRES_COMMAND_OK;
    PQclear(res);
    return ok;
}

static void nap(int64_t ms)
{
    poll(NULL, 0, (int)ms);
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
}

/* Where every connection hangs until its own timeout, one thread is enough to find out. */
static bool somebody_tries(struct chy_db *db, int64_t deadline)
{
    return db->outage != NULL && deadline <= chy_clock_ms() &&
           atomic_load(&db->outage->since_ms) != 0 && atomic_exchange(&db->outage->tried, true);
}

static enum chy_rc connect_until(struct chy_ctx *cx, struct chy_db *db, int64_t deadline)
{
    int64_t pause = 50;

    if (db->conn != NULL && PQstatus(db->conn) == CONNECTION_OK)
        return CHY_OK;
    if (somebody_tries(db, deadline))
        return chy_fault_busy(cx, RETRY_AFTER_S, "database unreachable for a while");
    for (;; pause = pause < 400 ? pause * 2 : 500) {
        char *reason;
        bool done;

        disconnect(db);
        done = try_connect(db);
        note_outage(db, !done);
        if (db->outage != NULL)
            atomic_store(&db->outage->tried, false);
        if (done) {
            db->generation++;
            return CHY_OK;
        }
        reason = chy_fmt(cx, "%s", PQerrorMessage(db->conn));
        disconnect(db);
        if (chy_clock_ms() + pause > deadline)
            return chy_fault_busy(cx, RETRY_AFTER_S, "database unreachable: %s", reason);
        nap(pause);
    }
}

enum chy_rc chy_db_connect(struct chy_ctx *cx, struct chy_db *db, unsigned wait_ms)
{
    return connect_until(cx, db, wait_end(db, wait_ms));
}

static bool is_prepared(const struct chy_db *db, const struct chy_sql *q)
{
    for (size_t i = 0; i < db->n_prepared; i++)
        if (db->prepared[i] == q)
            return true;
    return false;
}

static bool prepare(struct chy_db *db, const struct chy_sql *q, PGresult **ret_failed)
{
    PGresult *res;

    if (is_prepared(db, q))
        return true;
    res = PQprepare(db->conn, q->name, q->text, 0, NULL);
    db->round_trips++;
    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        *ret_failed = res;
        return false;
    }
    PQclear(res);
    if (db->n_prepared < PREPARED_MAX)
        db->prepared[db->n_prepared++] = q;
    return true;
}

/* One try.  The result is returned whatever it says. */
static PGresult *run_once(struct chy_db *db, const struct chy_sql *q, const struct chy_wire *wire)
{
    PGresult *failed = NULL;

    if (!prepare(db, q, &failed))
        return failed;
    db->round_trips++;
    return PQexecPrepared(db->conn, q->name, (int)wire->n, wire->values, wire->lengths,
                          wire->formats, 0);
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

enum chy_rc chy_db_run(struct chy_ctx *cx, const struct chy_sql *q, const struct chy_arg *args,
                       size_t n_args, struct chy_rows **ret)
{
    struct chy_db *db = cx->db;
    struct chy_wire wire;
    unsigned conflicts = 0, breaks = 0;
    int64_t deadline;

    if (db == NULL)
        return chy_fault_internal(cx, "statement %s without a database", q->name);
    deadline = wait_end(db, CHY_DB_WAIT_MS);
    chy_wire_make(cx, args, n_args, &wire);
    for (;;) {
        ExecStatusType status;
        PGresult *res;

        if (connect_until(cx, db, deadline) != CHY_OK)
            return CHY_ERR;
        res = run_once(db, q, &wire);
        status = PQresultStatus(res);
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
            struct chy_rows *rows = chy_rows_new(cx, res);

            if (ret != NULL)
                *ret = rows;
            return CHY_OK;
        }
        if (is_conflict(res) && conflicts++ < CONFLICTS_MAX) {
            PQclear(res);
            continue;
        }
        if (PQstatus(db->conn) != CONNECTION_OK || is_passing(res)) {
            chy_log(cx, LOG_WARNING, "database connection lost in %s; connecting again", q->name);
            PQclear(res);
            disconnect(db);
            /* An old connection is found broken at any time: one more try is always due. */
            if (breaks++ > 0 && chy_clock_ms() >= deadline)
                return chy_fault_busy(cx, RETRY_AFTER_S, "database lost again and again");
            nap(50);
            continue;
        }
        chy_fault_internal(cx, "statement %s: %s", q->name, PQresultErrorMessage(res));
        PQclear(res);
        return CHY_ERR;
    }
}

enum chy_rc chy_db_script(struct chy_ctx *cx, struct chy_db *db, const char *sql)
{
    enum chy_rc rc = CHY_OK;
    PGresult *res;

    if (chy_db_connect(cx, db, CHY_DB_WAIT_MS) != CHY_OK)
        return CHY_ERR;
    /* Several statements in one simple query are one implicit transaction. */
    res = PQexec(db->conn, sql);
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
