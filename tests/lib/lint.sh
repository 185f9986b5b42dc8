# SPDX-License-Identifier: Apache-2.0
# What every lint shares.  A lint defines `check`, which runs at the top of a tree and prints one line
# per mistake (nothing: the tree is clean; lines that start with "# " are notes), and `self_test`, which
# plants mistakes into a copy of the tree and expects `check` to name them: a lint that cannot fail
# proves nothing.
#
#   lint_main "sentence that holds when the tree is clean"

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LINT=$(basename "$0")

# Source files of ours below the folders named, by `find` expressions; builds are never among them.
tree_find()
{
    local dirs=() dir
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        for dir in $1; do [ -d "$dir" ] && dirs+=("$dir"); done
        shift
    done
    shift
    [ ${#dirs[@]} -eq 0 ] || find "${dirs[@]}" -name __pycache__ -prune -o -type f \( "$@" \) -print | LC_ALL=C sort
}

c_files()
{
    tree_find "$@" -- -name '*.[ch]'
}

code_of()
{
    xargs -r python3 -B "$ROOT/tests/lib/ctext.py" code
}

strings_of()
{
    xargs -r python3 -B "$ROOT/tests/lib/ctext.py" strings
}

# Without most of the C sources: what is planted must be found, not what is there looked at again.
copy_tree()
{
    COPY=$(mktemp -d)
    trap 'rm -rf "$COPY"' EXIT
    (cd "$ROOT" && tar -c --exclude='./build*' --exclude=./.git --exclude=__pycache__ \
        --exclude='./core/*.c' --exclude='./services/*.c' --exclude='./tests/*.c' .) | tar -x -C "$COPY"
}

# refuses "what" FILE LINE...: with the file so planted, check must name FILE (or what NAMED says).
refuses()
{
    local what=$1 file=$2 kept=''
    shift 2
    if [ -e "$COPY/$file" ]; then
        kept=$COPY.kept
        mv "$COPY/$file" "$kept"
    fi
    mkdir -p "$(dirname "$COPY/$file")"
    printf '%s\n' "$@" >"$COPY/$file"
    if (cd "$COPY" && check 2>&1) | grep -v '^# ' | grep -qF "${NAMED:-$file}"; then
        echo "ok $LINT refuses $what"
    else
        echo "not ok $LINT refuses $what"
    fi
    rm -f "$COPY/$file"
    [ -z "$kept" ] || mv "$kept" "$COPY/$file"
}

lint_main()
{
    local mistakes status=0
    cd "$ROOT" || exit 2
    mistakes=$(check 2>&1)
    grep '^# ' <<<"$mistakes" | sed 's/^# /# note /'
    mistakes=$(grep -v '^# ' <<<"$mistakes")
    if [ -z "$mistakes" ]; then
        echo "ok $LINT: $1"
    else
        echo "$mistakes"
        echo "not ok $LINT: $1"
        status=1
    fi
    copy_tree
    self_test | tee "$COPY.self"
    ! grep -q '^not ok' "$COPY.self" || status=1
    rm -f "$COPY.self"
    exit $status
}
