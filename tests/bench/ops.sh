#!/bin/sh
# SPDX-License-Identifier: MIT
# `mica bench ops` with a peer that is right, wrong, too fast, absent or crashes; `mica bench compare`.
#   ops.sh PROGRAM FOLDER PEER
. "$(dirname "$0")/../cli/support.sh"

peer=$3
here=$(cd "$(dirname "$0")" && pwd)
PEER=right
TMPDIR=$work
export PEER TMPDIR

# MLX has no program in this folder, and is absent.
mkdir -p "$work/peers"
: >"$work/peers/torch_ops.py"

# bench MODE [OPTION...]: two small cases, with the peer in that mode.
bench() {
    PEER=$1
    shift
    run "$mica" bench ops --filter '^(ReLU / dim=128x|SumAll / dim=1000000$)' --rounds 2 --min-time 0.002 --limit 60 \
        --peer-python "$peer" --peer-folder "$work/peers" "$@"
}
mica_times() { grep -c '^    mica  *[0-9]' "$work/out"; }
peer_times() { grep -c '^    pytorch [a-z]*  *[0-9]' "$work/out"; }

run "$mica" bench ops --list
expect "the list" 0
[ "$(grep -c '^paper  ' "$work/out")" -eq 85 ] || complain "not 85 cases of the paper"
[ "$(grep '^paper' "$work/out" | sed 's/paper *//; s/ .*//' | sort -u | wc -l)" -eq 21 ] || complain "not 21 operations"
[ "$(sort -u "$work/out" | wc -l)" -eq "$(wc -l <"$work/out")" ] || complain "a case is there twice"
[ "$(wc -l <"$work/out")" -eq "$(grep -c '^BENCH_[A-Z]*("' "$here/../../bench/ops_cases.def")" ] ||
    complain "a row cannot be read"
sed 's/^[a-z]*  *//' "$work/out" | sort >"$work/names"
grep -oE '"[A-Za-z0-9]+ / [^"]*"' "$here/../../bench/ops_flaws.def" | tr -d '"' | sort -u >"$work/of_flaws"
[ -s "$work/of_flaws" ] || complain "no flaw has a case"
[ -z "$(comm -23 "$work/of_flaws" "$work/names")" ] || complain "a flaw is of a case that is not there"
out_has "paper     Argmax / dim=64x1024x128 axis=0"
out_has "encoders  Attention / dim="
out_has "tiny      ReLU / dim=8"
run "$mica" bench ops --list --group paper --filter 'axis=[12]$'
expect "a filtered list" 0
lines_are 9
run "$mica" bench ops --list --group tiny --filter '^(ReLU|Sort)'
expect "a filtered group" 0
lines_are 1
run "$mica" bench ops --list --group large
expect "no such group" 2
err_has "'large'"
run "$mica" bench ops --dry-run --filter '^MatMul.*64x1024$' --backends mica
expect "a dry run" 0
out_has "1 cases, mica, 9 rounds"
out_has "131.0720 GFLOP"
run "$mica" bench ops --as-published --list
expect "the list of the flaws" 0
lines_are "$(grep -c '^BENCH_FLAW' "$here/../../bench/ops_flaws.def")"
out_has "axis_ignored        Sort / dim=64x128x1024 axis=0, mlx"
run "$mica" bench ops --as-published --list --group tiny --filter ReLU --backends mica
expect "the list of cases and flaws" 0
lines_are 3
out_has "tiny      ReLU / dim=8"
out_has "flaw      mean_of_nine        ReLU / dim=128x16x1024, mica"
run "$mica" bench ops --as-published --dry-run --backends mica
expect "a dry run of the flaws" 0
lines_are 3
out_has "2 flaws of the published harness, mica, 9 rounds"
run "$mica" bench ops --as-published --dry-run --backends mica --filter '^MatMul.*64x1024$'
expect "a dry run of a case and the flaws" 0
out_has "1 cases, 2 flaws of the published harness, mica"
run "$mica" bench ops --filter '('
expect "a bad expression" 2
err_has "--filter '('"
run "$mica" bench ops --filter 'no such case'
expect "no case" 3
run "$mica" bench ops --backends mica,tensorflow
expect "no such backend" 2
err_has "'tensorflow'"
run "$mica" bench ops softmax
expect "an argument" 2

bench right --output "$work/right.json"
expect "a peer that is right" 0
out_has "pytorch: loops 1.0, mode=test"
out_has "mlx: absent: there is no '"
out_has "GFLOP/s; GB/s read"
[ "$(mica_times)" -eq 2 ] || complain "mica has not two times"
[ "$(peer_times)" -eq 4 ] || complain "the peer has not four times"
for part in '"bench":"ops","schema":1' '"case":"ReLU / dim=128x16x1024"' '"paper":true' '"share_of_peak":' '"peaks":{"flops":' \
    '"elements":2097152,"checked":2097152' '"way":"loops"' '"ratio":{"to":"pytorch ' '"ratios":{"pytorch":{"to":"pytorch ' \
    '"mlx":null}' '"name":"mlx best","state":"absent"' '"group":"paper"' \
    '"peers":[{"name":"pytorch","versions":{"loops":"1.0"},"settings":{"mode":"test"},"state":"ok","reason":null},{"name":"mlx",'; do
    grep -qF "$part" "$work/right.json" || complain "the file lacks $part"
done
bench right --format json
expect "as JSON" 0
out_has '"bench":"ops"'
bench right --format jsonl --backends mica --min-runs 40
expect "mica alone, as JSON lines" 0
lines_are 3
grep -q pytorch "$work/out" && complain "there is a peer"
bench right --backends pytorch
expect "the peer alone" 0
[ "$(mica_times)" -eq 0 ] || complain "mica has a time"

# An output that cannot be written is told before anything is measured, and one that is there stays whole.
one() { run "$mica" bench ops --filter '^ReLU / dim=8$' --backends mica --rounds 1 --min-time 0.001 "$@"; }
one --output "$work/none/x.json"
expect "no such folder" 3
err_has "cannot write"
out_empty
one --output "$work"
expect "a folder as output" 1
out_empty
cp "$work/right.json" "$work/kept.json"
limited() (
    ulimit -f 1
    one "$@"
    [ "$code" -eq 1 ]
)
# Blocks of 512 or 1024 bytes: this result is larger than both.
run "$mica" bench ops --group tiny --backends mica --rounds 99 --min-time 0.0001 --output "$work/size.json"
expect "many samples" 0
[ "$(wc -c <"$work/size.json")" -gt 2048 ] || complain "the result is small"
limited --group tiny --filter . --rounds 99 --min-time 0.0001 --output "$work/kept.json" || complain "a file at its limit is no error"
cmp -s "$work/right.json" "$work/kept.json" || complain "what was there has been cut"
[ -z "$(find "$work" -name '*.tmp')" ] || complain "a part is left over"
mkfifo "$work/fifo"
cat "$work/fifo" >"$work/read" &
one --output "$work/fifo"
expect "a pipe as output" 0
wait $!
[ -p "$work/fifo" ] || complain "the pipe was replaced"
grep -q '"bench":"ops"' "$work/read" || complain "nothing came through the pipe"

# What a run that was killed has left goes; what is in use or not ours stays.
mkdir "$work/mica-bench-left00" "$work/mica-bench-full00" "$work/mica-bench-full00/folder" "$work/elsewhere"
: >"$work/mica-bench-left00/inputs.safetensors"
: >"$work/elsewhere/file"
ln -s "$work/elsewhere" "$work/mica-bench-link00"
"$mica" bench ops --filter '^ReLU / dim=128x' --backends mica --rounds 20 --min-time 2 --max-time 0 >"$work/long" 2>&1 &
i=0
while ! grep -q peak "$work/long" && [ $i -lt 600 ]; do
    i=$((i + 1))
    sleep 0.1
done
before=$(find "$work" -name 'mica-bench-*' | wc -l)
one
expect "a run beside another" 0
[ "$before" -eq 3 ] && [ "$(find "$work" -name 'mica-bench-*' | wc -l)" -eq 3 ] || complain "not the folder in use and two others"
kill -TERM $!
wait $!
[ "$(find "$work" -name 'mica-bench-*' | wc -l)" -eq 2 ] || complain "left-overs are there, or too much has gone"
[ -f "$work/elsewhere/file" ] || complain "a link was followed"
rm -r "$work/mica-bench-full00" "$work/mica-bench-link00"

# What the reference knows a sample of, peers write a sample of.
large() {
    bench "$1" --filter '^ReLU / dim=64x128x1024' --backends pytorch
}
large right
expect "a sample that is right" 0
[ "$(peer_times)" -eq 2 ] || complain "the peer has not two times"
large wrong
expect "a sample that is wrong" 0
out_has "wrong: element "
large short
expect "a sample that is too short" 0
out_has "failed: its output is not the elements that were asked for"
bench right --memory 0.03 --backends mica,mlx
expect "no memory" 0
out_has "not run: needs 0.0"
[ "$(mica_times)" -eq 1 ] || complain "mica has not one time"
bench slow --filter '^ReLU / dim=128x' --rounds 5 --max-time 0.1
expect "a peer that is slow" 0
out_has "slow: 3 of 5 rounds"
run "$mica" bench ops --group tiny --filter 'ReLU' --backends mica --rounds 2 --min-time 0.001
expect "tiny data" 0
out_has "tiny data: a run of mica takes"

PEER=right
run "$mica" bench ops --as-published --backends pytorch --rounds 2 --min-time 0.002 --limit 60 \
    --peer-python "$peer" --peer-folder "$work/peers" --output "$work/flaws.json"
expect "the flaws" 0
out_has "new_memory: ReLU / dim=64x128x1024, pytorch best"
out_has "times the honest one"
out_has "caught here:     wrong: element "
out_has "flawed           failed: no such flaw here"
out_has "mean_of_nine: ReLU"
for part in '"results":[]' '"kind":"flaw","flaw":"new_memory"' '"caught":"wrong: ' '"name":"pytorch new_memory","state":"ok"'; do
    grep -qF "$part" "$work/flaws.json" || complain "the flaws lack $part"
done

bench wrong
expect "a peer that is wrong" 0
out_has "wrong: element 0 is"
[ "$(peer_times)" -eq 0 ] || complain "a wrong peer has a time"
[ "$(mica_times)" -eq 2 ] || complain "mica has not two times"
bench fast
expect "a peer that is too fast" 0
out_has "above the machine's peak"
[ "$(peer_times)" -eq 0 ] || complain "a peer above the peak has a time"
bench modest --filter '^ReLU / dim=128x' --format json
expect "a peer that does not count all of its time" 0
[ "$(grep -o '"suspect":"its requests took [0-9.]* s, of which it counts [0-9.]* s"' "$work/out" | wc -l)" -eq 2 ] ||
    complain "not two arms are suspect"
bench modest --filter '^ReLU / dim=128x'
expect "the same as a table" 0
out_has "suspect: its requests took"
[ "$(peer_times)" -eq 2 ] || complain "who is suspect has no time"
bench rude --filter '^ReLU / dim=128x'
expect "a peer with control characters" 0
out_has 'loops 1.0\xc2\x9b31m, mode=test'
out_has '[loops\x1b[2J\x0a]'
[ "$(LC_ALL=C tr -d '\n\040-\176' <"$work/out" | wc -c)" -eq 0 ] || complain "control characters reached the output"
bench unasked
expect "a peer without an output" 0
out_has "failed: "
[ "$(peer_times)" -eq 0 ] || complain "a peer without an output has a time"
bench crash
expect "a peer that crashes" 0
out_has "crashed (exit code 3)"
[ "$(mica_times)" -eq 2 ] || complain "mica has not two times"
bench no
expect "a peer that is absent" 0
out_has "absent: no module of that name"
[ "$(mica_times)" -eq 2 ] || complain "mica has not two times"
[ -z "$(find "$work" -name 'mica-bench-*')" ] || complain "files are left over"

# result FILE MICA_SECONDS PEER_SECONDS [STATE]: a result of one case.
result() {
    state='"state":"ok"'
    [ $# -lt 4 ] || state="\"state\":\"$4\",\"reason\":\"x\""
    [ $# -lt 4 ] && state="$state,\"seconds\":[$2]"
    printf '{"bench":"ops","schema":1,"environment":{"cpu":"x"},"results":[{"case":"ReLU / dim=1","arms":[
        {"name":"mica",%s},{"name":"pytorch best","state":"ok","seconds":[%s]}]}]}' "$state" "$3" >"$work/$1"
}
# Times of every size are told apart; what is gone is said.
tiny() { printf '{"bench":"ops","schema":1,"environment":{"cpu":"x"},"results":[%s]}' "$1" >"$work/$2"; }
arm() { printf '{"case":"%s","arms":[{"name":"%s","state":"ok","seconds":[%s]}]}' "$1" "$2" "$3"; }
tiny "$(arm a mica 82e-9),$(arm b mica 1.5),$(arm c mica 0.01234),$(arm d pytorch 1)" before.json
tiny "$(arm a mica 99e-9),$(arm b mica 1.5),$(arm e mica 12e-6)" after.json
run "$mica" bench compare "$work/before.json" "$work/after.json" --threshold 50
expect "what is gone" 0
out_has "82.00 ns   99.00 ns"
out_has "1.500 s    1.500 s"
[ "$(tail -n 1 "$work/out")" = "2 compared, 0 became slower or wrong in mica (threshold 50 %), 2 gone (1 of mica), 1 new" ] ||
    complain "the last line is another"
err_has "1 of mica's arms are in the first file only: not compared"
run "$mica" bench compare "$work/before.json" "$work/after.json" --format json --threshold 50
expect "what is gone, as JSON" 0
out_has '"regressions":0,"gone":2,"new":1'
esc=$(printf '\033')
tiny "{\"case\":\"a\",\"arms\":[{\"name\":\"mica\",\"state\":\"b\\u001b[2Jad\"}]}" rude.json
sed 's/"cpu":"x"/"cpu":"\\u001b[2J"/' "$work/after.json" >"$work/rude2.json"
run "$mica" bench compare "$work/rude.json" "$work/rude2.json"
expect "control characters in results" 0
out_has 'b\x1b[2Jad'
err_has '\x1b[2J'
grep -q "$esc" "$work/out" "$work/err" && complain "control characters reached the terminal"
sed 's/"ops"/"\\u001b[2J"/' "$work/after.json" >"$work/rude3.json"
run "$mica" bench compare "$work/after.json" "$work/rude3.json"
expect "control characters in a name" 2
grep -q "$esc" "$work/err" && complain "control characters reached the terminal"

# Few samples do not show a small difference: few BEFORE SMALL LARGE.
few() {
    result few.json "$1" "$1"
    result more.json "$2" "$1"
    run "$mica" bench compare "$work/few.json" "$work/more.json"
    expect "a small difference of few samples" 0
    out_has "  open"
    out_has "0 became slower"
    result more.json "$3" "$1"
    run "$mica" bench compare "$work/few.json" "$work/more.json"
    expect "a large difference of few samples" 10
    run "$mica" bench compare "$work/more.json" "$work/few.json"
    expect "a large gain of few samples" 0
    out_has "  faster"
}
few 1 1.3 1.6
few 1,1.01 1.3,1.31 1.6,1.61
few 1,1.01,1.02 1.3,1.31,1.32 1.6,1.61,1.62
result few.json 1,1.01,1.02,1.03 1
result more.json 1.3,1.31,1.32,1.33 1
run "$mica" bench compare "$work/few.json" "$work/more.json"
expect "a difference of four samples" 10
ten="1.00,1.01,1.02,1.03,1.04,1.00,1.01,1.02,1.03,1.04"
result a.json "$ten" "$ten"
result same.json "1.04,1.03,1.02,1.01,1.00,1.00,1.01,1.02,1.03,1.05" "$ten"
result slow.json "2.00,2.02,2.04,2.06,2.08,2.00,2.02,2.04,2.06,2.08" "$ten"
result drift.json "$ten" "3,3,3,3,3,3,3,3,3,3"
result broken.json - "$ten" wrong
run "$mica" bench compare "$work/a.json" "$work/same.json"
expect "the same" 0
out_has "same"
out_has "0 became slower"
run "$mica" bench compare "$work/a.json" "$work/slow.json"
expect "slower" 10
out_has "2.000x"
out_has "slower"
run "$mica" bench compare "$work/slow.json" "$work/a.json"
expect "faster" 0
out_has "faster"
run "$mica" bench compare "$work/a.json" "$work/slow.json" --threshold 150
expect "slower, but not by so much" 0
run "$mica" bench compare "$work/a.json" "$work/drift.json"
expect "a peer that is slower" 0
out_has "slower"
run "$mica" bench compare "$work/a.json" "$work/broken.json"
expect "wrong since" 10
out_has "broken"
run "$mica" bench compare "$work/broken.json" "$work/a.json"
expect "right since" 0
out_has "mended"
run "$mica" bench compare "$work/a.json" "$work/slow.json" --format json
expect "a comparison as JSON" 10
out_has '"regressions":1'
out_has '"verdict":"slower","before":1.02,"after":2.04,"ratio":2'
run "$mica" bench compare "$work/a.json" "$work/slow.json" --format jsonl
expect "a comparison as JSON lines" 10
lines_are 3
run "$mica" bench compare "$work/right.json" "$work/right.json"
expect "a result with itself" 0
run "$mica" bench compare "$work/a.json"
expect "one file" 2
run "$mica" bench compare "$work/a.json" "$work/none.json"
expect "no such file" 3
echo '{"schema": 2}' >"$work/other.json"
run "$mica" bench compare "$work/a.json" "$work/other.json"
expect "no result" 1
err_has "is no result of a benchmark"
sed 's/"ops"/"tokenizers"/' "$work/a.json" >"$work/other.json"
run "$mica" bench compare "$work/a.json" "$work/other.json"
expect "another benchmark" 2
finish
