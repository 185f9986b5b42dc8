# SPDX-License-Identifier: Apache-2.0
# Running test programs: the run's directory, time limits, and the proof that nothing stays behind.

RUN_DIR=''
make_run_dir()
{
    local base=${TMPDIR:-/tmp}

    # Unprivileged users (PostgreSQL's, the signer's) must get through to it, and a socket's path
    # has 107 bytes at most.
    if [ ${#base} -gt 40 ] || ! others_can_enter "$base"; then
        base=/tmp
    fi
    RUN_DIR=$(mktemp -d "$base/chancery-tests.XXXXXX") || exit 2
    chmod 755 "$RUN_DIR"
    export TMPDIR=$RUN_DIR
}

others_can_enter()
{
    local dir
    dir=$(realpath "$1") || return 1
    while [ "$dir" != / ]; do
        case $(stat -c %A "$dir") in *[xt]) ;; *) return 1 ;; esac
        dir=$(dirname "$dir")
    done
}

# Processes that carry MARK in their environment or arguments, or work or run below it; not ours.
processes_with()
{
    local mark=$1 file pid
    {
        grep -lsF -f - /proc/[0-9]*/environ /proc/[0-9]*/cmdline <<<"$mark"
        find /proc -maxdepth 2 \( -name cwd -o -name exe \) -lname "$mark*" 2>/dev/null
    } | while read -r file; do
        pid=${file#/proc/}
        pid=${pid%%/*}
        case $pid in *[!0-9]*) continue ;; esac
        is_child "$pid" && continue # the very commands that look
        [ -n "$(describe_process "$pid")" ] || continue # a zombie has no arguments
        echo "$pid"
    done | sort -un
}

# Ours, by parentage: what a test leaves behind has lost its parents.
is_child()
{
    local pid=$1
    while [ "${pid:-0}" -gt 1 ]; do
        [ "$pid" -ne $$ ] || return 0
        pid=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status" 2>/dev/null)
    done
    return 1
}

describe_process()
{
    { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null | cut -c1-120
}

# fail_leftovers NAME MARK: a process that outlives its test is a failure; it is ended here.
fail_leftovers()
{
    local pids pid
    pids=$(processes_with "$2")
    [ -n "$pids" ] || return 0
    sleep 0.5 # one that is just ending may end
    pids=$(processes_with "$2")
    for pid in $pids; do
        fail "$1: leftover process $pid: $(describe_process "$pid")"
        kill -TERM "$pid" 2>/dev/null
    done
    [ -n "$pids" ] || return 0
    sleep 1
    for pid in $(processes_with "$2"); do
        kill -KILL "$pid" 2>/dev/null
    done
}

# run_program NAME SECONDS COMMAND...: one test program with its own TMPDIR and a time limit.
run_program()
{
    local name=$1 limit=$2 dir out status start
    shift 2
    dir=$(mktemp -d "$RUN_DIR/t.XXXXXX")
    chmod 755 "$dir"
    out=$RUN_DIR/output
    start=$EPOCHREALTIME
    env TMPDIR="$dir" CMOCKA_MESSAGE_OUTPUT=TAP \
        ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:${ASAN_OPTIONS:-}" \
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:${UBSAN_OPTIONS:-}" \
        timeout -k 5 "$limit" "$@" >"$out" 2>&1 </dev/null
    status=$?
    report_program "$name" "$out" "$status" \
        "$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')"
    fail_leftovers "$name" "$dir"
    rm -rf "$dir"
}

clean_up()
{
    [ -n "$RUN_DIR" ] || return 0
    postgres_stop
    SUITE_FAILED=0
    fail_leftovers "tests/run" "$RUN_DIR"
    TOTAL_FAILED=$((TOTAL_FAILED + SUITE_FAILED))
    rm -rf "$RUN_DIR"
    RUN_DIR=''
}
