# SPDX-License-Identifier: Apache-2.0
# A throw-away PostgreSQL for the suites that need one: unix socket only, no durability, gone at the end.

PG_DIR='' PG_USER=''

# initdb and postgres refuse root: as root they run as Debian's postgres.
pg_as()
{
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@")
    else
        "$@"
    fi
}

postgres_start()
{
    local bin
    [ -z "$PG_DIR" ] || return 0
    bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
    if [ ! -x "$bin/initdb" ]; then
        echo "postgres: no /usr/lib/postgresql/*/bin/initdb; deploy/packages build installs it"
        return 1
    fi
    PG_BIN=$bin PG_DIR=$RUN_DIR/pg
    mkdir -m 755 "$PG_DIR"
    [ "$(id -u)" -eq 0 ] && chown postgres:postgres "$PG_DIR"
    pg_as "$bin/initdb" -D "$PG_DIR/data" -U postgres -A trust -E UTF8 --locale=C -N \
        >"$RUN_DIR/initdb.log" 2>&1 || { cat "$RUN_DIR/initdb.log"; PG_DIR=''; return 1; }
    pg_as "$bin/pg_ctl" -D "$PG_DIR/data" -l "$PG_DIR/log" -w -t 60 -o "-c listen_addresses='' \
        -c unix_socket_directories='$PG_DIR' -c fsync=off -c full_page_writes=off \
        -c max_connections=200 -c shared_buffers=64MB" start >/dev/null 2>&1 ||
        { cat "$PG_DIR/log"; return 1; }
    export CHY_TEST_PG="host=$PG_DIR user=postgres"
}

postgres_stop()
{
    [ -n "$PG_DIR" ] || return 0
    pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -m immediate -w stop >/dev/null 2>&1
    PG_DIR=''
}
