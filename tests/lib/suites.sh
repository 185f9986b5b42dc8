# SPDX-License-Identifier: Apache-2.0
# The suites, in the order in which `tests/run` takes them.  A suite exists when it has a program.
# Every module is one, under its folder's name.

SUITES="lint unit wire db loopback conformance fuzz e2e clients map policy"
for module in extensions/*/; do
    SUITES+=" $(basename "$module")"
done
SUITES+=" bench"

# What a suite is made of: C sources (built into one program each) or scripts.
programs_of()
{
    case $1 in
    lint) find tests/lint -maxdepth 1 -type f -perm -u+x ;;
    unit) find tests/unit extensions/*/tests -maxdepth 1 -name '*_test.c' ;;
    db | loopback | conformance) find "tests/$1" -name '*_test.c' ;;
    fuzz) find tests/fuzz extensions/*/tests/fuzz -maxdepth 1 -name '*.c' -not -name driver.c ;;
    *) find "tests/$1" "extensions/$1/tests" -maxdepth 1 \( -name '*_test.sh' -o -name '*_test.py' \) ;;
    esac 2>/dev/null | LC_ALL=C sort
}

existing_suites()
{
    local suite
    for suite in $SUITES; do
        [ -z "$(programs_of "$suite")" ] || echo "$suite"
    done
}

list_suites()
{
    local suite n
    for suite in $SUITES; do
        n=$(programs_of "$suite" | wc -l)
        if [ "$n" -gt 0 ]; then
            printf '%-12s %3d program%s\n' "$suite" "$n" "$([ "$n" -eq 1 ] || echo s)"
        else
            printf '%-12s not yet\n' "$suite"
        fi
    done
}

require_suite()
{
    case " $SUITES " in
    *" $1 "*) ;;
    *)
        echo "tests/run: $1: no such suite; the suites are: $SUITES" >&2
        return 1
        ;;
    esac
    [ -n "$(programs_of "$1")" ] && return 0
    echo "tests/run: $1: not built yet; tests/run --list shows what exists" >&2
    return 1
}

run_suite()
{
    begin_suite "$1"
    case $1 in
    lint) suite_lint ;;
    unit) suite_unit ;;
    wire) suite_wire ;;
    db | loopback) suite_database "$1" ;;
    conformance) suite_conformance ;;
    fuzz) suite_fuzz ;;
    *) suite_scripts "$1" ;;
    esac
    end_suite
}

suite_lint()
{
    local lint
    build_plain
    build_clang && pass "clang compiles everything without a warning"
    for lint in $(programs_of lint); do
        run_program "${lint#tests/}" 300 "$lint"
    done
}

# run_built SUITE [WRAPPER]: every program of the suite in build-test/tests.
run_built()
{
    local source name
    for source in $(programs_of "$1"); do
        name=$1-$(basename "$source" .c)
        case $source in
        extensions/*) name=module-$(cut -d/ -f2 <<<"$source")-$(basename "$source" .c) ;;
        esac
        run_program "$name" 300 ${2:+"$2"} "$CHY_BUILD/tests/$name"
    done
}

suite_unit()
{
    build_test && run_built unit
}

# Needs no build: the schemas and what judges by them.
suite_wire()
{
    local script
    for script in $(programs_of wire); do
        run_program "${script#tests/}" 300 "$script"
    done
}

suite_database()
{
    build_test || return
    postgres_start || { fail "start a throw-away PostgreSQL"; return; }
    export CHY_TEST_MODULES=$CHY_BUILD/extensions
    if [ "$1" = loopback ]; then
        run_built loopback tests/wire/run
    else
        run_built "$1"
    fi
}

suite_conformance()
{
    build_test || return
    export CHY_TEST_MODULES=$CHY_BUILD/extensions
    run_built conformance
}

suite_scripts()
{
    local script
    build_test && build_plain || return
    export CHY_SOURCE=$ROOT
    for script in $(programs_of "$1"); do
        case $script in
        *.py) run_program "${script#tests/}" 2400 python3 -B "$script" ;;
        *) run_program "${script#tests/}" 2400 bash "$script" ;;
        esac
    done
}

# Each target is one test: its corpus and 20,000 random mutations; --long: five minutes of libFuzzer.
suite_fuzz()
{
    local source name corpus
    build_test || return
    for source in $(programs_of fuzz); do
        name=$(basename "$source" .c)
        corpus=$(dirname "$source")/corpus/$name
        run_program "fuzz-$name" 600 bash tests/lib/fuzz_target.sh replay "$name" "$corpus"
        [ "$LONG" -eq 0 ] ||
            run_program "fuzz-$name (libFuzzer)" 900 bash tests/lib/fuzz_target.sh explore "$name" "$corpus" "$source"
    done
}
