#!/bin/sh
# SPDX-License-Identifier: MIT
# The libraries define and export symbols that start with mica_ and nothing else; the libraries of the
# tokenizer and of the Hub hold no engine.
#   tests/checks/exports.sh BUILD_DIR
set -eu
build=$1
bad=0
for library in mica mica-tokenizer mica-hub; do
    shared=$(ls "$build"/lib$library.so 2>/dev/null || ls "$build"/lib$library.dylib)
    exported=$(nm -D --defined-only "$shared" 2>/dev/null || nm -gU "$shared" | sed 's/ _/ /')
    names=$(echo "$exported" | awk '{print $NF}' | sed 's/@.*//')
    count=$(echo "$names" | grep -c '^mica_' || true)
    [ "$count" -gt 10 ] || { echo "$shared exports only $count symbols" >&2; bad=1; }
    others=$(echo "$names" | grep -v '^mica_' | grep -vE '^(__asan|__ubsan|__tsan|__sanitizer|___asan|__odr_asan|_init$|_fini$|__bss_start$|_edata$|_end$)' || true)
    [ -z "$others" ] || { echo "$shared exports: $others" >&2; bad=1; }
    static=$(nm --defined-only -g "$build/lib$library.a" 2>/dev/null | awk 'NF == 3 {print $3}' |
        grep -v '^mica_' | grep -vE '^(__odr_asan|__asan|_+asan)' || true)
    [ -z "$static" ] || { echo "lib$library.a defines: $static" >&2; bad=1; }
    # What is exported is what the public headers declare.
    for name in $(echo "$names" | grep '^mica_'); do
        grep -qE "\b$name\b" include/mica/*.h include/mica/*.def && continue
        op=${name#mica_}
        grep -qE "^MICA_OP(_P)?\([A-Z0-9_]+, $op," include/mica/ops.def && continue
        echo "$shared exports $name, which no public header declares" >&2
        bad=1
    done
done
for library in mica-tokenizer mica-hub; do
    if nm "$build/lib$library.a" 2>/dev/null | grep -qE ' T mica_(graph|program|model|backend)_'; then
        echo "lib$library holds parts of the engine" >&2
        bad=1
    fi
done
[ $bad -eq 0 ] || exit 1
echo "exports: mica_* only, all of it declared in include/mica"
