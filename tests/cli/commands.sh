#!/bin/sh
# SPDX-License-Identifier: MIT
# Every command on good input: what it prints, in every format, and how it takes options.
. "$(dirname "$0")/support.sh"

run "$mica"
expect "no command" 2
err_has "usage: mica COMMAND"
run "$mica" --help
expect "help" 0
out_has "usage: mica COMMAND"
for command in embed similarity classify rerank fill-mask tag answer tokenize detokenize forward verify init bench profile pull list show rm \
    verify-cache doctor version; do
    run "$mica" $command --help
    expect "$command --help" 0
    out_has "usage: mica $command"
    out_has "example"
    out_has "mica $command"
    run "$mica" help $command
    expect "help $command" 0
    out_has "usage: mica $command"
    run "$mica" $command --no-such-option
    expect "$command with an unknown option" 2
    err_has "--no-such-option"
done
run "$mica" help help
expect "help help" 0
out_has "usage: mica COMMAND"
run "$mica" embed -V
expect "embed -V" 0
out_has "mica "
run "$mica" embde
expect "unknown command" 2
err_has "did you mean 'embed'"
run "$mica" embed "$model" x --formt json
expect "unknown option" 2
err_has "did you mean --format"
run "$mica" embed "$model" x --format xml
expect "unknown format" 2
err_has "'xml'"
run "$mica" embed "$model" x --threads 0
expect "number out of range" 2
err_has "1 to 1024"
run "$mica" embed "$model" x --threads
expect "option without value" 2
err_has "needs a value"
run "$mica" embed
expect "no model" 2
err_has "which model"

run "$mica" version
expect "version" 0
out_has "mica "
run "$mica" --version
expect "--version" 0
run "$mica" version --format json
expect "version as JSON" 0
out_has '{"version":"'
run "$mica" doctor
expect "doctor" 0
out_has "kernels"
out_has "threads"
run "$mica" doctor --format json
expect "doctor as JSON" 0
out_has '"kernels":'
run "$mica" doctor --ops
expect "doctor --ops" 0
out_has "layer_norm"
run "$mica" doctor --ops --format json
expect "doctor --ops as JSON" 0
out_has '{"name":"layer_norm","text":"'
run env MICA_CPU=c "$mica" doctor --format json
expect "doctor with MICA_CPU=c" 0
out_has '"kernels":"c"'
run env MICA_CPU=best "$mica" doctor
expect "doctor with a wrong MICA_CPU" 2
err_has "best"
run env MICA_THREADS=3 "$mica" doctor --format json
expect "doctor with MICA_THREADS" 0
out_has '"threads":3'
run env MICA_THREADS=many "$mica" doctor
expect "doctor with a wrong MICA_THREADS" 2
err_has "many"

run "$mica" embed "$model" "hello world" "" --format json
expect "embed as JSON" 0
out_has '"model":"'
out_has '"pooling":"mean","normalized":false,"data":[{"index":0,"tokens":4,"truncated":false,"embedding":['
out_has '{"index":1,"tokens":2,"truncated":false,"embedding":['
cp "$work/out" "$work/both"
run "$mica" embed "$model" "hello world" --format jsonl
expect "embed as JSON lines" 0
lines_are 1
grep -oE '"embedding":\[[^]]*\]' "$work/out" >"$work/one"
what="the same vector alone and beside another"
cases=$((cases + 1))
grep -oE '"embedding":\[[^]]*\]' "$work/both" | head -1 | cmp -s - "$work/one" || complain "differs"
run "$mica" embed "$model" "hello world" a b
expect "embed as text" 0
lines_are 3
what="24 numbers a line"
[ "$(awk 'NF != 24' "$work/out" | wc -l)" -eq 0 ] || complain "not so"
run "$mica" embed "$model" "hello world" --normalize --format json
expect "--normalize" 0
out_has '"normalized":true'
awk -F'"embedding":\\[' '{ n = split($2, x, /[],]/); for (i = 1; i <= 24; i++) s += x[i] * x[i] }
    END { exit !(s > 0.99999 && s < 1.00001) }' "$work/out" || complain "length is not 1"
run "$mica" embed "$model" "hello world" --pooling cls+max --dimensions 5 --format json
expect "--pooling and --dimensions" 0
out_has '"pooling":"cls+max"'
[ "$(grep -o , "$work/out" | wc -l)" -eq 10 ] || complain "not 5 numbers"
run "$mica" embed "$model" x --pooling median
expect "unknown pooling" 2
err_has "median"
run "$mica" embed "$model" x --prompt-name greeting
expect "unknown prompt" 2
err_has "greeting"
run "$mica" embed "$model" x --normalize --no-normalize
expect "options that exclude each other" 2
run "$mica" embed "$model" -- --format
expect "a text that looks like an option" 0
lines_are 1

run "$mica" similarity "$model" "hello" "hello" "world" --format json
expect "similarity as JSON" 0
awk -F'[][,]+' '{ exit !($2 > 0.999999 && $3 > 0.999999 && $4 < 0.999) }' "$work/out" ||
    complain "not the matrix"
run "$mica" similarity "$model" "hello" "world"
expect "similarity as text" 0
lines_are 3
out_has "1.0000"

run "$mica" tokenize "$model" "hello world" --format json
expect "tokenize as JSON" 0
out_has '"tokens":["[CLS]","hello","world","[SEP]"],"offsets":[[0,0],[0,5],[6,11],[0,0]]}'
ids=$(sed 's/.*"ids":\[\([^]]*\).*/\1/; s/,/ /g' "$work/out")
run "$mica" detokenize "$model" $ids
expect "detokenize" 0
out_is "[CLS] hello world [SEP]"
run "$mica" detokenize "$model" $ids --skip-special-tokens --format json
expect "detokenize as JSON" 0
out_is '"hello world"'
code=0
echo $ids | "$mica" detokenize "$model" - >"$work/out" 2>"$work/err" || code=$?
expect "detokenize from standard input" 0
out_is "[CLS] hello world [SEP]"
code=0
echo "[$ids]" | sed 's/ /, /g' | "$mica" detokenize "$model" >"$work/out" 2>"$work/err" || code=$?
expect "detokenize a JSON list" 0
out_is "[CLS] hello world [SEP]"
run "$mica" detokenize "$model" 5 x
expect "detokenize what is no id" 2
err_has "'x'"
run "$mica" detokenize "$model" 100000000
expect "detokenize an id that is none" 2
err_has "100000000"
run "$mica" tokenize "$model/tokenizer.json" "hello" "world" --format json
expect "tokenize with a tokenizer.json, two texts" 0
out_has '[{"ids"'
run "$mica" tokenize "$model" "hello" "world" --format jsonl
expect "tokenize as JSON lines" 0
lines_are 2
run "$mica" tokenize "$model" "hello world hello" --max-length 4 --all --format json
expect "tokenize with a limit" 0
out_has '"truncated":true'
run "$mica" tokenize "$model" "hello world" --max-length 3 --truncation-side left --format json
expect "tokenize with the start cut" 0
out_has '"tokens":["[CLS]","world","[SEP]"]'
run "$mica" tokenize "$model" "hello world" --no-special-tokens --format json
expect "tokenize without special tokens" 0
out_has '"tokens":["hello","world"],"offsets":[[0,5],[6,11]]}'
run "$mica" tokenize "$model" "hello world hello" --pair "world" --max-length 5 --truncation only_first --format json
expect "tokenize a pair, the first text cut" 0
out_has '"tokens":["[CLS]","hello","[SEP]","world","[SEP]"]'
run "$mica" tokenize "$model" "hello" --pair "world" --all --format json
expect "tokenize a pair" 0
out_has '"type_ids":[0,0,0,1,1]'

printf '{"input_ids": [[1, 2, 3], [4]], "attention_mask": [[1, 1, 0], [1]], "token_type_ids": [[0, 1, 1], [0]]}' \
    >"$work/in.json"
run "$mica" forward "$model" --input "$work/in.json" -o "$work/out.safetensors" --hidden-states
expect "forward" 0
out_has "last_hidden_state"
out_has "[2, 3, 24]"
out_has "hidden_states.2"
[ -s "$work/out.safetensors" ] || complain "no file"
code=0
"$mica" forward "$model" -i - -o "$work/again.safetensors" --hidden-states --threads 1 --batch-tokens 1 \
    <"$work/in.json" >"$work/out" 2>"$work/err" || code=$?
expect "forward from standard input, otherwise cut" 0
cmp -s "$work/out.safetensors" "$work/again.safetensors" || complain "other bytes"
run "$mica" verify "$models/bert-base" --reference "$models/bert-base/reference.safetensors"
expect "verify" 0
out_has "last_hidden_state"
out_has "ok"
run "$mica" verify "$models/bert-base" --reference "$models/bert-base/reference.safetensors" \
    --tolerance 1e-12 --format json
expect "verify more strictly than float32 allows" 9
out_has '"ok":false'
run "$mica" verify "$models/bert-base" --reference "$models/bert-base/reference.safetensors" --tolerance 0
expect "verify to the last bit" 9
err_has "differs"
run "$mica" verify "$models/bert-base" --reference "$model/model.safetensors"
expect "verify with a file that holds no outputs" 3

run "$mica" init "$model" -o "$work/random" --seed 7
expect "init" 0
run "$mica" init "$model" -o "$work/random1" --seed 7 --format json
expect "init as JSON" 0
out_has '"seed":7}'
run "$mica" embed "$work/random" "hello world"
expect "embed with random weights" 0
lines_are 1
run "$mica" init "$model" -o "$work/random" --seed 8
expect "init does not overwrite" 2
err_has "model.safetensors"
run "$mica" init "$model/config.json" -o "$work/random2" --seed 7
expect "init again" 0
cmp -s "$work/random/model.safetensors" "$work/random2/model.safetensors" || complain "other bytes"
run "$mica" init "$model" -o "$work/random" --seed 8 --force
expect "init --force" 0
cmp -s "$work/random/model.safetensors" "$work/random2/model.safetensors" && complain "same bytes"
finish
