# SPDX-License-Identifier: Apache-2.0
# The builds that the suites need, each made once a run and only by a suite that needs it:
#   build-test/   gcc, AddressSanitizer and UndefinedBehaviorSanitizer: unit, db, fuzz ...
#   build-plain/  gcc, no sanitizer, installed below the run's directory: e2e, clients, exports
#   build-clang/  clang, compiled for its warnings only
# Warnings are errors in the last two; instrumentation makes gcc 12 see warnings that are not there.

BUILT=''

require_packages()
{
    local missing
    missing=$(deploy/packages --missing build quickstart tests) || return 1
    [ -n "$missing" ] || return 0
    if [ "$INSTALL" -eq 0 ]; then
        echo "tests/run: packages are missing: $missing" >&2
        echo "tests/run: install them with: deploy/packages build quickstart tests" >&2
        return 1
    fi
    deploy/packages build quickstart tests
}

# Sources are found by folder when meson configures: a new file needs a new configuration.
sources_key()
{
    {
        echo "$@"
        find core extensions services migrations tests -name '*.[ch]' -o -name '*.sql' -o -name libraries | LC_ALL=C sort
        cat meson_options.txt
    } | sha256sum | cut -c1-32
}

configure_build()
{
    local dir=$1 key
    shift
    key=$(sources_key "$@")
    [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/.sources" 2>/dev/null)" = "$key" ] && return 0
    if [ -f "$dir/build.ninja" ]; then
        meson setup --reconfigure "$dir" "$@" || rm -rf "$dir"
    fi
    [ -f "$dir/build.ninja" ] || { rm -rf "$dir"; meson setup "$dir" "$@"; } || return 1
    echo "$key" >"$dir/.sources"
}

# build DIR OPTIONS...: quiet when it works; shows what the compiler said when not.
build()
{
    local dir=$1 log=$RUN_DIR/build.log start=$SECONDS
    case " $BUILT " in
    *" $dir:ok "*) return 0 ;;
    *" $dir:failed "*) return 1 ;;
    esac
    if { configure_build "$@" && nice ninja -C "$dir"; } >"$log" 2>&1; then
        BUILT+=" $dir:ok"
        echo "built $dir in $((SECONDS - start)) s"
        return 0
    fi
    BUILT+=" $dir:failed"
    # From the first failure on; a failed configuration has no FAILED line.
    awk '/^FAILED: |ERROR: / { on = 1 } on && !/^\[[0-9]+\/[0-9]+\] /' "$log" | tail -200 | sed 's/^/    /'
    fail "build $dir"
    return 1
}

build_test()
{
    export CHY_BUILD=$ROOT/build-test
    build build-test -Dtests=enabled -Dtesting=true -Dwerror=false -Db_sanitize=address,undefined
}

build_plain()
{
    export CHY_PLAIN=$ROOT/build-plain CHY_PREFIX=$RUN_DIR/prefix
    [ ! -d "$CHY_PREFIX" ] || return 0
    build build-plain -Dtests=enabled -Dtesting=true -Dwerror=true -Dprefix="$CHY_PREFIX" || return 1
    meson install -C build-plain --no-rebuild --quiet >"$RUN_DIR/build.log" 2>&1 && return 0
    sed 's/^/    /' "$RUN_DIR/build.log"
    fail "install build-plain"
    return 1
}

build_clang()
{
    CC=clang build build-clang -Dtests=enabled -Dtesting=true -Dwerror=true
}
