/* SPDX-License-Identifier: Apache-2.0 */
/* libpq with a time limit.  Its blocking calls wait for ever on a server that is frozen or behind a
 * dead network; here everything but opening is sent without blocking and waited for with poll. */
#include "core/db/link.h"

#include <poll.h>

#include "core/base/clock.h"
#include "core/db/db.h"

#define SETTINGS_MS 5000

/* A stuck statement must not hold a thread for ever.  Every statement finds its rows by an index; a
 * plan made while tables are still small would scan them for as long as the connection lives, so the
 * planner is told not to, and plans once for a connection.  What it must not do costs it so much on
 * paper that it would compile each statement: seconds, for microseconds of work. */
static const char settings[] =
    "SET statement_timeout = '" CHY_DB_STATEMENT_TIMEOUT "'; SET TimeZone = 'UTC';"
    "SET idle_in_transaction_session_timeout = '60s'; SET enable_seqscan = off;"
    "SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;"
    "SET plan_cache_mode = force_generic_plan";

static void ignore_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

bool chy_link_open(const char *conninfo, const char *application_name, PGconn **ret)
{
    /* Settings in conninfo win over those that stand before it.  keepalives find a dead peer of a
     * connection that only listens, tcp_user_timeout one that does not take what is sent. */
    static const char *const keys[] = {
        "connect_timeout",     "tcp_user_timeout", "keepalives_idle",
        "keepalives_interval", "keepalives_count", "target_session_attrs",
        "application_name",    "dbname",           NULL};
    const char *const values[] = {"2",          "10000",          "20",     "5", "3",
                                  "read-write", application_name, conninfo, NULL};
    PGconn *conn = PQconnectdbParams(keys, values, 1);
    PGresult *res;
    bool ok;

    *ret = conn;
    if (PQstatus(conn) != CONNECTION_OK)
        return false;
    PQsetNoticeProcessor(conn, ignore_notice, NULL);
    if (PQsetnonblocking(conn, 1) != 0)
        return false;
    res = chy_link_exec(conn, settings, chy_clock_ms() + SETTINGS_MS);
    ok = PQresultStatus(res) == PGRES_COMMAND_OK;
    PQclear(res);
    return ok;
}

/* Wait until everything is sent and a result can be had without blocking; also true where the
 * connection has broken, which the result then says. */
static bool settle(PGconn *conn, int64_t deadline)
{
    for (;;) {
        int unsent = PQflush(conn);
        struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};
        int64_t left = deadline - chy_clock_ms();

        if (unsent < 0 || (unsent == 0 && PQisBusy(conn) == 0))
            return true;
        if (unsent > 0)
            fd.events |= POLLOUT;
        if (left <= 0)
            return false;
        if (poll(&fd, 1, left > INT32_MAX ? INT32_MAX : (int)left) > 0 && fd.revents != POLLOUT &&
            PQconsumeInput(conn) == 0)
            return true;
    }
}

static bool is_copy(const PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);

    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

static PGresult *last_result(PGconn *conn, int sent, int64_t deadline)
{
    PGresult *last = NULL, *res;

    if (sent == 0)
        return PQmakeEmptyPGresult(conn, PGRES_FATAL_ERROR);
    for (;;) {
        if (!settle(conn, deadline)) {
            PQclear(last);
            return NULL;
        }
        res = PQgetResult(conn);
        if (res == NULL)
            return last;
        PQclear(last);
        last = res;
        /* COPY would go on for ever here: nothing in Chancery uses it. */
        if (is_copy(res))
            return last;
    }
}

PGresult *chy_link_exec(PGconn *conn, const char *sql, int64_t deadline)
{
    return last_result(conn, PQsendQuery(conn, sql), deadline);
}

PGresult *chy_link_prepare(PGconn *conn, const struct chy_sql *q, int64_t deadline)
{
    return last_result(conn, PQsendPrepare(conn, q->name, q->text, 0, NULL), deadline);
}

PGresult *chy_link_run(PGconn *conn, const char *name, const struct chy_wire *wire,
                       int64_t deadline)
{
    return last_result(conn,
                       PQsendQueryPrepared(conn, name, (int)wire->n, wire->values, wire->lengths,
                                           wire->formats, 0),
                       deadline);
}
