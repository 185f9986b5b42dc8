# SPDX-License-Identifier: Apache-2.0
# What deploy/quickstart is made of: numbered steps with their times, ports, and what is left at the end.

STEP=0 STEPS=6

die()
{
    echo "deploy/quickstart: $*" >&2
    exit 1
}

seconds_since()
{
    awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { d = b - a; printf d < 9.95 ? "%.1f s" : "%.0f s", d }'
}

# step NAME FUNCTION: run it with its output in a log, and say in one line what came of it.  The
# function leaves that in $DETAIL (a file).  On a terminal the time runs while it works.
step()
{
    local name=$1 log=$STATE/log/$2.log start=$EPOCHREALTIME pid
    STEP=$((STEP + 1)) DETAIL=$STATE/log/$2.detail
    : >"$DETAIL"
    ("$2") >"$log" 2>&1 </dev/null &
    pid=$!
    trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
    while [ -t 1 ] && kill -0 "$pid" 2>/dev/null; do
        printf '\r[%d/%d] %-20s %s ' "$STEP" "$STEPS" "$name" "$(seconds_since "$start")"
        sleep 0.2
    done
    if wait "$pid"; then
        [ ! -t 1 ] || printf '\r\033[K'
        printf '[%d/%d] %-20s %-72s %8s\n' "$STEP" "$STEPS" "$name" "$(cat "$DETAIL")" "$(seconds_since "$start")"
        trap - INT TERM
        return
    fi
    [ ! -t 1 ] || printf '\r\033[K'
    printf '[%d/%d] %-20s failed after %s; the end of %s:\n' "$STEP" "$STEPS" "$name" "$(seconds_since "$start")" "$log"
    tail -25 "$log" | sed 's/^/    /'
    echo "What it made so far stays; run deploy/quickstart again, or deploy/quickstart --down"
    exit 1
}

# As step, for a step that may ask for a password: in the foreground, with the terminal as its input.
step_asking()
{
    local name=$1 log=$STATE/log/$2.log start=$EPOCHREALTIME
    STEP=$((STEP + 1)) DETAIL=$STATE/log/$2.detail
    : >"$DETAIL"
    if ! "$2" >"$log" 2>&1; then
        printf '[%d/%d] %-20s failed; the end of %s:\n' "$STEP" "$STEPS" "$name" "$log"
        tail -25 "$log" | sed 's/^/    /'
        exit 1
    fi
    printf '[%d/%d] %-20s %-72s %8s\n' "$STEP" "$STEPS" "$name" "$(cat "$DETAIL")" "$(seconds_since "$start")"
}

detail()
{
    printf '%s' "$*" >"$DETAIL"
}

# Who listens on a port, TCP or UDP; nothing if it is free.
port_holder()
{
    ss -Hlntup "sport = :$1" 2>/dev/null | head -1 |
        sed -n 's/.*users:((\("[^"]*"\),pid=\([0-9]*\).*/\1, process \2/p; t; s/.*/another user'"'"'s process/p'
}

# require_free_ports PORT OPTION...: all that are taken at once, a line each.
require_free_ports()
{
    local holder taken=0
    while [ $# -gt 0 ]; do
        holder=$(port_holder "$1")
        if [ -n "$holder" ]; then
            echo "deploy/quickstart: port $1 is taken by $holder; choose another with $2 N" >&2
            taken=1
        fi
        shift 2
    done
    [ "$taken" -eq 0 ] || exit 1
}

# require_distinct_ports PORT OPTION...
require_distinct_ports()
{
    local -A option=()
    while [ $# -gt 0 ]; do
        [ "$1" -ge 1 ] && [ "$1" -le 65535 ] || die "$2 $1: a port is a number from 1 to 65535"
        [ -z "${option[$1]:-}" ] || die "$2 and ${option[$1]} are both $1; each wants a port of its own"
        option[$1]=$2
        shift 2
    done
}

# What still runs from or in the places named, one line a process.
processes_of()
{
    local place pid
    for place in "$@"; do
        find /proc -maxdepth 2 \( -name exe -o -name cwd \) \( -lname "$place" -o -lname "$place/*" \) 2>/dev/null
        grep -lsF -f - /proc/[0-9]*/cmdline <<<"$place/"
    done | cut -d/ -f3 | sort -un | while read -r pid; do
        case $pid in $$ | $BASHPID | *[!0-9]*) continue ;; esac
        printf '%s %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | cut -c1-100)"
    done | sed -n '/ ./p'
}
