# SPDX-License-Identifier: Apache-2.0
# Counting and printing: suites, their totals, and the last line.
#
# A program reports its tests as lines `ok NAME` and `not ok NAME` (TAP's numbers and plan are
# understood); `# SKIP why` behind a name is a skip.  What passes is one line, what fails is shown whole.

TOTAL_PASSED=0 TOTAL_FAILED=0
SUITE_PASSED=0 SUITE_FAILED=0 SUITE_SKIPPED=0
EMPTY_SUITES=''

begin_suite()
{
    SUITE=$1 SUITE_PASSED=0 SUITE_FAILED=0 SUITE_SKIPPED=0
    printf '== %s\n' "$SUITE"
}

end_suite()
{
    local skipped=''
    [ "$SUITE_SKIPPED" -gt 0 ] && skipped=", $SUITE_SKIPPED skipped"
    if [ $((SUITE_PASSED + SUITE_FAILED)) -eq 0 ]; then
        EMPTY_SUITES+=" $SUITE"
        echo "not ok $SUITE ran no test"
    fi
    printf '%s: %d passed, %d failed%s\n\n' "$SUITE" "$SUITE_PASSED" "$SUITE_FAILED" "$skipped"
    TOTAL_PASSED=$((TOTAL_PASSED + SUITE_PASSED))
    TOTAL_FAILED=$((TOTAL_FAILED + SUITE_FAILED))
}

# The last line is the total alone; the exit code is non-zero on a failure or an empty suite.
finish_report()
{
    printf '%d passed, %d failed\n' "$TOTAL_PASSED" "$TOTAL_FAILED"
    [ "$TOTAL_FAILED" -eq 0 ] && [ -z "$EMPTY_SUITES" ] || exit 1
    exit 0
}

pass()
{
    SUITE_PASSED=$((SUITE_PASSED + 1))
    echo "ok $*"
}

fail()
{
    SUITE_FAILED=$((SUITE_FAILED + 1))
    echo "not ok $*"
}

skip()
{
    SUITE_SKIPPED=$((SUITE_SKIPPED + 1))
    echo "skip $1: ${*:2}"
}

# count_output FILE STATUS: sets ok, bad, skipped and why (the program's own failure, or nothing).
count_output()
{
    local file=$1 status=$2 plan
    read -r ok bad skipped plan < <(awk '
        /^(not )?ok[ \t]/ && /# *SKIP/ { skipped++; next }
        /^ok[ \t]/ { ok++ }
        /^not ok[ \t]/ { bad++ }
        /^1\.\.[0-9]+$/ { plan += substr($0, 4) }
        END { print ok + 0, bad + 0, skipped + 0, plan + 0 }' "$file")
    why=''
    if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
        why="no end within its time limit"
    elif grep -qE '(ERROR|WARNING): [A-Za-z]+Sanitizer|: runtime error: ' "$file"; then
        why="a sanitizer reported"
    elif [ "$plan" -gt $((ok + bad + skipped)) ]; then
        why="$((ok + bad + skipped)) of $plan tests reported (exit code $status)"
    elif [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        why="exit code $status"
    elif [ $((ok + bad + skipped)) -eq 0 ]; then
        why="reported no test"
    fi
    [ -n "$why" ] && [ "$bad" -eq 0 ] && bad=1
}

# report_program NAME FILE STATUS SECONDS
report_program()
{
    local name=$1 file=$2 ok bad skipped why
    count_output "$file" "$3"
    SUITE_PASSED=$((SUITE_PASSED + ok))
    SUITE_FAILED=$((SUITE_FAILED + bad))
    SUITE_SKIPPED=$((SUITE_SKIPPED + skipped))
    if [ "$bad" -gt 0 ]; then
        sed 's/^/    /' "$file"
        printf 'not ok %s: %d passed, %d failed%s\n' "$name" "$ok" "$bad" "${why:+ ($why)}"
        return
    fi
    grep -E '^(not )?ok[ \t].*# *SKIP|^# note' "$file" | sed 's/^/    /'
    printf 'ok %-40s %4d passed %6.1f s\n' "$name" "$ok" "$4"
}
