# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A real authoritative name server for tests and demonstrations: knot, on 127.0.0.1, serving
# chancery.example, which it signs itself (ECDSAP256SHA256) and in which it accepts RFC 2136 updates.
# To be sourced by a POSIX shell (set -eu is fine).  Debian packages: knot knot-dnsutils.
#
#   zones_start DIR PORT [ZONE=FILE ...]
#       Start the server with its state in DIR (made if missing) on 127.0.0.1, UDP and TCP, and wait
#       until it answers.  PORT 0: a free one is chosen; it is in $ZONES_PORT afterwards.  Every
#       ZONE=FILE is one more zone, served as it is.  Sets and exports ZONES_DIR and ZONES_PORT.
#       As root the server turns into the user knot, if that user can reach DIR.  Of DIR only db/ is
#       knot's then: nothing that root reads or writes again lies where knot may write.
#   zones_ds
#       Print the trust anchor: "chancery.example. IN DS TAG 13 2 DIGEST".
#   zones_update ADD|DEL NAME TYPE VALUE
#       Change one record and return when the server serves it.  NAME is relative to chancery.example
#       unless it ends with a dot; DEL without VALUE removes all of that type.  TXT: give the bare
#       text, quotes are added.
#   zones_running
#       Is the server of DIR running?  A process id that now belongs to something else does not count.
#   zones_stop
#       Stop the server.  Put it in a trap: trap zones_stop EXIT
#
# Another shell that has ZONES_DIR set to a running DIR may call all but zones_start.
#
# Names: chancery.example and every name below it (*.chancery.example) is A 127.0.0.1, TTL 1.  A
# wildcard does not answer for a name that exists, and a name exists as soon as something lies below
# it: after an update of _acme-challenge.www there is no address at www any more, unless one is added.
#
# Files for other clients: DIR/tsig.key (nsupdate -k, "key" statement as in named.conf), name "update",
# algorithm hmac-sha256; DIR/tsig.secret (the base64 alone).

ZONES_ORIGIN=chancery.example

# A port free for UDP and TCP on 127.0.0.1 a moment ago.
zones_free_port() {
    python3 -c '
import socket
for i in range(100):
    t = socket.socket(); t.bind(("127.0.0.1", 0)); p = t.getsockname()[1]
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try: u.bind(("127.0.0.1", p))
    except OSError: continue
    print(p); break'
}

zones_write_zone() {
    cat >"$ZONES_DIR/$ZONES_ORIGIN.zone" <<ZONE
\$ORIGIN $ZONES_ORIGIN.
\$TTL 1
@       SOA ns.$ZONES_ORIGIN. hostmaster.$ZONES_ORIGIN. 1 3600 600 86400 1
@       NS  ns.$ZONES_ORIGIN.
@       A   127.0.0.1
ns      A   127.0.0.1
*       A   127.0.0.1
ZONE
}

# zones_write_conf [ZONE=FILE ...]: the socket of knotc and knotd's own files lie in a directory of
# their own, because a unix socket's path may have 107 octets only and DIR may be deep.
zones_write_conf() {
    {
        cat <<CONF
server:
    rundir: "$zones_run"
    $(zones_drops_root && echo 'user: knot:knot')
    listen: 127.0.0.1@$ZONES_PORT
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "$ZONES_DIR/db"
    journal-db-max-size: 64M
    kasp-db-max-size: 16M
    timer-db-max-size: 16M
key:
  - id: update
    algorithm: hmac-sha256
    secret: $(cat "$ZONES_DIR/tsig.secret")
acl:
  - id: update
    address: 127.0.0.1
    key: update
    action: update
policy:
  - id: sign
    algorithm: ECDSAP256SHA256
    single-type-signing: on
template:
  - id: default
    storage: "$ZONES_DIR"
    zonefile-sync: -1
    semantic-checks: off
zone:
  - domain: $ZONES_ORIGIN
    file: "$ZONES_DIR/$ZONES_ORIGIN.zone"
    acl: update
    dnssec-signing: on
    dnssec-policy: sign
CONF
        for zones_extra in "$@"; do
            printf '  - domain: %s\n    file: "%s"\n' "${zones_extra%%=*}" "${zones_extra#*=}"
        done
    } >"$ZONES_DIR/knot.conf"
}

zones_drops_root() {
    [ "$(id -u)" -eq 0 ] && id knot >/dev/null 2>&1 &&
        setpriv --reuid=knot --regid=knot --clear-groups test -x "$ZONES_DIR" -a -x "${TMPDIR:-/tmp}"
}

zones_kdig() {
    kdig @127.0.0.1 -p "$ZONES_PORT" +noidn +time=2 +retry=0 "$@"
}

# Zone files are read only (zonefile-sync -1).  The run directory is no place that root trusts: it is
# only ever removed, and rm does not go through links.
zones_give_to_knot() {
    chmod 644 "$ZONES_DIR/$ZONES_ORIGIN.zone"
    chown -h knot:knot "$ZONES_DIR/db" "$zones_run"
}

zones_running() {
    [ -n "${ZONES_DIR-}" ] && [ -f "$ZONES_DIR/knotd.pid" ] || return 1
    zones_pid=$(cat "$ZONES_DIR/knotd.pid")
    case $zones_pid in '' | *[!0-9]*) return 1 ;; esac
    kill -0 "$zones_pid" 2>/dev/null || return 1
    # What this shell started is ours, also in the moment before it has become knotd.
    [ "$zones_pid" != "${zones_child-}" ] || return 0
    tr '\0' '\n' <"/proc/$zones_pid/cmdline" 2>/dev/null |
        grep -qxF "$(cd "$ZONES_DIR" && pwd)/knot.conf"
}

zones_remove_run() {
    zones_dir=$(cat "$ZONES_DIR/rundir" 2>/dev/null) || return 0
    case $zones_dir in
    "${TMPDIR:-/tmp}"/zones.*[!A-Za-z0-9]*) ;;
    "${TMPDIR:-/tmp}"/zones.??????) rm -rf "$zones_dir" ;;
    esac
    rm -f "$ZONES_DIR/rundir"
}

zones_wait() {
    zones_try=0
    until zones_kdig +dnssec +short "$ZONES_ORIGIN" SOA 2>/dev/null | grep -q '^SOA 13 '; do
        zones_try=$((zones_try + 1))
        if [ "$zones_try" -gt 150 ] || ! zones_running; then
            echo "zones: knotd does not answer; see $ZONES_DIR/knotd.log" >&2
            return 1
        fi
        sleep 0.1
    done
}

zones_start() {
    PATH=$PATH:/usr/sbin:/sbin
    mkdir -p "$1"
    ZONES_DIR=$(cd "$1" && pwd)
    ZONES_PORT=$2
    shift 2
    [ "$ZONES_PORT" != 0 ] || ZONES_PORT=$(zones_free_port)
    export ZONES_DIR ZONES_PORT
    [ "$(id -u)" -ne 0 ] || chown -h root:root "$ZONES_DIR"
    # Made anew, each of them, so that none is written through a link that somebody left.
    rm -f "$ZONES_DIR/knotd.pid" "$ZONES_DIR/knotd.log" "$ZONES_DIR/port" "$ZONES_DIR/rundir" \
        "$ZONES_DIR/knot.conf" "$ZONES_DIR/$ZONES_ORIGIN.zone" "$ZONES_DIR"/tsig.*
    mkdir -p "$ZONES_DIR/db"
    zones_run=$(mktemp -d "${TMPDIR:-/tmp}/zones.XXXXXX")
    printf '%s\n' "$zones_run" >"$ZONES_DIR/rundir"
    (
        umask 077
        openssl rand -base64 32 >"$ZONES_DIR/tsig.secret"
        printf 'key "update" {\n  algorithm hmac-sha256;\n  secret "%s";\n};\n' \
            "$(cat "$ZONES_DIR/tsig.secret")" >"$ZONES_DIR/tsig.key"
        printf 'hmac-sha256:update:%s\n' "$(cat "$ZONES_DIR/tsig.secret")" >"$ZONES_DIR/tsig.knot"
        zones_write_zone
        zones_write_conf "$@"
    )
    if zones_drops_root; then
        zones_give_to_knot
    fi
    knotd -c "$ZONES_DIR/knot.conf" >"$ZONES_DIR/knotd.log" 2>&1 </dev/null &
    zones_child=$!
    printf '%s\n' "$zones_child" >"$ZONES_DIR/knotd.pid"
    printf '%s\n' "$ZONES_PORT" >"$ZONES_DIR/port"
    zones_wait
}

zones_ds() {
    PATH=$PATH:/usr/sbin:/sbin
    keymgr -c "$ZONES_DIR/knot.conf" "$ZONES_ORIGIN." ds |
        awk '$5 == 2 { print $1, "IN", $2, $3, $4, $5, $6 }'
}

zones_update() {
    ZONES_PORT=$(cat "$ZONES_DIR/port")
    case $2 in
    *.) zones_name=$2 ;;
    @) zones_name=$ZONES_ORIGIN. ;;
    *) zones_name=$2.$ZONES_ORIGIN. ;;
    esac
    zones_value=${4-}
    if [ "$3" = TXT ] && [ -n "$zones_value" ]; then
        case $zones_value in \"*) ;; *) zones_value="\"$zones_value\"" ;; esac
    fi
    case $1 in
    ADD) zones_line="add $zones_name 1 $3 $zones_value" ;;
    DEL) zones_line="del $zones_name $3 $zones_value" ;;
    *)
        echo "zones_update: ADD or DEL, not $1" >&2
        return 2
        ;;
    esac
    printf 'server 127.0.0.1 %s\nzone %s.\nupdate %s\nsend\n' \
        "$ZONES_PORT" "$ZONES_ORIGIN" "$zones_line" | knsupdate -k "$ZONES_DIR/tsig.knot"
}

zones_stop() {
    [ -n "${ZONES_DIR-}" ] && [ -f "$ZONES_DIR/knotd.pid" ] || return 0
    ! zones_running || kill "$zones_pid" 2>/dev/null || :
    zones_try=0
    while zones_running && [ "$zones_try" -lt 50 ]; do
        zones_try=$((zones_try + 1))
        sleep 0.1
    done
    ! zones_running || kill -9 "$zones_pid" 2>/dev/null || :
    zones_remove_run
    rm -f "$ZONES_DIR/knotd.pid"
}
