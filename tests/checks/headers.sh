#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public header compiles alone, as C11 and as C++, without warnings.
#   tests/checks/headers.sh [SOURCE_DIR]
set -eu
cd "${1:-$(dirname "$0")/../..}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
count=0
for header in include/mica/*.h; do
    name=mica/$(basename "$header")
    printf '#include "%s"\n#include "%s"\nint main(void) { return 0; }\n' "$name" "$name" >"$scratch/one.c"
    cp "$scratch/one.c" "$scratch/one.cc"
    for cc in ${CC:-gcc clang}; do
        command -v "$cc" >/dev/null 2>&1 || continue
        "$cc" -std=c11 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only "$scratch/one.c"
    done
    for cxx in ${CXX:-g++ clang++}; do
        command -v "$cxx" >/dev/null 2>&1 || continue
        "$cxx" -std=c++11 -Wall -Wextra -Werror -Iinclude -fsyntax-only "$scratch/one.cc"
    done
    count=$((count + 1))
done
[ "$count" -gt 5 ] || { echo "only $count headers found" >&2; exit 1; }
echo "headers: $count compile alone as C11 and C++"
