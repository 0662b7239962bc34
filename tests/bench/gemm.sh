#!/bin/sh
# SPDX-License-Identifier: MIT
# `mica bench gemm`: shapes, precisions, formats, wrong input.
#   gemm.sh PROGRAM FOLDER
. "$(dirname "$0")/../cli/support.sh"

# bench [OPTION...]: samples as short as can be.
bench() { run "$mica" bench gemm --rounds 2 --min-time 0.0001 "$@"; }

bench --shapes 24x64x96,13x64x96,3x7x5,13x64x96 --threads 1 --output "$work/first.json"
expect "three shapes" 0
out_has "f32, "
out_has "1 thread"
out_has "GB/s read from memory"
out_has "[64 x 96] weights of 24.6 kB"
out_has "[7 x 5] weights of 140 B"
out_has "of floor"
[ "$(grep -cE '^ +(3|13|24) +[0-9]' "$work/out")" -eq 3 ] || complain "not three rows"
for part in '"bench":"gemm","schema":1' '"settings":{"rounds":2' '"dtype":"f32","threads":1,"cached":false' '"peaks":{"flops":' \
    '"case":"13x64x96 f32","m":13,"n":64,"k":96,"flops":159744,"weight_bytes":24576' '"checked":512' '"name":"mica","state":"ok"' \
    '"share_of_peak":' '"share_of_read":' '"floor":' '"weight_bytes_per_second":'; do
    grep -qF "$part" "$work/first.json" || complain "the file lacks $part"
done
[ "$(grep -o '"case"' "$work/first.json" | wc -l)" -eq 3 ] || complain "a shape is there twice"
for type in bf16 int8; do
    bench --shapes 1x40x33,300x40x33 --dtype $type --cached --format json
    expect "in $type" 0
    lines_are 1
    out_has "\"case\":\"300x40x33 $type cached\""
    out_has '"weights":1,'
    [ "$(grep -o '"state":"ok"' "$work/out" | wc -l)" -eq 2 ] || complain "a shape is wrong"
done
bench --shapes 32x16 --smooth --cached --format jsonl --rounds 1
expect "every number of rows" 0
lines_are 129
bench --shapes 32x16 --smooth --cached
expect "every number of rows as a table" 0
out_has "numbers of rows take longer than a larger one"
bench --shapes 8x16 --cached
expect "the usual rows" 0
out_has "3584"
bench --shapes 24x64x96,13x64x96,3x7x5 --threads 1 --output "$work/second.json"
expect "once more" 0
run "$mica" bench compare "$work/first.json" "$work/second.json" --threshold 100000
expect "compared" 0
out_has "13x64x96 f32"

# Threads that take turns on a processor do not add up to a machine that is not there.
peak() {
    bench --shapes 8x8x8 --threads "$1" --format json
    expect "$1 threads" 0
    sed 's/.*"peaks":{"flops":\([0-9.e+]*\).*/\1/' "$work/out"
}
processors=$(getconf _NPROCESSORS_ONLN)
peak "$processors" > "$work/one" && peak $((processors * 8)) > "$work/eight"
paste "$work/one" "$work/eight" | awk '{ exit !($1 > 0 && $2 > 0 && $2 < 3 * $1) }' ||
    complain "eight times the threads make a peak of $(cat "$work/eight") of $(cat "$work/one")"

for shapes in 3 3x 3xx4 0x3 3x0x4 3x4x5x6 x3 a 3x4, ,3x4 70000x3 99999999999999999999x3 -1x3 "3 x 4"; do
    bench --shapes "$shapes"
    expect "shapes '$shapes'" 2
    err_has "--shapes takes MxNxK or NxK"
    out_empty
done
bench --shapes 4x5x6 --smooth
expect "a number of rows for all of them" 2
err_has "--smooth runs all rows"
bench --dtype f16
expect "no such precision" 2
bench 3x4x5
expect "an argument" 2
err_has "--shapes"
bench --rounds 0
expect "no rounds" 2
bench --shapes 3x4x5 --output "$work/none/x.json"
expect "no such folder" 3
err_has "cannot write"
out_empty
finish
