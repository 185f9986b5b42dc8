#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Build the toy module the way a stranger would: from what chancery.pc names, and nothing else.
#   build.sh OUT.so [-DTOY_...]
set -eu
out=$1
shift
# shellcheck disable=SC2046 # pkg-config prints words
exec ${CC:-cc} -std=gnu11 -Wall -Wextra -O1 -g -shared -fPIC "$@" $(pkg-config --cflags chancery) \
    -o "$out" "$(dirname "$0")/toy.c" -Wl,--no-undefined $(pkg-config --libs jansson libcrypto)
