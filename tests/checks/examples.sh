#!/bin/sh
# SPDX-License-Identifier: MIT
# The C programs in README.md compile without warnings against an installed mica, by pkg-config, and the
# first one runs on a tiny model.
#   tests/checks/examples.sh BUILD_DIR
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/usr" >/dev/null
PKG_CONFIG_PATH=$(dirname "$(find "$scratch/usr" -name mica.pc)")
export PKG_CONFIG_PATH
awk -v dir="$scratch" '
    /^```c$/ { n++; file = dir "/example" n ".c"; inside = 1; next }
    /^```/   { inside = 0 }
    inside   { print > file }' README.md
count=0
for file in "$scratch"/example*.c; do
    [ -f "$file" ] || continue
    count=$((count + 1))
    # shellcheck disable=SC2046
    ${CC:-gcc} -std=c11 -Wall -Wextra -Werror "$file" -o "${file%.c}" $(pkg-config --cflags --libs mica) -lm
done
[ "$count" -gt 0 ] || { echo "README.md has no C program" >&2; exit 1; }
printf '#include <mica/tokenizer.h>\nint main(void) { mica_tokenizer *t = 0; return mica_tokenizer_open("/nowhere", &t, 0) == MICA_STATUS_NOT_FOUND ? 0 : 1; }\n' >"$scratch/tok.c"
# shellcheck disable=SC2046
${CC:-gcc} -std=c11 -Wall -Wextra -Werror "$scratch/tok.c" -o "$scratch/tok" $(pkg-config --cflags --libs mica-tokenizer)
libdir=$(dirname "$(find "$scratch/usr" -name 'libmica.so' -o -name 'libmica.dylib' | head -1)")
LD_LIBRARY_PATH=$libdir DYLD_LIBRARY_PATH=$libdir "$scratch/tok"
"$scratch/usr/bin/mica" version | grep -q '^mica '
model=$(ls -d tests/fixtures/models/*/ | while read -r dir; do
    [ -f "$dir/tokenizer.json" ] || [ -f "$dir/vocab.txt" ] || continue
    [ -f "$dir/model.safetensors" ] && echo "$dir" && break
done)
[ -n "$model" ] || { echo "no tiny model with a tokenizer in tests/fixtures/models" >&2; exit 1; }
output=$(LD_LIBRARY_PATH=$libdir DYLD_LIBRARY_PATH=$libdir "$scratch/example1" "$model")
[ -n "$output" ] || { echo "the first program of README.md printed nothing" >&2; exit 1; }
echo "examples: $count programs of README.md compile against the installed library; the first runs"
