#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# chancery init, up, status, down: that they work, say where things are, refuse in one line that names
# the thing, and leave nothing behind.  As root: as root with separate users, then as an ordinary user
# that is made for it; as anybody else: as that user.
#
# Uses the installation in CHY_PREFIX, or installs CHY_BUILD (default: build) into a directory of its own.
set -u
SOURCE=${CHY_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/life.XXXXXX")
chmod 755 "$WORK"
PASSED=0 FAILED=0 MADE_USER=

ok()
{
    PASSED=$((PASSED + 1))
    echo "ok $WHO: $1"
}

not_ok()
{
    FAILED=$((FAILED + 1))
    echo "not ok $WHO: $1"
    sed 's/^/#   /' <<<"${2:-}"
}

# check NAME EXPECTED-EXIT-CODE PATTERN... -- COMMAND...: each extended pattern is in what it printed.
check()
{
    local name=$1 expected=$2 patterns=() output code pattern
    shift 2
    while [ "$1" != -- ]; do
        patterns+=("$1")
        shift
    done
    shift
    output=$("$@" 2>&1 </dev/null)
    code=$?
    if [ $code -ne "$expected" ]; then
        not_ok "$name" "exit code $code, expected $expected"$'\n'"$output"
        return
    fi
    for pattern in "${patterns[@]}"; do
        if ! grep -qE -- "$pattern" <<<"$output"; then
            not_ok "$name" "nothing matches '$pattern' in:"$'\n'"$output"
            return
        fi
    done
    ok "$name"
}

# truth NAME COMMAND...
truth()
{
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$* failed: $output"; fi
}

# Processes of the installation below $DIR; what has died and waits for its parent is none.
processes()
{
    ps axo stat=,pid=,args= | awk '$1 !~ /^Z/' | grep -F -- "$DIR/" | grep -vE 'grep|lifecycle_test|ps axo'
}

nothing_runs()
{
    local i
    for ((i = 0; i < 400; i++)); do # a worker may be waiting for its database: 10 s
        [ -z "$(processes)" ] && return 0
        sleep 0.05
    done
    processes
    return 1
}

free_ports()
{
    python3 -c '
import socket
held = [socket.socket() for _ in range(3)]
for s in held: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))'
}

finish()
{
    [ -z "${DIR:-}" ] || [ ! -e "$DIR/node.yaml" ] || run "$CHANCERY" down --node "$DIR/node.yaml" >/dev/null 2>&1
    [ -z "$MADE_USER" ] || userdel --force "$MADE_USER" 2>/dev/null
    rm -rf "$WORK"
}
trap finish EXIT

# Run as the user of the part.
run()
{
    if [ -z "$AS" ]; then "$@"; else runuser -u "$AS" -- env HOME="$WORK/home" "$@"; fi
}

chancery()
{
    local command=$1
    shift
    run "$CHANCERY" "$command" --node "$DIR/node.yaml" "$@"
}

init()
{
    local dir=$1
    shift
    run "$CHANCERY" init --dir "$dir" --port "$PORT" --public-port "$PUBLIC_PORT" \
        --dns-suffix chancery.example --stub chancery.example=127.0.0.1@5399 \
        --allow-private 127.0.0.0/8 "$@"
}

pid_of()
{
    python3 -c '
import json, sys
print(next(p["pid"] for p in json.load(open(sys.argv[1]))["processes"] if p["name"] == sys.argv[2]))' \
        "$DIR/run/state.json" "$1"
}

# comes_back PROCESS OLD-PID
comes_back()
{
    local i now
    for ((i = 0; i < 100; i++)); do
        now=$(pid_of "$1")
        [ "$now" != "$2" ] && [ "$now" -gt 0 ] && return 0
        sleep 0.05
    done
    echo "$1 is still $now"
    return 1
}

directory_answers()
{
    local i
    for ((i = 0; i < 100; i++)); do
        curl -fsS --noproxy '*' --cacert "$DIR/root.pem" "https://localhost:$PORT/directory" && return 0
        sleep 0.1
    done
    return 1
}

test_init()
{
    check "init says what it made, where it is and what to try next" 0 \
        "root +$DIR/root.pem" "settings +$DIR/node.yaml" "Try next +chancery up --node $DIR/node.yaml" \
        -- init "$DIR"
    check "init refuses to overwrite and names a way on" 1 \
        "^chancery init: $DIR/.*is there already.*chancery up.*--force" -- init "$DIR"
    check "init --force sets the old files aside" 0 "settings" -- init "$DIR" --force
    truth "the replaced node.yaml is kept" compgen -G "$DIR/node.yaml.replaced-*"
    truth "no temporary file is left" test -z "$(find "$DIR" -name '*.init' -o -name '*.new')"
    truth "the root certificate verifies the listener's" openssl verify -CAfile "$DIR/root.pem" \
        -untrusted "$DIR/policy/issuers/web-1.pem" "$DIR/keys/listener.pem"
    truth "no key can be read by others" test -z "$(find "$DIR" -name '*.key' -perm /077)"
    check "an unknown option is refused with the nearest one" 2 "did you mean --port" -- \
        run "$CHANCERY" init --prot 5
    check "a bad stub is refused with an example" 1 "--stub x: write ZONE=ADDRESS@PORT" -- \
        init "$WORK/part/other" --stub x
    check "a password on the command line is refused" 1 \
        "--database: holds a password.*passfile=" -- init "$WORK/part/other" \
        --database "host=127.0.0.1 password=hunter2" --owner-database "host=127.0.0.1"
    check "a password in a URI is refused too" 1 \
        "--owner-database: holds a password" -- init "$WORK/part/other" \
        --database "host=127.0.0.1" --owner-database "postgresql://x:hunter2@127.0.0.1/y"
    truth "settings cannot be read by others" test "$(stat -c %a "$DIR/node.yaml")" = 640
    run mkdir -m 0777 "$WORK/part/open"
    check "a directory that others may write in is refused" 1 \
        "$WORK/part/open: others may write in it \(mode 0777\)" -- init "$WORK/part/open"
    truth "and nothing was made in it" test -z "$(ls -A "$WORK/part/open")"
    rmdir "$WORK/part/open"
    truth "a refused init leaves nothing" test ! -e "$WORK/part/other"
    check "a socket path that is too long is refused" 1 "107 octets" -- \
        init "$WORK/part/$(printf 'a%.0s' {1..90})"
    check "policy check finds the first policy right" 0 "right; 1 issuers" -- \
        run "$CHANCERY" policy check --node "$DIR/node.yaml"
}

test_up()
{
    check "status says that nothing runs" 1 "FAIL +supervisor +down; 'chancery up'" -- chancery status
    check "up makes the database and says the directory, the root and what a first certificate needs" 0 \
        "postgres +.* made" "^Directory +https://localhost:$PORT/directory" "^Root +$DIR/root.pem" \
        "^To certify +you need .*www.chancery.example does not: .*127.0.0.1@5399.*resolver.stubs of $DIR/node.yaml" \
        "^Try next +chancery status" -- chancery up
    check "up again says that it is up" 0 "already up: supervisor pid [0-9]+" -- chancery up
    check "status is well and shows each process" 0 "ok +supervisor" "signer +[0-9]+ +running" \
        "worker-1 +[0-9]+ +running" "front-1 +[0-9]+ +running" "ok +database +PostgreSQL .*core [0-9]+" \
        "warn +roles +not separated" "ok +policy" "ok +directory" -- chancery status
    truth "nobody else can open the lock" test "$(stat -c %a "$DIR/run/supervisor.pid")" = 600
    truth "everybody can read the state" test "$(stat -c %a "$DIR/run/state.json")" = 644
    truth "status --json is JSON and well" \
        bash -c '"$@" | python3 -c "import json,sys; assert json.load(sys.stdin)[\"ok\"] is True"' - \
        $(run_words) "$CHANCERY" status --json --node "$DIR/node.yaml"
    truth "a client that knows the root alone reads the directory" directory_answers
    check "the directory matches its schema" 0 "^ok directory" -- \
        bash -c '"$0/tests/wire/check" --answer directory <<<"$1"' "$SOURCE" "$(directory_answers)"
    check "migrate finds the newest version" 0 "is the newest version" -- chancery migrate
}

# The words that make a command run as the part's user.
run_words()
{
    [ -z "$AS" ] || echo runuser -u "$AS" -- env HOME="$WORK/home"
}

test_restarts()
{
    local name old
    for name in worker-1 signer front-1 postgres; do
        old=$(pid_of $name)
        kill -9 "$old"
        truth "$name killed by SIGKILL is started again" comes_back $name "$old"
    done
    truth "the directory answers after all of them died" directory_answers
    check "status tells how it ended" 0 "front-1 .* 1 +signal 9" -- well_again
    old=$(pid_of front-1)
    kill -HUP "$(cat "$DIR/run/supervisor.pid")"
    sleep 0.5
    truth "SIGHUP keeps the processes" test "$old" = "$(pid_of front-1)"
}

well_again()
{
    local i
    for ((i = 0; i < 50; i++)); do
        chancery status >/dev/null && break
        sleep 0.1
    done
    chancery status
}

test_in_the_way()
{
    local other=$WORK/part/b
    init "$other" >/dev/null
    check "up on a taken port names the port, the program and the setting" 1 \
        "127.0.0.1 port $PORT: is taken by chancery-front \(pid [0-9]+\); .*listeners.acme.port" \
        -- run "$CHANCERY" up --node "$other/node.yaml"
    rm -rf "$other"
    check "init refuses the place of what runs" 1 "running installation" -- init "$DIR" --force
}

test_down()
{
    check "down says that everything has stopped" 0 "down: everything has stopped" -- chancery down
    truth "nothing runs after down" nothing_runs
    truth "the pid of a supervisor that has ended is gone" test ! -s "$DIR/run/supervisor.pid"
    check "down again says that nothing runs" 0 "nothing runs" -- chancery down
    check "up starts the same database" 0 "postgres +.* started" -- chancery up
    kill -9 "$(cat "$DIR/run/supervisor.pid")"
    truth "a supervisor killed by SIGKILL leaves no process" nothing_runs
    check "status sees that it is gone" 1 "FAIL +supervisor +down" -- chancery status
    check "up works after that" 0 "^Directory" -- chancery up
    kill -9 "$(cat "$DIR/run/supervisor.pid")"
    check "up works at once after that" 0 "^Directory" -- chancery up
    chancery down >/dev/null
    truth "nothing runs in the end" nothing_runs
}

test_refusals()
{
    local keep=$WORK/part/keep
    check "a missing node.yaml is named with two ways on" 1 \
        "/nowhere/node.yaml: there is no such file; 'chancery init'.*--node" -- \
        run "$CHANCERY" up --node "$WORK/part/nowhere/node.yaml"
    cp -p "$DIR/node.yaml" "$keep"
    sed -i 's/^processes:/proceses:/' "$DIR/node.yaml"
    check "a mistake in node.yaml is shown at its line, and counted in words" 1 \
        "node.yaml:[0-9]+:[0-9]+: error.*proceses" \
        "chancery up: $DIR/node.yaml: [0-9]+ mistakes?, shown above; mend (it|them) and start again" -- chancery up
    cp -p "$keep" "$DIR/node.yaml"
    mv "$DIR/keys/listener.key" "$keep.key"
    check "a missing key is named with its setting" 1 \
        "$DIR/keys/listener.key: cannot be read.*listeners.acme.key" -- chancery up
    mv "$keep.key" "$DIR/keys/listener.key"
    sed -i 's|^database:.*|database: { services: "host=127.0.0.1 port=1 dbname=x user=x", owner: "host=127.0.0.1 port=1 dbname=x user=x" }|' \
        "$DIR/node.yaml"
    check "a database that is down is a refusal with the server's words" 1 \
        "chancery up: migrate: did not start" "port 1 failed|127.0.0.1.*refused" -- chancery up
    truth "nothing runs after a failed start" nothing_runs
    cp -p "$keep" "$DIR/node.yaml"
    echo 'nonsense: true' >>"$DIR/policy/chancery.yaml"
    check "a wrong policy stops up with the mistake" 1 "nonsense" \
        "chancery up: $DIR/policy: 1 mistake, shown above; mend it and start again" -- chancery up
    truth "nothing runs after that either" nothing_runs
    sed -i '/^nonsense/d' "$DIR/policy/chancery.yaml"
    mv "$DIR/keys/web-1.key" "$keep.key"
    check "a signer without its key stops up, which shows the signer's words" 1 "web-1" \
        "chancery up: signer: did not start.*$DIR/log/signer.log" -- chancery up
    mv "$keep.key" "$DIR/keys/web-1.key"
}

test_foreground()
{
    local pid i
    # run is a function: the supervisor is below the shell that runs it.
    chancery up --foreground >"$WORK/part/foreground" 2>&1 &
    pid=$!
    for ((i = 0; i < 200; i++)); do
        grep -q '"ready:' "$WORK/part/foreground" && break
        sleep 0.05
    done
    truth "in the foreground it logs to standard error" grep -q '"ready:' "$WORK/part/foreground"
    kill -TERM "$(cat "$DIR/run/supervisor.pid")"
    wait $pid
    truth "SIGTERM ends it with exit code 0" test $? -eq 0
    truth "nothing runs after the foreground" nothing_runs
    # An interrupt while things start: whatever point it hits, nothing may be left.
    for i in 0.05 0.2 0.4; do
        run timeout -s INT $i "$CHANCERY" up --node "$DIR/node.yaml" >/dev/null 2>&1
        chancery down >/dev/null 2>&1
        truth "up interrupted after $i s leaves nothing" nothing_runs
    done
}

test_as_root()
{
    local guest=$WORK/part/guest innocent
    truth "settings belong to root and the group of the services" \
        test "$(stat -c %U:%G:%a "$DIR/node.yaml")" = root:chancery:640
    install -d -o "$MADE_USER" "$guest"
    check "a directory of somebody else is refused" 1 "$guest: belongs to user id" -- init "$guest"
    check "and so is one below it" 1 "$guest: belongs to user id" -- init "$guest/x"
    truth "and nothing was made there" test -z "$(ls -A "$guest")"
    sleep 60 &
    innocent=$!
    echo $innocent >"$DIR/run/supervisor.pid"
    check "a pid without the lock is nothing to down" 0 "nothing runs" -- chancery down
    truth "and that process lives" kill -0 $innocent
    kill $innocent
    wait $innocent 2>/dev/null
    truth "the CA key belongs to the signer" \
        test "$(stat -c %U:%a "$DIR/keys/web-1.key")" = chancery-signer:600
    truth "the listener's key belongs to the services" \
        test "$(stat -c %U:%a "$DIR/keys/listener.key")" = chancery:600
    truth "the root's key belongs to root" test "$(stat -c %U:%a "$DIR/keys/root.key")" = root:600
    check "up starts for the parts that only root sees" 0 "signer +pid [0-9]+ as chancery-signer" -- chancery up
    truth "the signer runs as its own user" test "$(stat -c %U /proc/"$(pid_of signer)")" = chancery-signer
    truth "the front runs as the service user" test "$(stat -c %U /proc/"$(pid_of front-1)")" = chancery
    truth "PostgreSQL runs as the service user" test "$(stat -c %U /proc/"$(pid_of postgres)")" = chancery
    check "the services cannot make tables" 2 "permission denied for schema public" -- \
        service_sql "CREATE TABLE t (a int)"
    check "the services can read what migrations made" 0 "core" -- \
        service_sql "SELECT module FROM chy_migration"
    check "root itself is no database user" 2 "[Pp]eer authentication failed|no pg_hba.conf entry" -- \
        psql "host=$DIR/run/pg dbname=chancery user=chancery_service" -v ON_ERROR_STOP=1 -c "SELECT 1"
    check "the superuser cannot log in" 2 "no pg_hba.conf entry" -- \
        service_sql "SELECT 1" postgres
    truth "PostgreSQL listens on no port" no_tcp
    chancery down >/dev/null
    mkdir -m 0700 "$WORK/part/closed"
    check "a directory that the service user cannot pass is refused by name" 1 \
        "user chancery cannot pass $WORK/part/closed \(mode 0700\)" -- init "$WORK/part/closed/x"
    truth "and nothing was made there" test -z "$(ls -A "$WORK/part/closed")"
    chmod 0700 "$DIR"
    check "up refuses it too" 1 "cannot pass $DIR" -- chancery up
    chmod 0755 "$DIR"
}

service_sql()
{
    runuser -u chancery -- psql "host=$DIR/run/pg dbname=chancery user=${2:-chancery_service}" \
        -v ON_ERROR_STOP=1 -At -c "$1" 2>&1 | sed 's/^/: /'
    [ "${PIPESTATUS[0]}" -eq 0 ] || return 2
}

no_tcp()
{
    ! ss -ltnp 2>/dev/null | grep "pid=$(pid_of postgres),"
}

test_as_user()
{
    check "the default places are the XDG directories" 0 "settings +$WORK/home/.config/chancery/node.yaml" \
        -- run env -u XDG_RUNTIME_DIR -u XDG_CONFIG_HOME -u XDG_DATA_HOME -u XDG_STATE_HOME \
        "$CHANCERY" init --port "$PORT" --public-port "$PUBLIC_PORT"
    check "status says that the signer is not separated" 1 "separation is off" -- chancery status
}

# part NAME USER: everything once, as USER (empty: as ourselves).
part()
{
    WHO=$1 AS=$2
    mkdir -p "$WORK/part" "$WORK/home"
    [ -z "$AS" ] || chown "$AS" "$WORK/part" "$WORK/home"
    DIR=$WORK/part/a
    read -r PORT PUBLIC_PORT _ < <(free_ports)
    test_init
    test_up
    test_restarts
    test_in_the_way
    test_down
    test_refusals
    test_foreground
    if [ -z "$AS" ] && [ "$(id -u)" -eq 0 ]; then test_as_root; else test_as_user; fi
    rm -rf "$WORK/part" "$WORK/home"
}

install_build()
{
    local build=${CHY_BUILD:-$SOURCE/build} found
    if [ -n "${CHY_PREFIX:-}" ]; then
        CHANCERY=$CHY_PREFIX/bin/chancery
        return
    fi
    meson install -C "$build" --destdir "$WORK/install" --no-rebuild --quiet || exit 2
    found=$(find "$WORK/install" -name chancery -path '*/bin/*')
    CHANCERY=$found
}

install_build
if [ "$(id -u)" -eq 0 ]; then
    MADE_USER=chylife$$
    useradd --system --no-create-home "$MADE_USER" || exit 2
    part root ""
    part user "$MADE_USER"
else
    part user ""
fi
echo "$PASSED passed, $FAILED failed"
[ "$FAILED" -eq 0 ]
