#!/bin/sh
# SPDX-License-Identifier: MIT
# `mica bench tokenizers` with a scripted peer: each guard holds, and what fails takes nothing else along.
. "$(dirname "$0")/../cli/support.sh"

here=$(cd "$(dirname "$0")" && pwd)
tokenizer=$here/../fixtures/tokenizers/bert-base-uncased/tokenizer.json
printf 'Layers of mica are thin.\n' >"$work/text"
run "$mica" tokenize "$tokenizer" --file "$work/text" --format json
expect "ids" 0
PEER_IDS="[$(sed 's/.*"ids":\(\[[^]]*\]\).*/\1/' "$work/out")]"
PEER_SLEEP=100.$$ # no other process sleeps so long
export PEER_IDS PEER_SLEEP PEER

# bench MODE [OPTION...]: one tokenizer, two rounds, with the peer in that mode.
bench() {
    PEER=$1
    shift
    run "$mica" bench tokenizers "$tokenizer" --text "$work/text" --rounds 2 --min-time 0.001 --limit 2 \
        --peer-python sh --peer-script "$here/peer.sh" "$@"
}

bench right
expect "a peer that is right" 0
out_has "peer: script 1.0, mode=test"
out_has "tokenizers encode_batch_fast"
out_has "the peer's fastest"
! grep -q -e wrong -e failed -e absent "$work/out" || complain "something is wrong"
bench right --format json --output "$work/result.json"
expect "as JSON" 0
out_has '"schema":1'
out_has '"state":"ok"'
out_has '"ratio":{"to":"tokenizers encode'
cmp -s "$work/out" "$work/result.json" || complain "the file is another"
bench right --format jsonl
expect "as JSON lines" 0
lines_are 2
bench slow --rounds 1
expect "a slow peer" 0
out_has "300.0"

bench modest --rounds 1
expect "a peer that does not count all of its time" 0
out_has "suspect: its requests took"

bench wrong
expect "ids that differ" 0
out_has "mica                         wrong: text 0, token 0: mica has 101, the peer 1"
grep -q '^    mica  *[0-9]' "$work/out" && complain "mica has a time"
bench wrong-fast
expect "one arm that is wrong" 0
out_has "tokenizers encode_batch_fast wrong: text 0, token 0"
[ "$(grep -c wrong "$work/out")" -eq 1 ] || complain "more is wrong"

for mode in absent:absent crash:crashed hang:"no answer within 2 seconds" garbage:"printed garbage" \
    mute:"crashed (exit code 0)" no:"not today"; do
    bench "${mode%%:*}"
    expect "peer: $mode" 0
    out_has "${mode#*:}"
    [ "$(grep -c '^    mica  *[0-9]' "$work/out")" -eq 2 ] || complain "mica has no times"
    grep -q '^    tokenizers [a-z_]*  *[0-9]' "$work/out" && complain "the peer has a time"
done
for mode in crash-late:"crashed (exit code 3)" hang-late:"no answer within 2 seconds" \
    garbage-late:"printed garbage: 'half an answ'" liar:"no time that can have passed"; do
    bench "${mode%%:*}"
    expect "peer: $mode" 0
    out_has "${mode#*:}"
    [ "$(grep -c '^    mica  *[0-9]' "$work/out")" -eq 2 ] || complain "mica has no times"
done
bench hang --format json
expect "a peer that hangs, as JSON" 0
out_has '"state":"failed"'
out_has '"ratio":null'
ps -A -o args | grep -v grep | grep -qF "sleep $PEER_SLEEP" && complain "a peer's child is left over"

run "$mica" bench tokenizers "$tokenizer" --text "$work/text" --rounds 1 --peer-python /no/python
expect "no such Python" 0
out_has "absent: its Python could not be started"
run "$mica" bench tokenizers "$tokenizer" --text "$work/text" --rounds 1 --peer-script /no/script
expect "no such script" 0
out_has "absent: there is no '/no/script'"
run "$mica" bench tokenizers "$tokenizer" --no-peer --output "$work/none/x.json"
expect "no such folder for the output" 3
err_has "cannot write"
out_empty
run "$mica" bench tokenizers --no-peer --rounds 1 --min-time 0
expect "the fixtures" 0
out_has "bert-base-uncased"
out_has "frankenstein.txt"
run "$mica" bench tokenizers "$work" --no-peer
expect "no tokenizer there" 3
run "$mica" bench tokenizers /no/where --no-peer
expect "no such place" 3
run "$mica" bench tokenizers "$tokenizer" --text /no/text --no-peer
expect "no such text" 3
mkdir "$work/bad"
echo '{' >"$work/bad/tokenizer.json"
run "$mica" bench tokenizers "$work/bad" "$tokenizer" --text "$work/text" --no-peer --rounds 1
expect "one that does not load" 1
err_has "left out"
out_has "bert-base-uncased"
run "$mica" bench
expect "which one" 2
run "$mica" bench tokenizer
expect "no such benchmark" 2
err_has "'tokenizer'"
finish
