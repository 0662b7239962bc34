#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every fuzz target of a build for some seconds, from its seed corpus.
#   tests/fuzz/run.sh BUILD_DIR [SECONDS]
set -eu
build=$1
seconds=${2:-10}
here=$(cd "$(dirname "$0")" && pwd)
found=0
for target in "$build"/tests/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    found=$((found + 1))
    name=$(basename "$target")
    work="$build/fuzz/$name"
    mkdir -p "$work"
    seeds="$here/corpus/${name#fuzz_}"
    [ -d "$seeds" ] || { echo "$name has no seed corpus at $seeds" >&2; exit 1; }
    # New inputs go to the build folder; the seeds stay as they are.
    if ! "$target" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
        -verbosity=0 -print_final_stats=1 -artifact_prefix="$work/" "$work" "$seeds" \
        >"$work.log" 2>&1; then
        tail -40 "$work.log" >&2
        echo "fuzz: $name failed; the input is in $work" >&2
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work.log")
    [ "${runs:-0}" -gt 0 ] || { echo "fuzz: $name ran nothing" >&2; exit 1; }
    echo "fuzz: $name: $runs inputs, no fault"
done
[ "$found" -gt 0 ] || { echo "no fuzz targets in $build/tests/fuzz" >&2; exit 1; }
