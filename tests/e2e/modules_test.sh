#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A stranger's module: built without network from a tarball of the installed header and chancery.pc,
# loaded, and refused in each faulty variant with a line of its own (tests/toy).
#
# CHY_PREFIX: an installation; CHY_BUILD: the build that holds tests/test-modload.  Without them, the
# build in ./build is used and its header is installed into a temporary directory.
set -u
cd "$(dirname "$0")/../.." || exit 2
BUILD=${CHY_BUILD:-$PWD/build}
MODLOAD=$BUILD/tests/test-modload
WORK=$(mktemp -d "${TMPDIR:-/tmp}/modules.XXXXXX") || exit 2
trap 'rm -rf "$WORK"' EXIT
PASSED=0 FAILED=0

ok()
{
    PASSED=$((PASSED + 1))
    echo "ok $1"
}

not_ok()
{
    FAILED=$((FAILED + 1))
    echo "not ok $1"
    sed 's/^/    /' <<<"$2"
}

# expect NAME PATTERN TEXT: TEXT holds PATTERN and is one line.
expect()
{
    if [[ $3 == *"$2"* ]] && [ "$(wc -l <<<"$3")" -eq 1 ]; then
        ok "$1"
    else
        not_ok "$1" "expected: $2"$'\n'"but was: $3"
    fi
}

# Without network: a module needs nothing from anywhere.
alone()
{
    if [ "$(id -u)" -eq 0 ]; then
        unshare -n -- "$@"
    else
        unshare -rn -- "$@"
    fi
}

# What a stranger gets: the installed header and chancery.pc, packed and unpacked somewhere else.
make_sdk()
{
    local prefix=${CHY_PREFIX:-} pc
    if [ -z "$prefix" ]; then
        meson install -C "$BUILD" --no-rebuild --quiet --tags devel --destdir "$WORK/installed" >/dev/null ||
            return 1
        prefix=$(dirname "$(find "$WORK/installed" -type d -name include | head -1)")
    fi
    pc=$(find "$prefix" -name chancery.pc | head -1)
    [ -f "$pc" ] && [ -f "$prefix/include/chancery/extension.h" ] || return 1
    mkdir -p "$WORK/sdk" "$WORK/toy"
    tar -C "$prefix" -cf "$WORK/sdk.tar" include/chancery -C "$(dirname "$pc")" chancery.pc
    tar -C "$WORK/sdk" -xf "$WORK/sdk.tar"
    sed -i "s|^prefix=.*|prefix=$WORK/sdk|" "$WORK/sdk/chancery.pc"
    cp tests/toy/toy.c tests/toy/build.sh "$WORK/toy/"
}

# build DIR -D...: DIR/toy.so, from the unpacked tarball, in a directory outside of the tree.
build()
{
    local dir=$WORK/$1
    shift
    mkdir -p "$dir"
    (cd "$WORK/toy" && PKG_CONFIG_PATH=$WORK/sdk alone ./build.sh "$dir/toy.so" "$@") 2>&1
}

# refuses NAME TEXT -D...: the variant builds, and the loader's line holds TEXT.
refuses()
{
    local name=$1 text=$2 said
    shift 2
    said=$(build variant "$@")
    if [ -n "$said" ]; then
        not_ok "$name" "$said"
        return
    fi
    said=$("$MODLOAD" "$WORK/variant" toy 2>&1)
    expect "$name" "refused: module toy: $text" "$said"
    rm -rf "$WORK/variant"
}

if ! said=$(make_sdk 2>&1); then
    not_ok "the installation has the header and chancery.pc" "$said"
    echo "$PASSED passed, $FAILED failed"
    exit 1
fi
ok "the installation has the header and chancery.pc"

said=$(build good)
[ -z "$said" ] && ok "the toy builds outside of the tree, without network and without a warning" ||
    not_ok "the toy builds outside of the tree, without network and without a warning" "$said"
expect "the toy exports chy_module alone" "chy_module" \
    "$(nm -D --defined-only "$WORK/good/toy.so" | awk '{ print $3 }')"
expect "the toy is loaded" "ok toy" "$("$MODLOAD" "$WORK/good" toy 2>&1)"
expect "a toy is proved by the token backwards" 'ok {"how":"backwards"}' \
    "$("$MODLOAD" "$WORK/good" toy --prove toy TOY:ball toy-01 backwards 2>&1)"
expect "a wrong answer proves nothing" "refused: toy: the answer is not the token backwards" \
    "$("$MODLOAD" "$WORK/good" toy --prove toy toy:ball toy-01 forwards 2>&1)"
expect "a value that is no toy is refused" 'refused: toy: value must be "toy:" and a word' \
    "$("$MODLOAD" "$WORK/good" toy --prove toy toy:b@ll toy-01 backwards 2>&1)"
build invalid -DTOY_INVALID
expect "the variant that proves nothing proves nothing" \
    "refused: toy: the answer is not the token backwards" \
    "$("$MODLOAD" "$WORK/invalid" toy --prove toy toy:ball toy-01 backwards 2>&1)"
said=$(build reaches -DTOY_REACHES)
[[ $said == *"undefined reference to"*chy_clock_now* ]] &&
    ok "a module that calls past the host table does not link" ||
    not_ok "a module that calls past the host table does not link" "$said"

refuses "another magic" "chy_module has magic 0x31594842, not 0x31594843" -DTOY_MAGIC
refuses "another ABI major" "built for ABI 1." -DTOY_MAJOR
minor=$(sed -n 's/^#define CHY_ABI_MINOR \([0-9]*\).*/\1/p' "$CHY_SOURCE/core/include/chancery/extension.h")
refuses "another ABI minor" "built for ABI 0.$((minor + 1)), this program has 0.$minor" -DTOY_MINOR
refuses "another size" "descriptor of " -DTOY_SIZE
refuses "a descriptor with another name than its file" \
    "the descriptor in toy.so calls itself 'doll'" '-DTOY_NAME="doll"'
refuses "a module without chy_module" "$WORK/variant/toy.so exports no symbol chy_module" -DTOY_HIDDEN
refuses "a function called chy_module" "chy_module in $WORK/variant/toy.so is no descriptor" \
    -DTOY_HIDDEN -DTOY_FUNCTION
refuses "a number called chy_module" "chy_module in $WORK/variant/toy.so is no descriptor" \
    -DTOY_HIDDEN -DTOY_NUMBER
refuses "a need that is not met" "needs the module absent, which is not named" '-DTOY_NEEDS="absent"'
refuses "a required property that is not said" \
    "challenge type toy-01 does not say binding; it is required and has no default" -DTOY_NO_BINDING
refuses "a required function that is missing" "challenge type toy-01 has no function step" -DTOY_NO_STEP
refuses "a hole in the migrations" "migration 3 stands where 2 is due" -DTOY_HOLE
refuses "a capability that is not served" "this version does not serve capability metrics yet" \
    -DTOY_METRICS
refuses "a member that is core's" "newOrder member 'notAfter' is core's own" '-DTOY_MEMBER="notAfter"'
refuses "an init that fails" "init failed" -DTOY_INIT

# Beside a module of this tree.
cp "$BUILD/extensions/dns.so" "$WORK/good/"
expect "the toy is loaded beside dns" "ok dns toy" "$("$MODLOAD" "$WORK/good" dns toy 2>&1)"
build twin '-DTOY_TYPE="dns"'
expect "an identifier type that another module has" \
    "refused: module toy: identifier type 'dns' is already owned by the module dns" \
    "$("$MODLOAD" "$WORK/twin:$WORK/good" dns toy 2>&1)"
build thief '-DTOY_CLAIM="san:dNSName"'
expect "a CSR claim that another module has" \
    "refused: module toy: CSR claim 'san:dNSName' is already owned by the module dns" \
    "$("$MODLOAD" "$WORK/thief:$WORK/good" dns toy 2>&1)"
build needing '-DTOY_NEEDS="dns"'
expect "a needed module is loaded first" "ok dns toy" \
    "$("$MODLOAD" "$WORK/needing:$WORK/good" toy dns 2>&1)"

# Installed and not loaded: its members are refused, because ignoring them would change a certificate.
build member '-DTOY_MEMBER="toy-box"'
cp "$BUILD/extensions/dns.so" "$WORK/member/"
expect "a member of a module not loaded is refused" "refused toy" \
    "$("$MODLOAD" "$WORK/member" dns --member toy-box 2>&1)"
expect "a member of a loaded module is known" "known" \
    "$("$MODLOAD" "$WORK/member" toy --member toy-box 2>&1)"
expect "a member of no module is unknown" "unknown" \
    "$("$MODLOAD" "$WORK/member" dns --member toy-chest 2>&1)"
build member -DTOY_MAJOR '-DTOY_MEMBER="toy-box"'
expect "a module not loaded that cannot be read is passed over" "unknown" \
    "$("$MODLOAD" "$WORK/member" dns --member toy-box 2>/dev/null)"

# Files that somebody else may write.
chmod 0757 "$WORK/good/toy.so"
expect "a file that everybody may write" "may be written by everybody; chmod o-w it" \
    "$("$MODLOAD" "$WORK/good" toy 2>&1)"
chmod 0644 "$WORK/good/toy.so"
if [ "$(id -u)" -eq 0 ]; then
    chown nobody "$WORK/good/toy.so"
    expect "a file of another user, as root" "belongs to the user" "$("$MODLOAD" "$WORK/good" toy 2>&1)"
    chown root "$WORK/good/toy.so"
else
    echo "ok a file of another user, as root # SKIP not root"
fi
mv "$WORK/good/toy.so" "$WORK/good/real"
ln -s real "$WORK/good/toy.so"
expect "a symbolic link" "toy.so is not a regular file" "$("$MODLOAD" "$WORK/good" toy 2>&1)"
rm "$WORK/good/toy.so"
expect "a module that is not there" "there is no toy.so in $WORK/good" \
    "$("$MODLOAD" "$WORK/good" toy 2>&1)"

echo "$PASSED passed, $FAILED failed"
[ "$FAILED" -eq 0 ]
