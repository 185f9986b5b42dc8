#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One fuzz target as one test.
#   replay NAME CORPUS   the corpus, then 20,000 mutations of it from a fixed seed (CHY_FUZZ_SEED)
#   explore NAME CORPUS SOURCE   clang's libFuzzer for CHY_FUZZ_SECONDS, 300 unless told; finds go to
#                        build-fuzz/
set -eu
name=$2 corpus=$3
seed=${CHY_FUZZ_SEED:-1}

if [ ! -d "$corpus" ] || [ -z "$(ls -A "$corpus")" ]; then
    echo "not ok $name: $corpus holds no input"
    exit 1
fi
if [ "$1" = replay ]; then
    "$CHY_BUILD/tests/fuzz-$name" "$corpus"
    "$CHY_BUILD/tests/fuzz-$name" -random 20000 "$seed" "$corpus"
    echo "ok $name: $(ls "$corpus" | wc -l) inputs and 20000 mutations, seed $seed"
    exit 0
fi

# libFuzzer brings its own main, so the target is linked here, without the replay driver.
sanitize=address,undefined
if [ ! -f build-fuzz/build.ninja ]; then
    CC=clang meson setup build-fuzz -Dtesting=true -Dtests=disabled -Db_sanitize=$sanitize \
        -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
fi
ninja -C build-fuzz
mapfile -t archives < <(find build-fuzz/core build-fuzz/services build-fuzz/migrations -name '*.a')
source=$4 parts=() libraries=()
# A module's target is linked with the module's own sources and libraries.
case $source in
extensions/*)
    module=$(cut -d/ -f1-2 <<<"$source")
    mapfile -t parts < <(find "$module" -maxdepth 1 -name '*.c')
    [ ! -f "$module/libraries" ] || mapfile -t libraries <"$module/libraries"
    ;;
esac
mkdir -p "build-fuzz/found/$name"
clang -g -std=gnu11 -D_GNU_SOURCE -fsanitize=fuzzer,$sanitize -I. -Icore/include \
    -DCHY_VERSION='"fuzz"' -o "build-fuzz/fuzz-$name" "$source" "${parts[@]}" \
    -Wl,--start-group "${archives[@]}" -Wl,--end-group \
    $(pkg-config --cflags --libs jansson libcrypto libssl libcurl libpq libfyaml libunbound \
        libevent_core libevent_openssl libevent_pthreads "${libraries[@]}") -ldl -lpthread
"build-fuzz/fuzz-$name" -max_total_time="${CHY_FUZZ_SECONDS:-300}" -rss_limit_mb=2048 \
    -artifact_prefix="build-fuzz/found/$name/" "build-fuzz/found/$name" "$corpus"
echo "ok $name: libFuzzer found nothing"
