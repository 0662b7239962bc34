#!/bin/sh
# SPDX-License-Identifier: MIT
# `mica profile`: every step once, sums that add up, its three formats, and wrong input.
. "$(dirname "$0")/support.sh"

make_bert base BertModel ''

run "$mica" profile "$work/base" --tokens 10 --batch 3 --runs 2 --threads 1
expect "random ids" 0
out_has "bert, 2 layers, f32; 3 sequences, 30 tokens; 1 thread, "
out_has "peak: "
out_has "outside products: "
out_has "ms when steps are not measured"
out_has "fused_linear + gelu  intermediate.dense  [30 x 32 x 16]"
out_has "attention.self.query+key+value  [30 x 48 x 16]"
[ "$(grep -c '| encoder.layer.[01]$' "$work/out")" -eq 2 ] || complain "not two layers"
[ "$(grep -cE '\| (products|rest)$' "$work/out")" -eq 2 ] || complain "products and the rest are not there"

run "$mica" profile "$work/base" --tokens 10 --batch 3 --runs 3 --format json
expect "as JSON" 0
lines_are 1
for part in '"schema":1' '"model_type":"bert"' '"input":"ids","sequences":3,"tokens":30,"dtype":"f32"' '"peaks":{"flops":' \
    '"outside_steps":' '"alone":' '"processor_seconds":' '"plain_fastest":' '"outside_products":' '"value_bytes":' '{"part":"products","steps":9,' '{"layer":"encoder.layer.1","steps":5,' \
    '"op":"fused_linear","activation":"gelu","weights":"intermediate.dense"' '"shape":[30,32,16]'; do
    out_has "$part"
done
# Multiplications and additions of the products of two layers, of attention over 3 x 10 x 10 pairs, and the pooler's.
layer=$((2 * 30 * 16 * (3 * 16 + 16 + 2 * 32) + 4 * 3 * 10 * 10 * 16))
flops=$(sed 's/.*"steps":\[{//' "$work/out" | grep -oE '"flops":[0-9]+' | cut -d: -f2 | awk '{ sum += $1 } END { print sum }')
[ "$flops" -eq $((2 * layer + 2 * 3 * 16 * 16)) ] || complain "the steps have $flops multiplications and additions"
sed 's/.*"total":{//; s/}.*//; s/[",]/ /g' "$work/out" | awk '{ for (i = 1; i < NF; i++) v[$i] = substr($(i + 1), 2) + 0 }
    END { exit !(v["step_seconds"] > 0 && v["step_seconds"] <= v["program_seconds"] && v["program_seconds"] <= v["seconds"]) }' ||
    complain "the steps take longer than the call"
grep -qF '"activation":null' "$work/out" || complain "no operation without an activation"

run "$mica" profile "$work/base" --tokens 10 --batch 3 --runs 1 --batch-tokens 10 --format jsonl
expect "in three batches" 0
out_has '"programs":3'
out_has '{"layer":"encoder.layer.1","steps":15,'
run "$mica" profile "$work/base" "hello world" "two" --runs 1 --dtype int8 --format json
expect "texts, in 8 bits" 0
out_has '"input":"texts","sequences":2,"tokens":7,"dtype":"int8"'
out_has '"precision":"int8"'
run "$mica" profile "$model" --runs 1
expect "a model with a short table of positions" 0
out_has "1 sequence, 32 tokens"

run "$mica" profile
expect "no model" 2
err_has "which model"
run "$mica" profile "$work/base" "a text" --tokens 3
expect "a text and ids" 2
err_has "--tokens is for random ids"
run "$mica" profile "$work/base" "a text" --batch 3
expect "a text and a batch" 2
err_has "--batch is for random ids"
run "$mica" profile "$work/base" --tokens 65
expect "more tokens than the model takes" 1
err_has "the model takes at most 64"
out_empty
run "$mica" profile "$work/base" --tokens 0
expect "no tokens" 2
run "$mica" profile "$work/base" --format csv
expect "no such format" 2
run "$mica" profile "$work/none" --runs 1
expect "no such model" 3
run "$mica" profile "$work/base" "$(printf 'bad \377')" --runs 1
expect "a text that is no UTF-8" 1
out_empty
finish
